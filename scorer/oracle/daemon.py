"""The oracle and the operator as daemons: pin an endpoint, look after what was signed, then do one cycle."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from web3 import Web3

from scorer.chain.contracts import Addresses, Suite
from scorer.chain.endpoints import Endpoints, Health, NoAgreement, Pinned
from scorer.chain.outbox import Outbox
from scorer.chain.transactions import State
from scorer.oracle.decide import Alarm
from scorer.oracle.failures import CHAIN_FAILED, OF_OUR_OWN, apart, reason_of
from scorer.oracle.loop import Bell, UnknownVersion
from scorer.oracle.member import Member, Step
from scorer.oracle.metrics import Metrics
from scorer.oracle.operating import Deed, Operating
from scorer.oracle.reasons import Reason
from scorer.oracle.witnesses import Witnesses, host_of
from scorer.rounds.report import REPORT_VERSION
from scorer.store.bundle import Bundle

FINALITY_STALL: Final = 600
"""Seconds that the latest block may be ahead of the finalised one: Polygon's finality once stood for 900."""
_MAY_BE_AN_ENDPOINT: Final = CHAIN_FAILED | {Reason.ENDPOINTS_DISAGREE, Reason.DEFECT}
"""Alarms after which the next cycle reads from another endpoint, if there is one."""


