from typing import Any

import numpy as np
import pytest

from scorer.scoring import ScoringInputError, UnscoredReason, corr_with_meta_model, score_submissions
from scorer.scoring.exact import Floats

from . import slow
from .rounds import TARGETS, VALUES, Round, make_round


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("target", TARGETS)
def test_scores_are_those_of_the_slow_implementation(values: str, target: str) -> None:
    game = make_round(3, 57, 8, values, target)
    scores = score_submissions(game.submissions, game.target, game.meta_model)
    corr = [slow.corr(row, game.target) for row in game.submissions]
    mmc = [slow.mmc(row, game.meta_model, game.target) for row in game.submissions]
    np.testing.assert_allclose(scores.corr, corr, rtol=0, atol=2e-12)
    np.testing.assert_allclose(scores.mmc, mmc, rtol=0, atol=2e-12)


@pytest.mark.parametrize("ids", [2, 3, 4, 5])
def test_the_smallest_rounds_are_scored(ids: int) -> None:
    rng = np.random.default_rng(ids)
    rows, target, meta = rng.random((4, ids)), rng.random(ids), rng.random(ids)
    scores = score_submissions(rows, target, meta)
    np.testing.assert_allclose(scores.corr, [slow.corr(row, target) for row in rows], atol=1e-11)
    np.testing.assert_allclose(scores.mmc, [slow.mmc(row, meta, target) for row in rows], atol=1e-11)


def spoiled(game: Round) -> Floats:
    rows = game.submissions.copy()
    rows[1, 5] = np.nan
    rows[3] = 0.25
    rows[4, :7] = [np.inf, -np.inf, 0.0, -0.0, 1e300, -1e300, 5e-324]
    return rows


def test_one_bad_submission_gets_its_reason_and_changes_no_other_score() -> None:
    game = make_round(7, 300)
    clean = score_submissions(game.submissions, game.target, game.meta_model)
    scores = score_submissions(spoiled(game), game.target, game.meta_model)
    assert scores.reasons == (
        None,
        UnscoredReason.MISSING_VALUE,
        None,
        UnscoredReason.CONSTANT,
        None,
        None,
        None,
    )
    untouched = [0, 2, 5, 6]
    np.testing.assert_array_equal(scores.corr[untouched], clean.corr[untouched])
    np.testing.assert_array_equal(scores.mmc[untouched], clean.mmc[untouched])
    assert np.isnan(scores.corr[[1, 3]]).all()
    assert np.isnan(scores.mmc[[1, 3]]).all()
    assert np.isfinite(scores.corr[4])


def test_a_constant_target_leaves_corr_out_and_a_constant_meta_model_mmc() -> None:
    game = make_round(3, 50)
    flat = np.full(50, 0.1)
    scores = score_submissions(game.submissions, flat, game.meta_model)
    assert np.isnan(scores.corr).all()
    assert scores.reasons == (UnscoredReason.CONSTANT_TARGET,) * 3
    np.testing.assert_allclose(scores.mmc, 0, atol=1e-12)
    scores = score_submissions(game.submissions, game.target, flat)
    assert np.isfinite(scores.corr).all()
    assert np.isnan(scores.mmc).all()
    assert scores.reasons == (UnscoredReason.CONSTANT_META_MODEL,) * 3


def test_without_a_meta_model_only_corr_is_scored() -> None:
    game = make_round(3, 50)
    scores = score_submissions(game.submissions, game.target)
    assert scores.reasons == (None,) * 3
    assert np.isnan(scores.mmc).all()


def test_the_meta_model_itself_contributes_exactly_nothing() -> None:
    game = make_round(1, 1234, target="returns")
    scores = score_submissions(game.meta_model[np.newaxis], game.target, game.meta_model)
    assert scores.mmc[0] == 0.0


def test_the_opposite_prediction_has_exactly_the_opposite_scores() -> None:
    game = make_round(5, 700, values="rounded")
    scores = score_submissions(game.submissions, game.target, game.meta_model)
    opposite = score_submissions(-game.submissions, game.target, game.meta_model)
    np.testing.assert_array_equal(opposite.corr, -scores.corr)
    np.testing.assert_array_equal(opposite.mmc, -scores.mmc)


def test_a_target_on_any_scale_has_the_same_corr() -> None:
    game = make_round(4, 100, target="returns")
    once = score_submissions(game.submissions, game.target)
    for scale in (2.0**-900, 2.0**900):
        again = score_submissions(game.submissions, game.target * scale)
        np.testing.assert_array_equal(again.corr, once.corr)


