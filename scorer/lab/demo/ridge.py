"""Walk-forward ridge regression on an era's features, in the forms that a design function gives them.

Only the Gram matrix and the moments with the target of each era are ever needed again, so they are computed
once an era; each week's fit then is a weighted sum of small matrices and one solve.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from scorer.lab.demo.arrays import FloatArray, sector_means
from scorer.lab.demo.eras import Era
from scorer.lab.demo.features import FEATURES
from scorer.lab.demo.predictors import History, as_predictions

Design = Callable[[Era], FloatArray]

# Eras without which no regression is worth its noise; before them every prediction is 1/2.
LEAST_HISTORY = 8


def ranks_of(columns: tuple[str, ...] = FEATURES) -> Design:
    """Return a design of some features' ranks, centred on zero."""

    def design(era: Era) -> FloatArray:
        return era.features[list(columns)].to_numpy() - 0.5

    return design


def ranks_and_sectors(era: Era) -> FloatArray:
    """Return all centred ranks and one dummy a sector."""
    return np.column_stack([ranks_of()(era), pd.get_dummies(era.sectors).to_numpy(dtype=np.float64)])


def ranks_within_sectors(era: Era) -> FloatArray:
    """Return all ranks less their sector's mean."""
    ranks = ranks_of()(era)
    return ranks - sector_means(ranks, tuple(era.sectors))


def ranks_and_products(era: Era) -> FloatArray:
    """Return all centred ranks, their squares and the products of every two, each centred."""
    ranks = ranks_of()(era)
    first, second = np.triu_indices(ranks.shape[1])
    products = ranks[:, first] * ranks[:, second]
    return np.column_stack([ranks, products - products.mean(axis=0)])


def ranks_and_curves(era: Era) -> FloatArray:
    """Return all centred ranks, squares and cubes, each spread as widely as the ranks."""
    ranks = 2 * ranks_of()(era)
    return np.column_stack([ranks, ranks**2 - (ranks**2).mean(axis=0), ranks**3])


def random_units(units: int, seed: int) -> Design:
    """Return a design of random tanh units of the ranks: a one-layer network with only its output learnt."""
    rng = np.random.default_rng(seed)
    directions, offsets = 2.0 * rng.standard_normal((len(FEATURES), units)), rng.standard_normal(units)

    def design(era: Era) -> FloatArray:
        activations = np.tanh(ranks_of()(era) @ directions + offsets)
        return np.asarray(activations - activations.mean(axis=0))

    return design


@dataclass(frozen=True)
class Moments:
    """The contribution of one era to the normal equations."""

    gram: FloatArray
    with_target: FloatArray


@dataclass(frozen=True)
class Ridge:
    """Ridge regression of the target on a design, fitted anew in every era.

    Attributes
    ----------
    design : function of an era, shape (ids, columns)
    penalty : float
        In units of the mean diagonal of the Gram matrix: 1 halves the coefficients of uncorrelated columns.
    window : int, optional
        Learn from this many newest eras only; from all by default.
    half_life : float, optional
        Halve an era's weight for each so many eras of age; equal weights by default.
    target_power : float
        Raise the centred target to this power, keeping its sign: more than 1 cares for the outer bins.
    """

    design: Design
    penalty: float = 0.3
    window: int | None = None
    half_life: float | None = None
    target_power: float = 1.0
    _moments: dict[Era, Moments] = field(default_factory=dict, repr=False, compare=False)

    def predict(self, history: History, era: Era, /) -> pd.Series:
        """Return the ranks of the fitted values, or 1/2 for all when there is too little history."""
        if len(history) < LEAST_HISTORY:
            return as_predictions(np.zeros(len(era.ids)), era)
        return as_predictions(self.design(era) @ self.coefficients(history), era)

    def coefficients(self, history: History) -> FloatArray:
        """Return the solution of the penalised normal equations over the history, shape (columns,)."""
        used = history[-self.window :] if self.window else history
        weights = self._weights(len(used))
        moments = [self._moments_of(era) for era in used]
        gram = np.einsum("e,eij->ij", weights, np.stack([moment.gram for moment in moments]))
        with_target = weights @ np.stack([moment.with_target for moment in moments])
        penalty = self.penalty * np.trace(gram) / len(gram)
        return np.linalg.solve(gram + penalty * np.eye(len(gram)), with_target)

    def _weights(self, count: int) -> FloatArray:
        age = np.arange(count - 1, -1, -1)
        return np.ones(count) if self.half_life is None else np.exp2(-age / self.half_life)

    def _moments_of(self, era: Era) -> Moments:
        if era not in self._moments:
            columns, target = self.design(era), era.target.to_numpy() - 0.5
            powered = np.sign(target) * np.abs(target) ** self.target_power
            self._moments[era] = Moments(columns.T @ columns, columns.T @ powered)
        return self._moments[era]
