"""An act in bad weather: every case ends in the right state."""

from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account

from scorer.chain.fees import GWEI, FeePolicy
from scorer.chain.rpc_errors import Answer
from scorer.transactions.attempts import Attempt, State, StopReason
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager, TransactionRequest
from scorer.transactions.sender import Reverted
from scorer.transactions.signers import KeySigner
from tests.chain.bor import LEAST_TIP, Bor, Tx, read

SIGNER = KeySigner(Account.from_key(b"\x02" * 32))


class StakingClient:
    """An outbox on a chain in memory, and what it said."""

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

    def act(self, name: str = "act", **changes: int) -> TransactionRequest:
        return TransactionRequest(
            name, SIGNER.address, name.encode(), known_at=self.chain.finalised, **changes
        )

    def mine(self, blocks: int) -> None:
        for _ in range(blocks):
            self.chain.mine()

    def state(self, name: str = "act") -> State:
        found = self.journal.latest(name)
        assert found is not None
        return found.state


@pytest.fixture
def desk(tmp_path: Path) -> StakingClient:
    return StakingClient(tmp_path / "journal.sqlite")


def test_an_act_is_sent_mined_and_final_only_at_the_finalised_block(desk: StakingClient) -> None:
    delivery = desk.manager.deliver(desk.act())
    assert (delivery.why, desk.state()) == (StopReason.WAITING, State.SENT)
    desk.mine(1)
    assert desk.manager.deliver(desk.act()).is_mined
    desk.mine(5)
    desk.manager.pump()
    assert desk.state() == State.MINED
    desk.mine(1)
    desk.manager.pump()
    assert desk.state() == State.FINAL
    assert len(desk.chain.sent) == 1


def test_a_restart_sends_the_same_bytes_and_signs_nothing_new(desk: StakingClient) -> None:
    desk.manager.deliver(desk.act())
    desk.chain.pool.clear()
    desk.restart()
    desk.manager.deliver(desk.act())
    assert len(desk.chain.sent) == 2
    assert len(set(desk.chain.sent)) == 1


def test_an_answer_that_is_lost_does_not_send_twice(desk: StakingClient) -> None:
    desk.chain.loses_answers = True
    assert desk.manager.deliver(desk.act()).why == StopReason.WAITING
    desk.mine(10)
    desk.manager.deliver(desk.act())
    assert desk.chain.executed() == [b"act"]


def test_already_known_is_success(desk: StakingClient) -> None:
    desk.manager.deliver(desk.act())
    desk.manager.pump()
    (attempt,) = desk.journal.attempts(desk.journal.intents()[0])
    assert attempt.refusal is None
    assert desk.alarms == []


def test_a_tip_under_the_floor_is_raised_to_what_the_node_asks_for(tmp_path: Path) -> None:
    desk = StakingClient(tmp_path / "j", FeePolicy(tip=1))
    desk.manager.deliver(desk.act())
    tips = [read(raw).tip for raw in desk.chain.sent]
    assert tips[-1] >= LEAST_TIP
    assert len(tips) == 2
    desk.mine(1)
    assert desk.chain.executed() == [b"act"]


def test_a_bid_that_waits_is_raised_in_both_fees_by_an_eighth(desk: StakingClient) -> None:
    desk.manager.deliver(desk.act())
    desk.chain.base_fee = 10_000 * GWEI
    desk.mine(10)
    desk.chain.base_fee = 40 * GWEI
    desk.manager.pump()
    first, second = (read(raw) for raw in dict.fromkeys(desk.chain.sent))
    assert first.nonce == second.nonce
    assert second.tip * 8 >= first.tip * 9
    assert second.cap * 8 >= first.cap * 9
    desk.mine(7)
    desk.manager.pump()
    assert desk.state() == State.FINAL


def test_a_bid_waits_twice_as_long_after_each_raise(desk: StakingClient) -> None:
    desk.manager.deliver(desk.act())
    moments = []
    for second in range(0, 200, 2):
        signed = len(desk.journal.attempts(desk.journal.intents()[0]))
        desk.manager.pump()
        if len(desk.journal.attempts(desk.journal.intents()[0])) > signed:
            moments.append(second)
        desk.chain.pool.clear()
        desk.mine(1)
    assert moments == [20, 60, 140]


