"""The rank buckets of a submission that made or lost its payout, to the last nano-NMR.

CORR, MMC and their like are sums over ids. So a factor's part in a payout is the sum of the parts of the
tenths of one's own predictions, from the lowest to the highest; each part is a whole number of nano-NMR.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.errors import CupelError
from scorer.evaluation.explain import ScoredRound
from scorer.evaluation.factors import factor_inputs
from scorer.factors.inputs import FactorInputs, Table
from scorer.factors.registry import score_of
from scorer.protocol.rules import Factor, Rules
from scorer.rewards.attribution import split_by_weight
from scorer.scoring.ranks import doubled_ranks
from scorer.units import ONE, nmr_text

BUCKETS: Final = 10
NEAR: Final = 1e-6
"""The most by which contributions may miss a score: some scores count in whole ppm alone."""


class OtherPredictions(CupelError, ValueError):
    """Predictions are not those that were scored."""


@dataclass(frozen=True)
class OutcomeData:
    """The outcome of a round, beside predictions: arrays have a row an id, in the order of the universe.

    Attributes
    ----------
    meta_model
        None where nobody staked, or its body is not known.
    """

    targets: Mapping[str, NDArray[np.float64]]
    meta_model: NDArray[np.float64] | None
    tables: Mapping[str, Table]


@dataclass(frozen=True)
class RankBucket:
    """A part of a model's ids, by the rank of its predictions, and what they made or lost.

    Attributes
    ----------
    number
        From 1, the lowest predictions, up; None for factors that are no sum over ids.
    ids
        How many it has.
    lowest, highest
        Predictions.
    amounts
        nano-NMR by factor.
    """

    number: int | None
    ids: int
    lowest: float
    highest: float
    amounts: Mapping[str, int]

    @property
    def amount(self) -> int:
        """The nano-NMR of all factors."""
        return sum(self.amounts.values())

    def to_json(self) -> dict[str, Any]:
        """Return the bucket as a document; amounts in NMR as decimal text."""
        return {
            "bucket": self.number,
            "ids": self.ids,
            "lowest": self.lowest,
            "highest": self.highest,
            "factors": {name: nmr_text(amount) for name, amount in self.amounts.items()},
            "nmr": nmr_text(self.amount),
        }


def bucket_from(document: Mapping[str, Any]) -> RankBucket:
    """Return a bucket from its fields, which another process wrote.

    Raises
    ------
    KeyError, TypeError, ValueError
        When they are others.
    """
    number, amounts = document["number"], document["amounts"]
    if not isinstance(number, int | None):
        raise TypeError("a number that is none")
    spans = float(document["lowest"]), float(document["highest"])
    named = {str(name): int(amount) for name, amount in amounts.items()}
    return RankBucket(number, int(document["ids"]), *spans, named)


def rank_buckets(
    scored: ScoredRound, model: int, predictions: NDArray[np.float64], outcome: OutcomeData
) -> tuple[RankBucket, ...]:
    """Split what a model earned among the buckets of its predictions, in proportion to what each added.

    What scales a payout as a whole (adjusters, payout factor, cap, a short pool) scales each bucket alike.

    Parameters
    ----------
    predictions
        Those that were scored, shape (ids,).

    Returns
    -------
    tuple[RankBucket, ...]
        Their amounts add up to the payout less the burn, exactly; none where a factor has no score.

    Raises
    ------
    OtherPredictions
        When these are not the predictions that were scored.
    """
    net, row = scored.explain(model).net, scored.scores["model_id"].tolist().index(model)
    factors = [factor for factor in scored.rules.factors if factor.multiplier]
    scores = {factor.name: float(scored.scores[factor.name][row]) for factor in factors}
    if any(math.isnan(score) for score in scores.values()):
        return ()
    inputs = _inputs(scored.rules, predictions, outcome)
    members = list(_members(predictions))
    parts = {
        factor.name: _parts(scored.rules, inputs, factor, scores[factor.name], members) for factor in factors
    }
    weights = [
        [Fraction(factor.multiplier, ONE) * parts[factor.name][place] for factor in factors]
        for place in range(len(members) + 1)
    ]
    amounts = iter(split_by_weight(net, [weight for row in weights for weight in row]))
    by_place = [{factor.name: next(amounts) for factor in factors} for _ in weights]
    return tuple(_buckets(predictions, members, by_place, parts))


def _inputs(rules: Rules, predictions: NDArray[np.float64], outcome: OutcomeData) -> FactorInputs:
    one = np.array([1], dtype=np.uint64)
    return factor_inputs(
        rules, predictions[np.newaxis], one, outcome.meta_model, outcome.targets, outcome.tables
    )


def _members(predictions: NDArray[np.float64]) -> Iterator[NDArray[np.int64]]:
    """Yield the places of each bucket's ids; equal predictions are in one bucket."""
    count = len(predictions)
    buckets = min(BUCKETS, count)
    numbers = doubled_ranks(predictions[np.newaxis])[0] * buckets // (2 * count)
    for number in range(buckets):
        yield np.flatnonzero(numbers == number)


def _parts(
    rules: Rules, inputs: FactorInputs, factor: Factor, score: float, members: Sequence[NDArray[np.int64]]
) -> list[Fraction]:
    """Return each bucket's part of a score, and last what no bucket has: they add up to the score."""
    by_id = score_of(rules.scoring, factor.score).by_id
    if by_id is None:
        return [*(Fraction(0) for _ in members), Fraction(score)]
    found = by_id(inputs, factor.target)
    total = math.fsum(found.tolist())
    if not abs(total - score) <= NEAR:  # a NaN fails too
        raise OtherPredictions(
            f"{factor.name}: expected predictions that were scored {score:+.6f}, found those of {total:+.6f}"
        )
    sums = [Fraction(math.fsum(found[places].tolist())) for places in members]
    whole = sum(sums)
    exact = [part * Fraction(score) / whole for part in sums] if whole else sums
    return [*exact, Fraction(score) - sum(exact)]


def _buckets(
    predictions: NDArray[np.float64],
    members: Sequence[NDArray[np.int64]],
    amounts: Sequence[Mapping[str, int]],
    parts: Mapping[str, Sequence[Fraction]],
) -> Iterator[RankBucket]:
    numbered = enumerate(zip(members, amounts, strict=False), start=1)
    for number, (places, found) in numbered:
        values = predictions[places]
        if len(places):
            yield RankBucket(number, len(places), float(values.min()), float(values.max()), found)
    rest = amounts[-1]
    if any(part[-1] for part in parts.values()):
        yield RankBucket(None, len(predictions), float(predictions.min()), float(predictions.max()), rest)
