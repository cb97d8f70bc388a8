"""The comparison on real prices: its weeks are the demo's, their order is drawn, and attackers play in it."""

from itertools import pairwise

import numpy as np
import pytest

from scorer.data.feature_sets import feature_sets
from scorer.lab.comparison.attackers import WHAT_THEY_DO
from scorer.lab.comparison.market import Market
from scorer.lab.comparison.play import play_market
from scorer.lab.comparison.prices import BEST, BLOCK_WEEKS, PriceHistory, PriceMarket, kinds_of, load_history
from scorer.lab.comparison.rules import candidates
from scorer.lab.comparison.scores import standardised
from scorer.lab.comparison.table import MEASURES
from scorer.lab.dataset import load_dataset
from scorer.lab.demo.dataset import FOLDER
from scorer.lab.demo.strategies import demo_strategies
from scorer.protocol.rules import preset

WEEKS, IDS = 30, 200
KINDS = ("skilled",) * 5 + ("crowd",) * 5 + ("noise",) * 3


@pytest.fixture(scope="module")
def history() -> PriceHistory:
    """A made-up past in which each week's predictions say which week it is."""
    stream = np.random.default_rng(3)
    predictions = np.stack([standardised(stream.standard_normal((len(KINDS), IDS))) for _ in range(WEEKS)])
    targets = stream.integers(0, 5, (WEEKS, IDS)) / 4.0
    return PriceHistory(np.array(KINDS), predictions, targets, np.full(WEEKS, 0.01))


def weeks_played(market: Market, history: PriceHistory, rounds: int) -> list[int]:
    played = [market.play(number).predictions for number in range(rounds)]
    return [
        next(week for week in range(WEEKS) if np.array_equal(history.predictions[week], each))
        for each in played
    ]


def test_weeks_stay_together_in_blocks_whose_order_is_drawn(history: PriceHistory) -> None:
    weeks = weeks_played(PriceMarket(1, history=history, rounds=40), history, 40)
    steps = [(after - before) % WEEKS for before, after in pairwise(weeks)]
    breaks = [place + 1 for place, step in enumerate(steps) if step != 1]
    assert set(breaks) <= set(range(BLOCK_WEEKS, 40, BLOCK_WEEKS))
    assert weeks == weeks_played(PriceMarket(1, history=history, rounds=40), history, 40)
    assert weeks != weeks_played(PriceMarket(2, history=history, rounds=40), history, 40)


def test_a_week_comes_with_its_own_outcome(history: PriceHistory) -> None:
    market = PriceMarket(4, history=history, rounds=20)
    for number, week in enumerate(weeks_played(market, history, 20)):
        assert np.array_equal(market.play(number).target, history.targets[week])


def test_attackers_play_on_a_past_as_in_a_synthetic_market(history: PriceHistory) -> None:
    found = play_market(candidates(preset("cupel")), PriceMarket(5, history=history, rounds=30), 30)
    for figures in found.values():
        assert set(figures) == {*WHAT_THEY_DO, *MEASURES}
        assert np.isfinite(list(figures.values())).all()
        assert figures["basket"] == pytest.approx(figures["gross_payout"] - figures["burned"], abs=1e-9)
    assert abs(found["cupel"]["copy_of_meta_model"]) < 0.01


def test_the_demos_strategies_have_kinds_and_copies_take_no_part() -> None:
    rebuilder = load_dataset(FOLDER)
    kinds = kinds_of(demo_strategies(rebuilder.known[-10:], feature_sets(rebuilder.identifiers)))
    assert next(iter(kinds)) == BEST
    assert set(kinds.values()) == {"skilled", "crowd", "noise"}
    left_out = {"copycat", "copycat_late", "meta_copycat", "always_half", "quitter", "broken_file"}
    assert not left_out & set(kinds)
    assert len(kinds) == 42 - len(left_out)


@pytest.mark.long
def test_the_past_is_that_of_real_prices() -> None:
    history = load_history(12)
    weeks, models, ids = history.predictions.shape
    assert (weeks, models, ids) == (12, len(history.kinds), 452)
    assert history.predictions.mean(axis=2) == pytest.approx(np.zeros((weeks, models)), abs=1e-5)
    assert set(np.unique(history.targets)) == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert ((history.volatility > 0.003) & (history.volatility < 0.1)).all()
    consecutive = (history.predictions[1:, 0] * history.predictions[:-1, 0]).mean()
    assert consecutive > 0.5