def test_a_bid_is_never_raised_above_the_ceiling_and_someone_is_told(tmp_path: Path) -> None:
    desk = StakingClient(tmp_path / "j", FeePolicy(tip=30 * GWEI, ceiling=130 * GWEI))
    desk.manager.deliver(desk.act())
    desk.chain.base_fee = 1_000 * GWEI
    desk.mine(11)
    desk.manager.pump()
    desk.manager.pump()
    assert {kind for kind, _ in desk.alarms} == {"CEILING"}
    assert [event.kind for event in desk.journal.events()] == ["CEILING"]
    assert max(read(raw).cap for raw in desk.chain.sent) <= 130 * GWEI
    desk.chain.base_fee = 30 * GWEI
    desk.mine(1)
    assert desk.chain.executed() == [b"act"]


def test_a_transaction_dearer_than_the_endpoints_cap_is_held_and_someone_is_told(tmp_path: Path) -> None:
    desk = StakingClient(tmp_path / "j", chain=Bor(fee_cap=10**15))
    assert desk.manager.deliver(desk.act()).why == StopReason.FEE_CAP
    assert [kind for kind, _ in desk.alarms] == ["FEE_CAP"]
    desk.chain.fee_cap = None
    desk.manager.pump()
    desk.mine(1)
    assert desk.chain.executed() == [b"act"]


def test_a_known_fee_cap_is_respected_before_anything_is_signed(tmp_path: Path) -> None:
    desk = StakingClient(tmp_path / "j", FeePolicy(tip=30 * GWEI, transaction_cap=10**15))
    assert desk.manager.deliver(desk.act()).why == StopReason.FEE_CAP
    assert desk.chain.sent == []


def test_a_reorganised_transaction_is_no_longer_mined_and_is_sent_again(desk: StakingClient) -> None:
    desk.manager.deliver(desk.act())
    desk.mine(2)
    desk.manager.pump()
    desk.chain.reorganise(2, back="nothing")
    desk.manager.pump()
    assert desk.state() == State.SENT
    desk.mine(7)
    desk.manager.pump()
    assert desk.state() == State.FINAL
    assert desk.chain.executed() == [b"act"]


def test_a_foreign_transaction_at_our_nonce_is_waited_out_until_it_is_final(desk: StakingClient) -> None:
    desk.manager.deliver(desk.act())
    desk.chain.foreign()
    assert desk.manager.deliver(desk.act()).why == StopReason.FOREIGN_NONCE
    assert (
        "FOREIGN_NONCE",
        "act: a transaction that is not ours took the nonce, waiting for its finality",
    ) in (desk.alarms)
    desk.mine(5)
    assert desk.manager.deliver(desk.act()).why == StopReason.FOREIGN_NONCE
    assert len(set(desk.chain.sent)) == 1
    desk.mine(1)
    desk.manager.pump()
    assert desk.state() == State.DISPLACED
    desk.mine(1)
    desk.manager.deliver(desk.act())
    assert {read(raw).nonce for raw in desk.chain.sent} == {0, 1}
    desk.mine(1)
    assert [data for data in desk.chain.executed() if data == b"act"] == [b"act"]


def test_our_own_transaction_that_a_reorganisation_brings_back_is_not_sent_twice(desk: StakingClient) -> None:
    desk.manager.deliver(desk.act())
    desk.chain.foreign()
    desk.manager.pump()
    desk.chain.reorganise(1, back="everything")
    desk.chain.pool = {0: read(desk.chain.sent[0])}
    desk.mine(8)
    desk.manager.pump()
    assert desk.state() == State.FINAL
    assert desk.chain.executed() == [b"act"]


def test_an_act_whose_time_has_passed_is_cancelled_at_its_own_nonce(desk: StakingClient) -> None:
    soon = desk.chain.blocks[-1].time + 10
    desk.manager.deliver(desk.act(not_after=soon))
    desk.chain.base_fee = 10_000 * GWEI
    desk.mine(6)
    desk.manager.pump()
    desk.chain.base_fee = 30 * GWEI
    desk.mine(8)
    desk.manager.pump()
    assert desk.state() == State.CANCELLED
    assert desk.chain.executed() == [b""]
    assert {read(raw).nonce for raw in desk.chain.sent} == {0}


def test_an_act_that_is_too_late_already_is_not_signed(desk: StakingClient) -> None:
    delivery = desk.manager.deliver(desk.act(not_after=desk.chain.blocks[-1].time))
    assert delivery.intent is None
    assert "too late" in delivery.note
    assert desk.chain.sent == []


