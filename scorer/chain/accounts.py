"""Private keys, public keys and addresses from text: each with all its digits, and no other number."""

import re
from typing import Final

from eth_keys.constants import SECPK1_A, SECPK1_B, SECPK1_N, SECPK1_P
from eth_utils.address import is_checksum_address

from scorer.redaction import described, shown

_PRIVATE_KEY: Final = re.compile(r"(?:0[xX])?([0-9a-fA-F]{64})")
_PUBLIC_KEY: Final = re.compile(r"(?:0[xX])?([0-9a-fA-F]{128})")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_HALF: Final = 32
"""Bytes of a coordinate."""


class KeyTextError(ValueError):
    """A text is no key or address; the message says what is expected, and nothing of a key."""


def private_key_of(text: str) -> bytes:
    """Read a private key from 64 hex digits, with or without 0x; spaces and line ends around it are ignored.

    Raises
    ------
    KeyTextError
        For fewer or more digits, which are never filled up or cut off, and for a number that is no key.
    """
    found = _PRIVATE_KEY.fullmatch(text.strip(" \t\r\n"))
    if found is None:
        raise KeyTextError(f"expected a private key in hex (64 digits), found {_kind(text)}")
    if not 0 < int(found[1], 16) < SECPK1_N:
        raise KeyTextError(
            "expected a private key in hex (64 digits), found other content: zero, or a number "
            "beyond the order of the curve"
        )
    return bytes.fromhex(found[1])


def _kind(text: str) -> str:
    """Describe a text that is no key, by the number of its digits where it has digits alone."""
    digits = re.fullmatch(r"(?:0[xX])?([0-9a-fA-F]+)", text.strip())
    return f"other content: {len(digits[1])} digits" if digits else "other content"


def public_key_of(text: str) -> bytes:
    """Read an uncompressed public key from 128 hex digits, with or without 0x.

    Raises
    ------
    KeyTextError
        When it has another length, or is no point of the curve, so that nobody can sign with it.
    """
    found = _PUBLIC_KEY.fullmatch(text)
    if found is None:
        raise KeyTextError(f"expected a public key in hex (128 digits), found {described(text)}")
    content = bytes.fromhex(found[1])
    x, y = (int.from_bytes(half, "big") for half in (content[:_HALF], content[_HALF:]))
    if max(x, y) >= SECPK1_P or (y * y - x**3 - SECPK1_A * x - SECPK1_B) % SECPK1_P:
        raise KeyTextError("expected a public key, found a number that is no point of the curve")
    return content


def require_address(value: object) -> str:
    """Check an address: 0x and 40 hex digits, with a right checksum where cases are mixed.

    Raises
    ------
    KeyTextError
        For anything else: one wrong digit is another account.
    """
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise KeyTextError(f"expected an address, found {shown(value)}")
    digits = value[2:]
    if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(value):
        raise KeyTextError(
            f"expected an address with its EIP-55 checksum, found {value}; a digit or the case of a letter "
            "is wrong"
        )
    return value
