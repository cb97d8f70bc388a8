"""Whatever an endpoint says becomes a result of the right shape, or an error that says what is wrong."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from eth_typing import BlockNumber
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import (
    BlockNotFound,
    ContractCustomError,
    ContractLogicError,
    ContractPanicError,
    TransactionNotFound,
)
from web3.types import RPCEndpoint

from scorer.chain import provider as provider_module
from scorer.chain.endpoint import connect, unchecked
from scorer.chain.errors import (
    AnswerTooLarge,
    Busy,
    EndpointError,
    HeaderNotFound,
    MalformedAnswer,
    MethodUnavailable,
    NoFinalisedBlock,
    RangeTooLarge,
    RateLimited,
    Refused,
    StateUnavailable,
    Unauthorised,
    Unreachable,
)
from scorer.chain.provider import Provider
from scorer.chain.rpc_errors import Answer
from tests.chain.server import BLOCK, Behaviour, answer, first, raw, refuses, result_of, says, send, serving

HASH = "0x" + "ab" * 32
ADDRESS = "0x" + "11" * 20
LOG = {
    "address": ADDRESS,
    "topics": [HASH],
    "data": "0x",
    "blockNumber": "0x5",
    "blockHash": HASH,
    "transactionHash": HASH,
    "transactionIndex": "0x0",
    "logIndex": "0x0",
}
RECEIPT = {
    "transactionHash": HASH,
    "blockNumber": "0x5",
    "blockHash": HASH,
    "status": "0x1",
    "gasUsed": "0x5208",
    "logs": [LOG],
    "logsBloom": "0x" + "00" * 256,
    "from": ADDRESS,
    "to": None,
    "contractAddress": None,
    "effectiveGasPrice": "0x1",
}
NONSENSE: tuple[Any, ...] = (None, [], {}, "x", -1)
Ask = Callable[[Web3], Any]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_module, "PAUSES", (0.01, 0.01, 0.01, 0.01))


def asked(behave: Behaviour, ask: Ask = lambda w3: w3.eth.block_number) -> Any:
    with serving(behave) as server:
        return ask(unchecked(server.url, timeout=2))


def call(w3: Web3) -> bytes:
    return bytes(w3.eth.call({"to": Web3.to_checksum_address(ADDRESS), "data": Web3.to_hex(b"")}))


def block(which: Any = "latest") -> Ask:
    return lambda w3: w3.eth.get_block(which)


def receipt(w3: Web3) -> Any:
    return w3.eth.get_transaction_receipt(HexBytes(HASH))


def logs(w3: Web3) -> Any:
    return w3.eth.get_logs({"fromBlock": BlockNumber(1), "toBlock": BlockNumber(9)})


@pytest.mark.parametrize(
    "text",
    [
        '{"jsonrpc":"2.0","id":ID,"result":"0x5"}',
        '{"jsonrpc":"2.0","id":"ID","result":"0x5"}',
        '{"jsonrpc":"2.0","result":"0x5"}',
        '{"id":null,"result":"0x5"}',
        '{"id":ID,"result":"0x5","error":null}',
        '{"id":ID,"result":5}',
        '{"id":ID,"result":"0X05","more":[]}',
    ],
)
def test_an_answer_is_taken_in_every_form_that_is_clear(text: str) -> None:
    assert asked(raw(text)) == 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '"0x5"',
        "5",
        "{}",
        "\udcff",
        "<!DOCTYPE html><title>Just a moment...</title>",
        '{"id":ID}',
        '{"id":ID,"error":null}',
        '{"id":ID,"error":{}}',
        '{"id":ID,"error":[]}',
        '{"id":ID,"error":5}',
        '{"id":ID,"error":{"code":1,"message":"no"},"result":"0x5"}',
        '{"id":7ID,"result":"0x5"}',
        '{"id":true,"result":"0x5"}',
        '{"id":[],"result":"0x5"}',
        '{"id":"x","result":"0x5"}',
        '[{"id":ID,"result":"0x5"}]',
        '{"id":ID,"result":"0x5"',
        '{"id":ID,"result":NaN}',
        '{"id":ID,"result":Infinity}',
        '{"id":ID,"result":null}',
        '{"id":ID,"result":true}',
        '{"id":ID,"result":-1}',
        '{"id":ID,"result":1.5}',
        '{"id":ID,"result":1e400}',
        '{"id":ID,"result":"5"}',
        '{"id":ID,"result":"0x"}',
        '{"id":ID,"result":"0x-5"}',
        '{"id":ID,"result":"0x5 "}',
        '{"id":ID,"result":"0x' + "f" * 100_000 + '"}',
        '{"id":ID,"result":' + "9" * 100_000 + "}",
        '{"id":ID,"result":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"id":ID,"result":' + '{"a":' * 900 + "1" + "}" * 900 + "}",
        '{"id":ID,"result":"\udcff"}',
    ],
)
def test_an_answer_that_is_none_is_malformed(text: str) -> None:
    with pytest.raises(
        MalformedAnswer, match=r"endpoint 127\.0\.0\.1:\d+: expected an answer to eth_block"
    ) as told:
        asked(raw(text))
    assert len(str(told.value)) < 400


def test_a_document_of_too_many_parts_is_not_even_read() -> None:
    body = '{"id":ID,"result":[' + "[]," * 1_200_000 + "[]]}"
    began = time.process_time()
    with pytest.raises(AnswerTooLarge, match="parts"):
        asked(raw(body), logs)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("behave", "error", "meaning"),
    [
        (refuses(-32000, "nonce too low"), Refused, Answer.NONCE_TOO_LOW),
        (refuses(-32601, "no"), MethodUnavailable, Answer.METHOD_UNAVAILABLE),
        (refuses(-32000, "missing trie node ab (path )"), StateUnavailable, Answer.STATE_UNAVAILABLE),
        (refuses(-32005, "query timeout exceeded"), RangeTooLarge, Answer.RANGE_TOO_LARGE),
        (refuses(-32602, "block range is too wide", 400), RangeTooLarge, Answer.RANGE_TOO_LARGE),
        (refuses(-32000, "something", 413), RangeTooLarge, Answer.RANGE_TOO_LARGE),
        (refuses(-32000, "something", 500), Refused, Answer.UNKNOWN),
        (refuses(-32000, "Unauthorized", 401), Unauthorised, Answer.UNAUTHORISED),
        (raw("no", 401), Unauthorised, Answer.UNAUTHORISED),
        (raw("no", 403), Unauthorised, Answer.UNAUTHORISED),
        (raw("<html>", 413), RangeTooLarge, Answer.RANGE_TOO_LARGE),
        (raw("<html>", 502), Unreachable, Answer.UNREACHABLE),
        (raw("", 404), Unreachable, Answer.UNREACHABLE),
        (raw("", 524), Unreachable, Answer.UNREACHABLE),
        (raw('{"id":ID,"result":"0x5"}', 500), Unreachable, Answer.UNREACHABLE),
        (raw("<html>", 503), Busy, Answer.UNREACHABLE),
        (raw("<html>", 429), RateLimited, Answer.RATE_LIMITED),
        (refuses(-32000, "no", 429), RateLimited, Answer.RATE_LIMITED),
        (raw('{"message":"Too Many Requests"}'), RateLimited, Answer.RATE_LIMITED),
        (raw('{"id":ID,"error":"rate limited"}'), RateLimited, Answer.RATE_LIMITED),
        (refuses(-32000, "header not found"), HeaderNotFound, Answer.HEADER_NOT_FOUND),
        (raw('{"id":ID,"error":{"code":[],"message":{},"data":[]}}'), Refused, Answer.UNKNOWN),
        (raw('{"id":ID,"error":{"code":-1,"message":"\\ud800\\u0000"}}'), Refused, Answer.UNKNOWN),
    ],
)
def test_an_error_is_of_the_kind_that_its_words_its_code_and_its_status_say(
    behave: Behaviour, error: type[EndpointError], meaning: Answer
) -> None:
    with pytest.raises(EndpointError, match=r"endpoint 127\.0\.0\.1:\d+: ") as told:
        asked(behave)
    assert type(told.value) is error
    assert told.value.answer == meaning
    str(told.value).encode()


def test_an_errors_words_are_short_on_one_line_and_without_the_parts_of_our_url() -> None:
    def echoes(handler: Any, request: Any) -> None:
        refuses(-1, f"no\n\x1b[31mproject {handler.path} " + "x" * 10**6)(handler, request)

    with serving(echoes) as server, pytest.raises(Refused) as told:
        _ = unchecked(f"{server.url}/v3/0123456789abcdef?key=SECRETSECRET", timeout=2).eth.block_number
    said = str(told.value)
    assert len(said) < 400
    assert said.isprintable()
    assert "0123456789abcdef" not in said
    assert "SECRETSECRET" not in said


@pytest.mark.parametrize(
    "behave",
    [
        raw("<html>", 429),
        raw("<html>", 503),
        refuses(429, "no"),
        refuses(-32005, "project ID request rate exceeded"),
        refuses(-32016, "over rate limit"),
        refuses(-32000, "header not found"),
        refuses(-32000, "no", 429),
        raw('{"error":{"message":"Too Many Requests"}}', 429),
    ],
)
def test_what_may_be_answered_a_little_later_is_asked_again(behave: Behaviour) -> None:
    with serving(first(4, behave, says("0x5"))) as server:
        assert unchecked(server.url, timeout=2).eth.block_number == 5
        assert len(server.asked) == 5
    with serving(behave) as server, pytest.raises(EndpointError):
        _ = unchecked(server.url, timeout=2).eth.block_number
    assert len(server.asked) == 5


def in_a_second() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("after", [lambda: "1", in_a_second])
def test_retry_after_is_waited_for(status: int, after: Callable[[], str]) -> None:
    with serving(first(1, raw("", status, Retry_After=after()), says("0x5"))) as server:
        began = time.monotonic()
        assert unchecked(server.url, timeout=2).eth.block_number == 5
        assert 0.9 < time.monotonic() - began < 2.5


@pytest.mark.parametrize("after", ["3600", "9" * 300, "Fri, 31 Dec 9999 23:59:59 GMT", "4.9", "-1", "x"])
def test_retry_after_holds_nothing_up(after: str) -> None:
    with serving(first(1, raw("", 429, Retry_After=after), says("0x5"))) as server:
        began = time.monotonic()
        assert unchecked(server.url, timeout=2).eth.block_number == 5
        assert time.monotonic() - began < 1


def test_all_that_retry_after_asks_for_together_is_bounded() -> None:
    with serving(raw("", 429, Retry_After="2")) as server:
        began = time.monotonic()
        with pytest.raises(RateLimited) as told:
            _ = unchecked(server.url, timeout=2).eth.block_number
        assert time.monotonic() - began < 5.5
        assert told.value.retry_after == 2


@pytest.mark.parametrize(
    "behave", [raw("", 429), raw("", 503), refuses(-32005, "limit"), refuses(-32000, "header not found")]
)
def test_what_is_sent_is_never_sent_again(behave: Behaviour) -> None:
    with serving(behave) as server, pytest.raises(EndpointError):
        unchecked(server.url, timeout=2).eth.send_raw_transaction(b"\x02")
    assert len(server.asked) == 1


@pytest.mark.parametrize("result", [None, HASH, "0x", True, [], {}])
def test_what_was_sent_is_acknowledged_by_its_own_hash_or_not_at_all(result: Any) -> None:
    with pytest.raises(MalformedAnswer):
        asked(says(result), lambda w3: w3.eth.send_raw_transaction(b"\x02"))
    own = Web3.to_hex(Web3.keccak(b"\x02"))
    assert asked(says(own), lambda w3: Web3.to_hex(w3.eth.send_raw_transaction(b"\x02"))) == own


@pytest.mark.parametrize(
    "behave",
    [
        says(None),
        refuses(-39001, "Unknown block"),
        refuses(-32602, "invalid argument 0: hex string without 0x prefix"),
        refuses(-32000, "finalized block not found"),
        refuses(-32000, "header not found"),
    ],
)
def test_where_no_block_is_finalised_the_remedy_is_named(behave: Behaviour) -> None:
    with pytest.raises(NoFinalisedBlock, match='use an endpoint that serves the tag "finalized"') as told:
        asked(behave, block("finalized"))
    assert told.value.answer == Answer.NO_FINALISED_BLOCK


def test_a_latest_block_that_is_null_is_asked_for_again_and_one_of_a_number_is_not_there() -> None:
    assert asked(first(2, says(None)), block("latest"))["number"] == 100
    with pytest.raises(HeaderNotFound):
        asked(says(None), block("latest"))
    with pytest.raises(BlockNotFound):
        asked(says(None), block(100))


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in BLOCK.items() if key != name}


@pytest.mark.parametrize(
    "found",
    [
        *(without(name) for name in ("number", "hash", "timestamp")),
        *(BLOCK | {name: value} for name in ("number", "hash", "timestamp") for value in NONSENSE),
        BLOCK | {"hash": "0xab"},
        BLOCK | {"number": "0x" + "f" * 16},
        BLOCK | {"timestamp": "0x" + "f" * 64},
        BLOCK | {"number": "0x65"},
        BLOCK | {"baseFeePerGas": [[]]},
        BLOCK | {"transactions": "0x"},
        BLOCK | {"transactions": [None]},
        [],
        "0x",
        [BLOCK],
    ],
)
def test_a_block_that_is_none_or_another_one_is_malformed(found: Any) -> None:
    with pytest.raises(MalformedAnswer):
        asked(says(found), block(100))


@pytest.mark.parametrize(
    "extra", [{"nonce": [[]]}, {"extraData": "0x" + "ab" * 300}, {"uncles": 5}, {"miner": None}]
)
def test_what_nobody_reads_of_a_block_does_no_harm(extra: dict[str, Any]) -> None:
    assert asked(says(BLOCK | extra), block(100))["number"] == 100


def test_a_base_fee_that_is_null_or_missing_is_none() -> None:
    for found in (BLOCK, BLOCK | {"baseFeePerGas": None}):
        assert asked(says(found), block(100)).get("baseFeePerGas", 0) == 0
    assert asked(says(BLOCK | {"baseFeePerGas": "0x7"}), block(100))["baseFeePerGas"] == 7


@pytest.mark.parametrize(
    "behave",
    [
        says(None),
        says(RECEIPT | {"blockNumber": None, "blockHash": None, "status": None}),
        says(RECEIPT | {"blockNumber": None}),
        says(RECEIPT | {"blockHash": None}),
        refuses(-32000, "Transaction not found"),
    ],
)
def test_a_transaction_that_waits_or_is_unknown_has_no_receipt(behave: Behaviour) -> None:
    with pytest.raises(TransactionNotFound):
        asked(behave, receipt)


def test_a_receipt_is_read_and_one_of_an_index_that_is_made_is_asked_for_again() -> None:
    assert asked(says(RECEIPT), receipt)["status"] == 1
    assert asked(first(2, refuses(-32000, "transaction indexing is in progress"), says(RECEIPT)), receipt)


@pytest.mark.parametrize(
    "change",
    [
        {"transactionHash": "0x" + "cd" * 32},
        {"status": "0x2"},
        {"status": None},
        {"logs": None},
        {"logs": [None]},
        {"gasUsed": {}},
        {"blockNumber": []},
        {"effectiveGasPrice": "gwei"},
    ],
)
def test_a_receipt_that_is_none_or_another_ones_is_malformed(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswer):
        asked(says(RECEIPT | change), receipt)


@pytest.mark.parametrize(
    "found",
    [
        None,
        {},
        [None],
        [[]],
        ["0x"],
        *([LOG | {name: None}] for name in LOG),
        [LOG | {"topics": [HASH] * 5}],
        [LOG | {"topics": ["0xab"]}],
        [LOG | {"removed": True}],
        [LOG | {"data": "0xa"}],
    ],
)
def test_logs_that_are_none_are_malformed(found: Any) -> None:
    with pytest.raises(MalformedAnswer):
        asked(says(found), logs)


def test_logs_are_read() -> None:
    (found,) = asked(says([LOG | {"removed": False, "blockTimestamp": "0x5"}]), logs)
    assert (found["blockNumber"], found["address"]) == (5, Web3.to_checksum_address(ADDRESS))


@pytest.mark.parametrize(
    ("found", "tips"),
    [
        ({}, []),
        ({"reward": None}, []),
        ({"reward": []}, []),
        ({"reward": [None, [], ["0x5"]]}, [[5]]),
        ({"reward": [["0x5"], ["0x6"]], "baseFeePerGas": None, "gasUsedRatio": "x"}, [[5], [6]]),
    ],
)
def test_a_fee_history_is_its_tips_and_blocks_without_any_are_left_out(found: Any, tips: Any) -> None:
    assert asked(says(found), lambda w3: w3.eth.fee_history(2, "latest", [50])).get("reward", []) == tips


@pytest.mark.parametrize("found", [None, [], {"reward": {}}, {"reward": [["x"]]}, {"reward": [[None]]}])
def test_a_fee_history_that_is_none_is_malformed(found: Any) -> None:
    with pytest.raises(MalformedAnswer):
        asked(says(found), lambda w3: w3.eth.fee_history(2, "latest", [50]))


def test_the_chain_is_asked_for_once() -> None:
    with serving(answer) as server:
        w3 = connect(server.url, 1)
        assert [w3.eth.chain_id for _ in range(3)] == [1, 1, 1]
        assert len(server.asked) == 1


REASON = "0x08c379a0" + "20".rjust(64, "0") + "2".rjust(64, "0") + "6e6f".ljust(64, "0")


def reverts(code: int, message: str, data: Any = None) -> Behaviour:
    error = json.dumps({"code": code, "message": message, "data": data})
    refuse = raw(f'{{"id": ID, "error": {error}}}')

    def behave(handler: Any, request: Any) -> None:
        (answer if request["method"] == "eth_chainId" else refuse)(handler, request)

    return behave


@pytest.mark.parametrize(
    ("behave", "kind", "text"),
    [
        (reverts(3, "execution reverted: no", REASON), ContractLogicError, "execution reverted: no"),
        (reverts(-32000, "Execution reverted", REASON), ContractLogicError, "execution reverted: no"),
        (reverts(-32015, "VM execution error.", f"Reverted {REASON}"), ContractLogicError, "reverted: no"),
        (reverts(-32000, "execution reverted"), ContractLogicError, "execution reverted"),
        (reverts(3, "execution reverted", "0x12345678"), ContractCustomError, "0x12345678"),
        (reverts(3, "execution reverted", {"data": "0x12345678"}), ContractCustomError, "0x12345678"),
        (reverts(3, "", "0x4e487b71" + "11".rjust(64, "0")), ContractPanicError, "panic 0x11"),
        (reverts(-32000, "invalid opcode: INVALID"), ContractLogicError, "invalid opcode"),
        (reverts(3, "x", "0x08c379a0"), ContractLogicError, "reverted"),
        (reverts(3, "x", "0x08c379a0" + "ff" * 96), ContractLogicError, "reverted"),
        (reverts(3, "x", "0x4e487b71"), ContractPanicError, "panic"),
        (reverts(3, "x", "0x556f1830" + "ff" * 32), ContractCustomError, "0x556f1830"),
        (reverts(3, "x", "0xzz"), ContractLogicError, "x"),
        (reverts(3, "x" * 10**6, "0x12"), ContractLogicError, "x"),
        (reverts(3, "x", "0x12345678" + "00" * 10**6), ContractCustomError, "0x12345678"),
        (reverts(3, "x", [["0x"]]), ContractLogicError, "x"),
    ],
)
def test_a_revert_is_one_in_the_words_of_every_node_and_is_bounded(
    behave: Behaviour, kind: type[ContractLogicError], text: str
) -> None:
    with pytest.raises(ContractLogicError, match=text) as told:
        asked(behave, call)
    assert type(told.value) is kind
    assert len(str(told.value)) < 5_000


@pytest.mark.parametrize("behave", [refuses(-32005, "Request is being rate limited."), raw("", 429)])
def test_a_limit_is_never_taken_for_a_revert(behave: Behaviour) -> None:
    with pytest.raises(RateLimited):
        asked(behave, call)


def batch(answers: Callable[[Any], Any], *, status: int = 200) -> Behaviour:
    return lambda handler, request: send(handler, json.dumps(answers(request)).encode(), status)


def both(w3: Web3) -> Any:
    asks = [(RPCEndpoint("eth_call"), [{}, "latest"]), (RPCEndpoint("eth_call"), [{}, "latest"])]
    return provider_of(w3).make_batch_request(asks)


def provider_of(w3: Web3) -> Provider:
    assert isinstance(w3.provider, Provider)
    return w3.provider


def numbered(request: Any) -> list[dict[str, Any]]:
    return [result_of(each, f"0x0{index}") for index, each in enumerate(request)]


def results(answers: Callable[[Any], Any]) -> list[Any]:
    return [each.get("result") for each in asked(batch(answers), both)]


def test_a_batch_is_answered_in_the_order_of_its_requests() -> None:
    assert results(numbered) == ["0x00", "0x01"]
    assert results(lambda request: numbered(request)[::-1]) == ["0x00", "0x01"]
    assert results(lambda request: numbered(request)[1:]) == [None, "0x01"]
    assert results(lambda request: [*numbered(request), {"id": 99, "result": "0x"}]) == ["0x00", "0x01"]
    assert results(lambda request: [{**each, "id": str(each["id"])} for each in numbered(request)]) == [
        "0x00",
        "0x01",
    ]


@pytest.mark.parametrize(
    "odd", [{"result": None}, {"result": [[]]}, {"error": {"code": 3, "message": "execution reverted"}}]
)
def test_a_part_of_a_batch_that_is_no_answer_is_left_open(odd: dict[str, Any]) -> None:
    assert results(lambda request: [{"id": request[0]["id"], **odd}]) == [None, None]


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        (lambda _: {"id": None, "error": {"code": -32600, "message": "no batches"}}, Refused),
        (lambda _: {"message": "batch not allowed"}, Refused),
        (lambda _: {"id": 1, "error": {"code": -32005, "message": "rate limit"}}, RateLimited),
        (lambda _: None, MalformedAnswer),
        (lambda _: {"result": []}, MalformedAnswer),
        (lambda _: [None], MalformedAnswer),
        (lambda request: numbered(request) * 2, MalformedAnswer),
        (lambda request: [{"id": request[0]["id"]}], MalformedAnswer),
    ],
)
def test_a_batch_that_is_refused_or_is_none_is_an_error(
    answers: Callable[[Any], Any], error: type[EndpointError]
) -> None:
    with pytest.raises(EndpointError) as told:
        asked(batch(answers), both)
    assert type(told.value) is error


def test_an_endpoint_that_had_its_time_is_asked_no_more() -> None:
    with serving(answer) as server:
        w3 = connect(server.url, 1)
        provider_of(w3).until = time.monotonic() - 1
        with pytest.raises(Unreachable, match="another endpoint is used"):
            w3.eth.get_block("latest")