def test_an_act_that_would_revert_is_not_signed(desk: StakingClient) -> None:
    desk.chain.reverts_when_tried.add(b"act")
    with pytest.raises(Reverted, match="AlreadyDone"):
        desk.manager.deliver(desk.act())
    assert desk.journal.intents() == []


def test_an_act_that_keeps_reverting_in_its_block_is_given_up_after_three_times(desk: StakingClient) -> None:
    desk.chain.reverting.add(b"act")
    for _ in range(6):
        desk.manager.deliver(desk.act())
        desk.mine(8)
        desk.manager.pump()
        desk.mine(1)
    assert len(desk.chain.sent) == 3
    assert [kind for kind, _ in desk.alarms][:4] == ["FAILED", "FAILED", "FAILED", "REFUSED"]


def test_a_second_act_waits_until_the_first_is_mined(desk: StakingClient) -> None:
    desk.manager.deliver(desk.act("first"))
    waiting = desk.manager.deliver(desk.act("second"))
    assert waiting.note == "first has nonce 0 and waits"
    desk.mine(1)
    desk.manager.deliver(desk.act("second"))
    desk.mine(1)
    assert desk.chain.executed() == [b"first", b"second"]


def test_an_act_that_is_done_is_not_done_again_for_a_reader_who_does_not_see_it_yet(
    desk: StakingClient,
) -> None:
    stale = desk.act()
    desk.manager.deliver(stale)
    desk.mine(7)
    desk.manager.pump()
    assert "not yet in the state that was read" in desk.manager.deliver(stale).note
    assert desk.chain.executed() == [b"act"]


def test_an_act_may_be_asked_for_again_by_a_reader_who_saw_the_first(desk: StakingClient) -> None:
    desk.manager.deliver(desk.act())
    desk.mine(8)
    desk.manager.pump()
    desk.manager.deliver(desk.act())
    desk.mine(1)
    assert desk.chain.executed() == [b"act", b"act"]
    assert [intent.generation for intent in desk.journal.intents("act")] == [0, 1]


def test_nothing_becomes_final_while_finality_stands_still(desk: StakingClient) -> None:
    desk.manager.deliver(desk.act())
    desk.chain.frozen_at = 0
    desk.mine(5000)
    desk.manager.pump()
    assert desk.state() == State.MINED
    desk.chain.frozen_at = None
    desk.manager.pump()
    assert desk.state() == State.FINAL


def test_a_lost_journal_replaces_what_waits_and_doubles_nothing(desk: StakingClient, tmp_path: Path) -> None:
    desk.manager.deliver(desk.act())
    desk.journal.close()
    desk.path, desk.fees = tmp_path / "new", FeePolicy(tip=60 * GWEI)
    desk.open()
    desk.manager.deliver(desk.act())
    desk.mine(2)
    assert desk.chain.executed() == [b"act"]


def test_a_refusal_is_kept_until_the_node_takes_it(desk: StakingClient) -> None:
    desk.chain.refuses_everything = True
    desk.manager.deliver(desk.act())
    (intent,) = desk.journal.intents()
    assert desk.journal.attempts(intent)[0].refusal == Answer.POOL_FULL
    desk.chain.refuses_everything = False
    desk.manager.pump()
    assert desk.journal.attempts(intent)[0].refusal is None


def test_a_nonce_that_a_lost_foreign_transaction_leaves_free_is_used_up(desk: StakingClient) -> None:
    """Ours took the next nonce after a foreign transaction that a reorganisation then removed for good."""
    desk.chain.mine()
    desk.chain.foreign()
    desk.manager.deliver(desk.act())
    desk.chain.reorganise(1, back="nothing")
    assert desk.chain.used(len(desk.chain.blocks) - 1) == 0
    for _ in range(40):
        desk.manager.pump()
        desk.mine(1)
    assert desk.state() == State.FINAL
    assert desk.chain.executed().count(b"act") == 1
    assert any(kind == StopReason.FOREIGN_NONCE.name for kind, _ in desk.alarms)


def pass_hours(desk: StakingClient, hours: float) -> None:
    """A block every ten minutes, and a pass after each."""
    for _ in range(int(hours * 6)):
        desk.chain.mine(seconds=600)
        desk.manager.pump()


def attempts(desk: StakingClient, name: str = "act") -> list[Attempt]:
    intent = desk.journal.latest(name)
    assert intent is not None
    return desk.journal.attempts(intent)


