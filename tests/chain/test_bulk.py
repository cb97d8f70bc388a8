"""Views asked in batches, of nodes that take them and of nodes that do not."""

from typing import Any

import pytest
from web3 import HTTPProvider, Web3
from web3.types import RPCResponse

from scorer.chain import bulk
from scorer.chain.bulk import View, answers
from scorer.chain.contracts import Suite
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
    assert answers(suite.w3, [View(withdraw, owner)], 1) == [b""]  # no contract was there yet


def test_an_endpoint_that_takes_no_batches_leaves_all_open(world: World) -> None:
    suite = one_at_a_time(world.suite, world.stage.anvil.url)
    assert answers(suite.w3, owners(suite, range(1, 4)), suite.w3.eth.block_number) == [None] * 3


def test_an_endpoint_that_does_not_answer_leaves_all_open(world: World) -> None:
    suite = Suite.at(Web3(HTTPProvider("http://127.0.0.1:9")), world.suite.addresses)
    assert answers(suite.w3, owners(suite, range(1, 4)), 1) == [None] * 3
