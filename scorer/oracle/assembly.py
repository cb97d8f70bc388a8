"""Puts a daemon together from its configuration."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from web3 import Web3

from scorer.chain.contracts import Suite
from scorer.chain.journal import Journal
from scorer.chain.node import Web3Node
from scorer.chain.outbox import Outbox
from scorer.chain.signers import Signer
from scorer.config import ConfigError, NodeConfig, Sanity
from scorer.oracle.challenges import challenged_rounds
from scorer.oracle.daemon import OperatorDaemon, OracleDaemon, Station
from scorer.oracle.health import served
from scorer.oracle.loop import Bell, Loop, stopped_by_signals
from scorer.oracle.member import Duty, Files, Member
from scorer.oracle.metrics import Metrics, Pulse
from scorer.oracle.operating import Operating
from scorer.oracle.sanity import Limits
from scorer.units import WEI_PER_NANO, nano_from_nmr

BEATS_MISSED: Final = 40
"""Cycles that may be missed, while one takes long, before the process counts as dead."""


@dataclass(frozen=True)
class Assembled:
    """A daemon with its journal open."""

    daemon: OracleDaemon | OperatorDaemon
    config: NodeConfig
    metrics: Metrics
    bell: Bell

    def loop(self) -> Loop:
        """The daemon, to be run."""
        interval = self.config.run.interval
        pulse = Pulse(longest=max(600.0, BEATS_MISSED * interval))
        return Loop(self.daemon.cycle, interval, self.metrics, self.bell, pulse)


@contextmanager
def oracle(config: NodeConfig, *, send: bool, by_hand: bool = False) -> Iterator[Assembled]:
    """A committee member's daemon; a dry one without `send`. `by_hand`: it waits for nobody's turn.

    Raises
    ------
    ConfigError
        When something is missing that an oracle needs.
    scorer.chain.journal.JournalError
        When another process holds the journal.
    """
    if config.files.rounds is None or config.files.targets is None:
        raise ConfigError("expected files.rounds and files.targets for an oracle, found neither or one")
    files = Files(config.files.rounds, config.files.published, config.files.targets, config.files.peers)
    keys = [config.key, *([config.relay] if config.relay else [])]
    with _station(config, [key.signer() for key in keys] if send else []) as (station, suite):
        duty = Duty(
            challenges=config.run.challenge,
            largest_bond=nano_from_nmr(config.run.largest_bond_nmr) * WEI_PER_NANO,
            most_challenges=config.run.most_challenges,
            challenged=partial(_challenged, station),
            lost_challenges=frozenset(config.run.lost_challenges),
            stagger=0 if by_hand else config.run.stagger,
            disputed=frozenset(config.run.dispute),
            publication_grace=config.run.publication_grace,
            outcome_delay=int(config.run.outcome_delay * 3600),
            limits=_limits(config.sanity),
            recomputes=config.run.recompute,
            alarm=station.bell.ring,
        )
        member = Member(suite, files, config.key.signer().address, None, duty=duty)
        yield Assembled(OracleDaemon(station, member), config, station.metrics, station.bell)


@contextmanager
def operator(config: NodeConfig, *, send: bool) -> Iterator[Assembled]:
    """An operator's daemon; a dry one without `send`. Raises as `oracle` does."""
    if config.files.inbox is None:
        raise ConfigError("expected files.inbox for an operator, found none")
    with _station(config, [config.key.signer()] if send else []) as (station, suite):
        folders = config.files
        operating = Operating(
            suite,
            config.files.inbox,
            folders.published,
            None,
            folders.plans,
            config.run.slots_per_chunk,
            largest=config.run.largest_submission_mib * 2**20,
            alarm=station.bell.ring,
        )
        yield Assembled(OperatorDaemon(station, operating), config, station.metrics, station.bell)


def _limits(sanity: Sanity) -> Limits:
    return Limits(sanity.uncovered_ppm, sanity.change_ppm, sanity.models_ppm, frozenset(sanity.accepted))


def _challenged(station: Station) -> list[int]:
    """Only the account that votes challenges; a dry run has no journal, and has challenged nothing."""
    where = station.addresses
    tournament = Web3.to_checksum_address(where.tournament)
    return [
        round_id
        for outbox in station.outboxes[:1]
        for round_id in challenged_rounds(outbox.journal, where.chain_id, tournament)
    ]


def run(assembled: Assembled, *, cycles: int | None = None) -> None:
    """Run a daemon until it is told to stop, and serve its health meanwhile."""
    loop = assembled.loop()
    port = assembled.config.run.port
    health: Any = served(port, loop.metrics, loop.pulse) if port else nullcontext()
    with health, stopped_by_signals(loop.stop):
        loop.run(cycles)


@contextmanager
def _station(config: NodeConfig, signers: list[Signer]) -> Iterator[tuple[Station, Suite]]:
    addresses, endpoints = config.addresses(), config.endpoints()
    suite = Suite.at(endpoints.any(), addresses)
    metrics = Metrics()
    bell = Bell(metrics)
    with Journal.open(config.journal.location) if signers else nullcontext() as journal:
        outboxes = [_outbox(config, journal, suite, signer, bell) for signer in signers if journal]
        least = int(config.run.least_balance * 10**18)
        stall = config.chain.finality_stall
        station = Station(endpoints, addresses, metrics, bell, time.time, outboxes, stall, least)
        station.suites[suite.w3] = suite
        yield station, suite


def _outbox(config: NodeConfig, journal: Journal, suite: Suite, signer: Signer, bell: Bell) -> Outbox:
    return Outbox(
        journal,
        Web3Node(suite.w3),
        signer,
        config.chain.chain_id,
        config.chain.fees,
        most_gas=config.chain.most_gas,
        alarm=bell.ring,
    )
