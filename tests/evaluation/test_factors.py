"""Factors: each score of a round is that of the scoring room's function of the same name."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from scorer.evaluation.factors import factor_inputs, factor_scores, meta_model_correlations
from scorer.factors.inputs import MODELS_AT_ONCE, FactorInputs
from scorer.protocol.rules import Rules
from scorer.protocol.tables import CORRELATION
from scorer.scoring import (
    PortfolioProblem,
    alpha,
    corr_with_meta_model,
    correlation_contribution,
    feature_neutral_corr,
    meta_portfolio_contribution,
    numerai_corr,
    stake_weighted_meta_model,
    true_contribution,
)
from tests.round_tables import ADJUSTERS, ALL_SCORES, rules_with, tables
from tests.small_round import CONSTANT, IDS, TARGET, predictions_of, target

MODELS = (1, 2, 3, CONSTANT, 13, 14)
STAKES = np.array([40, 25, 0, 30, 1, 7], dtype=np.uint64) * np.uint64(10**9)


def inputs(rules: Rules, models: tuple[int, ...] = MODELS) -> FactorInputs:
    matrix = np.stack([predictions_of(model) for model in models])
    stakes = np.resize(STAKES, len(models))
    meta_model = stake_weighted_meta_model(matrix, stakes)
    return factor_inputs(rules, matrix, stakes, meta_model, {TARGET: target()}, tables())


EVERYTHING = rules_with(*ALL_SCORES, adjusters=ADJUSTERS)


@pytest.fixture(scope="module")
def everything() -> FactorInputs:
    return inputs(EVERYTHING)


@pytest.fixture(scope="module")
def scores(everything: FactorInputs) -> dict[str, NDArray[np.float64]]:
    return factor_scores(EVERYTHING, everything)


def frame(name: str) -> pd.DataFrame:
    return pd.DataFrame(dict(tables()[name]), index=list(IDS))


def predictions(of: FactorInputs) -> pd.DataFrame:
    return pd.DataFrame(of.matrix[:].T, index=list(IDS), columns=[str(model) for model in MODELS])


def expected_scores(of: FactorInputs) -> dict[str, "pd.Series[float]"]:
    table, outcome = predictions(of), pd.Series(target(), index=list(IDS))
    meta_model = pd.Series(of.meta_model, index=list(IDS))
    stakes = pd.Series(of.stakes.astype(np.float64), index=table.columns)
    weights, neutralizers = frame("sample_weights")["sample_weights"], frame("neutralizers")
    benchmark = frame("benchmark_meta_model")["benchmark_meta_model"]
    return {
        "corr": numerai_corr(table, outcome),
        "mmc": correlation_contribution(table, meta_model, outcome),
        "bmc": correlation_contribution(table, benchmark, outcome),
        "fnc": feature_neutral_corr(table, frame("features"), outcome),
        "alpha": alpha(table, neutralizers, weights, outcome),
        "mpc": meta_portfolio_contribution(table, stakes, neutralizers, weights, outcome),
    }


@pytest.mark.parametrize("score", ["corr", "mmc", "bmc", "alpha", "mpc", "fnc"])
def test_a_factor_is_the_function_of_its_name(
    score: str, everything: FactorInputs, scores: dict[str, NDArray[np.float64]]
) -> None:
    tolerance = 0.51e-6 if score == "fnc" else 1e-12
    found, expected = scores[f"{score}_{TARGET}"], expected_scores(everything)[score].to_numpy()
    assert np.isfinite(found).sum() == len(MODELS) - 1
    assert found == pytest.approx(expected, abs=tolerance, nan_ok=True)


def test_true_contribution_is_that_of_the_portfolio_that_rules_and_risk_model_describe(
    everything: FactorInputs, scores: dict[str, NDArray[np.float64]]
) -> None:
    risk = tables()["risk_model"]
    problem = PortfolioProblem(
        risk["specific_variance"],
        risk["factor_style"][:, np.newaxis],
        risk["neutral_money"][:, np.newaxis],
        max_position=0.02,
        max_leverage=1.0,
        risk_aversion=10.0,
    )
    expected = true_contribution(everything.matrix, everything.stakes, target(), problem)
    found = scores[f"tc_{TARGET}"]
    assert found == pytest.approx(expected.scores, abs=0.51e-6, nan_ok=True)
    assert np.abs(found[np.isfinite(found)]).max() > 1e-4


@pytest.mark.parametrize("score", ["fnc", "tc"])
def test_scores_that_rest_on_a_linear_solve_have_no_digit_below_a_ppm(
    score: str, scores: dict[str, NDArray[np.float64]]
) -> None:
    found = scores[f"{score}_{TARGET}"]
    known = found[np.isfinite(found)]
    assert known.tolist() == [round(each * 1e6) / 1e6 for each in known.tolist()]


def test_the_correlation_with_the_meta_model_is_that_of_the_scoring_room(everything: FactorInputs) -> None:
    meta_model = pd.Series(everything.meta_model, index=list(IDS))
    expected = corr_with_meta_model(predictions(everything), meta_model)
    found = meta_model_correlations(EVERYTHING, everything)[CORRELATION]
    assert found == pytest.approx(expected.to_numpy(), abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("score", ALL_SCORES)
def test_a_model_scores_the_same_whoever_else_submits(
    score: str, scores: dict[str, NDArray[np.float64]]
) -> None:
    """MPC and TC are gradients of everybody's stakes: a model without stake changes nothing."""
    rules = rules_with(score)
    whole = inputs(rules)
    without = factor_inputs(
        rules,
        np.delete(whole.matrix[:], 2, axis=0),
        np.delete(whole.stakes, 2),
        whole.meta_model,
        whole.targets,
        whole.tables,
    )
    found = factor_scores(rules, without)[f"{score}_{TARGET}"]
    assert np.array_equal(found, np.delete(scores[f"{score}_{TARGET}"], 2), equal_nan=True)


def test_more_models_than_fit_a_block_score_as_they_do_alone() -> None:
    rules = rules_with("alpha")
    many = inputs(rules, tuple(range(100, 100 + MODELS_AT_ONCE + 2)))
    last = inputs(rules, (100 + MODELS_AT_ONCE + 1,))
    name = f"alpha_{TARGET}"
    assert factor_scores(rules, many)[name][-1] == factor_scores(rules, last)[name][0]


@pytest.mark.parametrize("score", ["mmc", "mpc", "tc"])
def test_without_any_stake_what_rests_on_stakes_is_missing(score: str) -> None:
    rules = rules_with(score)
    whole = inputs(rules)
    unstaked = factor_inputs(
        rules, whole.matrix, np.zeros(len(MODELS), dtype=np.uint64), None, whole.targets, whole.tables
    )
    assert np.isnan(factor_scores(rules, unstaked)[f"{score}_{TARGET}"]).all()
    assert np.isnan(meta_model_correlations(EVERYTHING, unstaked)[CORRELATION]).all()


def test_a_round_without_submissions_has_no_scores() -> None:
    rules = rules_with(*ALL_SCORES, adjusters=ADJUSTERS)
    empty = factor_inputs(
        rules, np.empty((0, len(IDS))), np.empty(0, dtype=np.uint64), None, {TARGET: target()}, tables()
    )
    assert {name: len(values) for name, values in factor_scores(rules, empty).items()} == {
        f"{score}_{TARGET}": 0 for score in ALL_SCORES
    }
    assert len(meta_model_correlations(rules, empty)[CORRELATION]) == 0
