"""Votes that are mined in one block: whichever turns out to decide has the gas for it."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from scorer.chain.records import ProposalStatus
from scorer.lab.anvil import Anvil
from scorer.lab.plain_sender import Sender
from scorer.oracle.actions import Attest, Expire
from scorer.oracle.calls import DECIDING_GAS, SLASHING_GAS, Calls
from scorer.protocol.report import Report
from scorer.storage.bundle import Bundle
from scorer.transactions.intents import IntentState
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node
from scorer.transactions.request import GAS_MARGIN, TransactionRequest
from scorer.transactions.signers import KeySigner
from tests.committee import BOND, FEES, Committee, deploy_committee

MANY = 20


def calls(committee: Committee, round_id: int) -> Calls:
    return Calls(committee.suite, round_id, None, Bundle(Path("nowhere")))


def status(committee: Committee, round_id: int) -> ProposalStatus:
    proposal = committee.suite.proposal(round_id, committee.anvil.w3.eth.block_number)
    return ProposalStatus.NONE if proposal is None else proposal.status


def vote(committee: Committee, voters: Sequence[Sender], report: Report) -> None:
    attest = committee.suite.committee.functions.attest
    for voter in voters:
        voter.send(attest(committee.suite.addresses.tournament, report.to_contract()))


def vote_at_once(
    committee: Committee, voters: Sequence[Sender], report: Report, folder: Path
) -> list[IntentState]:
    """Each estimates and signs before any vote is mined; what became of each, in one block."""
    attest, planned = Attest(report), calls(committee, report.round_id)
    block = committee.anvil.w3.eth.block_number
    with ExitStack() as stack:
        managers = []
        committee.anvil.mines(at_once=False)
        for voter in voters:
            journal = stack.enter_context(Journal.open(folder / voter.address))
            node, signer = Web3Node(committee.anvil.w3), KeySigner(voter.account)
            managers.append(TransactionManager(journal, node, signer, 31337, FEES, longest=0.0))
            spare = planned.spare_gas(attest, block)
            request = TransactionRequest.of(planned.of(attest), "vote", known_at=block, spare_gas=spare)
            managers[-1].deliver(request)
        committee.anvil.finalise()
        committee.anvil.mines(at_once=True)
        return [manager.pump()[0].state for manager in managers]


@pytest.fixture
def bonded(anvil: Anvil) -> Committee:
    """Three members, each with a bond; two accept a report."""
    committee = deploy_committee(anvil)
    committee.post_bonds()
    return committee


def test_the_vote_that_accepts_a_report_after_another_of_its_block_has_the_gas(
    anvil: Anvil, tmp_path: Path
) -> None:
    committee = deploy_committee(anvil, 5)
    committee.post_bonds()
    round_id = committee.due_round()
    vote(committee, committee.members[:2], committee.report(round_id))
    states = vote_at_once(committee, committee.members[2:4], committee.report(round_id), tmp_path)
    assert set(states) <= {IntentState.MINED, IntentState.FINAL}
    assert status(committee, round_id) == ProposalStatus.ACCEPTED


def test_the_vote_that_overturns_and_slashes_after_another_of_its_block_has_the_gas(
    bonded: Committee, tmp_path: Path
) -> None:
    round_id, functions = bonded.due_round(), bonded.suite.committee.functions
    vote(bonded, bonded.members[:2], bonded.report(round_id))
    bonded.admin.send(functions.challenge(bonded.suite.addresses.tournament, round_id))
    vote_at_once(bonded, bonded.members[1:], bonded.report(round_id, 1), tmp_path)
    assert status(bonded, round_id) == ProposalStatus.OVERTURNED
    left = [functions.bondOf(member.address).call() // 10**18 for member in bonded.members]
    assert left == [BOND // 2, BOND // 2, BOND]


def test_the_spare_gas_covers_a_decision_that_slashes_everybody(anvil: Anvil) -> None:
    committee = deploy_committee(anvil, MANY, MANY)
    committee.post_bonds()
    round_id, functions = committee.due_round(), committee.suite.committee.functions
    tournament, members = committee.suite.addresses.tournament, committee.members
    vote(committee, members, committee.report(round_id))
    challenger = Sender(anvil.w3, anvil.account(30), FEES)
    committee.fund(challenger, 40)
    challenger.send(committee.suite.token.functions.approve(committee.suite.committee.address, 10**30))
    challenger.send(functions.challenge(tournament, round_id))
    other = committee.report(round_id, 1)
    vote(committee, members[:-2], other)
    call = functions.attest(tournament, other.to_contract())
    estimate = call.estimate_gas({"from": members[-1].address})
    vote(committee, members[-2:-1], other)
    deciding = members[-1].send(call)["gasUsed"]
    block = anvil.w3.eth.block_number
    spare = calls(committee, round_id).spare_gas(Attest(other), block)
    assert spare == DECIDING_GAS + MANY * SLASHING_GAS
    assert estimate * GAS_MARGIN < deciding < estimate + spare


def test_the_gas_to_slash_is_estimated_by_the_members_of_the_round(bonded: Committee) -> None:
    round_id = bonded.due_round()
    report, planned = bonded.report(round_id), calls(bonded, round_id)
    bonded.admin.send(bonded.suite.committee.functions.removeMember(bonded.members[2].address, 2))
    block = bonded.anvil.w3.eth.block_number
    assert planned.spare_gas(Attest(report), block) == DECIDING_GAS + 3 * SLASHING_GAS
    assert planned.spare_gas(Expire(), block) == 0
    later = bonded.due_round()
    block = bonded.anvil.w3.eth.block_number
    assert calls(bonded, later).spare_gas(Attest(report), block) == DECIDING_GAS + 2 * SLASHING_GAS
