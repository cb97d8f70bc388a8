"""The adjusters of a weighed sum of scores: dynamic eras, originality, burn hardening, neutral churn.

Each adjuster is a multiplier in whole ppm. It is computed by operations that IEEE 754 or Python's decimals
round correctly, in a fixed order, so that it is the same on every machine.
"""

import math
from decimal import Context, Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.ppm import to_ppm
from scorer.units import ONE

_EXACT: Final = Context(prec=40)
"""Enough digits that the formula decides the rounding to ppm, not the arithmetic."""
MOST_EXPONENT: Final = 1000
"""An exponent at which the share that is kept is far below one ppm."""


def realised_volatility(returns: NDArray[np.float64]) -> float:
    """Root mean square of the universe's returns, over all ids and sessions of a scoring window.

    Parameters
    ----------
    returns
        Simple returns of every id in every session, shape (sessions, ids), finite.

    Returns
    -------
    float
        In the unit of the returns, per session. The sum is rounded once, whatever its order.
    """
    return math.sqrt(math.fsum((returns * returns).ravel().tolist()) / returns.size)


def volatility_factor(realised: float, *, target: int, least: int, most: int) -> int:
    """Return the multiplier of dynamic eras: ``target / realised`` within [least, most].

    All but `realised` are in ppm. In a volatile window scores are larger by chance alone, and positions earn
    and burn less; in a quiet one they earn and burn more.

    Returns
    -------
    int
        ppm, rounded half to even; `most` when all returns are zero.
    """
    if realised == 0:
        return most
    ratio = np.clip(target / ONE / realised, least / ONE, most / ONE)
    return int(to_ppm(np.array([ratio]))[0])


def burn_hardening(correlations: NDArray[np.float64], *, start: int, most: int) -> NDArray[np.int64]:
    """Compute the multiplier of each model's negative reward.

    ``1 + (most - 1) * (c - start) / (1 - start)`` for a correlation c above `start`: a redundant model that
    is wrong burns more than an original one that is wrong.

    Parameters
    ----------
    correlations
        Correlations with the meta model, shape (models,); NaN where there is none: such a model keeps `ONE`.
    start, most
        ppm; `start` below 1, `most` from 1.

    Returns
    -------
    NDArray[np.int64]
        ppm, shape (models,), from `ONE` to `most`.
    """
    above = (np.nan_to_num(correlations) - start / ONE) / ((ONE - start) / ONE)
    return to_ppm(1.0 + (most - ONE) / ONE * np.clip(above, 0.0, 1.0))


def originality_factors(correlations: NDArray[np.float64], *, exponent: int) -> NDArray[np.int64]:
    """Compute the share of each model's reward that is its own: ``(1 - max(c, 0) ** 2) ** exponent``.

    ``c ** 2`` is the share of a submission that the meta model explains. The factor applies to positive and
    negative rewards alike: what is not one's own is neither paid nor burned.

    Parameters
    ----------
    correlations
        Correlations c of gaussian ranks with the meta model's, shape (models,); NaN where there is none: such
        a model keeps `ONE`.
    exponent
        A whole number from 1.

    Returns
    -------
    NDArray[np.int64]
        ppm, shape (models,), from 0 to `ONE`.
    """
    explained = np.clip(np.nan_to_num(correlations), 0.0, 1.0)
    own = 1.0 - explained * explained
    factors = own
    # Repeated products are rounded correctly everywhere, which a power is not.
    for _ in range(exponent - 1):
        factors = factors * own
    return to_ppm(factors)


def retained_shares(churns: NDArray[np.float64], *, threshold: int, scale: int) -> NDArray[np.int64]:
    """Share of a positive reward that is kept: ``min(1, 2 / (1 + exp(scale * (churn - threshold))))``.

    Formula: ``numerai_tools.signals.neutral_churn_penalty`` 0.7.2, in decimals of 40 digits, because the
    exponential function of floats differs between machines.

    Parameters
    ----------
    churns
        Mean neutral churn, shape (models,), from 0 to 2.
    threshold, scale
        ppm.

    Returns
    -------
    NDArray[np.int64]
        ppm, shape (models,).
    """
    kept = np.full(len(churns), ONE, dtype=np.int64)
    for row in np.flatnonzero(churns > threshold / ONE).tolist():
        kept[row] = _retained(float(churns[row]), threshold, scale)
    return kept


def _retained(churn: float, threshold: int, scale: int) -> int:
    excess = _EXACT.subtract(Decimal(churn), Decimal(threshold).scaleb(-6))
    exponent = _EXACT.multiply(Decimal(scale).scaleb(-6), excess)
    if exponent > MOST_EXPONENT:
        return 0
    grown = _EXACT.add(Decimal(1), exponent.exp(_EXACT))
    return min(ONE, int(_EXACT.divide(Decimal(2 * ONE), grown).to_integral_value(context=_EXACT)))
