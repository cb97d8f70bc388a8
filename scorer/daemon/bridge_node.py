"""The relayer as a daemon: its configuration, its accounts on both chains, and one cycle after the other."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

from hexbytes import HexBytes
from pydantic import Field
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import TransactionNotFound

from scorer.bridge.addresses import BridgeAddresses, read_bridge
from scorer.bridge.checkpoints import newest_checkpoint
from scorer.bridge.contracts import RootEnd
from scorer.bridge.decide import RelayPolicy
from scorer.bridge.messages import interoperable
from scorer.bridge.observe import Observer
from scorer.bridge.proving import LogProof, Prover
from scorer.bridge.relayer import RelayCycle, Relayer, RelayLimits
from scorer.chain.accounts import KeyTextError, require_address
from scorer.chain.bulk import read_view
from scorer.chain.endpoints import Endpoints, Pinned
from scorer.daemon.alarms import Alarms
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.configuration import NodeConfig, read_config
from scorer.daemon.health import served
from scorer.daemon.keys import JournalAt, Key
from scorer.daemon.loop import Loop, stopped_by_signals
from scorer.daemon.metrics import Liveness, Metrics
from scorer.daemon.sections import LONGEST, BridgeLimits, ChainAccess, ConfigSection, FilePath
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.failures import apart
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node
from scorer.transactions.request import RequestKey, TransactionRequest, scope_of
from scorer.units import WEI_PER_NANO, coins_text, nano_from_nmr

FILE: Final = "bridge.toml"
BEATS_MISSED: Final = 40
"""Cycles that may be missed, while one takes long, before the process counts as dead."""


class Relaying(ConfigSection):
    """The way in which a relayer runs.

    Attributes
    ----------
    interval
        Seconds between two cycles.
    port
        Port of /metrics, /healthz and /readyz on 127.0.0.1; 0 for none.
    least_flush_nmr
        NMR in a burn sink from which it is flushed.
    finality_stall
        Seconds between the finalised and the latest block of either chain after which nothing is sent.
    """

    interval: Annotated[float, Field(gt=0, le=LONGEST)] = 60.0
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    least_flush_nmr: Annotated[int, Field(ge=0)] = 1
    finality_stall: Annotated[int, Field(gt=0, le=LONGEST)] = 3600


class BridgeConfig(ConfigSection):
    """A relayer's configuration.

    Attributes
    ----------
    bridge
        The path of bridge.json.
    root, child
        Ethereum and Polygon.
    tournaments
        Addresses of tournaments on Polygon whose results are proved to Ethereum.
    root_journal, child_journal
        One for each chain, as nonces are counted on each.
    """

    bridge: FilePath
    root: ChainAccess
    child: ChainAccess
    key: Key | None = None
    tournaments: Annotated[tuple[str, ...], Field(strict=False)] = ()
    root_journal: JournalAt = JournalAt(file=Path("root.sqlite"))
    child_journal: JournalAt = JournalAt(file=Path("child.sqlite"))
    run: Relaying = Relaying()
    limits: BridgeLimits = BridgeLimits()

    def addresses(self) -> BridgeAddresses:
        """Return the addresses of the bridge.

        Raises
        ------
        ConfigError
            When it is between other chains.
        """
        found = read_bridge(self.bridge)
        for name, chain, end in (("root", self.root, found.root), ("child", self.child, found.child)):
            if chain.chain_id != end.chain_id:
                raise ConfigError(
                    f"{name}.chain_id: expected {end.chain_id} as bridge.json says, found {chain.chain_id}"
                )
        return found

    def tournament_addresses(self) -> tuple[str, ...]:
        """Return the tournaments' checksummed addresses."""
        try:
            return tuple(Web3.to_checksum_address(require_address(name)) for name in self.tournaments)
        except KeyTextError as error:
            raise ConfigError(f"tournaments: {error}") from None

    @property
    def policy(self) -> RelayPolicy:
        """Return what it does beside carrying messages."""
        return RelayPolicy(nano_from_nmr(self.run.least_flush_nmr) * WEI_PER_NANO, bool(self.tournaments))


def load_bridge_config(path: Path) -> BridgeConfig:
    """Read and check a relayer's configuration; paths in it are relative to it.

    Raises
    ------
    ConfigError
        Names each wrong field, what is expected, and what was found.
    """
    return read_config(BridgeConfig, path)


def limits_of(section: BridgeLimits) -> RelayLimits:
    """Return the limits of a configuration as a relayer takes them."""
    return RelayLimits(section.slow, section.checkpoint_age)


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
        tended = []
        for manager, pinned in zip(self.managers, (root, child), strict=True):
            own = replace(manager, node=Web3Node.at(pinned))
            with apart(f"transactions of {own.address} on chain {own.chain_id}", self.alarms.call):
                own.pump()
            behind = pinned.latest.timestamp - pinned.block.timestamp
            if behind > self.finality_stall:
                text = f"chain {own.chain_id}: the finalised block {pinned.block.number} is {behind} s old"
                self.alarms.call(AlarmReason.FINALITY_STALLED, text)
            tended.append(None if behind > self.finality_stall else own)
        self.relayer.root_sender, self.relayer.child_sender = tended


def measure(metrics: Metrics, done: RelayCycle) -> None:
    """Show what a cycle saw in the metrics."""
    metrics.bridge_conserved.set(done.balance.holds)
    metrics.bridge_in_flight.labels("down").set(done.balance.down)
    metrics.bridge_in_flight.labels("up").set(done.balance.up)
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
    relayer = Relayer(observer, config.policy, limits_of(config.limits), alarms.call)
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


