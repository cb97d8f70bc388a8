"""Puts a daemon together from its configuration."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from web3 import Web3

from scorer.chain.contracts import Suite
from scorer.daemon.configuration import ConfigError, NodeConfig, Sanity, TournamentAt
from scorer.daemon.daemon import MemberSeat, NodeContext, OperatorDaemon, OperatorSeat, OracleDaemon, Site
from scorer.daemon.health import served
from scorer.daemon.loop import Alarms, Loop, stopped_by_signals
from scorer.daemon.metrics import Liveness, Metrics
from scorer.daemon.upkeep import tracker_from
from scorer.observation.observe import RoundTracker
from scorer.operator.operator import Operator, OperatorCache
from scorer.oracle.challenges import challenged_rounds
from scorer.oracle.member import Member, MemberCache, MemberPaths, MemberPolicy
from scorer.oracle.sanity import SanityLimits
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node
from scorer.transactions.signers import Signer
from scorer.units import WEI_PER_NANO, nano_from_nmr

SeatT = TypeVar("SeatT")
BEATS_MISSED: Final = 40
"""Cycles that may be missed, while one takes long, before the process counts as dead."""


@dataclass(frozen=True)
class Assembled:
    """A daemon with its journal open."""

    daemon: OracleDaemon | OperatorDaemon
    config: NodeConfig
    metrics: Metrics
    bell: Alarms

    def loop(self) -> Loop:
        """The daemon, to be run."""
        interval = self.config.run.interval
        pulse = Liveness(longest=max(600.0, BEATS_MISSED * interval))
        return Loop(self.daemon.cycle, interval, self.metrics, self.bell, pulse)


@contextmanager
def oracle(config: NodeConfig, *, send: bool, by_hand: bool = False) -> Iterator[Assembled]:
    """A committee member's daemon; a dry one without `send`. `by_hand`: it waits for nobody.

    Raises
    ------
    ConfigError
        When something is missing that an oracle needs.
    scorer.transactions.journal.JournalError
        When another process holds the journal.
    """
    if config.files.rounds is None or config.files.targets is None:
        raise ConfigError("expected files.rounds and files.targets for an oracle, found neither or one")
    files = MemberPaths(config.files.rounds, config.files.published, config.files.targets, config.files.peers)
    keys = [config.key, *([config.relay] if config.relay else [])]
    with _station(config, [key.signer() for key in keys] if send else []) as station:
        address = config.key.signer().address

        def seat(tournament: TournamentAt, site: Site, suite: Suite) -> MemberSeat:
            duty = MemberPolicy(
                challenges=config.run.challenge,
                largest_bond=nano_from_nmr(config.run.largest_bond_nmr) * WEI_PER_NANO,
                most_challenges=config.run.most_challenges,
                challenged=partial(_challenged, station, site),
                lost_challenges=frozenset(tournament.lost_challenges),
                stagger=0 if by_hand else config.run.stagger,
                roll_wait=0 if by_hand else config.run.roll_wait,
                disputed=frozenset(config.run.dispute),
                publication_grace=config.run.publication_grace,
                outcome_delay=int(config.run.outcome_delay * 3600),
                limits=_limits(config.sanity),
                recomputes=config.run.recompute,
                alarm=station.bell.of(site.name),
            )
            memory = MemberCache(rounds=_tracker(station, site))
            return MemberSeat(site, Member(suite, files, address, None, duty=duty, memory=memory))

        daemon = OracleDaemon(station, _seats(config, station, seat))
        yield Assembled(daemon, config, station.metrics, station.bell)


@contextmanager
def operator(config: NodeConfig, *, send: bool) -> Iterator[Assembled]:
    """An operator's daemon; a dry one without `send`. Raises as `oracle` does."""
    if config.files.inbox is None:
        raise ConfigError("expected files.inbox for an operator, found none")
    inbox, published = config.files.inbox, config.files.published
    with _station(config, [config.key.signer()] if send else []) as station:

        def seat(tournament: TournamentAt, site: Site, suite: Suite) -> OperatorSeat:
            operating = Operator(
                suite,
                inbox,
                published,
                None,
                tournament.plans,
                config.run.slots_per_chunk,
                largest=config.run.largest_submission_mib * 2**20,
                peers=config.files.peers,
                alarm=station.bell.of(site.name),
                memory=OperatorCache(rounds=_tracker(station, site)),
            )
            return OperatorSeat(site, operating)

        daemon = OperatorDaemon(station, _seats(config, station, seat))
        yield Assembled(daemon, config, station.metrics, station.bell)


def _seats(
    config: NodeConfig, station: NodeContext, seat: Callable[[TournamentAt, Site, Suite], SeatT]
) -> list[SeatT]:
    """A seat in every tournament of a configuration, which must not name one twice."""
    seats: dict[str, SeatT] = {}
    names: set[str] = set()
    for tournament in config.all_tournaments:
        addresses = config.addresses_at(tournament.deployment)
        address = Web3.to_checksum_address(addresses.tournament)
        site = Site(addresses, tournament.name or address)
        if address in seats or site.name in names:
            raise ConfigError(
                f"{tournament.deployment}: expected each tournament, and each name, once, "
                f"found {site.name} again"
            )
        seats[address] = seat(tournament, site, site.at(station.endpoints.any()))
        names.add(site.name)
    return list(seats.values())


def _tracker(station: NodeContext, site: Site) -> RoundTracker:
    journal = station.managers[0].journal if station.managers else None
    return tracker_from(journal, site.addresses.chain_id, Web3.to_checksum_address(site.addresses.tournament))


def _limits(sanity: Sanity) -> SanityLimits:
    return SanityLimits(
        sanity.uncovered_ppm, sanity.change_ppm, sanity.models_ppm, frozenset(sanity.accepted)
    )


def _challenged(station: NodeContext, site: Site) -> list[int]:
    """Only the account that votes challenges; a dry run has no journal, and has challenged nothing."""
    where = site.addresses
    tournament = Web3.to_checksum_address(where.tournament)
    return [
        round_id
        for manager in station.managers[:1]
        for round_id in challenged_rounds(manager.journal, where.chain_id, tournament)
    ]


def run(assembled: Assembled, *, cycles: int | None = None) -> None:
    """Run a daemon until it is told to stop, and serve its health meanwhile."""
    loop = assembled.loop()
    port = assembled.config.run.port
    health: Any = served(port, loop.metrics, loop.pulse) if port else nullcontext()
    with health, stopped_by_signals(loop.stop):
        loop.run(cycles)


@contextmanager
def _station(config: NodeConfig, signers: list[Signer]) -> Iterator[NodeContext]:
    endpoints = config.endpoints()
    metrics = Metrics()
    bell = Alarms(metrics)
    with Journal.open(config.journal.location) if signers else nullcontext() as journal:
        node = Web3Node(endpoints.any())
        managers = [_outbox(config, journal, node, signer, bell) for signer in signers if journal]
        least = int(config.run.least_balance * 10**18)
        stall, keep = config.chain.finality_stall, config.journal.keep_days
        yield NodeContext(endpoints, metrics, bell, time.time, managers, stall, least, keep)


def _outbox(
    config: NodeConfig, journal: Journal, node: Web3Node, signer: Signer, bell: Alarms
) -> TransactionManager:
    return TransactionManager(
        journal,
        node,
        signer,
        config.chain.chain_id,
        config.chain.fees,
        most_gas=config.chain.most_gas,
        alarm=bell.ring,
    )
