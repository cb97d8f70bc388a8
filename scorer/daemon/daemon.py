"""The oracle and the operator as daemons: pin an endpoint, look after what was signed, then do one cycle."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from web3 import Web3

from scorer.chain.contracts import Addresses, Suite
from scorer.chain.endpoints import Block, Endpoints, Health, NoAgreement, Pinned
from scorer.daemon.loop import Alarms, UnknownVersion
from scorer.daemon.metrics import Metrics
from scorer.daemon.upkeep import tidy
from scorer.errors import CupelError
from scorer.observation.observe import RoundTracker
from scorer.operator.operator import Operator, OperatorAction
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.decide import Alarm
from scorer.oracle.failures import CHAIN_FAILED, OF_OUR_OWN, apart, reason_of
from scorer.oracle.member import ActionResult, Member
from scorer.oracle.quorum_check import QuorumCheck, host_of
from scorer.protocol.report import REPORT_VERSION
from scorer.storage.bundle import Bundle
from scorer.transactions.intents import IntentState
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node

KEEP_DAYS: Final = 365
FINALITY_STALL: Final = 600
"""Seconds that the latest block may be ahead of the finalised one: Polygon's finality once stood for 900."""
_MAY_BE_AN_ENDPOINT: Final = CHAIN_FAILED | {
    AlarmReason.DEFECT,
    AlarmReason.ENDPOINTS_DISAGREE,
    AlarmReason.NO_REPORT,
    AlarmReason.PUBLISHED_MISMATCH,
}
"""Alarms after which the next cycle reads from another endpoint, if there is one."""


class UnknownTournament(CupelError, ValueError):
    """A tournament was asked for that the daemon does not serve, or none where it serves several."""


@dataclass
class Site:
    """The contracts of one tournament, as each endpoint shows them.

    Attributes
    ----------
    name
        What logs and metrics call the tournament.
    """

    addresses: Addresses
    name: str = ""
    suites: dict[Web3, Suite] = field(default_factory=dict)
    heard: set[tuple[Suite, int]] = field(default_factory=set)
    _is_checked: bool = field(default=False, init=False)

    def at(self, w3: Web3) -> Suite:
        """Binding contracts takes longer than most cycles: once for each endpoint."""
        suite = self.suites.get(w3)
        if suite is None:
            suite = self.suites[w3] = Suite.at(w3, self.addresses)
        return suite

    def checked(self, pinned: Pinned) -> Suite:
        """The contracts, once they are known to be of our version: they cannot change in place."""
        suite = self.at(pinned.w3)
        if not self._is_checked:
            check_version(suite, pinned.block.number)
            self._is_checked = True
        return suite

    def witnesses(self, pinned: Pinned, agreement: int) -> QuorumCheck:
        """Endpoints of other hosts than the pinned one; as many must confirm as must agree on a block."""
        by_host = {host_of(suite): suite for suite in map(self.at, pinned.others)}
        by_host.pop(pinned.host, None)
        return QuorumCheck(tuple(by_host.values()), agreement - 1, self.heard)


