"""Selects each model's submission: the latest valid one in the window; a late one without its stake."""

from collections.abc import Iterable
from dataclasses import dataclass

from scorer.protocol.submissions import Submission, Submissions


@dataclass(frozen=True)
class Arrival:
    """A valid, signed submission, and when it was received, in Unix seconds by the operator's clock."""

    received_at: int
    submission: Submission


@dataclass(frozen=True)
class Selection:
    """A round's submissions.

    Attributes
    ----------
    submissions
        One a model: all of these are committed to and scored.
    staked
        The models whose stake is locked. The others' submissions are late: scored, but not staked.
    """

    submissions: Submissions
    staked: frozenset[int]

    @property
    def late(self) -> frozenset[int]:
        """The models that submitted too late for their stake."""
        return frozenset(self.submissions.model_ids) - self.staked


def select(
    universe: tuple[str, ...], arrivals: Iterable[Arrival], *, open_at: int, close_at: int, until: int
) -> Selection:
    """Choose the submission of every model.

    Of those received in the window, the latest counts, and of two in the same second the one that comes later
    in `arrivals`. A model without one is scored by its first submission after the window, which nobody can
    improve on with what happened since, and is not staked.

    Parameters
    ----------
    open_at, close_at
        The window: from the first on, and before the second.
    until
        Nothing received from here on counts.
    """
    on_time: dict[int, Submission] = {}
    late: dict[int, Submission] = {}
    # Python's sort is stable: of two in the same second, the later one of `arrivals` stays the later one.
    for arrival in sorted(arrivals, key=lambda arrival: arrival.received_at):
        model = arrival.submission.model_id
        if open_at <= arrival.received_at < close_at:
            on_time[model] = arrival.submission
        elif close_at <= arrival.received_at < until:
            late.setdefault(model, arrival.submission)
    # On time goes before late.
    chosen = late | on_time
    entries = tuple(chosen[model] for model in sorted(chosen))
    return Selection(Submissions(universe, entries), frozenset(on_time))
