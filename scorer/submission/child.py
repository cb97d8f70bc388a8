"""What is run in a child process on a stranger's submission; it imports little, for a zygote's sake."""

import numpy as np

from scorer.isolation import ReadResult, refuses
from scorer.submission.table import SHOWN, SubmissionRefused, shown
from scorer.submission.validity import Universe, align


@refuses(SubmissionRefused)
def read_alignment(content: bytes, kind: str | None, universe: Universe) -> ReadResult:
    """Read and align one file: predictions as little-endian float64, and how its ids met the universe's."""
    found = align(kind, content, universe, "")
    facts = {
        "unknown": len(found.unknown),
        "near": len(found.near.pairs),
        "missing_ids": [shown(each) for each in found.missing[:SHOWN]],
        "unknown_ids": [shown(each) for each in found.unknown[:SHOWN]],
        "near_pairs": [[shown(one), shown(other)] for one, other in found.near.pairs[:SHOWN]],
    }
    return ReadResult(facts, (np.ascontiguousarray(found.predictions, "<f8"),))
