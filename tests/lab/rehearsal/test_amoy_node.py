"""The chain that stands in for a public one refuses low tips, and falls silent at the worst moment."""

from collections.abc import Iterator
from typing import Any

import pytest
from web3 import Web3

from scorer.chain.endpoint import connect
from scorer.chain.errors import Refused, Unreachable
from scorer.chain.fees import GWEI
from scorer.lab.faults import SignedBid
from scorer.lab.rehearsal.amoy_node import CHAIN_ID, LEAST_TIP, AmoyNode, run_amoy_node


@pytest.fixture
def amoy() -> Iterator[AmoyNode]:
    with run_amoy_node(3, block_time=0.2) as chain:
        yield chain


def signed(amoy: AmoyNode, tip: int, nonce: int = 0, *, legacy: bool = False) -> bytes:
    fees: dict[str, Any] = {"maxPriorityFeePerGas": tip, "maxFeePerGas": tip + 10 * GWEI}
    account = amoy.anvil.account(0)
    transaction: dict[str, Any] = {
        "chainId": CHAIN_ID,
        "nonce": nonce,
        "to": amoy.anvil.account(1).address,
        "value": 1,
        "gas": 21_000,
        **({"gasPrice": tip} if legacy else fees),
    }
    return bytes(account.sign_transaction(transaction).raw_transaction)


def client(amoy: AmoyNode, index: int = 0) -> Web3:
    return connect(amoy.gates.urls[index], CHAIN_ID)


@pytest.mark.parametrize("legacy", [False, True])
def test_the_tip_is_read_from_a_transactions_bytes(amoy: AmoyNode, legacy: bool) -> None:
    assert SignedBid.read(signed(amoy, 31 * GWEI, legacy=legacy)).tip == 31 * GWEI


def test_a_tip_under_the_floor_is_refused_in_the_words_of_polygons_nodes(amoy: AmoyNode) -> None:
    with pytest.raises(Refused, match=f"gas tip cap {GWEI}, minimum needed {LEAST_TIP}"):
        client(amoy).eth.send_raw_transaction(signed(amoy, GWEI))
    assert amoy.gates.floor.refused == 1


def test_a_tip_at_the_floor_is_mined(amoy: AmoyNode) -> None:
    w3 = client(amoy)
    sent = w3.eth.send_raw_transaction(signed(amoy, LEAST_TIP))
    assert w3.eth.wait_for_transaction_receipt(sent, timeout=20)["status"] == 1


def test_both_endpoints_fall_silent_once_one_took_a_transaction_and_answer_again_when_opened(
    amoy: AmoyNode,
) -> None:
    one, other = client(amoy), client(amoy, 1)
    amoy.gates.closing = True
    with pytest.raises(Unreachable):
        one.eth.send_raw_transaction(signed(amoy, LEAST_TIP))
    for w3 in (one, other):
        with pytest.raises(Unreachable):
            _ = w3.eth.block_number

    amoy.gates.open()

    address = amoy.anvil.account(0).address
    assert other.eth.get_transaction_count(address, "pending") == 1, "the node had taken it"


def test_time_that_is_skipped_is_final(amoy: AmoyNode) -> None:
    later = amoy.now + 3600
    amoy.skip_to(later)
    assert amoy.anvil.w3.eth.get_block("finalized")["timestamp"] >= later
