"""Requests on a chain that misbehaves: every case ends in the right state."""

from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account

from scorer.chain.fees import GWEI, FeePolicy
from scorer.chain.rpc_errors import Answer
from scorer.transactions.intents import Attempt, IntentState
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.request import Reverted, TransactionRequest
from scorer.transactions.signers import KeySigner
from scorer.transactions.state_machine import StopReason
from tests.chain.bor import LEAST_TIP, Bor, Tx, read

SIGNER = KeySigner(Account.from_key(b"\x02" * 32))


class ManagedAccount:
    """A transaction manager on a chain in memory, and its alarms."""

    def __init__(self, path: Path, fees: FeePolicy | None = None, chain: Bor | None = None) -> None:
        self.path = path
        self.chain = chain or Bor()
        self.fees = fees or FeePolicy(tip=30 * GWEI)
        self.alarms: list[tuple[str, str]] = []
        self.open()

    def open(self) -> None:
        self.journal = Journal.open(self.path)
        self.manager = TransactionManager(
            self.journal,
            self.chain,
            SIGNER,
            chain_id=80002,
            fees=self.fees,
            longest=0,
            sleep=lambda _: None,
            alarm=lambda kind, detail: self.alarms.append((kind, detail)),
        )

    def restart(self) -> None:
        self.journal.close()
        self.open()

    def request(self, name: str = "act", **changes: int) -> TransactionRequest:
        return TransactionRequest(
            name, SIGNER.address, name.encode(), known_at=self.chain.finalised, **changes
        )

    def mine(self, blocks: int) -> None:
        for _ in range(blocks):
            self.chain.mine()

    def state(self, name: str = "act") -> IntentState:
        found = self.journal.latest(name)
        assert found is not None
        return found.state


@pytest.fixture
def account(tmp_path: Path) -> ManagedAccount:
    return ManagedAccount(tmp_path / "journal.sqlite")


def test_a_request_is_sent_mined_and_final_only_at_the_finalised_block(account: ManagedAccount) -> None:
    delivery = account.manager.deliver(account.request())
    assert (delivery.why, account.state()) == (StopReason.WAITING, IntentState.SENT)
    account.mine(1)
    assert account.manager.deliver(account.request()).is_mined
    account.mine(5)
    account.manager.pump()
    assert account.state() == IntentState.MINED
    account.mine(1)
    account.manager.pump()
    assert account.state() == IntentState.FINAL
    assert len(account.chain.sent) == 1


def test_a_restart_sends_the_same_bytes_and_signs_nothing_new(account: ManagedAccount) -> None:
    account.manager.deliver(account.request())
    account.chain.pool.clear()
    account.restart()
    account.manager.deliver(account.request())
    assert len(account.chain.sent) == 2
    assert len(set(account.chain.sent)) == 1


def test_an_answer_that_is_lost_does_not_send_twice(account: ManagedAccount) -> None:
    account.chain.loses_answers = True
    assert account.manager.deliver(account.request()).why == StopReason.WAITING
    account.mine(10)
    account.manager.deliver(account.request())
    assert account.chain.executed() == [b"act"]


def test_already_known_is_success(account: ManagedAccount) -> None:
    account.manager.deliver(account.request())
    account.manager.pump()
    (attempt,) = account.journal.attempts(account.journal.intents()[0])
    assert attempt.refusal is None
    assert account.alarms == []


def test_a_tip_under_the_floor_is_raised_to_what_the_node_asks_for(tmp_path: Path) -> None:
    account = ManagedAccount(tmp_path / "j", FeePolicy(tip=1))
    account.manager.deliver(account.request())
    tips = [read(raw).tip for raw in account.chain.sent]
    assert tips[-1] >= LEAST_TIP
    assert len(tips) == 2
    account.mine(1)
    assert account.chain.executed() == [b"act"]


def test_a_bid_that_waits_is_raised_in_both_fees_by_an_eighth(account: ManagedAccount) -> None:
    account.manager.deliver(account.request())
    account.chain.base_fee = 10_000 * GWEI
    account.mine(10)
    account.chain.base_fee = 40 * GWEI
    account.manager.pump()
    first, second = (read(raw) for raw in dict.fromkeys(account.chain.sent))
    assert first.nonce == second.nonce
    assert second.tip * 8 >= first.tip * 9
    assert second.cap * 8 >= first.cap * 9
    account.mine(7)
    account.manager.pump()
    assert account.state() == IntentState.FINAL


