"""Neutral scores agree with numerai_tools, also where its own least squares drops dependent features."""

import numerai_tools.scoring as reference
import numpy as np
import pandas as pd
import pytest
from scipy.linalg import lapack

import scorer.scoring as ours
from scorer.scoring.exact import Floats
from scorer.scoring.projection import COLUMNS_AT_ONCE, make_basis, residuals, solved

from .rounds import TARGETS, VALUES, Round, make_round

CLOSE = 1e-9


def features_of(kind: str, ids: int, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    bins = rng.integers(0, 5, (ids, 12)) / 4.0
    sectors = np.eye(6)[rng.integers(0, 6, ids)]
    made = {
        "bins": bins,
        "normal": rng.normal(size=(ids, 12)) * 10.0 ** rng.integers(-3, 3, 12) + rng.normal(size=12),
        "sectors": sectors,
        "dependent": np.column_stack([bins, 2 * bins[:, :3] - 1, bins[:, 4] + bins[:, 5], np.ones(ids)]),
        "one": bins[:, :1],
        "nearly_dependent": np.column_stack([bins, bins[:, 0] + 1e-3 * rng.normal(size=ids)]),
    }
    return made[kind]


FEATURES = ("bins", "normal", "sectors", "dependent", "one", "nearly_dependent")


def frame(game: Round, features: Floats) -> pd.DataFrame:
    return pd.DataFrame(features, index=game.ids, columns=[f"feature_{i}" for i in range(features.shape[1])])


@pytest.mark.parametrize("kind", FEATURES)
@pytest.mark.parametrize("proportion", [1.0, 0.4])
def test_neutralize_agrees(kind: str, proportion: float) -> None:
    game = make_round(4, 150, 3, "signed")
    features = frame(game, features_of(kind, 150))
    expected = reference.neutralize(game.predictions, features, proportion)
    found = ours.neutralize(game.predictions, features, proportion)
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("kind", ["bins", "normal", "dependent"])
@pytest.mark.parametrize("values", ["uniform", "signed", "float32", "heavy"])
@pytest.mark.parametrize("top_bottom", [None, 20])
def test_fnc_agrees(kind: str, values: str, top_bottom: int | None) -> None:
    game = make_round(5, 300, 4, values)
    features = frame(game, features_of(kind, 300))
    arguments = (game.predictions, features, game.targets, top_bottom)
    found = ours.feature_neutral_corr(*arguments)
    pd.testing.assert_series_equal(found, reference.feature_neutral_corr(*arguments), rtol=0, atol=CLOSE)


@pytest.mark.parametrize("kind", FEATURES)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("top_bottom", [None, 20])
def test_neutral_correlation_and_contribution_agree(kind: str, target: str, top_bottom: int | None) -> None:
    game = make_round(5, 200, 5, "signed", target)
    features = frame(game, features_of(kind, 200))
    expected = reference.neutral_correlation(game.predictions, features, game.targets, top_bottom=top_bottom)
    found = ours.neutral_correlation(game.predictions, features, game.targets, top_bottom=top_bottom)
    pd.testing.assert_series_equal(found, expected, rtol=0, atol=CLOSE)
    arguments = (game.predictions, game.meta, features, game.targets, top_bottom)
    found = ours.neutral_contribution(*arguments)
    pd.testing.assert_series_equal(found, reference.neutral_contribution(*arguments), rtol=0, atol=CLOSE)


def test_ids_with_equal_ranks_and_equal_features_stay_tied() -> None:
    rng = np.random.default_rng(1)
    sectors = np.eye(4)[rng.integers(0, 4, 400)]
    ranks = np.round(rng.normal(size=(3, 400)))
    left = residuals(ranks, make_basis(sectors), exactly=True)
    for row, before in zip(left, ranks, strict=True):
        cells = {(value, tuple(sector)) for value, sector in zip(before, sectors, strict=True)}
        assert len(np.unique(row)) <= len(cells)


@pytest.mark.parametrize("values", VALUES)
def test_nothing_of_the_features_is_left(values: str) -> None:
    game = make_round(3, 250, 6, values)
    features = features_of("normal", 250)
    left = residuals(game.submissions / np.abs(game.submissions).max(), make_basis(features))
    np.testing.assert_allclose(left @ (features / np.abs(features).max(axis=0)), 0, atol=1e-9)
    np.testing.assert_allclose(left.sum(axis=1), 0, atol=1e-9)


@pytest.mark.parametrize(
    "width", [1, COLUMNS_AT_ONCE - 2, COLUMNS_AT_ONCE - 1, COLUMNS_AT_ONCE, 2 * COLUMNS_AT_ONCE + 7]
)
def test_coefficients_are_those_of_lapack_however_many_blocks_they_take(width: int) -> None:
    rng = np.random.default_rng(width)
    basis = make_basis(rng.integers(0, 5, (4 * COLUMNS_AT_ONCE, width)) / 4.0)
    sides = rng.normal(size=(3, width)) @ np.eye(width, len(basis.factor))
    expected, failed = lapack.dpotrs(basis.factor, sides.T, lower=1)
    found = solved(basis, sides.copy())
    assert not failed
    np.testing.assert_allclose(found, expected.T, rtol=0, atol=1e-13 * np.abs(expected).max())


def test_the_array_function_scores_what_the_pandas_function_does() -> None:
    game = make_round(6, 200, 7)
    features = features_of("bins", 200)
    expected = ours.feature_neutral_corr(game.predictions, frame(game, features), game.targets)
    found = ours.feature_neutral_scores(game.submissions, features, game.target)
    np.testing.assert_array_equal(found.corr, expected.to_numpy())


def test_on_purpose_a_constant_a_gap_or_a_feature_itself_is_missing_and_fails_nobody() -> None:
    game = make_round(5, 200, 8)
    features = frame(game, features_of("bins", 200))
    ranked_like = pd.Series(features_of("sectors", 200) @ [0, 1, 2, 3, 4, 5], index=game.ids)
    sectors = frame(game, features_of("sectors", 200))
    expected = reference.feature_neutral_corr(game.predictions, features, game.targets)
    spoiled = game.predictions.assign(model_1=0.5)
    spoiled.iloc[3, 2] = np.nan
    found = ours.feature_neutral_corr(spoiled, features, game.targets)
    assert found.isna().tolist() == [False, True, True, False, False]
    pd.testing.assert_series_equal(found.dropna(), expected[found.notna()], rtol=0, atol=CLOSE)
    assert found.attrs["reasons"]["model_1"] == str(ours.UnscoredReason.CONSTANT)
    assert found.attrs["reasons"]["model_2"] == str(ours.UnscoredReason.MISSING_VALUE)
    found = ours.feature_neutral_corr(game.predictions.assign(model_4=ranked_like), sectors, game.targets)
    assert found.isna().tolist() == [False] * 4 + [True]
    assert found.attrs["reasons"]["model_4"] == str(ours.UnscoredReason.EXPLAINED)


def test_features_that_do_not_fit_are_refused() -> None:
    game = make_round(2, 50, 9)
    features = frame(game, features_of("bins", 50))
    with pytest.raises(ours.ScoringInputError, match=r"ids of the predictions"):
        ours.feature_neutral_corr(game.predictions, features.iloc[::-1], game.targets)
    with pytest.raises(ours.ScoringInputError, match=r"^features: expected finite"):
        ours.feature_neutral_corr(game.predictions, features.replace(0.25, np.nan), game.targets)
    with pytest.raises(ours.ScoringInputError, match=r"^features: expected numbers, shape"):
        ours.feature_neutral_scores(game.submissions, np.ones((49, 3)), game.target)


@pytest.mark.parametrize("top_bottom", [None, 15])
def test_max_feature_correlation_agrees(top_bottom: int | None) -> None:
    game = make_round(3, 120, 10, "signed")
    features = frame(game, features_of("normal", 120))
    for model in game.predictions.columns.astype(str):
        column = game.predictions[model]
        name, size = ours.max_feature_correlation(column, features, top_bottom)
        expected = reference.max_feature_correlation(column, features, top_bottom)
        assert name == expected[0]
        assert size == pytest.approx(expected[1], abs=CLOSE)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of pandas, for the flat feature
def test_exposures_are_the_correlations_with_every_feature() -> None:
    game = make_round(3, 120, 11)
    features = frame(game, features_of("normal", 120)).assign(flat=1.5)
    found = ours.feature_exposures(game.predictions, features)
    for model in game.predictions.columns.astype(str):
        expected = features.corrwith(game.predictions[model])
        pd.testing.assert_series_equal(found.loc[model], expected, check_names=False, rtol=0, atol=1e-11)


def test_dissimilarity_is_nothing_to_itself_and_two_to_its_opposite() -> None:
    game = make_round(2, 120, 12)
    features = frame(game, features_of("bins", 120))
    example = game.predictions["model_0"]
    both = pd.DataFrame({"same": example, "opposite": -example})
    found = ours.exposure_dissimilarity(both, example, features)
    np.testing.assert_allclose(found, [0, 2], atol=1e-11)
