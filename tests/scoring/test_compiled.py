"""The compiled pass gives the bits that numpy gives, and whatever it does not take is left to numpy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from scorer.scoring import SubmissionScores, score_submissions, summers
from scorer.scoring.exact import Floats

from .rounds import TARGETS, VALUES, make_round

pytest.importorskip("numba", reason="an extra that is not installed")


def both(
    rows: Floats, target: Floats, meta: Floats | None, **options: int
) -> tuple[SubmissionScores, SubmissionScores]:
    """Scores by numpy and by the compiled pass."""
    found = []
    for threshold in (sys.maxsize, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(summers, "COMPILED_AFTER", threshold)
            found.append(score_submissions(rows, target, meta, with_cwmm=meta is not None, **options))
    return found[0], found[1]


def require_same_bits(numpy: SubmissionScores, compiled: SubmissionScores) -> None:
    for name in ("corr", "mmc", "cwmm", "gaussian_rank_correlation"):
        one, other = getattr(numpy, name), getattr(compiled, name)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one.view(np.uint64), other.view(np.uint64), err_msg=name)
    assert numpy.reasons == compiled.reasons


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("ids", [2, 3, 64, 65, 1001])
def test_the_compiled_pass_gives_the_bits_of_numpy(values: str, target: str, ids: int) -> None:
    game = make_round(21, ids, 4, values, target)
    require_same_bits(*both(game.submissions, game.target, game.meta_model))
    require_same_bits(*both(game.submissions, game.target, None))


def kinds(ids: int) -> dict[str, NDArray[Any]]:
    """One submission of each kind that needs care."""
    rng = np.random.default_rng(ids)
    plain = rng.random(ids)
    rows: dict[str, NDArray[Any]] = {
        "plain": plain,
        "ties": np.round(plain, 2),
        "two values": np.round(plain),
        "descending": -plain,
    }
    rows["constant"] = np.full(ids, 0.5)
    rows["one NaN"] = np.where(np.arange(ids) == ids // 2, np.nan, plain)
    rows["all NaN"] = np.full(ids, np.nan)
    rows["an infinity"] = np.where(np.arange(ids) == 1, np.inf, plain)
    rows["both infinities"] = np.where(np.arange(ids) == 1, np.inf, np.where(plain < 0.2, -np.inf, plain))
    rows["an outlier"] = np.where(np.arange(ids) == 0, 1e9, plain)
    rows["too wide for a float"] = np.where(plain < 0.5, -1.7e308, 1.7e308) * (0.5 + plain / 2)
    rows["subnormal"] = rng.integers(0, ids, ids) * 5e-324
    rows["neighbouring floats"] = 0.5 + rng.permutation(ids) * 2.0**-53
    rows["zeros of both signs"] = np.where(plain < 0.3, 0.0, np.where(plain < 0.6, -0.0, plain))
    rows["crowds"] = np.exp(30 * plain)
    return rows


@pytest.mark.parametrize("ids", [40, 600])
def test_every_kind_of_submission_has_the_bits_of_numpy(ids: int) -> None:
    game = make_round(1, ids)
    for name, row in kinds(ids).items():
        found = both(row[np.newaxis], game.target, game.meta_model)
        try:
            require_same_bits(*found)
        except AssertionError as error:
            raise AssertionError(name) from error


def test_kinds_in_one_block_in_any_order_do_not_change_each_other() -> None:
    ids = 300
    rows = np.stack(list(kinds(ids).values()) * 3)
    game = make_round(1, ids)
    for seed in range(5):
        shuffled = np.random.default_rng(seed).permutation(rows)
        for block_size in (1, 7, 45):
            found = both(shuffled, game.target, game.meta_model, block_size=block_size, threads=2)
            require_same_bits(*found)


@given(
    arrays(np.float64, (3, 9), elements=st.floats(width=64)),
    arrays(np.float64, 9, elements=st.floats(-1e6, 1e6), unique=True),
)
def test_any_floats_have_the_bits_of_numpy(rows: Floats, target: Floats) -> None:
    require_same_bits(*both(rows, target, np.sort(target)))


def test_float32_submissions_have_the_bits_of_numpy() -> None:
    game = make_round(5, 500)
    single = game.submissions.astype(np.float32)
    require_same_bits(*both(single, game.target, game.meta_model))  # type: ignore[arg-type]


def in_a_process_of_its_own(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=dict(os.environ) | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


SCORED = """
import sys
import numpy as np
from scorer.scoring import score_submissions, summers
rng = np.random.default_rng(0)
rows, target, meta = rng.random((20, 500)), rng.random(500), rng.random(500)
"""


def test_the_compiled_pass_is_used_once_a_process_has_scored_much(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = summers.compiled_pass()
    assert compiled is not None
    models = []
    add_up = compiled.add_up

    def counted(block: Floats, *rest: object) -> object:
        models.append(len(block))
        return add_up(block, *rest)

    monkeypatch.setattr(compiled, "add_up", counted)
    monkeypatch.setattr(summers, "_work", type(vars(summers)["_work"])())
    monkeypatch.setattr(summers, "COMPILED_AFTER", 2_500)
    game = make_round(20, 50)
    for expected in (0, 0, 0, 20, 40):
        score_submissions(game.submissions, game.target, game.meta_model)
        assert sum(models) == expected


def test_one_small_round_does_not_load_numba() -> None:
    code = SCORED + "score_submissions(rows, target, meta); print('numba' in sys.modules)"
    assert in_a_process_of_its_own(code) == "False"


def test_without_numba_numpy_goes_on() -> None:
    scored = "scores = score_submissions(rows, target, meta); print(scores.corr.tobytes().hex())"
    # As Python itself marks a module that is not to be had.
    without = SCORED + "sys.modules['numba'] = None; summers.COMPILED_AFTER = 0\n" + scored
    with_it = SCORED + "summers.COMPILED_AFTER = 0\n" + scored
    missing = without + "; print(summers.compiled_pass())"
    found, compiled = in_a_process_of_its_own(missing).splitlines()
    assert compiled == "None"
    assert found == in_a_process_of_its_own(with_it)


BY_THE_PASS = (
    SCORED
    + """summers.COMPILED_AFTER = 0
