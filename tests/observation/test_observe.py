"""What reading a round asks of an endpoint: the blocks in which its events can be, however old it is."""

import json
from collections import Counter

import pytest

from scorer.chain import logs
from scorer.chain.records import RoundState
from scorer.chain.transport import Reply, Transport
from scorer.observation.observe import finalised_block, read_on_chain
from scorer.observation.void import read_void
from tests.world import FIRST, World, begins, one_sealed, one_settled

RANGE, LATER = 20, 600
"""Blocks that an endpoint gives logs of at once, and blocks that are mined after a round."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each method is asked for."""
    requests: Counter[str] = Counter()
    post = Transport.post

    def counted(self: Transport, body: bytes) -> Reply:
        requests[json.loads(body)["method"]] += 1
        return post(self, body)

    monkeypatch.setattr(logs, "FIRST_RANGE", RANGE)
    monkeypatch.setattr(logs, "LARGEST_RANGE", RANGE)
    monkeypatch.setattr(Transport, "post", counted)
    return requests


def pass_blocks(world: World, count: int) -> None:
    world.anvil._request("anvil_mine", hex(count), "0x2")
    world.anvil.finalise()


@begins(one_settled)
def test_an_old_round_takes_no_more_requests_for_logs_than_a_new_one(
    world: World, asked: Counter[str]
) -> None:
    round_id = FIRST
    world.anvil.finalise()
    asked.clear()
    found = read_on_chain(world.suite, round_id, finalised_block(world.suite))
    new = asked["eth_getLogs"]
    pass_blocks(world, LATER)
    asked.clear()
    assert read_on_chain(world.suite, round_id, finalised_block(world.suite)) == found
    assert len(found.settled) == 10
    assert asked["eth_getLogs"] <= new == 3
    assert asked["eth_getBlockByNumber"] <= 1 + 3 * 12


@begins(one_sealed)
def test_a_round_that_is_not_settled_yet_is_not_searched_for_what_settled_it(
    world: World, asked: Counter[str]
) -> None:
    round_id = FIRST
    pass_blocks(world, LATER)
    asked.clear()
    assert read_on_chain(world.suite, round_id, finalised_block(world.suite)).settled == {}
    assert asked["eth_getLogs"] == 2


@pytest.mark.parametrize("is_sealed", [True, False])
def test_an_old_void_round_is_read_from_a_few_ranges(
    world: World, asked: Counter[str], is_sealed: bool
) -> None:
    round_id = world.sealed_round() if is_sealed else world.open()
    record = world.record(round_id)
    world.anvil.advance_to((record.deadline if is_sealed else record.lock_until) + 1)
    while not world.record(round_id).is_over:
        world.cycle(0)
    record = world.record(round_id)
    assert record.state == RoundState.VOIDED
    pass_blocks(world, LATER)
    asked.clear()
    found = read_void(world.suite, record, finalised_block(world.suite))
    assert (found.locked, found.returned, found.settled) == ((2, 2, 0) if is_sealed else (0, 0, 0))
    assert asked["eth_getLogs"] <= 3
