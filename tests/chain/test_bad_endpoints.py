"""One good endpoint beside ten bad ones is enough, whatever the bad ones say or fail to say."""

import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from web3 import Web3

from scorer.chain.endpoint import checked, unchecked
from scorer.chain.endpoints import Endpoints, NoAgreement
from scorer.chain.rpc_errors import Answer
from scorer.transactions.node import Web3Node
from tests.chain.server import BLOCK, Behaviour, answer, first, raw, refuses, result_of, says, send, serving
from tests.chain.test_transport import (
    bomb,
    drips_body,
    drips_headers,
    endless,
    hangs_up,
    no_http,
    says_nothing,
)


def spoiled(value: Any, chance: random.Random) -> Any:
    """A JSON value of which something is wrong."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(sorted(value))
        return (
            {**value, name: spoiled(value[name], chance)}
            if chance.random() < 0.8
            else {key: each for key, each in value.items() if key != name}
        )
    return chance.choice(
        [None, True, -1, 1.5, 10**30, "", "0x", "0xzz", "x", [], {}, [[]], {"": None}, "0x" + "f" * 65, "0x1"]
    )


def spoils(seed: int) -> Behaviour:
    """Answers as a good node of the chain does, with something wrong in each answer."""
    chance = random.Random(seed)

    def behave(handler: BaseHTTPRequestHandler, request: Any) -> None:
        result = "0x1" if request["method"] == "eth_chainId" else BLOCK
        send(handler, json.dumps(spoiled(result_of(request, result), chance)).encode())

    return behave


def unsound(block: Mapping[str, Any]) -> Behaviour:
    return lambda handler, request: send(
        handler,
        json.dumps(result_of(request, "0x1" if request["method"] == "eth_chainId" else block)).encode(),
    )


BAD: Mapping[str, Behaviour] = {
    "drips": drips_body,
    "drips headers": drips_headers,
    "says nothing": says_nothing,
    "endless": endless,
    "bomb": bomb,
    "hangs up": hangs_up,
    "no HTTP": no_http,
    "list": raw("[]"),
    "deep": raw('{"id":ID,"result":' + "[" * 100_000 + "]" * 100_000 + "}"),
    "digits": raw('{"id":ID,"result":' + "9" * 100_000 + "}"),
    "null": says(None),
    "long words": refuses(-1, "replacement " * 100_000),
    "limited": refuses(-32005, "rate limit"),
    "limited by status": raw("", 429, Retry_After="3600"),
    "busy": raw("", 503, Retry_After="4"),
    "redirect": raw("", 307, Location="http://127.0.0.1:9/"),
    "another chain": says("0x2"),
    "no number": unsound({"hash": BLOCK["hash"], "timestamp": "0x64"}),
    "odd nonce": unsound(BLOCK | {"number": "0xffffffffffffffffff"}),
    "no time": unsound(BLOCK | {"timestamp": [[]]}),
    "breaks later": first(2, answer, raw("[]")),
}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("name", BAD)
def test_a_good_endpoint_is_pinned_whatever_a_preferred_one_does(stack: ExitStack, name: str) -> None:
    bad, good = (stack.enter_context(serving(each)) for each in (BAD[name], answer))
    several = Endpoints([bad.url, good.url], 1, timeout=2)
    pinned = several.pin()
    assert pinned.host == good.url.removeprefix("http://")
    assert (pinned.block.number, pinned.agreed) == (100, 1)
    assert "endpoint 127.0.0.1" in str(pinned.health[0].trouble)


def test_ten_slow_endpoints_take_no_longer_than_one(stack: ExitStack) -> None:
    slow = [stack.enter_context(serving(each)) for each in (drips_body, says_nothing) * 5]
    good = stack.enter_context(serving(answer))
    several = Endpoints([each.url for each in (*slow, good)], 1, timeout=4)
    began = time.monotonic()
    assert several.pin().host == good.url.removeprefix("http://")
    first_took = time.monotonic() - began
    assert first_took < 5
    began = time.monotonic()
    assert several.pin().host == good.url.removeprefix("http://")
    assert time.monotonic() - began < 2  # nobody waits again for whom an answer is still open


@pytest.mark.parametrize("seed", range(40))
def test_no_mutated_answer_keeps_a_good_endpoint_from_being_pinned(stack: ExitStack, seed: int) -> None:
    bad, good = (stack.enter_context(serving(each)) for each in (spoils(seed), answer))
    several = Endpoints([bad.url, good.url], 1, timeout=2)
    for _ in range(3):
        assert several.pin().block.number == 100
    assert several._last in ([], [bad.url])


def test_ten_bad_endpoints_and_two_good_ones_agree(stack: ExitStack) -> None:
    names = [name for name in BAD if name not in ("another chain", "breaks later")][:10]
    bad = [stack.enter_context(serving(BAD[name])) for name in names]
    good = [stack.enter_context(serving(answer)) for _ in range(2)]
    pinned = Endpoints([each.url for each in (*bad, *good)], 1, agreement=2, timeout=2).pin()
    assert (pinned.agreed, len(pinned.others)) == (2, 1)
    with pytest.raises(NoAgreement, match="expected 2 endpoints with a finalised block, found 1"):
        Endpoints([each.url for each in (*bad, good[0])], 1, agreement=2, timeout=2).pin()


def test_an_endpoint_in_trouble_is_preferred_no_longer(stack: ExitStack) -> None:
    moody, good = (stack.enter_context(serving(each)) for each in (first(1, raw("[]")), answer))
    several = Endpoints([moody.url, good.url], 1, timeout=2)
    assert [several.pin().host for _ in range(2)] == [good.url.removeprefix("http://")] * 2


def test_a_time_that_one_endpoint_alone_says_is_not_believed(stack: ExitStack) -> None:
    liar, good = (
        stack.enter_context(serving(each)) for each in (unsound(BLOCK | {"timestamp": "0x0"}), answer)
    )
    with pytest.raises(
        NoAgreement, match=r"expected one hash of the finalised block 100 .* of the time 0 from 1"
    ):
        Endpoints([liar.url, good.url], 1, agreement=2, timeout=2).pin()


def test_whatever_is_raised_while_one_is_asked_is_its_own_trouble(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, good = (stack.enter_context(serving(answer)) for _ in range(2))
    whole = checked

    def fails(w3: Any, url: str, chain_id: int) -> Any:
        if url == odd.url:
            raise RecursionError
        return whole(w3, url, chain_id)

    monkeypatch.setattr("scorer.chain.endpoints.checked", fails)
    pinned = Endpoints([odd.url, good.url], 1, timeout=2).pin()
    assert pinned.host == good.url.removeprefix("http://")
    assert (pinned.health[0].answer, "found RecursionError" in str(pinned.health[0].trouble)) == (
        Answer.UNKNOWN,
        True,
    )


def test_what_is_sent_reaches_a_good_endpoint_beside_ten_that_do_not_answer(stack: ExitStack) -> None:
    own = Web3.to_hex(Web3.keccak(b"\x02"))
    slow = [stack.enter_context(serving(says_nothing)) for _ in range(10)]
    good = stack.enter_context(serving(says(own)))
    w3s = [unchecked(each.url, timeout=10) for each in (*slow, good)]
    began = time.monotonic()
    assert Web3Node(w3s[0], w3s[1:]).broadcast(b"\x02").answer == Answer.ACCEPTED
    assert time.monotonic() - began < 4.5
    assert all(len(each.asked) == 1 for each in (*slow, good))


@pytest.mark.parametrize("result", [None, "0x", [], "0x" + "00" * 32])
def test_a_node_that_answers_nonsense_to_what_is_sent_may_have_taken_it(
    stack: ExitStack, result: Any
) -> None:
    bad = stack.enter_context(serving(says(result)))
    assert Web3Node(unchecked(bad.url, timeout=2)).broadcast(b"\x02").answer == Answer.UNREACHABLE


def test_an_endpoint_has_bounded_time_for_a_cycle_while_another_is_up_and_more_each_time(
    stack: ExitStack,
) -> None:
    one, other = (stack.enter_context(serving(answer)) for _ in range(2))
    several = Endpoints([one.url, other.url], 1, timeout=2, patience=100)
    left = _seconds_left(several.pin().w3)
    assert left is not None
    assert 90 < left <= 100
    several.demote(one.url.removeprefix("http://"))
    pinned = several.pin()
    assert pinned.host == other.url.removeprefix("http://")
    demoted = _seconds_left(pinned.others[0])
    assert demoted is not None
    assert 190 < demoted <= 200
    assert _seconds_left(Endpoints([one.url], 1, timeout=2).pin().w3) is None


def _seconds_left(w3: Any) -> float | None:
    until = w3.provider.until
    return None if until is None else until - time.monotonic()
