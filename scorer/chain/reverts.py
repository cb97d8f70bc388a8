"""What a contract meant when it reverted: its custom errors by name, with the values they carry."""

from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector
from web3.exceptions import ContractCustomError, ContractLogicError

from scorer.chain.artifacts import CONTRACTS, abi


@cache
def _errors() -> dict[str, Any]:
    entries: list[Any] = [entry for name in CONTRACTS for entry in abi(name) if entry["type"] == "error"]
    return {function_abi_to_4byte_selector(entry).hex(): entry for entry in entries}


def revert_name(error: ContractLogicError) -> str | None:
    """The name of the custom error, or None for a revert that carries none of ours."""
    entry = _errors().get(_data(error)[:8])
    return None if entry is None else str(entry["name"])


def describe_revert(error: ContractLogicError) -> str:
    """The revert as text, such as ``UnexpectedState(expected=3, found=2)``."""
    data = _data(error)
    entry = _errors().get(data[:8])
    if entry is None:
        return str(error.message or error)
    inputs = entry["inputs"]
    try:
        values = decode([collapse_if_tuple(item) for item in inputs], bytes.fromhex(data[8:]))
    except DecodingError:
        return str(entry["name"])
    named = [f"{item['name']}={_text(value)}" for item, value in zip(inputs, values, strict=True)]
    return f"{entry['name']}({', '.join(named)})"


def _data(error: ContractLogicError) -> str:
    data = error.data if isinstance(error, ContractCustomError) or error.data else ""
    return str(data).removeprefix("0x") if isinstance(data, str) else ""


def _text(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
