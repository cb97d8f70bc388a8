import math

import numpy as np
import pandas as pd
import pytest

from scorer.scoring import ScoringInputError, diagnostics, numerai_corr, score_by_era
from scorer.scoring.series import adjusted_sharpe, apy, autocorrelation, max_drawdown, smart_sharpe

from .rounds import make_round

SCORES = pd.Series([0.02, -0.01, 0.03, np.nan, -0.05, -0.01, 0.04], name="model")


def test_the_summary_of_a_small_series_is_what_one_computes_by_hand() -> None:
    values = SCORES.dropna().to_numpy()
    found = diagnostics(SCORES)
    assert found.eras == 6
    assert found.mean == pytest.approx(values.mean())
    assert found.std == pytest.approx(values.std())
    assert found.sharpe == pytest.approx(values.mean() / values.std())
    assert found.max_drawdown == pytest.approx(0.06)
    peak = 1.02 * 0.99 * 1.03
    assert found.max_drawdown_compounded == pytest.approx(1 - 0.95 * 0.99, rel=1e-12)
    assert found.apy == pytest.approx((peak * 0.95 * 0.99 * 1.04) ** (52 / 6) - 1)
    assert found.autocorrelation == pytest.approx(np.corrcoef(values[1:], values[:-1])[0, 1])


def test_constant_scores_have_no_ratio_and_no_autocorrelation() -> None:
    found = diagnostics(pd.Series([0.01] * 5))
    assert found.std == 0
    assert math.isnan(found.sharpe)
    assert math.isnan(found.autocorrelation)
    assert found.max_drawdown == 0


def test_adjusted_sharpe_charges_for_a_fat_left_tail() -> None:
    rng = np.random.default_rng(0)
    even = pd.Series(rng.normal(0.02, 0.02, 500))
    crash = even.copy()
    crash.iloc[::50] = -0.1
    sharpe = [diagnostics(s).sharpe for s in (even, crash)]
    assert adjusted_sharpe(even) == pytest.approx(sharpe[0], rel=0.1)
    assert adjusted_sharpe(crash) < 0.95 * sharpe[1]


def test_smart_sharpe_charges_for_scores_that_depend_on_each_other() -> None:
    values = np.repeat(np.random.default_rng(1).normal(0.02, 0.02, 50), 4)
    assert smart_sharpe(pd.Series(values)) < 0.6 * diagnostics(pd.Series(values)).sharpe


def test_a_stake_that_is_lost_once_stays_lost() -> None:
    assert apy(pd.Series([0.5, -1.0, 0.5])) == -1


def test_drawdown_is_nothing_while_scores_only_rise_and_lags_need_eras() -> None:
    assert max_drawdown(pd.Series([0.1, 0.2])) == 0
    assert math.isnan(autocorrelation(pd.Series([0.1, 0.2])))


def test_scores_by_era_are_those_of_each_era_alone() -> None:
    game = make_round(3, 200, 2)
    eras = pd.Series(np.where(np.arange(200) % 2, "0001", "0002"), index=game.ids)
    found = score_by_era(numerai_corr, eras, game.predictions, game.targets)
    assert found.index.tolist() == ["0001", "0002"]
    even = eras == "0002"
    expected = numerai_corr(game.predictions[even], game.targets[even])
    np.testing.assert_array_equal(found.loc["0002"], expected)


@pytest.mark.parametrize("scores", [[], [np.nan], [0.1, np.inf]])
def test_scores_that_say_nothing_are_refused(scores: list[float]) -> None:
    with pytest.raises(ScoringInputError, match=r"^scores: expected a finite score"):
        diagnostics(pd.Series(scores, dtype=float))
