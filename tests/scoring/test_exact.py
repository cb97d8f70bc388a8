import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.scoring.exact import (
    Parts,
    dot,
    exact_matmul,
    exact_matvec,
    exact_weighted_sum,
    mean,
    part_bits,
    pearson,
    recentred,
    split,
    total,
)


def as_fractions(parts: Parts) -> list[Fraction]:
    unit = Fraction(2) ** parts.unit_exponent
    return [Fraction(v) * unit for v in np.ldexp(parts.high, parts.bits + 1) + parts.low]


@pytest.mark.parametrize("length", [1, 2, 3, 100, 4096, 6000, 8192, 8193, 1_000_000])
def test_no_partial_sum_can_leave_the_53_bits_of_a_float(length: int) -> None:
    assert length * 2 * 4 ** part_bits(length) <= 2**53


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_a_split_is_within_half_a_grid_step_of_every_value(values: list[float]) -> None:
    parts = split(np.array(values), 19)
    step = Fraction(2) ** parts.unit_exponent
    errors = [abs(a - Fraction(b)) for a, b in zip(as_fractions(parts), values, strict=True)]
    assert max(errors) <= step / 2
    assert max(np.abs(parts.high).max(), np.abs(parts.low).max()) <= 2**19


def test_dot_products_and_sums_are_those_of_fractions() -> None:
    rng = np.random.default_rng(5)
    left, right = (split(rng.standard_t(2, 3000), part_bits(3000)) for _ in range(2))
    exact = sum(a * b for a, b in zip(as_fractions(left), as_fractions(right), strict=True))
    unit = Fraction(2) ** (left.unit_exponent + right.unit_exponent)
    assert dot(left, right) == pytest.approx(float(exact / unit), rel=4e-16)
    assert Fraction(total(left)) * Fraction(2) ** left.unit_exponent == sum(as_fractions(left))


def test_values_at_the_edge_of_the_parts_still_add_up_exactly() -> None:
    bits = part_bits(8192)
    worst = Parts(np.full(8192, 2.0**bits), np.full(8192, 2.0**bits), bits, 0)
    value = (2 ** (2 * bits + 1) + 2**bits) ** 2 * 8192
    assert dot(worst, worst) == float(value)


def test_recentring_keeps_binned_targets_in_a_single_part() -> None:
    values = np.repeat([0.0, 1.0, 2.0, 3.0, 4.0], [300, 1200, 3007, 1193, 300])
    assert not split(recentred(values, 19), 19).low.any()


def test_the_mean_of_huge_values_does_not_overflow() -> None:
    assert mean(np.array([1.6e308, 1.6e308, 1.4e308])) == pytest.approx(1.6e308 / 3 * 2 + 1.4e308 / 3)


def test_pearson_agrees_with_numpy_and_is_missing_for_a_constant() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 500))
    assert pearson(x, x + y) == pytest.approx(np.corrcoef(x, x + y)[0, 1], abs=1e-12)
    assert pearson(x, x) == pytest.approx(1.0, abs=1e-15)
    assert math.isnan(pearson(x, np.full(500, 0.1)))


def test_a_matrix_times_a_vector_agrees_with_numpy() -> None:
    rng = np.random.default_rng(2)
    matrix, vector = rng.normal(size=(40, 30)), rng.normal(size=30) * 1e12
    np.testing.assert_allclose(exact_matvec(matrix, vector), matrix @ vector, atol=1e3 * 1e-9)


def test_a_row_of_a_product_does_not_depend_on_the_other_rows() -> None:
    rng = np.random.default_rng(3)
    rows, right = rng.normal(size=(4, 50)), rng.normal(size=(50, 3))
    together = exact_matmul(np.vstack([rows, 1e200 * rows, 0 * rows]), right)
    np.testing.assert_array_equal(together[:4], exact_matmul(rows, right))
    np.testing.assert_array_equal(together[8:], 0)
    np.testing.assert_allclose(together[4:8], 1e200 * (rows @ right), rtol=1e-9)


@given(
    st.integers(1, 40),
    st.integers(1, 7),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1.0, 1e-300, 1e300, 2.0**-1060]),
)
def test_a_weighted_sum_of_rows_in_blocks_has_the_bits_of_a_product_in_one_piece(
    rows: int, size: int, seed: int, scale: float
) -> None:
    stream = np.random.default_rng(seed)
    matrix = stream.normal(size=(rows, 6)) * scale * 2.0 ** stream.integers(-20, 5, 6)
    matrix[:, 3] = 0
    weights = stream.random(rows) * stream.integers(0, 2, rows)
    blocks = [matrix[start : start + size] for start in range(0, rows, size)]
    blocks.insert(len(blocks) // 2, matrix[:0])
    found = exact_weighted_sum(lambda: blocks, weights)
    assert found.tobytes() == exact_matvec(np.ascontiguousarray(matrix.T), weights).tobytes()