def test_a_bid_waits_twice_as_long_after_each_raise(account: ManagedAccount) -> None:
    account.manager.deliver(account.request())
    moments = []
    for second in range(0, 200, 2):
        signed = len(account.journal.attempts(account.journal.intents()[0]))
        account.manager.pump()
        if len(account.journal.attempts(account.journal.intents()[0])) > signed:
            moments.append(second)
        account.chain.pool.clear()
        account.mine(1)
    assert moments == [20, 60, 140]


def test_a_bid_is_never_raised_above_the_ceiling_and_raises_an_alarm(tmp_path: Path) -> None:
    account = ManagedAccount(tmp_path / "j", FeePolicy(tip=30 * GWEI, ceiling=130 * GWEI))
    account.manager.deliver(account.request())
    account.chain.base_fee = 1_000 * GWEI
    account.mine(11)
    account.manager.pump()
    account.manager.pump()
    assert {kind for kind, _ in account.alarms} == {"CEILING"}
    assert [event.kind for event in account.journal.events()] == ["CEILING"]
    assert max(read(raw).cap for raw in account.chain.sent) <= 130 * GWEI
    account.chain.base_fee = 30 * GWEI
    account.mine(1)
    assert account.chain.executed() == [b"act"]


def test_a_transaction_above_the_endpoints_cap_is_held_and_raises_an_alarm(tmp_path: Path) -> None:
    account = ManagedAccount(tmp_path / "j", chain=Bor(fee_cap=10**15))
    assert account.manager.deliver(account.request()).why == StopReason.FEE_CAP
    assert [kind for kind, _ in account.alarms] == ["FEE_CAP"]
    account.chain.fee_cap = None
    account.manager.pump()
    account.mine(1)
    assert account.chain.executed() == [b"act"]


def test_a_known_fee_cap_is_respected_before_anything_is_signed(tmp_path: Path) -> None:
    account = ManagedAccount(tmp_path / "j", FeePolicy(tip=30 * GWEI, transaction_cap=10**15))
    assert account.manager.deliver(account.request()).why == StopReason.FEE_CAP
    assert account.chain.sent == []


def test_a_reorganised_transaction_is_no_longer_mined_and_is_sent_again(account: ManagedAccount) -> None:
    account.manager.deliver(account.request())
    account.mine(2)
    account.manager.pump()
    account.chain.reorganise(2, back="nothing")
    account.manager.pump()
    assert account.state() == IntentState.SENT
    account.mine(7)
    account.manager.pump()
    assert account.state() == IntentState.FINAL
    assert account.chain.executed() == [b"act"]


def test_a_foreign_transaction_at_our_nonce_is_waited_out_until_it_is_final(account: ManagedAccount) -> None:
    account.manager.deliver(account.request())
    account.chain.foreign()
    assert account.manager.deliver(account.request()).why == StopReason.FOREIGN_NONCE
    assert (
        "FOREIGN_NONCE",
        "act: a transaction that is not ours took the nonce, waiting for its finality",
    ) in (account.alarms)
    account.mine(5)
    assert account.manager.deliver(account.request()).why == StopReason.FOREIGN_NONCE
    assert len(set(account.chain.sent)) == 1
    account.mine(1)
    account.manager.pump()
    assert account.state() == IntentState.DISPLACED
    account.mine(1)
    account.manager.deliver(account.request())
    assert {read(raw).nonce for raw in account.chain.sent} == {0, 1}
    account.mine(1)
    assert [data for data in account.chain.executed() if data == b"act"] == [b"act"]


def test_our_own_transaction_that_a_reorganisation_brings_back_is_not_sent_twice(
    account: ManagedAccount,
) -> None:
    account.manager.deliver(account.request())
    account.chain.foreign()
    account.manager.pump()
    account.chain.reorganise(1, back="everything")
    account.chain.pool = {0: read(account.chain.sent[0])}
    account.mine(8)
    account.manager.pump()
    assert account.state() == IntentState.FINAL
    assert account.chain.executed() == [b"act"]


def test_a_request_whose_time_has_passed_is_cancelled_at_its_own_nonce(account: ManagedAccount) -> None:
    soon = account.chain.blocks[-1].time + 10
    account.manager.deliver(account.request(not_after=soon))
    account.chain.base_fee = 10_000 * GWEI
    account.mine(6)
    account.manager.pump()
    account.chain.base_fee = 30 * GWEI
    account.mine(8)
    account.manager.pump()
    assert account.state() == IntentState.CANCELLED
    assert account.chain.executed() == [b""]
    assert {read(raw).nonce for raw in account.chain.sent} == {0}


