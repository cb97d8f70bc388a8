"""One's own submission against a bundle: what is claimed was computed, and what is falsified is found."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import Published
from scorer.evaluation.own import OwnSubmission, OwnVerification, verify_own
from scorer.protocol.tables import CORRELATION, NEUTRAL_CHURN, RANK_CORRELATION
from tests.round_tables import ADJUSTERS, rules_with, tables
from tests.small_round import IDS, SmallRound, predictions_of

MODEL = 3
HARDENING = {"burn_hardening": ADJUSTERS["burn_hardening"]}
ORIGINAL = {"originality": {"exponent": 2}, "burn": {"multiplier": "1.1"}}
CHURN = {"neutral_churn": ADJUSTERS["neutral_churn"]}


def published(*scores: str, adjusters: Mapping[str, Any] | None = None) -> Published:
    """A round as its members publish it, the meta model with it."""
    rules = rules_with(*scores, adjusters=adjusters)
    inputs = replace(SmallRound(rules=rules).inputs(), tables=tables())
    result = evaluate(inputs)
    ids = dict.fromkeys(("universe.parquet", "targets.parquet"), IDS)
    return Published(inputs, ids, result.meta_model, result.scores, result.manifest, result.report.to_json())


def own_of(round_: Published) -> OwnVerification:
    return verify_own(round_, OwnSubmission(MODEL, predictions_of(MODEL)))


def with_false(round_: Published, column: str) -> Published:
    """The round with another value of our model in a column of scores.parquet."""
    values = round_.scores[column].copy()
    values[round_.scores["model_id"].tolist().index(MODEL)] += 0.01
    return replace(round_, scores={**round_.scores, column: values})


def test_reward_and_payout_are_claimed_where_everything_was_computed() -> None:
    found = own_of(published("corr", "mmc", adjusters=HARDENING))
    assert (found.differences, found.unchecked) == ((), ())
    assert found.checked[1:4] == ("corr_target_20d2l", "mmc_target_20d2l", CORRELATION)
    assert found.follows[0] == "reward_score"
    assert found.follows[1] in ("payout", "burn")


def test_originality_is_computed_from_ones_own_predictions_and_the_meta_model() -> None:
    round_ = published("mmc", adjusters=ORIGINAL)
    found = own_of(round_)
    assert (found.differences, found.unchecked) == ((), ())
    assert found.checked[1:] == ("mmc_target_20d2l", RANK_CORRELATION)
    assert found.follows[0] == "reward_score"
    wrong = own_of(with_false(round_, RANK_CORRELATION))
    assert [each.where for each in wrong.differences] == [
        f"scores.parquet, model {MODEL}, {RANK_CORRELATION}"
    ]
    withheld = own_of(replace(round_, meta_model=None))
    assert withheld.checked == ("content hash",)


@pytest.mark.parametrize("column", ["corr_target_20d2l", "mmc_target_20d2l", CORRELATION])
def test_a_falsified_column_of_ones_own_model_is_found(column: str) -> None:
    found = own_of(with_false(published("corr", "mmc", adjusters=HARDENING), column))
    assert [each.where for each in found.differences] == [f"scores.parquet, model {MODEL}, {column}"]


@pytest.mark.parametrize("column", ["mmc_target_20d2l", CORRELATION])
def test_no_reward_is_claimed_that_rests_on_a_meta_model_which_is_withheld(column: str) -> None:
    """A false MMC changes the reward: who cannot compute it cannot say that the reward follows."""
    falsified = with_false(published("corr", "mmc", adjusters=HARDENING), column)
    found = own_of(replace(falsified, meta_model=None))
    assert found.differences == ()
    assert found.checked == ("content hash", "corr_target_20d2l")
    assert any(text.startswith(f"{column}, which rests on the meta model") for text in found.unchecked)
    assert found.unchecked[-1] == "reward_score and payout, which follow from them"


@pytest.mark.parametrize(
    ("scores", "adjusters", "unknown"),
    [(("corr", "tc"), None, "tc_target_20d2l"), (("corr",), CHURN, NEUTRAL_CHURN)],
)
def test_what_rests_on_others_or_on_earlier_rounds_is_named(
    scores: tuple[str, ...], adjusters: Mapping[str, Any] | None, unknown: str
) -> None:
    round_ = published(*scores, adjusters=adjusters)
    found = own_of(round_)
    assert found.differences == ()
    assert found.follows == ()
    assert any(text.startswith(f"{unknown}, which rests on") for text in found.unchecked)


def test_other_predictions_than_those_that_were_sent_are_told_by_their_hash() -> None:
    other = verify_own(published("corr"), OwnSubmission(MODEL, np.full(len(IDS), 0.25)))
    assert [each.where for each in other.differences] == [f"submissions.json, content hash of model {MODEL}"]
