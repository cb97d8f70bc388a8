"""A chain that tests share is as a fresh one to each of them, whatever the test before did to it."""

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from web3 import HTTPProvider
from web3.types import RPCEndpoint

from scorer.lab.anvil import PATIENCE, Anvil
from tests import chains as module
from tests.chains import ACCOUNTS, START, Chains, chain
from tests.world import HOUR, World, lent_world

PENDING = "pending"


def ask(anvil: Anvil, method: str, *parameters: Any) -> Any:
    return anvil._request(method, *parameters)


def send(anvil: Anvil) -> Any:
    """Send one wei from a test account that the node signs for; its hash."""
    payment = {"from": anvil.account(1).address, "to": anvil.account(2).address, "value": "0x1"}
    return ask(anvil, "eth_sendTransaction", payment)


def pay(anvil: Anvil) -> Any:
    """Send one wei, and wait for its block: a node answers with a hash before it has mined."""
    sent = send(anvil)
    anvil.w3.eth.wait_for_transaction_receipt(sent, timeout=PATIENCE)
    return sent


def ask_all(anvil: Anvil, *requests: tuple[Any, ...]) -> list[Any]:
    """The answers to several requests, each a method and its parameters, that are sent as one.

    Asked of the node itself: our own client keeps of a block what it needs.
    """
    batch = [(RPCEndpoint(method), list(parameters)) for method, *parameters in requests]
    answers: Any = HTTPProvider(anvil.url).make_batch_request(batch)
    return [answer["result"] for answer in answers]


def all_visible(anvil: Anvil) -> list[Any]:
    """All that a fresh chain shows, read without tests.chains; two chains differ in no part of it."""
    accounts, pending = ask_all(anvil, ("eth_accounts",), ("eth_getBlockByNumber", PENDING, False))
    assert len(accounts) >= ACCOUNTS
    return [
        accounts,
        [pending[name] for name in ("number", "baseFeePerGas", "gasLimit", "miner")],
        *ask_all(
            anvil,
            *(("eth_getBlockByNumber", tag, True) for tag in ("earliest", "latest", "safe", "finalized")),
            ("eth_getBlockByNumber", "0x1", False),
            ("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"}),
            ("eth_feeHistory", "0x4", "latest", [50]),
            ("eth_gasPrice",),
            ("txpool_content",),
            ("anvil_getAutomine",),
            ("anvil_getIntervalMining",),
            ("eth_chainId",),
            ("net_version",),
            *(("eth_getTransactionCount", each, tag) for each in accounts for tag in ("latest", PENDING)),
            *(("eth_getBalance", each, "latest") for each in accounts),
            *(("eth_getCode", each, "latest") for each in accounts),
        ),
    ]


def seconds_to_next(anvil: Anvil) -> int:
    """Chain seconds from the newest block to one that is mined now."""
    before = anvil.w3.eth.get_block("latest")["timestamp"]
    ask(anvil, "evm_mine")
    return int(anvil.w3.eth.get_block("latest")["timestamp"] - before)


def waiting_payment(anvil: Anvil) -> None:
    anvil.mines(at_once=False)
    send(anvil)
    assert anvil.waiting() == 1


def impersonated_payment(anvil: Anvil) -> None:
    stranger = "0x" + "77" * 20
    ask(anvil, "anvil_setBalance", stranger, hex(10**18))
    ask(anvil, "anvil_impersonateAccount", stranger)
    sent = ask(anvil, "eth_sendTransaction", {"from": stranger, "to": stranger, "value": "0x1"})
    anvil.w3.eth.wait_for_transaction_receipt(sent, timeout=PATIENCE)


def reorganised(anvil: Anvil) -> None:
    for _ in range(5):
        pay(anvil)
    anvil.reorganise(3)


def nested_snapshot(anvil: Anvil) -> None:
    snapshot = ask(anvil, "evm_snapshot")
    ask(anvil, "anvil_mine", 3)
    assert ask(anvil, "evm_revert", snapshot)


CHANGES: dict[str, Callable[[Anvil], Any]] = {
    "payments": lambda anvil: [pay(anvil) for _ in range(3)],
    "many blocks": lambda anvil: ask(anvil, "anvil_mine", 700),
    "a later time": lambda anvil: anvil.advance_to(START + 100 * HOUR),
    "a time for the next block": lambda anvil: ask(anvil, "evm_setNextBlockTimestamp", START + HOUR),
    "a faster clock": lambda anvil: ask(anvil, "evm_increaseTime", HOUR),
    "a step of the clock": lambda anvil: ask(anvil, "anvil_setBlockTimestampInterval", HOUR),
    "no mining": lambda anvil: anvil.mines(at_once=False),
    "mining by the second": lambda anvil: ask(anvil, "evm_setIntervalMining", 1),
    "a transaction that waits": waiting_payment,
    "a balance": lambda anvil: ask(anvil, "anvil_setBalance", anvil.account(5).address, "0x0"),
    "a nonce": lambda anvil: ask(anvil, "anvil_setNonce", anvil.account(5).address, "0x9"),
    "code": lambda anvil: ask(anvil, "anvil_setCode", anvil.account(5).address, "0x00"),
    "a base fee": lambda anvil: ask(anvil, "anvil_setNextBlockBaseFeePerGas", hex(10**12)),
    "a gas limit": lambda anvil: ask(anvil, "evm_setBlockGasLimit", hex(10**6)),
    "a coinbase": lambda anvil: ask(anvil, "anvil_setCoinbase", "0x" + "12" * 20),
    "a chain id": lambda anvil: ask(anvil, "anvil_setChainId", 80_002),
    "an impersonation": impersonated_payment,
    "a reorganisation": reorganised,
    "a snapshot of its own": nested_snapshot,
}


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    """Return the state of a chain that nobody used yet."""
    with chain() as fresh:
        return all_visible(fresh)


