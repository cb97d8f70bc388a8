"""Inputs at the edge: each gives what numerai_tools gives, or an error that says what to do."""

import math
import warnings
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numerai_tools.scoring as reference
import numerai_tools.signals as reference_signals
import numpy as np
import pandas as pd
import pytest

import scorer.scoring as ours
from scorer.scoring.tables import same_labels

from .test_drop_in import CALLS, SIGNALS, Data, compare, make_data, outcome

CLOSE = 1e-9
CENTRED = ("numerai_corr", "alpha", "feature_neutral_corr")
"""These centre the target before ids are dropped."""


@pytest.mark.parametrize("stakes", [[1, np.nan, 1], [np.nan, np.nan, 2], [0, 0, 0], [np.nan] * 3, [1, -1, 3]])
def test_a_stake_that_is_missing_is_left_out_as_there(stakes: list[float]) -> None:
    data = make_data() | {"s": pd.Series(stakes, index=["m0", "m1", "m2"], dtype=float)}
    compare(ours.stake_weight(data["p"], data["s"]), reference.stake_weight(data["p"], data["s"]))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_prediction_weighs_as_there(value: float) -> None:
    data = make_data()
    data["p"].iloc[3, 1] = value
    found, expected = (m.stake_weight(data["p"], data["s"]) for m in (ours, reference))
    assert np.isinf(expected.iloc[3])
    np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE)


def test_a_stake_without_one_column_of_predictions_is_refused() -> None:
    data = make_data()
    twice = pd.DataFrame(data["p"]).set_axis(["m0", "m0", "m2"], axis=1)
    for predictions, stakes in (
        (twice, data["s"].iloc[[0, 2]]),
        (data["p"], pd.Series([1.0, 2.0], index=["m0", "m0"])),
        (data["p"], data["s"].rename({"m0": "nobody"})),
    ):
        with pytest.raises(ours.ScoringInputError):
            ours.stake_weight(predictions, stakes)
        arguments = (predictions, stakes, data["f"], data["w"], data["t"])
        with pytest.raises(ours.ScoringInputError):
            ours.meta_portfolio_contribution(*arguments)


@pytest.mark.parametrize("name", ["correlation", "pearson_correlation", "tie_broken_rank_correlation"])
@pytest.mark.parametrize("values", [[np.inf], [np.inf, -np.inf], [-np.inf]])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_infinite_target_correlates_with_nothing(name: str, values: list[float]) -> None:
    data = make_data()
    data["t"].iloc[: len(values)] = values
    assert math.isnan(getattr(reference, name)(data["t"], data["m"]))
    assert math.isnan(getattr(ours, name)(data["t"], data["m"]))
    assert math.isfinite(ours.spearman_correlation(data["t"], data["m"]))


def test_an_infinite_meta_model_counts_by_its_rank_as_there() -> None:
    data = make_data()
    data["m"].iloc[[0, 5]] = [np.inf, -np.inf]
    for name in ("correlation_contribution", "neutral_contribution"):
        found, expected = (outcome(CALLS[name], module, name, data) for module in (ours, reference))
        compare(found, expected)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e308])
@pytest.mark.parametrize("name", [*CENTRED, "correlation_contribution", "neutral_correlation"])
@pytest.mark.parametrize("also_scored", [True, False])
def test_a_target_out_of_bounds_is_refused_by_name(name: str, value: float, also_scored: bool) -> None:
    data = make_data()
    data["t"].iloc[0] = value
    if not also_scored:
        if name not in CENTRED:
            pytest.skip("only the scored targets count")
        data["p"], data["f"], data["m"] = (data[key].iloc[1:] for key in "pfm")
    with pytest.raises(ours.ScoringInputError, match=r"targets: expected finite numbers up to"):
        outcome(CALLS[name], ours, name, data)


def test_turnover_beyond_float64_is_infinite_as_there() -> None:
    one = make_data()["t"] * 0 + 1e308
    assert reference_signals.turnover(one, -one) == ours.turnover(one, -one) == math.inf
    some = one.where(np.arange(len(one)) > 0, np.inf)
    assert ours.turnover(some, some) == reference_signals.turnover(some, some) == 0


def test_an_infinite_column_of_neutralize_is_missing_and_fails_no_other() -> None:
    data = make_data()
    expected = reference.neutralize(data["p"], data["f"])
    data["p"].iloc[0, 1] = np.inf
    found = ours.neutralize(data["p"], data["f"])
    assert found["m1"].isna().all()
    compare(found[["m0", "m2"]], expected[["m0", "m2"]])


