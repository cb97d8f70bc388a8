"""What a report commits to for the court, and when a round has any."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import InputsMismatch, RoundInputs
from scorer.evaluation.operands import restated, round_operands, round_steps, stated
from scorer.proofs.meta_steps import sums_after
from scorer.proofs.terms import provability, score_terms, terms_hash, unprovable_parts
from scorer.proofs.vectors import ranks_of
from scorer.protocol.documents import to_hex
from scorer.protocol.report import evidence_hash
from scorer.protocol.rules import NO_TERMS, Rules, preset
from tests.small_round import IDS, SmallRound, in_the_clear

PROVABLE = ("cupel", "classic", "classic-atomic", "classic-atomic-60", "crypto", "crypto-atomic")


def with_terms(rules: Rules, terms: bytes | None = None) -> RoundInputs:
    inputs = SmallRound(rules=in_the_clear(rules)).inputs()
    of_rules = score_terms(inputs.rules, len(IDS)).hash() if terms is None else terms
    return replace(inputs, terms=replace(inputs.terms, terms_hash=of_rules))


def test_a_report_of_a_round_with_terms_commits_to_target_and_meta_model() -> None:
    inputs = with_terms(preset("cupel"))
    result = evaluate(inputs)
    operands = round_operands(inputs, result.meta_model, round_steps(inputs))
    assert operands is not None
    assert result.manifest["operands"] == to_hex(operands.hash())
    assert result.manifest["steps"] == to_hex(operands.steps)
    assert restated(result.manifest) == stated(operands)
    assert result.report.evidence_hash == evidence_hash(result.manifest)
    plain = evaluate(SmallRound(rules=in_the_clear(preset("cupel"))).inputs())
    assert result.report.scores_head == plain.report.scores_head
    assert not {"operands", "steps"} & set(plain.manifest)
    assert restated(plain.manifest) == stated(None) == {}
    *_, last = sums_after(inputs.submissions, inputs.refused, inputs.positions.by_model)
    (vectors,) = operands.vectors
    assert np.array_equal(ranks_of(vectors), last.ranks)
    assert vectors.ids == len(IDS)
    ranks = np.frombuffer(vectors.records, dtype=">u2")[1::2]
    assert np.array_equal(np.argsort(ranks, kind="stable"), np.argsort(result.meta_model, kind="stable"))


def test_the_terms_are_those_of_the_rules_or_nothing_is_reported() -> None:
    with pytest.raises(InputsMismatch, match="terms hash"):
        evaluate(with_terms(preset("classic"), b"\1" * 32))
    with pytest.raises(InputsMismatch, match=r"terms hash.*dynamic_eras"):
        round_operands(with_terms(preset("classic-adjusted"), b"\1" * 32), np.zeros(len(IDS)), bytes(32))


@pytest.mark.parametrize("name", PROVABLE)
def test_these_presets_are_provable(name: str) -> None:
    assert unprovable_parts(preset(name)) == ()
    assert terms_hash(preset(name), 6000) != NO_TERMS
    assert terms_hash(preset(name), 40_000) == NO_TERMS
    assert terms_hash(preset(name), 1) == NO_TERMS


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("signals", ("score = alpha", "score = mpc")),
        ("signals-atomic", ("score = alpha", "score = mpc")),
        ("classic-adjusted", ("adjusters.dynamic_eras", "adjusters.burn_hardening")),
    ],
)
def test_the_parts_that_cannot_be_proven_are_named(name: str, parts: tuple[str, ...]) -> None:
    assert unprovable_parts(preset(name)) == parts
    assert terms_hash(preset(name), 6000) == NO_TERMS


def test_each_target_and_each_meta_model_has_its_vector() -> None:
    document: dict[str, Any] = preset("classic").model_dump(mode="json", exclude_none=True)
    document["factors"] = [
        {"score": "bmc", "target": "b", "multiplier": "1"},
        {"score": "corr", "target": "b", "multiplier": "0"},
        {"score": "mmc", "target": "c", "multiplier": "2"},
        {"score": "mmc", "target": "b", "multiplier": "3"},
    ]
    terms = score_terms(Rules.model_validate(document), 100)
    assert terms.vectors == (("b", "meta_model"), ("b", "benchmark_meta_model"), ("c", "meta_model"))
    assert [factor.vector for factor in terms.factors] == [1, 0, 2, 0]


def test_the_terms_of_a_round_are_bound_to_its_demands_and_their_deposit() -> None:
    found = [score_terms(demanding(*each), 100) for each in ((0, None), (4, "2.5"), (5, "2.5"), (4, "2.6"))]
    assert [(terms.demands, terms.deposit) for terms in found[:2]] == [(0, 0), (4, 2_500_000_000)]
    assert len({terms.hash() for terms in found}) == 4
    assert found[0].hash() == score_terms(preset("cupel"), 100).hash()


def demanding(demands: int, deposit: str | None) -> Rules:
    document: dict[str, Any] = preset("cupel").model_dump(mode="json", exclude_none=True)
    document["secrecy"] |= {"demands": demands} | ({} if deposit is None else {"deposit": deposit})
    return Rules.model_validate(document)


def test_whether_scores_can_be_proven_is_said_with_the_reason_why_not() -> None:
    provable, other = preset("cupel"), preset("signals")
    assert provability(provable, b"\1" * 32) == "reward scores can be proven to the court"
    without = "reward scores cannot be proven to a court: "
    assert provability(provable, NO_TERMS) == without + "the round was opened without terms"
    assert provability(other, NO_TERMS) == without + ", ".join(unprovable_parts(other))
    assert unprovable_parts(other)