def transfer(daemon: BridgeDaemon, receiver: str, amount: int, *, home: bool) -> Iterator[str]:
    """Send `amount` wei to an address on the other chain, and yield what was done.

    Raises
    ------
    scorer.transactions.request.Reverted
        When a contract refuses it: nothing was sent then.
    """
    observer = daemon.relayer.observer
    pinned = (daemon.child if home else daemon.root).pin()
    root, child = observer.root_end(pinned), observer.child_end(pinned)
    addresses = observer.addresses
    remote = addresses.root.chain_id if home else addresses.child.chain_id
    source: Contract = child.token if home else root.lockbox
    text = f"{coins_text(amount)} NMR to {receiver} on chain {remote}"
    if daemon.managers is None:
        yield f"dry run: would send {text}"
        return
    manager = replace(daemon.managers[1 if home else 0], node=Web3Node.at(pinned))
    if not home:
        yield from _approve(manager, root, amount, pinned)
    call = source.functions.crosschainTransfer(interoperable(remote, receiver), amount)
    yield f"{text}: {_deliver_numbered(manager, call, f'transfer:{receiver}:{amount}', pinned)}"


def _approve(manager: TransactionManager, root: RootEnd, amount: int, pinned: Pinned) -> Iterator[str]:
    """Let the lockbox take what is to be sent, where it may not yet."""
    lockbox = root.lockbox.address
    allowed = read_view(root.token.functions.allowance(manager.address, lockbox))
    if allowed < amount:
        call = root.token.functions.approve(lockbox, amount)
        yield f"approval: {_deliver_numbered(manager, call, f'approve:{amount}', pinned)}"


def _deliver_numbered(manager: TransactionManager, call: ContractFunction, meaning: str, pinned: Pinned) -> str:
    """Send what a person may ask for again: one that is under way is finished, and not sent twice."""
    scope = scope_of(manager.chain_id, manager.address)
    base = str(RequestKey.of(scope, meaning))
    state = manager.journal.numbered(base)
    key = RequestKey.of(scope, meaning, number=state.acknowledged)
    delivery = manager.deliver(TransactionRequest.of(call, key, known_at=pinned.block.number))
    if delivery.is_mined:
        manager.journal.set_numbered(base, replace(state, title=meaning, acknowledged=state.acknowledged + 1))
    return delivery.note


def proof_of(config: BridgeConfig, transaction: bytes, log: int) -> LogProof:
    """Prove a log of a transaction on Polygon, by its place in the receipt.

    Raises
    ------
    ConfigError
        When there is no such transaction, or no such log in it.
    NotCheckpointed
        When its block is in no checkpoint yet.
    """
    observer = Observer(config.addresses())
    root, child = config.root.connections().pin(), config.child.connections().pin()
    try:
        receipt = child.w3.eth.get_transaction_receipt(HexBytes(transaction))
    except TransactionNotFound:
        raise ConfigError(
            f"transaction: expected one on chain {config.child.chain_id}, found none of 0x{transaction.hex()}"
        ) from None
    if log >= len(receipt["logs"]):
        raise ConfigError(f"--log: expected less than {len(receipt['logs'])}, found {log}")
    end = observer.root_end(root)
    newest = newest_checkpoint(
        lambda number: end.checkpoint(number, root.block.number), None, observer.addresses.step
    )
    prover = Prover(end, child.w3, newest, root.block.number, observer.addresses.step)
    return prover.prove(receipt["blockNumber"], transaction, receipt["logs"][log]["logIndex"])


@dataclass
class BridgeWatch:
    """A member's look at the bridge that its tournament's token came over: it reads, and sends nothing.

    Attributes
    ----------
    every
        Seconds between two looks.
    raised
        What the last look called a human for: raised again in every cycle until the next look.
    """

    relayer: Relayer
    root: Endpoints
    child: Endpoints
    alarms: Alarms
    every: float
    raised: list[tuple[AlarmReason, str]] = field(default_factory=list)
    looked_at: float = float("-inf")

    def look(self) -> None:
        """Check conservation, where it is time to; a breach calls a human."""
        now = time.monotonic()
        if now - self.looked_at >= self.every:
            found: list[tuple[AlarmReason, str]] = []
            self.relayer.raise_alarm = lambda reason, detail: found.append((reason, detail))
            done = self.relayer.cycle(self.root.pin, self.child.pin)
            self.raised, self.looked_at = found, now
            measure(self.alarms.metrics, done)
        for reason, detail in self.raised:
            self.alarms.call(reason, detail)


def watching(config: NodeConfig, alarms: Alarms) -> BridgeWatch | None:
    """Return a member's look at the bridge that its configuration names; None where it names none.

    Raises
    ------
    ConfigError
        When the bridge is between other chains.
    """
    watched = config.bridge
    if watched is None:
        return None
    addresses = read_bridge(watched.file)
    expected, found = (watched.root.chain_id, config.chain.chain_id), (
        addresses.root.chain_id,
        addresses.child.chain_id,
    )
    if expected != found:
        raise ConfigError(f"bridge.file: expected a bridge between {expected}, found one between {found}")
    relayer = Relayer(Observer(addresses), RelayPolicy(proves_results=False), limits_of(watched.limits))
    return BridgeWatch(relayer, watched.root.connections(), config.endpoints(), alarms, watched.every)