@pytest.mark.parametrize("p", [1.5, 0.5])
def test_the_power_of_infinity_is_infinite_as_there(p: float) -> None:
    predictions = make_data()["p"]
    predictions.iloc[[0, 1], 0] = [np.inf, -np.inf]
    compare(ours.power(predictions, p), reference.power(predictions, p))


@pytest.mark.parametrize(
    "values",
    [
        np.array([0.1, 0.2, 1, 0.2], dtype=np.float16),
        np.array([0.1, 0.2, 1, 0.2], dtype=np.float32),
        [0.5, np.nan, 1, np.nan],
        [0.1, None, 2, 1],
        ["a", None, "b", np.nan],
        [True, False, True, True],
        [Decimal("0.5"), Decimal(1), Decimal(1), Decimal(2)],
        pd.Series([0, None, 1, 1], dtype="Int8"),
        pd.Series([True, None, False, True], dtype="boolean"),
        pd.Series([0.5, None, 1, 1], dtype="double[pyarrow]"),
        pd.Series([10, 2, 3, 2], dtype="int64[pyarrow]"),
        pd.Categorical(["a", "c", "b", "b"], categories=["c", "b", "a", "z"]),
        pd.Categorical(["a", None, "b", "b"]),
        pd.Series(["a", "c", "b", "b"], dtype="string"),
        pd.Series(["a", "c", "b", "b"], dtype="string[pyarrow]"),
        pd.to_datetime(["2024-01-02", "2024-01-01", "2024-01-01", "2024-01-02"]),
    ],
    ids=str,
)
def test_one_hot_columns_are_named_as_there(values: Any) -> None:
    column = pd.Series(values, dtype=object) if isinstance(values, list) and None in values else values
    table = pd.DataFrame({"a": [1, 2, 3, 4], "f": column, 7: [1, 2, 2, 1]})
    choices: list[list[Any]] = [["f"], [7], ["f", 7], []]
    for columns in choices:
        expected = reference.one_hot_encode(table, columns)
        pd.testing.assert_frame_equal(ours.one_hot_encode(table, columns), expected)
    expected = reference.one_hot_encode(table, ["f"], np.int8)
    pd.testing.assert_frame_equal(ours.one_hot_encode(table, ["f"], np.int8), expected)


@pytest.mark.parametrize("values", [[1, "a"], [0.5, np.inf]])
def test_what_cannot_be_encoded_is_refused(values: list[Any]) -> None:
    table = pd.DataFrame({"f": values})
    with pytest.raises((TypeError, ValueError)):
        reference.one_hot_encode(table, ["f"])
    with pytest.raises(ours.ScoringInputError, match=r"^df: expected"):
        ours.one_hot_encode(table, ["f"])


def repeated(data: Data) -> Data:
    return {key: value if key == "s" else value.iloc[[0, *range(len(value))]] for key, value in data.items()}


def renamed(data: Data, rename: Callable[[list[Any]], list[Any]]) -> Data:
    return {
        key: value if key == "s" else value.set_axis(rename(value.index.tolist()), axis=0)
        for key, value in data.items()
    }


