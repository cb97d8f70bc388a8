"""Rank buckets of payouts: they add up to the last nano-NMR, whatever the rules, as the scores do."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from scorer.evaluation.buckets import OtherPredictions, OutcomeData, RankBucket, bucket_from, rank_buckets
from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.explain import NotInRound, ScoredRound
from scorer.evaluation.factors import factor_inputs
from scorer.factors.registry import score_of
from scorer.rewards.attribution import split_by_weight
from tests.evaluation.test_explain import scored
from tests.round_tables import ADJUSTERS, ALL_SCORES, SECOND, rules_with, tables
from tests.small_round import (
    CONSTANT,
    GOOD,
    IDS,
    SILENT,
    TARGET,
    UNSTAKED,
    SmallRound,
    predictions_of,
    target,
)

SUMMED = ("corr", "mmc", "fnc", "bmc", "alpha")
RULES = {
    "corr": (("corr",), None),
    "corr and mmc": (("corr", "mmc"), None),
    "everything": (ALL_SCORES, ADJUSTERS),
    "second": (ALL_SCORES, SECOND),
}


class Round:
    """A small round that was scored, as a bundle has it."""

    def __init__(self, *scores: str, adjusters: Any = None) -> None:
        small = SmallRound(rules=rules_with(*scores, adjusters=adjusters))
        self.inputs = replace(small.inputs(), tables=tables())
        self.result = evaluate(self.inputs)
        self.scored: ScoredRound = scored(self.result, self.inputs.rules, self.inputs.terms)
        self.outcome = OutcomeData(self.inputs.targets, self.result.meta_model, self.inputs.tables)

    def buckets(self, model: int, of: ScoredRound | None = None) -> tuple[RankBucket, ...]:
        return rank_buckets(of or self.scored, model, predictions_of(model), self.outcome)


@pytest.fixture(scope="module", params=RULES)
def round_(request: pytest.FixtureRequest) -> Round:
    names, adjusters = RULES[request.param]
    return Round(*names, adjusters=adjusters)


def test_contributions_of_ids_add_up_to_every_score_that_is_a_sum(round_: Round) -> None:
    rules, result = round_.inputs.rules, round_.result
    summed = [factor for factor in rules.factors if factor.score in SUMMED]
    assert {factor.score for factor in rules.factors if score_of(1, factor.score).by_id} <= set(SUMMED)
    for model in GOOD:
        row = result.scores["model_id"].tolist().index(model)
        outcome = round_.outcome
        one = factor_inputs(
            *(rules, predictions_of(model)[np.newaxis], np.array([1], dtype=np.uint64), outcome.meta_model),
            *(outcome.targets, outcome.tables),
        )
        for factor in summed:
            by_id = score_of(1, factor.score).by_id
            assert by_id is not None
            found = by_id(one, factor.target)
            assert found.shape == (len(IDS),)
            tolerance = 1e-6 if factor.score == "fnc" else 1e-12  # which counts in whole ppm
            assert math.isclose(math.fsum(found), result.scores[factor.name][row], abs_tol=tolerance)


def test_the_amounts_add_up_to_what_was_paid_or_burned_for_every_model(round_: Round) -> None:
    for model in (*GOOD, UNSTAKED):
        buckets, explained = round_.buckets(model), round_.scored.explain(model)
        assert sum(bucket.amount for bucket in buckets) == explained.net, model
        tenths = [bucket for bucket in buckets if bucket.number is not None]
        assert [bucket.number for bucket in tenths] == list(range(1, 11))
        assert sum(bucket.ids for bucket in tenths) == len(IDS)
        assert all(one.highest < other.lowest for one, other in pairwise(tenths))
    assert any(round_.scored.explain(model).net for model in GOOD)


def test_a_bucket_s_part_of_corr_is_that_of_a_plain_reference() -> None:
    round_ = Round("corr")
    for model in GOOD:
        values, outcome = predictions_of(model), target()
        ranks = norm.ppf((rankdata(values) - 0.5) / len(values))
        powered = np.sign(ranks) * np.abs(ranks) ** 1.5
        centred = outcome - outcome.mean()
        other = np.sign(centred) * np.abs(centred) ** 1.5
        parts = (powered - powered.mean()) * (other - other.mean())
        net, order = round_.scored.explain(model).net, np.argsort(values)
        for bucket, places in zip(round_.buckets(model), np.array_split(order, 10), strict=True):
            expected = net * parts[places].sum() / parts.sum()
            assert abs(bucket.amount - expected) <= 1 + abs(expected) * 1e-6
            assert list(bucket.amounts) == [f"corr_{TARGET}"]


def test_factors_that_are_no_sum_over_ids_have_a_row_of_their_own() -> None:
    round_ = Round("corr", "tc", "mpc")
    *tenths, rest = round_.buckets(1)
    assert rest.number is None
    assert rest.ids == len(IDS)
    assert rest.amounts[f"tc_{TARGET}"] != 0
    assert {bucket.amounts[f"tc_{TARGET}"] for bucket in tenths} == {0}
    assert {bucket.amounts[f"mpc_{TARGET}"] for bucket in tenths} == {0}
    assert abs(rest.amounts[f"corr_{TARGET}"]) <= 1


@pytest.mark.parametrize("model", [CONSTANT, SILENT])
def test_a_model_without_scores_has_no_buckets(round_: Round, model: int) -> None:
    row = round_.scored.scores["model_id"].tolist().index(model)
    assert any(math.isnan(round_.scored.scores[name][row]) for name, _ in round_.inputs.rules.multipliers)
    assert rank_buckets(round_.scored, model, predictions_of(1), round_.outcome) == ()


def test_a_short_pool_scales_every_bucket_alike() -> None:
    round_ = Round("corr", "mmc")
    paid = next(model for model in GOOD if round_.scored.explain(model).payout > 10**9)
    short = replace(round_.scored, reserved=round_.scored.settled.total_payout // 3)
    whole, third = round_.buckets(paid), round_.buckets(paid, short)
    assert sum(bucket.amount for bucket in third) == short.explain(paid).net
    assert all(abs(few.amount - all_.amount / 3) < 20 for few, all_ in zip(third, whole, strict=True))


def test_other_predictions_and_unknown_models_are_refused(round_: Round) -> None:
    with pytest.raises(OtherPredictions, match="expected predictions that were scored"):
        rank_buckets(round_.scored, 1, predictions_of(2), round_.outcome)
    with pytest.raises(NotInRound):
        rank_buckets(round_.scored, 4_711, predictions_of(1), round_.outcome)


def test_equal_predictions_are_in_one_bucket() -> None:
    """Three values: a bucket holds all ids with one, and the others hold none."""
    round_, values = Round("corr"), np.random.default_rng(1).choice([0.2, 0.5, 0.8], len(IDS))
    factor, row = round_.inputs.rules.factors[0], round_.result.scores["model_id"].tolist().index(1)
    stake, targets = np.array([1], dtype=np.uint64), round_.inputs.targets
    one = factor_inputs(round_.inputs.rules, values[np.newaxis], stake, None, targets, {})
    column = round_.result.scores[factor.name].copy()
    column[row] = score_of(1, "corr").compute(one, factor.target)[0]
    tied = replace(round_.scored, scores={**round_.scored.scores, factor.name: column})
    found = rank_buckets(tied, 1, values, OutcomeData(targets, None, {}))
    assert [(bucket.lowest, bucket.highest) for bucket in found] == [(0.2, 0.2), (0.5, 0.5), (0.8, 0.8)]
    assert sum(bucket.ids for bucket in found) == len(IDS)
    assert sum(bucket.amount for bucket in found) == tied.explain(1).net


def test_a_bucket_is_what_its_fields_say_and_nothing_else() -> None:
    bucket = RankBucket(None, 3, 0.25, 0.5, {"corr": -7, "mmc": 9})
    document = {"number": None, "ids": 3, "lowest": 0.25, "highest": 0.5, "amounts": {"corr": -7, "mmc": 9}}
    assert bucket_from(document) == bucket
    assert bucket.to_json()["nmr"] == "0.000000002"
    for name, wrong in (("number", "1"), ("amounts", {"corr": "x"}), ("lowest", None)):
        with pytest.raises((TypeError, ValueError)):
            bucket_from({**document, name: wrong})


weights = st.lists(st.fractions(-1, 1, max_denominator=10**6), min_size=1, max_size=30)


@given(st.integers(-(10**15), 10**15), weights)
def test_a_split_adds_up_and_each_part_is_its_share_to_a_unit(amount: int, weights: list[Fraction]) -> None:
    whole = sum(weights)
    if not whole:
        assert split_by_weight(0, weights) == [0] * len(weights)
        if amount:
            with pytest.raises(ValueError, match="expected weights"):
                split_by_weight(amount, weights)
        return
    parts = split_by_weight(amount, weights)
    assert sum(parts) == amount
    assert all(abs(part - amount * weight / whole) <= 1 for part, weight in zip(parts, weights, strict=True))
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if not weight)
