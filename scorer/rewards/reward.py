"""A model's scores, weighed and adjusted by the rules, as one reward score in parts per million."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.ppm import to_ppm
from scorer.units import ONE

MAX_REWARD_SCORE: Final = 2**23 - 1
"""The largest reward score the contract's int24 lanes hold, in ppm (about 839 %)."""


def reward_scores(
    scores: Mapping[str, NDArray[np.float64]],
    multipliers: Sequence[tuple[str, int]],
    *,
    volatility: int = ONE,
    originality: NDArray[np.int64] | None = None,
    burn: int = ONE,
    hardening: NDArray[np.int64] | None = None,
    retained: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Weigh the factors of every model and adjust the sum: ``sum(multiplier * score) * volatility``.

    The products are added in the order of `multipliers`, then the adjusters are multiplied on, in float64;
    the exact value of the result is rounded to ppm, half to even, once at the end. Every operation is one
    that IEEE 754 rounds correctly, so the result is the same on every machine.

    Parameters
    ----------
    scores
        For each factor, one score per model, shape (models,), as plain numbers (0.02 is 2 %). NaN where
        the model could not be scored.
    multipliers
        (factor, multiplier in ppm) in the order of the rules.
    volatility
        The volatility factor of dynamic eras, ppm; the same for all.
    originality
        The share of a reward, positive or negative, that is the model's own, ppm, shape (models,).
    burn
        The multiplier of negative rewards, ppm; the same for all.
    hardening
        The further multiplier of a negative reward, ppm, shape (models,).
    retained
        The share of a positive reward that is kept, ppm, shape (models,).

    Returns
    -------
    NDArray[np.int64]
        Reward scores in ppm, shape (models,), within +-`MAX_REWARD_SCORE`. A model that lacks any factor gets
        0: it earns and burns nothing.

    Raises
    ------
    KeyError
        When a factor has no scores.
    """
    # A NaN is a missing score, and an overflow is clipped below: neither deserves a warning.
    with np.errstate(over="ignore", invalid="ignore"):
        total = weighed_sums(scores, multipliers)[-1] * (volatility / ONE)
        if originality is not None:
            total = total * (originality / ONE)
        total = np.where(total < 0, total * (burn / ONE), total)
        if hardening is not None:
            total = np.where(total < 0, total * (hardening / ONE), total)
        if retained is not None:
            total = np.where(total > 0, total * (retained / ONE), total)
    limit = MAX_REWARD_SCORE / ONE
    return to_ppm(np.clip(total, -limit, limit))


def weighed_sums(
    scores: Mapping[str, NDArray[np.float64]], multipliers: Sequence[tuple[str, int]]
) -> list[NDArray[np.float64]]:
    """Return the running sums of ``multiplier * score``: one after each factor, shape (models,) each."""
    total = np.zeros(len(next(iter(scores.values()))))
    sums = []
    for factor, multiplier in multipliers:
        total = total + (multiplier / ONE) * scores[factor]
        sums.append(total)
    return sums
