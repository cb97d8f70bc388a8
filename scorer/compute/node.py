"""A node that runs models: observes the chain, decides, and does what is left to do, cycle after cycle."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from web3.exceptions import Web3Exception

from scorer.chain.records import RoundRecord
from scorer.compute.decide import (
    Action,
    Alert,
    Deliver,
    Key,
    LeaveForNow,
    ModelProgress,
    ModelView,
    SignPredictions,
    Start,
    TakingRound,
    decide,
)
from scorer.compute.inputs import Inputs, prepare_inputs
from scorer.compute.live import pull_data
from scorer.compute.node_metrics import ComputeMetrics
from scorer.compute.observation import ChainSnapshot, observed
from scorer.compute.rounds import RoundTermsHere
from scorer.compute.runs import Runs
from scorer.compute.submitting import Submitting
from scorer.daemon.node_context import NodeContext
from scorer.daemon.site import Site
from scorer.errors import CupelError
from scorer.logs import get_logger
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.failures import apart, in_words

SHOWN: Final = 10
"""Models that an alarm names at most."""
EARLY: Final = 0.9
"""The part of an interval after which the chain is looked at again; runs that end wake the node earlier."""
PULL_PAUSE: Final = 30.0
"""Seconds between two looks at the data set's versions."""


@dataclass
class ComputeNode:
    """The models of one configuration in one tournament.

    Attributes
    ----------
    runs, submitting
        The first runs models and keeps their records; the second signs and hands in.
    rehearsals
        Runs models that were never good on a round that is over, while none is open.
    missing
        Submissions that open rounds still lacked at the end of the last cycle.
    """

    context: NodeContext
    site: Site
    runs: Runs
    rehearsals: Runs
    submitting: Submitting
    metrics: ComputeMetrics
    interval: float
    missing: int = 0
    _is_asked: bool = False
    _seen: ChainSnapshot | None = None
    _inputs: dict[int, Inputs] = field(default_factory=dict)
    _watched: dict[int, RoundRecord] = field(default_factory=dict)
    _pulled_at: float = float("-inf")

    def cycle(self) -> Mapping[str, Any]:
        """Run one cycle; return its line for the log."""
        self.submitting.begin_cycle()
        self._observe()
        if self._seen is None:
            return {"rounds": "none was seen yet"}
        self.runs.collect(self._now)
        self.rehearsals.collect(self._now)
        rounds, models = self._rounds(self._seen), self.runs.models()
        actions = self._decided(rounds, models)
        for action in actions:
            with apart(_named(action), self.context.alarms.call):
                self._act(action)
        self._alert([action for action in actions if isinstance(action, Alert)])
        if not rounds:
            with apart("a rehearsal", self.context.alarms.call):
                self._rehearse(self._seen, models)
        self._report(rounds)
        return {
            "block": self._seen.block,
            "steps": [_named(a) for a in actions if not isinstance(a, Alert | LeaveForNow)],
        }

    def _decided(self, rounds: Sequence[TakingRound], models: Sequence[ModelView]) -> list[Action]:
        """Return what is left to do; before a model runs, it is looked for in the round.

        Only then: a node that starts with many models does not ask about all of them before the first runs.
        """
        journal = self.runs.progress(self.site.tournament, rounds)
        actions = decide(rounds, models, journal, self.runs.policy, self._now())
        starts = (action for action in actions if isinstance(action, Start))
        keys = [(start.round.tournament, start.round.round_id, start.model_id) for start in starts]
        starting = {key: journal.get(key, ModelProgress()) for key in keys}
        if not self.submitting.find_earlier(starting, self._now()):
            return actions
        journal = self.runs.progress(self.site.tournament, rounds)
        return decide(rounds, models, journal, self.runs.policy, self._now())

    def look(self) -> None:
        """Look at the chain in the next cycle, however short ago the last look was."""
        self._is_asked = True

    def recover(self) -> None:
        """Note what the node before left unfinished; called once, before the first cycle."""
        self.runs.recover(self.site.tournament)
        self.rehearsals.recover(self.site.tournament)

    def _now(self) -> int:
        return 0 if self._seen is None else self._seen.now()

    def _observe(self) -> None:
        """Look at the chain; where it cannot be seen, what was seen last holds, and time goes on."""
        seen = self._seen
        is_early = seen is not None and time.monotonic() - seen.seen_at < EARLY * self.interval
        if is_early and not self._is_asked:
            return
        self._is_asked = False
        with self.context.apart(self.site), self.context.cycle() as cycle:
            self._seen = observed(cycle.pinned, self.site.checked(cycle.pinned))

    def _here(self, round_id: int) -> RoundTermsHere | None:
        return self.submitting.terms.known(round_id)

    def _rounds(self, seen: ChainSnapshot) -> list[TakingRound]:
        """Return the open rounds, with whether their inputs are ready."""
        taking = {each.round_id: each for each in seen.open() if each.open_at <= seen.now() < each.close_at}
        self._watched |= taking
        self._inputs = {number: each for number, each in self._inputs.items() if number in taking}
        self.submitting.terms.forget(taking)
        return [self._round(seen, each) for each in taking.values()]

    def _round(self, seen: ChainSnapshot, record: RoundRecord) -> TakingRound:
        if record.round_id not in self._inputs:
            try:
                self._prepare(seen, record)
            except (CupelError, OSError, Web3Exception) as error:
                text = f"round {record.round_id}: {in_words(error)}"
                self.context.alarms.call(AlarmReason.INPUTS_MISSING, text)
        times = (record.round_id, record.open_at, record.close_at)
        return TakingRound(self.site.tournament, *times, is_ready=record.round_id in self._inputs)

    def _prepare(self, seen: ChainSnapshot, record: RoundRecord) -> None:
        """Read a round's terms, and put its inputs together."""
        here = self.submitting.terms.terms(seen.suite, record, seen.block)
        self._inputs[record.round_id] = prepare_inputs(here, self.runs.config.root / "inputs", self._data())

    def _data(self) -> Path | None:
        """Return the folder of the data set's versions, with what was published meanwhile."""
        rounds = self.runs.config.rounds
        if rounds.data is None or rounds.signer is None:
            return None
        folder = self.runs.config.root / "data"
        if time.monotonic() - self._pulled_at > PULL_PAUSE:
            self._pulled_at = time.monotonic()
            pull_data(rounds.data, rounds.signer, folder)
        return folder

    def _act(self, action: Action) -> None:
        match action:
            case Start():
                here = self._here(action.round.round_id)
                if here is not None:
                    self.runs.start(action, here, self._inputs[action.round.round_id], self._now())
            case SignPredictions():
                self.submitting.sign(action, self._now())
            case Deliver():
                self.submitting.deliver(action, self._now())
            case Alert() | LeaveForNow():
                pass

    def _alert(self, alerts: Sequence[Alert]) -> None:
        """Call a human once for each round that closes soon, whatever models it lacks."""
        for round_id in sorted({alert.round.round_id for alert in alerts}):
            own = [alert for alert in alerts if alert.round.round_id == round_id]
            models = "; ".join(f"model {alert.model_id}: {alert.why}" for alert in own[:SHOWN])
            more = f"; and {len(own) - SHOWN} more" if len(own) > SHOWN else ""
            text = f"round {round_id}: {own[0].left} s left, {len(own)} models without: {models}{more}"
            self.context.alarms.call(AlarmReason.NO_SUBMISSION, text)

    def _rehearse(self, seen: ChainSnapshot, models: Sequence[ModelView]) -> None:
        """Run what was never good on the newest round that is over, once, before a real one opens."""
        new = [model for model in models if model.last_good != model.code]
        over = [each for each in seen.rounds.values() if each.close_at <= seen.now()]
        if not new or not over:
            return
        record = over[-1]
        seconds = 2 * max(model.seconds for model in new)
        times = (record.round_id, self._now(), self._now() + seconds)
        unreal = TakingRound(self.site.tournament, *times)
        done = self.rehearsals.progress(self.site.tournament, [unreal])
        left = [model for model in new if not _was_tried(model, done, unreal)]
        if not left:
            return
        try:
            here = self.submitting.terms.terms(seen.suite, record, seen.block)
            inputs = prepare_inputs(here, self.runs.config.root / "inputs", self._data())
        except (CupelError, OSError):
            return  # what is over need not be here any more
        for action in decide([unreal], left, done, self.runs.policy, self._now()):
            if isinstance(action, Start):
                self.rehearsals.start(action, here, inputs, self._now())

    def _report(self, rounds: Sequence[TakingRound]) -> None:
        """Measure what is missing, and call a human for rounds that closed without a submission."""
        done = self.runs.progress(self.site.tournament, rounds)
        numbers = [section.model for section in self.runs.config.models]
        missing = [
            record.close_at
            for record in rounds
            for number in numbers
            if not done.get((record.tournament, record.round_id, number), ModelProgress()).is_delivered
        ]
        now = self._now()
        self.missing = len(missing)
        self.metrics.missing.set(self.missing)
        self.metrics.time_left.set(min(missing) - now if missing else -1)
        self.metrics.running.set(sum(progress.running is not None for progress in done.values()))
        for number, record in list(self._watched.items()):
            if now >= record.close_at:
                del self._watched[number]
                self._report_closed(number, numbers)

    def _report_closed(self, round_id: int, models: Sequence[int]) -> None:
        for model in models:
            if self.runs.journal.of(self.site.tournament, round_id, model).delivered() is None:
                text = f"round {round_id} closed without a submission of model {model}"
                self.context.alarms.call(AlarmReason.MISSED_ROUND, text)
        get_logger().info("closed", round=round_id)
        self.runs.tidy(self.site.tournament, set(self._inputs))


def _was_tried(model: ModelView, done: Mapping[Key, ModelProgress], record: TakingRound) -> bool:
    progress = done.get((record.tournament, record.round_id, model.model_id), ModelProgress())
    return any(attempt.code == model.code for attempt in progress.attempts)


def _named(action: Action) -> str:
    """Return an action in words."""
    place = _place(action)
    match action:
        case Start():
            return f"{place}: run {action.number}, {action.variant.value}, of at most {action.seconds} s"
        case SignPredictions():
            return f"{place}: sign the predictions of run {action.number}"
        case Deliver():
            return f"{place}: hand in"
        case Alert() | LeaveForNow():
            return f"{place}: {action.why}"


def _place(action: Action) -> str:
    return f"round {action.round.round_id}, model {action.model_id}"
