from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scorer.data.rounds import Rebuilder
from scorer.lab.demo.dataset import Era, known_eras
from scorer.lab.demo.ridge import LEAST_HISTORY, Design, Ridge, columns_of
from scorer.lab.demo.stakes import STAKES, FixedAmount, ShareOfIdle
from scorer.lab.demo.strategies import FeatureSets, Strategy, demo_strategies

ROUNDS = 26
NAMES = sorted(STAKES)
Files = Callable[[tuple[Era, ...], Era], dict[str, bytes | None]]


@pytest.fixture(scope="module")
def rounds(eras: tuple[Era, ...]) -> tuple[Era, ...]:
    return eras[-ROUNDS:]


@pytest.fixture(scope="module")
def strategies(rebuilder: Rebuilder, sets: FeatureSets) -> dict[str, Strategy]:
    return {strategy.name: strategy for strategy in demo_strategies(rebuilder.known[-ROUNDS:], sets)}


@pytest.fixture(scope="module")
def predictions(
    strategies: dict[str, Strategy], eras: tuple[Era, ...], rounds: tuple[Era, ...]
) -> dict[str, dict[int, pd.Series | None]]:
    return {
        name: {era.number: predict(strategy, eras, era) for era in rounds}
        for name, strategy in strategies.items()
    }


@pytest.fixture(scope="module")
def everything(sets: FeatureSets) -> Design:
    return columns_of(sets["all"])


@pytest.fixture(scope="module")
def early(eras: tuple[Era, ...]) -> tuple[Era, ...]:
    """Few eras, for what needs models that have not remembered anything yet."""
    return eras[:40]


def predict(strategy: Strategy, eras: tuple[Era, ...], era: Era) -> pd.Series | None:
    return strategy.predictor.predict(known_eras(eras, era.day), era)


@pytest.fixture(scope="module")
def files_sent(rebuilder: Rebuilder, sets: FeatureSets) -> Files:
    """The files of a fresh set of models."""

    def files(eras: tuple[Era, ...], era: Era) -> dict[str, bytes | None]:
        fresh = demo_strategies(rebuilder.known[era.number - 1 : era.number], sets)
        return {each.name: each.submission(known_eras(eras, era.day), era) for each in fresh}

    return files


def mean_correlation(predicted: dict[int, pd.Series | None], rounds: tuple[Era, ...]) -> float:
    pairs = [(predicted[era.number], era.target) for era in rounds]
    return float(
        np.mean([np.corrcoef(column, target)[0, 1] for column, target in pairs if column is not None])
    )


def test_at_least_28_models_compete_each_with_a_name_and_a_stake(strategies: dict[str, Strategy]) -> None:
    assert len(strategies) == len(STAKES) >= 28
    assert len({strategy.description for strategy in strategies.values()}) == len(strategies)
    assert all(strategy.stake.deposit_nmr > 0 for strategy in strategies.values())


def test_both_kinds_of_allocation_and_both_file_formats_occur(strategies: dict[str, Strategy]) -> None:
    kinds = {type(strategy.stake.allocation) for strategy in strategies.values()}
    assert kinds == {FixedAmount, ShareOfIdle}
    assert {strategy.file_format for strategy in strategies.values()} == {"csv", "parquet"}


def test_no_fixed_allocation_exceeds_its_deposit_and_no_share_exceeds_the_whole() -> None:
    for stake in STAKES.values():
        if isinstance(stake.allocation, FixedAmount):
            assert 0 < stake.allocation.nmr <= stake.deposit_nmr
        else:
            assert 0 < stake.allocation.ppm <= 1_000_000


@pytest.mark.parametrize("name", NAMES)
def test_predictions_cover_every_id_and_lie_between_zero_and_one(
    name: str, predictions: dict[str, dict[int, pd.Series | None]], rounds: tuple[Era, ...]
) -> None:
    for era in rounds:
        predicted = predictions[name][era.number]
        if predicted is not None:
            assert predicted.index.equals(era.ids)
            assert ((predicted > 0) & (predicted < 1)).all()


def test_targets_that_are_known_change_what_a_regression_predicts(
    strategies: dict[str, Strategy], eras: tuple[Era, ...], rounds: tuple[Era, ...]
) -> None:
    altered = tuple(replace(era, target=1 - era.target) for era in eras)
    upright, upside_down = (predict(strategies["ridge_all"], each, rounds[0]) for each in (eras, altered))
    assert upright is not None
    assert upside_down is not None
    np.testing.assert_allclose(upright, 1 - upside_down, atol=1e-9)


