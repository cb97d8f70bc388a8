"""Reads a stranger's submission in a child process; the module imports little, for a zygote's sake."""

import numpy as np

from scorer.isolation import ReadResult, imports, refuses
from scorer.submission.table import SHOWN, SubmissionRefused, shown
from scorer.submission.validity import Universe, align


@refuses(SubmissionRefused)
@imports("scorer.submission.parquet")
def read_alignment(content: bytes, kind: str | None, universe: Universe) -> ReadResult:
    """Read and align one file: predictions as little-endian float64, and how its ids met the universe's."""
    alignment = align(kind, content, universe, "")
    facts = {
        "unknown": len(alignment.unknown),
        "near": len(alignment.near.pairs),
        "missing_ids": [shown(name) for name in alignment.missing[:SHOWN]],
        "unknown_ids": [shown(name) for name in alignment.unknown[:SHOWN]],
        "near_pairs": [[shown(one), shown(other)] for one, other in alignment.near.pairs[:SHOWN]],
    }
    return ReadResult(facts, (np.ascontiguousarray(alignment.predictions, "<f8"),))