def test_no_submissions_have_no_scores() -> None:
    scores = score_submissions(np.empty((0, 10)), np.arange(10.0), np.arange(10.0))
    assert scores.corr.shape == scores.mmc.shape == (0,)
    assert scores.reasons == ()


def test_other_memory_layouts_and_float32_are_the_same_submissions() -> None:
    game = make_round(6, 90, values="float32")
    expected = score_submissions(game.submissions, game.target, game.meta_model)
    for rows in (np.asfortranarray(game.submissions), game.submissions.astype(np.float32)):
        found = score_submissions(rows, game.target, game.meta_model)
        np.testing.assert_array_equal(found.corr, expected.corr)
        np.testing.assert_array_equal(found.mmc, expected.mmc)


def test_the_submissions_are_not_written_to() -> None:
    rows = spoiled(make_round(7, 300))
    rows.setflags(write=False)
    before = rows.copy()
    score_submissions(rows, make_round(7, 300).target)
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize(
    ("argument", "change"),
    [
        ("submissions", {"submissions": [[0.1, 0.2]]}),
        ("submissions", {"submissions": np.ones((2, 3), dtype=np.int64)}),
        ("submissions", {"submissions": np.ones(3)}),
        ("submissions", {"submissions": np.ones((3, 0))}),
        ("target", {"target": np.ones(2)}),
        ("target", {"target": np.array([0.1, np.nan, 0.2])}),
        ("target", {"target": np.array(["a", "b", "c"])}),
        ("meta_model", {"meta_model": np.array([0.1, np.inf, 0.2])}),
        ("meta_model", {"meta_model": np.ones((3, 1))}),
        ("threads", {"threads": 0}),
        ("block_size", {"block_size": -1}),
        ("block_size", {"block_size": 2.5}),
    ],
)
def test_an_argument_that_does_not_fit_is_named_in_the_error(argument: str, change: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {
        "submissions": np.ones((2, 3)),
        "target": np.ones(3),
        "meta_model": np.ones(3),
        **change,
    }
    with pytest.raises(ScoringInputError, match=f"^{argument}: expected .*, found .*; "):
        score_submissions(**arguments)


@pytest.mark.parametrize("kind", ["plain", "ties"])
def test_the_gaussian_rank_correlation_is_the_cosine_by_which_mmc_projects(kind: str) -> None:
    game = make_round(6, 200, target="returns")
    submissions = np.round(game.submissions, 1) if kind == "ties" else game.submissions
    scores = score_submissions(submissions, game.target, game.meta_model)
    meta = np.array(slow.gaussian_ranks(game.meta_model.tolist()), dtype=np.float64)
    rows = [np.array(slow.gaussian_ranks(row.tolist()), dtype=np.float64) for row in submissions]
    expected = [row @ meta / np.sqrt((row @ row) * (meta @ meta)) for row in rows]
    assert scores.gaussian_rank_correlation is not None
    np.testing.assert_allclose(scores.gaussian_rank_correlation, expected, rtol=0, atol=2e-12)


def test_a_copy_of_the_meta_model_and_its_opposite_correlate_fully() -> None:
    game = make_round(2, 200, target="returns")
    copies = np.stack([game.meta_model, -game.meta_model, np.full(200, 0.5)])
    found = score_submissions(copies, game.target, game.meta_model).gaussian_rank_correlation
    assert found is not None
    assert found[:2].tolist() == [1.0, -1.0]
    assert np.isnan(found[2])


def test_the_correlation_with_the_meta_model_is_that_of_the_pandas_function() -> None:
    game = make_round(6, 200, target="returns")
    scores = score_submissions(game.submissions, game.target, game.meta_model, with_cwmm=True)
    assert scores.cwmm is not None
    powered = [slow.powered(slow.gaussian_ranks(row.tolist())) for row in game.submissions]
    expected = [slow.pearson(row, slow.exact(game.meta_model)) for row in powered]
    np.testing.assert_allclose(scores.cwmm, expected, rtol=0, atol=2e-12)
    np.testing.assert_array_equal(corr_with_meta_model(game.predictions, game.meta), scores.cwmm)
    without = score_submissions(game.submissions, game.target, game.meta_model)
    assert without.cwmm is None
    np.testing.assert_array_equal(without.mmc, scores.mmc)