def mined(desk: StakingClient) -> list[Tx]:
    return [tx for block in desk.chain.blocks for tx in block.txs]


def test_a_bid_that_nobody_took_is_not_raised_and_is_taken_when_the_account_can_pay(
    desk: StakingClient,
) -> None:
    desk.chain.balance = 0
    assert desk.manager.deliver(desk.act()).why == StopReason.NO_FUNDS
    pass_hours(desk, 20)
    (only,) = attempts(desk)
    desk.chain.balance = 62_500 * only.bid.cap
    pass_hours(desk, 1)
    assert [tx.tip for tx in mined(desk)] == [30 * GWEI]
    assert "NO_FUNDS" in {kind for kind, _ in desk.alarms}
    assert "CEILING" not in {kind for kind, _ in desk.alarms}


def test_a_bid_of_a_spike_that_the_endpoint_refused_is_made_anew_when_the_spike_is_over(
    desk: StakingClient,
) -> None:
    desk.chain.base_fee = 700 * GWEI
    desk.chain.fee_cap = 62_500 * 1000 * GWEI
    assert desk.manager.deliver(desk.act()).why == StopReason.FEE_CAP
    desk.chain.base_fee = 30 * GWEI
    desk.manager.pump()
    desk.mine(1)
    (tx,) = mined(desk)
    assert (tx.nonce, tx.cap) == (0, 120 * GWEI)
    assert len(attempts(desk)) == 2


def test_what_was_raised_and_can_no_longer_be_paid_is_mined_by_the_bid_that_can(desk: StakingClient) -> None:
    """The account lost its coins while the transaction waited, and got enough for the first bid back."""
    desk.manager.deliver(desk.act())
    for base_fee in (200, 800, 3000):
        desk.chain.base_fee = base_fee * GWEI
        pass_hours(desk, 1 / 6)
    first, *raised = attempts(desk)
    assert len(raised) == 3
    desk.chain.balance = 0
    pass_hours(desk, 3)
    desk.chain.base_fee = 30 * GWEI
    desk.chain.balance = 62_500 * first.bid.cap
    pass_hours(desk, 1)
    assert [(tx.nonce, tx.cap) for tx in mined(desk)] == [(0, first.bid.cap)]


def test_a_bid_that_a_node_took_is_raised_though_it_is_not_understood_when_sent_again(
    desk: StakingClient,
) -> None:
    desk.manager.deliver(desk.act())
    desk.chain.base_fee, desk.chain.refuses_everything = 1_000 * GWEI, True
    desk.mine(11)
    desk.manager.pump()
    assert len(attempts(desk)) == 2
    pass_hours(desk, 3)
    assert len(attempts(desk)) == 2


def test_one_endpoints_market_does_not_set_a_tip_above_its_ceiling(desk: StakingClient) -> None:
    desk.chain.market_tip = 9_900 * GWEI
    desk.manager.deliver(desk.act())
    desk.mine(1)
    assert [tx.tip for tx in mined(desk)] == [300 * GWEI]


class Underpriced(Bor):
    """Takes every transaction, and says that it did not."""

    def judge(self, tx: Tx) -> str | None:
        self.pool[tx.nonce] = tx
        return "transaction underpriced"


def test_a_bid_is_raised_once_a_pass_however_often_it_is_called_low(tmp_path: Path) -> None:
    desk = StakingClient(tmp_path / "j", chain=Underpriced())
    desk.manager.deliver(desk.act())
    assert len(attempts(desk)) == 2
    desk.manager.pump()
    assert len(attempts(desk)) == 3
    for _ in range(60):
        desk.manager.pump()
    assert max(attempt.bid.tip for attempt in attempts(desk)) <= 300 * GWEI
    assert "CEILING" in {kind for kind, _ in desk.alarms}


def test_an_act_with_too_little_gas_is_estimated_anew_and_signed_at_the_same_nonce(
    desk: StakingClient,
) -> None:
    desk.manager.deliver(desk.act("first"))
    desk.mine(1)
    desk.chain.gas_needed, estimate = 90_000, desk.chain.estimate
    desk.chain.estimate = lambda *_: 50_000  # type: ignore[method-assign]
    desk.manager.deliver(desk.act())
    desk.chain.estimate = estimate  # type: ignore[method-assign]
    desk.manager.pump()
    desk.mine(1)
    assert desk.chain.executed() == [b"first", b"act"]
    assert {read(attempt.raw).nonce for attempt in attempts(desk)} == {1}


