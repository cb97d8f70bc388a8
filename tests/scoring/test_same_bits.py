"""The scores are the same to the bit whatever the machine does."""

import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from scorer.scoring import likeness, score_submissions, stake_weighted_meta_model, to_ppm

from .kernels import KERNELS, runnable
from .rounds import VALUES, make_round

OTHER_PYTHON = os.environ.get("OTHER_PYTHON")


@cache
def digest() -> str:
    """A hash of many scores of many kinds."""
    seen = hashlib.sha256()
    for values in VALUES:
        for target in ("bins", "returns"):
            game = make_round(20, 2003, 4, values, target)
            stakes = np.arange(1, 21, dtype=np.uint64) * np.uint64(10**14)
            meta = stake_weighted_meta_model(game.submissions, stakes)
            scores = score_submissions(game.submissions, game.target, meta, with_cwmm=True)
            correlations = np.asarray(scores.cwmm), np.asarray(scores.gaussian_rank_correlation)
            alike = likeness(game.submissions)
            likes = alike.highest, alike.average
            for array in (meta, scores.corr, scores.mmc, to_ppm(scores.mmc), *correlations, *likes):
                seen.update(array.tobytes())
    return seen.hexdigest()


def digest_of(python: str, **variables: str) -> str:
    """Compute the digest in a process of its own."""
    code = f"from {__name__} import digest; print(digest())"
    environment = {**os.environ, **variables, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("kernel", [runnable(kernel, kernel) for kernel in KERNELS])
def test_scores_do_not_depend_on_the_blas_kernel(kernel: str) -> None:
    assert digest_of(sys.executable, OPENBLAS_CORETYPE=kernel) == digest()


def test_scores_do_not_depend_on_the_instructions_that_numpy_sorts_with() -> None:
    here = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    newer = [name for name in here if name.startswith(("X86_V", "AVX"))]
    if not newer:
        pytest.skip("this machine has none beyond what numpy always uses")
    assert digest_of(sys.executable, NPY_DISABLE_CPU_FEATURES=" ".join(newer)) == digest()


@pytest.mark.skipif(OTHER_PYTHON is None, reason="OTHER_PYTHON is not set; see make same-bits")
def test_scores_do_not_depend_on_numpys_version() -> None:
    other = str(OTHER_PYTHON)
    command = [other, "-c", "import numpy; print(numpy.__version__)"]
    version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert version != np.__version__
    assert digest_of(other) == digest()


@pytest.mark.parametrize("values", VALUES)
def test_scores_do_not_depend_on_threads_or_block_size(values: str) -> None:
    game = make_round(23, 501, 9, values)
    expected = score_submissions(game.submissions, game.target, game.meta_model, threads=1, block_size=23)
    for threads in (1, 2, 5):
        for block_size in (1, 4, 7, 100):
            found = score_submissions(
                game.submissions, game.target, game.meta_model, threads=threads, block_size=block_size
            )
            np.testing.assert_array_equal(found.corr, expected.corr)
            np.testing.assert_array_equal(found.mmc, expected.mmc)


@pytest.mark.parametrize("values", VALUES)
def test_scores_do_not_depend_on_the_order_of_the_ids(values: str) -> None:
    game = make_round(5, 800, 2, values, "returns")
    order = np.random.default_rng(0).permutation(800)
    expected = score_submissions(game.submissions, game.target, game.meta_model)
    found = score_submissions(
        np.ascontiguousarray(game.submissions[:, order]), game.target[order], game.meta_model[order]
    )
    np.testing.assert_array_equal(found.corr, expected.corr)
    np.testing.assert_array_equal(found.mmc, expected.mmc)


def test_a_submission_has_the_same_score_in_any_company() -> None:
    game = make_round(9, 400, 5, "rounded")
    together = score_submissions(game.submissions, game.target, game.meta_model)
    for row in range(9):
        alone = score_submissions(game.submissions[row : row + 1], game.target, game.meta_model)
        assert alone.corr[0] == together.corr[row]
        assert alone.mmc[0] == together.mmc[row]
    turned = score_submissions(game.submissions[::-1], game.target, game.meta_model)
    np.testing.assert_array_equal(turned.corr, together.corr[::-1])


def test_a_monotone_transform_of_the_predictions_changes_no_bit() -> None:
    game = make_round(6, 500, 1, "signed")
    expected = score_submissions(game.submissions, game.target, game.meta_model)
    for transform in (np.arctan, np.exp, lambda x: 1e6 * x + 3):
        found = score_submissions(transform(game.submissions), game.target, transform(game.meta_model))
        np.testing.assert_array_equal(found.corr, expected.corr)
        np.testing.assert_array_equal(found.mmc, expected.mmc)
