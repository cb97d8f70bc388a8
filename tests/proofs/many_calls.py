"""Hundreds of calls: each encoded once, where web3 would do it five times, and sent many in a request."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from eth_abi.exceptions import EncodingError
from eth_utils.abi import get_abi_output_types
from web3.exceptions import MismatchedABI, Web3ValidationError
from web3.types import RPCEndpoint, RPCResponse

from scorer.chain.calldata import calldata
from scorer.proofs.calls import commitment
from tests.proofs.court_world import STRANGER, CourtWorld

GAS, COMMIT_GAS = 25_000_000, 200_000
AT_ONCE = 100
NOT_ENCODED = (EncodingError, MismatchedABI, Web3ValidationError, TypeError, ValueError)


def encoded(make: Callable[[], Any]) -> tuple[str, bytes] | None:
    """Return the address and the data of a call; None where nobody could send such arguments."""
    try:
        call = make()
        return str(call.address), calldata(call)
    except NOT_ENCODED:
        return None


def answers(world: CourtWorld, function: Any, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Return what a view answers to each of these, None where it refuses or nobody could send them."""
    calls = [encoded(partial(function, *each)) for each in arguments]
    found = iter(_called(world, [call for call in calls if call is not None]))
    types, decode = get_abi_output_types(function.abi), world.anvil.w3.codec.decode
    results = [None if call is None else next(found) for call in calls]
    return [None if result is None else decode(types, result) for result in results]


def succeeding(world: CourtWorld, makes: Sequence[Callable[[], Any]]) -> tuple[int, int]:
    """Announce all calls that can be encoded, and let a block pass; return how many, and how many succeed."""
    calls = [call for make in makes if (call := encoded(make))]
    _announce(world, [data for _, data in calls])
    found = _called(world, calls)
    return len(found), sum(answer is not None for answer in found)


def _announce(world: CourtWorld, data: Sequence[bytes]) -> None:
    sender, selector = world.address(STRANGER), calldata(world.court.functions.commit(bytes(32)))[:4]
    for each in data:
        # One after the other: of a batch the node mixes the order up.
        announcement = str(world.court.address), selector + commitment(sender, each)
        method, params = _request("eth_sendTransaction", sender, announcement, COMMIT_GAS)
        world.anvil.w3.provider.make_request(method, params)
    world.anvil.finalise()


def _called(world: CourtWorld, calls: Sequence[tuple[str, bytes]]) -> list[bytes | None]:
    """Return what each call gives; None where the contract reverts."""
    provider, sender, found = cast("Any", world.anvil.w3.provider), world.address(STRANGER), []
    for start in range(0, len(calls), AT_ONCE):
        part = calls[start : start + AT_ONCE]
        found += provider.make_batch_request([_request("eth_call", sender, call, GAS) for call in part])
    return [_result(answer) for answer in found]


def _request(method: str, sender: str, call: tuple[str, bytes], gas: int) -> tuple[RPCEndpoint, Any]:
    address, data = call
    return RPCEndpoint(method), [{"from": sender, "to": address, "gas": hex(gas), "data": "0x" + data.hex()}]


def _result(answer: RPCResponse) -> bytes | None:
    if "error" in answer:
        assert "revert" in str(answer["error"]), answer
        return None
    return bytes.fromhex(str(answer["result"])[2:])