def test_spare_gas_is_signed_on_top_of_the_estimate_as_far_as_one_transaction_may_take_it(
    desk: StakingClient,
) -> None:
    desk.manager.deliver(desk.act("one", spare_gas=40_000))
    desk.mine(1)
    desk.manager = replace(desk.manager, most_gas=70_000)
    desk.manager.deliver(desk.act("two", spare_gas=40_000))
    desk.mine(1)
    capped = FeePolicy(tip=30 * GWEI, transaction_cap=8 * 10**15)
    desk.manager = replace(desk.manager, fees=capped)
    desk.manager.deliver(desk.act("three", spare_gas=40_000))
    assert [read(raw).gas for raw in desk.chain.sent] == [102_500, 70_000, 8 * 10**15 // (120 * GWEI)]


def test_an_act_with_too_little_gas_that_would_now_revert_makes_room_for_the_next(
    desk: StakingClient,
) -> None:
    desk.chain.gas_needed, desk.chain.estimate = 90_000, lambda *_: 50_000  # type: ignore[method-assign]
    desk.chain.base_fee = 31 * GWEI
    desk.manager = replace(desk.manager, most_gas=70_000)
    desk.manager.deliver(desk.act())
    desk.mine(8)
    desk.manager.pump()
    assert desk.state() == State.CANCELLED
    desk.chain.gas_needed = 21_000
    desk.manager.deliver(desk.act("next"))
    desk.mine(1)
    assert desk.chain.executed() == [b"", b"next"]


def test_a_bid_that_comes_back_to_an_earlier_one_is_signed_all_the_same(desk: StakingClient) -> None:
    """The same fees, nonce and call are the same bytes, which a journal takes once."""
    desk.manager.deliver(desk.act())
    for base_fee, balance in ((100, 62_500 * 130), (20, 62_500 * 100), (100, 10**9)):
        desk.chain.base_fee = base_fee * GWEI
        pass_hours(desk, 1 / 6)
        desk.chain.balance = balance * GWEI
        pass_hours(desk, 0.5)
    assert len({attempt.hash for attempt in attempts(desk)}) == len(attempts(desk))


def test_another_call_of_the_same_key_is_waited_for_and_not_taken_for_this_one(desk: StakingClient) -> None:
    desk.manager.deliver(desk.act())
    other = replace(desk.act(), data=b"other")
    assert desk.manager.deliver(other).why == StopReason.WAITING
    desk.mine(1)
    mined = desk.manager.deliver(other)
    assert not mined.is_mined
    assert mined.note.startswith("not done: another call of this key came first (block ")
    desk.mine(7)
    desk.manager.pump()
    assert desk.state() == State.FINAL
    assert not desk.manager.deliver(replace(other, known_at=0)).is_mined
    assert desk.manager.deliver(replace(desk.act(), known_at=0)).is_mined
    assert desk.chain.executed() == [b"act"]


def test_an_endpoint_that_once_miscounted_nonces_locks_no_account(
    desk: StakingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had displaced was never executed, and what it let sign waits for nonces that nobody uses."""
    desk.manager.deliver(desk.act("vote"))
    desk.chain.pool.clear()
    with monkeypatch.context() as lying:
        lying.setattr(Bor, "nonces", lambda *_: (3, 3))
        desk.manager.pump()
        desk.manager.deliver(desk.act("bond"))
    assert (desk.state("vote"), desk.state("bond")) == (State.DISPLACED, State.SENT)
    for _ in range(200):
        desk.mine(10)
        desk.manager.pump()
        if desk.state("bond") == State.FINAL:
            break
    assert desk.chain.executed().count(b"bond") == 1
    assert desk.manager.deliver(desk.act("vote")).why == StopReason.WAITING
    desk.mine(1)
    assert desk.chain.executed().count(b"vote") == 1


def test_an_act_that_another_account_has_under_way_is_left_to_it(desk: StakingClient) -> None:
    desk.manager.deliver(desk.act())
    other = KeySigner(Account.from_key(b"\x03" * 32))
    delivery = replace(desk.manager, signer=other).deliver(desk.act())
    assert (delivery.intent, delivery.why, delivery.is_mined) == (None, StopReason.WAITING, False)
    assert SIGNER.address in delivery.note
    assert len(desk.chain.sent) == 1
