"""Events are read whole, whatever range a provider allows."""

from typing import TYPE_CHECKING, Any, cast

import pytest
from web3.exceptions import MismatchedABI

from scorer.chain.errors import (
    AnswerTooLarge,
    EndpointError,
    MalformedAnswer,
    NoConnection,
    RangeTooLarge,
    RateLimited,
    Refused,
    StateUnavailable,
    Unauthorised,
    Unreachable,
)
from scorer.chain.logs import IncompleteLogs, first_block_at, round_events
from tests.world import World

if TYPE_CHECKING:
    from web3.contract.contract import ContractEvent


class Provider:
    """Holds an event in every tenth block, and answers for no more than `largest` blocks at once."""

    def __init__(self, largest: int, refusal: Exception | None = None) -> None:
        self.largest = largest
        self.address = "0xA"
        self.refusal = refusal or RangeTooLarge("range too large")
        self.refused = 0
        self.asked: list[tuple[int, int]] = []

    def get_logs(
        self, from_block: int, to_block: int, argument_filters: dict[str, int]
    ) -> list[dict[str, Any]]:
        assert argument_filters == {"roundId": 7}
        if to_block - from_block + 1 > self.largest:
            self.refused += 1
            raise self.refusal
        self.asked.append((from_block, to_block))
        return [log(number) for number in range(from_block, to_block + 1) if number % 10 == 0]


def log(block: int, index: int = 0, address: str = "0xA", round_id: int = 7) -> dict[str, Any]:
    return {"blockNumber": block, "logIndex": index, "address": address, "args": {"roundId": round_id}}


@pytest.mark.parametrize("largest", [1, 37, 499, 2000, 10**6])
def test_every_event_is_found_once_whatever_range_is_allowed(largest: int) -> None:
    provider = Provider(largest)
    found = round_events(cast("ContractEvent", provider), 7, 5, 3005)
    assert [event["blockNumber"] for event in found] == list(range(10, 3005, 10))
    assert provider.asked[0][0] == 5
    assert provider.asked[-1][1] == 3005


def test_a_provider_that_refuses_a_single_block_is_an_error() -> None:
    with pytest.raises(RangeTooLarge):
        list(round_events(cast("ContractEvent", Provider(0)), 7, 0, 10))


@pytest.mark.parametrize(
    "refusal",
    [RangeTooLarge("no"), AnswerTooLarge("no"), Unreachable("no"), Refused("no"), StateUnavailable("no")],
)
def test_a_range_is_halved_however_it_is_refused_and_not_tried_again(refusal: EndpointError) -> None:
    provider = Provider(2000, refusal)
    found = round_events(cast("ContractEvent", provider), 7, 5, 30_005)
    assert [event["blockNumber"] for event in found] == list(range(10, 30_005, 10))
    assert provider.refused == 1


@pytest.mark.parametrize("refusal", [RateLimited("no"), Unauthorised("no"), NoConnection("no")])
def test_a_provider_that_serves_us_nothing_is_not_asked_for_less(refusal: EndpointError) -> None:
    provider = Provider(0, refusal)
    with pytest.raises(type(refusal)):
        list(round_events(cast("ContractEvent", provider), 7, 5, 3005))
    assert provider.refused == 1


class Disordered(Provider):
    """Answers with what it is given, or raises it."""

    def __init__(self, found: list[dict[str, Any]] | Exception) -> None:
        super().__init__(largest=10**6)
        self.found = found

    def get_logs(
        self, from_block: int, to_block: int, argument_filters: dict[str, int]
    ) -> list[dict[str, Any]]:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([log(5), log(5)], "two of the index 0 in block 5"),
        ([log(5), log(6), log(5)], "two of the index 0 in block 5"),
        ([log(9)], "one of block 9"),
        ([log(5, address="0xB")], "not asked for"),
        ([log(5, round_id=8)], "not asked for"),
        (MalformedAnswer("expected a list, found null"), "expected a list, found null"),
        (MismatchedABI("another event"), "one of another event"),
        (UnicodeDecodeError("utf-8", b"", 0, 0, ""), "one of another event"),
    ],
)
def test_logs_that_were_not_asked_for_or_come_twice_are_an_index_out_of_order(
    found: list[dict[str, Any]] | Exception, words: str
) -> None:
    with pytest.raises(IncompleteLogs, match=words):
        list(round_events(cast("ContractEvent", Disordered(found)), 7, 5, 8))


def test_the_first_block_of_a_time_is_found(world: World) -> None:
    w3 = world.suite.w3
    last = w3.eth.block_number
    times = [w3.eth.get_block(number)["timestamp"] for number in range(last + 1)]
    middle = times[last // 2]
    expected = next(number for number, time in enumerate(times) if time >= middle)
    assert first_block_at(w3, middle, 0, last) == expected
    assert first_block_at(w3, times[-1] + 1, 0, last) == last + 1
    assert first_block_at(w3, 0, 0, last) == 0
