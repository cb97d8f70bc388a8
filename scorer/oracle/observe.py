"""Reads the finalised chain and the files at hand into plain data."""

from collections.abc import MutableSet, Sequence
from dataclasses import dataclass

from scorer.chain.contracts import RoundRecord, RoundState, Suite
from scorer.chain.endpoints import Block as Block
from scorer.chain.logs import IncompleteLogs, Locking, first_block_at, read_locking, read_settled
from scorer.rounds.chunks import chunk_from_words, positions_heads, unpack_scores
from scorer.rounds.evaluation import Positions, RoundTerms
from scorer.rounds.verify import OnChain


def finalised_block(suite: Suite) -> Block:
    """The chain's newest finalised block."""
    block = suite.w3.eth.get_block("finalized")
    return Block(block["number"], bytes(block["hash"]), block["timestamp"])


def unfinished_rounds(
    suite: Suite, block: Block, rounds: Sequence[int] | None = None, over: MutableSet[int] | None = None
) -> list[RoundRecord]:
    """The rounds that are not over, oldest first: of `rounds`, or of all that were ever opened.

    Parameters
    ----------
    over
        Rounds that were found to be over at a finalised block, and never change again: they are not read,
        and those that are found now are added.
    """
    known: MutableSet[int] = set() if over is None else over
    opened = range(1, suite.round_count(block.number) + 1)
    wanted = opened if rounds is None else sorted(set(rounds).intersection(opened))
    records = [suite.round(round_id, block.number) for round_id in wanted if round_id not in known]
    known |= {record.round_id for record in records if record.is_over}
    return [record for record in records if not record.is_over]


@dataclass(frozen=True)
class Sealed:
    """What the chain fixed about a round when it was sealed."""

    block: int
    terms: RoundTerms
    positions: Positions


def read_sealed(suite: Suite, record: RoundRecord, block: Block) -> Sealed:
    """A sealed round's terms and positions, checked against the contract's storage.

    Raises
    ------
    scorer.chain.logs.IncompleteLogs
        When the events do not add up to the head of the positions stack or to the total at risk.
    """
    locking = read_locking(suite, record.round_id, record.close_at, block.number)
    positions = _positions(suite, locking, block.number)
    locked = sum(positions.by_model.values())
    if locked != record.at_risk:
        raise IncompleteLogs(
            f"round {record.round_id}: expected {record.at_risk} nano-NMR in PositionsLocked events, "
            f"found {locked}"
        )
    if record.state == RoundState.SEALED and positions.head != record.positions_head:
        raise IncompleteLogs(
            f"round {record.round_id}: expected events up to the head 0x{record.positions_head.hex()}, "
            f"found 0x{positions.head.hex()}"
        )
    return Sealed(locking.block, _terms(suite, record, positions.head), positions)


def _positions(suite: Suite, locking: Locking, block: int) -> Positions:
    models = dict(enumerate(suite.models_by_lane(block)))
    chunks = tuple(chunk_from_words(chunk.from_slot, chunk.words) for chunk in locking.chunks)
    return Positions(chunks, tuple(models.get(lane, 0) for chunk in chunks for lane in chunk.lanes.tolist()))


def _terms(suite: Suite, record: RoundRecord, positions_head: bytes) -> RoundTerms:
    return RoundTerms(
        chain_id=suite.addresses.chain_id,
        tournament=str(suite.tournament.address),
        round_id=record.round_id,
        rules_hash=record.rules_hash,
        submissions_root=record.submissions_root,
        positions_head=positions_head,
        at_risk=record.at_risk,
        payout_factor=record.payout_factor,
        cap=record.cap,
        threshold=record.threshold,
        minimum_position=record.minimum_position,
    )


def chunks_left(record: RoundRecord, positions: Positions) -> int:
    """How many chunks of a round are still to be settled.

    Raises
    ------
    scorer.chain.logs.IncompleteLogs
        When the contract's head is none of those the events give.
    """
    heads = positions_heads(positions.chunks)
    if record.positions_head not in heads:
        raise IncompleteLogs(
            f"round {record.round_id}: 0x{record.positions_head.hex()} is no head of its events"
        )
    return heads.index(record.positions_head)


def read_on_chain(suite: Suite, round_id: int, block: Block) -> OnChain:
    """All that a bundle can be held against."""
    record = suite.round(round_id, block.number)
    sealed = read_sealed(suite, record, block)
    proposal = suite.proposal(round_id, block.number)
    first = first_block_at(suite.w3, record.resolve_at, sealed.block, block.number)
    settled: dict[int, int] = {}
    model_of = dict(enumerate(suite.models_by_lane(block.number)))
    for chunk in read_settled(suite, round_id, first, block.number):
        lanes = range(4 * chunk.from_slot, 4 * chunk.from_slot + len(chunk.scores) // 3)
        scores = unpack_scores(chunk.scores).tolist()
        settled |= {
            model_of[lane]: score for lane, score in zip(lanes, scores, strict=True) if lane in model_of
        }
    return OnChain(
        terms=sealed.terms,
        report_hash=None if proposal is None else proposal.report_hash,
        submitters=suite.submitters(record.close_at, block.number),
        settled=settled,
        is_settled=record.state == RoundState.SETTLED,
        reserved=record.reserved,
        paid=record.paid,
        burned=record.burned,
    )
