import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.scoring.exact import Floats
from scorer.scoring.ranks import Indices, Sorter, doubled_ranks

from .rounds import VALUES, make_round


def pandas_doubled(rows: Floats) -> Indices:
    return (2 * pd.DataFrame(rows.T).rank().T.to_numpy() - 1).astype(np.int64)


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("ids", [1, 2, 3, 64, 65, 1000, 8192, 8193, 20000])
def test_ranks_are_those_of_pandas(values: str, ids: int) -> None:
    rows = make_round(3, max(ids, 2), 11, values).submissions[:, :ids]
    rows = np.ascontiguousarray(rows)
    np.testing.assert_array_equal(doubled_ranks(rows), pandas_doubled(rows))


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=40))
@settings(max_examples=300)
def test_any_floats_are_ranked_like_pandas_does(values: list[float]) -> None:
    rows = np.array([values, values[::-1]])
    np.testing.assert_array_equal(doubled_ranks(rows), pandas_doubled(rows))


def test_zero_and_minus_zero_are_equal_and_infinities_are_extremes() -> None:
    row = np.array([[0.0, -0.0, np.inf, -np.inf, 5e-324, -5e-324, np.inf]])
    np.testing.assert_array_equal(doubled_ranks(row)[0], [6, 6, 12, 1, 9, 3, 12])


def test_values_too_small_to_have_keys_of_their_own_are_kept_apart() -> None:
    rng = np.random.default_rng(0)
    sizes = 2.0 ** rng.integers(-1074, -940, 500)
    row = np.concatenate([sizes, -sizes, [-(2.0**-960), 2.0**-960, 0.0, -0.0, 1.0, -1.0]])[np.newaxis]
    np.testing.assert_array_equal(doubled_ranks(row), pandas_doubled(row))


@pytest.mark.parametrize("first", [np.inf, -np.inf])
def test_an_infinity_ranks_beyond_the_largest_finite_value_wherever_it_stands(first: float) -> None:
    largest = np.finfo(np.float64).max
    row = np.array([[first, -largest, largest, 0.0, -first, largest]])
    np.testing.assert_array_equal(doubled_ranks(row), pandas_doubled(row))
    np.testing.assert_array_equal(doubled_ranks(row[:, ::-1]), pandas_doubled(row[:, ::-1]))


def test_values_that_differ_only_in_the_last_bit_are_kept_apart() -> None:
    rng = np.random.default_rng(0)
    row = 0.7 + rng.permutation(6000).astype(np.float64)[np.newaxis] * 2.0**-53
    expected = pandas_doubled(row)
    assert len(np.unique(expected)) > 3000
    np.testing.assert_array_equal(doubled_ranks(row), expected)


def test_a_row_with_a_missing_value_is_marked_and_does_not_touch_its_neighbours() -> None:
    rows = make_round(4, 300, 3).submissions
    alone = Sorter(4, 300).rank(rows.copy()).order.copy()
    broken = rows.copy()
    broken[2, 17] = np.nan
    ranked = Sorter(4, 300).rank(broken)
    assert ranked.missing.tolist() == [False, False, True, False]
    np.testing.assert_array_equal(ranked.order[[0, 1, 3]], alone[[0, 1, 3]])
