"""Whatever happens to process and chain, an act that is wanted is executed once: a stateful search."""

import os
import tempfile
from pathlib import Path

import pytest
from eth_account import Account
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scorer import failpoints
from scorer.chain.fees import GWEI, FeePolicy
from scorer.transactions.intents import IntentState
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.request import TransactionRequest
from scorer.transactions.signers import KeySigner
from tests.chain.bor import Bor, read

SIGNER = KeySigner(Account.from_key(b"\x01" * 32))
ACTS = [f"act {number}" for number in range(4)]
LABELS = [label for label in failpoints.LABELS if not label.startswith(("report", "submissions"))]
ROUNDS_TO_HEAL = 200
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Processes end here, the machine does not: to wait for a disk at each of 30,000 commits proves nothing."""
ENOUGH = 62_500 * 240 * GWEI
"""Wei for an act at twice the fee cap that is bid once all is well again."""


class Died(BaseException):
    """The process ended."""


def die() -> None:
    raise Died


class ExactlyOnce(RuleBasedStateMachine):
    """A daemon that wants four acts done, in a world that does its worst."""

    @initialize(tip=st.sampled_from([1, 10 * GWEI, 30 * GWEI]))
    def start(self, tip: int) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=IN_MEMORY)
        self.chain = Bor()
        self.fees = FeePolicy(tip=tip, ceiling=2_000 * GWEI)
        self.alarms: list[str] = []
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(failpoints, "_die", die)
        self.open()

    def open(self) -> None:
        self.journal = Journal.open(Path(self.folder.name) / "journal.sqlite")
        self.manager = TransactionManager(
            self.journal,
            self.chain,
            SIGNER,
            chain_id=80002,
            fees=self.fees,
            longest=0,
            sleep=lambda _: None,
            alarm=lambda kind, detail: self.alarms.append(kind),
        )

    def work(self) -> None:
        """One cycle: what is not done at the finalised block is to be done."""
        known_at = self.chain.finalised
        self.manager.pump()
        done = self.chain.executed(known_at)
        for name in ACTS:
            if name.encode() not in done:
                self.manager.deliver(
                    TransactionRequest(name, SIGNER.address, name.encode(), known_at=known_at)
                )

    @rule()
    def cycle(self) -> None:
        self.work()

    @rule(label=st.sampled_from(LABELS))
    def cycle_that_is_killed(self, label: str) -> None:
        self.patch.setenv(failpoints.VARIABLE, label)
        try:
            self.work()
        except Died:
            self.journal.close()
            self.open()
        finally:
            self.patch.delenv(failpoints.VARIABLE)

    @rule(blocks=st.integers(1, 8))
    def mine(self, blocks: int) -> None:
        for _ in range(blocks):
            self.chain.mine()

    @rule(hours=st.sampled_from([1, 12]), funds=st.sampled_from([0, ENOUGH, None]))
    def hours_pass_with_funds(self, hours: int, funds: int | None) -> None:
        self.chain.balance = funds
        for _ in range(hours):
            self.work()
            self.chain.mine(seconds=3600)

    @rule()
    def drop_what_waits(self) -> None:
        self.chain.pool.clear()

    @rule(depth=st.integers(1, 6), back=st.sampled_from(["nothing", "what waited", "everything"]))
    def reorganise(self, depth: int, back: str) -> None:
        self.chain.reorganise(depth, back=back)

    @rule()
    def foreign_transaction_takes_our_nonce(self) -> None:
        self.chain.foreign()

    @rule(gwei=st.sampled_from([1, 30, 200, 900, 5_000]))
    def base_fee_moves(self, gwei: int) -> None:
        self.chain.base_fee = gwei * GWEI

    @rule(lost=st.booleans())
    def answers_get_lost(self, lost: bool) -> None:
        self.chain.loses_answers = lost

    @rule(refuses=st.booleans())
    def the_pool_is_full(self, refuses: bool) -> None:
        self.chain.refuses_everything = refuses

    @rule(cap=st.sampled_from([ENOUGH, None]))
    def the_endpoint_limits_what_a_transaction_costs(self, cap: int | None) -> None:
        self.chain.fee_cap = cap

    @rule(needed=st.sampled_from([21_000, 70_000]))
    def gas_costs_more_than_was_estimated(self, needed: int) -> None:
        self.chain.gas_needed = needed

    @rule(gwei=st.sampled_from([0, 40, 9_000]))
    def tips_move(self, gwei: int) -> None:
        self.chain.market_tip = gwei * GWEI

    @rule(frozen=st.booleans())
    def finality_stops(self, frozen: bool) -> None:
        self.chain.frozen_at = self.chain.finalised if frozen else None

    @invariant()
    def nothing_happens_twice(self) -> None:
        if hasattr(self, "chain"):
            executed = [data for data in self.chain.executed() if data.decode() in ACTS]
            assert len(executed) == len(set(executed)), executed

    @invariant()
    def no_tip_is_above_its_ceiling(self) -> None:
        if hasattr(self, "chain"):
            assert all(read(raw).tip <= self.fees.tip_ceiling for raw in self.chain.sent)

    def all_is_well_again(self) -> None:
        """But the account has, and the endpoint takes, no more than is needed."""
        chain = self.chain
        chain.base_fee, chain.market_tip, chain.frozen_at = 30 * GWEI, 0, None
        chain.loses_answers = chain.refuses_everything = False
        chain.balance = chain.fee_cap = ENOUGH
        chain.gas_needed = min(chain.gas_needed, 62_500)

    def teardown(self) -> None:
        if not hasattr(self, "chain"):
            return
        self.all_is_well_again()
        for _ in range(ROUNDS_TO_HEAL):
            self.work()
            self.chain.mine()
            done = set(self.chain.executed(self.chain.finalised))
            if set(map(str.encode, ACTS)) <= done and not self.journal.open_intents(SIGNER.address):
                break
            self.chain.mine()
        self.nothing_happens_twice()
        executed = self.chain.executed(self.chain.finalised)
        assert [executed.count(name.encode()) for name in ACTS] == [1] * len(ACTS)
        unfinished = [i for i in self.journal.intents() if i.state in (IntentState.SENT, IntentState.MINED)]
        assert unfinished == []
        self.journal.close()
        self.patch.undo()
        self.folder.cleanup()


TestExactlyOnce = ExactlyOnce.TestCase
# The same search each time: a new find belongs in front of whoever searches, not of whoever commits.
# CUPEL_SEARCH=1000 pytest tests/transactions/test_exactly_once.py searches anew, and longer.
EXAMPLES = int(os.environ.get("CUPEL_SEARCH", "40"))
TestExactlyOnce.settings = settings(
    max_examples=EXAMPLES,
    derandomize="CUPEL_SEARCH" not in os.environ,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