def test_a_request_that_is_too_late_already_is_not_signed(account: ManagedAccount) -> None:
    delivery = account.manager.deliver(account.request(not_after=account.chain.blocks[-1].time))
    assert delivery.intent is None
    assert "too late" in delivery.note
    assert account.chain.sent == []


def test_a_request_that_would_revert_is_not_signed(account: ManagedAccount) -> None:
    account.chain.reverts_when_tried.add(b"act")
    with pytest.raises(Reverted, match="AlreadyDone"):
        account.manager.deliver(account.request())
    assert account.journal.intents() == []


def test_a_request_that_keeps_reverting_in_its_block_is_given_up_after_three_times(
    account: ManagedAccount,
) -> None:
    account.chain.reverting.add(b"act")
    for _ in range(6):
        account.manager.deliver(account.request())
        account.mine(8)
        account.manager.pump()
        account.mine(1)
    assert len(account.chain.sent) == 3
    assert [kind for kind, _ in account.alarms][:4] == ["FAILED", "FAILED", "FAILED", "REFUSED"]


def test_a_second_request_waits_until_the_first_is_mined(account: ManagedAccount) -> None:
    account.manager.deliver(account.request("first"))
    waiting = account.manager.deliver(account.request("second"))
    assert waiting.note == "first has nonce 0 and waits"
    account.mine(1)
    account.manager.deliver(account.request("second"))
    account.mine(1)
    assert account.chain.executed() == [b"first", b"second"]


def test_a_request_that_is_done_is_not_done_again_for_a_reader_who_does_not_see_it_yet(
    account: ManagedAccount,
) -> None:
    stale = account.request()
    account.manager.deliver(stale)
    account.mine(7)
    account.manager.pump()
    assert "not yet in the state that was read" in account.manager.deliver(stale).note
    assert account.chain.executed() == [b"act"]


def test_a_request_may_be_asked_for_again_by_a_reader_who_saw_the_first(account: ManagedAccount) -> None:
    account.manager.deliver(account.request())
    account.mine(8)
    account.manager.pump()
    account.manager.deliver(account.request())
    account.mine(1)
    assert account.chain.executed() == [b"act", b"act"]
    assert [intent.generation for intent in account.journal.intents("act")] == [0, 1]


def test_nothing_becomes_final_while_finality_stands_still(account: ManagedAccount) -> None:
    account.manager.deliver(account.request())
    account.chain.frozen_at = 0
    account.mine(5000)
    account.manager.pump()
    assert account.state() == IntentState.MINED
    account.chain.frozen_at = None
    account.manager.pump()
    assert account.state() == IntentState.FINAL


def test_a_lost_journal_replaces_what_waits_and_doubles_nothing(
    account: ManagedAccount, tmp_path: Path
) -> None:
    account.manager.deliver(account.request())
    account.journal.close()
    account.path, account.fees = tmp_path / "new", FeePolicy(tip=60 * GWEI)
    account.open()
    account.manager.deliver(account.request())
    account.mine(2)
    assert account.chain.executed() == [b"act"]


def test_a_refusal_is_kept_until_the_node_takes_it(account: ManagedAccount) -> None:
    account.chain.refuses_everything = True
    account.manager.deliver(account.request())
    (intent,) = account.journal.intents()
    assert account.journal.attempts(intent)[0].refusal == Answer.POOL_FULL
    account.chain.refuses_everything = False
    account.manager.pump()
    assert account.journal.attempts(intent)[0].refusal is None


def test_a_nonce_that_a_lost_foreign_transaction_leaves_free_is_used_up(account: ManagedAccount) -> None:
    """Ours took the next nonce after a foreign transaction that a reorganisation then removed for good."""
    account.chain.mine()
    account.chain.foreign()
    account.manager.deliver(account.request())
    account.chain.reorganise(1, back="nothing")
    assert account.chain.used(len(account.chain.blocks) - 1) == 0
    for _ in range(40):
        account.manager.pump()
        account.mine(1)
    assert account.state() == IntentState.FINAL
    assert account.chain.executed().count(b"act") == 1
    assert any(kind == StopReason.FOREIGN_NONCE.name for kind, _ in account.alarms)


