"""The registry of scores: one entry adds a score to rules, rounds, bundles and simulations."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import InputsMismatch, RoundInputs
from scorer.evaluation.verify import differences
from scorer.factors.inputs import FactorInputs, Floats
from scorer.factors.registry import VERSIONS, score_of, table_schemas
from scorer.factors.score import InputTable, Score
from scorer.lab.simulation.rounds import tables_for
from scorer.protocol.rules import Rules, RulesError
from scorer.storage.bundle import Bundle, BundleError
from tests.round_tables import rules_with
from tests.small_round import IDS, TARGET, UNSTAKED, SmallRound, uniform

LIQUIDITY = InputTable("liquidity", ("depth",))


def gain(inputs: FactorInputs, target: str) -> Floats:
    """What each submission's predictions, times the depth, say of the target; NaN for a constant one."""
    matrix = inputs.matrix[:]
    gains = (matrix * inputs.tables["liquidity"]["depth"] * inputs.targets[target]).mean(axis=1)
    return np.where(matrix.min(axis=1) == matrix.max(axis=1), np.nan, np.round(gains, 6))


@pytest.fixture(autouse=True)
def version_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scoring version with a copy of version 1 and a score more."""
    made_up = Score("gain", gain, (LIQUIDITY,), on_any_target=False)
    monkeypatch.setitem(VERSIONS, 2, (*VERSIONS[1], made_up))


def rules() -> Rules:
    return rules_with("corr", "gain", scoring=2)


@pytest.fixture
def inputs() -> RoundInputs:
    tables = {"liquidity": {"depth": uniform(401)}}
    return replace(SmallRound(rules=rules()).inputs(), tables=tables)


def test_a_score_that_was_added_is_scored_rewarded_stored_and_verified(
    inputs: RoundInputs, tmp_path: Path
) -> None:
    result = evaluate(inputs)
    gains = np.asarray(result.scores[f"gain_{TARGET}"])
    rewards = np.asarray(result.scores["reward_score"])
    row = result.scores["model_id"].tolist().index(UNSTAKED)
    assert np.isfinite(gains).sum() >= 5
    corr = float(result.scores[f"corr_{TARGET}"][row])
    assert rewards[row] == round((corr + float(gains[row])) * 1e6)
    bundle = Bundle(tmp_path / "5")
    bundle.write(inputs, result)
    assert bundle.has("liquidity.parquet")
    assert evaluate(bundle.inputs()).report == result.report
    assert list(differences(bundle.published())) == []


def test_the_table_of_a_score_that_was_added_is_asked_for_by_file_and_field(
    inputs: RoundInputs, tmp_path: Path
) -> None:
    assert rules().needs == {"liquidity": "factors.1.score = gain"}
    with pytest.raises(InputsMismatch, match=r"^liquidity\.parquet, which factors.1.score = gain needs: "):
        evaluate(replace(inputs, tables={}))
    with pytest.raises(InputsMismatch, match="expected the column depth, found width"):
        evaluate(replace(inputs, tables={"liquidity": {"width": uniform(401)}}))
    bundle = Bundle(tmp_path / "5")
    bundle.write(inputs, evaluate(inputs))
    (bundle.folder / "liquidity.parquet").unlink()
    with pytest.raises(BundleError, match=r"liquidity\.parquet: expected a table, which factors.1.score"):
        bundle.inputs()


def test_a_simulation_makes_the_table_of_a_score_that_was_added() -> None:
    signals = np.arange(6.0).reshape(2, 3)
    made = tables_for(rules(), signals)
    assert {name: list(table) for name, table in made.items()} == {"liquidity": ["depth"]}
    assert made["liquidity"]["depth"].tolist() == signals[0].tolist()


def test_rules_of_an_older_version_do_not_know_a_later_score() -> None:
    with pytest.raises(RulesError, match=r"expected a score of scoring version 1 \(corr, mmc, .*found gain"):
        rules_with("gain", scoring=1)
    with pytest.raises(RulesError, match="scoring: expected 1 or 2, found 3"):
        rules_with("gain", scoring=3)
    with pytest.raises(LookupError, match="expected a score of scoring version 1, found gain"):
        score_of(1, "gain")


def test_a_score_of_the_main_target_alone_stands_on_no_other() -> None:
    on_two = [
        {"score": "corr", "target": TARGET, "multiplier": "1"},
        {"score": "gain", "target": "target_60d2l", "multiplier": "1"},
    ]
    with pytest.raises(RulesError, match=f"expected gain on the first target, {TARGET}, found target_60d2l"):
        rules_with("corr", scoring=2, factors=on_two)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_has_each_score_once_and_tables_of_one_meaning(version: int) -> None:
    names = [score.name for score in VERSIONS[version]]
    assert len(set(names)) == len(names)
    schemas = table_schemas()
    for score in VERSIONS[version]:
        for table in score.tables:
            assert schemas[table.name] == table


def test_the_length_of_the_made_up_table_is_that_of_the_universe(inputs: RoundInputs) -> None:
    short = {"liquidity": {"depth": uniform(401)[:-1]}}
    with pytest.raises(InputsMismatch, match=f"expected {len(IDS)} finite values in the column depth, found"):
        evaluate(replace(inputs, tables=short))
