"""A model's scores, weighed by the rules, as one reward score in parts per million."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.scoring import to_ppm
from scorer.units import ONE

MAX_REWARD_SCORE: Final = 2**23 - 1
"""The largest reward score the contract's int24 lanes hold, in ppm (about 839 %)."""


def reward_scores(
    scores: Mapping[str, NDArray[np.float64]], multipliers: Sequence[tuple[str, int]]
) -> NDArray[np.int64]:
    """Weigh the factors of every model: ``sum(multiplier * score)``.

    The products are added in the order of `multipliers`, in float64; the exact value of that sum is rounded
    to ppm, half to even, once at the end. Every operation is one that IEEE 754 rounds correctly, so the
    result is the same on every machine.

    Parameters
    ----------
    scores
        For each factor, one score per model, shape (models,), as plain numbers (0.02 is 2 %). NaN where
        the model could not be scored.
    multipliers
        (factor, multiplier in ppm) in the order of the rules.

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
    total = np.zeros(len(next(iter(scores.values()))))
    with np.errstate(over="ignore", invalid="ignore"):
        for factor, multiplier in multipliers:
            total = total + (multiplier / ONE) * scores[factor]
    limit = MAX_REWARD_SCORE / ONE
    return to_ppm(np.clip(total, -limit, limit))