def pass_hours(account: ManagedAccount, hours: float) -> None:
    """A block every ten minutes, and a pass after each."""
    for _ in range(int(hours * 6)):
        account.chain.mine(seconds=600)
        account.manager.pump()


def attempts(account: ManagedAccount, name: str = "act") -> list[Attempt]:
    intent = account.journal.latest(name)
    assert intent is not None
    return account.journal.attempts(intent)


def mined(account: ManagedAccount) -> list[Tx]:
    return [tx for block in account.chain.blocks for tx in block.txs]


def test_a_bid_that_nobody_took_is_not_raised_and_is_taken_when_the_account_can_pay(
    account: ManagedAccount,
) -> None:
    account.chain.balance = 0
    assert account.manager.deliver(account.request()).why == StopReason.NO_FUNDS
    pass_hours(account, 20)
    (only,) = attempts(account)
    account.chain.balance = 62_500 * only.bid.cap
    pass_hours(account, 1)
    assert [tx.tip for tx in mined(account)] == [30 * GWEI]
    assert "NO_FUNDS" in {kind for kind, _ in account.alarms}
    assert "CEILING" not in {kind for kind, _ in account.alarms}


def test_a_bid_of_a_spike_that_the_endpoint_refused_is_made_anew_when_the_spike_is_over(
    account: ManagedAccount,
) -> None:
    account.chain.base_fee = 700 * GWEI
    account.chain.fee_cap = 62_500 * 1000 * GWEI
    assert account.manager.deliver(account.request()).why == StopReason.FEE_CAP
    account.chain.base_fee = 30 * GWEI
    account.manager.pump()
    account.mine(1)
    (tx,) = mined(account)
    assert (tx.nonce, tx.cap) == (0, 120 * GWEI)
    assert len(attempts(account)) == 2


def test_what_was_raised_and_can_no_longer_be_paid_is_mined_by_the_bid_that_can(
    account: ManagedAccount,
) -> None:
    """The account lost its coins while the transaction waited, and got enough for the first bid back."""
    account.manager.deliver(account.request())
    for base_fee in (200, 800, 3000):
        account.chain.base_fee = base_fee * GWEI
        pass_hours(account, 1 / 6)
    first, *raised = attempts(account)
    assert len(raised) == 3
    account.chain.balance = 0
    pass_hours(account, 3)
    account.chain.base_fee = 30 * GWEI
    account.chain.balance = 62_500 * first.bid.cap
    pass_hours(account, 1)
    assert [(tx.nonce, tx.cap) for tx in mined(account)] == [(0, first.bid.cap)]


def test_a_bid_that_a_node_took_is_raised_though_it_is_not_understood_when_sent_again(
    account: ManagedAccount,
) -> None:
    account.manager.deliver(account.request())
    account.chain.base_fee, account.chain.refuses_everything = 1_000 * GWEI, True
    account.mine(11)
    account.manager.pump()
    assert len(attempts(account)) == 2
    pass_hours(account, 3)
    assert len(attempts(account)) == 2


def test_one_endpoints_market_does_not_set_a_tip_above_its_ceiling(account: ManagedAccount) -> None:
    account.chain.market_tip = 9_900 * GWEI
    account.manager.deliver(account.request())
    account.mine(1)
    assert [tx.tip for tx in mined(account)] == [300 * GWEI]


class Underpriced(Bor):
    """Takes every transaction, and says that it did not."""

    def judge(self, tx: Tx) -> str | None:
        self.pool[tx.nonce] = tx
        return "transaction underpriced"


def test_a_bid_is_raised_once_a_pass_however_often_it_is_called_low(tmp_path: Path) -> None:
    account = ManagedAccount(tmp_path / "j", chain=Underpriced())
    account.manager.deliver(account.request())
    assert len(attempts(account)) == 2
    account.manager.pump()
    assert len(attempts(account)) == 3
    for _ in range(60):
        account.manager.pump()
    assert max(attempt.bid.tip for attempt in attempts(account)) <= 300 * GWEI
    assert "CEILING" in {kind for kind, _ in account.alarms}


def test_a_request_with_too_little_gas_is_estimated_anew_and_signed_at_the_same_nonce(
    account: ManagedAccount,
) -> None:
    account.manager.deliver(account.request("first"))
    account.mine(1)
    account.chain.gas_needed, estimate = 90_000, account.chain.estimate
    account.chain.estimate = lambda *_: 50_000  # type: ignore[method-assign]
    account.manager.deliver(account.request())
    account.chain.estimate = estimate  # type: ignore[method-assign]
    account.manager.pump()
    account.mine(1)
    assert account.chain.executed() == [b"first", b"act"]
    assert {read(attempt.raw).nonce for attempt in attempts(account)} == {1}


