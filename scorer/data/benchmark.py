"""The benchmark model: ridge regression on a small feature set, the same to the bit on every machine.

Bins are whole numbers, so every sum that it is made of is a whole number and exact.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from scorer.data.bins import MIDDLE, MISSING, doubled_ranks
from scorer.data.eras import target_codes
from scorer.data.neutral import ridge
from scorer.data.parts import EraPart
from scorer.scoring.exact import Floats, exact_matmul

NAME: Final = "benchmark_ridge"
PENALTY: Final = 0.01
"""Share of the rows, times the mean square of a bin about the middle, that is added to the diagonal."""
MEAN_SQUARE: Final = 2.0


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A fitted model: coefficients of some features, by position."""

    rows: tuple[int, ...]
    coefficients: Floats

    def document(self, columns: Sequence[str]) -> dict[str, Any]:
        """Return the model as JSON: its features by column, and coefficients in hex."""
        return {
            "features": list(columns),
            "coefficients": [value.hex() for value in self.coefficients.tolist()],
        }

    def predict(self, part: EraPart) -> Floats:
        """Return predictions in (0, 1): the ranks of an era's fitted values."""
        features = part.features(self.rows).T.astype(np.float64) - MIDDLE
        fitted = exact_matmul(features, self.coefficients[:, np.newaxis])[:, 0]
        return doubled_ranks(fitted) / (2.0 * len(fitted))


def model_from(document: dict[str, Any], columns: Sequence[str]) -> Benchmark:
    """Return the model of a document, for parts with these columns."""
    rows = tuple(columns.index(name) for name in document["features"])
    return Benchmark(rows, np.array([float.fromhex(text) for text in document["coefficients"]]))


def fit(parts: Iterable[EraPart], rows: Sequence[int], target: str) -> Benchmark:
    """Fit a target in bins to some features of the eras in which it is known."""
    width, count = len(rows), 0
    gram, sides = np.zeros((width, width)), np.zeros(width)
    for part in parts:
        codes = target_codes(part.targets[target])
        known = codes != MISSING
        features = part.features(rows)[:, known].astype(np.float64) - MIDDLE
        gram += features @ features.T
        sides += features @ (codes[known].astype(np.float64) - MIDDLE)
        count += int(known.sum())
    if not count:
        return Benchmark(tuple(rows), np.ones(width) / max(width, 1))
    return Benchmark(tuple(rows), ridge(gram, sides, PENALTY * MEAN_SQUARE * count))