def test_only_the_quitter_ever_sits_out_and_it_stops_half_way(
    predictions: dict[str, dict[int, pd.Series | None]], rounds: tuple[Era, ...]
) -> None:
    absent = {
        name for name, column in predictions.items() if any(series is None for series in column.values())
    }
    assert absent == {"quitter"}
    submits = [predictions["quitter"][era.number] is not None for era in rounds]
    assert submits == [True] * (ROUNDS // 2) + [False] * (ROUNDS // 2)


def test_no_two_models_say_the_same(
    predictions: dict[str, dict[int, pd.Series | None]], rounds: tuple[Era, ...]
) -> None:
    table = pd.DataFrame(
        {name: column[rounds[0].number] for name, column in predictions.items() if name != "quitter"}
    )
    correlations = table.drop(columns="always_half").corr().to_numpy()
    np.fill_diagonal(correlations, 0)
    assert correlations.max() < 0.9999


def test_the_constant_model_says_one_half_everywhere(
    predictions: dict[str, dict[int, pd.Series | None]], rounds: tuple[Era, ...]
) -> None:
    constant = predictions["always_half"][rounds[0].number]
    assert constant is not None
    assert (constant == 0.5).all()


def test_the_copycat_nearly_repeats_the_leader(
    predictions: dict[str, dict[int, pd.Series | None]], rounds: tuple[Era, ...]
) -> None:
    for era in rounds:
        copied, original = predictions["copycat"][era.number], predictions["leader"][era.number]
        assert copied is not None
        assert original is not None
        assert 0.99 < np.corrcoef(copied, original)[0, 1] < 1
        assert not copied.equals(original)


def test_the_late_copycat_says_of_features_what_the_leader_said_of_them_in_the_last_resolved_round(
    predictions: dict[str, dict[int, pd.Series | None]], rounds: tuple[Era, ...]
) -> None:
    correlations = []
    for era in rounds[6:]:
        late, original = predictions["copycat_late"][era.number], predictions["leader"][era.number]
        assert late is not None
        assert original is not None
        assert late.index.equals(era.ids)
        correlations.append(np.corrcoef(late, original)[0, 1])
    assert 0.9 < np.mean(correlations) < 0.9999


def test_models_with_an_idea_earn_and_their_contrarians_lose(
    predictions: dict[str, dict[int, pd.Series | None]], rounds: tuple[Era, ...]
) -> None:
    score = {
        name: mean_correlation(column, rounds)
        for name, column in predictions.items()
        if name != "always_half"
    }
    assert min(score["leader"], score["ridge_all"], score["momentum_12_1"]) > 0.02
    assert max(score["anti_momentum"], score["reversal_month"]) < -0.02
    assert max(abs(score[name]) for name in ("noise_one", "noise_two", "noise_three")) < 0.03


def test_a_fresh_set_of_models_sends_the_same_files(early: tuple[Era, ...], files_sent: Files) -> None:
    assert files_sent(early, early[-1]) == files_sent(early, early[-1])


def test_a_ridge_solves_the_penalised_least_squares_of_all_rows(
    eras: tuple[Era, ...], everything: Design
) -> None:
    history = eras[:30]
    weights = np.exp2(-np.arange(29, -1, -1) / 10)
    rows = np.vstack(
        [np.sqrt(weight) * everything(era) for weight, era in zip(weights, history, strict=True)]
    )
    targets = np.concatenate(
        [
            np.sqrt(weight) * (era.target.to_numpy() - 0.5)
            for weight, era in zip(weights, history, strict=True)
        ]
    )
    penalty = 0.3 * (rows**2).sum() / rows.shape[1]
    augmented = np.vstack([rows, np.sqrt(penalty) * np.eye(rows.shape[1])])
    expected = np.linalg.lstsq(augmented, np.append(targets, np.zeros(rows.shape[1])), rcond=None)[0]
    found = Ridge(everything, penalty=0.3, half_life=10).coefficients(history)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_rolling_ridge_forgets_what_is_older_than_its_window(
    eras: tuple[Era, ...], everything: Design
) -> None:
    rolling = Ridge(everything, window=13)
    np.testing.assert_array_equal(rolling.coefficients(eras[:60]), rolling.coefficients(eras[40:60]))


def test_a_ridge_without_enough_history_says_one_half(eras: tuple[Era, ...], everything: Design) -> None:
    assert (Ridge(everything).predict(eras[: LEAST_HISTORY - 1], eras[20]) == 0.5).all()


def test_a_tournament_without_rounds_is_refused(sets: FeatureSets) -> None:
    with pytest.raises(ValueError, match="choose the rounds"):
        demo_strategies((), sets)


def test_the_copy_of_the_meta_model_is_close_to_everybody_elses_mean_by_deposits(
    predictions: dict[str, dict[int, pd.Series | None]], rounds: tuple[Era, ...]
) -> None:
    for era in rounds:
        mean = np.zeros(len(era.ids))
        for name, stake in STAKES.items():
            predicted = predictions[name][era.number]
            if predicted is not None and name not in ("meta_copycat", "broken_file"):
                mean += stake.deposit_nmr * predicted.to_numpy()
        copied = predictions["meta_copycat"][era.number]
        assert copied is not None
        assert 0.95 < np.corrcoef(copied, mean)[0, 1] < 1
