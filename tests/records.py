"""A round as plain data."""

from dataclasses import replace

from scorer.chain.records import RoundRecord, RoundState

PLAIN = RoundRecord(
    round_id=1,
    state=RoundState.OPEN,
    open_at=10,
    close_at=20,
    resolve_at=40,
    deadline=50,
    cap=0,
    payout_factor=0,
    threshold=0,
    minimum_position=0,
    at_risk=0,
    valid_at_risk=0,
    rules_hash=bytes(32),
    terms_hash=bytes(32),
    universe=bytes(32),
    submissions_root=bytes(32),
    positions_head=bytes(32),
    scores_head=bytes(32),
    reserved=0,
    total_payout=0,
    total_burn=0,
    paid=0,
    burned=0,
    first_slot=0,
    next_slot=0,
    settlement_began_at=0,
    member_set_id=1,
    lock_until=25,
    funding_grace=60,
)
"""Opens at 10, closes at 20, can be sealed until 25, resolves at 40, and is due at 50."""


def record(state: RoundState, **changes: object) -> RoundRecord:
    """The plain round in a state, with some fields changed."""
    return replace(PLAIN, state=state, **changes)  # type: ignore[arg-type]
