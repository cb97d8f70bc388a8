"""Reward scores exactly as the court computes them: whole numbers, without any float."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.proofs.evidence import Operands
from scorer.proofs.tables import signed_table
from scorer.proofs.terms import CORRELATION, ScoreTerms
from scorer.proofs.vectors import ENTRY_BYTES, ScoreVectors
from scorer.scoring.exact import Floats
from scorer.scoring.ranks import doubled_ranks
from scorer.units import ONE

TOLERANCE: Final = 1
"""A score that is off by so many ppm is not proven wrong (ScoreProof.TOLERANCE)."""
FRACTION: Final = 64
"""Bits behind the point of the court's reward scores."""
MAX_REWARD: Final = 2**23 - 1
"""ScoreProof.MAX_REWARD, ppm."""
_ROUNDING: Final = 1 << 76
"""ScoreProof.ROUNDING, in units of 2^-96 ppm: so near a half, the scorer may round either way."""
Whole = NDArray[np.object_]
"""Python's integers, which have no largest one."""


@dataclass(frozen=True)
class JudgedReward:
    """A reward score as the court finds it.

    Attributes
    ----------
    least, largest
        For the least and for the largest originality factor that the scorer may find, in units of 2^-64 ppm.
    """

    least: int
    largest: int

    def is_wrong(self, claimed: int) -> bool:
        """Say whether the court condemns a claimed reward score, ppm."""
        allowed = TOLERANCE << FRACTION
        return all(abs((claimed << FRACTION) - found) > allowed for found in (self.least, self.largest))

    @property
    def ppm(self) -> int:
        """The reward score, rounded to ppm."""
        return (self.least + self.largest + (1 << FRACTION)) >> (FRACTION + 1)


@dataclass(frozen=True)
class _Columns:
    """One vector unfolded: what CORR and MMC multiply, and the meta model's quantiles, shape (ids,) each."""

    target: Whole
    contribution: Whole
    meta_model: Whole
    shift: int

    @classmethod
    def of(cls, vectors: ScoreVectors) -> "_Columns":
        records = np.frombuffer(vectors.records, dtype=">u2").astype(np.int64).reshape(-1, 2)
        palette = _six_byte_pairs(vectors.palette)
        _, quantiles = signed_table(vectors.ids)
        targets = palette[records[:, 0]]
        meta_model = quantiles[records[:, 1]].astype(object)
        return cls(targets[:, 0].astype(object), targets[:, 1].astype(object), meta_model, vectors.shift)

    @cached_property
    def sums(self) -> tuple[int, ...]:
        """The sums t, tt, u, m, mu and mm of ScoreProof."""
        t, u, m = self.target, self.contribution, self.meta_model
        return int(t.sum()), int(t @ t), int(u.sum()), int(m.sum()), int(m @ u), int(m @ m)


@dataclass(frozen=True)
class Judge:
    """Computes reward scores under terms, against a report's operands."""

    terms: ScoreTerms
    operands: Operands

    @cached_property
    def _columns(self) -> tuple[_Columns, ...]:
        return tuple(_Columns.of(vectors) for vectors in self.operands.vectors)

    def reward(self, predictions: Floats) -> JudgedReward | None:
        """Return the reward score of predictions of shape (ids,); None where the court refuses to judge them.

        That is where one is negative or no number: then their bits have no order.
        """
        if len(predictions) != self.terms.ids or np.isnan(predictions).any() or np.signbit(predictions).any():
            return None
        ranks = doubled_ranks(predictions[np.newaxis])[0]
        powered, quantiles = (row[ranks].astype(object) for row in signed_table(self.terms.ids))
        scores = self._scores(powered, quantiles)
        if scores is None:
            return JudgedReward(0, 0)
        total = sum(
            score * factor.multiplier for score, factor in zip(scores, self.terms.factors, strict=True)
        )
        own = (ONE, ONE)
        if self.terms.originality:
            own = self._originality(quantiles)
        least, largest = (_reward(total, factor, self.terms.burn) for factor in own)
        return JudgedReward(least, largest)

    def _scores(self, powered: Whole, quantiles: Whole) -> Sequence[int] | None:
        """Return the scores of the terms, in units of 2^-64; None where one of them does not exist."""
        found = []
        for factor in self.terms.factors:
            columns = self._columns[factor.vector]
            if factor.score == CORRELATION:
                score = _correlation(columns, powered)
            else:
                score = _contribution(columns, quantiles)
            if score is None:
                return None
            found.append(score)
        return found

    def _originality(self, quantiles: Whole) -> tuple[int, int]:
        """Return the least and the largest originality factor that the scorer may find, ppm."""
        columns = self._columns[0]
        mm, qm, qq = columns.sums[5], int(quantiles @ columns.meta_model), int(quantiles @ quantiles)
        if qm <= 0 or qq == 0 or mm == 0:
            return ONE, ONE
        whole = qq * mm
        own = ((whole - qm * qm) << 96) // whole
        factor = own
        for _ in range(1, self.terms.originality):
            factor = factor * own >> 96
        above = factor * ONE + (1 << 95)
        return max(above - _ROUNDING, 0) >> 96, (above + _ROUNDING) >> 96


def _correlation(columns: _Columns, powered: Whole) -> int | None:
    """Return CORR in units of 2^-64, rounded toward zero; None where there is none."""
    n, (t, tt, *_) = len(powered), columns.sums
    x, xx, xt = int(powered.sum()), int(powered @ powered), int(powered @ columns.target)
    numerator, denominator = n * xt - x * t, (n * xx - x * x) * (n * tt - t * t)
    if denominator == 0:
        return None
    magnitude = isqrt((numerator * numerator << 2 * FRACTION) // denominator)
    return -magnitude if numerator < 0 else magnitude


def _contribution(columns: _Columns, quantiles: Whole) -> int | None:
    """Return MMC or BMC in units of 2^-64, rounded toward zero; None where there is none."""
    n, (_, _, u, m, mu, mm) = len(quantiles), columns.sums
    q, qq = int(quantiles.sum()), int(quantiles @ quantiles)
    if qq == 0 or mm == 0:
        return None
    qu, qm = int(quantiles @ columns.contribution), int(quantiles @ columns.meta_model)
    numerator = (n * qu - q * u) * mm - qm * (n * mu - m * u)
    magnitude = abs(numerator) // (n * n * mm) >> (columns.shift - FRACTION)
    return -magnitude if numerator < 0 else magnitude


def _reward(total: int, own: int, burn: int) -> int:
    """Return a reward score in units of 2^-64 ppm."""
    found = _toward_zero(total * own, ONE)
    if found < 0:
        found = _toward_zero(found * burn, ONE)
    limit = MAX_REWARD << FRACTION
    return max(-limit, min(limit, found))


def _toward_zero(numerator: int, denominator: int) -> int:
    quotient = abs(numerator) // denominator
    return -quotient if numerator < 0 else quotient


def _six_byte_pairs(palette: bytes) -> NDArray[np.int64]:
    """Return the pairs of numbers of 48 bits that a palette holds, shape (entries, 2)."""
    raw = np.frombuffer(palette, dtype=np.uint8).reshape(-1, ENTRY_BYTES // 6, 6)
    wide = np.zeros((*raw.shape[:2], 8), dtype=np.uint8)
    wide[..., 2:] = raw
    wide[..., :2] = np.where(raw[..., :1] & 0x80, 0xFF, 0)
    found: NDArray[Any] = wide.reshape(-1, ENTRY_BYTES // 6 * 8).view(">i8")
    return found.astype(np.int64)
