"""Reads what changed on the chain since a block: rounds, models, stakes and positions, all finalised."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from web3.types import EventData

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.logs import event_logs
from scorer.chain.records import ZERO_ADDRESS, RoundRecord, RoundState
from scorer.observation.audit import idle_by_lane
from scorer.observation.observe import Block, read_sealed

HAS_POSITIONS: Final = (
    RoundState.LOCKING,
    RoundState.LOCKED,
    RoundState.SEALED,
    RoundState.SETTLING,
    RoundState.SETTLED,
)


@dataclass(frozen=True)
class Ownership:
    """A model's owner after a transfer, and when it was; the first one registers the model."""

    model: int
    owner: str
    at: int
    is_first: bool


@dataclass(frozen=True)
class Movement:
    """A deposit or a withdrawal; amount in nano-NMR."""

    block: int
    log_index: int
    transaction_hash: str
    at: int
    kind: str
    model: int
    account: str
    amount: int


@dataclass(frozen=True)
class ChainChanges:
    """Changes up to a finalised block.

    Attributes
    ----------
    models
        How many the registry counts.
    owners, movements
        In the order of their logs.
    submitters
        Who may sign for each model now.
    lanes
        The model and the idle stake of every lane, nano-NMR.
    positions
        By round, then by model, nano-NMR: of the rounds whose positions were asked for.
    """

    block: Block
    models: int
    rounds: Sequence[RoundRecord]
    owners: Sequence[Ownership]
    movements: Sequence[Movement]
    submitters: Mapping[int, str]
    lanes: Sequence[tuple[int, int]]
    positions: Mapping[int, Mapping[int, int]]


def read_changes(
    suite: Suite, block: Block, after: int, open_rounds: Sequence[int], known: Mapping[int, int]
) -> ChainChanges:
    """Read all that the read model holds of the chain, as of a finalised block.

    Parameters
    ----------
    after
        Logs of blocks after this one are read.
    open_rounds
        Rounds to read again, since they were not over.
    known
        Of every round that was read before, the sum of the positions that are known, nano-NMR.

    Raises
    ------
    scorer.chain.logs.IncompleteLogs
        When the logs are not all that the contracts' storage commits to.
    """
    count = suite.round_count(block.number)
    records = suite.rounds(sorted({*open_rounds, *range(len(known) + 1, count + 1)}), block.number)
    first = max(after + 1, suite.addresses.block)
    moved = sorted(_movements(suite, first, block.number), key=lambda move: (move.block, move.log_index))
    return ChainChanges(
        block,
        int(read_view(suite.registry.functions.modelCount(), block.number)),
        records,
        list(_owners(suite, first, block.number)),
        moved,
        suite.submitters(block.timestamp, block.number),
        list(zip(suite.models_by_lane(block.number), idle_by_lane(suite, block.number), strict=True)),
        {record.round_id: _positions(suite, record, block) for record in records if _moved(record, known)},
    )


def _moved(record: RoundRecord, known: Mapping[int, int]) -> bool:
    """Return whether a round locked positions that are not known."""
    return record.state in HAS_POSITIONS and record.at_risk != known.get(record.round_id, 0)


def _positions(suite: Suite, record: RoundRecord, block: Block) -> Mapping[int, int]:
    by_model = read_sealed(suite, record, block).positions.by_model
    return {model: position for model, position in by_model.items() if position}


def _owners(suite: Suite, first: int, last: int) -> Iterator[Ownership]:
    time_of = _times(suite)
    for log in event_logs(suite.registry.events.Transfer(), {}, first, last):
        sender, owner, model = (log["args"][name] for name in ("from", "to", "tokenId"))
        yield Ownership(int(model), str(owner), time_of(log["blockNumber"]), sender == ZERO_ADDRESS)


def _movements(suite: Suite, first: int, last: int) -> Iterator[Movement]:
    time_of, events = _times(suite), suite.tournament.events
    for log in event_logs(events.Deposited(), {}, first, last):
        yield _movement(log, "deposit", "from", time_of(log["blockNumber"]))
    for log in event_logs(events.Withdrawn(), {}, first, last):
        yield _movement(log, "withdrawal", "to", time_of(log["blockNumber"]))


def _movement(log: EventData, kind: str, account: str, at: int) -> Movement:
    arguments = log["args"]
    return Movement(
        log["blockNumber"],
        log["logIndex"],
        "0x" + bytes(log["transactionHash"]).hex(),
        at,
        kind,
        int(arguments["modelId"]),
        str(arguments[account]),
        int(arguments["amount"]),
    )


def _times(suite: Suite) -> Callable[[int], int]:
    """Return a reader of blocks' times, each asked for once."""
    return cache(lambda number: int(suite.w3.eth.get_block(number)["timestamp"]))