@dataclass
class Station:
    """What every daemon stands on.

    Attributes
    ----------
    finality_stall
        Seconds between the finalised and the latest block after which nothing is sent.
    least_balance
        Wei below which an account is almost empty.
    clock
        Local time, Unix seconds: told, and never decided by.
    """

    endpoints: Endpoints
    addresses: Addresses
    metrics: Metrics
    bell: Bell
    clock: Callable[[], float]
    outboxes: Sequence[Outbox] = ()
    finality_stall: int = FINALITY_STALL
    least_balance: int = 0
    _checked: bool = field(default=False, init=False)
    suites: dict[Web3, Suite] = field(default_factory=dict, init=False)
    heard: set[tuple[Suite, int]] = field(default_factory=set, init=False)

    def cycle(self, act: Callable[[Suite, Pinned, Sequence[Outbox]], Mapping[str, Any]]) -> dict[str, Any]:
        """Pin, look after what was signed, and let `act` do the rest; what happened, for the log."""
        pinned = self._pin()
        try:
            return self._on(pinned, act)
        except Exception as error:
            if reason_of(error) not in OF_OUR_OWN:
                self.endpoints.demote(pinned.host)
            raise

    def _on(
        self, pinned: Pinned, act: Callable[[Suite, Pinned, Sequence[Outbox]], Mapping[str, Any]]
    ) -> dict[str, Any]:
        suite = self._suite(pinned.w3)
        self._check_version(suite, pinned.block.number)
        told: dict[str, Any] = {"endpoint": pinned.host, "block": pinned.block.number}
        behind = pinned.latest.timestamp - pinned.block.timestamp
        if behind > self.finality_stall:
            self.bell.ring("FINALITY_STALLED", f"the finalised block {pinned.block.number} is {behind} s old")
            return told | {"stalled": behind}
        outboxes = [replace(outbox, node=pinned.node) for outbox in self.outboxes]
        for outbox in outboxes:
            with apart(f"transactions of {outbox.address}", self.bell.ring):
                outbox.pump()
        told |= act(suite, pinned, outboxes)
        self._tell_accounts(suite.w3, outboxes, pinned.latest.timestamp)
        if self.bell.rung & {reason.name for reason in _MAY_BE_AN_ENDPOINT}:
            self.endpoints.demote(pinned.host)
        return told

    def witnesses(self, pinned: Pinned) -> Witnesses:
        """Endpoints of other hosts than the pinned one; as many must confirm as must agree on a block."""
        by_host = {host_of(suite): suite for suite in map(self._suite, pinned.others)}
        by_host.pop(pinned.host, None)
        return Witnesses(tuple(by_host.values()), self.endpoints.agreement - 1, self.heard)

    def _suite(self, w3: Web3) -> Suite:
        """Binding contracts takes longer than most cycles: once for each endpoint."""
        suite = self.suites.get(w3)
        if suite is None:
            suite = self.suites[w3] = Suite.at(w3, self.addresses)
        return suite

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

    def _check_version(self, suite: Suite, block: int) -> None:
        """Contracts cannot change in place: once is enough."""
        if self._checked:
            return
        check_version(suite, block)
        self._checked = True

    def _tell_accounts(self, w3: Web3, outboxes: Sequence[Outbox], now: int) -> None:
        states: Counter[State] = Counter()
        oldest = 0
        for outbox in outboxes:
            balance = w3.eth.get_balance(Web3.to_checksum_address(outbox.address))
            self.metrics.balance.labels(outbox.address).set(balance)
            if balance < self.least_balance:
                self.bell.ring("LOW_BALANCE", f"{outbox.address} has {balance} wei for gas")
            for intent in outbox.journal.open_intents(outbox.address):
                states[intent.state] += 1
                if intent.state == State.SENT:
                    oldest = max(oldest, now - outbox.journal.attempts(intent)[0].signed_at)
        for state in (State.SENT, State.MINED):
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
class OracleDaemon:
    """A committee member. The first outbox of its station votes, the second, if any, relays."""

    station: Station
    member: Member

    def cycle(self) -> dict[str, Any]:
        """One cycle over every unfinished round."""
        return self.station.cycle(self._act)

    def steps(self, rounds: Sequence[int] | None = None) -> list[Step]:
        """One cycle, over some rounds alone; what was done."""
        steps: list[Step] = []

        def act(suite: Suite, pinned: Pinned, outboxes: Sequence[Outbox]) -> dict[str, Any]:
            steps.extend(self._steps(suite, pinned, outboxes, rounds))
            return {}

        told = self.station.cycle(act)
        if "stalled" in told:
            return [Step(0, Alarm(f"finality is {told['stalled']} s behind: nothing is sent"), "stalled")]
        return steps

    def recomputed(self, round_id: int) -> tuple[Bundle, bytes | None]:
        """Our bundle of a round, computed anew where it can be, and the hash that its report had before."""
        result: list[tuple[Bundle, bytes | None]] = []

        def act(suite: Suite, pinned: Pinned, _: Sequence[Outbox]) -> dict[str, Any]:
            result.append(replace(self.member, suite=suite).recomputed(round_id, pinned.block))
            return {}

        self.station.cycle(act)
        return result[0]

    def _act(self, suite: Suite, pinned: Pinned, outboxes: Sequence[Outbox]) -> dict[str, Any]:
        steps = self._steps(suite, pinned, outboxes, None)
        return {"steps": [f"{s.round_id} {type(s.action).__name__}: {s.outcome}" for s in steps]}

    def _steps(
        self, suite: Suite, pinned: Pinned, outboxes: Sequence[Outbox], rounds: Sequence[int] | None
    ) -> list[Step]:
        sender, relay = (*outboxes, None, None)[:2]
        member = replace(
            self.member,
            suite=suite,
            sender=sender,
            relay=relay,
            witnesses=self.station.witnesses(pinned),
        )
        steps = member.cycle(rounds, pinned.block)
        self._tell(steps)
        return steps

    def _tell(self, steps: Sequence[Step]) -> None:
        metrics = self.station.metrics
        metrics.rounds.clear()
        for name, count in Counter(type(step.action).__name__ for step in steps).items():
            metrics.rounds.labels(name).set(count)
            if name not in ("Wait", "Alarm"):
                metrics.actions.labels(name).inc(count)


@dataclass
class OperatorDaemon:
    """The operator of a tournament. The first outbox of its station sends."""

    station: Station
    operating: Operating

    def cycle(self) -> dict[str, Any]:
        """One cycle: open, lock and seal what is due."""
        return {"deeds": [f"{deed.what}: {deed.outcome}" for deed in self.deeds()]}

    def deeds(self) -> list[Deed]:
        """One cycle; what was done."""
        deeds: list[Deed] = []

        def act(suite: Suite, pinned: Pinned, outboxes: Sequence[Outbox]) -> dict[str, Any]:
            deeds.extend(self._deeds(suite, pinned, outboxes))
            return {}

        self.station.cycle(act)
        return deeds

    def _deeds(self, suite: Suite, pinned: Pinned, outboxes: Sequence[Outbox]) -> list[Deed]:
        courier = outboxes[0] if outboxes else None
        operating = replace(
            self.operating, suite=suite, courier=courier, gas_budget=courier.budget if courier else None
        )
        deeds = operating.work(pinned.block)
        for deed in deeds:
            self.station.metrics.actions.labels(deed.what.split()[-1].partition(":")[0]).inc()
        return deeds
