import numerai_tools.scoring as reference
import numpy as np
import pandas as pd
import pytest

import scorer.scoring as ours

from .rounds import VALUES, Round, make_round

CLOSE = 1e-9


def factors_of(game: Round, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Neutralizers and sample weights such that the weights are neutral, as Numerai publishes them."""
    rng = np.random.default_rng(seed)
    count = len(game.ids)
    weights = rng.random(count) + 0.1
    basis, _ = np.linalg.qr(rng.normal(size=(count, 4)) * weights[:, np.newaxis])
    neutralizers = pd.DataFrame(basis / weights[:, np.newaxis] * 1.0, index=game.ids)
    return neutralizers, pd.Series(weights, index=game.ids)


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("normalise", [False, True])
def test_neutral_weights_agree(values: str, normalise: bool) -> None:
    game = make_round(4, 150, 1, values)
    arguments = (game.predictions, *factors_of(game), normalise)
    expected = reference.generate_neutralized_weights(*arguments)
    pd.testing.assert_frame_equal(
        ours.generate_neutralized_weights(*arguments), expected, rtol=0, atol=1e-10, check_freq=False
    )


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("target", ["bins", "returns"])
def test_alpha_and_mpc_agree(values: str, target: str) -> None:
    game = make_round(5, 150, 2, values, target)
    factors = factors_of(game)
    expected = reference.alpha(game.predictions, *factors, game.targets)
    pd.testing.assert_series_equal(
        ours.alpha(game.predictions, *factors, game.targets), expected, rtol=0, atol=CLOSE
    )
    stakes = pd.Series([3.0, 1.0, np.nan, 0.5], index=["model_3", "model_0", "model_1", "model_4"])
    expected = reference.meta_portfolio_contribution(game.predictions, stakes, *factors, game.targets)
    found = ours.meta_portfolio_contribution(game.predictions, stakes, *factors, game.targets)
    pd.testing.assert_series_equal(found, expected, rtol=0, atol=CLOSE)


def test_mpc_is_indifferent_to_the_unit_of_stakes_and_weighs_to_nothing() -> None:
    game = make_round(5, 150, 3)
    factors = factors_of(game)
    stakes = pd.Series([3.0, 1.0, 2.0, 0.5, 7.0], index=game.predictions.columns)
    found = ours.meta_portfolio_contribution(game.predictions, stakes, *factors, game.targets)
    again = ours.meta_portfolio_contribution(game.predictions, stakes * 1024, *factors, game.targets)
    pd.testing.assert_series_equal(again, found, rtol=0, atol=0)
    assert (found * stakes).sum() == pytest.approx(0, abs=1e-10)


def test_on_purpose_a_gap_in_one_submission_leaves_the_others_their_scores() -> None:
    game = make_round(4, 150, 4)
    factors = factors_of(game)
    spoiled = game.predictions.copy()
    spoiled.iloc[5, 2] = np.nan
    stakes = pd.Series([3.0, 1.0, 2.0, 0.5], index=spoiled.columns)
    without = stakes.drop("model_2")
    expected = ours.meta_portfolio_contribution(game.predictions, without, *factors, game.targets)
    found = ours.meta_portfolio_contribution(spoiled, stakes, *factors, game.targets)
    assert np.isnan(found["model_2"])
    pd.testing.assert_series_equal(found.drop("model_2"), expected, check_names=False, rtol=0, atol=1e-12)
    scores = ours.alpha(spoiled, *factors, game.targets)
    clean = ours.alpha(game.predictions, *factors, game.targets)
    others = scores.index.drop("model_2")
    pd.testing.assert_series_equal(scores[others], clean[others], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "stakes"),
    [
        ("stakes", pd.Series([1.0], index=["nobody"])),
        ("stakes", pd.Series([1.0, -1.0], index=["model_0", "model_1"])),
        ("stakes", pd.Series([0.0], index=["model_0"])),
    ],
)
def test_stakes_that_do_not_fit_are_refused(name: str, stakes: pd.Series) -> None:
    game = make_round(2, 50, 5)
    with pytest.raises(ours.ScoringInputError, match=f"^{name}: expected"):
        ours.meta_portfolio_contribution(game.predictions, stakes, *factors_of(game), game.targets)


def test_factors_must_cover_the_scored_ids() -> None:
    game = make_round(2, 50, 6)
    neutralizers, weights = factors_of(game)
    with pytest.raises(ours.ScoringInputError, match=r"^neutralizers: expected a value"):
        ours.alpha(game.predictions, neutralizers.iloc[1:], weights, game.targets)