@pytest.mark.parametrize("name", CHANGES)
def test_what_one_test_changes_the_next_does_not_find(chains: Chains, expected: list[Any], name: str) -> None:
    for _ in range(2):
        with chains.bare() as anvil:
            assert all_visible(anvil) == expected
            CHANGES[name](anvil)
    with chains.bare() as anvil:
        assert all_visible(anvil) == expected
        assert 0 <= seconds_to_next(anvil) < 60
        assert anvil.w3.eth.get_block("latest")["baseFeePerGas"] == 10**9


def test_two_tests_worth_of_changes_leave_the_chain_as_it_was(chains: Chains) -> None:
    with chains.bare() as anvil:
        first, url = all_visible(anvil), anvil.url
        sent = pay(anvil)
    for change in (reorganised, waiting_payment):
        with chains.bare() as anvil:
            change(anvil)
    with chains.bare() as anvil:
        assert anvil.url == url
        assert all_visible(anvil) == first
        assert ask(anvil, "eth_getTransactionReceipt", sent) is None
        assert pay(anvil) == sent


def test_a_node_signs_for_nobody_that_an_earlier_test_impersonated_at_large(chains: Chains) -> None:
    with chains.bare() as anvil:
        ask(anvil, "anvil_autoImpersonateAccount", True)
    with chains.bare() as anvil:
        stranger = "0x" + "78" * 20
        ask(anvil, "anvil_setBalance", stranger, hex(10**18))
        with pytest.raises(Exception, match="No Signer available"):
            ask(anvil, "eth_sendTransaction", {"from": stranger, "to": stranger, "value": "0x1"})


def listener(anvil: Anvil) -> int:
    """The process id of a node, of those that this process started."""
    port = anvil.url.rpartition(":")[2]
    for process in Path("/proc").glob("[0-9]*"):
        words = (process / "cmdline").read_bytes().split(b"\0") if process.exists() else []
        if words[1:2] == [b"--silent"] and port.encode() in words:
            return int(process.name)
    raise AssertionError(f"expected an anvil on port {port}")


def test_a_node_that_was_killed_is_replaced(chains: Chains) -> None:
    with chains.bare() as anvil:
        killed = anvil.url
        os.kill(listener(anvil), signal.SIGKILL)
    with chains.bare() as anvil:
        assert anvil.url != killed
        assert anvil.w3.eth.block_number == 0


def test_a_node_that_cannot_be_reset_is_replaced(chains: Chains) -> None:
    with chains.bare() as anvil:
        spoilt = anvil.url
        ask(anvil, "anvil_setChainId", 80_002)
    with chains.bare() as anvil:
        assert anvil.url != spoilt


def test_a_snapshot_that_a_reorganisation_took_away_is_noticed(chains: Chains, tmp_path: Path) -> None:
    with lent_world(chains, tmp_path) as world:
        world.anvil.reorganise(3)
        spoilt = world.anvil.url
    with lent_world(chains, tmp_path) as world:
        assert world.anvil.url != spoilt
        assert len(world.idle()) == 10


def test_a_node_that_discarded_many_blocks_is_replaced(
    chains: Chains, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_DISCARDED", 50)
    with Chains() as own:
        with own.bare() as anvil:
            first = anvil.url
            ask(anvil, "anvil_mine", 30)
        with own.bare() as anvil:
            assert anvil.url == first
            ask(anvil, "anvil_mine", 30)
        with own.bare() as anvil:
            assert anvil.url != first


def test_two_who_borrow_at_once_have_a_node_each(chains: Chains) -> None:
    with ExitStack() as stack:
        one, other = (stack.enter_context(chains.bare()) for _ in range(2))
        pay(one)
        assert (one.w3.eth.block_number, other.w3.eth.block_number) == (1, 0)


def test_a_world_is_as_fresh_after_a_settled_round(chains: Chains, tmp_path: Path) -> None:
    with lent_world(chains, tmp_path / "first") as world:
        first, idle = all_visible(world.anvil), world.idle()
        world.settle(world.sealed_round())
        assert world.idle() != idle
    with lent_world(chains, tmp_path / "second") as world:
        assert all_visible(world.anvil) == first
        assert world.idle() == idle
        assert world.record(1).state == 0
        assert all(not member.cache.sealed for member in world.members)
        assert not (tmp_path / "second").exists()
        assert world.suite.w3 is world.anvil.w3
        world.settle(world.sealed_round())


def test_a_chain_and_a_world_of_one_test_are_one_chain(anvil: Anvil, world: World) -> None:
    assert anvil.url == world.anvil.url
    assert anvil.w3 is world.suite.w3
