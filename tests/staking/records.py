"""A round as plain data."""

from scorer.chain.contracts import RoundRecord, RoundState


def record(state: RoundState) -> RoundRecord:
    """A round that opens at 10, closes at 20, can be sealed until 25, resolves at 40, and is due at 50."""
    return RoundRecord(
        round_id=1,
        state=state,
        open_at=10,
        close_at=20,
        resolve_at=40,
        deadline=50,
        cap=0,
        payout_factor=0,
        threshold=0,
        minimum_position=0,
        at_risk=0,
        rules_hash=bytes(32),
        submissions_root=bytes(32),
        positions_head=bytes(32),
        scores_head=bytes(32),
        reserved=0,
        total_payout=0,
        total_burn=0,
        paid=0,
        burned=0,
        next_slot=0,
        settlement_began_at=0,
    )
