"""Ways to predict an era that need little or no learning: factors, blends, copies, noise.

A predictor gets the eras whose target is already known on the decision date, oldest first, and the era to
predict. It must not look at that era's target, nor at anything else that the decision date does not know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scorer.data.bins import BINS
from scorer.lab.demo.dataset import Era, known_eras
from scorer.scoring.exact import Floats

History = Sequence[Era]


class Predictor(Protocol):
    """A way to predict an era."""

    def predict(self, history: History, era: Era, /) -> pd.Series | None:
        """Return one number in (0, 1) an id, indexed by `era.ids`, or None to sit the round out."""
        ...


def as_predictions(scores: Floats, era: Era) -> pd.Series:
    """Return scores as predictions: average ranks in (0, 1), 1/2 for all where all scores are equal."""
    ranks = pd.Series(scores, era.ids, name="prediction").rank(method="average")
    return (ranks - 0.5) / len(scores)


@dataclass(frozen=True)
class FactorPredictor:
    """Weighted sum of features, the same in every era.

    Attributes
    ----------
    weights : mapping of feature to weight
        A negative weight prefers low values.
    """

    weights: Mapping[str, float]

    def predict(self, _history: History, era: Era, /) -> pd.Series:
        """Return the ranks of the weighted sum."""
        names = list(self.weights)
        scores = (era.features[names].to_numpy() - 0.5) @ np.array([self.weights[name] for name in names])
        return as_predictions(scores, era)


@dataclass(frozen=True)
class Blend:
    """Mean of other predictors' predictions."""

    parts: tuple[Predictor, ...]

    def predict(self, history: History, era: Era, /) -> pd.Series:
        """Return the ranks of the mean over those parts that submit."""
        predictions = [part.predict(history, era) for part in self.parts]
        submitted = [prediction.to_numpy() for prediction in predictions if prediction is not None]
        return as_predictions(np.mean(submitted, axis=0), era)


@dataclass(frozen=True)
class StyleRotation:
    """The single feature that has worked best lately, with the sign that worked."""

    lookback: int

    def predict(self, history: History, era: Era, /) -> pd.Series:
        """Return the ranks of the chosen feature, or 1/2 for all without history."""
        covariances = np.zeros(era.features.shape[1])
        for past in history[-self.lookback :]:
            covariances += (past.features.to_numpy() - 0.5).T @ (past.target.to_numpy() - 0.5)
        best = int(np.argmax(np.abs(covariances)))
        return as_predictions(np.sign(covariances[best]) * era.features.iloc[:, best].to_numpy(), era)


@dataclass(frozen=True)
class BucketMeans:
    """A table: the mean past target of the stocks in the same bins of two features.

    Attributes
    ----------
    rows, columns : str
        The two features.
    prior : float
        Stocks with the average target that every cell starts from, so that thin cells say little.
    """

    rows: str
    columns: str
    prior: float = 200.0

    def predict(self, history: History, era: Era, /) -> pd.Series:
        """Return the ranks of the cells' shrunk means."""
        sums, counts = np.zeros(BINS**2), np.full(BINS**2, self.prior)
        for past in history:
            cells = self._cells(past)
            sums += np.bincount(cells, past.target.to_numpy() - 0.5, BINS**2)
            counts += np.bincount(cells, minlength=BINS**2)
        return as_predictions((sums / counts)[self._cells(era)], era)

    def _cells(self, era: Era) -> NDArray[np.int64]:
        row, column = (
            np.rint((BINS - 1) * era.features[name].to_numpy()).astype(np.int64)
            for name in (self.rows, self.columns)
        )
        return np.asarray(row * BINS + column)


@dataclass(frozen=True)
class Copycat:
    """Another's submission of the same round, with a little noise to look different."""

    leader: Predictor
    noise: float
    seed: int

    def predict(self, history: History, era: Era, /) -> pd.Series | None:
        """Return the leader's predictions, shaken, or None when the leader sits out."""
        copied = self.leader.predict(history, era)
        if copied is None:
            return None
        noise = np.random.default_rng([self.seed, era.number]).standard_normal(len(copied))
        return as_predictions(copied.to_numpy() + self.noise * noise, era)


@dataclass(frozen=True)
class StaleCopycat:
    """A regression of another's latest public submission on the features of its era, applied to those of now.

    That of the newest era whose target is known is public. It cannot be sent again as it is: ids of one era
    are not those of another.
    """

    leader: Predictor

    def predict(self, history: History, era: Era, /) -> pd.Series | None:
        """Return the ranks of the fitted values, or None before any submission is public."""
        if not history:
            return None
        published = history[-1]
        copied = self.leader.predict(known_eras(history, published.day), published)
        if copied is None:
            return None
        then, now = (each.features.to_numpy() - 0.5 for each in (published, era))
        return as_predictions(now @ np.linalg.lstsq(then, copied.to_numpy() - 0.5, rcond=None)[0], era)


@dataclass(frozen=True)
class Noise:
    """Uniform noise, new in every era, the same on every machine."""

    seed: int

    def predict(self, _history: History, era: Era, /) -> pd.Series:
        """Return ranks in random order."""
        return as_predictions(np.random.default_rng([self.seed, era.number]).random(len(era.ids)), era)


@dataclass(frozen=True)
class Constant:
    """The same number for every id: a valid file with nothing in it."""

    value: float = 0.5

    def predict(self, _history: History, era: Era, /) -> pd.Series:
        """Return the constant."""
        return pd.Series(self.value, era.ids, name="prediction", dtype=np.float64)


@dataclass(frozen=True)
class StopsAfter:
    """Another predictor, until an era after which nothing is submitted any more."""

    part: Predictor
    last_era: int

    def predict(self, history: History, era: Era, /) -> pd.Series | None:
        """Return the part's predictions up to and including `last_era`, then None."""
        return self.part.predict(history, era) if era.number <= self.last_era else None


@dataclass(frozen=True)
class Remembered:
    """Another predictor whose predictions are kept, for one that several models build on."""

    part: Predictor
    _kept: dict[tuple[Era, ...], pd.Series | None] = field(default_factory=dict, repr=False, compare=False)

    def predict(self, history: History, era: Era, /) -> pd.Series | None:
        """Return the part's predictions, computed once for the same history and era."""
        key = (*history, era)
        if key not in self._kept:
            self._kept[key] = self.part.predict(history, era)
        return self._kept[key]
