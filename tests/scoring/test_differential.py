"""Random tables with ties, gaps and odd types of labels and numbers, scored by numerai_tools and by us."""

import warnings
from typing import Any

import numerai_tools.scoring as reference
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scorer.scoring as ours

from .test_drop_in import CALLS, Call, compare

SCORES = ("numerai_corr", "correlation_contribution", "alpha", "stake_weight")
LABELS = ("object", "string[python]", "string[pyarrow]", "str", "category")
NUMBERS = (np.float64, object, "Float64", "double[pyarrow]")
Case = dict[str, Any]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A round of few ids: predictions in few or many values, each table with its own types and order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ids = draw(st.integers(5, 40))
    values = draw(st.sampled_from([3, 8, 1000]))
    models = [f"m{k}" for k in range(draw(st.integers(1, 3)))]
    gap = int(draw(st.integers(0, ids // 6)))
    plain: Case = {
        "p": pd.DataFrame(rng.integers(0, values, (ids, len(models))) / 8, columns=models),
        "t": pd.Series(
            rng.choice(draw(st.sampled_from([(0, 0.25, 0.5, 1), (-1, 0.5, 2)])), ids), name="target"
        ),
        "m": pd.Series(rng.integers(0, values, ids) / 8, name="meta"),
        "f": pd.DataFrame(rng.integers(0, 5, (ids, 2)) / 4),
        "w": pd.Series(rng.integers(1, 9, ids) / 8),
    }
    plain["p"].iloc[0], plain["p"].iloc[1], plain["m"].iloc[0] = -1, values, -1
    plain["t"].iloc[:2] = [0, 1]
    plain["t"].iloc[ids - gap :] = np.nan
    labels = [f"id{k:03d}" for k in range(ids)]
    tables = {key: draw(labelled(table, labels, key)) for key, table in plain.items()}
    return tables | {"s": pd.Series(rng.integers(1, 99, len(models)) / 4, index=models)}


@st.composite
def labelled(draw: st.DrawFn, table: Any, labels: list[str], key: str) -> Any:
    named = table.set_axis(pd.Index(labels, dtype=draw(st.sampled_from(LABELS))), axis=0)
    ordered = named.iloc[::-1] if key in "tm" and draw(st.booleans()) else named
    return ordered.astype(draw(st.sampled_from(NUMBERS)))


def of_float64(case: Case) -> Case:
    return {key: table.astype(np.float64).rename(index=str) for key, table in case.items()}


def agree(case: Case) -> None:
    """The reference is given the same numbers as float64: it cannot take every mixture of types."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in SCORES:
            compare(only(name, ours, case), only(name, reference, of_float64(case)))


@given(cases())
@settings(max_examples=60, deadline=None)
def test_scores_of_odd_tables_agree(case: Case) -> None:
    agree(case)


@pytest.mark.long
@given(cases())
@settings(max_examples=5000, deadline=None)
def test_scores_of_thousands_of_odd_tables_agree(case: Case) -> None:
    agree(case)


def only(name: str, module: Any, case: Case) -> Any:
    """The score without ``top_bottom``, which few ids do not allow."""
    plain: dict[str, Call] = {
        "numerai_corr": lambda f, d: [f(d["p"], d["t"]), f(d["p"], d["t"], target_pow15=False)],
        "correlation_contribution": lambda f, d: f(d["p"], d["m"], d["t"]),
    }
    call = plain.get(name, CALLS[name])
    return call(getattr(module, name), case)
