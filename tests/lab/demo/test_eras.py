from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.lab.demo.arrays import FloatArray
from scorer.lab.demo.eras import (
    SESSIONS_TO_RESOLVE,
    Era,
    build_era,
    known_eras,
    sector_neutral_target,
)
from scorer.lab.demo.features import FEATURES, HISTORY, ranked_features, raw_features
from scorer.lab.demo.market import PriceHistory
from scorer.lab.market import VALUES, five_bins

SESSION = 700


def with_prices(market: PriceHistory, prices: FloatArray) -> PriceHistory:
    return replace(market, prices=prices)


def shaken(market: PriceHistory, first: int, last: int | None = None) -> PriceHistory:
    """The market with other prices on the sessions from `first` up to but without `last`."""
    prices = market.prices.copy()
    part = prices[first:last]
    prices[first:last] = part * np.random.default_rng(5).uniform(0.5, 2.0, part.shape)
    return with_prices(market, prices)


def test_future_prices_change_no_feature(market: PriceHistory) -> None:
    before = ranked_features(market, SESSION)
    after = ranked_features(shaken(market, SESSION + 1), SESSION)
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_the_price_of_the_decision_date_changes_features(market: PriceHistory) -> None:
    assert not ranked_features(market, SESSION).equals(ranked_features(shaken(market, SESSION), SESSION))


def test_features_are_ranks_between_zero_and_one(eras: tuple[Era, ...]) -> None:
    for era in eras[::20]:
        values = era.features.to_numpy()
        assert list(era.features.columns) == list(FEATURES)
        assert ((values > 0) & (values < 1)).all()
        np.testing.assert_allclose(values.mean(axis=0), 0.5, atol=1e-12)


def test_a_session_with_less_than_a_year_before_it_is_refused(market: PriceHistory) -> None:
    with pytest.raises(ValueError, match=f"start at session {HISTORY - 1}"):
        ranked_features(market, HISTORY - 2)


def test_each_feature_measures_what_its_name_says() -> None:
    days = np.arange(HISTORY)[:, None]
    rng = np.random.default_rng(1)
    steady = 10 * 1.001**days
    falling = 10 * 0.999**days
    calm = 10 * np.exp(np.cumsum(rng.normal(0, 0.002, (HISTORY, 1)), axis=0))
    wild = 10 * np.exp(np.cumsum(rng.normal(0, 0.04, (HISTORY, 1)), axis=0))
    raw = raw_features(np.hstack([steady * calm, falling * calm, calm, wild]), ("X", "X", "Y", "Y"))
    assert raw["momentum_12_1"][0] > raw["momentum_12_1"][2] > raw["momentum_12_1"][1]
    assert raw["trend_20_120"][0] > 1 > raw["trend_20_120"][1]
    assert raw["nearness_to_52_week_high"][0] > raw["nearness_to_52_week_high"][1]
    assert raw["volatility_60_day"].argmax() == 3
    assert raw["greatest_daily_return"].argmax() == 3
    assert raw["beta_1_year"].argmax() == 3
    assert raw["beta_1_year"].mean() == pytest.approx(1)
    assert raw["sector_momentum"][0] == raw["sector_momentum"][1]
    assert raw["sector_relative_momentum"][:2].sum() == pytest.approx(0)


def test_momentum_skips_the_last_month() -> None:
    window = np.full((HISTORY, 2), 10.0) * np.linspace(1, 1.5, HISTORY)[:, None]
    jumped = window.copy()
    jumped[-20:, 0] *= 2
    sectors = ("X", "X")
    before, after = raw_features(window, sectors), raw_features(jumped, sectors)
    assert before["momentum_12_1"][0] == after["momentum_12_1"][0]
    assert before["return_1_month"][0] < after["return_1_month"][0]


def test_there_is_one_era_a_week_on_its_last_session(market: PriceHistory, eras: tuple[Era, ...]) -> None:
    dates = pd.DatetimeIndex([era.date for era in eras])
    assert len(eras) == 204
    assert dates.to_period("W").is_unique
    next_sessions = market.dates[market.dates.get_indexer(dates) + 1]
    assert (next_sessions.to_period("W") > dates.to_period("W")).all()
    assert [era.number for era in eras] == list(range(1, 205))


def test_an_era_resolves_22_sessions_after_its_decision(market: PriceHistory, eras: tuple[Era, ...]) -> None:
    for era in eras:
        session = market.dates.get_loc(era.date)
        assert isinstance(session, int)
        assert market.dates[session + 22] == era.resolve_date


