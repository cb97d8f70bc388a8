"""Weekly eras of a market: what is known on the decision date, and the target that is known a month later.

The target follows Numerai's 20D2L convention: the return over 20 sessions that begin two sessions after the
decision, so that nobody needs to trade on the closing price they decided on. It is ranked within each sector
and cut into five bins of 5, 20, 50, 20 and 5 percent.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scorer.lab.demo.arrays import FloatArray, cross_sectional_rank, sector_means
from scorer.lab.demo.features import HISTORY, ranked_features
from scorer.lab.demo.market import PriceHistory
from scorer.lab.market import five_bins

TARGET_LAG = 2
TARGET_SESSIONS = 20
# From the decision to the session whose close makes the target known.
SESSIONS_TO_RESOLVE = TARGET_LAG + TARGET_SESSIONS


@dataclass(frozen=True, eq=False)
class Era:
    """One decision date.

    Attributes
    ----------
    number : int
        1 for the first era of the market.
    date : pd.Timestamp
        The session at whose close the features are known and predictions are due.
    resolve_date : pd.Timestamp
        The session at whose close the target is known.
    ids : pd.Index
        Tickers, ascending.
    features : pd.DataFrame
        Index `ids`; ranks in (0, 1).
    target : pd.Series
        Index `ids`; one of `scorer.lab.market.VALUES`.
    sectors : pd.Series
        Index `ids`; the GICS sector of each ticker.
    """

    number: int
    date: pd.Timestamp
    resolve_date: pd.Timestamp
    ids: pd.Index
    features: pd.DataFrame
    target: pd.Series
    sectors: pd.Series


def sector_neutral_target(returns: FloatArray, sectors: tuple[str, ...]) -> FloatArray:
    """Return the five-bin target: how each return ranks within its own sector.

    Equal ranks of different sectors are ordered by the return above the sector's mean, then by position, so
    that the bins hold the same number of tickers in every era and on every machine.

    Parameters
    ----------
    returns : ndarray, shape (tickers,)
        Simple returns over the target's sessions.
    sectors : tuple of str, length tickers
        The sector of each.

    Returns
    -------
    ndarray, shape (tickers,)
        Values of `scorer.lab.market.VALUES`.
    """
    rank_in_sector = np.empty(len(returns))
    for sector in set(sectors):
        members = np.asarray(sectors) == sector
        rank_in_sector[members] = cross_sectional_rank(returns[members])
    order = np.lexsort((returns - sector_means(returns, sectors), rank_in_sector))
    target = np.empty(len(returns))
    target[order] = five_bins(len(returns))
    return target


def decision_sessions(dates: pd.DatetimeIndex) -> list[int]:
    """Return the last session of each calendar week that has enough history and whose target is known."""
    week = dates.to_period("W")
    is_last = np.append(week[1:] != week[:-1], True)
    return [
        int(session)
        for session in np.flatnonzero(is_last)
        if HISTORY - 1 <= session < len(dates) - SESSIONS_TO_RESOLVE
    ]


def build_era(market: PriceHistory, session: int, number: int) -> Era:
    """Return the era decided at the close of one session of the market."""
    features = ranked_features(market, session)
    start, end = market.prices[session + TARGET_LAG], market.prices[session + SESSIONS_TO_RESOLVE]
    target = sector_neutral_target(end / start - 1, market.sectors)
    return Era(
        number=number,
        date=market.dates[session],
        resolve_date=market.dates[session + SESSIONS_TO_RESOLVE],
        ids=features.index,
        features=features,
        target=pd.Series(target, features.index, name="target"),
        sectors=pd.Series(market.sectors, features.index, name="sector"),
    )


def build_eras(market: PriceHistory) -> tuple[Era, ...]:
    """Return the weekly eras of a market, oldest first.

    Parameters
    ----------
    market : Market
        With at least a year of sessions before the first decision.

    Returns
    -------
    tuple of Era
        One a week, from the first with a year of prices before it to the last whose target is known.
    """
    sessions = decision_sessions(market.dates)
    return tuple(build_era(market, session, number) for number, session in enumerate(sessions, start=1))


def known_eras(eras: Iterable[Era], date: pd.Timestamp) -> tuple[Era, ...]:
    """Return the eras whose target is known at the close of `date`: all that a model may learn from.

    Eras decided in the last month are left out, because their targets reach past `date`.
    """
    return tuple(era for era in eras if era.resolve_date <= date)
