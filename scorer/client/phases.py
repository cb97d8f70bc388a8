"""The phase of a round: one word that says what a staker can do or waits for."""

from enum import StrEnum
from typing import Final

from scorer.chain.records import RoundRecord, RoundState


class Phase(StrEnum):
    """The phases of a round: the contract's states, divided by time where one of them covers several."""

    ANNOUNCED = "announced"
    """The round opens later."""
    OPEN = "open"
    """The round takes submissions."""
    LOCKING = "locking"
    """Submissions are closed; the operator locks stakes."""
    LOCKED = "locked"
    """All stakes are locked; the committee judges submissions, and seals the round."""
    UNSEALED = "unsealed"
    """The round was not sealed in time: anybody can void it, and every position returns whole."""
    SEALED = "sealed"
    """Stakes are at risk until the outcome is known."""
    SCORING = "scoring"
    """The outcome is known, and the committee votes on its report."""
    OVERDUE = "overdue"
    """The deadline passed without a settlement."""
    SETTLING = "settling"
    """The report is final, and positions come back chunk by chunk."""
    SETTLED = "settled"
    VOIDED = "voided"
    """The round was given up: every position returns whole."""


_BY_STATE: Final = {
    RoundState.SETTLING: Phase.SETTLING,
    RoundState.SETTLED: Phase.SETTLED,
    RoundState.VOIDED: Phase.VOIDED,
}


def phase_of(record: RoundRecord, now: int) -> Phase:
    """Return the phase of a round at chain time `now`, seconds since the epoch."""
    if record.state in _BY_STATE:
        return _BY_STATE[record.state]
    if record.state == RoundState.SEALED:
        if now < record.resolve_at:
            return Phase.SEALED
        return Phase.SCORING if now < record.deadline else Phase.OVERDUE
    if now < record.close_at:
        return Phase.ANNOUNCED if now < record.open_at else Phase.OPEN
    if now >= record.lock_until:
        return Phase.UNSEALED
    return Phase.LOCKING if record.is_lockable else Phase.LOCKED


def not_settled_yet(latest: RoundRecord, now: int) -> str:
    """Say how far a round is that is not settled at the newest final block, and what to do.

    Parameters
    ----------
    latest
        The round at the newest block, final or not.
    now
        The time of that block, seconds since the epoch.
    """
    if latest.state == RoundState.NONE:
        return "never opened"
    if latest.state == RoundState.SETTLED:
        return "settled in a block that is not final yet; run this again once it is (cupel rounds shows it)"
    return f"{phase_of(latest, now)}; cupel rounds shows when it is settled"
