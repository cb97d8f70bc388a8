"""The bytes that a contract call sends: the one place that encodes them."""

from eth_utils.abi import get_abi_input_types
from hexbytes import HexBytes
from web3.contract.contract import ContractFunction


def calldata(call: ContractFunction) -> bytes:
    """Return a call's selector and ABI-encoded arguments, structs given as tuples.

    web3's ``Contract.encode_abi`` looks the function up and checks its arguments once more, which takes
    twenty times as long; both were done when `call` was made.
    """
    encoded = call.w3.codec.encode(get_abi_input_types(call.abi), call.arguments or ())
    return bytes(HexBytes(call.selector)) + bytes(encoded)
