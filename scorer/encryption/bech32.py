"""Bech32, in which age spells its keys (BIP 173, without the limit on length, as the age specification says).

The checksum code is written from BIP 173's definition of the code, not taken from its reference program.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from scorer.encryption.errors import KeyRefused

_DIGITS: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM: Final = 6
"""Digits of a checksum."""


def encode(prefix: str, content: bytes) -> str:
    """Spell bytes behind a lower-case prefix, in lower case."""
    digits = list(_regrouped(content, 8, 5, is_padded=True))
    rest = _remainder([*_expanded(prefix), *digits, *[0] * _CHECKSUM]) ^ 1
    checksum = [rest >> 5 * (_CHECKSUM - 1 - place) & 31 for place in range(_CHECKSUM)]
    return prefix + "1" + "".join(_DIGITS[digit] for digit in (*digits, *checksum))


def decode(prefix: str, text: str, size: int) -> bytes:
    """Read bytes of a known size that `encode` spelled.

    Parameters
    ----------
    prefix
        In lower case.
    text
        In lower case.
    size
        Bytes.

    Raises
    ------
    KeyRefused
        When the prefix, a digit, the checksum or the size is another. The message holds nothing of the text.
    """
    expected = f"{size} bytes in Bech32 behind {prefix}1"
    start, length = len(prefix) + 1, -(-8 * size // 5) + _CHECKSUM
    body = text[start:]
    if not text.startswith(prefix + "1") or len(body) != length or not set(body) <= set(_DIGITS):
        raise KeyRefused(f"expected {expected}, found another text of {len(text)} characters")
    digits = [_DIGITS.index(each) for each in body]
    content = bytes(_regrouped(digits[:-_CHECKSUM], 5, 8, is_padded=False))
    # Written again, because bits of padding that are not zero would give one key several spellings.
    if _remainder([*_expanded(prefix), *digits]) != 1 or encode(prefix, content) != text:
        raise KeyRefused(f"expected {expected}, found one that was mistyped; copy it again")
    return content


def _expanded(prefix: str) -> Iterator[int]:
    """Yield a prefix as the checksum covers it: high bits, zero, low bits."""
    yield from (ord(each) >> 5 for each in prefix)
    yield 0
    yield from (ord(each) & 31 for each in prefix)


def _remainder(digits: Iterable[int]) -> int:
    """Return the remainder of a polynomial over GF(32) by the code's generator."""
    rest = 1
    for digit in digits:
        top = rest >> 25
        rest = (rest & 0x1FFFFFF) << 5 ^ digit
        for place, factor in enumerate(_GENERATOR):
            rest ^= factor if top >> place & 1 else 0
    return rest


def _regrouped(groups: Iterable[int], width: int, wanted: int, *, is_padded: bool) -> Iterator[int]:
    """Yield the same bits in groups of another width; what is left at the end is padded, or dropped."""
    bits = held = 0
    for group in groups:
        held, bits = held << width | group, bits + width
        while bits >= wanted:
            bits -= wanted
            yield held >> bits & (1 << wanted) - 1
    if bits and is_padded:
        yield held << wanted - bits & (1 << wanted) - 1
