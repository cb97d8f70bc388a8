"""Views asked in batches, of nodes that take them and of nodes that do not."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from web3 import HTTPProvider, Web3
from web3.types import RPCResponse

from scorer.chain import bulk
from scorer.chain.bulk import View, answers
from scorer.chain.contracts import Suite
from scorer.chain.endpoint import unchecked
from scorer.lab.proxy import Fault, Forward, Proxy, Request, Response, error, proxy_of
from tests.world import MODELS, World


class OneAtATime(HTTPProvider):
    """An endpoint that refuses batches."""

    def make_batch_request(self, batch_requests: Any) -> RPCResponse:
        return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches"}}


def one_at_a_time(suite: Suite, url: str) -> Suite:
    """The same contracts at an endpoint that refuses batches."""
    return Suite.at(Web3(OneAtATime(url)), suite.addresses)


def owners(suite: Suite, models: range) -> list[View]:
    return [View(suite.registry.functions.ownerOf(model)) for model in models]


def test_answers_come_in_order_over_several_pages_and_a_revert_is_left_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PAGE", 4)
    suite, block = world.suite, world.suite.w3.eth.block_number
    found = answers(suite.w3, owners(suite, range(1, MODELS + 2)), block)
    expected = [suite.registry.functions.ownerOf(model).call() for model in range(1, MODELS + 1)]
    assert [Web3.to_checksum_address(each[-20:]) for each in found if each is not None] == expected
    assert found[MODELS] is None


def test_a_call_is_tried_as_its_sender_at_its_block(world: World) -> None:
    suite, block = world.suite, world.suite.w3.eth.block_number
    owner = suite.registry.functions.ownerOf(1).call()
    other = suite.registry.functions.ownerOf(2).call()
    withdraw = suite.tournament.functions.withdraw(1, 10**18, owner)
    assert answers(suite.w3, [View(withdraw, owner), View(withdraw, other)], block) == [b"", None]
    assert answers(suite.w3, [View(withdraw, owner)], 0) == [b""]  # no contract was there yet


def test_an_endpoint_that_takes_no_batches_leaves_all_open(world: World) -> None:
    suite = one_at_a_time(world.suite, world.anvil.url)
    assert answers(suite.w3, owners(suite, range(1, 4)), suite.w3.eth.block_number) == [None] * 3


def test_an_endpoint_that_does_not_answer_leaves_all_open(world: World) -> None:
    suite = Suite.at(Web3(HTTPProvider("http://127.0.0.1:9")), world.suite.addresses)
    assert answers(suite.w3, owners(suite, range(1, 4)), 1) == [None] * 3


@pytest.fixture
def proxy(world: World) -> Iterator[Proxy]:
    """An endpoint whose requests are counted."""
    with proxy_of(world.anvil.url) as found:
        yield found


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits here for a provider."""
    monkeypatch.setattr(bulk, "PAUSE", 0.0)


def behind(world: World, proxy: Proxy) -> Suite:
    return Suite.at(unchecked(proxy.url), world.suite.addresses)


def fifty_rounds(suite: Suite, block: int) -> list[int]:
    """More than there are: a round that was never opened is read all the same."""
    return [record.round_id for record in suite.rounds(range(1, 48), block)]


@pytest.mark.parametrize(
    ("largest", "first", "later"),
    [(None, 1, 1), (50, 1, 1), (30, 3, 2), (7, 12, 9), (1, 55, 50), (0, 56, 50)],
)
def test_a_batch_is_halved_until_it_is_taken_and_its_size_is_remembered(
    world: World, proxy: Proxy, largest: int | None, first: int, later: int
) -> None:
    suite, block = behind(world, proxy), world.suite.w3.eth.block_number
    suite.round_count(block)  # web3 asks for the chain id first
    proxy.largest_batch = largest
    for expected in (first, later):
        proxy.requests.clear()
        assert fifty_rounds(suite, block) == list(range(1, 48))
        assert len(proxy.requests) == expected


def test_an_endpoint_is_offered_large_batches_again_after_a_while(
    world: World, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "KEPT", 0.0)
    suite, block = behind(world, proxy), world.suite.w3.eth.block_number
    bulk._keep_limit(suite.w3.provider, 0)  # type: ignore[arg-type]
    fifty_rounds(suite, block)
    assert max(proxy.requests) == 50


