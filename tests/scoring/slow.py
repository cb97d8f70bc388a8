"""A second implementation of the scores: slow, obvious, and in high precision throughout."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from scorer.scoring.exact import Floats

context = mpmath.MPContext()
context.dps = 50
Number = Any  # an mpmath number, a type without annotations


def average_ranks(values: Sequence[float]) -> list[Fraction]:
    return [
        Fraction(sum(other < value for other in values)) + Fraction(sum(o == value for o in values) + 1, 2)
        for value in values
    ]


def gaussian_ranks(values: Sequence[float]) -> list[Number]:
    count = len(values)
    shares = [(rank - Fraction(1, 2)) / count for rank in average_ranks(values)]
    return [
        context.sqrt(2) * context.erfinv(2 * context.mpf(s.numerator) / s.denominator - 1) for s in shares
    ]


def powered(values: Sequence[Number]) -> list[Number]:
    return [context.sign(value) * abs(value) ** context.mpf(1.5) for value in values]


def centred(values: Sequence[Number]) -> list[Number]:
    mean = context.fsum(values) / len(values)
    return [value - mean for value in values]


def times(left: Sequence[Number], right: Sequence[Number]) -> Number:
    return context.fsum(a * b for a, b in zip(left, right, strict=True))


def pearson(left: Sequence[Number], right: Sequence[Number]) -> float:
    x, y = centred(left), centred(right)
    return float(times(x, y) / context.sqrt(times(x, x) * times(y, y)))


def exact(values: Floats) -> list[Number]:
    return [context.mpf(value) for value in values.tolist()]


def corr(submission: Floats, target: Floats) -> float:
    return pearson(powered(gaussian_ranks(submission.tolist())), powered(centred(exact(target))))


def mmc(submission: Floats, meta_model: Floats, target: Floats) -> float:
    scale = 4 if target.min() >= 0 and target.max() <= 1 else 1
    outcome = centred([scale * value for value in exact(target)])
    p, m = gaussian_ranks(submission.tolist()), gaussian_ranks(meta_model.tolist())
    share = times(p, m) / times(m, m)
    orthogonal = [a - share * b for a, b in zip(p, m, strict=True)]
    return float(times(outcome, orthogonal) / len(outcome))


def stake_weighted(submissions: Floats, stakes: Sequence[int]) -> Floats:
    count = submissions.shape[1]
    shares = [
        [(rank - Fraction(1, 2)) / count for rank in average_ranks(row.tolist())] for row in submissions
    ]
    weighted = [
        sum(stake * share[i] for stake, share in zip(stakes, shares, strict=True)) for i in range(count)
    ]
    places = sorted(set(weighted))
    rounded = [float(value / sum(stakes)) for value in places]
    for place in range(1, len(rounded)):
        # Different values stay different.
        if rounded[place] <= rounded[place - 1]:
            rounded[place] = float(np.nextafter(rounded[place - 1], 1.0))
    return np.array([rounded[places.index(value)] for value in weighted])
