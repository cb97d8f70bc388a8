from statistics import NormalDist
from typing import Any

import mpmath
import numpy as np
import pytest

from scorer.scoring import quantiles
from scorer.scoring.exact import magnitude_exponent, part_bits, split
from scorer.scoring.quantiles import QUANTILE_ERROR, rank_table, signed_power_1_5

context = mpmath.MPContext()
context.dps = 40


def precise_quantile(numerator: int, denominator: int) -> Any:
    return context.sqrt(2) * context.erfinv(2 * context.mpf(numerator) / denominator - 1)


@pytest.mark.parametrize("count", [2, 3, 4, 7, 100, 251])
def test_every_entry_is_the_true_quantile_rounded_to_the_grid(count: int) -> None:
    table = rank_table(count)
    bits = part_bits(count)
    spacing = magnitude_exponent(table.quantile) - 2 * bits - 1
    for position in range(1, 2 * count):
        steps = precise_quantile(position, 2 * count) / mpmath.mpf(2) ** spacing
        assert abs(table.quantile[position] / 2.0**spacing - steps) <= 0.5


def test_entries_of_a_full_universe_are_the_true_quantiles_rounded_to_the_grid() -> None:
    table = rank_table(6000)
    spacing = magnitude_exponent(table.quantile) - 2 * 19 - 1
    for position in [1, 2, 3, *range(101, 6000, 97), 5999]:
        steps = precise_quantile(position, 12000) / mpmath.mpf(2) ** spacing
        assert abs(table.quantile[position] / 2.0**spacing - steps) <= 0.5


def test_the_error_bound_of_the_library_quantile_is_generous() -> None:
    errors = [abs(precise_quantile(k, 12000) - NormalDist().inv_cdf(k / 12000)) for k in range(1, 6000, 41)]
    assert max(errors) < QUANTILE_ERROR / 8


def test_entries_do_not_depend_on_the_last_bits_of_the_library_quantile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = rank_table(3000).quantile

    class Worse(NormalDist):
        def inv_cdf(self, p: float) -> float:
            noise = 1 if hash(p) % 2 else -1
            return super().inv_cdf(p) + noise * QUANTILE_ERROR / 2

    monkeypatch.setattr(quantiles, "NormalDist", Worse)
    np.testing.assert_array_equal(quantiles._quantiles(3000, part_bits(3000)), expected)


def test_a_table_is_antisymmetric_and_its_parts_add_up() -> None:
    table = rank_table(1000)
    np.testing.assert_array_equal(table.quantile[1:], -table.quantile[:0:-1])
    assert table.quantile[1000] == 0
    again = split(table.quantile, table.bits).values()
    np.testing.assert_array_equal(again, table.quantile)
    assert table.untied.sum() == 0


def test_the_power_keeps_signs() -> None:
    np.testing.assert_allclose(signed_power_1_5(np.array([-4.0, 0.0, 2.25])), [-8.0, 0.0, 3.375])
