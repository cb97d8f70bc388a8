"""The benchmark model: ridge regression on a small feature set, the same to the bit on every machine.

Bins are whole numbers, so every sum that it is made of is a whole number and exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from scorer.data.bins import MIDDLE, MISSING, Codes, doubled_ranks
from scorer.data.eras import target_codes
from scorer.data.faults import DataError
from scorer.data.neutral import ridge
from scorer.data.parts import EraPart
from scorer.files import read_bounded
from scorer.protocol.documents import parse_json
from scorer.redaction import shown, shown_path
from scorer.scoring.exact import Floats, exact_matmul

NAME: Final = "benchmark_ridge"
PENALTY: Final = 0.01
"""Share of the rows, times the mean square of a bin about the middle, that is added to the diagonal."""
MEAN_SQUARE: Final = 2.0
MODEL: Final = "benchmark.json"
"""The file of a version that has the coefficients of the benchmark model, in hex."""


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
        return self.ranks_of(part.features(self.rows))

    def ranks_of(self, codes: Codes) -> Floats:
        """Return the same from the bins of the model's features, shape (features, ids)."""
        features = codes.T.astype(np.float64) - MIDDLE
        fitted = exact_matmul(features, self.coefficients[:, np.newaxis])[:, 0]
        return doubled_ranks(fitted) / (2.0 * len(fitted))


def read_benchmark(path: Path) -> Any:
    """Read the document of a benchmark model, for `model_from`.

    Raises
    ------
    DataError
        When it is no JSON, or too large for a model.
    """
    try:
        return parse_json(read_bounded(path))
    except (OSError, ValueError) as error:
        raise DataError(f"{shown_path(path)}: expected the document of a benchmark model: {error}") from None


def model_from(document: Any, columns: Sequence[str]) -> Benchmark:
    """Return the model of a document, for parts with these columns.

    Raises
    ------
    DataError
        When it names other features, or has not one finite coefficient for each.
    """
    places = {name: place for place, name in enumerate(columns)}
    try:
        rows = tuple(places[name] for name in document["features"])
        coefficients = np.array([float.fromhex(text) for text in document["coefficients"]])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        expected = "expected features of the data set with a coefficient in hex for each"
        raise DataError(f"{MODEL}: {expected}, found {shown(str(error))}") from None
    if not rows or len(rows) != len(coefficients) or not np.isfinite(coefficients).all():
        found = f"{len(rows)} features, {int(np.isfinite(coefficients).sum())} finite coefficients"
        raise DataError(f"{MODEL}: expected as many features as finite coefficients, found {found}")
    return Benchmark(rows, coefficients)


class Fit:
    """Fits a target in bins to some features, by position, of the eras in which it is known."""

    def __init__(self, rows: Sequence[int], target: str) -> None:
        self._rows, self._target = tuple(rows), target
        self._gram, self._sides = np.zeros((len(rows), len(rows))), np.zeros(len(rows))
        self._count = 0

    def add(self, part: EraPart) -> None:
        """Add the sums of an era."""
        codes = target_codes(part.targets[self._target])
        known = codes != MISSING
        features = part.features(self._rows)[:, known].astype(np.float64) - MIDDLE
        self._gram += features @ features.T
        self._sides += features @ (codes[known].astype(np.float64) - MIDDLE)
        self._count += int(known.sum())

    def model(self) -> Benchmark:
        """Return the model of the eras so far; one with equal coefficients where the target is not known."""
        width = len(self._rows)
        if not self._count:
            return Benchmark(self._rows, np.ones(width) / max(width, 1))
        return Benchmark(self._rows, ridge(self._gram, self._sides, PENALTY * MEAN_SQUARE * self._count))
