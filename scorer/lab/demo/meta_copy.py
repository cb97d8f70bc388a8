"""A copy of the meta model as a model of the demo: everybody else's predictions, weighted by stake."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from scorer.lab.demo.dataset import Era
from scorer.lab.demo.predictors import History, Predictor, Remembered, as_predictions
from scorer.lab.demo.stakes import STAKES, FixedAmount, ModelStaking
from scorer.units import ONE

COPYCAT: Final = "meta_copycat"
REFUSED: Final = "broken_file"
"""The model whose files nobody can read, so that it is not in the meta model."""


@dataclass(frozen=True)
class MetaModelCopy:
    """The mean of other predictors' ranks, weighted by stake; a part that sits out is left out."""

    parts: tuple[tuple[Predictor, float], ...]

    def predict(self, history: History, era: Era, /) -> pd.Series:
        """Return the ranks of the weighted mean."""
        total = np.zeros(len(era.ids))
        for part, weight in self.parts:
            predicted = part.predict(history, era)
            if predicted is not None:
                total += weight * predicted.to_numpy()
        return as_predictions(total, era)


def with_meta_copy(
    ideas: Mapping[str, tuple[str, Predictor]],
) -> dict[str, tuple[str, Predictor]]:
    """Return the ideas with one more that copies them all, in the weights of their first positions."""
    kept = {name: (text, Remembered(predictor)) for name, (text, predictor) in ideas.items()}
    copied = {name: predictor for name, (_, predictor) in kept.items() if name != REFUSED}
    parts = tuple((predictor, _locks(STAKES[name])) for name, predictor in copied.items())
    return {**kept, COPYCAT: ("This week's meta model, as if it were known", MetaModelCopy(parts))}


def _locks(stake: ModelStaking) -> float:
    """NMR that a model locks in its first round."""
    allocation = stake.allocation
    if isinstance(allocation, FixedAmount):
        return float(allocation.nmr)
    return stake.deposit_nmr * allocation.ppm / ONE
