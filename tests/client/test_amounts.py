"""Amounts and allocations as typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.client.amounts import Allocation, AmountError, allocation_of, amount_of
from scorer.rewards.allocation import SHARE_FLAG
from scorer.units import MAX_NANO, NanoNmr, Ppm, nmr_text

NOT_AMOUNTS = [
    "",
    " 25",
    "25 ",
    "1e3",
    "1E3",
    "1,000",
    "1_000",
    "+5",
    "-5",
    "0x10",
    ".5",
    "5.",
    "٣",
    "nan",
    "inf",
]


@pytest.mark.parametrize("text", ["18446744073.709551616", "99999999999999999999"])
def test_an_amount_that_no_lane_holds_is_said_to_be_too_large(text: str) -> None:
    with pytest.raises(AmountError, match=r"expected at most 18446744073.709551615 NMR, found"):
        amount_of(text)


@pytest.mark.parametrize("text", [*NOT_AMOUNTS, "25%", "0.0000000001"])
def test_what_is_no_amount_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(AmountError, match="expected NMR in plain decimals with at most nine places") as error:
        amount_of(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("text", ["0", "0.000000000", "-0", "00"])
def test_nothing_is_no_amount(text: str) -> None:
    with pytest.raises(AmountError, match="expected more than 0 NMR"):
        amount_of(text)


def test_separators_are_answered_with_how_to_write() -> None:
    with pytest.raises(AmountError, match="write a decimal point, and no separators"):
        amount_of("1,5")


@given(st.integers(1, MAX_NANO))
def test_every_amount_comes_back_as_it_was_written(nano: int) -> None:
    assert amount_of(nmr_text(nano)) == nano


def test_amounts_are_exact() -> None:
    assert amount_of("0.1") == 100_000_000
    assert amount_of("0.000000001") == 1
    assert amount_of("18446744073.709551615") == MAX_NANO


@pytest.mark.parametrize("text", ["%", "101%", "100.0001%", "-1%", "1.23456%", "1e1%", "40 %", "4,5%", ".5%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(AmountError, match="expected a share from 0% to 100% with at most four decimals"):
        allocation_of(text)


@pytest.mark.parametrize("text", ["9900000.000000001", "9223372036.854775808", "18446744073.709551615"])
def test_an_amount_above_the_largest_is_refused(text: str) -> None:
    with pytest.raises(AmountError, match=r"expected at most 9900000 NMR, found .*; 100% is all"):
        allocation_of(text)


@pytest.mark.parametrize(
    ("text", "below", "above"),
    [
        ("345", "340 NMR", "350 NMR"),
        ("99.5", "99 NMR", "100 NMR"),
        ("0.001", "0 NMR", "0.01 NMR"),
        ("0.0101", "0.01 NMR", "0.011 NMR"),
        ("33.3%", "33 % of idle", "33.5 % of idle"),
        ("0.1%", "0 NMR", "0.5 % of idle"),
        ("99.9999%", "99.5 % of idle", "100 % of idle"),
    ],
)
def test_an_allocation_that_no_code_stands_for_is_refused_with_the_two_nearest(
    text: str, below: str, above: str
) -> None:
    with pytest.raises(AmountError) as error:
        allocation_of(text)
    assert str(error.value).endswith(f"found {text!r}; the nearest are {below} and {above}")


@pytest.mark.parametrize(
    ("text", "encoded", "shown"),
    [
        ("25", 25 * 10**9, "25 NMR"),
        ("0.010", 10**7, "0.01 NMR"),
        ("9900000", 9_900_000 * 10**9, "9900000 NMR"),
        ("0", 0, "0 NMR"),
        ("0%", 0, "0 NMR"),
        ("40%", SHARE_FLAG | 400_000, "40 % of idle"),
        ("0.5%", SHARE_FLAG | 5_000, "0.5 % of idle"),
        ("100%", SHARE_FLAG | 1_000_000, "100 % of idle"),
    ],
)
def test_an_allocation_is_an_amount_or_a_share(text: str, encoded: int, shown: str) -> None:
    found = allocation_of(text)
    assert found.encoded == encoded
    assert str(found) == shown
    assert Allocation.decoded(encoded) == found


@pytest.mark.parametrize(
    ("allocation", "idle", "minimum", "position"),
    [
        (Allocation(amount=NanoNmr(30)), 100, 0, 30),
        (Allocation(amount=NanoNmr(30)), 20, 0, 20),
        (Allocation(amount=NanoNmr(30)), 20, 21, 0),
        (Allocation(share=Ppm(250_000)), 7, 0, 1),
        (Allocation(share=Ppm(1_000_000)), 7, 7, 7),
        (Allocation(amount=NanoNmr(0)), 7, 0, 0),
    ],
)
def test_a_position_is_what_the_contract_locks(
    allocation: Allocation, idle: int, minimum: int, position: int
) -> None:
    assert allocation.position(idle, minimum) == position
