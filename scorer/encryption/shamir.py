"""Shamir's secret sharing, byte by byte over GF(256), for many secrets at once.

Field and form are those of HashiCorp Vault and of SLIP-0039: polynomials modulo x^8 + x^4 + x^3 + x + 1
(FIPS 197, section 4.2); the secret is the value at 0, as in Vault. A share is the value at its member's
number, which counts from 1: the place in the member set plus 1.

With coefficients that are random and uniform, fewer than `threshold` shares fit every secret equally well
(Shamir, "How to share a secret", CACM 22(11), 1979). Tables are looked up by secret bytes here: whoever can
watch the caches of a member's machine is not kept out.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

MOST_NUMBER: Final = 255
_POLYNOMIAL: Final = 0x11B
_ORDER: Final = 255
"""The order of the field's multiplicative group, which 3 generates."""


def split(secret: bytes, coefficients: Bytes, numbers: Sequence[int]) -> Bytes:
    """Compute the shares of one secret.

    Parameters
    ----------
    coefficients
        Of x, x^2, ...: shape (threshold - 1, bytes), uniform.
    numbers
        Of the members, from 1 to 255, each once.

    Returns
    -------
    ndarray
        A share a member, shape (members, bytes) uint8.
    """
    points = _checked(numbers)[:, None]
    shares = np.zeros((len(numbers), len(secret)), dtype=np.uint8)
    for row in (*coefficients[::-1], np.frombuffer(secret, dtype=np.uint8)):  # Horner's rule
        shares = _products()[points, shares] ^ row
    return shares


def combine(shares: Bytes, numbers: Sequence[int]) -> Bytes:
    """Compute secrets from shares of the same members: Lagrange's interpolation at 0.

    Parameters
    ----------
    shares
        Shape (threshold, secrets, bytes) uint8.
    numbers
        Of the members, in the order of `shares`.

    Returns
    -------
    ndarray
        Shape (secrets, bytes) uint8. Shares that fit no common polynomial give something else than the
        secret; nothing here can detect it.
    """
    _checked(numbers)
    secrets = np.zeros(shares.shape[1:], dtype=np.uint8)
    for factor, values in zip(lagrange_at_zero(numbers), shares, strict=True):
        secrets ^= _products()[factor][values]
    return secrets


def lagrange_at_zero(numbers: Sequence[int]) -> tuple[int, ...]:
    """Return the weight of each member's share: the product of x_j / (x_j - x_i) over all others j."""
    powers, logs = _powers_and_logs()

    def weight(own: int) -> int:
        others = [other for other in numbers if other != own]
        # In this field a difference is an exclusive or.
        exponent = sum(int(logs[other]) - int(logs[other ^ own]) for other in others)
        return int(powers[exponent % _ORDER])

    return tuple(weight(own) for own in numbers)


def _checked(numbers: Sequence[int]) -> Bytes:
    if len(set(numbers)) != len(numbers) or not all(1 <= each <= MOST_NUMBER for each in numbers):
        raise ValueError(f"expected numbers from 1 to {MOST_NUMBER}, each once, found {list(numbers)}")
    return np.array(numbers, dtype=np.uint8)


@cache
def _powers_and_logs() -> tuple[Bytes, Bytes]:
    """3^k for each k, and k for each 3^k."""
    powers, logs = np.zeros(_ORDER, dtype=np.uint8), np.zeros(256, dtype=np.uint8)
    value = 1
    for exponent in range(_ORDER):
        powers[exponent], logs[value] = value, exponent
        value ^= value << 1 ^ (_POLYNOMIAL if value & 0x80 else 0)  # times 3: times 2, plus itself
    return powers, logs


@cache
def _products() -> Bytes:
    """Return every product of two elements, shape (256, 256)."""
    powers, logs = _powers_and_logs()
    # Wider numbers first, as a sum of two logarithms passes 8 bits.
    exponents = (logs[:, None].astype(np.int64) + logs) % _ORDER
    products: Bytes = powers[exponents]
    # Zero has no logarithm.
    products[0, :] = products[:, 0] = 0
    products.flags.writeable = False
    return products
