"""Puts a daemon together from its configuration."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from web3 import Web3

from scorer.daemon.alarms import Alarms
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.configuration import NodeConfig
from scorer.daemon.daemon import MemberSeat, OperatorDaemon, OperatorSeat, OracleDaemon
from scorer.daemon.health import served
from scorer.daemon.loop import Loop, stopped_by_signals
from scorer.daemon.metrics import Liveness, Metrics
from scorer.daemon.node_context import NodeContext
from scorer.daemon.sections import Sanity, TournamentAt
from scorer.daemon.site import Site
from scorer.daemon.upkeep import tracker_from
from scorer.encryption.keys import parse_public
from scorer.observation.observe import RoundTracker
from scorer.operator.cache import OperatorCache
from scorer.operator.operator import Operator
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.cache import MemberCache
from scorer.oracle.challenges import challenged_rounds
from scorer.oracle.member import Member
from scorer.oracle.paths import MemberPaths
from scorer.oracle.policy import MemberPolicy
from scorer.oracle.sanity import SanityLimits
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node
from scorer.transactions.signers import Signer
from scorer.units import WEI_PER_NANO, nano_from_nmr

if TYPE_CHECKING:
    from scorer.daemon.bridge_watch import BridgeWatch

BEATS_MISSED: Final = 40
"""Cycles that may be missed, while one takes long, before the process counts as dead."""


@dataclass(frozen=True)
class Assembled:
    """A daemon with its journal open."""

    daemon: OracleDaemon | OperatorDaemon
    config: NodeConfig
    metrics: Metrics
    alarms: Alarms

    def loop(self) -> Loop:
        """Return what runs the daemon cycle after cycle."""
        interval = self.config.run.interval
        liveness = Liveness(longest=max(600.0, BEATS_MISSED * interval))
        return Loop(self.daemon.cycle, interval, self.metrics, self.alarms, liveness)


@contextmanager
def oracle(config: NodeConfig, *, send: bool, by_hand: bool = False) -> Iterator[Assembled]:
    """Assemble a committee member's daemon; a dry one without `send`. With `by_hand` it waits for nobody.

    Raises
    ------
    ConfigError
        When something is missing that an oracle needs.
    scorer.transactions.journal.JournalError
        When another process holds the journal.
    """
    files, rounds, targets = config.files, config.files.rounds, config.files.targets
    if rounds is None or targets is None:
        raise ConfigError("expected files.rounds and files.targets for an oracle, found neither or one")
    if (config.encryption is None) != (files.exchange is None):
        raise ConfigError(
            "expected encryption.file and files.exchange together, found one: decrypted predictions stay in "
            "files.rounds, and others read files.exchange"
        )
    identities = () if config.encryption is None else config.encryption.identities()
    keys = [config.key, *([config.relay] if config.relay else [])]
    with _node_context(config, [key.signer() for key in keys] if send else []) as context:
        address = config.key.signer().address
        seats = []
        for tournament, site in _sites(config):
            member = Member(
                MemberPaths(site.tournament, rounds, files.published, targets, files.peers, files.exchange),
                address,
                _policy(config, tournament, by_hand=by_hand),
                context.alarms.of(site.name),
                partial(_challenged, context, site),
                MemberCache(rounds=_tracker(context, site)),
                identities,
            )
            seats.append(MemberSeat(site, member))
        daemon = OracleDaemon(context, seats, _bridge_watch(config, context.alarms))
        yield Assembled(daemon, config, context.metrics, context.alarms)


@contextmanager
def operator(config: NodeConfig, *, send: bool) -> Iterator[Assembled]:
    """Assemble an operator's daemon; a dry one without `send`. Raises as `oracle` does."""
    if config.files.inbox is None:
        raise ConfigError("expected files.inbox for an operator, found none")
    with _node_context(config, [config.key.signer()] if send else []) as context:
        seats = []
        for tournament, site in _sites(config):
            worker = Operator(
                config.files.inbox,
                config.files.published,
                tournament.plans,
                config.run.slots_per_chunk,
                config.run.largest_submission_mib * 2**20,
                config.files.peers,
                context.alarms.of(site.name),
                OperatorCache(rounds=_tracker(context, site)),
            )
            seats.append(OperatorSeat(site, worker))
        yield Assembled(OperatorDaemon(context, seats), config, context.metrics, context.alarms)


