"""Calls with thousands of numbers: web3 walks through each several times, on the way there and back."""

from typing import Any

from eth_utils.abi import get_abi_output_types

from scorer.chain.calldata import calldata


def called(call: Any, **fields: Any) -> tuple[Any, ...]:
    """Return what a view gives, one value for each of its outputs, without structs' names."""
    answer = call.w3.eth.call({"to": call.address, "data": calldata(call), **fields})
    decoded: tuple[Any, ...] = call.w3.codec.decode(get_abi_output_types(call.abi), answer)
    return decoded
