"""A suite of the lab is what the builder would have deployed, and its models are as they were asked for."""

from pathlib import Path

import pytest

from scorer.deployment.blueprint import blueprint
from scorer.deployment.deploy import Builder
from scorer.deployment.reader import read_state
from scorer.deployment.steps import steps
from scorer.lab.anvil import Anvil
from scorer.lab.batch import LOCAL_FEES, BatchCall, BatchRefused, BatchSender
from scorer.lab.plain_sender import Sender
from scorer.lab.population import Stake, enter
from scorer.lab.suite import Bonds, deploy_suite, local_deployment
from scorer.observation.audit import idle_by_lane
from scorer.rewards.allocation import SHARE_FLAG
from scorer.transactions.signers import KeySigner
from tests.committee import STAKE
from tests.world import HOUR, NMR

DEPLOYER, OPERATOR, GUARDIAN, FIRST_MEMBER, ALICE, BOB = 0, 1, 2, 3, 7, 8
DOCUMENT = {"stake": STAKE, "challenge_window": HOUR, "bonds": Bonds(100 * NMR, 10 * NMR, 50 * NMR)}


def addresses(anvil: Anvil, *indices: int) -> list[str]:
    return [str(anvil.account(index).address) for index in indices]


def test_the_builder_finds_nothing_left_to_do(anvil: Anvil, tmp_path: Path) -> None:
    operator, guardian, *members = addresses(
        anvil, OPERATOR, GUARDIAN, *range(FIRST_MEMBER, FIRST_MEMBER + 3)
    )
    document = local_deployment(members=members, operator=operator, guardian=guardian, **DOCUMENT)  # type: ignore[arg-type]
    suite = deploy_suite(anvil, anvil.account(DEPLOYER), document)
    planned = blueprint(document, str(anvil.account(DEPLOYER).address))
    assert steps(planned, read_state(anvil.w3, planned)) == ()
    before = anvil.w3.eth.block_number
    manifest = Builder(anvil.w3, planned, KeySigner(anvil.account(DEPLOYER)), tmp_path, poll=0.01).run()
    assert anvil.w3.eth.block_number == before
    assert manifest["tournament"] == suite.addresses.tournament


def test_models_enter_in_order_with_their_owners_deposits_and_allocations(anvil: Anvil) -> None:
    deployer, alice, bob = (anvil.account(index) for index in (DEPLOYER, ALICE, BOB))
    operator, guardian, member = addresses(anvil, OPERATOR, GUARDIAN, FIRST_MEMBER)
    document = local_deployment(members=[member], operator=operator, guardian=guardian, **DOCUMENT)  # type: ignore[arg-type]
    suite = deploy_suite(anvil, deployer, document)
    before = anvil.w3.eth.block_number
    stakes = [Stake(alice, 7 * NMR, NMR), Stake(bob, 5 * NMR, SHARE_FLAG | 250_000), Stake(alice, NMR, 0)]
    entered = enter(suite, BatchSender.on(anvil), deployer, stakes)
    block = anvil.w3.eth.block_number
    assert block == before + 2
    assert [participant.model_id for participant in entered] == [1, 2, 3]
    assert [participant.account for participant in entered] == [alice, bob, alice]
    owner_of, allocation_of = suite.registry.functions.ownerOf, suite.tournament.functions.allocationOf
    assert [owner_of(model).call() for model in (1, 2, 3)] == [alice.address, bob.address, alice.address]
    assert [allocation_of(model).call() for model in (1, 2, 3)] == [NMR, SHARE_FLAG | 250_000, 0]
    assert idle_by_lane(suite, block)[:3] == [7 * NMR, 5 * NMR, NMR]


def test_a_transaction_that_reverts_is_an_error_and_the_chain_mines_at_once_again(anvil: Anvil) -> None:
    deployer = anvil.account(DEPLOYER)
    operator, guardian, member = addresses(anvil, OPERATOR, GUARDIAN, FIRST_MEMBER)
    document = local_deployment(members=[member], operator=operator, guardian=guardian, **DOCUMENT)  # type: ignore[arg-type]
    suite = deploy_suite(anvil, deployer, document)
    pause = BatchCall.of(suite.tournament.functions.unpause(0), 100_000)
    with pytest.raises(BatchRefused, match="reverted"):
        BatchSender.on(anvil).run((anvil.account(BOB), [pause]))
    before = anvil.w3.eth.block_number
    Sender(anvil.w3, deployer, LOCAL_FEES).send(suite.token.functions.transfer(guardian, 1))
    assert anvil.w3.eth.block_number == before + 1


def test_a_second_suite_of_one_name_is_refused(anvil: Anvil) -> None:
    deployer = anvil.account(DEPLOYER)
    operator, guardian, member = addresses(anvil, OPERATOR, GUARDIAN, FIRST_MEMBER)
    document = local_deployment(members=[member], operator=operator, guardian=guardian, **DOCUMENT)  # type: ignore[arg-type]
    deploy_suite(anvil, deployer, document)
    with pytest.raises(ValueError, match="expected one that no suite of this chain has, found local again"):
        deploy_suite(anvil, deployer, document)
