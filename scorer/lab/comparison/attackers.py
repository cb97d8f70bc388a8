"""The predictions of attackers: copies of the best model and of the meta model, hedges, sybils, a cartel."""

from collections import deque
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.lab.comparison.market import Market, Singles
from scorer.lab.comparison.scores import standardised

CLOSE: Final = 0.9
"""The correlation of a disguised copy with its original."""
SYBILS: Final = 20
WEEKS: Final = 5
"""Rounds between a submission and the moment that it becomes public, when its round has resolved."""
FORGOTTEN: Final = 0.3
"""The weight of the latest submission in an average over past ones."""
META_NOISE: Final = 0.3
"""Noise in a disguised copy of the meta model, in its deviations."""

OWN_ROWS: Final = (
    "disguised_copy_of_best",
    "copy_of_best_last_week",
    "copy_of_best_averaged",
    "copy_of_best_five_weeks_ago",
    "hedge",
    "opposite_hedge",
    "first_of_three",
    "second_of_three",
    "third_of_three",
    "equal_copy",
    "cartel",
)
"""Rows of predictions behind the population's that are the same under all rules; the sybils' follow."""
RULE_ROWS: Final = ("copy_of_meta_model", "noisy_copy", "neutral_best", "reweighted_copy", "learned_copy")
"""Rows of predictions that depend on the meta model, which every rule has its own of."""
WHAT_THEY_DO: Final[Mapping[str, str]] = MappingProxyType(
    {
        "skilled": "the skilled models of the population, which know signals of their own",
        "best": "the best model, whose signal nobody else knows",
        "crowd": "models of the population that know what all know",
        "copy_of_meta_model": "submits this round's meta model itself",
        "noisy_copy": "the meta model with noise",
        "reweighted_copy": "everybody's predictions of this round, weighted by their stakes to the power 1.5",
        "equal_copy": "the same, weighted alike",
        "learned_copy": "the same, weighted by what they earned lately, if anything",
        "neutral_best": "the best model made neutral to the meta model",
        "copy_of_best": "the best model's submission of this round",
        "disguised_copy_of_best": "the same with noise, at a correlation of 0.9",
        "copy_of_best_last_week": "the best model's submission of the round before",
        "copy_of_best_averaged": "an average of the best model's past submissions",
        "copy_of_best_five_weeks_ago": "its submission of five rounds ago: all that publication at the "
        "resolution leaves",
        "hedged_pair": "noise, and the same noise with the other sign",
        "set_of_three": "three models whose predictions add up to nothing",
        "noise": "models of the population that know nothing",
        "noise_after_a_streak": "the same, at stake only after they earned well for a while",
        "return_chaser": "stakes on the ten models that earned most lately",
        "basket": "copies everybody, each in proportion to its stake",
        "best_copied_tenfold": "the best model, and its rival, who copies it with ten times its stake",
        "owner_with_one_model": "5 % of all stake on the best model",
        "owner_with_twenty_models": "the same stake on twenty disguised copies of it",
        "third_apart": "a third of the population as it is",
        "third_in_collusion": "the same third when all of it submits one common prediction",
    }
)
"""The participants of a comparison and what each does, by the kind that the table names it by."""


class Attackers:
    """The predictions of attackers that are the same under all rules, round by round."""

    def __init__(self, market: Market) -> None:
        self._market = market
        models = len(market.kinds)
        self.cartel = market.stream.random(models) < 1 / 3
        self.cartel[0] = False
        self._past: deque[Singles] = deque(market.noise(WEEKS), maxlen=WEEKS)
        self._average = self._past[-1]
        self._hedges = market.noise(3).copy()

    def rows(self, predictions: Singles, present: NDArray[np.bool_]) -> Singles:
        """Return the rows of `OWN_ROWS` and then the sybils', shape (rows, ids).

        Parameters
        ----------
        predictions
            The population's, shape (models, ids).
        present
            Which of them take part, shape (models,).
        """
        market, best = self._market, standardised(predictions[0])
        self._hedges = market.decayed(self._hedges, market.noise(3))
        hedge, first, second = self._hedges
        rows = [
            *self._copies(best),
            hedge,
            -hedge,
            first,
            second,
            -first - second,
            *self._weighted(predictions, present),
        ]
        self._past.append(best)
        self._average = np.float32(1 - FORGOTTEN) * self._average + np.float32(FORGOTTEN) * best
        return np.vstack([*rows, disguised(best, market.noise(SYBILS))])

    def _copies(self, best: Singles) -> Sequence[Singles]:
        past = self._past
        return disguised(best, self._market.noise(1)[0]), past[-1], standardised(self._average), past[0]

    def _weighted(self, predictions: Singles, present: NDArray[np.bool_]) -> Singles:
        """Everybody in equal weights, and the cartel in its members' weights."""
        deposits = self._market.deposits
        weights = np.stack([present, np.where(present & self.cartel, deposits, 0.0)])
        weights /= self._market.deviations
        return standardised(weights.astype(np.float32) @ predictions)


def disguised(row: Singles, noise: Singles) -> Singles:
    """Return a prediction with so much noise that it is `CLOSE` to itself."""
    return np.float32(CLOSE) * row + np.float32(np.sqrt(1 - CLOSE**2)) * noise


def rule_rows(meta_model: Singles, others: Singles, best: Singles, noise: Singles) -> Singles:
    """Return the rows of `RULE_ROWS` under one rule, of standardised rows.

    Parameters
    ----------
    others
        Everybody's predictions in other weights than their stakes, shape (2, ids).
    """
    share = best @ meta_model / np.float32(meta_model @ meta_model)
    neutral = standardised(best - share * meta_model)
    return np.stack([meta_model, meta_model + np.float32(META_NOISE) * noise, neutral, *others])
