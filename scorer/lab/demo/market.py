"""The demo's market: closing prices of 452 stocks of the S&P 500, every session from 2003 to 2007.

The prices come with the PyPI package pyhuge (GPL-2.0, an optional extra that is installed, never vendored),
where they are not adjusted for splits; `load_market` adjusts them. The stocks are those that were still in
the index at the end, so the market as a whole, and its boldest stocks above all, look better than they were.
"""

from dataclasses import dataclass
from importlib import import_module

import numpy as np
import pandas as pd

from scorer.lab.demo.arrays import FloatArray
from scorer.lab.demo.sessions import nyse_sessions
from scorer.lab.demo.splits import Split, find_splits, repair_splits


@dataclass(frozen=True, eq=False)
class PriceHistory:
    """A panel of prices.

    Attributes
    ----------
    dates : pd.DatetimeIndex, length sessions
        Ascending session dates.
    tickers : tuple of str, ascending
    sectors : tuple of str
        The GICS sector of each ticker.
    prices : ndarray, shape (sessions, tickers)
        Closing prices in dollars, adjusted for the splits below.
    splits : tuple of Split
        What was repaired.
    """

    dates: pd.DatetimeIndex
    tickers: tuple[str, ...]
    sectors: tuple[str, ...]
    prices: FloatArray
    splits: tuple[Split, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a panel whose parts do not fit together."""
        expected = (len(self.dates), len(self.tickers))
        if self.prices.shape != expected or len(self.sectors) != len(self.tickers):
            raise ValueError(
                f"expected prices of shape {expected} and {len(self.tickers)} sectors, found "
                f"{self.prices.shape} and {len(self.sectors)}: give one row a session and one column a ticker"
            )
        if list(self.tickers) != sorted(set(self.tickers)):
            raise ValueError("expected tickers in ascending order, each once: sort the columns first")
        if not (np.isfinite(self.prices) & (self.prices > 0)).all():
            raise ValueError("expected positive, finite prices: drop the tickers that lack them")


def read_pyhuge() -> tuple[FloatArray, list[str], list[str]]:
    """Return the prices (sessions x tickers), tickers and sectors of `pyhuge.huge_stockdata`, as they are.

    Raises
    ------
    ModuleNotFoundError
        When the demo extra is not installed.
    """
    try:
        stock_data = import_module("pyhuge").huge_stockdata()
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the demo's market prices come with the package pyhuge, which is not installed: "
            "run `pip install 'cupel[demo]'`"
        ) from error
    prices = np.asarray(stock_data.data, dtype=np.float64)
    return prices, [str(row[0]) for row in stock_data.info], [str(row[1]) for row in stock_data.info]


def market_from_quotes(
    dates: pd.DatetimeIndex, tickers: list[str], sectors: list[str], quotes: FloatArray
) -> PriceHistory:
    """Return a market from unadjusted quotes: columns sorted by ticker, splits found and repaired.

    Parameters
    ----------
    dates : pd.DatetimeIndex, length sessions
        Ascending session dates.
    tickers, sectors : list of str
        One per column, in any order.
    quotes : ndarray, shape (sessions, tickers)
        Prices in dollars, as quoted.
    """
    order = np.argsort(tickers)
    ordered_tickers = tuple(tickers[column] for column in order)
    ordered_quotes = quotes[:, order]
    splits = find_splits(dates, ordered_tickers, ordered_quotes)
    prices = repair_splits(dates, ordered_tickers, ordered_quotes, splits)
    return PriceHistory(dates, ordered_tickers, tuple(sectors[column] for column in order), prices, splits)


def load_market() -> PriceHistory:
    """Return the demo's market: 1258 sessions, 452 stocks, splits repaired.

    Raises
    ------
    ModuleNotFoundError
        When the demo extra is not installed.
    ValueError
        When the installed pyhuge holds another panel than the one this module knows.
    """
    quotes, tickers, sectors = read_pyhuge()
    dates = nyse_sessions()
    if len(quotes) != len(dates):
        raise ValueError(
            f"expected {len(dates)} sessions from {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d} in the stock "
            f"data of pyhuge, found {len(quotes)}: install the pinned version, `pip install 'cupel[demo]'`"
        )
    return market_from_quotes(dates, tickers, sectors, quotes)
