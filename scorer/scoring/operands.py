"""The right-hand sides of a block's dot products: target and meta model, prepared once for all models."""

import math
from dataclasses import dataclass

import numpy as np

from scorer.scoring.errors import refuse
from scorer.scoring.exact import Floats, Parts, dot, normalised, recentred, scatter, split, total
from scorer.scoring.quantiles import RankTable, quantile_parts, signed_power_1_5
from scorer.scoring.ranks import doubled_ranks


@dataclass(frozen=True)
class CorrelationTarget:
    """A target to take Pearson correlations with.

    Attributes
    ----------
    parts
        The values, shifted and on a grid; correlation is indifferent to both shift and scale.
    total
        Their sum, in grid units.
    deviation
        The root of their summed squared deviations from the mean, in grid units; 0 for a constant.
    """

    parts: Parts
    total: float
    deviation: float


@dataclass(frozen=True)
class ContributionTarget:
    """A target and a meta model, for covariances of what is orthogonal to the meta model.

    Attributes
    ----------
    target, meta_model
        The shifted target and the gaussian ranks of the meta model.
    target_mean
        What is left of the target's mean after the shift, in grid units.
    meta_covariance
        Centred target times meta model, in grid units.
    meta_square
        Meta model times meta model, in grid units; 0 for a constant.
    scale_exponent
        A result in grid units is multiplied by two to this power.
    """

    target: Parts
    meta_model: Parts
    target_mean: float
    meta_covariance: float
    meta_square: float
    scale_exponent: int


def finite_vector(values: object, argument: str, length: int) -> Floats:
    """Check that a target or meta model is a finite float vector of the right length; as float64."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        refuse(argument, "an array of numbers", f"dtype {array.dtype}", "convert it to float64")
    if array.shape != (length,):
        refuse(argument, f"shape ({length},)", f"shape {array.shape}", "align it with the submissions' ids")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        refuse(argument, "finite values", f"{bad} missing or infinite", "drop these ids everywhere")
    return array


def correlation_target(centred_target: Floats, table: RankTable, *, power_1_5: bool) -> CorrelationTarget:
    """Prepare a centred target for CORR."""
    # Into [-1, 1] first, so that the power 1.5 of a large target does not overflow.
    values, _ = normalised(centred_target)
    if power_1_5:
        values = signed_power_1_5(values)
    parts = split(recentred(values, table.bits), table.bits)
    # By the values: rounding can leave a constant target a scatter that is not zero.
    constant = values.min() == values.max()
    return CorrelationTarget(parts, total(parts), 0.0 if constant else math.sqrt(scatter(parts)))


def contribution_target(target: Floats, meta_model: Floats, table: RankTable) -> ContributionTarget:
    """Prepare a target and a meta model for MMC."""
    scaled, exponent = normalised(contribution_scale(target))
    target_parts = split(recentred(scaled, table.bits), table.bits)
    ranks = doubled_ranks(meta_model[np.newaxis])[0]
    meta_parts = quantile_parts(table, ranks)
    # The shift is a multiple of the coarse grid, not the mean itself: the rest of the mean is taken off
    # later.
    target_mean = total(target_parts) / len(target)
    return ContributionTarget(
        target=target_parts,
        meta_model=meta_parts,
        target_mean=target_mean,
        meta_covariance=dot(meta_parts, target_parts) - target_mean * total(meta_parts),
        meta_square=dot(meta_parts, meta_parts),
        scale_exponent=exponent + target_parts.unit_exponent + meta_parts.unit_exponent,
    )


def contribution_scale(target: Floats) -> Floats:
    """Multiply a target within [0, 1] by 4, as ``numerai_tools.scoring.contribution_scores`` does."""
    return target * 4 if target.min() >= 0 and target.max() <= 1 else target
