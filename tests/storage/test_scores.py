"""The scores in another member's bundle, which may be any file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scorer.isolation import SHARED_READER
from scorer.storage.bundle import SCORES
from scorer.storage.parquet import write_parquet
from scorer.storage.scores import LARGEST_SCORES, read_scores

MODELS = np.array([3, 1], dtype=np.int64)
REWARDS = np.array([-5, 2**40], dtype=np.int64)
COLUMNS = {"model_id": MODELS, "reward_score": REWARDS, "corr": np.array([0.5, np.nan])}


def read(folder: Path, content: bytes) -> dict[int, int] | None:
    (folder / SCORES).write_bytes(content)
    return read_scores(folder, len(content), SHARED_READER)


def test_scores_are_read_by_model(tmp_path: Path) -> None:
    assert read(tmp_path, write_parquet(COLUMNS)) == {3: -5, 1: 2**40}


@pytest.mark.parametrize(
    "columns",
    [
        {"model_id": MODELS},
        {"model_id": MODELS, "reward_score": REWARDS.astype(np.float64)},
        {"model_id": ["3", "1"], "reward_score": REWARDS},
    ],
    ids=["a column less", "fractions", "text"],
)
def test_a_table_without_whole_scores_has_none(tmp_path: Path, columns: Mapping[str, Any]) -> None:
    assert read(tmp_path, write_parquet(columns)) is None


@pytest.mark.parametrize("content", [b"", b"PAR1", b"{}"])
def test_what_is_no_table_has_no_scores(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) is None


def test_a_link_has_no_scores(tmp_path: Path) -> None:
    content = write_parquet(COLUMNS)
    (tmp_path / "elsewhere").write_bytes(content)
    (tmp_path / SCORES).symlink_to(tmp_path / "elsewhere")
    assert read_scores(tmp_path, len(content), SHARED_READER) is None


def test_a_file_larger_than_scores_can_be_is_not_read(tmp_path: Path) -> None:
    assert read_scores(tmp_path, LARGEST_SCORES + 1, SHARED_READER) is None
