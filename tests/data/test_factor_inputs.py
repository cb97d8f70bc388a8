"""Neutralizers, sample weights and risk model rest on what was known, and are what their names say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scorer.data.benchmark import model_from, read_benchmark
from scorer.data.faults import DataError
from scorer.data.obfuscation import Identifiers
from scorer.data.panel import Panel
from scorer.data.plans import write_plan
from scorer.data.rounds import Rebuilder, RoundData
from scorer.factors.registry import table_schemas
from scorer.protocol.rules import preset
from scorer.protocol.schedule import RoundTimes
from scorer.protocol.tables import NEUTRALIZERS, RISK_MODEL, SAMPLE_WEIGHTS, problem_with
from scorer.storage.bundle import Bundle
from tests.data.markets import KEY, market, panel, panel_from, recipe

INPUTS: dict[str, Any] = {
    "groups": ["sector"],
    "features": ["beta_40", "momentum_40"],
    "volatility": "volatility_40",
    "risk_sessions": 60,
}


def data(found: Panel, session: int = 150, **inputs: Any) -> RoundData:
    rules = recipe(inputs=INPUTS | inputs)
    own = Rebuilder(rules, Identifiers(rules, KEY), found)
    return own.of(next(era for era in own.eras if era.session >= session))


def test_neutralizers_are_orthonormal_under_the_sample_weights() -> None:
    tables = data(panel()).known_inputs()
    neutralizers = np.column_stack(list(tables[NEUTRALIZERS].values()))
    weights = tables[SAMPLE_WEIGHTS][SAMPLE_WEIGHTS]
    gram = (neutralizers * weights[:, np.newaxis] ** 2).T @ neutralizers
    assert gram == pytest.approx(np.eye(len(gram)), abs=1e-12)


def test_neutralizers_span_the_market_the_groups_and_the_features() -> None:
    found = data(panel())
    neutralizers = np.column_stack(list(found.known_inputs()[NEUTRALIZERS].values()))
    ones = np.ones(len(neutralizers))
    fitted = neutralizers @ np.linalg.lstsq(neutralizers, ones, rcond=None)[0]
    assert fitted == pytest.approx(ones, abs=1e-10)
    # A constant, all sectors but the one that they leave, and two features.
    sectors = len(set(found.panel.groups["sector"].codes[150].tolist()))
    assert neutralizers.shape[1] == 1 + sectors - 1 + 2


def test_weights_are_in_inverse_proportion_to_volatility_and_equal_without_one() -> None:
    found = data(panel())
    weights = found.known_inputs()[SAMPLE_WEIGHTS][SAMPLE_WEIGHTS]
    places = np.searchsorted(np.array(found.panel.names), np.array(found.table.names))
    moves = np.diff(found.panel.growth[: found.era.session + 1, places], axis=0)[-40:] * 2.0**-32
    expected = moves.std(axis=0).min() / moves.std(axis=0)
    assert weights == pytest.approx(expected, rel=1e-4)
    assert weights.max() == 1.0
    equal = data(panel(), volatility=None).known_inputs()[SAMPLE_WEIGHTS][SAMPLE_WEIGHTS]
    assert (equal == 1.0).all()


def test_the_risk_model_explains_the_variance_of_each_name() -> None:
    """The variances of factors and of what they leave are those of a regression by numpy."""
    found = data(panel())
    risk = found.known_inputs()[RISK_MODEL]
    factors = np.column_stack([values for name, values in risk.items() if name.startswith("factor_")])
    places = np.searchsorted(np.array(found.panel.names), np.array(found.table.names))
    moves = np.diff(found.panel.growth[: found.era.session + 1, places], axis=0)[-60:] * 2.0**-32
    neutral = np.column_stack(list(data(panel(), volatility=None).known_inputs()[NEUTRALIZERS].values()))
    left = moves - (moves @ np.linalg.pinv(neutral).T) @ neutral.T
    assert risk["specific_variance"] == pytest.approx((left**2).mean(axis=0), rel=1e-9)
    assert (risk["neutral_market"] == 1.0).all()
    assert (factors[:, 0] == factors[0, 0]).all()
    assert 0 < factors[0, 0] < 0.2


def test_every_table_is_what_its_name_promises() -> None:
    found = data(panel())
    tables = found.known_inputs()
    assert set(tables) == {NEUTRALIZERS, SAMPLE_WEIGHTS, RISK_MODEL} <= set(table_schemas())
    for name, table in tables.items():
        assert problem_with(name, table, found.table.ids) is None


def test_the_future_moves_no_input() -> None:
    raw = market()
    expected = data(panel_from(raw).panel).known_inputs()
    for values in raw.values():
        values[153:] *= 1.5
    poisoned = data(panel_from(raw).panel)
    assert poisoned.era.session < 153
    for name, table in poisoned.known_inputs().items():
        assert {column: values.tobytes() for column, values in table.items()} == {
            column: values.tobytes() for column, values in expected[name].items()
        }


def test_a_recipe_without_inputs_keeps_its_hash_and_makes_none() -> None:
    assert recipe().hash() != recipe(inputs=INPUTS).hash()
    assert "inputs" not in recipe().canonical_json().decode()
    rules = recipe()
    own = Rebuilder(rules, Identifiers(rules, KEY), panel())
    assert own.of(own.known[-1]).known_inputs() == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": ["beta_41"]}, "inputs.features: expected features of the recipe, found beta_41"),
        ({"volatility": "beta_40"}, "inputs.volatility: expected a plain feature of the kind volatility"),
        ({"volatility": "volatility_40_by_sector"}, "expected a plain feature of the kind volatility"),
        ({"risk_sessions": 5}, "risk_sessions"),
        ({"risk": 5}, "inputs.risk"),
    ],
)
def test_inputs_that_cannot_be_made_are_refused_with_their_recipe(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        recipe(inputs=INPUTS | changes)


def test_names_that_never_moved_have_no_risk_and_are_refused() -> None:
    raw = market()
    raw["close"][:] = 1.0
    with pytest.raises(DataError, match="expected names with a volatility_40, found none"):
        data(panel_from(raw).panel).known_inputs()
    still = data(panel_from(raw).panel, volatility=None)
    with pytest.raises(DataError, match="expected prices that moved in these sessions, found none"):
        still.known_inputs()


def test_one_name_that_never_moved_takes_the_least_variance() -> None:
    raw = market()
    raw["close"][:, 3] = 1.0
    found = data(panel_from(raw).panel)
    risk, weights = found.known_inputs()[RISK_MODEL], found.known_inputs()[SAMPLE_WEIGHTS]
    place = found.table.names.index("A003")
    assert (risk["specific_variance"] > 0).all()
    assert weights[SAMPLE_WEIGHTS][place] == weights[SAMPLE_WEIGHTS].min()


def test_inputs_and_the_benchmark_are_written_beside_the_targets(tmp_path: Path) -> None:
    found = data(panel())
    coefficients = [value.hex() for value in (0.5, -1.0, 2.0)]
    document = {"features": list(found.table.columns[:3]), "coefficients": coefficients}
    found.write(Bundle(tmp_path), found.benchmark_input(document))
    for name in (NEUTRALIZERS, SAMPLE_WEIGHTS, RISK_MODEL, "benchmark_meta_model"):
        assert (tmp_path / f"{name}.parquet").is_file()
    written = found.benchmark_input(document)["benchmark_meta_model"]["benchmark_meta_model"]
    fitted = np.array([0.5, -1.0, 2.0]) @ (found.table.features[:3].astype(float) - 2)
    assert (np.argsort(written, kind="stable") == np.argsort(fitted, kind="stable")).all()


def test_a_plan_has_the_tables_that_gates_need(tmp_path: Path) -> None:
    found = data(panel())
    times = RoundTimes(found.era.day, found.era.day, 1, 2, 3, 4)
    write_plan(tmp_path / "plan", preset("cupel"), times, found)
    assert {path.name for path in (tmp_path / "plan").iterdir()} >= {
        "neutralizers.parquet",
        "sample_weights.parquet",
        "schedule.json",
    }
    assert not (tmp_path / "plan" / "risk_model.parquet").exists()


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"features": ["feature_none"], "coefficients": ["0x1p0"]}, "feature_none"),
        ({"features": [], "coefficients": []}, "0 features, 0 finite coefficients"),
        ({"features": ["a", "b"], "coefficients": ["0x1p0"]}, "2 features, 1 finite coefficients"),
        ({"features": ["a"], "coefficients": ["nan"]}, "1 features, 0 finite coefficients"),
        ({"features": ["a"], "coefficients": ["0x1p99999"]}, "too large"),
        ({"features": ["a"], "coefficients": [1.5]}, "bad argument type"),
        ({"features": ["a"]}, "coefficients"),
        ([], "list indices"),
    ],
)
def test_a_document_of_another_benchmark_is_refused(document: Any, found: str) -> None:
    with pytest.raises(DataError, match=r"benchmark\.json: expected") as refused:
        model_from(document, ("a", "b"))
    assert found in str(refused.value)


def test_a_file_that_is_no_benchmark_is_refused(tmp_path: Path) -> None:
    (tmp_path / "benchmark.json").write_text("{")
    with pytest.raises(DataError, match="expected the document of a benchmark model"):
        read_benchmark(tmp_path / "benchmark.json")
