"""Scores of the highest and lowest predictions only (``top_bottom``)."""

import numpy as np

from scorer.scoring.errors import UnscoredReason, refuse
from scorer.scoring.exact import Floats, dot, exact_matvec, mean, normalised, pearson
from scorer.scoring.operands import ContributionTarget, contribution_scale
from scorer.scoring.quantiles import RankTable, quantile_parts, signed_power_1_5
from scorer.scoring.ranks import Indices, doubled_ranks

Scored = tuple[Floats, tuple[UnscoredReason | None, ...]]


def tail_size(top_bottom: object) -> int:
    """Return how many of the highest and lowest entries count; 0 is for all, as None and what is below 0."""
    if top_bottom is None:
        return 0
    if not isinstance(top_bottom, (int, np.integer)):
        refuse("top_bottom", "a whole number, or None", repr(top_bottom), "round it")
    return max(int(top_bottom), 0)


def tails(values: Floats, top_bottom: int) -> Indices:
    """Positions of the lowest and the highest values, ascending; of equal values the first are lowest."""
    if not 0 < 2 * top_bottom <= len(values):
        refuse("top_bottom", f"1 to {len(values) // 2}, half the ids", top_bottom, "choose a smaller one")
    order = np.argsort(values, kind="stable")
    return np.sort(np.concatenate((order[:top_bottom], order[-top_bottom:])))


def top_bottom_correlation(
    rows: Floats,
    centred_target: Floats,
    table: RankTable,
    top_bottom: int,
    power_1_5: bool,
) -> Scored:
    """CORR of (models, ids) predictions over their own tails."""
    target, _ = normalised(centred_target)
    if power_1_5:
        target = signed_power_1_5(target)
    scores = np.full(len(rows), np.nan)
    reasons: list[UnscoredReason | None] = []
    for row, doubled in enumerate(doubled_ranks(rows)):
        powered = table.powered[doubled]
        chosen = tails(powered, top_bottom)
        scores[row] = pearson(powered[chosen], target[chosen])
        reasons.append(_reason(powered[chosen], target[chosen]))
    return scores, tuple(reasons)


def _reason(predictions: Floats, target: Floats) -> UnscoredReason | None:
    if predictions.min() == predictions.max():
        return UnscoredReason.CONSTANT
    return UnscoredReason.CONSTANT_TARGET if target.min() == target.max() else None


def top_bottom_contribution(
    rows: Floats, target: Floats, sides: ContributionTarget, table: RankTable, top_bottom: int
) -> Scored:
    """MMC of (models, ids) predictions over the tails of their part orthogonal to the meta model."""
    if sides.meta_square == 0:
        return np.full(len(rows), np.nan), (UnscoredReason.CONSTANT_META_MODEL,) * len(rows)
    target = contribution_scale(target)
    target = target - mean(target)
    meta = sides.meta_model.values()
    scores = np.full(len(rows), np.nan)
    reasons: list[UnscoredReason | None] = [None] * len(rows)
    for row, doubled in enumerate(doubled_ranks(rows)):
        if doubled.min() == doubled.max():
            reasons[row] = UnscoredReason.CONSTANT
            continue
        projection = dot(quantile_parts(table, doubled), sides.meta_model) / sides.meta_square
        orthogonal = table.quantile[doubled] - projection * meta
        chosen = tails(orthogonal, top_bottom)
        scores[row] = exact_matvec(orthogonal[np.newaxis, chosen], target[chosen])[0] / (2 * top_bottom)
    return scores, tuple(reasons)


def covariances(rows: Floats, centred_target: Floats, tail: int) -> Floats:
    """Mean product of each (models, ids) row with the target, over the row's tails unless ``tail`` is 0."""
    if not tail:
        return np.asarray(exact_matvec(rows, centred_target) / rows.shape[1])
    scores = np.empty(len(rows))
    for row, values in enumerate(rows):
        chosen = tails(values, tail)
        scores[row] = exact_matvec(values[np.newaxis, chosen], centred_target[chosen])[0]
    return scores / (2 * tail)
