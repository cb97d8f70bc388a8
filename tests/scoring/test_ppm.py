from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.scoring import ScoringInputError, to_ppm


@given(st.floats(-1000, 1000))
def test_a_score_is_rounded_half_to_even_from_its_exact_value(score: float) -> None:
    assert to_ppm(np.array([score]))[0] == round(Fraction(score) * 1_000_000)


@pytest.mark.parametrize("sixty_fourths", [1, -1, 3, 32, 63, 65])
def test_exact_halves_go_to_the_even_neighbour(sixty_fourths: int) -> None:
    score = sixty_fourths / 128 / 1_000_000 * 64  # not a half exactly: decided from the float's own value
    assert to_ppm(np.array([score]))[0] == round(Fraction(score) * 1_000_000)
    assert to_ppm(np.array([0.0078125 * sixty_fourths]))[0] == round(Fraction(sixty_fourths, 128) * 1_000_000)


def test_a_missing_score_is_zero_and_the_shape_is_kept() -> None:
    found = to_ppm(np.array([[np.nan, 0.0212345], [-0.5, 1.0]]))
    np.testing.assert_array_equal(found, [[0, 21234], [-500000, 1000000]])
    assert found.dtype == np.int64


@pytest.mark.parametrize("score", [np.inf, -np.inf, 1001.0])
def test_a_score_that_no_formula_yields_is_refused(score: float) -> None:
    with pytest.raises(ScoringInputError, match=r"^scores"):
        to_ppm(np.array([0.1, score]))
