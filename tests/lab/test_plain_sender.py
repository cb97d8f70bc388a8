"""Transactions that revert are not sent, and say why."""

import pytest
from web3.exceptions import ContractLogicError

from scorer.chain.fees import FeePolicy
from scorer.chain.reverts import describe_revert, revert_name
from scorer.lab.plain_sender import Sender
from scorer.transactions.request import Reverted
from tests.world import World


def test_a_call_that_reverts_is_not_sent_and_names_its_error_with_values(world: World) -> None:
    sender = Sender(world.suite.w3, world.anvil.account(3))
    block = world.anvil.w3.eth.block_number
    with pytest.raises(Reverted, match=r"deposit reverts: DustAmount\(amount=1, unit=1000000000\)") as caught:
        sender.send(world.suite.tournament.functions.deposit(1, 1))
    assert caught.value.name == "DustAmount"
    assert world.anvil.w3.eth.block_number == block


def test_a_member_cannot_do_what_is_the_operators(world: World) -> None:
    sender = Sender(world.suite.w3, world.anvil.account(3))
    with pytest.raises(Reverted, match="AccessManagedUnauthorized"):
        sender.send(world.suite.tournament.functions.lock(1, 0, b"\1"))


def test_a_waiting_transaction_is_replaced_never_doubled(world: World) -> None:
    w3 = world.suite.w3
    account = world.anvil.account(30)
    world.anvil._request("evm_setAutomine", False)
    register = world.suite.registry.functions.register(account.address)
    cheap, expensive = (Sender(w3, account, FeePolicy(tip=tip), timeout=0.2) for tip in (10**9, 3 * 10**9))
    for sender in (cheap, expensive):
        with pytest.raises(Exception, match="not in the chain after"):
            sender.send(register)
    world.anvil._request("evm_mine")
    assert world.suite.registry.functions.balanceOf(account.address).call() == 1


def test_a_revert_that_is_none_of_ours_is_reported_as_it_came() -> None:
    error = ContractLogicError("execution reverted: something", data="0x12345678")
    assert revert_name(error) is None
    assert describe_revert(error) == "execution reverted: something"
