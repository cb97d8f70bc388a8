"""Scores in parts per million, the unit of the chain."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from scorer.scoring.errors import refuse
from scorer.scoring.exact import Floats

PPM = 1_000_000
HALF_MARGIN = 1e-6
"""A product closer than this to a half, in ppm, is rounded from its exact value instead. Scores up to
1,000 times one have products with an error of 1e-7 at most."""


def to_ppm(scores: Floats) -> NDArray[np.int64]:
    """Round scores to whole parts per million, half to even, from the exact value of each float64.

    Parameters
    ----------
    scores
        Any shape; a score of 1.0 is 1,000,000 ppm. Magnitudes up to 1,000.

    Returns
    -------
    int64 of the same shape. A score that is missing (NaN) becomes 0: its position comes back whole.

    Raises
    ------
    ScoringInputError
        For an infinite score or one beyond 1,000 in magnitude: no formula yields it.
    """
    scores = np.where(np.isnan(scores), 0.0, scores)
    if (np.abs(scores) > 1000).any():
        refuse("scores", "magnitudes up to 1,000", float(np.abs(scores).max()), "look at the target's scale")
    product = np.asarray(scores * PPM)
    # The product itself is rounded, and may so move to or from a half: those cases are decided exactly.
    ppm = np.rint(product).astype(np.int64)
    close = np.abs(np.abs(product - np.trunc(product)) - 0.5) < HALF_MARGIN
    # A Fraction holds the float exactly, and Python rounds it half to even.
    ppm[close] = [round(Fraction(score) * PPM) for score in np.asarray(scores)[close].tolist()]
    return ppm