def _bridge_watch(config: NodeConfig, alarms: Alarms) -> "BridgeWatch | None":
    if config.bridge is None:
        return None
    # Few members have a bridge to watch.
    from scorer.daemon.bridge_watch import watching

    return watching(config, config.bridge, alarms)


def _sites(config: NodeConfig) -> Iterator[tuple[TournamentAt, Site]]:
    """Yield every tournament of a configuration, which must not name one twice, with its contracts."""
    known: set[str] = set()
    for tournament in config.all_tournaments:
        addresses = config.addresses_at(tournament.deployment)
        site = Site(addresses, tournament.name or Web3.to_checksum_address(addresses.tournament))
        if known & {site.tournament, site.name}:
            raise ConfigError(
                f"{tournament.deployment}: expected each tournament, and each name, once, "
                f"found {site.name} again"
            )
        known |= {site.tournament, site.name}
        yield tournament, site


def _policy(config: NodeConfig, tournament: TournamentAt, *, by_hand: bool) -> MemberPolicy:
    run = config.run
    return MemberPolicy(
        proves=run.prove,
        challenges=run.challenge,
        largest_bond=nano_from_nmr(run.largest_bond_nmr) * WEI_PER_NANO,
        most_challenges=run.most_challenges,
        lost_challenges=frozenset(tournament.lost_challenges),
        stagger=0 if by_hand else run.stagger,
        roll_wait=0 if by_hand else run.roll_wait,
        disputed=frozenset(run.dispute),
        publication_grace=run.publication_grace,
        outcome_delay=int(run.outcome_delay * 3600),
        limits=_limits(config.sanity),
        recomputes=run.recompute,
        subscribers=tuple(map(parse_public, run.subscribers)),
    )


def _limits(sanity: Sanity) -> SanityLimits:
    return SanityLimits(
        sanity.uncovered_ppm, sanity.change_ppm, sanity.models_ppm, frozenset(sanity.accepted)
    )


def _tracker(context: NodeContext, site: Site) -> RoundTracker:
    journal = context.managers[0].journal if context.managers else None
    return tracker_from(journal, site.addresses.chain_id, site.tournament)


def _challenged(context: NodeContext, site: Site) -> list[int]:
    """Return the rounds that we challenged, with the account that votes; a dry run has challenged nothing."""
    return [
        round_id
        for manager in context.managers[:1]
        for round_id in challenged_rounds(manager.journal, site.addresses.chain_id, site.tournament)
    ]


def run(assembled: Assembled, *, cycles: int | None = None) -> None:
    """Run a daemon until it is asked to stop, and serve its health meanwhile."""
    loop = assembled.loop()
    port = assembled.config.run.port
    health: Any = served(port, loop.metrics, loop.liveness) if port else nullcontext()
    with health, stopped_by_signals(loop.stop):
        loop.run(cycles)


@contextmanager
def _node_context(config: NodeConfig, signers: list[Signer]) -> Iterator[NodeContext]:
    endpoints = config.endpoints()
    metrics = Metrics()
    alarms = Alarms(metrics)
    # A dry run opens no journal, so that it can run beside a daemon that sends.
    with Journal.open(config.journal.location) if signers else nullcontext() as journal:
        node = Web3Node(endpoints.any())
        managers = [_manager(config, journal, node, signer, alarms) for signer in signers if journal]
        least = int(config.run.least_balance * 10**18)
        stall, keep = config.chain.finality_stall, config.journal.keep_days
        yield NodeContext(endpoints, metrics, alarms, time.time, managers, stall, least, keep)


def _manager(
    config: NodeConfig, journal: Journal, node: Web3Node, signer: Signer, alarms: Alarms
) -> TransactionManager:
    def raise_alarm(kind: str, detail: str) -> None:
        """Raise a transaction's alarm, whose kind is the name of a reason: a test holds them together."""
        alarms.call(AlarmReason[kind], detail)

    return TransactionManager(
        journal,
        node,
        signer,
        config.chain.chain_id,
        config.chain.fees,
        most_gas=config.chain.most_gas,
        alarm=raise_alarm,
    )
