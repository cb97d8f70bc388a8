"""Where a round stands, in one word that says what a staker can do or waits for."""

from enum import StrEnum
from typing import Final

from scorer.chain.contracts import RoundRecord, RoundState


class Phase(StrEnum):
    """A round's state, told apart by the time where the contract's word says too little."""

    ANNOUNCED = "announced"
    """It opens later."""
    OPEN = "open"
    """It takes submissions."""
    LOCKING = "locking"
    """Submissions are closed; the operator locks stakes."""
    UNSEALED = "unsealed"
    """It was not sealed in time: anybody can void it, and what was locked returns whole."""
    SEALED = "sealed"
    """Stakes are at risk until the outcome is known."""
    SCORING = "scoring"
    """The outcome is known, and the committee reports."""
    OVERDUE = "overdue"
    """The deadline passed without a settlement."""
    SETTLING = "settling"
    """The report is taken, and positions come back."""
    SETTLED = "settled"
    VOIDED = "voided"
    """Given up: every position returns whole."""


_BY_STATE: Final = {
    RoundState.SETTLING: Phase.SETTLING,
    RoundState.SETTLED: Phase.SETTLED,
    RoundState.VOIDED: Phase.VOIDED,
}


def phase_of(record: RoundRecord, now: int) -> Phase:
    """The phase of a round at a time, Unix seconds by the chain's clock."""
    if record.state in _BY_STATE:
        return _BY_STATE[record.state]
    if record.state == RoundState.SEALED:
        if now < record.resolve_at:
            return Phase.SEALED
        return Phase.SCORING if now < record.deadline else Phase.OVERDUE
    if now < record.close_at:
        return Phase.ANNOUNCED if now < record.open_at else Phase.OPEN
    return Phase.LOCKING if now < record.lock_until else Phase.UNSEALED
