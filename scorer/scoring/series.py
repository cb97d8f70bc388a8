"""Diagnostics of a model's scores over many eras.

Two definitions of drawdown and of the annual yield are in use in the field; each function names its own.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scorer.scoring.errors import refuse
from scorer.scoring.exact import Floats, mean, pearson
from scorer.scoring.tables import values_of

ERAS_A_YEAR = 52


@dataclass(frozen=True)
class Diagnostics:
    """Summary of a series of era scores.

    Attributes
    ----------
    eras
        Number of eras with a score.
    mean, std, sharpe
        Mean, population standard deviation, and their ratio.
    max_drawdown
        See `max_drawdown`.
    max_drawdown_compounded
        See `max_drawdown_compounded`.
    autocorrelation
        See `autocorrelation`.
    adjusted_sharpe, smart_sharpe
        See `adjusted_sharpe` and `smart_sharpe`.
    apy
        See `apy`.
    """

    eras: int
    mean: float
    std: float
    sharpe: float
    max_drawdown: float
    max_drawdown_compounded: float
    autocorrelation: float
    adjusted_sharpe: float
    smart_sharpe: float
    apy: float


def score_by_era(
    score: Callable[..., pd.Series],
    eras: pd.Series,
    predictions: pd.DataFrame,
    *others: pd.Series | pd.DataFrame,
) -> pd.DataFrame:
    """Apply a score to each era on its own.

    Parameters
    ----------
    score
        A function of this package, such as `numerai_corr`, called with an era's predictions and others.
    eras
        By id, the era of each.
    predictions
        Ids by models, of all eras.
    others
        What the score takes next, by id.

    Returns
    -------
    Eras, in the order of their names, by models.
    """
    found = {}
    for era, ids in eras.groupby(eras).groups.items():
        found[era] = score(predictions.loc[ids], *(other.loc[ids] for other in others))
    return pd.DataFrame(found).T.reindex(columns=predictions.columns)


def diagnostics(scores: pd.Series, eras_a_year: int = ERAS_A_YEAR) -> Diagnostics:
    """Summarise a model's scores by era.

    Parameters
    ----------
    scores
        By era, in order. Eras without a score (NaN) are left out.
    eras_a_year
        How many eras the yield is taken over.

    Raises
    ------
    ScoringInputError
        When no era has a score, or one is infinite.
    """
    values = _values(scores)
    centre, deviation = mean(values), _deviation(values)
    return Diagnostics(
        eras=len(values),
        mean=centre,
        std=deviation,
        sharpe=centre / deviation if deviation else math.nan,
        max_drawdown=max_drawdown(scores),
        max_drawdown_compounded=max_drawdown_compounded(scores),
        autocorrelation=autocorrelation(scores),
        adjusted_sharpe=adjusted_sharpe(scores),
        smart_sharpe=smart_sharpe(scores),
        apy=apy(scores, eras_a_year),
    )


def max_drawdown(scores: pd.Series) -> float:
    """Largest fall of the running *sum* of scores from its highest point so far, at least 0.

    The definition of Numerai's example scripts; the highest point is that of the sums themselves.
    """
    sums = np.cumsum(_values(scores))
    return float(np.max(np.maximum.accumulate(sums) - sums))


def max_drawdown_compounded(scores: pd.Series) -> float:
    """Largest fall of the *compounded* return from its highest point so far, as a share of it, in [0, 1].

    The definition of numerblox 1.6, which reports it with a minus sign.
    """
    grown = np.cumprod(1 + _values(scores))
    highest = np.maximum.accumulate(grown)
    return float(np.max((highest - grown) / highest))


def autocorrelation(scores: pd.Series, lag: int = 1) -> float:
    """Pearson correlation of scores with those of ``lag`` eras before; NaN for too few eras."""
    values = _values(scores)
    if len(values) < lag + 2:
        return math.nan
    return pearson(values[lag:].copy(), values[:-lag].copy())


def adjusted_sharpe(scores: pd.Series) -> float:
    """Sharpe ratio with a charge for skew and fat tails: ``S (1 + skew S / 6 - (kurtosis - 3) S**2 / 24)``.

    Pezier and White, *The Relative Merits of Investable Hedge Fund Indices* (2006); population moments.
    """
    values = _values(scores)
    deviation = _deviation(values)
    if deviation == 0:
        return math.nan
    standard = (values - mean(values)) / deviation
    sharpe = mean(values) / deviation
    skew, kurtosis = mean(standard**3), mean(standard**4)
    return sharpe * (1 + skew * sharpe / 6 - (kurtosis - 3) * sharpe**2 / 24)


def smart_sharpe(scores: pd.Series) -> float:
    """Sharpe ratio over ``sqrt(1 + 2 sum_i (n - i) / n |rho|**i)``, rho the autocorrelation of lag 1.

    The charge for scores that depend on each other of Numerai's analysis scripts and numerblox 1.6.
    """
    values = _values(scores)
    rho, deviation, count = abs(autocorrelation(scores)), _deviation(values), len(values)
    if deviation == 0 or math.isnan(rho):
        return math.nan
    charge = math.fsum((count - lag) / count * rho**lag for lag in range(1, count))
    return mean(values) / (deviation * math.sqrt(1 + 2 * charge))


def apy(scores: pd.Series, eras_a_year: int = ERAS_A_YEAR) -> float:
    """Annual yield of a stake that compounds at the geometric mean of the scores, as a share.

    -1 when an era's score is -1 or below: the stake is gone.
    """
    values = _values(scores)
    if (values <= -1).any():
        return -1.0
    return math.exp(math.fsum(np.log1p(values).tolist()) / len(values) * eras_a_year) - 1


def _values(scores: pd.Series) -> Floats:
    values = values_of("scores", scores)
    values = values[~np.isnan(values)]
    if len(values) == 0 or not np.isfinite(values).all():
        refuse("scores", "a finite score for at least one era", f"{len(values)} eras", "score some eras")
    return values


def _deviation(values: Floats) -> float:
    if values.min() == values.max():
        return 0.0
    return math.sqrt(mean((values - mean(values)) ** 2))
