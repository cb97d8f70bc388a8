from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest

from scorer.scoring import score_in_parts, score_submissions

from .rounds import Round, make_round


def check(executor: Executor, game: Round) -> None:
    parts = [partial(np.array, game.submissions[rows]) for rows in (slice(0, 5), slice(5, 6), slice(6, 20))]
    found = score_in_parts(executor, parts, game.target, game.meta_model, with_cwmm=True)
    expected = score_submissions(game.submissions, game.target, game.meta_model, with_cwmm=True)
    np.testing.assert_array_equal(found.corr, expected.corr)
    np.testing.assert_array_equal(found.mmc, expected.mmc)
    np.testing.assert_array_equal(np.asarray(found.cwmm), np.asarray(expected.cwmm))
    np.testing.assert_array_equal(
        np.asarray(found.gaussian_rank_correlation), np.asarray(expected.gaussian_rank_correlation)
    )
    assert found.reasons == expected.reasons


def test_processes_find_the_same_bits() -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        check(executor, make_round(20, 300, values="rounded"))


def test_a_dask_cluster_finds_the_same_bits() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.Client(n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        check(client.get_executor(), make_round(20, 300))


def test_no_parts_have_no_scores() -> None:
    game = make_round(1, 30)
    with ThreadPoolExecutor(1) as executor:
        found = score_in_parts(executor, [], game.target, game.meta_model)
    assert found.corr.shape == found.mmc.shape == (0,)
    assert found.cwmm is None
