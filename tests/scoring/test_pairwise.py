import numpy as np
import pandas as pd
import pytest

from scorer.scoring import ScoringInputError, UnscoredReason, likeness
from scorer.scoring.exact import Floats

from .rounds import VALUES, make_round


def rank_correlations(submissions: Floats) -> Floats:
    return pd.DataFrame(submissions.T).rank().corr().to_numpy(copy=True)


@pytest.mark.parametrize("values", VALUES)
def test_they_are_the_highest_and_mean_rank_correlation_with_the_others(values: str) -> None:
    game = make_round(12, 150, 1, values)
    pairs = rank_correlations(game.submissions)
    np.fill_diagonal(pairs, np.nan)
    found = likeness(game.submissions)
    np.testing.assert_allclose(found.highest, np.nanmax(pairs, axis=1), atol=1e-11)
    np.testing.assert_allclose(found.average, np.nanmean(pairs, axis=1), atol=1e-11)


def test_blocks_of_many_models_find_the_same() -> None:
    submissions = np.random.default_rng(0).random((1100, 40))
    submissions[1099] = submissions[3] + 1e-9
    pairs = rank_correlations(submissions)
    np.fill_diagonal(pairs, -2)
    found = likeness(submissions)
    np.testing.assert_allclose(found.highest, pairs.max(axis=1), atol=1e-11)
    assert found.highest[3] == found.highest[1099] == 1.0


def test_a_submission_that_cannot_be_ranked_is_nobodys_other() -> None:
    game = make_round(6, 90, 2)
    expected = likeness(game.submissions[[0, 1, 4, 5]])
    submissions = game.submissions.copy()
    submissions[2, 5], submissions[3] = np.nan, 0.1
    found = likeness(submissions)
    assert found.reasons == (None, None, UnscoredReason.MISSING_VALUE, UnscoredReason.CONSTANT, None, None)
    np.testing.assert_array_equal(found.highest[[0, 1, 4, 5]], expected.highest)
    np.testing.assert_array_equal(found.average[[0, 1, 4, 5]], expected.average)
    assert np.isnan(found.highest[[2, 3]]).all()


def test_the_order_of_models_and_ids_changes_no_bit() -> None:
    game = make_round(30, 200, 3, "rounded")
    rng = np.random.default_rng(0)
    models, ids = rng.permutation(30), rng.permutation(200)
    expected, found = likeness(game.submissions), likeness(game.submissions[models][:, ids])
    np.testing.assert_array_equal(found.highest, expected.highest[models])
    np.testing.assert_array_equal(found.average, expected.average[models])


def test_a_single_submission_has_no_others() -> None:
    assert np.isnan(likeness(make_round(1, 20).submissions).average).all()


def test_more_ids_than_fit_are_refused() -> None:
    with pytest.raises(ScoringInputError, match=r"^submissions: expected at most 16000 ids"):
        likeness(np.zeros((1, 16001)))
