"""Contributions of single ids to a submission's score, for the scores that are sums over ids.

Each function takes the inputs of a round with one submission, and a target's name, and returns (ids,)
contributions. They add up to the score but for the rounding of single operations.
"""

import numpy as np

from scorer.factors.inputs import FactorInputs, Floats
from scorer.scoring.exact import mean, normalised
from scorer.scoring.operands import contribution_scale
from scorer.scoring.quantiles import signed_power_1_5
from scorer.scoring.ranked_rows import gaussian_rows


def corr_by_id(inputs: FactorInputs, target: str) -> Floats:
    """CORR: the product of both sides' deviations from their means, over both lengths."""
    return _correlation(inputs.matrix[0:1], inputs.targets[target])


def mmc_by_id(inputs: FactorInputs, target: str) -> Floats:
    """MMC: what is orthogonal to the meta model, times the target's deviation from its mean."""
    if inputs.meta_model is None:
        return np.full(inputs.matrix.shape[1], np.nan)
    return _contribution(inputs, inputs.meta_model, target)


def bmc_by_id(inputs: FactorInputs, target: str) -> Floats:
    """BMC: MMC against the meta model of the benchmark models."""
    return _contribution(inputs, inputs.tables["benchmark_meta_model"]["benchmark_meta_model"], target)


def fnc_by_id(inputs: FactorInputs, target: str) -> Floats:
    """FNC: CORR of what the features do not explain."""
    # Imported here, as reading rules must not import pandas and scipy.
    from scorer.scoring.neutral import neutral_rows
    from scorer.scoring.projection import make_basis

    left = neutral_rows(np.asarray(inputs.matrix[0:1]), make_basis(inputs.columns("features")))
    return _correlation(left.rows, inputs.targets[target])


def alpha_by_id(inputs: FactorInputs, target: str) -> Floats:
    """Alpha: the weight in the neutral portfolio, times the return's deviation from its mean."""
    from scorer.scoring.portfolio import neutral_weights

    ranks = gaussian_rows(inputs.matrix[0:1], powered=True).rows
    weights = inputs.tables["sample_weights"]["sample_weights"]
    portfolio = neutral_weights(ranks, inputs.columns("neutralizers"), weights)[0]
    return np.asarray(portfolio * _centred(inputs.targets[target]) / len(portfolio))


def _correlation(rows: Floats, target: Floats) -> Floats:
    ranks = _centred(gaussian_rows(rows, powered=True).rows[0])
    # Into [-1, 1] first, as `correlation_target` does: the power of a large target would overflow.
    outcome = _centred(signed_power_1_5(normalised(_centred(target))[0]))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(ranks * outcome / (np.sqrt(ranks @ ranks) * np.sqrt(outcome @ outcome)))


def _contribution(inputs: FactorInputs, other: Floats, target: str) -> Floats:
    ranks, known = gaussian_rows(np.stack([inputs.matrix[0:1][0], other])).rows
    with np.errstate(invalid="ignore", divide="ignore"):
        left = ranks - known * ((ranks @ known) / (known @ known))
    return np.asarray(left * _centred(contribution_scale(inputs.targets[target])) / len(ranks))


def _centred(values: Floats) -> Floats:
    return values - mean(values)
