"""Events are read whole, whatever range a provider allows."""

from typing import TYPE_CHECKING, Any, cast

import pytest
import requests
from web3.exceptions import Web3RPCError

from scorer.chain.logs import first_block_at, round_events
from tests.world import World

if TYPE_CHECKING:
    from web3.contract.contract import ContractEvent


class Provider:
    """Holds an event in every tenth block, and answers for no more than `largest` blocks at once."""

    def __init__(self, largest: int, refusal: Exception | None = None) -> None:
        self.largest = largest
        self.refusal = refusal or Web3RPCError("range too large")
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
        return [{"blockNumber": number} for number in range(from_block, to_block + 1) if number % 10 == 0]


@pytest.mark.parametrize("largest", [1, 37, 499, 2000, 10**6])
def test_every_event_is_found_once_whatever_range_is_allowed(largest: int) -> None:
    provider = Provider(largest)
    found = round_events(cast("ContractEvent", provider), 7, 5, 3005)
    assert [event["blockNumber"] for event in found] == list(range(10, 3005, 10))
    assert provider.asked[0][0] == 5
    assert provider.asked[-1][1] == 3005


def test_a_provider_that_refuses_a_single_block_is_an_error() -> None:
    with pytest.raises(Web3RPCError):
        list(round_events(cast("ContractEvent", Provider(0)), 7, 0, 10))


def status(code: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = code
    return requests.HTTPError(response=response)


@pytest.mark.parametrize(
    "refusal", [status(413), status(400), status(504), requests.ReadTimeout(), requests.ConnectionError()]
)
def test_a_range_is_halved_however_it_is_refused_and_not_tried_again(refusal: Exception) -> None:
    provider = Provider(2000, refusal)
    found = round_events(cast("ContractEvent", provider), 7, 5, 30_005)
    assert [event["blockNumber"] for event in found] == list(range(10, 30_005, 10))
    assert provider.refused == 1


@pytest.mark.parametrize("refusal", [status(429), status(401), requests.ConnectTimeout()])
def test_a_provider_that_serves_us_nothing_is_not_asked_for_less(refusal: Exception) -> None:
    provider = Provider(0, refusal)
    with pytest.raises(type(refusal)):
        list(round_events(cast("ContractEvent", provider), 7, 5, 3005))
    assert provider.refused == 1


def test_the_first_block_of_a_time_is_found(world: World) -> None:
    w3 = world.suite.w3
    last = w3.eth.block_number
    times = [w3.eth.get_block(number)["timestamp"] for number in range(last + 1)]
    middle = times[last // 2]
    expected = next(number for number, time in enumerate(times) if time >= middle)
    assert first_block_at(w3, middle, 0, last) == expected
    assert first_block_at(w3, times[-1] + 1, 0, last) == last + 1
    assert first_block_at(w3, 0, 0, last) == 0