def test_spare_gas_is_signed_on_top_of_the_estimate_as_far_as_one_transaction_may_take_it(
    account: ManagedAccount,
) -> None:
    account.manager.deliver(account.request("one", spare_gas=40_000))
    account.mine(1)
    account.manager = replace(account.manager, most_gas=70_000)
    account.manager.deliver(account.request("two", spare_gas=40_000))
    account.mine(1)
    capped = FeePolicy(tip=30 * GWEI, transaction_cap=8 * 10**15)
    account.manager = replace(account.manager, fees=capped)
    account.manager.deliver(account.request("three", spare_gas=40_000))
    assert [read(raw).gas for raw in account.chain.sent] == [102_500, 70_000, 8 * 10**15 // (120 * GWEI)]


def test_a_request_with_too_little_gas_that_would_now_revert_makes_room_for_the_next(
    account: ManagedAccount,
) -> None:
    account.chain.gas_needed, account.chain.estimate = 90_000, lambda *_: 50_000  # type: ignore[method-assign]
    account.chain.base_fee = 31 * GWEI
    account.manager = replace(account.manager, most_gas=70_000)
    account.manager.deliver(account.request())
    account.mine(8)
    account.manager.pump()
    assert account.state() == IntentState.CANCELLED
    account.chain.gas_needed = 21_000
    account.manager.deliver(account.request("next"))
    account.mine(1)
    assert account.chain.executed() == [b"", b"next"]


def test_a_bid_that_comes_back_to_an_earlier_one_is_signed_all_the_same(account: ManagedAccount) -> None:
    """The same fees, nonce and call are the same bytes, which a journal takes once."""
    account.manager.deliver(account.request())
    for base_fee, balance in ((100, 62_500 * 130), (20, 62_500 * 100), (100, 10**9)):
        account.chain.base_fee = base_fee * GWEI
        pass_hours(account, 1 / 6)
        account.chain.balance = balance * GWEI
        pass_hours(account, 0.5)
    assert len({attempt.hash for attempt in attempts(account)}) == len(attempts(account))


def test_another_call_of_the_same_key_is_waited_for_and_not_taken_for_this_one(
    account: ManagedAccount,
) -> None:
    account.manager.deliver(account.request())
    other = replace(account.request(), data=b"other")
    assert account.manager.deliver(other).why == StopReason.WAITING
    account.mine(1)
    mined = account.manager.deliver(other)
    assert not mined.is_mined
    assert mined.note.startswith("not done: another call of this key came first (block ")
    account.mine(7)
    account.manager.pump()
    assert account.state() == IntentState.FINAL
    assert not account.manager.deliver(replace(other, known_at=0)).is_mined
    assert account.manager.deliver(replace(account.request(), known_at=0)).is_mined
    assert account.chain.executed() == [b"act"]


def test_an_endpoint_that_once_miscounted_nonces_locks_no_account(
    account: ManagedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had displaced was never executed, and what it let sign waits for nonces that nobody uses."""
    account.manager.deliver(account.request("vote"))
    account.chain.pool.clear()
    with monkeypatch.context() as lying:
        lying.setattr(Bor, "nonces", lambda *_: (3, 3))
        account.manager.pump()
        account.manager.deliver(account.request("bond"))
    assert (account.state("vote"), account.state("bond")) == (IntentState.DISPLACED, IntentState.SENT)
    for _ in range(200):
        account.mine(10)
        account.manager.pump()
        if account.state("bond") == IntentState.FINAL:
            break
    assert account.chain.executed().count(b"bond") == 1
    assert account.manager.deliver(account.request("vote")).why == StopReason.WAITING
    account.mine(1)
    assert account.chain.executed().count(b"vote") == 1


def test_a_request_that_another_account_has_under_way_is_left_to_it(account: ManagedAccount) -> None:
    account.manager.deliver(account.request())
    other = KeySigner(Account.from_key(b"\x03" * 32))
    delivery = replace(account.manager, signer=other).deliver(account.request())
    assert (delivery.intent, delivery.why, delivery.is_mined) == (None, StopReason.WAITING, False)
    assert SIGNER.address in delivery.note
    assert len(account.chain.sent) == 1
