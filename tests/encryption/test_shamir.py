"""Secret sharing: held against a port of HashiCorp Vault, and what fewer shares than the threshold say."""

from functools import cache
from itertools import combinations, islice

import numpy as np
import pyshamir
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.encryption import shamir
from scorer.encryption.shamir import Bytes

SECRET = bytes(range(100, 132))


def coefficients(threshold: int, size: int = len(SECRET), seed: int = 1) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (threshold - 1, size), dtype=np.uint8)


def slow_product(one: int, other: int) -> int:
    """FIPS 197, section 4.2: multiplication bit by bit."""
    product = 0
    while other:
        if other & 1:
            product ^= one
        one = one << 1 ^ (0x11B if one & 0x80 else 0)
        other >>= 1
    return product


def test_every_product_is_that_of_the_field() -> None:
    table = shamir._products()
    assert all(table[one, other] == slow_product(one, other) for one in range(256) for other in range(256))


@pytest.mark.parametrize(("threshold", "members"), [(1, 1), (1, 3), (2, 3), (3, 4), (5, 7), (7, 7), (43, 64)])
def test_any_threshold_of_shares_gives_the_secret(threshold: int, members: int) -> None:
    numbers = range(1, members + 1)
    shares = shamir.split(SECRET, coefficients(threshold), numbers)
    for subset in islice(combinations(range(members), threshold), 50):
        found = shamir.combine(shares[list(subset), None, :], [numbers[place] for place in subset])
        assert found.tobytes() == SECRET


@pytest.mark.parametrize(("threshold", "members"), [(2, 2), (2, 3), (5, 7), (7, 7)])
def test_vault_combines_our_shares(threshold: int, members: int) -> None:
    """Vault writes a share's number behind it."""
    numbers = range(1, members + 1)
    shares = shamir.split(SECRET, coefficients(threshold), numbers)
    pairs = zip(shares, numbers, strict=True)
    ours = [bytearray(share.tobytes() + bytes([number])) for share, number in pairs]
    for subset in islice(combinations(ours, threshold), 3):
        assert bytes(pyshamir.combine(list(subset))) == SECRET


@given(st.binary(min_size=1, max_size=40), st.integers(2, 7), st.integers(0, 3))
def test_we_combine_the_shares_of_vault(secret: bytes, threshold: int, more: int) -> None:
    parts = pyshamir.split(secret, threshold + more, threshold)[:threshold]
    shares = np.array([list(part[:-1]) for part in parts], dtype=np.uint8)[:, None, :]
    assert shamir.combine(shares, [part[-1] for part in parts]).tobytes() == secret


def test_many_secrets_are_combined_at_once() -> None:
    secrets = np.random.default_rng(3).integers(0, 256, (1_000, 32), dtype=np.uint8)
    numbers = (2, 3, 5, 7, 250)
    split = [shamir.split(row.tobytes(), coefficients(5, seed=row[0]), numbers) for row in secrets]
    assert (shamir.combine(np.stack(split, axis=1), numbers) == secrets).all()


@pytest.mark.parametrize("threshold", [2, 3, 5])
def test_fewer_shares_than_the_threshold_fit_every_byte_that_the_secret_may_have(threshold: int) -> None:
    """For each possible secret exactly one polynomial goes through the shares that are known."""
    numbers = range(1, threshold + 1)
    known = shamir.split(SECRET[:1], coefficients(threshold, 1), numbers)[: threshold - 1]
    others = {
        secret: interpolated_at(numbers[-1], (0, *numbers[:-1]), (secret, *known[:, 0].tolist()))
        for secret in range(256)
    }
    assert len(set(others.values())) == 256
    for secret, last in others.items():
        shares = np.array([*known[:, 0], last], dtype=np.uint8)[:, None, None]
        assert shamir.combine(shares, numbers).item() == secret


@cache
def inverse(element: int) -> int:
    return next(other for other in range(256) if slow_product(element, other) == 1)


def interpolated_at(place: int, points: tuple[int, ...], values: tuple[int, ...]) -> int:
    """Lagrange's interpolation, written out."""
    total = 0
    for point, value in zip(points, values, strict=True):
        for other in points:
            if other != point:
                value = slow_product(value, slow_product(place ^ other, inverse(point ^ other)))
        total ^= value
    return total


def test_shares_below_the_threshold_are_distributed_alike_for_all_secrets() -> None:
    """Over all 256 coefficients of a threshold of 2 a share takes every value once, whatever the secret."""
    for secret in (0, 1, 77, 255):
        coefficient = np.arange(256, dtype=np.uint8).reshape(256, 1, 1)
        seen = {shamir.split(bytes([secret]), each, [9]).item() for each in coefficient}
        assert len(seen) == 256


@pytest.mark.parametrize("numbers", [(0, 1), (1, 1), (1, 256), (-1, 2)])
def test_numbers_that_are_none_of_members_are_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="each once"):
        shamir.combine(np.zeros((2, 1, 1), dtype=np.uint8), numbers)
    with pytest.raises(ValueError, match="each once"):
        shamir.split(b"\1", coefficients(2, 1), numbers)
