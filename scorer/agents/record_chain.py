"""Reads a model's record from a chain, so that a file can be written, or held against it."""

from collections.abc import Iterator
from dataclasses import dataclass

from scorer.agents.record import ModelRecord, PositionOutcomeOnChain, entry_of
from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.records import RoundRecord, RoundState
from scorer.errors import CupelError
from scorer.observation.observe import Block, finalised_block, read_on_chain, read_sealed
from scorer.protocol.documents import to_hex


class RecordError(CupelError, ValueError):
    """A record cannot be made, or is not of this chain."""


@dataclass(frozen=True)
class _Reading:
    suite: Suite
    model_id: int
    block: Block

    def outcomes(self) -> Iterator[PositionOutcomeOnChain]:
        """Yield the model's part in every round that is over, ascending."""
        for number in range(1, self.suite.round_count(self.block.number) + 1):
            record = self.suite.round(number, self.block.number)
            if record.state not in (RoundState.SETTLED, RoundState.VOIDED):
                continue
            position = read_sealed(self.suite, record, self.block).positions.by_model.get(self.model_id, 0)
            if position:
                yield self._outcome(record, position)

    def _outcome(self, record: RoundRecord, position: int) -> PositionOutcomeOnChain:
        is_settled = record.state == RoundState.SETTLED
        chain = read_on_chain(self.suite, record.round_id, self.block) if is_settled else None
        return PositionOutcomeOnChain(
            record.round_id,
            is_settled,
            position,
            0 if chain is None else chain.settled.get(self.model_id, 0),
            record.payout_factor,
            record.cap,
            record.reserved,
            record.total_payout,
            bytes(32) if chain is None or chain.report_hash is None else chain.report_hash,
            record.submissions_root,
            chain is not None and self.model_id in chain.silent,
        )


def read_record(suite: Suite, model_id: int, at: int | None = None) -> ModelRecord:
    """Read a model's record up to a block, which is the newest final one if None.

    Raises
    ------
    RecordError
        When no model has this number, or the block is not final.
    scorer.chain.logs.IncompleteLogs
        When an endpoint withholds events.
    """
    newest = finalised_block(suite)
    number = newest.number if at is None else at
    if number > newest.number:
        raise RecordError(f"expected a final block, up to {newest.number}, found block {number}; try later")
    header = suite.w3.eth.get_block(number)
    block = Block(number, bytes(header["hash"]), int(header["timestamp"]))
    count = int(read_view(suite.registry.functions.modelCount(), number))
    if not 0 < model_id <= count:
        raise RecordError(f"expected a model from 1 to {count}, found model {model_id}")
    owner = str(read_view(suite.registry.functions.ownerOf(model_id), number))
    entries = tuple(map(entry_of, _Reading(suite, model_id, block).outcomes()))
    place = suite.addresses.chain_id, suite.addresses.tournament, suite.addresses.registry
    return ModelRecord(*place, model_id, owner, number, block.hash, entries)


def check_place(suite: Suite, stated: ModelRecord) -> None:
    """Refuse a record of another chain or tournament than is asked.

    Raises
    ------
    RecordError
        Names both.
    """
    asked = suite.addresses.chain_id, suite.addresses.tournament
    if (stated.chain_id, stated.tournament) != asked:
        raise RecordError(
            f"expected a record of {asked[1]} on chain {asked[0]}, found one of {stated.tournament} on "
            f"chain {stated.chain_id}; name its --endpoint and --deployment"
        )
    header = suite.w3.eth.get_block(stated.block)
    if bytes(header["hash"]) != stated.block_hash:
        raise RecordError(
            f"block {stated.block}: expected {to_hex(bytes(header['hash']))}, found "
            f"{to_hex(stated.block_hash)}; the record is of a chain that is no more, or made up"
        )