SHAPES: dict[str, Callable[[Data], Data]] = {
    "empty": lambda data: {key: value if key == "s" else value.iloc[:0] for key, value in data.items()},
    "one row": lambda data: {key: value if key == "s" else value.iloc[:1] for key, value in data.items()},
    "two rows": lambda data: {key: value if key == "s" else value.iloc[:2] for key, value in data.items()},
    "no columns": lambda data: data | {"p": data["p"].iloc[:, :0], "s": data["s"].iloc[:0]},
    "no features": lambda data: data | {"f": data["f"].iloc[:, :0]},
    "all NaN": lambda data: data | {"p": data["p"] * np.nan},
    "a NaN column": lambda data: data | {"p": data["p"].assign(m1=np.nan)},
    "NaN target": lambda data: data | {"t": data["t"] * np.nan},
    "NaN meta model": lambda data: data | {"m": data["m"] * np.nan},
    "constant": lambda data: data | {"p": data["p"] * 0 + 0.5},
    "constant target": lambda data: data | {"t": data["t"] * 0 + 0.5},
    "constant meta model": lambda data: data | {"m": data["m"] * 0 + 0.5},
    "constant features": lambda data: data | {"f": data["f"] * 0 + 0.5},
    "no weight": lambda data: data | {"w": data["w"] * 0},
    "columns twice": lambda data: data | {"p": data["p"].set_axis(["m0", "m0", "m2"], axis=1)},
    "features twice": lambda data: data | {"f": data["f"].set_axis(["f0", "f0", "f2", "f3"], axis=1)},
    "ids twice": repeated,
    "ids twice in predictions": lambda data: data | {"p": repeated(data)["p"]},
    "ids twice in the rest": lambda data: repeated(data) | {"p": data["p"]},
    "numbered columns": lambda data: data | {"p": data["p"].set_axis([0, 1, 2], axis=1)},
    "unnamed": lambda data: data | {"t": data["t"].rename(None), "m": data["m"].rename(None)},
    "mixed ids": lambda data: renamed(data, lambda ids: [1, *ids[1:]]),
    "a missing id": lambda data: renamed(data, lambda ids: [*ids[1:], None]),
    "strangers": lambda data: data | {"t": data["t"].set_axis([f"z{k}" for k in range(len(data["t"]))])},
    "unsorted": lambda data: data | {"p": data["p"].iloc[::-1]},
    "text": lambda data: data | {"p": data["p"].astype(str)},
    "dates": lambda data: data | {"t": pd.Series(pd.Timestamp(0), data["t"].index)},
    "complex": lambda data: data | {"m": data["m"] * 1j},
    "too large": lambda data: data | {"t": pd.Series([10**400] * len(data["t"]), dtype=object)},
    "arrays": lambda data: {key: value.to_numpy() for key, value in data.items()},
    "swapped": lambda data: data | {"p": data["t"], "t": data["p"], "m": data["f"], "f": data["m"]},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_nothing_raises_but_what_is_documented_or_what_the_reference_raises(shape: str) -> None:
    for name, call in {**CALLS, **SIGNALS}.items():
        module = reference if name in CALLS else reference_signals
        data = SHAPES[shape](make_data())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                call(getattr(module, name), SHAPES[shape](make_data()))
                allowed: tuple[type[Exception], ...] = (ours.ScoringInputError,)
            except Exception as error:  # noqa: BLE001 - whatever it is, ours may raise the same
                allowed = (ours.ScoringInputError, type(error))
            try:
                call(getattr(ours, name), data)
            except allowed:
                continue
            except Exception as error:
                raise AssertionError(f"{name}: {type(error).__name__}, allowed are {allowed}") from error


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (["a", "b"], ["a", "c"], False),
        (["a", "b"], ["a"], False),
        (["a", None], ["a", None], False),
        ([2**53, 2**53 + 1], [2**53, 2**53 + 2], False),
        ([1, 2], ["1", "2"], False),
        ([1, 2], [1.0, 2.0], True),
        (["a", "b"], pd.CategoricalIndex(["a", "b"], categories=["b", "a"]), True),
        (pd.Index([2**53 + 1], dtype="uint64"), pd.Index([2**53 + 1], dtype=object), True),
        (pd.Index([2**53 + 1], dtype="uint64"), pd.Index([2**53 + 2], dtype="int64"), False),
        (pd.Index(["a", pd.NA], dtype="string"), pd.Index(["a", pd.NA], dtype=object), False),
    ],
)
def test_labels_are_compared_by_value(left: Any, right: Any, same: bool) -> None:
    assert same_labels(pd.Index(left), pd.Index(right)) is same
    assert same_labels(pd.Index(right), pd.Index(left)) is same


@pytest.mark.parametrize("top_bottom", [None, 2])
def test_contributions_to_targets_in_another_order_are_refused(top_bottom: int | None) -> None:
    predictions = pd.DataFrame({"m": [0.1, 0.4, 0.2, 0.9, 0.5]}, index=list("abcde"))
    targets = pd.Series([0, 0.25, 0.5, 0.75, 1.0], index=list("abcde"))
    left = predictions.to_numpy() - predictions.to_numpy().mean()
    found = ours.contribution_scores(left, targets, predictions, top_bottom)
    pd.testing.assert_series_equal(
        found, reference.contribution_scores(left, targets, predictions, top_bottom), check_exact=False
    )
    for others in (targets.iloc[::-1], targets.set_axis(list("abcdx"))):
        with pytest.raises(ours.ScoringInputError, match="the ids of the predictions, in their order"):
            ours.contribution_scores(left, others, predictions, top_bottom)


def test_booleans_are_scaled_as_numbers() -> None:
    found = ours.min_max_normalize(pd.Series([True, False, True], index=list("abc")))
    assert found.tolist() == [1.0, 0.0, 1.0]


def test_a_vector_is_orthogonalised_to_a_vector() -> None:
    """numerai_tools broadcasts it to a square; a column is the same in both."""
    v, u = np.array([1.0, 2.0, 4.0]), np.array([1.0, 0.0, 2.0])
    column = reference.orthogonalize(v[:, np.newaxis], u)
    np.testing.assert_allclose(ours.orthogonalize(v, u), column[:, 0])
    assert reference.orthogonalize(v, u).shape == (3, 3)
