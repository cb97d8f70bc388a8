"""Reputation of models and accounts over many rounds, and seasons with their tiers.

Pure functions over score tables: pandas frames with a row a model and round, and the columns ``round``,
``resolved`` (date), ``model``, ``account``, ``at_risk`` (nano-NMR) and one of scores. Only rounds that have
resolved belong in them. Definitions of Numerai's documentation ("Reputation", "Grandmasters", 2026).
"""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from scorer.rewards.season_rules import NOVICE, SeasonRules


def in_the_year_before(scores: pd.DataFrame, on: date) -> pd.DataFrame:
    """Select the rows of rounds that resolved in the year that ends with `on`."""
    end = pd.Timestamp(on)
    resolved = pd.to_datetime(scores["resolved"])
    return scores[(resolved > end - pd.DateOffset(years=1)) & (resolved <= end)]


def model_reputation(scores: pd.DataFrame, score: str, on: date) -> "pd.Series[float]":
    """Average a score over one year, by model, best first. A round without a score does not count.

    Parameters
    ----------
    score
        The column, such as ``mmc_target_20d2l``.
    on
        The last day of the year.
    """
    means = in_the_year_before(scores, on).dropna(subset=[score]).groupby("model")[score].mean()
    return means.sort_values(ascending=False, kind="stable")


def account_round_scores(scores: pd.DataFrame, score: str) -> pd.DataFrame:
    """Average the scores of an account's models in each round, weighted by stake.

    An account without a stake in a round counts there if it has one model only, by that model.

    Returns
    -------
    pd.DataFrame
        Columns ``round``, ``resolved``, ``account``, `score` and ``at_risk`` in nano-NMR: a row for every
        round in which an account has a score.
    """
    known = scores.dropna(subset=[score])
    stakes = known["at_risk"].astype("float64")
    keys = ["round", "resolved", "account"]
    sums = (
        known.assign(weighed=known[score] * stakes, stakes=stakes)
        .groupby(keys, as_index=False)
        .agg(
            weighed=("weighed", "sum"),
            at_risk=("stakes", "sum"),
            plain=(score, "first"),
            models=(score, "size"),
        )
    )
    staked = sums["at_risk"] > 0
    # The 1 only keeps rows without a stake from dividing by zero; their quotient is not used.
    sums[score] = sums["plain"].where(~staked, sums["weighed"] / sums["at_risk"].where(staked, 1.0))
    return sums[staked | (sums["models"] == 1)][[*keys, score, "at_risk"]].reset_index(drop=True)


def account_reputation(scores: pd.DataFrame, score: str, on: date) -> "pd.Series[float]":
    """Average `account_round_scores` over one year, by account, best first."""
    rounds = account_round_scores(in_the_year_before(scores, on), score)
    return rounds.groupby("account")[score].mean().sort_values(ascending=False, kind="stable")


def season(scores: pd.DataFrame, score: str, year: int, rules: SeasonRules) -> pd.DataFrame:
    """Rank accounts by their scores of a calendar year.

    An account's season score is the mean of its round scores over all rounds of the season; a round that it
    missed, or in which it had too little at risk, counts as zero.

    Parameters
    ----------
    scores
        All rounds that resolved; the season is selected by date.

    Returns
    -------
    pd.DataFrame
        By account, best first: ``season_score``, ``qualified_rounds``, ``rank`` (0 for a novice, who is not
        ranked) and ``tier``.
    """
    of_year = scores[pd.to_datetime(scores["resolved"]).dt.year == year]
    rounds = account_round_scores(of_year, score)
    return season_of(rounds, score, sorted(set(of_year["account"])), of_year["round"].nunique(), rules)


def season_of(
    rounds: pd.DataFrame, score: str, accounts: Sequence[str], count: int, rules: SeasonRules
) -> pd.DataFrame:
    """Rank accounts by what `account_round_scores` says of a season's rounds, see `season`.

    Parameters
    ----------
    rounds
        Of all rounds of the season, in their order.
    accounts
        Everybody who took part in the season, in the order in which equals are listed.
    count
        Rounds of the season.
    """
    qualified = rounds[rounds["at_risk"] >= rules.least_at_risk]
    by_account = qualified.groupby("account", observed=True)
    standing = pd.DataFrame(index=pd.Index(accounts, name="account")).assign(
        season_score=by_account[score].sum() / max(1, count),
        qualified_rounds=by_account.size(),
    )
    standing = standing.fillna({"season_score": 0.0, "qualified_rounds": 0})
    standing["qualified_rounds"] = standing["qualified_rounds"].astype("int64")
    standing["is_ranked"] = standing["qualified_rounds"] >= rules.qualified_rounds
    standing = standing.sort_values(["is_ranked", "season_score"], ascending=False, kind="stable")
    return _with_tiers(standing, rules)


def _with_tiers(standing: pd.DataFrame, rules: SeasonRules) -> pd.DataFrame:
    """Add ranks, equal for equal scores, and the tiers that follow from them."""
    ranked = standing["is_ranked"]
    ranks = (
        standing["season_score"].where(ranked).rank(ascending=False, method="min").fillna(0).astype("int64")
    )
    count = int(ranked.sum())
    tiers = [_tier(rank, count, rules) for rank in ranks.tolist()]
    return standing.assign(rank=ranks, tier=tiers).drop(columns="is_ranked")


def _tier(rank: int, count: int, rules: SeasonRules) -> str:
    if rank == 0:
        return NOVICE
    for tier, last in rules.by_rank.items():
        if rank <= last:
            return tier
    before = 0 if rules.share_of_all else max(rules.by_rank.values())
    share = (rank - before) / (count - before)
    return next(tier for tier, last in rules.by_share.items() if share <= last)
