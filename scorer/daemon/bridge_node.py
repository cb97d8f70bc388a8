"""The relayer as a daemon: its accounts on both chains, and one cycle after the other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from scorer.bridge.observe import Observer
from scorer.bridge.relayer import RelayCycle, Relayer
from scorer.chain.endpoints import Endpoints, Pinned
from scorer.daemon.alarms import Alarms
from scorer.daemon.bridge_configuration import BridgeConfig, limits_of
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.health import served
from scorer.daemon.loop import Loop, stopped_by_signals
from scorer.daemon.metrics import Liveness, Metrics
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.failures import apart
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node

BEATS_MISSED: Final = 40
"""Cycles that may be missed, while one takes long, before the process counts as dead."""


@dataclass
class BridgeDaemon:
    """A relayer with its endpoints and its accounts.

    Attributes
    ----------
    managers
        The account on Ethereum and that on Polygon; none in a dry run.
    """

    relayer: Relayer
    root: Endpoints
    child: Endpoints
    metrics: Metrics
    alarms: Alarms
    managers: tuple[TransactionManager, TransactionManager] | None = None
    finality_stall: int = 3600

    def once(self) -> RelayCycle:
        """Run one cycle; return what it saw and did."""
        root, child = self.root.pin(), self.child.pin()
        for chain, pinned in (("root", root), ("child", child)):
            behind = pinned.latest.timestamp - pinned.block.timestamp
            self.metrics.bridge_finality.labels(chain).set(behind)
        self._tend(root, child)
        done = self.relayer.cycle(self.root.pin, self.child.pin)
        measure(self.metrics, done)
        return done

    def cycle(self) -> Mapping[str, Any]:
        """Run one cycle; return its line for the log."""
        done = self.once()
        blocks = {"root": done.view.root.block, "child": done.view.child.block}
        return blocks | {"conserved": done.balance.holds, "steps": list(map(str, done.results))}

    def _tend(self, root: Pinned, child: Pinned) -> None:
        """Look after what was signed, and let the relayer send where finality goes on."""
        self.relayer.root_sender = self.relayer.child_sender = None
        if self.managers is None:
            return
        tended, oldest = [], 0
        for manager, pinned in zip(self.managers, (root, child), strict=True):
            own = replace(manager, node=Web3Node.at(pinned))
            with apart(f"transactions of {own.address} on chain {own.chain_id}", self.alarms.call):
                own.pump()
            oldest = max(oldest, _longest_wait(own, pinned))
            behind = pinned.latest.timestamp - pinned.block.timestamp
            if behind > self.finality_stall:
                text = f"chain {own.chain_id}: the finalised block {pinned.block.number} is {behind} s old"
                self.alarms.call(AlarmReason.FINALITY_STALLED, text)
            tended.append(None if behind > self.finality_stall else own)
        self.metrics.waiting.set(oldest)
        self.relayer.root_sender, self.relayer.child_sender = tended


def _longest_wait(manager: TransactionManager, pinned: Pinned) -> int:
    """Return for how long the oldest signed transaction waits for a block, seconds."""
    waiting = (
        manager.journal.attempts(intent)
        for intent in manager.journal.open_intents(manager.address)
        if intent.block is None
    )
    return max((pinned.latest.timestamp - bids[0].signed_at for bids in waiting if bids), default=0)


def measure(metrics: Metrics, done: RelayCycle) -> None:
    """Show what a cycle saw in the metrics."""
    metrics.bridge_conserved.set(done.balance.holds)
    metrics.bridge_in_flight.labels("down").set(done.balance.down)
    metrics.bridge_in_flight.labels("up").set(done.balance.up)
    for direction, age in done.oldest.items():
        metrics.bridge_oldest.labels(direction).set(age)
    for direction, leg, seconds in done.legs:
        metrics.bridge_transit.labels(direction, leg).observe(seconds)
    checkpoint = done.view.checkpoint
    if checkpoint is not None:
        metrics.checkpoint_age.set(done.view.root.time - checkpoint.created_at)
        metrics.checkpoint_lag.set(done.view.child.block - checkpoint.end)


@contextmanager
def relaying(config: BridgeConfig, *, send: bool) -> Iterator[BridgeDaemon]:
    """Assemble a relayer; a dry one without `send`.

    Raises
    ------
    ConfigError
        When something is missing that a relayer needs.
    scorer.transactions.journal.JournalError
        When another process holds one of the journals.
    """
    if send and config.key is None:
        raise ConfigError("expected key, as a relayer sends from it, found none")
    metrics = Metrics()
    alarms = Alarms(metrics)
    observer = Observer(config.addresses(), config.tournament_addresses())
    relayer = Relayer(observer, config.policy(), limits_of(config.limits), alarms.call)
    daemon = BridgeDaemon(
        relayer,
        config.root.connections(),
        config.child.connections(),
        metrics,
        alarms,
        finality_stall=config.run.finality_stall,
    )
    if not send or config.key is None:
        yield daemon
        return
    signer = config.key.signer()
    with (
        Journal.open(config.root_journal.location) as root_journal,
        Journal.open(config.child_journal.location) as child_journal,
    ):
        sides = ((root_journal, config.root, daemon.root), (child_journal, config.child, daemon.child))
        first, second = (
            TransactionManager(
                journal,
                Web3Node(endpoints.any()),
                signer,
                chain.chain_id,
                chain.fees,
                most_gas=chain.most_gas,
                alarm=partial(_raise, alarms),
            )
            for journal, chain, endpoints in sides
        )
        daemon.managers = (first, second)
        yield daemon


def _raise(alarms: Alarms, kind: str, detail: str) -> None:
    alarms.call(AlarmReason[kind], detail)


def run(daemon: BridgeDaemon, config: BridgeConfig, *, cycles: int | None = None) -> None:
    """Run a relayer until it is asked to stop, and serve its health meanwhile."""
    interval, port = config.run.interval, config.run.port
    liveness = Liveness(longest=max(600.0, BEATS_MISSED * interval))
    loop = Loop(daemon.cycle, interval, daemon.metrics, daemon.alarms, liveness)
    health: Any = served(port, daemon.metrics, liveness) if port else nullcontext()
    with health, stopped_by_signals(loop.stop):
        loop.run(cycles)
