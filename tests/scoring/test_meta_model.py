import numpy as np
import pytest

from scorer.scoring import ScoringInputError, meta_model, stake_weighted_meta_model

from . import slow
from .rounds import make_round

HUGE = 2**64 - 1


@pytest.mark.parametrize("values", ["uniform", "rounded", "few_values"])
def test_it_is_the_stake_weighted_mean_of_percentile_ranks_rounded_once(values: str) -> None:
    rows = make_round(5, 41, 3, values).submissions
    stakes = [1, 10**16 + 1, HUGE, 0, 12345678901]
    found = stake_weighted_meta_model(rows, np.array(stakes, dtype=np.uint64))
    np.testing.assert_array_equal(found, slow.stake_weighted(rows, stakes))


def test_scaling_all_stakes_or_reordering_models_changes_no_bit() -> None:
    rows = make_round(90, 77, 6).submissions
    stakes = np.random.default_rng(1).integers(0, 2**50, 90, dtype=np.uint64)
    expected = stake_weighted_meta_model(rows, stakes)
    np.testing.assert_array_equal(stake_weighted_meta_model(rows, stakes * np.uint64(1000)), expected)
    np.testing.assert_array_equal(stake_weighted_meta_model(rows[::-1], stakes[::-1]), expected)


@pytest.mark.parametrize("cores", [1, 3])
def test_models_in_many_blocks_add_up_on_any_number_of_cores(
    cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = 3 * meta_model.MODELS_AT_ONCE + 1
    rows = make_round(models, 23, 8, "rounded").submissions
    stakes = [HUGE, *np.random.default_rng(3).integers(0, 2**63, models - 1).tolist()]
    monkeypatch.setattr(meta_model, "usable_cores", lambda: cores)
    found = stake_weighted_meta_model(rows, np.array(stakes, dtype=np.uint64))
    np.testing.assert_array_equal(found, slow.stake_weighted(rows, stakes))


def test_a_submission_with_a_missing_value_has_no_part_in_it() -> None:
    rows = make_round(4, 50).submissions
    stakes = np.array([5, 7, 11, 13], dtype=np.uint64)
    expected = stake_weighted_meta_model(rows[[0, 2, 3]], stakes[[0, 2, 3]])
    rows[1, 3] = np.nan
    np.testing.assert_array_equal(stake_weighted_meta_model(rows, stakes), expected)


def test_a_constant_submission_does_not_change_the_order() -> None:
    rows = make_round(4, 50).submissions
    stakes = np.array([5, 7, 11, 10**6], dtype=np.uint64)
    expected = stake_weighted_meta_model(rows[:3], stakes[:3])
    rows[3] = 0.9
    found = stake_weighted_meta_model(rows, stakes)
    np.testing.assert_array_equal(np.argsort(found), np.argsort(expected))


@pytest.mark.parametrize(
    "stakes",
    [np.zeros(2, np.uint64), np.ones(2), np.array([1, -1]), np.ones(3, np.uint64)],
)
def test_stakes_that_do_not_fit_are_refused(stakes: np.ndarray) -> None:
    with pytest.raises(ScoringInputError, match=r"^stakes: expected"):
        stake_weighted_meta_model(np.random.default_rng(0).random((2, 9)), stakes)