def test_ids_are_sorted_and_shared_by_features_target_and_sectors(eras: tuple[Era, ...]) -> None:
    era = eras[0]
    assert era.ids.is_monotonic_increasing
    assert era.ids.is_unique
    for part in (era.features, era.target, era.sectors):
        assert part.index.equals(era.ids)


def test_target_bins_hold_5_20_50_20_and_5_percent(eras: tuple[Era, ...]) -> None:
    for era in eras:
        assert era.target.value_counts().sort_index().to_dict() == dict(
            zip(VALUES, (23, 90, 226, 90, 23), strict=True)
        )


def test_the_target_is_neutral_to_sectors_and_to_the_market(eras: tuple[Era, ...]) -> None:
    for era in eras:
        # The smallest sector has six stocks, where one stock in another bin moves the mean by 0.04.
        assert (era.target.groupby(era.sectors).mean() - 0.5).abs().max() <= 0.05
        dummies = pd.get_dummies(era.sectors).to_numpy(float)
        centred = era.target.to_numpy() - 0.5
        explained = dummies @ np.linalg.lstsq(dummies, centred, rcond=None)[0]
        assert explained @ explained < 0.005 * (centred @ centred)


def test_the_target_ignores_prices_outside_its_two_sessions(market: PriceHistory) -> None:
    target = build_era(market, SESSION, 1).target
    between = shaken(market, SESSION + 3, SESSION + SESSIONS_TO_RESOLVE)
    first_two = shaken(market, 0, SESSION + 2)
    later = shaken(market, SESSION + SESSIONS_TO_RESOLVE + 1)
    for other in (between, first_two, later):
        pd.testing.assert_series_equal(build_era(other, SESSION, 1).target, target)


@pytest.mark.parametrize("session", [SESSION + 2, SESSION + 22])
def test_the_target_depends_on_the_first_and_the_last_session_of_its_return(
    market: PriceHistory, session: int
) -> None:
    target = build_era(market, SESSION, 1).target
    assert not build_era(shaken(market, session, session + 1), SESSION, 1).target.equals(target)


def test_a_higher_return_within_a_sector_never_has_a_lower_target(
    eras: tuple[Era, ...], market: PriceHistory
) -> None:
    session = market.dates.get_loc(eras[50].date)
    assert isinstance(session, int)
    returns = market.prices[session + 22] / market.prices[session + 2]
    table = pd.DataFrame({"sector": market.sectors, "return": returns, "target": eras[50].target.to_numpy()})
    for _, stocks in table.sort_values("return").groupby("sector"):
        assert stocks["target"].is_monotonic_increasing


@given(st.integers(20, 2000))
def test_bins_are_symmetric_for_any_number_of_ids(count: int) -> None:
    bins = five_bins(count)
    assert (np.diff(bins) >= 0).all()
    # Half to even can round the two edges of a pair in the same direction.
    assert abs(int((bins == 0).sum()) - int((bins == 1).sum())) <= 1
    assert abs(int((bins == 0.25).sum()) - int((bins == 0.75).sum())) <= 2


def test_lifting_a_whole_sector_changes_no_target() -> None:
    rng = np.random.default_rng(2)
    sectors = tuple("XYZ"[i % 3] for i in range(90))
    returns = rng.normal(0, 0.1, 90)
    lifted = returns + 0.25 * np.array([sector == "X" for sector in sectors])
    np.testing.assert_array_equal(
        sector_neutral_target(returns, sectors), sector_neutral_target(lifted, sectors)
    )


def test_only_eras_with_a_known_target_may_be_learnt_from(eras: tuple[Era, ...]) -> None:
    era = eras[100]
    known = known_eras(eras, era.date)
    assert all(past.resolve_date <= era.date for past in known)
    assert all(other.resolve_date > era.date for other in eras[len(known) :])
    # Four or five weeks of eras are still open, and so is the era itself.
    assert 95 <= len(known) <= 96


def test_building_an_era_again_gives_the_same(market: PriceHistory, eras: tuple[Era, ...]) -> None:
    for once in eras[::25]:
        session = market.dates.get_loc(once.date)
        assert isinstance(session, int)
        again = build_era(market, session, once.number)
        assert once.features.equals(again.features)
        assert once.target.equals(again.target)
        assert (once.number, once.date, once.resolve_date) == (again.number, again.date, again.resolve_date)
