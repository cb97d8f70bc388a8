"""Explanations and statements of whole rounds: every row adds up, to what was settled and to the report."""

import csv
import io
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.explain import Explanation, NotInRound, ScoredRound
from scorer.evaluation.inputs import RoundResult
from scorer.evaluation.statement import COLUMNS, Receipt, StatementEntry, write_statement
from scorer.storage.bundle import SCORES, Bundle, BundleError
from tests.round_tables import ADJUSTERS, ALL_SCORES, SECOND, rules_with, tables
from tests.small_round import AMOUNTS, CONSTANT, SILENT, UNSTAKED, SmallRound

NMR = 10**9


def scored(result: RoundResult, rules: Any, terms: Any) -> ScoredRound:
    volatility = result.manifest.get("volatility")
    return ScoredRound(rules, terms, volatility and volatility["factor"], result.scores)


@pytest.fixture(scope="module", params=["classic", "everything", "second"])
def found(request: pytest.FixtureRequest) -> tuple[ScoredRound, RoundResult]:
    """The small round under the plain rules, and under all scores and adjusters at once."""
    small = SmallRound()
    if request.param != "classic":
        adjusters = ADJUSTERS if request.param == "everything" else SECOND
        small = SmallRound(rules=rules_with(*ALL_SCORES, adjusters=adjusters))
    inputs = replace(small.inputs(), tables=tables())
    result = evaluate(inputs)
    return scored(result, inputs.rules, inputs.terms), result


def test_every_row_adds_up_to_what_the_table_of_scores_says(found: tuple[ScoredRound, RoundResult]) -> None:
    rounded, result = found
    columns = {name: column.tolist() for name, column in result.scores.items()}
    for row, model in enumerate(columns["model_id"]):
        explanation = rounded.explain(model)
        assert sum(step.amount for step in explanation.steps) == explanation.net
        assert (explanation.payout, explanation.burn) == (columns["payout"][row], columns["burn"][row])
        assert explanation.reward_score == columns["reward_score"][row]
        assert explanation.position == columns["position"][row]


def test_all_rows_together_add_up_to_the_report(found: tuple[ScoredRound, RoundResult]) -> None:
    rounded, result = found
    explanations = list(rounded.explain_all())
    assert [each.model_id for each in explanations] == sorted(AMOUNTS)
    assert sum(each.payout for each in explanations) == result.report.total_payout > 0
    assert sum(each.burn for each in explanations) == result.report.total_burn > 0


def test_every_adjuster_has_its_step(found: tuple[ScoredRound, RoundResult]) -> None:
    rounded, _ = found
    names = [step.name for step in rounded.explain(1).steps]
    version_1 = ["burn hardening"] if rounded.rules.version == 1 else ["originality", "burn multiplier"]
    adjusters = ["dynamic eras", *version_1, "neutral churn"] if "mpc_target_20d2l" in names else []
    factors = [name for name, _ in rounded.rules.multipliers]
    assert names == [*factors, *adjusters, "rounding to ppm", "payout factor", "cap", "whole units"]


@pytest.mark.parametrize("model", [CONSTANT, SILENT])
def test_a_model_without_scores_is_told_so(model: int, found: tuple[ScoredRound, RoundResult]) -> None:
    explanation = found[0].explain(model)
    assert [(step.name, step.amount) for step in explanation.steps] == [("no score", 0)]
    assert explanation.net == 0


def test_a_model_without_a_position_has_steps_of_nothing(found: tuple[ScoredRound, RoundResult]) -> None:
    assert {step.amount for step in found[0].explain(UNSTAKED).steps} == {0}
    assert UNSTAKED not in {each.model_id for each in found[0].explain_all()}


def test_a_model_that_took_no_part_is_refused(found: tuple[ScoredRound, RoundResult]) -> None:
    with pytest.raises(NotInRound, match="round 5: expected a model that submitted or had a position, found"):
        found[0].explain(500)


