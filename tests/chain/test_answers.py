"""Errors of real nodes and providers are understood."""

import pytest
import requests
from web3.exceptions import Web3RPCError

from scorer.chain.answers import Answer, classify, classify_error, wanted_tip


@pytest.mark.parametrize(
    ("code", "message", "answer"),
    [
        (-32000, "already known", Answer.KNOWN),
        (-32003, "transaction already imported", Answer.KNOWN),
        (-32000, "known transaction: 0xab", Answer.KNOWN),
        (-32000, "unknown transaction type", Answer.UNKNOWN),
        (-32000, "intrinsic gas too low: gas 21000, minimum needed 53000", Answer.GAS_TOO_LOW),
        (-32000, "nonce too low: next nonce 5, tx nonce 3", Answer.NONCE_TOO_LOW),
        (-32000, "replacement transaction underpriced", Answer.REPLACEMENT_UNDERPRICED),
        (-32000, "gas tip cap 1000000000, minimum needed 25000000000", Answer.TIP_TOO_LOW),
        (-32000, "transaction underpriced: gas tip cap 1, minimum needed 25000000000", Answer.TIP_TOO_LOW),
        (-32000, "max fee per gas less than block base fee: address 0x1", Answer.CAP_BELOW_BASE_FEE),
        (-32000, "tx fee (2.50 ether) exceeds the configured cap (1.00 ether)", Answer.FEE_CAP_EXCEEDED),
        (-32000, "insufficient funds for gas * price + value", Answer.INSUFFICIENT_FUNDS),
        (-32000, "exceeds block gas limit", Answer.GAS_TOO_HIGH),
        (-32000, "gas required exceeds allowance (33554432)", Answer.GAS_TOO_HIGH),
        (-32005, "daily request count exceeded", Answer.RATE_LIMITED),
        (429, "slow down", Answer.RATE_LIMITED),
        (-32000, "Too Many Requests", Answer.RATE_LIMITED),
        (-32000, "No finalized block", Answer.NO_FINALISED_BLOCK),
        (-32614, "eth_getLogs is limited to a 10,000 range", Answer.RANGE_TOO_LARGE),
        (-32602, "query returned more than 10000 results", Answer.RANGE_TOO_LARGE),
        (-32000, "something else", Answer.UNKNOWN),
        (None, "", Answer.UNKNOWN),
    ],
)
def test_a_nodes_words_are_understood(code: int | None, message: str, answer: Answer) -> None:
    assert classify(code, message) == answer


def test_an_error_in_a_good_response_is_understood_by_its_code() -> None:
    error = Web3RPCError(
        "busy", rpc_response={"jsonrpc": "2.0", "id": 1, "error": {"code": -32005, "message": ""}}
    )
    assert classify_error(error) == Answer.RATE_LIMITED


def test_a_node_that_does_not_answer_may_have_taken_a_transaction() -> None:
    assert classify_error(requests.ReadTimeout()) == Answer.UNREACHABLE
    assert classify_error(ConnectionResetError()) == Answer.UNREACHABLE


def test_http_429_is_a_rate_limit() -> None:
    response = requests.Response()
    response.status_code = 429
    assert classify_error(requests.HTTPError(response=response)) == Answer.RATE_LIMITED


def test_the_tip_that_a_node_wants_is_read_from_its_words() -> None:
    assert wanted_tip("gas tip cap 1, minimum needed 25000000000") == 25 * 10**9
    assert wanted_tip("intrinsic gas too low: gas 21000, minimum needed 53000") == 0
    assert wanted_tip("no") == 0
