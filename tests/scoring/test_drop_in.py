"""Every public function of numerai_tools.scoring, on whatever indices and number types people have.

Each is called as there, with the same objects, and must give the same; where the reference itself cannot
take a type, ours must give what it gives for float64.
"""

import inspect
import warnings
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from types import ModuleType
from typing import Any

import numerai_tools.scoring as reference
import numerai_tools.signals as reference_signals
import numpy as np
import pandas as pd
import pytest

import scorer.scoring as ours

CLOSE = 1e-9
IDS = 40
Data = dict[str, Any]
Call = Callable[[Any, Data], Any]

CALLS: dict[str, Call] = {
    "filter_sort_index": lambda f, d: f(d["p"], d["t"]),
    "filter_sort_index_many": lambda f, d: f([d["p"], d["t"], d["m"], d["f"]]),
    "filter_sort_top_bottom": lambda f, d: f(d["p"].iloc[:, 0], 7),
    "filter_sort_top_bottom_concat": lambda f, d: f(d["p"].iloc[:, 0], 7),
    "rank_series": lambda f, d: f(d["p"].iloc[:, 0], "first"),
    "rank": lambda f, d: f(d["p"]),
    "tie_broken_rank": lambda f, d: f(d["p"]),
    "tie_kept_rank": lambda f, d: f(d["p"]),
    "min_max_normalize": lambda f, d: f(d["p"].iloc[:, 0]),
    "variance_normalize": lambda f, d: f(d["p"]),
    "weight_normalize": lambda f, d: f(d["p"]),
    "center": lambda f, d: f(d["p"]),
    "standardize": lambda f, d: f(d["p"]),
    "validate_indices": lambda f, d: f(d["t"], d["m"]),
    "correlation": lambda f, d: f(d["t"], d["m"]),
    "tie_broken_rank_correlation": lambda f, d: f(d["t"], d["m"]),
    "spearman_correlation": lambda f, d: f(d["t"], d["m"]),
    "pearson_correlation": lambda f, d: [f(d["t"], d["m"]), f(d["t"], d["m"], 9), f(d["t"], d["m"], -9)],
    "sharpe_ratio": lambda f, d: f(d["m"]),
    "power": lambda f, d: [f(d["p"], 1.5), f(d["p"], 0.5)],
    "gaussian": lambda f, d: f(d["p"]),
    "orthogonalize": lambda f, d: f(d["p"].to_numpy(), d["m"].to_numpy()),
    "stake_weight": lambda f, d: f(d["p"], d["s"]),
    "contribution_scores": lambda f, d: [
        f(np.asarray(d["p"], dtype=float), d["t"], d["p"]),
        f(np.asarray(d["p"], dtype=float), d["t"], d["p"], 9),
    ],
    "correlation_contribution": lambda f, d: [f(d["p"], d["m"], d["t"]), f(d["p"], d["m"], d["t"], 9)],
    "neutral_contribution": lambda f, d: [
        f(d["p"], d["m"], d["f"], d["t"]),
        f(d["p"], d["m"], d["f"], d["t"], 9),
    ],
    "neutralize": lambda f, d: [f(d["p"], d["f"]), f(d["p"], d["f"], 0.5)],
    "one_hot_encode": lambda f, d: f(d["f"], ["f0", "f2"]),
    "tie_kept_rank__gaussianize__pow_1_5": lambda f, d: f(d["p"]),
    "tie_kept_rank__gaussianize__neutralize__variance_normalize": lambda f, d: f(d["p"], d["f"]),
    "numerai_corr": lambda f, d: [
        f(d["p"], d["t"]),
        f(d["p"], d["t"], top_bottom=9),
        f(d["p"], d["t"], top_bottom=-9),
        f(d["p"], d["t"], target_pow15=False),
    ],
    "neutral_correlation": lambda f, d: [
        f(d["p"], d["f"], d["t"]),
        f(d["p"], d["f"], d["t"], top_bottom=9),
    ],
    "feature_neutral_corr": lambda f, d: [f(d["p"], d["f"], d["t"]), f(d["p"], d["f"], d["t"], 9)],
    "max_feature_correlation": lambda f, d: [f(d["m"], d["f"]), f(d["m"], d["f"], 9)],
    "generate_neutralized_weights": lambda f, d: [
        f(d["p"], d["f"], d["w"]),
        f(d["p"], d["f"], d["w"], center_and_normalize=True),
    ],
    "alpha": lambda f, d: f(d["p"], d["f"], d["w"], d["t"]),
    "meta_portfolio_contribution": lambda f, d: f(d["p"], d["s"], d["f"], d["w"], d["t"]),
}
SIGNALS: dict[str, Call] = {
    "churn": lambda f, d: [f(d["t"], d["m"]), f(d["t"], d["m"], 9), f(d["t"], d["m"], -9)],
    "turnover": lambda f, d: f(d["t"], d["m"]),
    "neutral_churn": lambda f, d: f(d["t"], d["m"], d["f"], d["f"]),
}


