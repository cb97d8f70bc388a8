"""The further inputs of a round: refused by what needs them, bound by digests, found when changed."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import InputsMismatch, RoundInputs, RoundResult
from scorer.evaluation.verify import differences
from scorer.rewards import burn_hardening, realised_volatility, retained_shares, reward_scores
from scorer.storage.bundle import Bundle, BundleError
from tests.round_tables import ADJUSTERS, ALL_SCORES, rules_with, tables
from tests.small_round import IDS, UNSTAKED, SmallRound

Tables = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def inputs() -> RoundInputs:
    rules = rules_with(*ALL_SCORES, adjusters=ADJUSTERS)
    return replace(SmallRound(rules=rules).inputs(), tables=tables())


@pytest.fixture(scope="module")
def result(inputs: RoundInputs) -> RoundResult:
    return evaluate(inputs)


@pytest.fixture(scope="module")
def original(inputs: RoundInputs, result: RoundResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("bundle") / "5"
    Bundle(folder).write(inputs, result)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(original, tmp_path / "5"))


def test_the_table_of_scores_has_a_column_for_every_factor_and_adjuster(result: RoundResult) -> None:
    assert list(result.scores) == [
        "model_id",
        "position",
        *(f"{score}_target_20d2l" for score in ALL_SCORES),
        "meta_model_correlation",
        "burn_hardening",
        "neutral_churn",
        "retained",
        "reward_score",
        "rate",
        "payout",
        "burn",
    ]


def test_rewards_follow_from_the_columns_and_the_volatility_that_the_manifest_states(
    inputs: RoundInputs, result: RoundResult
) -> None:
    scores, volatility = result.scores, result.manifest["volatility"]
    realised = realised_volatility(np.stack(list(inputs.tables["session_returns"].values())))
    assert volatility == {"realised": repr(realised), "factor": round(0.02 / realised * 1e6)}
    correlations = np.asarray(scores["meta_model_correlation"], dtype=np.float64)
    churns = np.asarray(scores["neutral_churn"], dtype=np.float64)
    assert scores["burn_hardening"].tolist() == burn_hardening(correlations, start=0, most=2_000_000).tolist()
    kept = retained_shares(np.nan_to_num(churns), threshold=100_000, scale=10_000_000)
    assert scores["retained"].tolist() == kept.tolist()
    expected = reward_scores(
        {name: np.asarray(scores[name], dtype=np.float64) for name, _ in inputs.rules.multipliers},
        inputs.rules.multipliers,
        volatility=volatility["factor"],
        hardening=np.asarray(scores["burn_hardening"], dtype=np.int64),
        retained=np.asarray(scores["retained"], dtype=np.int64),
    )
    assert scores["reward_score"].tolist() == expected.tolist()
    assert (expected != 0).sum() >= 5


def test_a_bundle_with_tables_reads_back_and_recomputes_without_a_difference(
    folder: Path, inputs: RoundInputs
) -> None:
    read = Bundle(folder).inputs()
    assert {name: list(table) for name, table in read.tables.items()} == {
        name: list(inputs.tables[name]) for name in inputs.rules.needs
    }
    assert list(differences(Bundle(folder).published())) == []


def test_the_manifest_names_the_digest_of_every_table(inputs: RoundInputs, result: RoundResult) -> None:
    assert list(result.manifest["digests"]["tables"]) == list(inputs.rules.needs)


def test_rules_that_need_no_table_leave_none_in_bundle_and_manifest() -> None:
    assert "tables" not in evaluate(SmallRound().inputs()).manifest["digests"]


NEEDED_BY = {
    "features": "factors.2.score = fnc",
    "benchmark_meta_model": "factors.3.score = bmc",
    "risk_model": "factors.4.score = tc",
    "neutralizers": "factors.5.score = alpha",
    "sample_weights": "factors.5.score = alpha",
    "session_returns": "adjusters.dynamic_eras",
    "neutral_churn": "adjusters.neutral_churn",
}


@pytest.mark.parametrize("name", NEEDED_BY)
def test_a_missing_table_is_refused_by_its_file_and_by_what_needs_it(
    name: str, folder: Path, inputs: RoundInputs
) -> None:
    lacking = {other: table for other, table in inputs.tables.items() if other != name}
    with pytest.raises(InputsMismatch) as refusal:
        evaluate(replace(inputs, tables=lacking))
    expected = f"{name}.parquet, which {NEEDED_BY[name]} needs: expected a table, found none"
    assert str(refusal.value) == expected
    (folder / f"{name}.parquet").unlink()
    with pytest.raises(
        BundleError, match=rf"{name}\.parquet: expected a table, which {NEEDED_BY[name]} in the"
    ):
        Bundle(folder).inputs()


@pytest.mark.parametrize("name", NEEDED_BY)
def test_one_changed_number_of_a_table_is_found(name: str, folder: Path) -> None:
    file = folder / f"{name}.parquet"
    table = pd.read_parquet(file)
    column = table.columns[-1]
    table[column] = table[column].to_numpy() * np.where(table.index == 3, 0.999, 1.0)
    table.to_parquet(file, index=False)
    found = [each.where for each in differences(Bundle(folder).published())]
    assert found[0] == f"digest of the table {name}"


def test_ids_of_a_table_in_another_order_are_found(folder: Path) -> None:
    file = folder / "features.parquet"
    pd.read_parquet(file)[::-1].to_parquet(file, index=False)
    assert "features.parquet, id in row 0" in {each.where for each in differences(Bundle(folder).published())}


def without_column(name: str, column: str) -> Callable[[Tables], None]:
    def change(found: Tables) -> None:
        del found[name][column]

    return change


def with_column(name: str, column: str, values: Any) -> Callable[[Tables], None]:
    def change(found: Tables) -> None:
        found[name][column] = values

    return change


GAP = np.where(np.arange(len(IDS)) == 4, np.nan, 0.5)
WRONG: dict[str, tuple[Callable[[Tables], None], str]] = {
    "gap": (
        with_column("features", "feature_1", GAP),
        "features.parquet, which factors.2.score = fnc needs: expected 900 finite values in the column "
        "feature_1, found 900 of float64, 1 of them not finite",
    ),
    "short": (
        with_column("neutralizers", "style", GAP[:3]),
        "900 finite values in the column style, found 3",
    ),
    "type": (
        with_column("features", "feature_1", np.ones(len(IDS), dtype=np.int64)),
        "900 finite values in the column feature_1, found 900 of int64",
    ),
    "other benchmark": (
        with_column("benchmark_meta_model", "other", GAP),
        "expected the column benchmark_meta_model, found benchmark_meta_model, other",
    ),
    "no risk": (
        without_column("risk_model", "specific_variance"),
        "expected the column specific_variance, found factor_style, neutral_money",
    ),
    "session left out": (
        without_column("session_returns", "2026-10-07"),
        "session_returns.parquet: expected 20 sessions, found 19",
    ),
    "churn of strangers": (
        with_column("neutral_churn", "model_id", np.arange(200, 209, dtype=np.int64)),
        "neutral_churn.parquet: expected a row for every model that submitted, found none for model 1",
    ),
    "churn twice": (
        with_column("neutral_churn", "model_id", np.zeros(9, dtype=np.int64)),
        "expected each model once, ascending, found others",
    ),
    "churn beyond": (
        with_column("neutral_churn", "neutral_churn", np.full(9, 2.5)),
        "expected churns from 0 to 2, found others",
    ),
    "churn of models in floats": (
        with_column("neutral_churn", "model_id", np.arange(9.0)),
        "expected as many int64 models as float64 churns, found float64 and float64",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_table_that_is_not_what_its_name_promises_is_refused(what: str, inputs: RoundInputs) -> None:
    change, message = WRONG[what]
    found: Tables = {name: dict(table) for name, table in tables().items()}
    change(found)
    with pytest.raises(InputsMismatch) as refusal:
        evaluate(replace(inputs, tables=found))
    assert message in str(refusal.value)


def test_a_model_without_a_valid_score_keeps_neutral_adjusters(result: RoundResult) -> None:
    rows = result.scores["model_id"].tolist()
    silent = rows.index(7)
    assert result.scores["burn_hardening"][silent] == result.scores["retained"][silent] == 1_000_000
    assert np.isnan(result.scores["neutral_churn"][silent])


def test_an_unstaked_model_changes_nothing_for_the_others_under_any_score(
    inputs: RoundInputs, result: RoundResult
) -> None:
    rules = inputs.rules
    found = evaluate(replace(SmallRound(rules=rules).without(UNSTAKED).inputs(), tables=tables()))
    kept = result.scores["model_id"] != UNSTAKED
    for name, column in found.scores.items():
        assert np.array_equal(column, result.scores[name][kept], equal_nan=column.dtype == np.float64), name


def test_targets_and_tables_may_come_in_any_order_of_rows(original: Path, tmp_path: Path) -> None:
    """A member's own source need not be sorted; what it writes into its bundle is."""
    source, other = Bundle(original), Bundle(tmp_path / "5")
    other.write_table("features", IDS, dict(source.tables(source.rules(), IDS)["features"]))
    table = pd.read_parquet(original / "features.parquet").sample(frac=1, random_state=1)
    table.to_parquet(tmp_path / "5" / "features.parquet", index=False)
    rules = rules_with("fnc")
    found = other.tables(rules, IDS)["features"]
    expected = source.tables(rules, IDS)["features"]
    assert {name: values.tolist() for name, values in found.items()} == {
        name: values.tolist() for name, values in expected.items()
    }
