"""Reads what became of a void round."""

from scorer.chain.contracts import Suite
from scorer.chain.logs import read_locking
from scorer.chain.records import RoundRecord
from scorer.evaluation.void import VoidOnChain
from scorer.observation.observe import Block, locked_chunks, read_settlement


def read_void(suite: Suite, record: RoundRecord, block: Block) -> VoidOnChain:
    """Read all that the published files of a void round can be held against.

    A chunk that was returned is one whose event holds no scores.
    """
    locking = read_locking(suite, record, block.number)
    locked = locked_chunks(locking)
    chunks = read_settlement(suite, record, block, locked)
    return VoidOnChain(
        chain_id=suite.addresses.chain_id,
        tournament=str(suite.tournament.address),
        round_id=record.round_id,
        rules_hash=record.rules_hash,
        universe=record.universe,
        submissions_root=record.submissions_root if record.is_sealed else None,
        submitters=suite.submitters_before(record.close_at, block.number),
        locked=len(locked),
        returned=sum(not chunk.scores for chunk in chunks),
        settled=sum(bool(chunk.scores) for chunk in chunks),
        paid=record.paid,
        burned=record.burned,
    )
