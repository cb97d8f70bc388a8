"""Plans of actions at a chain: their transactions, warnings and refusals. Nothing is sent for a plan."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account

from scorer.client.actions import ActionRefused, ClientAccount, ClientAction, TransactionPlan
from scorer.client.amounts import Allocation
from scorer.client.bond_actions import POST_GAS, CollectCredit, PostBond, ReleaseBond
from scorer.client.committee_actions import (
    CHALLENGE_GAS,
    CHALLENGE_GAS_OF_MEMBER,
    ChallengeReport,
    RemoveAbsent,
)
from scorer.client.keystore import Wallet
from scorer.client.model_actions import (
    ClaimModel,
    NameSubmitter,
    OfferModel,
    RegisterModel,
    TransferModel,
)
from scorer.client.stake_actions import DEPOSIT_GAS, PERMIT_GAS, PERMIT_LASTS, Allocate, Deposit, Withdraw
from scorer.lab.plain_sender import Sender
from scorer.storage.bundle import REPORT, round_folder
from scorer.units import NanoNmr, Ppm
from tests.chains import Chains
from tests.committee import CHALLENGE, FEES, Committee, deploy_committee

NMR = 10**9
WEI = 10**18
MEMBERS = 4
STRANGER = 20
"""An account that owns nothing, and those after it."""
OWN = 1
"""The one model, of the admin, with 10 NMR idle of which 5 are allocated."""


@pytest.fixture(scope="module")
def committee(chains: Chains) -> Iterator[Committee]:
    with chains.bare() as chain:
        yield deploy_committee(chain, MEMBERS)


@pytest.fixture
def owner(committee: Committee) -> ClientAccount:
    """The admin: owner of all tokens and of the model."""
    return ClientAccount(committee.suite, committee.admin.address)


@pytest.fixture
def stranger(committee: Committee) -> ClientAccount:
    """An account without tokens and models."""
    return ClientAccount(committee.suite, committee.anvil.account(STRANGER).address)


def funded(committee: Committee, index: int, nmr: int = 100) -> tuple[ClientAccount, Sender]:
    """An account with tokens and without allowances, which owns no model."""
    sender = Sender(committee.anvil.w3, committee.anvil.account(STRANGER + index), FEES)
    committee.fund(sender, nmr)
    return ClientAccount(committee.suite, sender.address), sender


def functions(plan: TransactionPlan) -> list[str]:
    return [str(step.call.fn_name) for step in plan.steps]


def gift(nmr: int) -> Deposit:
    return Deposit(OWN, NanoNmr(nmr * NMR), to_another=True)


# every plan


def test_the_last_step_of_a_plan_carries_the_key_of_its_action(
    committee: Committee, owner: ClientAccount
) -> None:
    somebody = committee.anvil.account(STRANGER).address
    actions: list[ClientAction] = [
        RegisterModel(owner.address),
        TransferModel(OWN, somebody),
        OfferModel(OWN, somebody),
        NameSubmitter(OWN, somebody),
        Deposit(OWN, NanoNmr(NMR)),
        Withdraw(OWN, None, somebody),
        Allocate(OWN, Allocation(share=Ppm(500_000))),
        PostBond(somebody, NanoNmr(NMR)),
    ]
    for action in actions:
        assert action.plan(owner).steps[-1].meaning == action.key(committee.suite.addresses)


def test_planning_sends_nothing(committee: Committee, owner: ClientAccount) -> None:
    before = committee.anvil.w3.eth.block_number
    Withdraw(OWN, None, owner.address).plan(owner)
    assert committee.anvil.w3.eth.block_number == before


@pytest.mark.parametrize("place", ["tournament", "registry", "committee", "numeraire"])
def test_nothing_is_sent_to_a_contract_of_the_suite(owner: ClientAccount, place: str) -> None:
    lost = owner.suite.w3.to_checksum_address(getattr(owner.suite.addresses, place))
    actions: list[ClientAction] = [
        RegisterModel(lost),
        TransferModel(OWN, lost),
        OfferModel(OWN, lost),
        Withdraw(OWN, None, lost),
        PostBond(lost, NanoNmr(NMR)),
        ReleaseBond(None, lost),
    ]
    for action in actions:
        with pytest.raises(ActionRefused, match="where it would be lost"):
            action.plan(owner)


# models


@pytest.mark.parametrize("model", [0, 2])
def test_a_model_that_is_not_registered_is_refused(owner: ClientAccount, model: int) -> None:
    for action in (NameSubmitter(model, owner.address), Withdraw(model, None, owner.address)):
        with pytest.raises(ActionRefused, match=f"expected a model from 1 to 1, found {model}"):
            action.plan(owner)


def test_a_model_of_another_is_refused(owner: ClientAccount, stranger: ClientAccount) -> None:
    actions: list[ClientAction] = [
        TransferModel(OWN, stranger.address),
        OfferModel(OWN, stranger.address),
        NameSubmitter(OWN, stranger.address),
        Withdraw(OWN, None, stranger.address),
        Allocate(OWN, Allocation(amount=NanoNmr(NMR))),
    ]
    for action in actions:
        with pytest.raises(ActionRefused, match=f"found one of {owner.address}; use the keystore of its"):
            action.plan(stranger)


def test_a_change_that_changes_nothing_is_refused(owner: ClientAccount) -> None:
    with pytest.raises(ActionRefused, match="expected another owner than now"):
        TransferModel(OWN, owner.address).plan(owner)
    with pytest.raises(ActionRefused, match="expected another than its owner"):
        OfferModel(OWN, owner.address).plan(owner)
    with pytest.raises(ActionRefused, match="found that it is offered to nobody already"):
        OfferModel(OWN, None).plan(owner)
    with pytest.raises(ActionRefused, match="expected one of somebody else, found your own"):
        ClaimModel(OWN).plan(owner)
    with pytest.raises(ActionRefused, match="expected another submitter than now"):
        NameSubmitter(OWN, owner.address).plan(owner)


def test_a_model_registered_for_another_and_one_given_away_carry_a_warning(
    owner: ClientAccount, stranger: ClientAccount
) -> None:
    assert RegisterModel(owner.address).plan(owner).warnings == ()
    (warning,) = RegisterModel(stranger.address).plan(owner).warnings
    assert warning == f"the model will belong to {stranger.address}, not to you"
    (warning,) = TransferModel(OWN, stranger.address).plan(owner).warnings
    assert "with its idle stake of 10 NMR and all that is at risk" in warning


def test_a_model_is_claimed_by_whom_its_owner_offers_it_to_and_by_nobody_else(
    committee: Committee, owner: ClientAccount, stranger: ClientAccount
) -> None:
    somebody = ClientAccount(committee.suite, committee.anvil.account(STRANGER + 1).address)
    with pytest.raises(ActionRefused, match=f"offered to nobody; ask its owner {owner.address}"):
        ClaimModel(OWN).plan(stranger)
    offer = OfferModel(OWN, stranger.address).plan(owner)
    assert "can take model 1 with its idle stake of 10 NMR and all that is at risk" in offer.warnings[0]
    committee.admin.send(offer.steps[0].call)
    with pytest.raises(ActionRefused, match=f"found that it is offered to {stranger.address} already"):
        OfferModel(OWN, stranger.address).plan(owner)
    with pytest.raises(ActionRefused, match=f"found that it is offered to {stranger.address}; ask its owner"):
        ClaimModel(OWN).plan(somebody)
    plan = ClaimModel(OWN).plan(stranger)
    assert functions(plan) == ["transferFrom"]
    assert plan.warnings == ("your own key signs submissions of model 1 then, until you name another",)
    committee.admin.send(OfferModel(OWN, None).plan(owner).steps[0].call)
    with pytest.raises(ActionRefused, match="found that it is offered to nobody; ask its owner"):
        ClaimModel(OWN).plan(stranger)


# stakes


def test_a_deposit_of_an_account_without_a_wallet_is_approved_first(committee: Committee) -> None:
    account, sender = funded(committee, 1)
    plan = gift(5).plan(account)
    assert functions(plan) == ["approve", "deposit"]
    assert [step.gas for step in plan.steps] == [None, DEPOSIT_GAS]
    tournament = committee.suite.tournament.address
    sender.send(committee.suite.token.functions.approve(tournament, 4 * WEI))
    assert functions(gift(4).plan(account)) == ["deposit"]
    plan = gift(5).plan(account)
    assert [step.title for step in plan.steps] == [
        "allow the tournament to take 0 NMR",
        "allow the tournament to take 5 NMR",
        f"deposit 5 NMR to model {OWN}",
    ]


def test_a_deposit_by_permit_expires_and_is_signed_only_when_it_is_sent(
    committee: Committee, tmp_path: Path
) -> None:
    account, _ = funded(committee, 2)
    asked: list[str] = []

    def password() -> str:
        asked.append("secret")
        return "secret"

    keystore = tmp_path / "key.json"
    key = committee.anvil.account(STRANGER + 2).key
    keystore.write_text(json.dumps(Account.encrypt(key, "secret", kdf="pbkdf2", iterations=2)))
    keystore.chmod(0o600)
    (step,) = gift(5).plan(replace(account, wallet=Wallet(keystore, password))).steps
    assert (step.call.fn_name, step.gas, asked) == ("depositWithPermit", PERMIT_GAS, [])
    assert step.not_after == committee.now + PERMIT_LASTS
    assert (step.final.args[:3], asked) == ((OWN, 5 * WEI, step.not_after), ["secret"])
    assert step.final.args[4] != step.call.args[4] == bytes(32)


def test_a_deposit_to_a_model_of_another_needs_consent(committee: Committee, owner: ClientAccount) -> None:
    account, _ = funded(committee, 3)
    with pytest.raises(ActionRefused, match="--to-another deposits all the same"):
        Deposit(OWN, NanoNmr(NMR)).plan(account)
    (warning,) = gift(1).plan(account).warnings
    assert warning == f"model {OWN} is of {owner.address}, who alone can withdraw"


def test_a_deposit_beyond_the_tokens_at_hand_is_refused(committee: Committee) -> None:
    account, _ = funded(committee, 4, 7)
    with pytest.raises(ActionRefused, match=f"at least 8 NMR at {account.address}, found 7 NMR"):
        gift(8).plan(account)


def test_a_withdrawal_of_everything_takes_what_is_idle(
    committee: Committee, owner: ClientAccount, stranger: ClientAccount
) -> None:
    plan = Withdraw(OWN, None, owner.address).plan(owner)
    assert plan.steps[0].call.args == (OWN, 10 * WEI, owner.address)
    assert plan.warnings == ()
    plan = Withdraw(OWN, NanoNmr(NMR), stranger.address).plan(owner)
    assert plan.steps[0].call.args == (OWN, WEI, stranger.address)
    assert plan.warnings == (f"{stranger.address} is not your address",)
    with pytest.raises(ActionRefused, match=r"expected 10\.000000001 NMR of idle stake, found 10 NMR"):
        Withdraw(OWN, NanoNmr(10 * NMR + 1), owner.address).plan(owner)


def test_an_allocation_that_locks_less_than_it_says_carries_a_warning(owner: ClientAccount) -> None:
    def warnings(allocation: Allocation) -> tuple[str, ...]:
        return Allocate(OWN, allocation).plan(owner).warnings

    assert warnings(Allocation(amount=NanoNmr(10 * NMR))) == ()
    assert warnings(Allocation(amount=NanoNmr(0))) == ()
    assert warnings(Allocation(amount=NanoNmr(11 * NMR))) == ("only 10 NMR are idle, and no more is locked",)
    (warning,) = warnings(Allocation(share=Ppm(5_000)))
    assert warning.endswith("lock less than the least position of 1 NMR, so nothing")


# bonds


def test_a_bond_is_approved_first_with_the_allowance_that_is_there_revoked(committee: Committee) -> None:
    account, sender = funded(committee, 5, 200)
    action = PostBond(account.address, NanoNmr(100 * NMR))
    plan = action.plan(account)
    assert functions(plan) == ["approve", "postBond"]
    assert plan.steps[1].gas == POST_GAS
    assert plan.warnings == (
        f"{account.address} is no member of the committee, and votes only once the admin adds it",
    )
    sender.send(committee.suite.token.functions.approve(committee.suite.committee.address, 1))
    assert functions(action.plan(account)) == ["approve", "approve", "postBond"]
    with pytest.raises(ActionRefused, match=r"post: expected at least 201 NMR at .*, found 200 NMR"):
        PostBond(account.address, NanoNmr(201 * NMR)).plan(account)


def test_a_bond_below_what_a_vote_takes_carries_a_warning(committee: Committee, owner: ClientAccount) -> None:
    member = committee.members[0].address
    warnings = PostBond(member, NanoNmr(99 * NMR)).plan(owner).warnings
    assert warnings == (
        f"the bond will belong to {member}, who alone can release it",
        "with a bond of 99 NMR no vote counts: one takes 100 NMR",
    )


def test_what_is_not_there_is_neither_released_nor_collected(stranger: ClientAccount) -> None:
    with pytest.raises(ActionRefused, match=f"a bond of some NMR of {stranger.address}, found 0 NMR"):
        ReleaseBond(None, stranger.address).plan(stranger)
    with pytest.raises(ActionRefused, match=r"a bond of 0\.5 NMR of .*, found 0 NMR"):
        ReleaseBond(NanoNmr(NMR // 2), stranger.address).plan(stranger)
    with pytest.raises(ActionRefused, match=f"something that {stranger.address} is owed, found 0 NMR"):
        CollectCredit(stranger.address).plan(stranger)


# the committee


def test_every_step_of_a_challenge_ends_with_its_window(chains: Chains, tmp_path: Path) -> None:
    with chains.bare() as chain:
        committee = deploy_committee(chain, MEMBERS)
        committee.post_bonds()
        round_id, suite = committee.due_round(), committee.suite
        report = committee.report(round_id)
        account, _ = funded(committee, 6)
        with pytest.raises(ActionRefused, match="expected an accepted report, found none"):
            ChallengeReport(round_id).plan(account)
        for member in committee.members[:3]:
            member.send(suite.committee.functions.attest(suite.tournament.address, report.to_contract()))
        plan = ChallengeReport(round_id).plan(account)
        proposal = suite.proposal(round_id, chain.w3.eth.block_number)
        assert proposal is not None
        assert functions(plan) == ["approve", "challenge"]
        assert {step.not_after for step in plan.steps} == {proposal.challenge_until}
        assert plan.steps[1].gas == CHALLENGE_GAS + MEMBERS * CHALLENGE_GAS_OF_MEMBER
        assert f"with a bond of {CHALLENGE} NMR" in plan.steps[1].title
        assert plan.warnings[0] == "you hold no report of this round"

        folder = round_folder(tmp_path, str(suite.tournament.address), round_id)
        folder.mkdir(parents=True)
        (folder / REPORT).write_text(json.dumps(report.to_json()))
        with pytest.raises(ActionRefused, match="expected a report that differs from yours"):
            ChallengeReport(round_id).plan(replace(account, rounds=tmp_path))
        committee.anvil.advance_to(proposal.challenge_until)
        with pytest.raises(ActionRefused, match="on the chain: the report is final"):
            ChallengeReport(round_id).plan(account)


def test_a_round_that_was_never_opened_cannot_be_challenged(owner: ClientAccount) -> None:
    with pytest.raises(ActionRefused, match="expected one of 0 rounds, found 1"):
        ChallengeReport(1).plan(owner)


def test_a_member_is_not_removed_before_it_was_absent(committee: Committee, stranger: ClientAccount) -> None:
    with pytest.raises(ActionRefused, match=f"one of the {MEMBERS} members, found {stranger.address}"):
        RemoveAbsent(stranger.address).plan(stranger)
    member = committee.members[0].address
    with pytest.raises(ActionRefused, match=f"found {member} absent from 0"):
        RemoveAbsent(member).plan(stranger)
