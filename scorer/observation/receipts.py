"""Reads where and when the chain settled each position of a round."""

from collections.abc import Mapping
from dataclasses import dataclass

from scorer.chain.contracts import Suite
from scorer.chain.logs import first_block_at, round_events
from scorer.chain.records import RoundState
from scorer.evaluation.statement import Receipt
from scorer.observation.observe import Block
from scorer.observation.silence import silent_models
from scorer.protocol.chunks import SCORE_BYTES


@dataclass(frozen=True)
class SettledRound:
    """A settled round as the chain holds it; amounts in nano-NMR.

    Attributes
    ----------
    receipts
        By model, of every lane of every settled chunk.
    silent
        The models whose predictions were demanded and not shown: their positions came back whole.
    """

    reserved: int
    paid: int
    burned: int
    receipts: Mapping[int, Receipt]
    silent: frozenset[int] = frozenset()


def read_settled_round(suite: Suite, round_id: int, block: Block) -> SettledRound | None:
    """Return what the chain says of a round, or None when it is not settled at `block`."""
    record = suite.round(round_id, block.number)
    if record.state != RoundState.SETTLED:
        return None
    first = first_block_at(
        suite.w3, record.settlement_began_at or record.resolve_at, suite.addresses.block, block.number
    )
    models = dict(enumerate(suite.models_by_lane(block.number)))
    receipts: dict[int, Receipt] = {}
    for event in round_events(suite.tournament.events.ChunkSettled(), round_id, first, block.number):
        number = int(event["blockNumber"])
        receipt = Receipt(
            "0x" + bytes(event["transactionHash"]).hex(), number, suite.w3.eth.get_block(number)["timestamp"]
        )
        lane = 4 * int(event["args"]["fromSlot"])
        lanes = range(lane, lane + len(event["args"]["scores"]) // SCORE_BYTES)
        receipts |= {models[lane]: receipt for lane in lanes if lane in models}
    silent = silent_models(suite, round_id, block.number)
    return SettledRound(record.reserved, record.paid, record.burned, receipts, silent)