scores = score_submissions(rows, target, meta)
print(summers.compiled_pass() is not None, scores.corr.tobytes().hex())
"""
)


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with what a process compiled, and the scores that it found."""
    folder = tmp_path_factory.mktemp("numba")
    works, scores = in_a_process_of_its_own(BY_THE_PASS, NUMBA_CACHE_DIR=str(folder)).split()
    assert works == "True"
    return folder, scores


@pytest.mark.parametrize(("suffix", "kept"), [(".nbi", 20), (".nbc", 2_000), (".nbc", 0)])
def test_a_cache_that_was_written_half_leaves_all_to_numpy(
    cached: tuple[Path, str], tmp_path: Path, suffix: str, kept: int
) -> None:
    """As after a loss of power: numba compiles nothing anew that it cannot read."""
    folder = tmp_path / "numba"
    shutil.copytree(cached[0], folder)
    files = list(folder.rglob(f"*{suffix}"))
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[:kept])
    found = in_a_process_of_its_own(BY_THE_PASS, NUMBA_CACHE_DIR=str(folder)).split()
    assert found == ["False", cached[1]]


def test_a_cache_that_cannot_be_written_leaves_all_to_numpy(cached: tuple[Path, str], tmp_path: Path) -> None:
    # Even root writes no file that is larger than a process may.
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))\n" + BY_THE_PASS
    code = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n" + code
    found = in_a_process_of_its_own(code, NUMBA_CACHE_DIR=str(tmp_path)).split()
    assert found == ["False", cached[1]]


def test_a_numba_that_compiles_nothing_leaves_all_to_numpy() -> None:
    """Its loops would take a hundred times as long in Python as all of numpy's work."""
    assert in_a_process_of_its_own(BY_THE_PASS, NUMBA_DISABLE_JIT="1").split()[0] == "False"


@pytest.mark.parametrize("name", ["products", "own", "found"])
def test_a_pass_that_computes_other_sums_is_not_used(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Such as one that was compiled from another version of the source, and has its name, size and time."""
    compiled = summers.compiled_pass()
    assert compiled is not None
    assert summers.is_right(compiled)
    add_up = compiled.add_up

    def other(*given: Any) -> Any:
        sums = add_up(*given)
        sums_of = getattr(sums, name)
        sums_of[...] = compiled.UNTIED if name == "found" else sums_of + 1
        return sums

    monkeypatch.setattr(compiled, "add_up", other)
    assert not summers.is_right(compiled)


def test_submissions_that_may_not_be_written_are_compiled_no_second_time() -> None:
    compiled = summers.compiled_pass()
    assert compiled is not None
    game = make_round(20, 50)
    rows = game.submissions.copy()
    rows.flags.writeable = False
    before = len(compiled._add_up_block.signatures)
    require_same_bits(*both(rows, game.target, game.meta_model))
    require_same_bits(*both(rows.copy(), game.target, game.meta_model))
    assert len(compiled._add_up_block.signatures) == before == 1
