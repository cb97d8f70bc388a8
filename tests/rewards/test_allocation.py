"""The integer mirror of allocations' codes, and of the positions that they take."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.rewards.allocation import (
    LAST_AMOUNT,
    LAST_SHARE,
    SHARE_FLAG,
    NotRepresentable,
    code_of,
    decoded,
    nearest_codes,
    positions_of,
)

NMR = 10**9
CODES = range(LAST_SHARE + 1)
AMOUNTS = sorted(m * 10**e for m in range(10, 100) for e in range(6, 15))
"""List the documented amounts: every amount of two digits from 0.01 NMR to 9,900,000 NMR."""
SHARES = [SHARE_FLAG | 5_000 * half_percents for half_percents in range(1, 201)]


def test_codes_are_those_that_the_documents_say_in_ascending_order() -> None:
    assert [decoded(code) for code in CODES] == [0, *AMOUNTS, *SHARES]


def test_every_code_stands_for_an_allocation_of_its_own() -> None:
    assert [code_of(decoded(code)) for code in CODES] == list(CODES)


@pytest.mark.parametrize("code", [-1, LAST_SHARE + 1, 1023])
def test_a_code_that_is_not_in_use_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="expected a code from 0 to 1010"):
        decoded(code)


@given(st.integers(1, 2**64 - 1))
def test_what_no_code_stands_for_is_refused_with_the_two_nearest(allocation: int) -> None:
    kind = SHARES if allocation & SHARE_FLAG else AMOUNTS
    below = max((each for each in kind if each <= allocation), default=0)
    above = min((each for each in kind if each > allocation), default=kind[-1])
    if below == allocation:
        assert decoded(code_of(allocation)) == allocation
        return
    with pytest.raises(NotRepresentable) as error:
        code_of(allocation)
    assert (error.value.allocation, error.value.below, error.value.above) == (allocation, below, above)


def test_neighbours_of_an_allocation_differ_by_a_tenth_at_most() -> None:
    gaps = [decoded(above) / decoded(below) for below, above in (nearest_codes(each) for each in AMOUNTS)]
    assert max(gaps) <= 1.1


def test_positions_are_the_amount_within_the_stake_or_the_share_rounded_down() -> None:
    stakes = np.array([5 * NMR, 5 * NMR, 5 * NMR, 2**54 - 1, 3, 7], dtype=np.uint64)
    wanted = [4 * NMR, 9 * NMR, 0, SHARE_FLAG | 1_000_000, SHARE_FLAG | 500_000, SHARE_FLAG | 5_000]
    codes = np.array([code_of(each) for each in wanted], dtype=np.uint64)
    assert positions_of(stakes, codes, 0).tolist() == [4 * NMR, 5 * NMR, 0, 2**54 - 1, 1, 0]
    assert positions_of(stakes, codes, 5 * NMR).tolist() == [0, 5 * NMR, 0, 2**54 - 1, 0, 0]


def test_a_code_that_is_a_share_is_no_amount() -> None:
    codes = np.array([LAST_AMOUNT, LAST_AMOUNT + 1], dtype=np.uint64)
    stakes = np.full(2, 2 * 10**16, dtype=np.uint64)
    assert positions_of(stakes, codes, 0).tolist() == [9_900_000 * NMR, 10**14]
