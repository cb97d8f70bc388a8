"""Properties of the scores of every round, whatever its numbers are."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

import scorer.scoring as ours
from scorer.scoring.exact import Floats

SEEDS = st.integers(0, 2**32 - 1)
IDS = st.integers(4, 400)
DISTINCT = st.sampled_from([3, 10, 10**6])


def submissions_of(seed: int, ids: int, distinct: int, models: int = 5) -> Floats:
    rows = np.random.default_rng(seed).integers(-distinct, distinct, (models, ids)).astype(np.float64)
    rows[:, 0], rows[:, 1] = -distinct - 1, distinct + 1
    return rows


def target_of(seed: int, ids: int) -> Floats:
    target = np.random.default_rng(seed + 1).normal(size=ids)
    return np.asarray(target / np.abs(target).max())


@given(SEEDS, IDS, DISTINCT)
@settings(max_examples=60, deadline=None)
def test_only_the_order_of_predictions_counts(seed: int, ids: int, distinct: int) -> None:
    rows, target = submissions_of(seed, ids, distinct), target_of(seed, ids)
    scores = ours.score_submissions(rows, target, rows[0])
    for again in (np.cbrt(rows), 7 * rows - 3, np.sinh(rows / distinct)):
        found = ours.score_submissions(again, target, again[0])
        np.testing.assert_array_equal(found.corr, scores.corr)
        np.testing.assert_array_equal(found.mmc, scores.mmc)


@given(SEEDS, IDS, DISTINCT)
@settings(max_examples=60, deadline=None)
def test_the_meta_model_and_its_opposite_contribute_exactly_nothing(
    seed: int, ids: int, distinct: int
) -> None:
    rows, target = submissions_of(seed, ids, distinct), target_of(seed, ids)
    scores = ours.score_submissions(np.stack([rows[0], -rows[0]]), target, rows[0])
    np.testing.assert_array_equal(scores.mmc, [0, 0])


@given(SEEDS, IDS, DISTINCT, st.integers(2, 10**6))
@settings(max_examples=60, deadline=None)
def test_multiplying_all_stakes_changes_nothing(seed: int, ids: int, distinct: int, factor: int) -> None:
    rows = submissions_of(seed, ids, distinct)
    stakes = np.random.default_rng(seed).integers(1, 10**12, len(rows)).astype(np.uint64)
    meta = ours.stake_weighted_meta_model(rows, stakes)
    again = ours.stake_weighted_meta_model(rows, stakes * np.uint64(factor))
    np.testing.assert_array_equal(again, meta)
    assert ((meta > 0) & (meta < 1)).all()


@given(SEEDS, IDS, DISTINCT)
@settings(max_examples=60, deadline=None)
def test_permuting_models_permutes_scores_and_permuting_ids_changes_nothing(
    seed: int, ids: int, distinct: int
) -> None:
    rows, target = submissions_of(seed, ids, distinct), target_of(seed, ids)
    rng = np.random.default_rng(seed)
    models, order = rng.permutation(len(rows)), rng.permutation(ids)
    scores = ours.score_submissions(rows, target, rows[0], with_cwmm=True)
    found = ours.score_submissions(
        rows[models][:, order], target[order], rows[0][order], with_cwmm=True, block_size=2
    )
    np.testing.assert_array_equal(found.corr, scores.corr[models])
    np.testing.assert_array_equal(found.mmc, scores.mmc[models])
    np.testing.assert_array_equal(np.asarray(found.cwmm), np.asarray(scores.cwmm)[models])
    np.testing.assert_array_equal(
        np.asarray(found.gaussian_rank_correlation), np.asarray(scores.gaussian_rank_correlation)[models]
    )


@given(SEEDS, IDS, DISTINCT)
@settings(max_examples=60, deadline=None)
def test_scores_stay_in_their_range(seed: int, ids: int, distinct: int) -> None:
    rows, target = submissions_of(seed, ids, distinct), target_of(seed, ids)
    scores = ours.score_submissions(rows, target, rows[0], with_cwmm=True)
    for correlations in (scores.corr, np.asarray(scores.cwmm), np.asarray(scores.gaussian_rank_correlation)):
        assert (np.abs(correlations) <= 1).all()
    deviation = np.sqrt(np.mean((target - target.mean()) ** 2))
    assert (np.abs(scores.mmc) <= deviation * 1.01 * (4 if target.min() >= 0 else 1)).all()


def test_scoring_leaves_the_threads_of_blas_as_they_were() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        before = [pool["num_threads"] for pool in threadpool_info()]
        assert 2 in before
        ours.score_submissions(submissions_of(0, 50, 10), target_of(0, 50))
        assert [pool["num_threads"] for pool in threadpool_info()] == before
