"""The benchmark model: ridge regression on a small feature set, the same to the bit on every machine.

Bins are whole numbers, so every sum that it is made of is a whole number and exact.
"""

from collections.abc import Iterable, Sequence
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
