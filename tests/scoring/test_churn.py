import numerai_tools.signals as reference
import numpy as np
import pandas as pd
import pytest

import scorer.scoring as ours

CLOSE = 1e-9


def signal(seed: int, ids: int = 150, first: int = 0) -> pd.Series:
    rng = np.random.default_rng(seed)
    index = pd.Index([f"T{row:04d}" for row in range(first, first + ids)], name="numerai_ticker")
    return pd.Series(np.round(rng.random(ids), 2), index=index, name="signal")


def factors(of: pd.Series, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    neutralizers = pd.DataFrame(rng.normal(size=(len(of), 5)) / 10, index=of.index)
    return neutralizers, pd.Series(rng.random(len(of)), index=of.index)


@pytest.mark.parametrize("top_bottom", [None, 20])
@pytest.mark.parametrize("first", [0, 10])
def test_churn_and_turnover_agree(top_bottom: int | None, first: int) -> None:
    one, two = signal(1), signal(2, first=first)
    assert ours.churn(one, two, top_bottom) == pytest.approx(reference.churn(one, two, top_bottom), abs=CLOSE)
    assert ours.turnover(one, two) == pytest.approx(reference.turnover(one, two), abs=CLOSE)


def test_churn_of_the_same_is_nothing_and_of_the_opposite_two() -> None:
    one = signal(3)
    assert ours.churn(one, one) == 0
    assert ours.churn(one, -one) == 2


def test_neutral_churn_agrees() -> None:
    one, two = signal(4), signal(5)
    arguments = (one, two, factors(one, 1)[0], factors(two, 2)[0])
    assert ours.neutral_churn(*arguments) == pytest.approx(reference.neutral_churn(*arguments), abs=CLOSE)


@pytest.mark.parametrize("value", [0.0, 0.1, 0.15, 0.2, 0.3, 1.0, 2.0])
def test_the_penalty_agrees(value: float) -> None:
    assert ours.neutral_churn_penalty(value) == reference.neutral_churn_penalty(value)


@pytest.mark.parametrize(
    "change",
    [{"neutral_churn": 2.1}, {"neutral_churn": np.nan}, {"threshold": -1.0}, {"scaling_factor": 0.0}],
)
def test_a_penalty_out_of_range_is_refused(change: dict[str, float]) -> None:
    (name,) = change
    with pytest.raises(ours.ScoringInputError, match=f"^{name}: expected"):
        ours.neutral_churn_penalty(**{"neutral_churn": 0.2, **change})


def history(rounds: int) -> tuple[dict[str, pd.Series], dict[str, pd.DataFrame], dict[str, pd.Series]]:
    signals = {f"2024010{i}": signal(10 + i) for i in range(rounds)}
    both = {date: factors(of, i) for i, (date, of) in enumerate(signals.items())}
    return signals, {date: pair[0] for date, pair in both.items()}, {d: pair[1] for d, pair in both.items()}


@pytest.mark.parametrize("rounds", [0, 1, 3])
def test_the_gates_on_recent_submissions_agree(rounds: int) -> None:
    current = signal(6)
    arguments = (current, *factors(current, 7), *history(rounds))
    found = ours.calculate_max_churn_and_turnover(*arguments)
    np.testing.assert_allclose(found, reference.calculate_max_churn_and_turnover(*arguments), atol=CLOSE)
    mean = ours.calculate_mean_neutral_churn(*arguments)
    assert mean == pytest.approx(reference.calculate_mean_neutral_churn(*arguments), abs=CLOSE)


def test_a_partial_submission_is_filled_with_one_half_as_there() -> None:
    current = signal(8)
    submitted = current.iloc[:120]
    arguments = (submitted, *factors(current, 7), *history(2))
    found = ours.calculate_max_churn_and_turnover(*arguments)
    np.testing.assert_allclose(found, reference.calculate_max_churn_and_turnover(*arguments), atol=CLOSE)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.iloc[:99],
        lambda s: s * 0 + 0.5,
        lambda s: s + 1,
        lambda s: s.where(s > 0.1),
        lambda s: s.rename_axis("cusip"),
        lambda s: pd.concat([s, s.iloc[:1]]),
    ],
)
def test_an_invalid_submission_is_refused_as_there(spoil: object) -> None:
    current = signal(9)
    assert callable(spoil)
    arguments = (spoil(current), *factors(current, 7), *history(1))
    with pytest.raises((AssertionError, KeyError)):
        reference.calculate_max_churn_and_turnover(*arguments)
    with pytest.raises(ours.ScoringInputError, match=r"^submission: expected"):
        ours.calculate_max_churn_and_turnover(*arguments)


def test_constant_submissions_and_strangers_are_refused() -> None:
    one = signal(1)
    with pytest.raises(ours.ScoringInputError, match=r"^s2: expected values that vary"):
        ours.churn(one, one * 0)
    with pytest.raises(ours.ScoringInputError, match=r"^s1: expected at least 80%"):
        ours.churn(one, signal(2, first=100))