@dataclass
class NodeContext:
    """What every daemon stands on, whatever number of tournaments it serves.

    Attributes
    ----------
    finality_stall
        Seconds between the finalised and the latest block after which nothing is sent.
    least_balance
        Wei below which an account is almost empty.
    clock
        Local time, Unix seconds: told, and never decided by.
    keep_days
        How long the journal keeps what it need not.
    """

    endpoints: Endpoints
    metrics: Metrics
    bell: Alarms
    clock: Callable[[], float]
    managers: Sequence[TransactionManager] = ()
    finality_stall: int = FINALITY_STALL
    least_balance: int = 0
    keep_days: int = KEEP_DAYS

    def cycle(
        self, act: Callable[[Pinned, Sequence[TransactionManager]], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Pin, look after what was signed, and let `act` do the rest; what happened, for the log."""
        pinned = self._pin()
        try:
            return self._on(pinned, act)
        except Exception as error:
            if reason_of(error) not in OF_OUR_OWN:
                self.endpoints.demote(pinned.host)
            raise

    def _on(
        self, pinned: Pinned, act: Callable[[Pinned, Sequence[TransactionManager]], Mapping[str, Any]]
    ) -> dict[str, Any]:
        told: dict[str, Any] = {"endpoint": pinned.host, "block": pinned.block.number}
        behind = pinned.latest.timestamp - pinned.block.timestamp
        if behind > self.finality_stall:
            self.bell.ring("FINALITY_STALLED", f"the finalised block {pinned.block.number} is {behind} s old")
            self.endpoints.demote(pinned.host)  # it may be the only one that says so
            return told | {"stalled": behind}
        managers = [replace(manager, node=Web3Node.at(pinned)) for manager in self.managers]
        for manager in managers:
            with apart(f"transactions of {manager.address}", self.bell.ring):
                manager.pump()
        told |= act(pinned, managers)
        self._tell_accounts(pinned.w3, managers, pinned.latest.timestamp)
        if self.bell.rung & {reason.name for reason in _MAY_BE_AN_ENDPOINT}:
            self.endpoints.demote(pinned.host)
        return told

    def for_each(self, sites: Sequence[Site], act: Callable[[int], None]) -> None:
        """Let `act` do what is to be done in each tournament, by its place.

        Where there are several, what fails in one keeps no other waiting.
        """
        if len(sites) == 1:
            act(0)
            return
        for place, site in enumerate(sites):
            with apart(f"tournament {site.name}", self.bell.of(site.name)):
                try:
                    act(place)
                except UnknownVersion as error:
                    self.bell.ring("UNKNOWN_VERSION", str(error), site.name)

    def tidy(
        self, suite: Suite, tracker: RoundTracker, block: Block, managers: Sequence[TransactionManager]
    ) -> None:
        """Note and prune what is over of a tournament; accounts of a station share a journal."""
        for manager in managers[:1]:
            with apart("pruning of the journal", self.bell.ring):
                tidy(manager.journal, suite, tracker, block, self.keep_days)

    def _pin(self) -> Pinned:
        try:
            pinned = self.endpoints.pin()
        except NoAgreement as error:
            self._tell_endpoints(error.health)
            raise
        self._tell_endpoints(pinned.health)
        metrics = self.metrics
        metrics.finalised.set(pinned.block.number)
        metrics.finality_age.set(pinned.latest.timestamp - pinned.block.timestamp)
        metrics.head_age.set(self.clock() - pinned.latest.timestamp)
        metrics.endpoints_agreed.set(pinned.agreed)
        return pinned

    def _tell_endpoints(self, health: Sequence[Health]) -> None:
        for each in health:
            self.metrics.endpoint_up.labels(each.host).set(each.is_up)

    def _tell_accounts(self, w3: Web3, managers: Sequence[TransactionManager], now: int) -> None:
        states: Counter[IntentState] = Counter()
        oldest = 0
        for manager in managers:
            balance = w3.eth.get_balance(Web3.to_checksum_address(manager.address))
            self.metrics.balance.labels(manager.address).set(balance)
            if balance < self.least_balance:
                self.bell.ring("LOW_BALANCE", f"{manager.address} has {balance} wei for gas")
            for intent in manager.journal.open_intents(manager.address):
                states[intent.state] += 1
                if intent.state == IntentState.SENT:
                    oldest = max(oldest, now - manager.journal.attempts(intent)[0].signed_at)
        for state in (IntentState.SENT, IntentState.MINED):
            self.metrics.unfinished.labels(state.value).set(states[state])
        self.metrics.waiting.set(oldest)


def check_version(suite: Suite, block: int) -> None:
    """Refuse contracts of a version that this program does not know.

    Raises
    ------
    UnknownVersion
        Names the versions found, and the one that is known.
    """
    found = suite.versions(block)
    if found != (REPORT_VERSION, REPORT_VERSION):
        raise UnknownVersion(
            f"expected tournament and committee of version {REPORT_VERSION}, "
            f"found {found[0]} and {found[1]}; install the release of this program that knows them"
        )


@dataclass
class MemberSeat:
    """A committee member in one tournament."""

    site: Site
    member: Member


@dataclass
class OracleDaemon:
    """A committee member. The first outbox of its station votes, the second, if any, relays."""

    station: NodeContext
    seats: Sequence[MemberSeat]

    @property
    def member(self) -> Member:
        """The member in the first tournament."""
        return self.seats[0].member

    def cycle(self) -> dict[str, Any]:
        """One cycle over every unfinished round of every tournament."""
        return self.station.cycle(self._act)

    def steps(self, rounds: Sequence[int] | None = None, tournament: str | None = None) -> list[ActionResult]:
        """One cycle, over some rounds of a tournament alone; what was done."""
        seats = self.seats if rounds is None and tournament is None else [self._seat(tournament)]
        steps: list[ActionResult] = []

        def act(pinned: Pinned, managers: Sequence[TransactionManager]) -> dict[str, Any]:
            for each in self._steps(seats, pinned, managers, rounds).values():
                steps.extend(each)
            return {}

        told = self.station.cycle(act)
        if "stalled" in told:
            return [
                ActionResult(0, Alarm(f"finality is {told['stalled']} s behind: nothing is sent"), "stalled")
            ]
        return steps

    def recomputed(self, round_id: int, tournament: str | None = None) -> tuple[Bundle, bytes | None]:
        """Our bundle of a round, computed anew where it can be, and the hash that its report had before."""
        seat = self._seat(tournament)
        result: list[tuple[Bundle, bytes | None]] = []

        def act(pinned: Pinned, _: Sequence[TransactionManager]) -> dict[str, Any]:
            member = replace(seat.member, suite=seat.site.checked(pinned))
            result.append(member.recomputed(round_id, pinned.block))
            return {}

        self.station.cycle(act)
        return result[0]

    def _seat(self, tournament: str | None) -> MemberSeat:
        """The seat in the tournament that is named, or in the only one there is."""
        names = [seat.site.name for seat in self.seats]
        if tournament is None and len(names) == 1:
            return self.seats[0]
        for seat in self.seats:
            if tournament in (seat.site.name, seat.site.addresses.tournament):
                return seat
        raise UnknownTournament(f"expected one of the tournaments {', '.join(names)}, found {tournament}")

    def _act(self, pinned: Pinned, managers: Sequence[TransactionManager]) -> dict[str, Any]:
        found = self._steps(self.seats, pinned, managers, None)
        several = len(self.seats) > 1
        return {
            "steps": [
                f"{f'{name} ' if several else ''}{step.round_id} {type(step.action).__name__}: {step.outcome}"
                for name, steps in found.items()
                for step in steps
            ]
        }

    def _steps(
        self,
        seats: Sequence[MemberSeat],
        pinned: Pinned,
        managers: Sequence[TransactionManager],
        rounds: Sequence[int] | None,
    ) -> dict[str, list[ActionResult]]:
        """What was done in each tournament, by its name."""
        found: dict[str, list[ActionResult]] = {}

        def act(place: int) -> None:
            seat = seats[place]
            found[seat.site.name] = self._steps_of(seat, pinned, managers, rounds)

        self.station.metrics.rounds.clear()
        self.station.for_each([seat.site for seat in seats], act)
        return found

    def _steps_of(
        self,
        seat: MemberSeat,
        pinned: Pinned,
        managers: Sequence[TransactionManager],
        rounds: Sequence[int] | None,
    ) -> list[ActionResult]:
        sender, relay = (*managers, None, None)[:2]
        suite = seat.site.checked(pinned)
        witnesses = seat.site.witnesses(pinned, self.station.endpoints.agreement)
        member = replace(seat.member, suite=suite, sender=sender, relay=relay, witnesses=witnesses)
        steps = member.cycle(rounds, pinned.block)
        self._tell(seat.site.name, steps)
        self.station.tidy(suite, member.memory.rounds, pinned.block, managers)
        return steps

    def _tell(self, tournament: str, steps: Sequence[ActionResult]) -> None:
        metrics = self.station.metrics
        for name, count in Counter(type(step.action).__name__ for step in steps).items():
            metrics.rounds.labels(name, tournament).set(count)
            if name not in ("Wait", "Alarm"):
                metrics.actions.labels(name, tournament).inc(count)


@dataclass
class OperatorSeat:
    """The operator of one tournament."""

    site: Site
    operating: Operator


@dataclass
class OperatorDaemon:
    """The operator of one or several tournaments. The first outbox of its station sends."""

    station: NodeContext
    seats: Sequence[OperatorSeat]

    def cycle(self) -> dict[str, Any]:
        """One cycle: open, lock and seal what is due."""
        return {"deeds": [f"{deed.what}: {deed.outcome}" for deed in self.deeds()]}

    def deeds(self) -> list[OperatorAction]:
        """One cycle; what was done."""
        deeds: list[OperatorAction] = []

        def act(pinned: Pinned, managers: Sequence[TransactionManager]) -> dict[str, Any]:
            self.station.for_each(
                [seat.site for seat in self.seats],
                lambda place: deeds.extend(self._deeds_of(self.seats[place], pinned, managers)),
            )
            return {}

        self.station.cycle(act)
        return deeds

    def _deeds_of(
        self, seat: OperatorSeat, pinned: Pinned, managers: Sequence[TransactionManager]
    ) -> list[OperatorAction]:
        sender = managers[0] if managers else None
        suite = seat.site.checked(pinned)
        operating = replace(
            seat.operating,
            suite=suite,
            sender=sender,
            gas_budget=sender.budget if sender else None,
            witnesses=seat.site.witnesses(pinned, self.station.endpoints.agreement),
        )
        deeds = operating.work(pinned.block)
        for deed in deeds:
            action = deed.what.split()[-1].partition(":")[0]
            self.station.metrics.actions.labels(action, seat.site.name).inc()
        self.station.tidy(suite, operating.memory.rounds, pinned.block, managers)
        several = len(self.seats) > 1
        return [replace(deed, what=f"{seat.site.name} {deed.what}") for deed in deeds] if several else deeds
