"""The pandas functions agree with numerai_tools, except where they differ on purpose."""

from typing import Any

import numerai_tools.scoring as reference
import numpy as np
import pandas as pd
import pytest

import scorer.scoring as ours

from .rounds import TARGETS, VALUES, make_round

CLOSE = 1e-11


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("top_bottom", [None, 20])
def test_corr_agrees(values: str, target: str, top_bottom: int | None) -> None:
    game = make_round(6, 300, 21, values, target)
    expected = reference.numerai_corr(game.predictions, game.targets, top_bottom=top_bottom)
    found = ours.numerai_corr(game.predictions, game.targets, top_bottom=top_bottom)
    pd.testing.assert_series_equal(found, expected, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("top_bottom", [None, 20])
def test_mmc_agrees(values: str, target: str, top_bottom: int | None) -> None:
    game = make_round(6, 300, 22, values, target)
    arguments = (game.predictions, game.meta, game.targets, top_bottom)
    found = ours.correlation_contribution(*arguments)
    pd.testing.assert_series_equal(found, reference.correlation_contribution(*arguments), rtol=0, atol=CLOSE)


def test_corr_on_raw_returns_agrees() -> None:
    game = make_round(4, 300, 23, target="returns")
    expected = reference.numerai_corr(game.predictions, game.targets, target_pow15=False)
    found = ours.numerai_corr(game.predictions, game.targets, target_pow15=False)
    pd.testing.assert_series_equal(found, expected, rtol=0, atol=CLOSE)


def test_stake_weight_agrees_also_with_missing_predictions() -> None:
    game = make_round(5, 60, 24)
    predictions = game.predictions.copy()
    predictions.iloc[3, 2] = np.nan
    stakes = pd.Series([3.0, 0.5, 7.25], index=["model_4", "model_2", "model_0"])
    expected = reference.stake_weight(predictions, stakes)
    pd.testing.assert_series_equal(ours.stake_weight(predictions, stakes), expected, rtol=0, atol=CLOSE)


def test_ids_are_matched_by_name_and_a_few_may_be_missing() -> None:
    game = make_round(5, 200, 25)
    predictions = game.predictions.sample(frac=1, random_state=0).iloc[:190]
    targets = game.targets.sample(frac=1, random_state=1).iloc[5:]
    expected = reference.numerai_corr(predictions, targets)
    pd.testing.assert_series_equal(ours.numerai_corr(predictions, targets), expected, rtol=0, atol=CLOSE)
    meta = game.meta.iloc[3:]
    expected = reference.correlation_contribution(predictions, meta, targets)
    found = ours.correlation_contribution(predictions, meta, targets)
    pd.testing.assert_series_equal(found, expected, rtol=0, atol=CLOSE)


def test_missing_targets_are_left_out_after_centring() -> None:
    game = make_round(5, 200, 26, target="uniform")
    targets = game.targets.copy()
    targets.iloc[10:30] = np.nan
    expected = reference.numerai_corr(game.predictions, targets)
    pd.testing.assert_series_equal(ours.numerai_corr(game.predictions, targets), expected, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("overlap", [0.79, 0.5, 0.0])
def test_too_few_common_ids_are_refused_as_there(overlap: float) -> None:
    game = make_round(2, 100, 27)
    shifted = game.targets.copy()
    shifted.index = pd.Index([*game.ids[: int(overlap * 100)], *range(100 - int(overlap * 100))])
    shifted.index = shifted.index.astype(str)
    with pytest.raises(AssertionError):
        reference.numerai_corr(game.predictions, shifted)
    with pytest.raises(ours.ScoringInputError, match=r"^predictions: expected at least 80%"):
        ours.numerai_corr(game.predictions, shifted)


def test_on_purpose_a_missing_value_concerns_its_own_column_only() -> None:
    game = make_round(3, 100, 28)
    predictions = game.predictions.copy()
    predictions.iloc[7, 1] = np.nan
    found = ours.numerai_corr(predictions, game.targets)
    for column in predictions.columns.astype(str):
        alone = reference.numerai_corr(predictions[[column]], game.targets)
        assert found[column] == pytest.approx(alone[column], abs=CLOSE)


def test_on_purpose_a_column_with_too_few_values_is_missing_and_fails_nobody() -> None:
    game = make_round(3, 100, 29)
    predictions = game.predictions.copy()
    predictions.iloc[:21, 1] = np.nan
    for found in (
        ours.numerai_corr(predictions, game.targets),
        ours.correlation_contribution(predictions, game.meta, game.targets),
    ):
        assert found.isna().tolist() == [False, True, False]
        assert found.attrs["reasons"] == {"model_1": str(ours.UnscoredReason.TOO_FEW_IDS)}


def test_on_purpose_a_constant_column_is_missing_in_mmc_too() -> None:
    game = make_round(3, 100, 30)
    predictions = game.predictions.assign(model_1=0.5)
    found = ours.correlation_contribution(predictions, game.meta, game.targets)
    assert found.isna().tolist() == [False, True, False]
    assert found.attrs["reasons"] == {"model_1": str(ours.UnscoredReason.CONSTANT)}


def test_on_purpose_a_heavy_tailed_target_is_scored() -> None:
    game = make_round(3, 100, 31)
    targets = game.targets.copy()
    targets.iloc[0] = 1e4
    targets.iloc[1:50] = -200.0
    targets.iloc[50:] = -1.0
    assert np.isfinite(ours.numerai_corr(game.predictions, targets)).all()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("predictions", {"predictions": np.ones((3, 2))}),
        ("targets", {"targets": pd.Series(["a"] * 40)}),
        ("targets", {"targets": pd.Series(dtype=float)}),
        ("targets", {"targets": pd.Series([np.inf] + [0.5] * 39)}),
        ("targets", {"targets": pd.Series(0.5, index=[0, 0, *range(38)])}),
        ("top_bottom", {"top_bottom": 21}),
        ("top_bottom", {"top_bottom": 2.5}),
    ],
)
def test_an_argument_that_does_not_fit_is_named_in_the_error(name: str, change: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    arguments: dict[str, Any] = {
        "predictions": pd.DataFrame(rng.random((40, 2))),
        "targets": pd.Series(rng.random(40)),
    }
    with pytest.raises(ours.ScoringInputError, match=f"^{name}: expected .*, found .*; "):
        ours.numerai_corr(**{**arguments, **change})
