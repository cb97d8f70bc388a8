"""A round's evaluation: everything adds up, no model touches another, and no file of another round passes."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from eth_hash.auto import keccak

from scorer.evaluation.commitments import input_digests
from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import InputsMismatch, Positions, RoundInputs, RoundResult, RoundTerms
from scorer.protocol.chunks import EMPTY_HEAD, Chunk, pack_scores, push
from scorer.protocol.digest import json_digest, table_digest
from scorer.protocol.rules import rules_from
from scorer.protocol.submissions import Submissions
from scorer.scoring import score_submissions, stake_weighted_meta_model
from tests.small_round import (
    AMOUNTS,
    CONSTANT,
    GOOD,
    IDS,
    SILENT,
    SUBMITTERS,
    TARGET,
    UNKNOWN,
    UNSTAKED,
    WRONGLY_SIGNED,
    SmallRound,
    address_of,
    must_be_refused,
    positions_of,
    predictions_of,
    sealed,
    submission,
)

CORR, MMC = f"corr_{TARGET}", f"mmc_{TARGET}"


@pytest.fixture(scope="module")
def inputs() -> RoundInputs:
    return SmallRound().inputs()


@pytest.fixture(scope="module")
def result(inputs: RoundInputs) -> RoundResult:
    return evaluate(inputs)


def rows(result: RoundResult) -> dict[int, dict[str, Any]]:
    """scores.parquet by model."""
    columns = {name: column.tolist() for name, column in result.scores.items()}
    return {
        model: {name: columns[name][row] for name in columns} for row, model in enumerate(columns["model_id"])
    }


def same(one: object, other: object) -> bool:
    return one == other or (one != one and other != other)


def test_a_row_is_there_for_every_model_that_submitted_validly_or_has_a_position(result: RoundResult) -> None:
    assert list(rows(result)) == sorted({*GOOD, CONSTANT, UNSTAKED, *AMOUNTS})


def test_scores_are_those_of_the_scoring_room_for_the_valid_submissions(
    inputs: RoundInputs, result: RoundResult
) -> None:
    valid = [model for model in SUBMITTERS if model not in (WRONGLY_SIGNED, UNKNOWN)]
    matrix = np.stack([predictions_of(model) for model in valid])
    stakes = np.array([AMOUNTS.get(model, 0) for model in valid], dtype=np.uint64)
    meta_model = stake_weighted_meta_model(matrix, stakes)
    scored = score_submissions(matrix, inputs.targets[TARGET], meta_model)
    assert result.meta_model.tolist() == meta_model.tolist()
    for row, model in enumerate(valid):
        assert same(rows(result)[model][CORR], scored.corr[row])
        assert same(rows(result)[model][MMC], scored.mmc[row])


def test_a_reward_score_is_half_corr_and_twice_mmc(result: RoundResult) -> None:
    for model in (*GOOD, UNSTAKED):
        row = rows(result)[model]
        assert row["reward_score"] == round((0.5 * row[CORR] + 2.0 * row[MMC]) * 1e6)


def test_every_outcome_is_the_plain_formula_of_its_position_and_score(
    inputs: RoundInputs, result: RoundResult
) -> None:
    factor, cap = inputs.terms.payout_factor, inputs.terms.cap
    assert factor < 10**6
    for model, row in rows(result).items():
        magnitude = min(abs(row["reward_score"]) * factor // 10**6, cap)
        amount = AMOUNTS.get(model, 0) * magnitude // 10**6
        gains = row["reward_score"] > 0
        assert row["position"] == AMOUNTS.get(model, 0)
        assert row["rate"] == (magnitude if gains else -magnitude)
        assert (row["payout"], row["burn"]) == ((amount, 0) if gains else (0, amount))


def test_the_round_has_both_payouts_and_burns_and_one_clipped_rate(
    inputs: RoundInputs, result: RoundResult
) -> None:
    """Otherwise the tests above would prove little."""
    rates = result.scores["rate"]
    assert result.report.total_payout > 0
    assert result.report.total_burn > 0
    assert (np.abs(rates) == inputs.terms.cap).any()
    assert ((np.abs(rates) < inputs.terms.cap) & (rates != 0)).any()


def test_the_report_adds_up_the_table(inputs: RoundInputs, result: RoundResult) -> None:
    report = result.report
    assert report.total_payout == sum(result.scores["payout"].tolist())
    assert report.total_burn == sum(result.scores["burn"].tolist())
    assert (report.chain_id, report.tournament, report.round_id) == (
        inputs.terms.chain_id,
        inputs.terms.tournament,
        inputs.terms.round_id,
    )
    assert report.evidence_hash == keccak(json_digest(result.manifest) + bytes(32))


def test_the_scores_head_is_pushed_chunk_by_chunk_in_the_order_of_locking(result: RoundResult) -> None:
    reward = {model: row["reward_score"] if row["position"] else 0 for model, row in rows(result).items()}
    head = EMPTY_HEAD
    for slot, models in ((0, (1, 2, 3, 4, 5, 6, 7, 0)), (3, (13, 0, 14, 0))):
        scores = np.array([reward.get(model, 0) for model in models], dtype=np.int64)
        head = push(head, slot, pack_scores(scores))
    assert result.report.scores_head == head


def test_a_model_without_a_position_is_scored_but_not_settled(result: RoundResult) -> None:
    row = rows(result)[UNSTAKED]
    assert row["reward_score"] != 0
    assert (row["position"], row["payout"], row["burn"]) == (0, 0, 0)
    assert result.chunk_scores[0][5] == 0


@pytest.mark.parametrize("model", [CONSTANT, WRONGLY_SIGNED, SILENT])
def test_a_model_without_a_score_gets_its_position_back_whole(model: int, result: RoundResult) -> None:
    row = rows(result)[model]
    assert row["position"] == AMOUNTS[model]
    assert (row["reward_score"], row["rate"], row["payout"], row["burn"]) == (0, 0, 0, 0)
    assert np.isnan(row[CORR])


def test_refusals_say_whose_signature_was_expected_and_found(inputs: RoundInputs) -> None:
    assert must_be_refused(inputs) == {
        WRONGLY_SIGNED: (
            f"expected the signature of {address_of(WRONGLY_SIGNED)}, "
            f"found that of {entry_signer(WRONGLY_SIGNED)}"
        ),
        UNKNOWN: (
            f"expected the signature of a submitter of a known model, found that of {address_of(UNKNOWN)}"
        ),
    }


def test_the_manifest_lists_the_models_refused_at_the_seal(result: RoundResult) -> None:
    assert result.manifest["refused"] == [WRONGLY_SIGNED, UNKNOWN]


def test_predictions_other_than_those_signed_are_refused(inputs: RoundInputs) -> None:
    assert must_be_refused(with_changed_predictions(inputs))[2] == (
        "expected the predictions that were signed, found others"
    )


@pytest.mark.parametrize("model", [1, 13, CONSTANT, UNSTAKED])
def test_a_submission_that_a_quorum_refused_is_as_none(model: int) -> None:
    """As gates have it: nobody forged anything, and still it does not count."""
    refused, absent = SmallRound(refused=frozenset({model})).inputs(), SmallRound().without(model).inputs()
    assert refused.terms.valid_at_risk == absent.terms.valid_at_risk
    one, other = evaluate(refused), evaluate(absent)
    assert one.manifest["refused"] == sorted((model, WRONGLY_SIGNED, UNKNOWN))
    assert table_digest(one.scores) == table_digest(other.scores)
    assert one.meta_model.tolist() == other.meta_model.tolist()
    assert one.report.scores_head == other.report.scores_head


def test_what_counts_is_the_verdict_of_the_quorum_even_where_it_is_wrong(inputs: RoundInputs) -> None:
    """The chain took the seal: everybody scores what it says, and verification names who lied."""
    lie = sealed(inputs, {UNKNOWN})
    found = evaluate(lie)
    assert lie.terms.valid_at_risk == inputs.terms.valid_at_risk + AMOUNTS[WRONGLY_SIGNED]
    assert found.manifest["refused"] == [UNKNOWN]
    assert rows(found)[WRONGLY_SIGNED]["reward_score"] != 0


def test_the_payout_factor_is_made_of_what_counts(inputs: RoundInputs) -> None:
    terms = inputs.terms
    silent = sum(AMOUNTS[model] for model in (WRONGLY_SIGNED, SILENT))
    assert terms.valid_at_risk == terms.at_risk - silent
    assert terms.payout_factor == terms.threshold * 10**6 // terms.valid_at_risk


def entry_signer(model: int) -> str | None:
    inputs = SmallRound().inputs()
    entry = SmallRound().entries[model]
    return entry.signer(inputs.terms.chain_id, inputs.terms.tournament, inputs.terms.round_id)


def others_of(result: RoundResult, model: int) -> dict[int, dict[str, Any]]:
    return {other: row for other, row in rows(result).items() if other != model}


@pytest.mark.parametrize("model", [WRONGLY_SIGNED, UNSTAKED, UNKNOWN])
def test_a_refused_or_unstaked_model_changes_nothing_for_the_others(model: int, result: RoundResult) -> None:
    assert_same_but(model, SmallRound(), result)


@pytest.mark.parametrize("model", [WRONGLY_SIGNED, CONSTANT, UNSTAKED, UNKNOWN])
def test_a_refused_constant_or_unstaked_model_changes_nothing_for_others_below_the_threshold(
    model: int,
) -> None:
    """A constant model's stake counts, as it was risked: above the threshold it lowers the payout factor."""
    halves = SmallRound(positions=positions_of({each: amount // 2 for each, amount in AMOUNTS.items()}))
    assert halves.inputs().terms.payout_factor == 10**6
    assert_same_but(model, halves, evaluate(halves.inputs()))


def test_a_constant_model_changes_no_score_of_the_others(result: RoundResult) -> None:
    without = others_of(evaluate(SmallRound().without(CONSTANT).inputs()), CONSTANT)
    with_it = others_of(result, CONSTANT)
    assert list(without) == list(with_it)
    for other in without:
        for name in without[other].keys() - {"rate", "payout", "burn"}:
            assert same(without[other][name], with_it[other][name])


def assert_same_but(model: int, whole: SmallRound, result: RoundResult) -> None:
    """Everybody else has the same row where this model sent nothing."""
    without = others_of(evaluate(whole.without(model).inputs()), model)
    with_it = others_of(result, model)
    assert list(without) == list(with_it)
    for other in without:
        assert all(same(without[other][name], with_it[other][name]) for name in without[other])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5, -0.25])
def test_signed_predictions_that_no_operator_should_have_taken_are_refused(
    value: float, result: RoundResult
) -> None:
    wrong = predictions_of(UNSTAKED).copy()
    wrong[3] = value
    inputs = SmallRound().having(submission(UNSTAKED, wrong)).inputs()
    assert must_be_refused(inputs)[UNSTAKED] == "expected predictions within [0, 1], found others"
    found = evaluate(inputs)
    assert found.manifest["refused"] == [WRONGLY_SIGNED, UNSTAKED, UNKNOWN]
    assert others_of(found, UNSTAKED).keys() == others_of(result, UNSTAKED).keys()
    for model, row in others_of(found, UNSTAKED).items():
        assert all(same(row[name], rows(result)[model][name]) for name in row)


def test_a_round_whose_only_stake_is_on_a_missing_value_is_still_scored() -> None:
    wrong = predictions_of(1).copy()
    wrong[0] = np.nan
    found = evaluate(
        replace(SmallRound().having(submission(1, wrong)), positions=positions_of({1: AMOUNTS[1]})).inputs()
    )
    assert np.isnan(found.meta_model).all()
    assert (found.report.total_payout, found.report.total_burn) == (0, 0)


def test_the_sign_of_a_zero_changes_no_score_because_it_changes_no_hash() -> None:
    plus, minus = predictions_of(2).copy(), predictions_of(2).copy()
    plus[:3], minus[:3] = 0.0, -0.0
    one = evaluate(SmallRound().having(submission(2, plus)).inputs())
    other = evaluate(SmallRound().having(submission(2, minus)).inputs())
    assert one.report == other.report


def test_the_order_in_which_submissions_arrive_is_irrelevant(result: RoundResult) -> None:
    shuffled = SmallRound(entries=dict(reversed(list(SmallRound().entries.items()))))
    assert evaluate(shuffled.inputs()).report == result.report


def test_evaluating_twice_gives_the_same_report(inputs: RoundInputs, result: RoundResult) -> None:
    assert evaluate(inputs).report == result.report
    assert evaluate(SmallRound().inputs()).report.hash() == result.report.hash()


def test_a_report_never_changes_from_release_to_release(result: RoundResult) -> None:
    """If this fails, members of a committee that run different versions disagree."""
    assert result.report.hash().hex() == "b82628c700b6c44ec36a2c1ead350a2043621341991b645122dfebe35874bf07"


def test_another_boundary_between_chunks_changes_no_outcome(result: RoundResult) -> None:
    positions = SmallRound().positions
    first = positions.chunks[0]
    halves = (Chunk(0, first.positions[:4]), Chunk(1, first.positions[4:]))
    split = Positions((*halves, positions.chunks[1]), positions.models)
    found = evaluate(SmallRound(positions=split).inputs())
    assert rows(found).keys() == rows(result).keys()
    assert table_digest(found.scores) == table_digest(result.scores)
    assert found.report.scores_head != result.report.scores_head


def test_a_round_without_submissions_returns_every_position() -> None:
    found = evaluate(SmallRound(entries={}).inputs())
    assert list(rows(found)) == sorted(AMOUNTS)
    assert (found.report.total_payout, found.report.total_burn) == (0, 0)
    assert np.isnan(found.meta_model).all()


def test_a_round_without_positions_scores_and_pays_nothing() -> None:
    found = evaluate(SmallRound(positions=Positions((), ())).inputs())
    assert found.report.scores_head == EMPTY_HEAD
    assert (found.report.total_payout, found.report.total_burn) == (0, 0)
    assert np.isfinite([rows(found)[model][CORR] for model in GOOD]).all()
    assert np.isnan([rows(found)[model][MMC] for model in GOOD]).all()


def test_a_constant_target_scores_nobody() -> None:
    found = evaluate(SmallRound(target=np.full(len(IDS), 0.5)).inputs())
    assert (found.report.total_payout, found.report.total_burn) == (0, 0)


def test_factors_on_two_targets_each_have_their_column() -> None:
    document: dict[str, Any] = json.loads(SmallRound().rules.canonical_json())
    document["factors"].append({"score": "corr", "target": "target_60d2l", "multiplier": "1"})
    rules = rules_from(document, "two targets")
    inputs = SmallRound(rules=rules).inputs()
    other = inputs.targets[TARGET][::-1].copy()
    found = evaluate(replace(inputs, targets={TARGET: inputs.targets[TARGET], "target_60d2l": other}))
    expected = score_submissions(predictions_of(1)[np.newaxis], other).corr[0]
    assert rows(found)[1]["corr_target_60d2l"] == expected
    assert list(found.manifest["digests"]["targets"]) == [TARGET, "target_60d2l"]


def test_targets_that_no_rule_names_do_not_count(inputs: RoundInputs, result: RoundResult) -> None:
    more = {**inputs.targets, "another": np.zeros(len(IDS))}
    assert evaluate(replace(inputs, targets=more)).report == result.report


def with_terms(**change: object) -> Callable[[RoundInputs], RoundInputs]:
    return lambda inputs: replace(inputs, terms=replace(inputs.terms, **change))  # type: ignore[arg-type]


def with_refused(*models: int) -> Callable[[RoundInputs], RoundInputs]:
    return lambda inputs: replace(inputs, refused=frozenset(models))


def with_targets(targets: Mapping[str, Any]) -> Callable[[RoundInputs], RoundInputs]:
    return lambda inputs: replace(inputs, targets=targets)


def with_submissions(universe: tuple[str, ...]) -> Callable[[RoundInputs], RoundInputs]:
    return lambda inputs: replace(inputs, submissions=Submissions(universe, inputs.submissions.entries))


def with_changed_predictions(inputs: RoundInputs) -> RoundInputs:
    entries = list(inputs.submissions.entries)
    changed = np.array(entries[1].predictions)
    changed[0] = np.nextafter(changed[0], 1)
    entries[1] = replace(entries[1], predictions=changed)
    return replace(inputs, submissions=Submissions(IDS, tuple(entries)))


def without_last_submission(inputs: RoundInputs) -> RoundInputs:
    return replace(inputs, submissions=Submissions(IDS, inputs.submissions.entries[:-1]))


def with_models_swapped(inputs: RoundInputs) -> RoundInputs:
    amounts = {**AMOUNTS, 1: AMOUNTS[2], 2: AMOUNTS[1]}
    return replace(inputs, positions=positions_of(amounts))


def with_signature(change: Callable[[bytes], bytes]) -> Callable[[RoundInputs], RoundInputs]:
    def changed(inputs: RoundInputs) -> RoundInputs:
        first, *others = inputs.submissions.entries
        first = replace(first, signature=change(first.signature))
        return replace(inputs, submissions=Submissions(IDS, (first, *others)))

    return changed


NAN_TARGET = np.where(np.arange(len(IDS)) == 4, np.nan, 0.5)
MISMATCHES: dict[str, tuple[Callable[[RoundInputs], RoundInputs], str]] = {
    "rules": (with_terms(rules_hash=b"\1" * 32), "^rules hash: expected 0101"),
    "cap": (with_terms(cap=40_000), "^cap in ppm: expected 40000, found 50000"),
    "threshold": (with_terms(threshold=1), "^threshold in nano-NMR: expected 1, found 72000000000000"),
    "minimum": (with_terms(minimum_position=1), "^minimum position in nano-NMR: expected 1, found 10000000"),
    "payout factor": (with_terms(payout_factor=10**6), "^payout factor in ppm: expected 1000000, found "),
    "positions": (with_models_swapped, "^positions head: expected "),
    "positions head": (with_terms(positions_head=b"\1" * 32), "^positions head: expected 0101"),
    "root": (with_terms(submissions_root=b"\1" * 32), "^submissions root: expected 0101"),
    "signature of zeros": (with_signature(lambda _: bytes(65)), "^submissions root: expected "),
    "signature in another spelling": (
        with_signature(lambda good: good[:64] + bytes([good[64] - 27])),
        "^submissions root: expected ",
    ),
    "no signature": (with_signature(lambda _: b""), "^submissions root: expected "),
    "submission left out": (without_last_submission, "^submissions root: expected "),
    "predictions": (
        with_changed_predictions,
        r"^predictions: expected those that were signed, found others from model 2$",
    ),
    "universe order": (
        with_submissions(IDS[::-1]),
        "^universe: expected sorted ids, each once, found another order",
    ),
    "universe twice": (with_submissions((*IDS[:-1], IDS[-2])), "^universe: expected sorted ids"),
    "universe empty": (with_submissions(()), "^universe: expected sorted ids, each once, found no ids"),
    "universe ids": (with_submissions((*IDS[:-1], "id999")), "^digest of the universe: expected "),
    "universe digest": (with_terms(universe=b"\1" * 32), "^digest of the universe: expected 0101"),
    "a refusal less": (with_refused(UNKNOWN), "^submissions root: expected "),
    "a refusal more": (with_refused(1, WRONGLY_SIGNED, UNKNOWN), "^submissions root: expected "),
    "another refusal": (with_refused(1, UNKNOWN), "^submissions root: expected "),
    "a refusal of a model that sent nothing": (
        lambda inputs: replace(inputs, refused=inputs.refused | {1_000}),
        r"^refused models that sent nothing: expected \[\], found \[1000\]$",
    ),
    "no targets": (with_targets({}), f"^targets: expected {TARGET}, found none"),
    "other targets": (with_targets({"x": NAN_TARGET}), f"^targets: expected {TARGET}, found x"),
    "missing value": (
        with_targets({TARGET: NAN_TARGET}),
        f"^target {TARGET}: expected 900 finite values, found 900 values, 1 not finite",
    ),
    "short target": (
        with_targets({TARGET: NAN_TARGET[:4]}),
        f"^target {TARGET}: expected 900 finite values, found 4 values, 0 not finite",
    ),
}


@pytest.mark.parametrize("what", MISMATCHES)
def test_files_that_the_chain_did_not_commit_to_are_refused(what: str, inputs: RoundInputs) -> None:
    change, message = MISMATCHES[what]
    with pytest.raises(InputsMismatch, match=message):
        evaluate(change(inputs))


def test_a_total_at_risk_that_the_positions_do_not_add_up_to_is_refused(inputs: RoundInputs) -> None:
    at_risk = inputs.terms.at_risk
    with pytest.raises(
        InputsMismatch, match=f"^total at risk in nano-NMR: expected {at_risk - 1}, found {at_risk}"
    ):
        evaluate(with_terms(at_risk=at_risk - 1)(inputs))


def test_a_valid_stake_that_what_counts_does_not_add_up_to_is_refused(inputs: RoundInputs) -> None:
    valid = inputs.terms.valid_at_risk
    factor = inputs.terms.threshold * 10**6 // (valid - 1)
    with pytest.raises(
        InputsMismatch, match=f"^valid at risk in nano-NMR: expected {valid - 1}, found {valid}"
    ):
        evaluate(with_terms(valid_at_risk=valid - 1, payout_factor=factor)(inputs))


def test_predictions_of_a_refused_submission_may_be_others_than_those_signed(inputs: RoundInputs) -> None:
    """That may be why it is refused, and nothing is made of them."""
    changed = sealed(with_changed_predictions(inputs), (2, WRONGLY_SIGNED, UNKNOWN))
    assert evaluate(changed).report == evaluate(sealed(inputs, changed.refused)).report


@pytest.mark.parametrize("change", [{"chain_id": 1}, {"round_id": 6}, {"tournament": address_of(1)}])
def test_a_round_of_another_name_refuses_every_submission(
    change: dict[str, object], inputs: RoundInputs
) -> None:
    """Its signatures are those of strangers: nobody pays or burns."""
    other = with_terms(**change)(inputs)
    assert set(must_be_refused(other)) == set(SUBMITTERS)
    found = evaluate(sealed(other, must_be_refused(other)))
    assert (found.report.total_payout, found.report.total_burn) == (0, 0)


def test_the_manifest_names_the_digest_of_every_input(inputs: RoundInputs, result: RoundResult) -> None:
    digests = result.manifest["digests"]
    assert input_digests(inputs).items() <= digests.items()
    assert set(digests) == {
        "rules",
        "universe",
        "submissions",
        "signatures",
        "targets",
        "positions",
        "meta_model",
        "scores",
    }
    assert set(digests["signatures"]) == set(digests["submissions"])
    assert set(digests["submissions"]) == {str(model) for model in SUBMITTERS}
    assert RoundTerms.from_json(result.manifest["round"]) == inputs.terms


def test_a_manifest_survives_the_way_through_json(result: RoundResult) -> None:
    assert json.loads(json.dumps(result.manifest)) == result.manifest


def test_positions_survive_the_way_through_their_table() -> None:
    positions = SmallRound().positions
    again = Positions.from_columns(positions.columns())
    assert again.columns().keys() == positions.columns().keys()
    assert again.head == positions.head
    assert again.models == positions.models
    assert Positions.from_columns(Positions((), ()).columns()).chunks == ()


BAD_COLUMNS: list[tuple[str, int, int, str]] = [
    ("lane", 1, 2, "column lane, row 1: expected 1, found 2"),
    ("lane", 0, 4, "column lane, row 1: expected 5, found 1"),
    ("chunk", 0, 1, "expected positions of whole slots"),
    ("chunk", 11, 0, "expected positions of whole slots"),
    ("model_id", 0, 2, "expected one lane a model, found more for the models"),
    ("model_id", 0, 0, "expected a model for every position"),
]


@pytest.mark.parametrize(("name", "row", "value", "reason"), BAD_COLUMNS)
def test_a_table_that_is_of_no_positions_is_refused(name: str, row: int, value: int, reason: str) -> None:
    columns = {key: column.copy() for key, column in SmallRound().positions.columns().items()}
    columns[name][row] = value
    with pytest.raises(ValueError, match=reason):
        Positions.from_columns(columns)


def test_positions_in_another_type_are_refused() -> None:
    columns: dict[str, Any] = dict(SmallRound().positions.columns())
    columns["position"] = columns["position"].astype(np.float64)
    with pytest.raises(ValueError, match="column position: expected uint64, found float64"):
        Positions.from_columns(columns)


def test_every_lane_of_positions_has_its_entry() -> None:
    with pytest.raises(ValueError, match="expected a model or 0 for each of 12 lanes, found 11"):
        Positions(SmallRound().positions.chunks, SmallRound().positions.models[:-1])
