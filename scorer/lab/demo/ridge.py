"""Walk-forward ridge regression on an era's features, in the forms that a design function gives them.

Only the Gram matrix and the moments with the target of each era are ever needed again, so they are computed
once an era; each week's fit then is a weighted sum of small matrices and one solve.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from scorer.lab.demo.dataset import Era
from scorer.lab.demo.predictors import History, as_predictions
from scorer.scoring.exact import Floats

Design = Callable[[Era], Floats]
BY_SECTOR: Final = "_by_sector"
"""The end of a feature's name that is less the mean of its sector."""

# Eras without which no regression is worth its noise; before them every prediction is 1/2.
LEAST_HISTORY = 8


def columns_of(names: Sequence[str]) -> Design:
    """Return a design of some features, centred on zero."""

    def design(era: Era) -> Floats:
        return era.features[list(names)].to_numpy() - 0.5

    return design


def sectors_of(names: Sequence[str]) -> Design:
    """Return a design of what features say of whole sectors: themselves less their values within sectors."""
    plain, within = columns_of(names), columns_of([f"{name}{BY_SECTOR}" for name in names])
    return lambda era: plain(era) - within(era)


def with_products(columns: Design) -> Design:
    """Return a design of columns, their squares and the products of every two, each centred."""

    def design(era: Era) -> Floats:
        values = columns(era)
        first, second = np.triu_indices(values.shape[1])
        products = values[:, first] * values[:, second]
        return np.column_stack([values, products - products.mean(axis=0)])

    return design


def with_curves(columns: Design) -> Design:
    """Return a design of columns, their squares and cubes, each spread as widely as the columns."""

    def design(era: Era) -> Floats:
        values = 2 * columns(era)
        return np.column_stack([values, values**2 - (values**2).mean(axis=0), values**3])

    return design


def random_units(names: Sequence[str], units: int, seed: int) -> Design:
    """Return a design of random tanh units: a one-layer network of which only the output is learnt."""
    rng = np.random.default_rng(seed)
    directions, offsets = 2.0 * rng.standard_normal((len(names), units)), rng.standard_normal(units)
    columns = columns_of(names)

    def design(era: Era) -> Floats:
        activations = np.tanh(columns(era) @ directions + offsets)
        return np.asarray(activations - activations.mean(axis=0))

    return design


@dataclass(frozen=True)
class Moments:
    """The contribution of one era to the normal equations."""

    gram: Floats
    with_target: Floats


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

    def coefficients(self, history: History) -> Floats:
        """Return the solution of the penalised normal equations over the history, shape (columns,)."""
        used = history[-self.window :] if self.window else history
        weights = self._weights(len(used))
        moments = [self._moments_of(era) for era in used]
        gram = np.einsum("e,eij->ij", weights, np.stack([moment.gram for moment in moments]))
        with_target = weights @ np.stack([moment.with_target for moment in moments])
        penalty = self.penalty * np.trace(gram) / len(gram)
        return np.linalg.solve(gram + penalty * np.eye(len(gram)), with_target)

    def _weights(self, count: int) -> Floats:
        age = np.arange(count - 1, -1, -1)
        return np.ones(count) if self.half_life is None else np.exp2(-age / self.half_life)

    def _moments_of(self, era: Era) -> Moments:
        if era not in self._moments:
            columns, target = self.design(era), era.target.to_numpy() - 0.5
            powered = np.sign(target) * np.abs(target) ** self.target_power
            self._moments[era] = Moments(columns.T @ columns, columns.T @ powered)
        return self._moments[era]
