"""What is known of our own challenges: by the journal which there were, by the chain how they ended."""

from pathlib import Path
from typing import Any

from scorer.chain.fees import Bid
from scorer.chain.records import ProposalRecord, ProposalStatus
from scorer.oracle.challenges import Challenges, challenged_rounds, outcomes
from scorer.oracle.quorum_check import QuorumCheck
from scorer.transactions.intents import Attempt, Call, IntentState
from scorer.transactions.journal import Journal

ENDED = {
    1: ProposalStatus.UPHELD,
    2: ProposalStatus.OVERTURNED,
    3: ProposalStatus.DISPUTED,
    4: ProposalStatus.EXPIRED,
    5: ProposalStatus.ACCEPTED,
}


class Chain:
    """How each dispute stands, and which were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def proposal(self, round_id: int, _block: int) -> ProposalRecord | None:
        self.asked.append(round_id)
        status = ENDED.get(round_id)
        return None if status is None else ProposalRecord(b"\1" * 32, 0, status)


def test_bonds_hang_on_what_is_not_decided_and_are_lost_with_what_was_upheld() -> None:
    chain: Any = Chain()
    decided: dict[int, ProposalStatus] = {}
    found = outcomes(chain, range(1, 7), 9, decided, QuorumCheck())
    assert found == Challenges(at_stake=frozenset({3, 5}), lost=frozenset({1}))
    chain.asked.clear()
    assert outcomes(chain, range(1, 7), 9, decided, QuorumCheck()) == found
    assert chain.asked == [3, 4, 5, 6]


def test_the_journal_knows_which_rounds_were_challenged(tmp_path: Path) -> None:
    states = {
        1: IntentState.FINAL,
        2: IntentState.SENT,
        3: IntentState.FAILED,
        4: IntentState.DISPLACED,
        5: None,
        60: IntentState.MINED,
    }
    with Journal.open(tmp_path / "j") as journal:
        for nonce, (round_id, state) in enumerate(states.items()):
            intent = journal.plan(f"137:0xT:{round_id}:challenge", "0xme", Call("0xT", b"", 1), None)
            if state is None:
                continue
            intent = journal.sign(intent, nonce, Attempt(bytes([nonce]) * 32, b"", Bid(1, 2), False, 0))
            journal.become(intent, state, None, 9)
        for other in ("80002:0xT:7:challenge", "137:0xU:8:challenge", "137:0xT:9:challenged"):
            intent = journal.plan(other, "0xme", Call("0xT", b"", 1), None)
            journal.sign(intent, 100 + len(other), Attempt(other.encode(), b"", Bid(1, 2), False, 0))
        assert challenged_rounds(journal, 137, "0xT") == [1, 2, 60]
