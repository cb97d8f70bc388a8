"""Reads what changed on the chain since a block: rounds, models, stakes and positions, all finalised."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from web3.types import EventData

from scorer.chain.bulk import read_view, read_views
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
class KnownChain:
    """The part of the chain that the read model has already.

    Attributes
    ----------
    after
        The block up to which it follows the chain.
    open_rounds
        Rounds to read again, since they were not over.
    positions
        Of every round that was read before, the sum of the positions that are known, nano-NMR; of one that
        was over, 0.
    submitters
        Of every model that was read before.
    doubtful
        Models whose owners are read again, though nothing says that they changed.
    """

    after: int = 0
    open_rounds: Sequence[int] = ()
    positions: Mapping[int, int] = field(default_factory=dict)
    submitters: Mapping[int, str] = field(default_factory=dict)
    doubtful: Collection[int] = ()


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
    registered
        When each new model was registered, Unix seconds, by model.
    owners
        Who owns each model that changed or is doubtful, as the registry's storage says.
    movements
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
    registered: Mapping[int, int]
    owners: Mapping[int, str]
    movements: Sequence[Movement]
    submitters: Mapping[int, str]
    lanes: Sequence[tuple[int, int]]
    positions: Mapping[int, Mapping[int, int]]


def read_changes(suite: Suite, block: Block, known: KnownChain) -> ChainChanges:
    """Read all that the read model holds of the chain, as of a finalised block.

    Raises
    ------
    scorer.chain.logs.IncompleteLogs
        When the logs are not all that the contracts' storage commits to.
    """
    count = suite.round_count(block.number)
    new = range(len(known.positions) + 1, count + 1)
    records = suite.rounds(sorted({*known.open_rounds, *new}), block.number)
    first = max(known.after + 1, suite.addresses.block)
    moved = sorted(_movements(suite, first, block.number), key=lambda move: (move.block, move.log_index))
    registered, transferred = _transfers(suite, first, block.number)
    submitters = suite.submitters(block.timestamp, block.number)
    changed = {model for model, signer in known.submitters.items() if submitters.get(model) != signer}
    lanes = zip(suite.models_by_lane(block.number), idle_by_lane(suite, block.number), strict=True)
    return ChainChanges(
        block,
        int(read_view(suite.registry.functions.modelCount(), block.number)),
        records,
        registered,
        _owners(suite, sorted({*transferred, *changed, *known.doubtful}), block.number),
        moved,
        submitters,
        list(lanes),
        {
            record.round_id: _positions(suite, record, block)
            for record in records
            if _moved(record, known.positions)
        },
    )


def _moved(record: RoundRecord, known: Mapping[int, int]) -> bool:
    """Return whether a round locked positions that are not known."""
    return record.state in HAS_POSITIONS and record.at_risk != known.get(record.round_id, 0)


def _positions(suite: Suite, record: RoundRecord, block: Block) -> Mapping[int, int]:
    by_model = read_sealed(suite, record, block).positions.by_model
    return {model: position for model, position in by_model.items() if position}


def _transfers(suite: Suite, first: int, last: int) -> tuple[dict[int, int], set[int]]:
    """Return when models were registered, by model, and which ones have another owner, as far as logs say."""
    time_of = _times(suite)
    registered, transferred = dict[int, int](), set[int]()
    for log in event_logs(suite.registry.events.Transfer(), {}, first, last):
        model = int(log["args"]["tokenId"])
        transferred.add(model)
        if log["args"]["from"] == ZERO_ADDRESS:
            registered[model] = time_of(log["blockNumber"])
    return registered, transferred


def _owners(suite: Suite, models: Sequence[int], block: int) -> dict[int, str]:
    """Read who owns models: logs only say where to look, since an endpoint may leave some out."""
    owner_of = suite.registry.functions.ownerOf
    owners = read_views(suite.w3, [owner_of(model) for model in models], block)
    return {model: str(owner) for model, owner in zip(models, owners, strict=True)}


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
