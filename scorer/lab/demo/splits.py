"""Find the share splits that a price history was never adjusted for, and adjust it.

A split and a crash can leave the same mark on a price. What distinguishes them, tried on the 225 daily moves
beyond 35 % in the demo's prices:

- A split's ratio is simple, and what is left of the move once the ratio is taken out is an ordinary day.
- Boards split a high price (here never below 28 dollars) and merge a low one (never above 8).
- Ratios nearer to one than 3:2 cannot be separated from a crash by price alone: of some forty moves close to
  3/4 or 4/5 nearly all were bad news (Merck 2004-09-30, Marsh & McLennan 2004-10-14). They are left alone
  unless the record names them.

Spin-offs and special dividends are not splits and stay in the prices, save Cablevision's ten dollars
(2006-04-25), which fits 3:2 in every respect.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd

from scorer.lab.demo.arrays import FloatArray

# New shares for one old share.
SIMPLE_RATIOS = (
    Fraction(5),
    Fraction(4),
    Fraction(3),
    Fraction(2),
    Fraction(3, 2),
    Fraction(1, 2),
    Fraction(1, 4),
    Fraction(1, 6),
    Fraction(1, 8),
    Fraction(1, 10),
)

# Splits that price alone cannot show: a ratio too near to one, one that is not simple, or news the same day.
SPLITS_ON_RECORD = {
    ("DHI", "2005-03-17"): Fraction(4, 3),  # D.R. Horton, 4 for 3: public split histories
    ("HCBK", "2005-06-07"): Fraction(3206, 1000),  # Hudson City Bancorp, press release of 2005-06-02
    ("PBCT", "2007-04-16"): Fraction(21, 10),  # People's United, its conversion from a mutual company
    ("TIE", "2004-08-27"): Fraction(5),  # Titanium Metals, 5 for 1: shares outstanding in its 10-Qs
}

LOWEST_PRICE_SPLIT = 20.0
HIGHEST_PRICE_MERGED = 10.0
# In robust standard deviations of the stock's own daily log return.
LEAST_MOVE_IN_SIGMAS = 15.0
GREATEST_REMAINDER_IN_SIGMAS = 4.0
GREATEST_REMAINDER = 0.07
# Makes the median absolute value of a normal variable its standard deviation.
MEDIAN_TO_SIGMA = 1.4826


SplitRatios = dict[tuple[str, pd.Timestamp], Fraction]


@dataclass(frozen=True)
class Split:
    """A split: on `date`, `ratio` new shares stood for one share of the session before."""

    ticker: str
    date: pd.Timestamp
    ratio: Fraction


def robust_volatility(log_returns: FloatArray) -> FloatArray:
    """Return each column's standard deviation, from the median so that splits themselves do not count.

    Parameters
    ----------
    log_returns : ndarray, shape (sessions, tickers)
        Daily log returns.

    Returns
    -------
    ndarray, shape (tickers,)
    """
    return np.asarray(MEDIAN_TO_SIGMA * np.median(np.abs(log_returns), axis=0))


def likely_ratio(price_before: float, log_return: float, volatility: float) -> Fraction | None:
    """Return the split ratio that explains one daily move, or None when the move is better left alone.

    Parameters
    ----------
    price_before : float
        Price in dollars on the session before.
    log_return : float
        Log return of the session.
    volatility : float
        The stock's own daily volatility, as `robust_volatility` gives it.
    """
    ratio = min(SIMPLE_RATIOS, key=lambda ratio: abs(log_return + np.log(float(ratio))))
    remainder = abs(log_return + np.log(float(ratio)))
    if remainder > min(GREATEST_REMAINDER, GREATEST_REMAINDER_IN_SIGMAS * volatility):
        return None
    fits_price = price_before >= LOWEST_PRICE_SPLIT if ratio > 1 else price_before <= HIGHEST_PRICE_MERGED
    return ratio if fits_price else None


def splits_on_record(dates: pd.DatetimeIndex, tickers: tuple[str, ...]) -> SplitRatios:
    """Return the splits of `SPLITS_ON_RECORD` that fall within a panel."""
    on_record = {(ticker, pd.Timestamp(day)): ratio for (ticker, day), ratio in SPLITS_ON_RECORD.items()}
    return {key: ratio for key, ratio in on_record.items() if key[0] in tickers and key[1] in dates}


def find_splits(dates: pd.DatetimeIndex, tickers: tuple[str, ...], prices: FloatArray) -> tuple[Split, ...]:
    """Return every split in a panel of unadjusted prices, by date and then ticker.

    Parameters
    ----------
    dates : pd.DatetimeIndex, length sessions
        Ascending session dates.
    tickers : tuple of str
        One a column.
    prices : ndarray, shape (sessions, tickers)
        Positive prices in dollars, as quoted.
    """
    log_returns = np.diff(np.log(prices), axis=0)
    volatility = robust_volatility(log_returns)
    found: SplitRatios = {}
    for before, column in np.argwhere(np.abs(log_returns) > LEAST_MOVE_IN_SIGMAS * volatility):
        ratio = likely_ratio(prices[before, column], log_returns[before, column], volatility[column])
        if ratio is not None:
            found[tickers[column], dates[before + 1]] = ratio
    found |= splits_on_record(dates, tickers)
    splits = (Split(ticker, date, ratio) for (ticker, date), ratio in found.items())
    return tuple(sorted(splits, key=lambda split: (split.date, split.ticker)))


def repair_splits(
    dates: pd.DatetimeIndex, tickers: tuple[str, ...], prices: FloatArray, splits: tuple[Split, ...]
) -> FloatArray:
    """Return prices in terms of the last session's shares: what stood before a split is divided by its ratio.

    Parameters
    ----------
    dates, tickers, prices
        As in `find_splits`.
    splits : tuple of Split
        What to repair.

    Returns
    -------
    ndarray, shape (sessions, tickers)
        A copy; the last session is as it was quoted.
    """
    repaired = prices.copy()
    for split in splits:
        repaired[: dates.get_loc(split.date), tickers.index(split.ticker)] /= float(split.ratio)
    return repaired
