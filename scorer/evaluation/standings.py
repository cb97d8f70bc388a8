"""Bundles to score tables: what leaderboards and seasons are computed from."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from scorer.evaluation.explain import ScoredRound
from scorer.units import NANO_PER_NMR, ONE

REWARD: Final = "reward_score"
UNKNOWN: Final = "unknown"
"""The account of a model whose owner was not looked up: only the chain knows it."""


def score_table(rounds: Iterable[tuple[ScoredRound, date | None]], owners: Mapping[int, str]) -> pd.DataFrame:
    """Return a row a model and round, as `scorer.rewards.reputation` takes them.

    Parameters
    ----------
    rounds
        Scored rounds, and when each resolved; None where no chain was asked.
    owners
        The account that owns each model; a model without one is an account of its own.

    Returns
    -------
    pd.DataFrame
        Columns ``round``, ``resolved``, ``model``, ``account``, ``at_risk`` and ``net`` (nano-NMR), each
        factor's, and ``reward_score`` as a plain number.
    """
    tables = [_table(scored, resolved, owners) for scored, resolved in rounds]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _table(scored: ScoredRound, resolved: date | None, owners: Mapping[int, str]) -> pd.DataFrame:
    models = scored.scores["model_id"].tolist()
    settled = scored.settled
    return pd.DataFrame(
        {
            "round": scored.terms.round_id,
            "resolved": pd.Timestamp(resolved) if resolved else pd.NaT,
            "model": models,
            "account": [owners.get(model, UNKNOWN) for model in models],
            "at_risk": scored.scores["position"],
            # Signed numbers first: a difference of unsigned ones wraps around.
            "net": settled.payouts.astype("int64") - settled.burns.astype("int64"),
            **{name: scored.scores[name] for name, _ in scored.rules.multipliers},
            # As it was settled by: that of a silent model is taken for 0.
            REWARD: np.where(np.isin(models, list(scored.silent)), 0, scored.scores["reward_score"]) / ONE,
        }
    )


def model_leaderboard(table: pd.DataFrame, order_by: str) -> pd.DataFrame:
    """Return a row a model, best mean score first: mean scores, NMR earned, return on what was at risk."""
    scores = [
        name
        for name in table.columns
        if name not in ("round", "resolved", "model", "account", "at_risk", "net")
    ]
    by_model = table.assign(at_risk=table["at_risk"].astype("float64")).groupby("model")
    board = (
        by_model[scores]
        .mean()
        .assign(
            account=by_model["account"].last(),
            rounds=by_model["round"].nunique(),
            net_nmr=by_model["net"].sum() / NANO_PER_NMR,
            return_on_positions_percent=100
            * by_model["net"].sum()
            / by_model["at_risk"].sum().where(lambda sums: sums > 0),
        )
    )
    board = board.sort_values(order_by, ascending=False, kind="stable", na_position="last").reset_index()
    board.insert(0, "rank", range(1, len(board) + 1))
    return board[["rank", "model", "account", "rounds", *scores, "net_nmr", "return_on_positions_percent"]]
