"""Reads the scores in a member's bundle, which may be any file, in a child process."""

from pathlib import Path
from typing import Final

import numpy as np

from scorer.isolation import IsolatedReader, IsolationError, ReadResult, refuses
from scorer.storage.bundle import Bundle, BundleError
from scorer.storage.published import limits_for

LARGEST_SCORES: Final = 64 * 2**20
"""Bytes of a table of scores that is read: some 400,000 models."""
COLUMNS: Final = ("model_id", "reward_score")


def read_scores(folder: Path, size: int, reader: IsolatedReader) -> dict[int, int] | None:
    """Reward scores in ppm by model; None where the file, of so many bytes, says none."""
    if not 0 < size <= LARGEST_SCORES:
        return None
    try:
        found = reader.run(scores_in_child, folder, limits=limits_for(size))
        models, scores = (np.frombuffer(blob, dtype="<i8").tolist() for blob in found.blobs)
        return dict(zip(models, scores, strict=True))
    except (IsolationError, ValueError):
        return None


@refuses(BundleError)
def scores_in_child(folder: Path) -> ReadResult:
    """Read the two columns that settle a round.

    Raises
    ------
    BundleError
        When the table cannot be read, or lacks one of them.
    """
    table = Bundle(folder, strict=True).scores()
    for name in COLUMNS:
        if name not in table or table[name].dtype != np.int64:
            raise BundleError(f"{folder}: expected whole numbers in the column {name}, found none")
    return ReadResult({}, [np.ascontiguousarray(table[name], dtype="<i8") for name in COLUMNS])
