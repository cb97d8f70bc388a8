"""Decodes reverts of the contracts: custom errors by name, with the values that they carry."""

import re
from functools import cache
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector
from web3.exceptions import ContractCustomError, ContractLogicError, ContractPanicError

from scorer.chain.artifacts import CONTRACTS, abi

LONGEST_REASON: Final = 200
"""Characters of a reason that is shown: a contract, or who speaks for it, can make it of any length."""
MOST_DATA: Final = 2_048
"""Hexadecimal digits of a revert that are looked at; our errors have at most some five words."""
# The selectors of Error(string) and Panic(uint256): reverts with a text, and failed checks of the compiler.
_REASON, _PANIC = "08c379a0", "4e487b71"
_CODES: Final = frozenset({3, -32015})
_REVERTS: Final = re.compile(
    r"revert|vm (execution error|exception)|invalid ?(opcode|jump|feopcode)|completed due to an exception",
    re.IGNORECASE,
)
"""The words of a call that ended by itself; contracts of the first years end it by an invalid instruction."""
_DATA: Final = re.compile(r"(?:Reverted )?0x([0-9a-fA-F]*)")


def revert_of(code: int | None, message: str, data: str | None) -> ContractLogicError | None:
    """Return the revert in a node's error, or None for an error that says nothing of the contract.

    Geth, reth and anvil say code 3, Nethermind -32015 and data of "Reverted 0x...", Besu the words alone.
    """
    # Eleven characters for "Reverted 0x".
    found = _DATA.fullmatch((data or "")[: MOST_DATA + 11].strip())
    digits = found[1][: MOST_DATA - MOST_DATA % 2].lower() if found else ""
    if not (code in _CODES or _REVERTS.search(message[:MOST_DATA]) or (data or "").startswith("Reverted")):
        return None
    carried = "0x" + digits if digits else None
    if len(digits) < 8 or len(digits) % 2:
        return ContractLogicError(_text_of(message) or "execution reverted", data=carried)
    if digits.startswith(_REASON):
        return ContractLogicError(f"execution reverted: {_reason(digits)}", data=carried)
    if digits.startswith(_PANIC):
        return ContractPanicError(f"panic 0x{digits[-2:]}", data=carried)
    return ContractCustomError("0x" + digits, data="0x" + digits)


def _reason(digits: str) -> str:
    """Return the text of ``Error(string)``, as far as it is one."""
    body = bytes.fromhex(digits[8:])
    # ABI encoding: the place of the text, its length, the text.
    length = int.from_bytes(body[32:64], "big")
    # A character has four bytes at most in UTF-8.
    return _text_of(body[64 : 64 + min(length, 4 * LONGEST_REASON)].decode(errors="replace"))


def _text_of(words: str) -> str:
    return "".join(each if each.isprintable() else " " for each in words[:LONGEST_REASON]).strip()


@cache
def _errors() -> dict[str, Any]:
    entries: list[Any] = [entry for name in CONTRACTS for entry in abi(name) if entry["type"] == "error"]
    return {function_abi_to_4byte_selector(entry).hex(): entry for entry in entries}


def revert_name(error: ContractLogicError) -> str | None:
    """Return the name of the custom error, or None for a revert that carries none of ours."""
    entry = _errors().get(_data(error)[:8])
    return None if entry is None else str(entry["name"])


def describe_revert(error: ContractLogicError) -> str:
    """Return the revert as text, such as ``UnexpectedState(expected=3, found=2)``."""
    data = _data(error)
    entry = _errors().get(data[:8])
    if entry is None:
        return _text_of(str(error.message or error))
    inputs = entry["inputs"]
    try:
        values = decode([collapse_if_tuple(item) for item in inputs], bytes.fromhex(data[8:]))
    except (DecodingError, ValueError):  # ValueError: no hexadecimal digits, or no UTF-8 in a text
        return str(entry["name"])
    named = [f"{item['name']}={_text(value)}" for item, value in zip(inputs, values, strict=True)]
    return f"{entry['name']}({', '.join(named)})"


def _data(error: ContractLogicError) -> str:
    data = error.data if isinstance(error, ContractCustomError) or error.data else ""
    return str(data).removeprefix("0x") if isinstance(data, str) else ""


def _text(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