def public_names(module: ModuleType) -> set[str]:
    """Return the names that a module itself defines: functions, type variables and constants."""
    found = {
        name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__
    }
    constants = {name for name in vars(module) if name.isupper()}
    return {name for name in found | constants if not name.startswith("_")}


@pytest.mark.parametrize("module", [reference, reference_signals])
def test_every_public_name_is_here_with_the_same_parameters_and_defaults(module: ModuleType) -> None:
    names = public_names(module)
    assert names <= set(ours.__all__)
    functions = [name for name in names if inspect.isfunction(getattr(module, name))]
    assert len(functions) > 5
    for name in functions:
        there, here = (inspect.signature(getattr(m, name)).parameters for m in (module, ours))
        assert [(p.name, p.kind, p.default) for p in here.values()] == [
            (p.name, p.kind, p.default) for p in there.values()
        ], name
    assert ours.DEFAULT_MAX_FILTERED_INDEX_RATIO == reference.DEFAULT_MAX_FILTERED_INDEX_RATIO


def test_every_public_function_is_compared() -> None:
    functions = {name for name in public_names(reference) if inspect.isfunction(getattr(reference, name))}
    assert functions == set(CALLS)


def make_data(index: pd.Index | None = None) -> Data:
    """A round of short binary fractions, which every type but integers holds exactly."""
    rng = np.random.default_rng(5)
    index = pd.Index([f"id{row:04d}" for row in range(IDS)]) if index is None else index
    columns = ["m0", "m1", "m2"]
    grid = np.stack([rng.permutation(IDS) + 1 for _ in range(5)]) / 64
    return {
        "p": pd.DataFrame(grid[:3].T, index=index, columns=columns),
        "t": pd.Series(rng.choice([0, 0.25, 0.5, 0.75, 1], IDS), index=index, name="target"),
        "m": pd.Series(grid[3], index=index, name="meta"),
        "f": pd.DataFrame(rng.integers(0, 5, (IDS, 4)) / 4, index=index, columns=["f0", "f1", "f2", "f3"]),
        "w": pd.Series(grid[4], index=index, name="weight"),
        "s": pd.Series([3.0, 0.5, 8.0], index=columns, name="stake"),
    }


def outcome(call: Call, module: Any, name: str, data: Data) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(getattr(module, name), data)


def compare(found: Any, expected: Any) -> None:
    if isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            compare(one, other)
    elif isinstance(expected, (pd.Series, pd.DataFrame)):
        assert type(found) is type(expected)
        compare_labels(found, expected)
        close(floats(found), floats(expected))
    elif isinstance(expected, (str, type(None))):
        assert found == expected
    else:
        close(np.asarray(found, dtype=float), np.asarray(expected, dtype=float))


def compare_labels(found: Any, expected: Any) -> None:
    assert found.index.tolist() == expected.index.tolist()
    if isinstance(expected, pd.Series):
        assert found.name == expected.name
    else:
        assert found.columns.tolist() == expected.columns.tolist()


def floats(table: Any) -> np.ndarray:
    columns = [table] if isinstance(table, pd.Series) else [table.iloc[:, k] for k in range(table.shape[1])]
    return np.array([column.to_numpy(dtype=float, na_value=np.nan) for column in columns])


