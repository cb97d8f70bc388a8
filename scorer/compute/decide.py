"""Decides what is left to do for each open round and model: data in, actions out, without clock or files.

Level-triggered: whatever was missed, the next decision sees it. Times are the chain's, seconds since the
epoch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from scorer.compute.job import RunOutcome

LONGEST_PAUSE: Final = 1_800
"""Most seconds between two tries."""
SHARE_OF_TIME: Final = 8
"""A pause is this part of the time left at most: there are always some tries before the close."""


class ModelVariant(StrEnum):
    """The version of a model that is run.

    ``current`` is the code as it is now; ``last-good`` the code that last gave valid predictions; ``repeat``
    is no run, but the predictions of the last round, where the new round takes them. The last two are stale.
    """

    CURRENT = "current"
    LAST_GOOD = "last-good"
    REPEAT = "repeat"

    @property
    def is_stale(self) -> bool:
        """True where the predictions are not those of the model as it is now."""
        return self is not ModelVariant.CURRENT


@dataclass(frozen=True)
class TakingRound:
    """A round that takes submissions in the finalised block.

    Attributes
    ----------
    is_ready
        Whether its inputs are here, and are what the chain committed to.
    """

    tournament: str
    round_id: int
    open_at: int
    close_at: int
    is_ready: bool = True


@dataclass(frozen=True)
class ModelView:
    """A model, as far as decisions go.

    Attributes
    ----------
    code
        The digest of its code, and of what it runs with.
    last_good
        The digest of the code that last gave valid predictions; None before.
    can_repeat
        Whether predictions of an earlier round are kept.
    seconds
        The time that a run may take.
    is_readable
        Whether its folder is as it should be: only older versions can be run otherwise.
    """

    model_id: int
    code: str
    last_good: str | None = None
    can_repeat: bool = False
    seconds: int = 3_600
    is_readable: bool = True


@dataclass(frozen=True)
class RunAttempt:
    """One try for a round and a model.

    Attributes
    ----------
    code
        The digest of the code that it ran.
    outcome
        None while it runs.
    ended_at
        When it ended; None while it runs.
    """

    number: int
    variant: ModelVariant
    code: str
    outcome: RunOutcome | None = None
    ended_at: int | None = None


@dataclass(frozen=True)
class ModelProgress:
    """The work done for one round and model.

    Attributes
    ----------
    is_signed
        Whether a submission is signed and kept: those bytes are handed in, and no others.
    is_delivered
        Whether it was handed in, and accepted where that is known.
    deliveries
        How often it was tried in vain, and when last.
    """

    attempts: tuple[RunAttempt, ...] = ()
    is_signed: bool = False
    is_delivered: bool = False
    deliveries: int = 0
    tried_at: int = 0

    @property
    def running(self) -> RunAttempt | None:
        """The attempt that runs."""
        return next((each for each in self.attempts if each.outcome is None), None)

    @property
    def good(self) -> RunAttempt | None:
        """The last attempt with valid predictions."""
        return next((each for each in reversed(self.attempts) if each.outcome is RunOutcome.GOOD), None)

    def faults(self, variant: ModelVariant, code: str) -> list[RunAttempt]:
        """Return the attempts of some code that failed by its own fault."""
        ended = (each for each in self.attempts if (each.variant, each.code) == (variant, code))
        return [each for each in ended if each.outcome is not None and each.outcome.is_fault_of_model]


@dataclass(frozen=True)
class NodePolicy:
    """The bounds within which a node works.

    Attributes
    ----------
    concurrent
        Runs at once.
    margin
        Seconds before the close by which a run must end, for its predictions to be handed in.
    reserve
        Seconds before the close from which the last good model is run in place of one that failed; a quarter
        of the round where that is less.
    alert
        Seconds before the close from which a human is called for a model without a submission; half of the
        round where that is less.
    attempts
        Failures of a model after which the last good one is run.
    pause
        Seconds before a second try; twice as long before each further one.
    """

    concurrent: int = 2
    margin: int = 60
    reserve: int = 1_800
    alert: int = 3_600
    attempts: int = 3
    pause: int = 30

    def reserve_of(self, record: TakingRound) -> int:
        """Return the reserve in a round."""
        return min(self.reserve, (record.close_at - record.open_at) // 4)

    def alert_of(self, record: TakingRound) -> int:
        """Return the time of the alert in a round."""
        return min(self.alert, (record.close_at - record.open_at) // 2)

    def margin_of(self, record: TakingRound) -> int:
        """Return the margin in a round: a tenth of it where that is less."""
        return min(self.margin, (record.close_at - record.open_at) // 10)


@dataclass(frozen=True)
class Start:
    """Run a variant of a model, for at most some seconds."""

    round: TakingRound
    model_id: int
    number: int
    variant: ModelVariant
    code: str
    seconds: int


@dataclass(frozen=True)
class SignPredictions:
    """Check, encrypt and sign the predictions of an attempt."""

    round: TakingRound
    model_id: int
    number: int


@dataclass(frozen=True)
class Deliver:
    """Hand in what was signed."""

    round: TakingRound
    model_id: int


@dataclass(frozen=True)
class Alert:
    """Call a human: the close is near, and there is no submission."""

    round: TakingRound
    model_id: int
    left: int
    why: str


@dataclass(frozen=True)
class LeaveForNow:
    """Do nothing for now."""

    round: TakingRound
    model_id: int
    why: str


Action = Start | SignPredictions | Deliver | Alert | LeaveForNow
Key = tuple[str, int, int]
"""Tournament, round and model: what is done once."""


def decide(
    rounds: Sequence[TakingRound],
    models: Sequence[ModelView],
    journal: Mapping[Key, ModelProgress],
    policy: NodePolicy,
    now: int,
) -> list[Action]:
    """Return what is to be done now, what closes first coming first.

    Parameters
    ----------
    journal
        What was done; nothing for what is missing in it.
    now
        The chain's time.
    """
    free = policy.concurrent - sum(progress.running is not None for progress in journal.values())
    actions: list[Action] = []
    starts: list[Start] = []
    taking = (each for each in rounds if each.open_at <= now < each.close_at)
    for record in sorted(taking, key=lambda each: (each.close_at, each.round_id)):
        for model in sorted(models, key=lambda each: each.model_id):
            progress = journal.get((record.tournament, record.round_id, model.model_id), ModelProgress())
            for action in _for_one(record, model, progress, policy, now):
                if isinstance(action, Start):
                    starts.append(action)
                else:
                    actions.append(action)
    # A model that fails again and again does not keep others waiting that were not tried yet.
    starts.sort(key=lambda each: (each.round.close_at, each.number))
    waits = (LeaveForNow(each.round, each.model_id, "others run") for each in starts[max(free, 0) :])
    return [*actions, *starts[: max(free, 0)], *waits]


def _for_one(
    record: TakingRound, model: ModelView, progress: ModelProgress, policy: NodePolicy, now: int
) -> Iterator[Action]:
    """Yield the actions for one round and model: at most one thing to do, and an alert."""
    if progress.is_delivered:
        return
    step = _step(record, model, progress, policy, now)
    left = record.close_at - now
    if left <= policy.alert_of(record):
        yield Alert(record, model.model_id, left, _worded(step, progress))
    yield step


def _step(
    record: TakingRound, model: ModelView, progress: ModelProgress, policy: NodePolicy, now: int
) -> Start | SignPredictions | Deliver | LeaveForNow:
    number = model.model_id
    if progress.is_signed:
        due = progress.tried_at + _pause(progress.deliveries, policy, record.close_at - now)
        return Deliver(record, number) if now >= due else LeaveForNow(record, number, "handed in again soon")
    if progress.good is not None:
        return SignPredictions(record, number, progress.good.number)
    if progress.running is not None:
        return LeaveForNow(record, number, "runs")
    if not record.is_ready:
        return LeaveForNow(record, number, "its inputs are not here")
    return _start(record, model, progress, policy, now)


def _start(
    record: TakingRound, model: ModelView, progress: ModelProgress, policy: NodePolicy, now: int
) -> Start | LeaveForNow:
    variant = _variant(record, model, progress, policy, now)
    code = model.last_good if variant is ModelVariant.LAST_GOOD and model.last_good else model.code
    faults = progress.faults(variant, code)
    if now < _due(progress, faults, policy, record.close_at - now):
        return LeaveForNow(record, model.model_id, "tried again soon")
    if variant is ModelVariant.CURRENT and not model.is_readable:
        return LeaveForNow(record, model.model_id, "its folder cannot be read")
    seconds = min(model.seconds, _time_left(record, model, progress, policy, now, variant))
    if seconds < 1:
        return LeaveForNow(record, model.model_id, "no time is left for a run")
    return Start(record, model.model_id, len(progress.attempts) + 1, variant, code, seconds)


def _due(progress: ModelProgress, faults: Sequence[RunAttempt], policy: NodePolicy, left: int) -> int:
    """Return from when on a model may be tried again: at once where it was no fault of its own."""
    if faults:
        return (faults[-1].ended_at or 0) + _pause(len(faults), policy, left)
    last = progress.attempts[-1:]
    is_machine = bool(last) and last[0].outcome is RunOutcome.UNAVAILABLE
    return (last[0].ended_at or 0) + policy.pause if is_machine else 0


def _pause(count: int, policy: NodePolicy, left: int) -> int:
    """Return the seconds before a try after so many in vain: fewer, the less time is left."""
    doubled = policy.pause * 2 ** min(count - 1, 20) if count else 0
    return int(min(doubled, LONGEST_PAUSE, left // SHARE_OF_TIME))


def _variant(
    record: TakingRound, model: ModelView, progress: ModelProgress, policy: NodePolicy, now: int
) -> ModelVariant:
    """Return what to run: another version only of a model that failed, and only once time or tries are up."""
    failed = len(progress.faults(ModelVariant.CURRENT, model.code))
    is_late = record.close_at - now <= policy.reserve_of(record) + policy.margin_of(record)
    if model.is_readable and (not failed or (failed < policy.attempts and not is_late)):
        return ModelVariant.CURRENT
    for variant in _fallbacks(model, progress):
        return variant
    return ModelVariant.CURRENT


def _fallbacks(model: ModelView, progress: ModelProgress) -> Iterator[ModelVariant]:
    """Yield the older versions of a model that did not fail in this round."""
    last = model.last_good
    if last is not None and last != model.code and not progress.faults(ModelVariant.LAST_GOOD, last):
        yield ModelVariant.LAST_GOOD
    if model.can_repeat and not progress.faults(ModelVariant.REPEAT, model.code):
        yield ModelVariant.REPEAT


def _time_left(
    record: TakingRound,
    model: ModelView,
    progress: ModelProgress,
    policy: NodePolicy,
    now: int,
    variant: ModelVariant,
) -> int:
    """Return the seconds that a run may take; older code keeps its time, unless that has begun.

    Earlier predictions are at hand: they need no time kept, and the margin is theirs.
    """
    if variant is ModelVariant.REPEAT:
        return record.close_at - now
    left = record.close_at - policy.margin_of(record) - now
    kept = policy.reserve_of(record)
    others = _fallbacks(model, progress) if variant is ModelVariant.CURRENT else ()
    has_other = ModelVariant.LAST_GOOD in others
    return left - kept if has_other and left > kept else left


def _worded(step: Action, progress: ModelProgress) -> str:
    """Return in words how far a model is."""
    last = progress.attempts[-1].outcome if progress.attempts else None
    failed = f"; the last run: {last.value}" if last is not None and last is not RunOutcome.GOOD else ""
    words = {Start: "it is run now", SignPredictions: "it is signed now", Deliver: "it is handed in now"}
    return f"{step.why if isinstance(step, LeaveForNow) else words[type(step)]}{failed}"
