"""Reads both ends of a bridge at finalised blocks, what was received before what was sent."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from web3 import Web3

from scorer.bridge.addresses import BridgeAddresses
from scorer.bridge.checkpoints import BlockLeaf, Checkpoint, checkpoint_of, newest_checkpoint
from scorer.bridge.contracts import ChildEnd, GatewayEnd, GatewayHistory, RootEnd
from scorer.bridge.transit import BlockClocks
from scorer.bridge.views import BridgeView, ResultLog
from scorer.chain.binding import bound
from scorer.chain.bulk import read_view
from scorer.chain.endpoints import Pinned
from scorer.chain.logs import event_logs

REPORT: Final = "report"
END: Final = "end"
RESULT_EVENTS: Final[Mapping[str, str]] = {"SettlementBegan": REPORT, "RoundSettled": END, "RoundVoided": END}
"""Events of a tournament that say how a round ended, and what each is a proof of."""
Pin = Callable[[], Pinned]


@dataclass
class ResultHistory:
    """The ends of a tournament's rounds up to a finalised block, and what Ethereum knows of it already."""

    tournament: str
    read_to: int
    logs: list[ResultLog] = field(default_factory=list)

    def extend(self, w3: Web3, to_block: int) -> None:
        """Read the finalised blocks up to `to_block`."""
        events, first = bound(w3, "Tournament", self.tournament).events, self.read_to + 1
        if to_block < first:
            return
        found = [
            self._log(kind, event)
            for name, kind in RESULT_EVENTS.items()
            for event in event_logs(events[name](), {}, first, to_block)
        ]
        self.logs += sorted(found, key=lambda log: (log.block, log.log_index))
        self.read_to = to_block

    def drop_known(self, root: RootEnd, block: int) -> None:
        """Forget what Ethereum knows at a finalised block: it is never unknown again."""
        self.logs = [log for log in self.logs if not _is_known(root, log, block)]

    def _log(self, kind: str, event: Any) -> ResultLog:
        place = (event["blockNumber"], bytes(event["transactionHash"]), event["logIndex"])
        return ResultLog(self.tournament, event["args"]["roundId"], kind, *place)


def _time_of(known: dict[int, int], w3: Web3, block: int) -> int:
    if block not in known:
        known[block] = int(w3.eth.get_block(block)["timestamp"])
    return known[block]


def _is_known(root: RootEnd, log: ResultLog, block: int) -> bool:
    result = read_view(root.results.functions.resultOf(log.tournament, log.round_id), block)
    return bool(result.end) if log.kind == END else any(result.reportHash)


@dataclass
class Observer:
    """Reads a bridge again and again; what was final stays in memory.

    Attributes
    ----------
    tournaments
        Those on Polygon whose results Ethereum is shown.
    newest
        The newest checkpoint that was seen.
    leaves
        Finalised blocks of Polygon that proofs needed, by number.
    root_times, child_times
        The times of finalised blocks that were asked for, seconds since the epoch, by number.
    """

    addresses: BridgeAddresses
    tournaments: tuple[str, ...] = ()
    newest: Checkpoint | None = None
    leaves: dict[int, BlockLeaf] = field(default_factory=dict)
    root_times: dict[int, int] = field(default_factory=dict)
    child_times: dict[int, int] = field(default_factory=dict)
    root_history: GatewayHistory = field(init=False)
    child_history: GatewayHistory = field(init=False)
    results: list[ResultHistory] = field(init=False)

    def __post_init__(self) -> None:
        root, child = self.addresses.root, self.addresses.child
        root_end = GatewayEnd(root.chain_id, root.gateway, child.chain_id, root.lockbox, child.token)
        child_end = GatewayEnd(child.chain_id, child.gateway, root.chain_id, child.token, root.lockbox)
        self.root_history = GatewayHistory(root_end, root.block - 1)
        self.child_history = GatewayHistory(child_end, child.block - 1)
        self.results = [ResultHistory(tournament, child.block - 1) for tournament in self.tournaments]

    def observe(self, pin_root: Pin, pin_child: Pin) -> tuple[BridgeView, Pinned, Pinned]:
        """Read Polygon, then Ethereum, then what Polygon's gateway sent meanwhile.

        What Polygon received was sent on Ethereum before, and what Ethereum received was sent on Polygon
        before: each is looked for in what was read later.
        """
        child_pin = pin_child()
        child = self.child_end(child_pin).view(
            self.child_history, child_pin.block.number, child_pin.block.timestamp
        )
        root_pin = pin_root()
        root_end = self.root_end(root_pin)
        root = root_end.view(self.root_history, root_pin.block.number, root_pin.block.timestamp)
        later = pin_child()
        self.child_history.extend(self.child_end(later).gateway, later.block.number)
        view = BridgeView(
            root,
            child,
            tuple(self.child_history.posted),
            self._newest(root_end, root_pin.block.number),
            root_end.available(),
            tuple(self._results(root_end, root_pin.block.number, later)),
        )
        return view, root_pin, later

    def clocks(self, root: Pinned, child: Pinned, at_block: int) -> BlockClocks:
        """Return what reads times of finalised blocks, each once, and checkpoints at a block of Ethereum."""

        def covering(block: int) -> Checkpoint | None:
            end = self.root_end(root)
            return checkpoint_of(
                lambda number: end.checkpoint(number, at_block), self.newest, block, self.addresses.step
            )

        of_root = partial(_time_of, self.root_times, root.w3)
        return BlockClocks(of_root, partial(_time_of, self.child_times, child.w3), covering)

    def root_end(self, pinned: Pinned) -> RootEnd:
        """Return the contracts on Ethereum at a pinned endpoint."""
        return RootEnd(pinned.w3, self.addresses.root)

    def child_end(self, pinned: Pinned) -> ChildEnd:
        """Return the contracts on Polygon at a pinned endpoint."""
        return ChildEnd(pinned.w3, self.addresses.child)

    def _newest(self, root: RootEnd, block: int) -> Checkpoint | None:
        def read(number: int) -> Checkpoint | None:
            return root.checkpoint(number, block)

        self.newest = newest_checkpoint(read, self.newest, self.addresses.step)
        return self.newest

    def _results(self, root: RootEnd, block: int, child_pin: Pinned) -> Iterator[ResultLog]:
        for history in self.results:
            history.extend(child_pin.w3, child_pin.block.number)
            history.drop_known(root, block)
            yield from history.logs
