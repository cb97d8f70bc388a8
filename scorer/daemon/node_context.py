"""The services that every daemon stands on: endpoints, accounts, alarms and metrics."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from web3 import Web3

from scorer.chain.contracts import Suite
from scorer.chain.endpoints import Block, Endpoints, Health, NoAgreement, Pinned
from scorer.daemon.alarms import Alarms
from scorer.daemon.metrics import Metrics
from scorer.daemon.site import Site, UnknownVersion
from scorer.daemon.upkeep import tidy
from scorer.observation.observe import RoundTracker
from scorer.oracle.alarm_reasons import AlarmReason
from scorer.oracle.context import CycleContext
from scorer.oracle.failures import CHAIN_FAILED, OF_OUR_OWN, apart, reason_of
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


@dataclass(frozen=True)
class PinnedCycle:
    """The chain as one cycle of a daemon reads it, for all tournaments.

    Attributes
    ----------
    managers
        The accounts that send: the first as a member or an operator, the second, if any, relays.
    stalled
        Seconds by which finality is behind where it is too far behind to send anything, else 0.
    """

    pinned: Pinned
    managers: Sequence[TransactionManager] = ()
    stalled: int = 0

    def context_at(self, site: Site) -> CycleContext:
        """Return the context of one tournament.

        Raises
        ------
        UnknownVersion
            When its contracts are of a version that this program does not know.
        """
        sender, relay = (*self.managers, None, None)[:2]
        return CycleContext(
            site.checked(self.pinned),
            self.pinned.block,
            site.quorum_check(self.pinned),
            sender,
            relay,
            sender.budget if sender else None,
        )


@dataclass
class NodeContext:
    """The endpoints, accounts, alarms and metrics of one process, which may serve several tournaments.

    Attributes
    ----------
    clock
        Returns local time, Unix seconds, for metrics alone: nothing is decided by it.
    finality_stall
        Seconds between the finalised and the latest block after which nothing is sent.
    least_balance
        Wei below which an account is almost empty.
    keep_days
        Days for which the journal keeps what it need not.
    """

    endpoints: Endpoints
    metrics: Metrics
    alarms: Alarms
    clock: Callable[[], float]
    managers: Sequence[TransactionManager] = ()
    finality_stall: int = FINALITY_STALL
    least_balance: int = 0
    keep_days: int = KEEP_DAYS

    @contextmanager
    def cycle(self) -> Iterator[PinnedCycle]:
        """Pin an endpoint, look after what was signed, and leave the rest of the cycle to the caller.

        An endpoint that may be at fault for what goes wrong meanwhile is asked last from then on.
        """
        pinned = self._pin()
        try:
            # By the chain's own times: the local clock may be wrong.
            behind = pinned.latest.timestamp - pinned.block.timestamp
            if behind > self.finality_stall:
                self._report_stall(pinned, behind)
                yield PinnedCycle(pinned, stalled=behind)
                return
            managers = self._tended_managers(pinned)
            yield PinnedCycle(pinned, managers)
            self._report_accounts(pinned.w3, managers, pinned.latest.timestamp)
            if self.alarms.raised & _MAY_BE_AN_ENDPOINT:
                self.endpoints.demote(pinned.host)
        except Exception as error:
            if reason_of(error) not in OF_OUR_OWN:
                self.endpoints.demote(pinned.host)
            raise

    @contextmanager
    def apart(self, site: Site) -> Iterator[None]:
        """Keep a failure in one of several tournaments from the others."""
        with apart(f"tournament {site.name}", self.alarms.of(site.name)):
            try:
                yield
            except UnknownVersion as error:
                self.alarms.call(AlarmReason.UNKNOWN_VERSION, str(error), site.name)

    def tidy(self, suite: Suite, tracker: RoundTracker, block: Block) -> None:
        """Note and prune what is over of a tournament; the accounts of a process share a journal."""
        for manager in self.managers[:1]:
            with apart("pruning of the journal", self.alarms.call):
                tidy(manager.journal, suite, tracker, block, self.keep_days)

    def _report_stall(self, pinned: Pinned, behind: int) -> None:
        text = f"the finalised block {pinned.block.number} is {behind} s old"
        self.alarms.call(AlarmReason.FINALITY_STALLED, text)
        self.endpoints.demote(pinned.host)  # it may be the only one that says so

    def _tended_managers(self, pinned: Pinned) -> list[TransactionManager]:
        """Return the accounts at the pinned endpoint, after a look at what they signed and is not final."""
        managers = [replace(manager, node=Web3Node.at(pinned)) for manager in self.managers]
        for manager in managers:
            with apart(f"transactions of {manager.address}", self.alarms.call):
                manager.pump()
        return managers

    def _pin(self) -> Pinned:
        try:
            pinned = self.endpoints.pin()
        except NoAgreement as error:
            self._report_endpoints(error.health)
            raise
        self._report_endpoints(pinned.health)
        metrics = self.metrics
        metrics.finalised.set(pinned.block.number)
        metrics.finality_age.set(pinned.latest.timestamp - pinned.block.timestamp)
        metrics.head_age.set(self.clock() - pinned.latest.timestamp)
        metrics.endpoints_agreed.set(pinned.agreed)
        return pinned

    def _report_endpoints(self, health: Sequence[Health]) -> None:
        for endpoint in health:
            self.metrics.endpoint_up.labels(endpoint.host).set(endpoint.is_up)

    def _report_accounts(self, w3: Web3, managers: Sequence[TransactionManager], now: int) -> None:
        """Measure the accounts' balances and waiting transactions, and call a human for one almost empty."""
        states: Counter[IntentState] = Counter()
        oldest = 0
        for manager in managers:
            balance = w3.eth.get_balance(Web3.to_checksum_address(manager.address))
            self.metrics.balance.labels(manager.address).set(balance)
            if balance < self.least_balance:
                text = f"{manager.address} has {balance} wei for gas"
                self.alarms.call(AlarmReason.LOW_BALANCE, text)
            for intent in manager.journal.open_intents(manager.address):
                states[intent.state] += 1
                if intent.state == IntentState.SENT:
                    oldest = max(oldest, now - manager.journal.attempts(intent)[0].signed_at)
        for state in (IntentState.SENT, IntentState.MINED):
            self.metrics.unfinished.labels(state.value).set(states[state])
        self.metrics.waiting.set(oldest)
