"""Reads the finalised chain and the files at hand into plain data."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from web3.exceptions import Web3Exception

from scorer.chain.contracts import Suite
from scorer.chain.endpoints import Block as Block
from scorer.chain.errors import EndpointError
from scorer.chain.logs import (
    IncompleteLogs,
    Locking,
    SettledChunk,
    first_block_at,
    read_locking,
    read_settled,
    round_events,
)
from scorer.chain.records import ProposalRecord, RoundRecord, RoundState
from scorer.evaluation.inputs import OnChain, Positions, RoundTerms
from scorer.observation.silence import silent_models
from scorer.protocol.chunks import Chunk, chunk_from_words, positions_heads, unpack_scores

LOOKED_AT_AGAIN: Final = 100
"""Rounds noted as over that a cycle asks about once more."""


def finalised_block(suite: Suite) -> Block:
    """Read the chain's newest finalised block."""
    block = suite.w3.eth.get_block("finalized")
    return Block(block["number"], bytes(block["hash"]), block["timestamp"])


@dataclass
class RoundTracker:
    """Keeps track of the rounds that are still to be asked about: one that is over never changes again.

    Attributes
    ----------
    hint
        Every round up to this one was over when an earlier process noted so. They are not asked about at
        once, but `LOOKED_AT_AGAIN` of them a cycle, oldest first, until this process has seen them all.
    checked
        Of the rounds up to `hint`, this process has seen those up to this one.
    newest
        Of the later rounds, it has seen those up to this one.
    unfinished
        Of those that it has seen, these were not over.
    """

    hint: int = 0
    checked: int = 0
    newest: int = 0
    unfinished: set[int] = field(default_factory=set)

    def wanted(self, count: int) -> list[int]:
        """Return the rounds to ask about where `count` were ever opened, ascending."""
        # A hint beyond the count is of another chain, such as a local one that began anew.
        hint = min(self.hint, count)
        page = range(self.checked + 1, min(self.checked + LOOKED_AT_AGAIN, hint) + 1)
        new = range(max(self.newest, hint) + 1, count + 1)
        return sorted({*page, *new, *(round_id for round_id in self.unfinished if round_id <= count)})

    def saw(self, records: Sequence[RoundRecord], count: int) -> None:
        """Take in the answers to all that was `wanted`, at a finalised block."""
        self.checked = max(self.checked, min(self.checked + LOOKED_AT_AGAIN, self.hint, count))
        self.newest = max(self.newest, count)
        self.unfinished -= {record.round_id for record in records}
        self.unfinished |= {record.round_id for record in records if not record.is_over}

    @property
    def all_over(self) -> int:
        """The round up to which all are over: the hint for a later process."""
        return min(self.unfinished, default=self.newest + 1) - 1

    def copy(self) -> "RoundTracker":
        """Return a copy, apart from this one."""
        return replace(self, unfinished=set(self.unfinished))

    def keep(self, other: "RoundTracker") -> None:
        """Take over what a copy saw since."""
        self.hint, self.checked, self.newest = other.hint, other.checked, other.newest
        self.unfinished = set(other.unfinished)

    def forget(self) -> None:
        """Ask about every round anew."""
        self.hint = self.checked = self.newest = 0
        self.unfinished.clear()


def unfinished_rounds(
    suite: Suite,
    block: Block,
    rounds: Sequence[int] | None = None,
    tracker: RoundTracker | None = None,
    count: int | None = None,
) -> list[RoundRecord]:
    """Read the rounds that are not over, oldest first: of `rounds`, or of all that were ever opened.

    Parameters
    ----------
    tracker
        Keeps what was seen before, so that no more is asked about than may have changed; it takes in what is
        seen.
    count
        The number of rounds ever opened, where that was asked for already.
    """
    known = RoundTracker() if tracker is None else tracker
    count = suite.round_count(block.number) if count is None else count
    if rounds is not None:
        wanted = sorted(set(rounds).intersection(range(1, count + 1)))
        return [record for record in suite.rounds(wanted, block.number) if not record.is_over]
    records = suite.rounds(known.wanted(count), block.number)
    known.saw(records, count)
    return [record for record in records if not record.is_over]


