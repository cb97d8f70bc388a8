import sys
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.lab.demo.market import PriceHistory, load_market, market_from_quotes
from scorer.lab.demo.sessions import nyse_sessions
from scorer.lab.demo.splits import SIMPLE_RATIOS, SPLITS_ON_RECORD, find_splits, likely_ratio, repair_splits

DATES = nyse_sessions()[:300]


def daily_return(market: PriceHistory, ticker: str, date: str) -> float:
    session, column = market.dates.get_loc(pd.Timestamp(date)), market.tickers.index(ticker)
    assert isinstance(session, int)
    return float(market.prices[session, column] / market.prices[session - 1, column] - 1)


def calm_walk(
    seed: int, sessions: int = 300, price: float = 100.0
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    steps = np.random.default_rng(seed).normal(0, 0.01, (sessions, 1))
    return np.asarray(price * np.exp(np.cumsum(steps, axis=0) - steps.sum()))


def test_the_exchange_had_1258_sessions_from_2003_to_2007() -> None:
    sessions = nyse_sessions()
    assert len(sessions) == 1258
    assert sessions[0] == pd.Timestamp("2003-01-02")
    assert sessions[-1] == pd.Timestamp("2007-12-31")


@pytest.mark.parametrize(
    "day", ["2004-06-11", "2007-01-02", "2004-12-24", "2006-01-02", "2005-03-25", "2003-11-27"]
)
def test_the_exchange_was_closed_on(day: str) -> None:
    assert pd.Timestamp(day) not in nyse_sessions()


def test_new_year_on_a_saturday_is_not_made_up_for() -> None:
    assert pd.Timestamp("2004-12-31") in nyse_sessions()


def test_the_market_has_452_stocks_in_ten_sectors_and_every_session(market: PriceHistory) -> None:
    assert market.prices.shape == (1258, 452)
    assert len(set(market.sectors)) == 10
    assert list(market.tickers) == sorted(market.tickers)


def test_the_last_prices_are_as_they_were_quoted(market: PriceHistory) -> None:
    assert market.prices[-1, market.tickers.index("AAPL")] == 198.08


def test_204_splits_are_repaired(market: PriceHistory) -> None:
    assert len(market.splits) == 204


@pytest.mark.parametrize(
    ("ticker", "date", "ratio"),
    [
        ("AAPL", "2005-02-28", Fraction(2)),
        ("MSFT", "2003-02-18", Fraction(2)),
        ("MMM", "2003-09-30", Fraction(2)),
        ("BBY", "2005-08-04", Fraction(3, 2)),
        ("JDSU", "2006-10-17", Fraction(1, 8)),
        ("DHI", "2005-03-17", Fraction(4, 3)),
        ("HCBK", "2005-06-07", Fraction(3206, 1000)),
    ],
)
def test_a_known_split_is_repaired(market: PriceHistory, ticker: str, date: str, ratio: Fraction) -> None:
    assert ratio in [
        split.ratio for split in market.splits if (split.ticker, split.date) == (ticker, pd.Timestamp(date))
    ]
    assert abs(daily_return(market, ticker, date)) < 0.07


@pytest.mark.parametrize(
    ("ticker", "date", "fall"),
    [
        ("MRK", "2004-09-30", -0.267),
        ("MMC", "2004-10-14", -0.244),
        ("BIIB", "2005-02-28", -0.425),
        ("NVDA", "2004-08-06", -0.352),
        ("ETFC", "2007-11-12", -0.587),
    ],
)
def test_bad_news_is_not_taken_for_a_split(market: PriceHistory, ticker: str, date: str, fall: float) -> None:
    assert daily_return(market, ticker, date) == pytest.approx(fall, abs=0.002)


@given(
    seed=st.integers(0, 1000),
    session=st.integers(1, 299),
    ratio=st.sampled_from([r for r in SIMPLE_RATIOS if r > 1]),
)
def test_a_split_planted_in_a_calm_stock_is_found_and_undone(
    seed: int, session: int, ratio: Fraction
) -> None:
    dates, adjusted = DATES, calm_walk(seed)
    quoted = adjusted.copy()
    quoted[:session] *= float(ratio)
    splits = find_splits(dates, ("CALM",), quoted)
    assert [(split.date, split.ratio) for split in splits] == [(dates[session], ratio)]
    np.testing.assert_allclose(repair_splits(dates, ("CALM",), quoted, splits), adjusted, rtol=1e-12)


@given(seed=st.integers(0, 1000))
def test_a_calm_stock_without_splits_is_left_alone(seed: int) -> None:
    assert find_splits(DATES, ("CALM",), calm_walk(seed)) == ()


def test_repairing_leaves_its_input_as_it_was() -> None:
    dates, quoted = DATES, calm_walk(seed=1)
    quoted[:100] *= 2
    before = quoted.copy()
    repair_splits(dates, ("CALM",), quoted, find_splits(dates, ("CALM",), quoted))
    np.testing.assert_array_equal(quoted, before)


def test_a_cheap_stock_that_halves_has_crashed() -> None:
    assert likely_ratio(8.0, float(np.log(0.5)), 0.02) is None
    assert likely_ratio(80.0, float(np.log(0.5)), 0.02) == 2


def test_an_expensive_stock_that_doubles_has_not_merged_its_shares() -> None:
    assert likely_ratio(80.0, float(np.log(2)), 0.02) is None
    assert likely_ratio(4.0, float(np.log(2)), 0.02) == Fraction(1, 2)


def test_every_split_on_record_is_in_the_market(market: PriceHistory) -> None:
    found = {(split.ticker, f"{split.date:%Y-%m-%d}"): split.ratio for split in market.splits}
    assert SPLITS_ON_RECORD.items() <= found.items()


def test_columns_are_sorted_by_ticker_with_their_sectors() -> None:
    quotes = np.column_stack([calm_walk(1)[:, 0], calm_walk(2)[:, 0]])
    market = market_from_quotes(DATES, ["B", "A"], ["Energy", "Utilities"], quotes)
    assert (market.tickers, market.sectors) == (("A", "B"), ("Utilities", "Energy"))
    np.testing.assert_array_equal(market.prices[:, 0], quotes[:, 1])


def test_without_pyhuge_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyhuge", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'cupel\[demo\]'"):
        load_market()


@pytest.mark.parametrize(
    ("tickers", "sectors", "price", "message"),
    [
        (("A",), ("Energy", "Energy"), 1.0, "2 sectors|shape"),
        (("B", "A"), ("Energy", "Energy"), 1.0, "ascending"),
        (("A", "A"), ("Energy", "Energy"), 1.0, "each once"),
        (("A", "B"), ("Energy", "Energy"), 0.0, "positive"),
        (("A", "B"), ("Energy", "Energy"), float("nan"), "positive, finite"),
    ],
)
def test_a_market_whose_parts_do_not_fit_is_refused(
    tickers: tuple[str, ...], sectors: tuple[str, ...], price: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        PriceHistory(DATES[:3], tickers, sectors, np.full((3, 2), price))
