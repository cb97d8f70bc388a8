"""Scores of portfolios: neutral weights, alpha and the meta portfolio contribution (MPC).

Names, arguments and formulas of ``numerai_tools.scoring`` 0.7.2. Every product is exact on the grid of
its operands (see `scorer.scoring.exact`), so the results are the same bits on every machine.
"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from scorer.scoring.alignment import Aligned, Table, align, centre_of, scores_by_column
from scorer.scoring.correlations import by_column, staked
from scorer.scoring.errors import refuse
from scorer.scoring.exact import Floats, exact_matmul, exact_matvec, mean
from scorer.scoring.ranked_rows import gaussian_rows
from scorer.scoring.tables import frame_of, require_unique, rows_of, series_of
from scorer.scoring.tails import Scored

MPC_SCALE = 50
"""The divisor of the gradient in ``numerai_tools``; the documentation divides by the sum of weights."""


def neutral_weights(powered_ranks: Floats, neutralizers: Floats, sample_weights: Floats) -> Floats:
    """Turn signals into portfolio weights: ``(s - N (N' (v * s))) * v`` for each row s.

    Parameters
    ----------
    powered_ranks
        (models, ids) gaussian tie-kept ranks to the power 1.5.
    neutralizers
        (ids, width), such that ``N' diag(v)**2 N`` is the identity, as Numerai publishes them.
    sample_weights
        (ids,) v.
    """
    exposures = exact_matmul(powered_ranks * sample_weights, neutralizers)
    return (powered_ranks - exact_matmul(exposures, neutralizers.T)) * sample_weights


def generate_neutralized_weights(
    predictions: pd.DataFrame,
    neutralizers: pd.DataFrame,
    sample_weights: pd.Series,
    center_and_normalize: bool = False,
) -> pd.DataFrame:
    """Turn predictions into neutral portfolio weights.

    Formula: ``numerai_tools.scoring.generate_neutralized_weights`` 0.7.2: gaussian tie-kept ranks s to the
    power 1.5, then ``(s - N (N' (v * s))) * v``.

    Parameters
    ----------
    predictions
        Ids by models; a column with a NaN becomes NaN.
    neutralizers
        Ids by neutralizers N.
    sample_weights
        By id, v.
    center_and_normalize
        Whether to take the mean off each column and scale its magnitudes to a sum of 1.

    Returns
    -------
    Common ids, sorted, by models.

    Raises
    ------
    ScoringInputError
        When the ids or types do not fit, or a fifth of the ids would be dropped.
    """
    predictions = frame_of("predictions", predictions)
    factors: dict[str, Table] = {
        "neutralizers": frame_of("neutralizers", neutralizers),
        "sample_weights": series_of("sample_weights", sample_weights),
    }
    complete = predictions.notna().all().to_numpy()
    aligned = align(predictions.loc[:, complete], factors)
    ranks = gaussian_rows(rows_of("predictions", predictions.loc[:, complete]), powered=True).rows
    positions = predictions.index.get_indexer(aligned.ids)
    weights = neutral_weights(np.ascontiguousarray(ranks[:, positions]), *aligned.others)
    if center_and_normalize:
        weights = np.array([_unit_weight(row - mean(row)) for row in weights]).reshape(weights.shape)
    table = np.full((len(complete), len(aligned.ids)), np.nan)
    table[complete] = weights
    return pd.DataFrame(table.T, index=aligned.ids, columns=predictions.columns)


def _unit_weight(row: Floats) -> Floats:
    size = mean(np.abs(row)) * len(row)
    return row / size if size else row


def alpha(
    predictions: pd.DataFrame,
    neutralizers: pd.DataFrame,
    sample_weights: pd.Series,
    targets: pd.Series,
) -> pd.Series:
    """Alpha: neutral weights times the centred target, over the number of ids.

    Formula: ``numerai_tools.scoring.alpha`` 0.7.2 (the documentation does not centre and does not divide).

    Parameters
    ----------
    predictions
        Ids by models.
    neutralizers, sample_weights
        For each of the scored ids, see `generate_neutralized_weights`.
    targets
        By id.

    Returns
    -------
    By column; NaN where a column cannot be scored, see ``attrs["reasons"]``.
    """
    predictions, targets = frame_of("predictions", predictions), series_of("targets", targets)
    aligned = _with_factors(align(predictions, {"targets": targets}), neutralizers, sample_weights)
    centre = centre_of("targets", targets)

    def score(rows: Floats, others: list[Floats]) -> Scored:
        ranks = gaussian_rows(rows, powered=True)
        portfolios = neutral_weights(ranks.rows, others[1], others[2])
        scores = exact_matvec(portfolios, others[0] - centre) / rows.shape[1]
        scores[ranks.unscored] = np.nan
        return scores, ranks.reasons

    return by_column(predictions.columns, aligned, score)


def _with_factors(aligned: Aligned, neutralizers: pd.DataFrame, sample_weights: pd.Series) -> Aligned:
    """Add neutralizers and sample weights, of which every scored id must have some."""
    factors = _on_ids(frame_of("neutralizers", neutralizers), "neutralizers", aligned.ids)
    weights = _on_ids(series_of("sample_weights", sample_weights), "sample_weights", aligned.ids)
    for name, values in (("neutralizers", factors), ("sample_weights", weights)):
        if not np.isfinite(values).all():
            refuse(name, "a value for every scored id", "ids without one", "add them or drop their targets")
    return replace(aligned, others=[*aligned.others, factors, weights])


def _on_ids(table: Table, name: str, ids: pd.Index) -> Floats:
    """Values of a table in the order of the ids; NaN for one that it does not have."""
    require_unique(name, table.index)
    positions = table.index.get_indexer(ids)
    values = table.to_numpy(dtype=np.float64)[positions]
    values[positions < 0] = np.nan
    return values


def portfolio_contributions(portfolios: Floats, stakes: Floats, target: Floats) -> Floats:
    """Gradient of the stake-weighted portfolio's normalised return with respect to each stake, over 50.

    With W the centred portfolios, v = W's, t the centred target: ``(W't - W'v (v't) / (v'v)) / |v| / 50``.

    Parameters
    ----------
    portfolios
        (models, ids) neutral weights.
    stakes
        (models,) shares, summing to 1.
    target
        (ids,) centred.
    """
    centred = np.stack([row - mean(row) for row in portfolios])
    combined = exact_matvec(np.ascontiguousarray(centred.T), stakes)
    combined = combined - mean(combined)
    square = float(exact_matvec(combined[np.newaxis], combined)[0])
    # The portfolios cancel each other out: a combination of no size has no return at unit length.
    if square == 0:
        return np.full(len(portfolios), np.nan)
    gain = float(exact_matvec(combined[np.newaxis], target)[0])
    along = exact_matvec(centred, combined) * (gain / square)
    return np.asarray((exact_matvec(centred, target) - along) / math.sqrt(square) / MPC_SCALE)


def meta_portfolio_contribution(
    predictions: pd.DataFrame,
    stakes: pd.Series,
    neutralizers: pd.DataFrame,
    sample_weights: pd.Series,
    targets: pd.Series,
) -> pd.Series:
    """Meta portfolio contribution (MPC): the effect of more stake on the stake-weighted portfolio.

    Formula: ``numerai_tools.scoring.meta_portfolio_contribution`` 0.7.2: the gradient of the portfolio's
    return, at unit length, with respect to the stakes, divided by 50.

    Parameters
    ----------
    predictions
        Ids by models.
    stakes
        By model, not negative, in any unit; a missing stake is 0.
    neutralizers, sample_weights
        For each of the scored ids, see `generate_neutralized_weights`.
    targets
        By id.

    Returns
    -------
    By the stakes' models. A model with a NaN is NaN and its stake is not in the portfolio; the reference
    drops the id for all. See ``attrs["reasons"]``.
    """
    chosen, stakes = staked(predictions, stakes)
    if (stakes < 0).any() or not 0 < stakes.fillna(0).sum() < math.inf:
        refuse("stakes", "no stake below 0 and a finite sum above 0", float(stakes.min()), "correct them")
    scored = align(chosen, {"targets": series_of("targets", targets)})
    aligned = _with_factors(scored, neutralizers, sample_weights)
    target, factors, weights = aligned.others
    ranks = gaussian_rows(aligned.predictions, powered=True)
    counted = stakes.fillna(0).to_numpy(dtype=np.float64) * ~ranks.unscored
    portfolios = neutral_weights(ranks.rows, factors, weights)
    shares = counted / math.fsum(counted.tolist()) if counted.any() else counted
    values = portfolio_contributions(portfolios, shares, target - mean(target))
    values[ranks.unscored] = np.nan
    return scores_by_column(stakes.index, values, list(ranks.reasons))