def test_a_short_pool_shortens_payouts_and_still_adds_up(found: tuple[ScoredRound, RoundResult]) -> None:
    rounded, result = found
    short = replace(rounded, reserved=result.report.total_payout // 3)
    explanations = list(short.explain_all())
    assert sum(each.payout for each in explanations) <= result.report.total_payout // 3
    assert all(sum(step.amount for step in each.steps) == each.net for each in explanations)
    assert any(step.name == "short pool" for each in explanations for step in each.steps)
    assert sum(each.burn for each in explanations) == result.report.total_burn


def test_a_silent_model_keeps_its_score_and_position_and_is_told_why_it_earned_nothing(
    found: tuple[ScoredRound, RoundResult],
) -> None:
    rounded, result = found
    payouts = dict(zip(result.scores["model_id"].tolist(), result.scores["payout"].tolist(), strict=True))
    model = max(payouts, key=lambda each: payouts[each])
    quiet = replace(rounded, silent=frozenset({model}))
    explanation = quiet.explain(model)
    assert explanation.is_silent
    assert explanation.to_json()["silent"] is True
    assert (explanation.payout, explanation.burn, explanation.rate) == (0, 0, 0)
    assert explanation.reward_score == rounded.explain(model).reward_score > 0
    assert (explanation.steps[-1].name, explanation.steps[-1].amount) == ("silent", -payouts[model])
    assert sum(step.amount for step in explanation.steps) == 0
    assert quiet.settled.total_payout == result.report.total_payout - payouts[model]
    others = [each for each in quiet.explain_all() if each.model_id != model]
    assert others == [each for each in rounded.explain_all() if each.model_id != model]
    assert not any(each.is_silent for each in others)


def test_a_bundle_explains_what_was_evaluated(found: tuple[ScoredRound, RoundResult], tmp_path: Path) -> None:
    rounded, result = found
    inputs = replace(SmallRound(rules=rounded.rules).inputs(), tables=tables())
    Bundle(tmp_path).write(inputs, result)
    read = Bundle(tmp_path).scored_round()
    assert list(read.explain_all()) == list(rounded.explain_all())


def test_a_table_of_scores_that_lacks_a_factor_is_refused_by_its_file(tmp_path: Path) -> None:
    inputs = SmallRound().inputs()
    Bundle(tmp_path).write(inputs, evaluate(inputs))
    table = pd.read_parquet(tmp_path / SCORES)
    table.drop(columns="mmc_target_20d2l").to_parquet(tmp_path / SCORES, index=False)
    with pytest.raises(BundleError, match=r"scores\.parquet: expected the column mmc_target_20d2l, found"):
        Bundle(tmp_path).scored_round()
    table.astype({"position": "float64"}).to_parquet(tmp_path / SCORES, index=False)
    with pytest.raises(BundleError, match=r"scores\.parquet: expected positions in uint64"):
        Bundle(tmp_path).scored_round()


def statement(explanations: list[Explanation], receipt: Receipt | None) -> list[dict[str, str]]:
    file = io.StringIO()
    write_statement([StatementEntry("0xabc", each, receipt) for each in explanations], file)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def test_every_line_of_a_statement_and_its_sums_add_up(found: tuple[ScoredRound, RoundResult]) -> None:
    explanations = list(found[0].explain_all())
    lines = statement(explanations, Receipt("0x12", 77, 1_196_424_000))
    for line in lines:
        reasons = [Decimal(cell) for name, cell in line.items() if name not in COLUMNS]
        assert sum(reasons) == Decimal(line["net_nmr"])
        assert Decimal(line["payout_nmr"]) - Decimal(line["burn_nmr"]) == Decimal(line["net_nmr"])
    assert [line["model"] for line in lines[:-1]] == [str(each.model_id) for each in explanations]
    total = lines[-1]
    assert total["settled_at"] == "total"
    assert Decimal(total["net_nmr"]) * NMR == sum(each.net for each in explanations)


def test_a_line_names_date_and_transaction(found: tuple[ScoredRound, RoundResult]) -> None:
    line = statement([found[0].explain(1)], Receipt("0x12", 77, 1_196_424_000))[0]
    assert (line["settled_at"], line["transaction"], line["block"]) == ("2007-11-30T12:00:00Z", "0x12", "77")
    assert (line["tournament"], line["round"], line["model"]) == ("0xabc", "5", "1")
    assert Decimal(line["position_nmr"]) * NMR == AMOUNTS[1]


def test_without_a_chain_a_line_has_neither(found: tuple[ScoredRound, RoundResult]) -> None:
    line = statement([found[0].explain(1)], None)[0]
    assert (line["settled_at"], line["transaction"], line["block"]) == ("", "", "")


def test_a_statement_of_nothing_is_a_header_and_sums_of_nothing() -> None:
    assert [line["net_nmr"] for line in statement([], None)] == ["0"]
