"""Price features of a market as it stood on one session, ranked across stocks.

Nothing here sees a price after that session: the window of past prices is cut out first, and every feature is
a function of the window alone.
"""

import numpy as np
import pandas as pd

from scorer.lab.demo.arrays import FloatArray, cross_sectional_rank, sector_means
from scorer.lab.demo.market import PriceHistory

WEEK, MONTH, QUARTER, HALF_YEAR, YEAR = 5, 21, 60, 126, 252

# Sessions of history, the decision's own included, without which no feature can be computed.
HISTORY = YEAR + 1

MOMENTUM_FEATURES = ("momentum_12_1", "momentum_6_1", "trend_20_120", "nearness_to_52_week_high")
REVERSAL_FEATURES = ("return_1_week", "return_1_month")
RISK_FEATURES = ("volatility_60_day", "beta_1_year", "greatest_daily_return", "return_skewness")
SECTOR_FEATURES = ("sector_momentum", "sector_relative_momentum")
FEATURES = MOMENTUM_FEATURES + REVERSAL_FEATURES + RISK_FEATURES + SECTOR_FEATURES


def growth(window: FloatArray, first: int, last: int) -> FloatArray:
    """Return the simple return between two sessions, counted back from the window's end (0 is the last)."""
    return np.asarray(window[-1 - last] / window[-1 - first] - 1)


def market_beta(returns: FloatArray) -> FloatArray:
    """Return each column's regression slope on the equal-weighted market.

    Parameters
    ----------
    returns : ndarray, shape (sessions, tickers)
        Daily simple returns.
    """
    market = returns.mean(axis=1)
    market = market - market.mean()
    return np.asarray(market @ returns / (market @ market))


def skewness(returns: FloatArray) -> FloatArray:
    """Return each column's third standardised moment."""
    standardised = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    return np.asarray((standardised * standardised * standardised).mean(axis=0))


def raw_features(window: FloatArray, sectors: tuple[str, ...]) -> dict[str, FloatArray]:
    """Return every feature in its own unit, one value a ticker.

    Momentum leaves out the last month, where returns tend to revert (Jegadeesh and Titman 1993). The nearness
    to the 52-week high follows George and Hwang (2004), the greatest daily return Bali, Cakici and Whitelaw
    (2011).

    Parameters
    ----------
    window : ndarray, shape (HISTORY, tickers)
        Prices up to and including the decision's session.
    sectors : tuple of str, length tickers
        The sector of each.
    """
    returns = window[1:] / window[:-1] - 1
    momentum = growth(window, YEAR, MONTH)
    sector_momentum = sector_means(growth(window, HALF_YEAR, 0), sectors)
    return {
        "momentum_12_1": momentum,
        "momentum_6_1": growth(window, HALF_YEAR, MONTH),
        "trend_20_120": window[-20:].mean(axis=0) / window[-120:].mean(axis=0),
        "nearness_to_52_week_high": window[-1] / window.max(axis=0),
        "return_1_week": growth(window, WEEK, 0),
        "return_1_month": growth(window, MONTH, 0),
        "volatility_60_day": returns[-QUARTER:].std(axis=0),
        "beta_1_year": market_beta(returns),
        "greatest_daily_return": returns[-MONTH:].max(axis=0),
        "return_skewness": skewness(returns[-HALF_YEAR:]),
        "sector_momentum": sector_momentum,
        "sector_relative_momentum": momentum - sector_means(momentum, sectors),
    }


def ranked_features(market: PriceHistory, session: int) -> pd.DataFrame:
    """Return the features of every ticker as known at the close of a session.

    Parameters
    ----------
    market : Market
        Only its prices up to the session are read.
    session : int
        Row of `market.prices`, at least ``HISTORY - 1``.

    Returns
    -------
    pd.DataFrame
        Index: tickers. Columns: `FEATURES`, each ranked across tickers into (0, 1).
    """
    if session < HISTORY - 1:
        raise ValueError(
            f"expected a session with {HISTORY} sessions of prices up to it, found session {session}: "
            f"start at session {HISTORY - 1}"
        )
    raw = raw_features(market.prices[session + 1 - HISTORY : session + 1], market.sectors)
    columns = np.column_stack([raw[name] for name in FEATURES])
    return pd.DataFrame(
        cross_sectional_rank(columns), index=pd.Index(market.tickers, name="id"), columns=list(FEATURES)
    )