@dataclass(frozen=True)
class CommitteeView:
    """The committee's proposals and our votes at one block, of many rounds in as few requests as possible."""

    suite: Suite
    block: int
    address: str
    proposals: Mapping[int, ProposalRecord | None]
    votes: Mapping[int, bytes | None]

    @classmethod
    def read(cls, suite: Suite, rounds: Sequence[int], address: str, block: Block) -> "CommitteeView":
        """Read proposals, and the votes of `address`. What fails here is asked again for each round alone."""
        proposals: dict[int, ProposalRecord | None] = {}
        votes: dict[int, bytes | None] = {}
        with suppress(EndpointError, Web3Exception):
            proposals |= zip(rounds, suite.proposals(rounds, block.number), strict=True)
            votes |= zip(rounds, suite.votes(rounds, address, block.number), strict=True)
        return cls(suite, block.number, address, proposals, votes)

    def proposal(self, round_id: int) -> ProposalRecord | None:
        """Return the accepted report of a round, or None."""
        if round_id in self.proposals:
            return self.proposals[round_id]
        return self.suite.proposal(round_id, self.block)

    def vote(self, round_id: int) -> bytes | None:
        """Return the report hash that we last attested for a round, or None."""
        if round_id in self.votes:
            return self.votes[round_id]
        return self.suite.vote(round_id, self.address, self.block)

    @cached_property
    def members(self) -> list[str]:
        """The addresses that vote now."""
        return self.suite.committee_members(self.block)


@dataclass(frozen=True)
class Sealed:
    """The terms and positions that the chain fixed when a round was sealed, or has fixed so far."""

    block: int
    terms: RoundTerms
    positions: Positions


def read_sealed(suite: Suite, record: RoundRecord, block: Block) -> Sealed:
    """Read a round's terms and the positions that it locked so far, checked against the contract's storage.

    Raises
    ------
    scorer.chain.logs.IncompleteLogs
        When the events do not add up to the head of the positions stack or to the total at risk.
    """
    locking = read_locking(suite, record, block.number)
    positions = _positions(suite, locking, block.number)
    locked = sum(positions.by_model.values())
    if locked != record.at_risk:
        raise IncompleteLogs(
            f"round {record.round_id}: expected {record.at_risk} nano-NMR in PositionsLocked events, "
            f"found {locked}"
        )
    # Later states take chunks off the stack, so that the head is no longer that of all positions.
    is_whole = record.state in (RoundState.LOCKING, RoundState.LOCKED, RoundState.SEALED)
    if is_whole and positions.head != record.positions_head:
        raise IncompleteLogs(
            f"round {record.round_id}: expected events up to the head 0x{record.positions_head.hex()}, "
            f"found 0x{positions.head.hex()}"
        )
    return Sealed(locking.block, _terms(suite, record, positions.head), positions)


def sealed_at(suite: Suite, record: RoundRecord, block: Block) -> int:
    """Return when a round was sealed, Unix seconds.

    Raises
    ------
    scorer.chain.logs.IncompleteLogs
        When the endpoint shows no such event.
    """
    first = first_block_at(suite.w3, record.close_at, suite.addresses.block, block.number)
    for event in round_events(suite.tournament.events.RoundSealed(), record.round_id, first, block.number):
        return int(suite.w3.eth.get_block(event["blockNumber"])["timestamp"])
    raise IncompleteLogs(f"round {record.round_id}: expected its RoundSealed event, found none")


def _positions(suite: Suite, locking: Locking, block: int) -> Positions:
    models = dict(enumerate(suite.models_by_lane(block)))
    chunks = locked_chunks(locking)
    return Positions(chunks, tuple(models.get(lane, 0) for chunk in chunks for lane in chunk.lanes.tolist()))