def close(found: np.ndarray, expected: np.ndarray) -> None:
    scale = max(1.0, np.nanmax(np.abs(expected), initial=1.0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=CLOSE * scale)


def ids() -> list[str]:
    return [f"id{row:04d}" for row in range(IDS)]


INDICES: dict[str, Callable[[], pd.Index]] = {
    "object": lambda: pd.Index(ids(), dtype=object),
    "string[python]": lambda: pd.Index(ids(), dtype="string[python]"),
    "string[pyarrow]": lambda: pd.Index(ids(), dtype="string[pyarrow]"),
    "str": lambda: pd.Index(ids(), dtype="str"),
    "arrow": lambda: pd.Index(pd.Series(ids()).convert_dtypes(dtype_backend="pyarrow")),
    "category": lambda: pd.CategoricalIndex(ids()),
    "category with strangers": lambda: pd.CategoricalIndex(ids(), categories=["a", *ids(), "z"]),
    "named": lambda: pd.Index(ids(), name="id"),
}
NUMBERED: dict[str, Callable[[], pd.Index]] = {
    "range": lambda: pd.RangeIndex(1, IDS + 1),
    "int64": lambda: pd.Index(np.arange(1, IDS + 1)),
    "uint64": lambda: pd.Index(np.arange(1, IDS + 1, dtype=np.uint64)),
    "Int64": lambda: pd.Index(np.arange(1, IDS + 1), dtype="Int64"),
    "objects": lambda: pd.Index(list(range(1, IDS + 1)), dtype=object),
    "int8": lambda: pd.Index(np.arange(1, IDS + 1, dtype=np.int8)),
}
OTHERS: dict[str, Callable[[], pd.Index]] = {
    "large": lambda: pd.Index(2**62 + np.arange(IDS)),
    "huge": lambda: pd.Index(np.uint64(2**63) + np.arange(IDS, dtype=np.uint64)),
    "dates": lambda: pd.date_range("2024-01-01", periods=IDS),
    "eras": lambda: pd.MultiIndex.from_arrays([["e1"] * (IDS // 2) + ["e2"] * (IDS // 2), ids()]),
}
PAIRS = [(a, b) for group in (INDICES, NUMBERED) for a in group for b in group if a != b]


def index_of(kind: str) -> pd.Index:
    return (INDICES | NUMBERED | OTHERS)[kind]()


@pytest.mark.parametrize("name", CALLS)
def test_every_function_takes_every_index(name: str) -> None:
    for kind in INDICES | NUMBERED | OTHERS:
        data = make_data(index_of(kind))
        compare(outcome(CALLS[name], ours, name, data), outcome(CALLS[name], reference, name, data))


@pytest.mark.parametrize("name", CALLS)
def test_ids_are_compared_by_value_whatever_their_types(name: str) -> None:
    """Predictions and features have one type of index, all the rest another."""
    of_plain = {one: expected_once(name, make_data(index_of(one))) for one, _ in PAIRS[::5]}
    for one, other in PAIRS[::5]:
        mine = make_data(index_of(one))
        data = {**make_data(index_of(other)), "p": mine["p"], "m": mine["m"]}
        found = outcome(CALLS[name], ours, name, data)
        compare(found, expected_of(name, data, of_plain[one]))


def expected_of(name: str, data: Data, of_plain: Callable[[], Any]) -> Any:
    """Return the reference's result for the data or, where it refuses its types, for the same numbers."""
    try:
        return of_reference(name, data)
    except (TypeError, ValueError, AttributeError, AssertionError, IndexError):
        return of_plain()


def of_reference(name: str, data: Data) -> Any:
    module = reference if name in CALLS else reference_signals
    return outcome(CALLS.get(name) or SIGNALS[name], module, name, data)


def expected_once(name: str, plain: Data) -> Callable[[], Any]:
    """Return what gives the reference's result, computed when it is first asked for."""
    return cache(lambda: of_reference(name, plain))


def decimals(table: Any) -> Any:
    return table.map(lambda value: Decimal(float(value)))


VALUES: dict[str, Callable[[Any], Any]] = {
    "object": lambda table: table.astype(object),
    "decimals": decimals,
    "Float64": lambda table: table.astype("Float64"),
    "Float32": lambda table: table.astype("Float32"),
    "double[pyarrow]": lambda table: table.astype("double[pyarrow]"),
    "float[pyarrow]": lambda table: table.astype("float[pyarrow]"),
    "float32": lambda table: table.astype(np.float32),
    "float16": lambda table: table.astype(np.float16),
    "Sparse": lambda table: table.astype(pd.SparseDtype(float)),
}
INTEGERS = ("int8", "int64", "uint8", "Int8", "Int64", "UInt16", "int8[pyarrow]", "int64[pyarrow]", "object")


def exactly(name: str, kind: str) -> bool:
    return "16" not in kind and "32" not in kind and kind != "float[pyarrow]"


def converted(data: Data, convert: Callable[[Any], Any], keys: str) -> Data:
    return {key: convert(value) if key in keys else value for key, value in data.items()}


BLOCKS = {"center", "min_max_normalize", "rank", "rank_series", "tie_broken_rank", "tie_kept_rank"} | {
    "filter_sort_index",
    "filter_sort_index_many",
    "filter_sort_top_bottom",
    "filter_sort_top_bottom_concat",
    "standardize",
    "variance_normalize",
    "weight_normalize",
}
"""Plain pandas, here as there: what it cannot do, neither can."""


class Recording(dict[str, Any]):
    """Tables that remember which of them were asked for."""

    def __init__(self, tables: Data) -> None:
        super().__init__(tables)
        self.keys_read: list[str] = []

    def __getitem__(self, key: str) -> Any:
        self.keys_read.append(key)
        return super().__getitem__(key)


def arguments_of(name: str) -> list[str]:
    """Return the tables that a function is called with, all together and each alone."""
    read = Recording(make_data())
    (CALLS.get(name) or SIGNALS[name])(lambda *_, **__: None, read)
    used = "".join(dict.fromkeys(read.keys_read))
    return [used, *(used if len(used) > 1 else "")]


@pytest.mark.parametrize(
    ("name", "keys"), [(name, keys) for name in (*CALLS, *SIGNALS) for keys in arguments_of(name)]
)
def test_every_function_takes_every_type_of_number(name: str, keys: str) -> None:
    call = CALLS.get(name) or SIGNALS[name]
    plain = make_data()
    of_float64 = of_reference(name, plain)
    for kind, convert in VALUES.items():
        data = converted(plain, convert, keys)
        if name == "one_hot_encode":
            compare(outcome(call, ours, name, data), outcome(call, reference, name, data))
            continue
        expected = expected_of(name, data, lambda: of_float64) if exactly(name, kind) else of_float64
        if name in BLOCKS:
            compare_blocks(name, data)
        else:
            compare(outcome(call, ours, name, data), expected)


def compare_blocks(name: str, data: Data) -> None:
    try:
        expected = outcome(CALLS[name], reference, name, data)
    except (TypeError, ValueError) as error:
        with pytest.raises(type(error)):
            outcome(CALLS[name], ours, name, data)
    else:
        compare(outcome(CALLS[name], ours, name, data), expected)


@pytest.mark.parametrize("name", [*CALLS, *SIGNALS])
def test_every_function_takes_every_type_of_integer(name: str) -> None:
    if name in BLOCKS | {"gaussian"}:
        pytest.skip("plain pandas, or defined between 0 and 1 only")
    call = CALLS.get(name) or SIGNALS[name]
    whole = make_data()
    for key, factor in {"p": 64, "m": 64, "f": 4, "w": 64, "t": 4, "s": 2}.items():
        whole[key] = whole[key] * factor
    of_float64 = of_reference(name, whole)
    for kind in INTEGERS:
        data = {key: value.astype("int64").astype(kind) for key, value in whole.items()}
        if name == "one_hot_encode":
            compare(outcome(call, ours, name, data), outcome(call, reference, name, data))
            continue
        compare(outcome(call, ours, name, data), of_float64)
