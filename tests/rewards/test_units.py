"""Amounts: read exactly or refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.units import (
    coins_text,
    nano_from_nmr,
    nmr_from_nano,
    nmr_from_wei,
    nmr_text,
    ppm_as_decimal,
    ppm_from_decimal,
    ppm_text,
    wei_from_nano,
)

MAX_UINT64 = 2**64 - 1


@given(st.integers(0, MAX_UINT64))
def test_nano_nmr_survives_the_way_to_nmr_and_back(amount: int) -> None:
    assert nano_from_nmr(nmr_from_nano(amount)) == amount
    assert nano_from_nmr(f"{nmr_from_nano(amount):f}") == amount


@given(st.integers(-(10**12), 10**12))
def test_ppm_survives_the_way_to_decimal_text_and_back(ppm: int) -> None:
    assert ppm_from_decimal(f"{ppm_as_decimal(ppm):f}") == ppm


@given(st.integers(0, 2**256 - 1))
def test_wei_become_nmr_exactly_even_past_the_28_digits_of_pythons_default(amount: int) -> None:
    whole, rest = divmod(amount, 10**18)
    assert nmr_from_wei(amount) == Decimal(f"{whole}.{rest:018d}")


def test_amounts_are_read_in_nmr() -> None:
    assert nano_from_nmr("0.01") == 10_000_000
    assert (
        nano_from_nmr("72000") == nano_from_nmr(72_000) == nano_from_nmr(Decimal("7.2E+4")) == 72_000 * 10**9
    )
    assert wei_from_nano(nano_from_nmr(1)) == 10**18


@pytest.mark.parametrize(
    "amount",
    [
        "abc",
        "",
        "1e5",
        "NaN",
        "Infinity",
        "1_0",
        " 1",
        "1 ",
        "+1",
        ".5",
        "5.",
        "１",
        "1,5",
        0.1,
        True,
        Decimal("NaN"),
    ],
)
def test_what_is_not_a_plain_decimal_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="expected a number in plain decimals"):
        nano_from_nmr(amount)


@pytest.mark.parametrize(
    "amount",
    ["-1", "0.0000000001", "1.00000000000000000000000000000000000001", "18446744073.709551616", "9" * 40],
)
def test_an_amount_that_nano_nmr_cannot_hold_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="at most nine decimals, found"):
        nano_from_nmr(amount)


def test_the_largest_amount_is_64_bits() -> None:
    assert nano_from_nmr("18446744073.709551615") == MAX_UINT64


def test_a_seventh_decimal_of_a_share_is_refused() -> None:
    with pytest.raises(ValueError, match="at most six decimals"):
        ppm_from_decimal("0.0500001000000001")


def test_texts_of_units_are_exact_and_without_exponent_or_trailing_zeros() -> None:
    assert [nmr_text(amount) for amount in (0, 1, 25 * 10**9, -500_000_000)] == [
        "0",
        "0.000000001",
        "25",
        "-0.5",
    ]
    assert coins_text(123_000_000_000_000_000_001) == "123.000000000000000001"
    assert [ppm_text(ppm) for ppm in (50_000, 1_000_000, -1)] == ["0.05", "1", "-0.000001"]