def locked_chunks(locking: Locking) -> tuple[Chunk, ...]:
    """Return the chunks that a round's events hold, unpacked."""
    return tuple(chunk_from_words(chunk.from_slot, chunk.words) for chunk in locking.chunks)


def _terms(suite: Suite, record: RoundRecord, positions_head: bytes) -> RoundTerms:
    return RoundTerms(
        chain_id=suite.addresses.chain_id,
        tournament=str(suite.tournament.address),
        round_id=record.round_id,
        rules_hash=record.rules_hash,
        terms_hash=record.terms_hash,
        universe=record.universe,
        submissions_root=record.submissions_root,
        positions_head=positions_head,
        at_risk=record.at_risk,
        valid_at_risk=record.valid_at_risk,
        payout_factor=record.payout_factor,
        cap=record.cap,
        threshold=record.threshold,
        minimum_position=record.minimum_position,
    )


def has_closed(record: RoundRecord, block: Block) -> bool:
    """Say whether a round's submissions have closed, and it can still be sealed."""
    return record.is_unsealed and record.close_at <= block.timestamp < record.lock_until


def awaits_seal(record: RoundRecord, block: Block) -> bool:
    """Say whether nothing more of a round can be locked, and it can still be sealed."""
    return record.state == RoundState.LOCKED and has_closed(record, block)


def chunks_left(record: RoundRecord, positions: Positions) -> int:
    """Return the number of chunks of a round that are still to be settled.

    Raises
    ------
    scorer.chain.logs.IncompleteLogs
        When the contract's head is none of those the events give.
    """
    return _left_of(record, positions.chunks)


def _left_of(record: RoundRecord, chunks: Sequence[Chunk]) -> int:
    heads = positions_heads(chunks)
    if record.positions_head not in heads:
        raise IncompleteLogs(
            f"round {record.round_id}: 0x{record.positions_head.hex()} is no head of its events"
        )
    # heads[n] stands for n chunks on the stack.
    return heads.index(record.positions_head)


def read_settlement(
    suite: Suite, record: RoundRecord, block: Block, chunks: Sequence[Chunk]
) -> tuple[SettledChunk, ...]:
    """Read the chunks of a round that are settled or returned, from the blocks in which they can be.

    None is before the settlement began, or before the round could be given up, and there are as many as the
    contract took from the stack of positions.

    Parameters
    ----------
    chunks
        All that the round locked.
    """
    earliest = record.settlement_began_at or (record.deadline if record.is_sealed else record.lock_until)
    count = len(chunks) - _left_of(record, chunks)
    if not count:
        return ()
    first = first_block_at(suite.w3, earliest, suite.addresses.block, block.number)
    return read_settled(suite, record.round_id, first, block.number, count)


def read_on_chain(suite: Suite, round_id: int, block: Block) -> OnChain:
    """Read all that a bundle can be held against."""
    record = suite.round(round_id, block.number)
    sealed = read_sealed(suite, record, block)
    proposal = suite.proposal(round_id, block.number)
    settled: dict[int, int] = {}
    model_of = dict(enumerate(suite.models_by_lane(block.number)))
    for chunk in read_settlement(suite, record, block, sealed.positions.chunks):
        lanes = range(4 * chunk.from_slot, 4 * chunk.from_slot + len(chunk.scores) // 3)
        scores = unpack_scores(chunk.scores).tolist()
        settled |= {
            model_of[lane]: score for lane, score in zip(lanes, scores, strict=True) if lane in model_of
        }
    return OnChain(
        terms=sealed.terms,
        report_hash=None if proposal is None else proposal.report_hash,
        submitters=suite.submitters_before(record.close_at, block.number),
        settled=settled,
        is_settled=record.state == RoundState.SETTLED,
        reserved=record.reserved,
        paid=record.paid,
        burned=record.burned,
        silent=silent_models(suite, round_id, block.number) if record.settlement_began_at else frozenset(),
    )