def test_rounds_proposals_and_votes_read_in_batches_are_those_read_alone(world: World) -> None:
    first, second = world.sealed_round(), world.open()
    world.resolve(first)
    world.cycle(0, 1)
    block, member = world.suite.w3.eth.block_number, world.members[0].address
    alone = one_at_a_time(world.suite, world.anvil.url)
    rounds = [second, first, 99]
    for suite in (world.suite, alone):
        assert suite.rounds(rounds, block) == [alone.round(each, block) for each in rounds]
        assert suite.proposals(rounds, block) == [alone.proposal(each, block) for each in rounds]
        assert suite.votes(rounds, member, block) == [alone.vote(each, member, block) for each in rounds]
    assert world.suite.proposals(rounds, block)[1] is not None
    assert world.suite.votes(rounds, member, block)[1] is not None
    assert world.suite.rounds([], block) == []


def sometimes(spoil: Callable[[Response], Response | None]) -> Fault:
    """Every third call of a view is answered otherwise, once."""
    told: set[str] = set()

    def fault(request: Request, forward: Forward) -> Response | None:
        data = request["params"][0]["data"]
        if data in told or int(data[-2:], 16) % 3:
            return None
        told.add(data)
        return spoil(forward(request))

    return fault


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: error(-32005, "too many requests"),
        lambda _: error(-32003, "response too large"),
        lambda _: error(-32000, "header not found"),
        lambda said: said | {"result": said["result"][:70]},
        lambda said: said | {"result": "0x"},
        lambda said: said | {"result": "0xzz"},
        lambda said: said | {"result": None},
        lambda said: said | {"result": [1]},
        lambda said: said | {"result": "0x" + "ff" * (len(said["result"]) // 2 - 1)},
        lambda said: {"result": said["result"], "error": None},
    ],
    ids=["limited", "too large", "error", "cut", "empty", "no hex", "null", "a list", "0xff", "null error"],
)
def test_what_a_batch_leaves_open_is_asked_again(
    world: World, proxy: Proxy, spoil: Callable[[Response], Response]
) -> None:
    suite, block = behind(world, proxy), world.suite.w3.eth.block_number
    expected = world.suite.rounds(range(1, 10), block)
    proxy.misbehave("eth_call", sometimes(spoil))
    assert suite.rounds(range(1, 10), block) == expected
    assert len(proxy.requests) < 9


@pytest.mark.parametrize(
    "spoil",
    [
        lambda batch: batch[:-1],
        lambda batch: [*batch, batch[0]],
        lambda batch: [batch[0]] * len(batch),
        lambda batch: [*batch[:-1], {"result": "0x"}],
        lambda batch: [*batch[:-1], None],
        lambda batch: [*batch[:-1], {"id": None, "result": "0x"}],
        lambda batch: [{"id": -each["id"], "result": each["result"]} for each in batch][:3],
        lambda batch: {},
        lambda batch: None,
        lambda batch: [],
    ],
    ids=["short", "long", "doubled", "no id", "null", "null id", "other ids", "object", "nothing", "empty"],
)
def test_a_batch_whose_answers_are_not_one_for_each_call_is_not_believed(
    world: World, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Any], Any]
) -> None:
    suite, block = behind(world, proxy), world.suite.w3.eth.block_number
    expected = world.suite.rounds(range(1, 5), block)
    honest = proxy.answer

    def answer(request: Any, forward: Forward) -> Any:
        said = honest(request, forward)
        return spoil(said) if isinstance(request, list) else said

    monkeypatch.setattr(proxy, "answer", answer)
    assert suite.rounds(range(1, 5), block) == expected


def test_answers_in_another_order_are_distinguished_by_their_ids(
    world: World, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.open()
    suite, block = behind(world, proxy), world.suite.w3.eth.block_number
    honest = proxy.answer

    def answer(request: Any, forward: Forward) -> Any:
        said = honest(request, forward)
        return said[::-1] if isinstance(said, list) else said

    monkeypatch.setattr(proxy, "answer", answer)
    assert [each.state for each in suite.rounds([1, 2], block)] == [1, 0]
    assert proxy.requests == [5]


def test_the_models_of_lanes_are_read_in_pages(
    world: World, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scorer.chain.contracts.PAGE", 3)
    suite, block = behind(world, proxy), world.suite.w3.eth.block_number
    functions = world.suite.tournament.functions
    expected = [functions.modelAt(lane).call(block_identifier=block) for lane in range(MODELS)]
    suite.round_count(block)
    proxy.requests.clear()
    assert suite.models_by_lane(block) == expected
    assert proxy.requests == [1, 4]
