"""Verification: a bundle that was not touched is clean, and one changed number is found and named."""

import json
import shutil
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from coincurve import PublicKey

from scorer.evaluation.evaluate import evaluate
from scorer.evaluation.inputs import OnChain, RoundInputs, RoundResult
from scorer.evaluation.verify import Difference, differences
from scorer.isolation import SHARED_READER
from scorer.protocol.documents import to_hex
from scorer.protocol.predictions import HEADER_SIZE, header
from scorer.protocol.report import evidence_hash
from scorer.protocol.signature import SubmissionDigest
from scorer.rewards import settle
from scorer.storage.bundle import Bundle, BundleError
from scorer.storage.verification import verify_bundle
from tests.small_round import (
    AMOUNTS,
    CHAIN_ID,
    IDS,
    ROUND,
    TARGET,
    TOURNAMENT,
    UNKNOWN,
    UNSTAKED,
    WRONGLY_SIGNED,
    SmallRound,
    address_of,
    key_of,
    must_be_refused,
    predictions_of,
    sealed,
    submission,
)

Change = Callable[[Path], None]
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1."""
SUBMITTED = SmallRound().inputs().submissions.model_ids
"""The models in the order of their rows in submissions.npy."""


@pytest.fixture(scope="module")
def inputs() -> RoundInputs:
    return SmallRound().inputs()


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


def found_in(folder: Path, chain: OnChain | None = None) -> list[Difference]:
    return list(differences(Bundle(folder).published(), chain))


def on_chain(inputs: RoundInputs, result: RoundResult, **change: object) -> OnChain:
    """What the chain says once the round is settled as it should be."""
    reward = dict(
        zip(result.scores["model_id"].tolist(), result.scores["reward_score"].tolist(), strict=True)
    )
    lanes = [model for model in inputs.positions.models if model]
    chain = OnChain(
        terms=inputs.terms,
        report_hash=result.report.hash(),
        submitters=inputs.submitters,
        settled={model: reward.get(model, 0) if AMOUNTS.get(model) else 0 for model in lanes},
        is_settled=True,
        reserved=result.report.total_payout,
        paid=result.report.total_payout,
        burned=result.report.total_burn,
    )
    return replace(chain, **change)  # type: ignore[arg-type]


def test_a_bundle_that_nobody_touched_has_no_differences(folder: Path) -> None:
    assert found_in(folder) == []


def test_a_bundle_agrees_with_the_chain_it_was_settled_on(
    folder: Path, inputs: RoundInputs, result: RoundResult
) -> None:
    """Also where a model has a lane and a score but no position: it is settled at 0."""
    assert found_in(folder, on_chain(inputs, result)) == []


def test_a_bundle_agrees_with_a_chain_whose_pool_was_short(
    folder: Path, inputs: RoundInputs, result: RoundResult
) -> None:
    reserved = result.report.total_payout // 3
    short = settle(
        result.scores["position"].astype(np.uint64),
        result.scores["reward_score"].astype(np.int64),
        factor=inputs.terms.payout_factor,
        cap=inputs.terms.cap,
        available=reserved,
    )
    assert found_in(folder, on_chain(inputs, result, reserved=reserved, paid=short.total_payout)) == []


def test_a_bundle_agrees_with_a_chain_that_paid_silent_models_nothing(
    folder: Path, inputs: RoundInputs, result: RoundResult
) -> None:
    model, payout = best_paid(result)
    paid = result.report.total_payout - payout
    assert found_in(folder, on_chain(inputs, result, paid=paid, silent=frozenset({model}))) == []
    verified = verify_bundle(
        folder, on_chain(inputs, result, paid=paid, silent=frozenset({model})), SHARED_READER
    )
    assert verified.count == 0
    assert (
        f"silent: predictions were demanded and not shown, and positions came back whole, of model {model}"
        in (verified.agreement)
    )


@pytest.mark.parametrize(
    "is_silent", [True, False], ids=["paid though silent", "not paid though nobody is silent"]
)
def test_a_chain_that_pays_other_than_by_who_was_silent_differs(
    folder: Path, inputs: RoundInputs, result: RoundResult, *, is_silent: bool
) -> None:
    model, payout = best_paid(result)
    total = result.report.total_payout
    silent, paid = (frozenset({model}), total) if is_silent else (frozenset(), total - payout)
    (difference,) = found_in(folder, on_chain(inputs, result, paid=paid, silent=silent))
    assert difference.where == "chain, paid in nano-NMR"


def best_paid(result: RoundResult) -> tuple[int, int]:
    """Return the model that earns most, and its payout in nano-NMR."""
    row = int(np.argmax(result.scores["payout"]))
    return int(result.scores["model_id"][row]), int(result.scores["payout"][row])


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document))


def json_change(file: str, path: str, change: Callable[[Any], Any]) -> Change:
    """Change one field of a JSON document; `path` such as ``round.cap`` or ``0.submitter``."""

    def apply(folder: Path) -> None:
        document = read_json(folder / file)
        part, (*parents, last) = document, path.split(".")
        for name in parents:
            part = part[int(name) if isinstance(part, list) else name]
        place: Any = int(last) if isinstance(part, list) else last
        part[place] = change(part[place])
        write_json(folder / file, document)

    return apply


def cell_change(file: str, column: str, row: int, change: Callable[[Any], Any]) -> Change:
    """Change one cell of a table."""

    def apply(folder: Path) -> None:
        table = pd.read_parquet(folder / file)
        table.loc[row, column] = change(table.loc[row, column])
        table.to_parquet(folder / file, index=False)

    return apply


def prediction_change(row: int, column: int, change: Callable[[float], float]) -> Change:
    """Change one prediction in submissions.npy, by the number of its model's row and of its id."""

    def apply(folder: Path) -> None:
        at = HEADER_SIZE + 8 * (row * len(IDS) + column)
        with (folder / "submissions.npy").open("r+b") as file:
            file.seek(at)
            (value,) = struct.unpack("<d", file.read(8))
            file.seek(at)
            file.write(struct.pack("<d", change(value)))

    return apply


def next_up(value: float) -> float:
    """The smallest change a float64 knows."""
    return float(np.nextafter(value, 2))


def other_hex(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def score_row(model: int) -> int:
    models = [1, 2, 3, 4, 5, 6, 7, 13, 14]
    return models.index(model)


CORR = f"corr_{TARGET}"
MMC = f"mmc_{TARGET}"
CHANGES: dict[str, tuple[Change, str]] = {
    "a target": (
        cell_change("targets.parquet", TARGET, 17, lambda _: 0.3),
        f"targets.parquet, digest of column {TARGET}",
    ),
    "a target by the last bit": (
        cell_change("targets.parquet", TARGET, 899, next_up),
        f"targets.parquet, digest of column {TARGET}",
    ),
    "a target that is missing": (
        cell_change("targets.parquet", TARGET, 3, lambda _: np.nan),
        f"targets.parquet, digest of column {TARGET}",
    ),
    "an id of the targets": (
        cell_change("targets.parquet", "id", 2, lambda _: "id9999"),
        "targets.parquet, id in row 2",
    ),
    "a submission": (
        prediction_change(SUBMITTED.index(2), 0, lambda _: 0.125),
        "submissions.npy, predictions of model 2",
    ),
    "a submission by the last bit": (
        prediction_change(SUBMITTED.index(14), 899, next_up),
        "submissions.npy, predictions of model 14",
    ),
    "an id of the universe": (
        cell_change("universe.parquet", "id", 5, lambda _: "id0050"),
        "universe.parquet, id in row 5",
    ),
    "an id of the meta model": (
        cell_change("meta_model.parquet", "id", 899, lambda _: "id0050"),
        "meta_model.parquet, id in row 899",
    ),
    "a value of the meta model": (
        cell_change("meta_model.parquet", "meta_model", 12, next_up),
        "meta_model.parquet, id id012, meta_model",
    ),
    "a CORR": (
        cell_change("scores.parquet", CORR, score_row(13), next_up),
        f"scores.parquet, model 13, {CORR}",
    ),
    "an MMC": (cell_change("scores.parquet", MMC, 0, next_up), f"scores.parquet, model 1, {MMC}"),
    "a missing score": (
        cell_change("scores.parquet", CORR, score_row(7), lambda _: 0.0),
        f"scores.parquet, model 7, {CORR}",
    ),
    "a reward score": (
        cell_change("scores.parquet", "reward_score", score_row(2), lambda value: value + 1),
        "scores.parquet, model 2, reward_score",
    ),
    "a scored position": (
        cell_change("scores.parquet", "position", score_row(3), lambda value: value + 1),
        "scores.parquet, model 3, position",
    ),
    "a rate": (
        cell_change("scores.parquet", "rate", score_row(3), lambda value: -value),
        "scores.parquet, model 3, rate",
    ),
    "a payout": (
        cell_change("scores.parquet", "payout", 0, lambda value: value + 1),
        "scores.parquet, model 1, payout",
    ),
    "a burn": (
        cell_change("scores.parquet", "burn", score_row(14), lambda value: value - 1),
        "scores.parquet, model 14, burn",
    ),
    "a scored model": (
        cell_change("scores.parquet", "model_id", score_row(14), lambda _: 15),
        "scores.parquet, model 14, model_id",
    ),
    "a position": (
        cell_change("positions.parquet", "position", 1, lambda value: value + 1),
        "positions.parquet, position of model 2",
    ),
    "the model of a position": (
        cell_change("positions.parquet", "model_id", 1, lambda _: 15),
        "positions.parquet, position of model 2",
    ),
    "the model of a lane without position": (
        cell_change("positions.parquet", "model_id", 9, lambda _: 15),
        "positions.parquet, digest",
    ),
    "a content hash": (
        json_change("submissions.json", "2.content_hash", other_hex),
        "submissions.json, content hash of model 3",
    ),
    "a signature": (
        json_change(
            "submissions.json", "0.signature", lambda text: text[:10] + other_hex(text[10:12]) + text[12:]
        ),
        "submissions.json, digest of the signature of model 1",
    ),
    "the last byte of a signature": (
        json_change(
            "submissions.json", "1.signature", lambda text: text[:-2] + ("1c" if text[-2:] == "1b" else "1b")
        ),
        "submissions.json, digest of the signature of model 2",
    ),
    "the spelling of a signature": (
        json_change(
            "submissions.json", "1.signature", lambda text: text[:-2] + ("00" if text[-2:] == "1b" else "01")
        ),
        "submissions.json, digest of the signature of model 2",
    ),
    "a submitter": (
        json_change("submissions.json", "0.submitter", lambda _: address_of(2)),
        "verdicts.json, verdict on model 1",
    ),
    "a refusal less": (
        json_change("verdicts.json", "refused", lambda models: models[:-1]),
        f"verdicts.json, verdict on model {UNKNOWN}",
    ),
    "a refusal more": (
        json_change("verdicts.json", "refused", lambda models: [1, *models]),
        "verdicts.json, verdict on model 1",
    ),
    "another refusal": (
        json_change("verdicts.json", "refused.0", lambda _: 2),
        "verdicts.json, verdict on model 2",
    ),
    "a refusal of a model that sent nothing": (
        json_change("verdicts.json", "refused.1", lambda _: 98),
        "verdicts.json, verdict on model 98",
    ),
    "a refusal more, of a model that sent nothing": (
        json_change("verdicts.json", "refused", lambda models: [*models, 1_000]),
        "verdicts.json, verdict on model 1000",
    ),
    "the cap of the rules": (
        json_change("rules.json", "stake.cap", lambda _: "0.06"),
        "rules.json, stake.cap",
    ),
    "the threshold of the rules": (
        json_change("rules.json", "stake.threshold", lambda _: "72001"),
        "rules.json, stake.threshold",
    ),
    "the minimum position of the rules": (
        json_change("rules.json", "stake.minimum_position", lambda _: "0"),
        "rules.json, stake.minimum_position",
    ),
    "the horizon of the rules": (
        json_change("rules.json", "horizon.sessions", lambda _: 60),
        "rules.json, digest",
    ),
    "the name of the rules": (json_change("rules.json", "name", lambda _: "other"), "rules.json, digest"),
    "a term's round": (
        json_change("manifest.json", "round.round_id", lambda _: 6),
        "manifest.json, round.round_id",
    ),
    "a term's chain": (
        json_change("manifest.json", "round.chain_id", lambda _: 1),
        "manifest.json, round.chain_id",
    ),
    "a term's tournament": (
        json_change("manifest.json", "round.tournament", lambda _: address_of(1)),
        "manifest.json, round.tournament",
    ),
    "a term's rules": (
        json_change("manifest.json", "round.rules_hash", other_hex),
        "manifest.json, round.rules_hash",
    ),
    "a term's terms": (
        json_change("manifest.json", "round.terms_hash", other_hex),
        "manifest.json, digest",
    ),
    "a term's universe": (
        json_change("manifest.json", "round.universe", other_hex),
        "manifest.json, round.universe",
    ),
    "a term's root": (
        json_change("manifest.json", "round.submissions_root", other_hex),
        "manifest.json, round.submissions_root",
    ),
    "a term's head": (
        json_change("manifest.json", "round.positions_head", other_hex),
        "manifest.json, round.positions_head",
    ),
    "a term's total": (
        json_change("manifest.json", "round.at_risk", lambda _: "1"),
        "manifest.json, round.at_risk",
    ),
    "a term's valid total": (
        json_change("manifest.json", "round.valid_at_risk", lambda _: "1"),
        "manifest.json, round.valid_at_risk",
    ),
    "a term's payout factor": (
        json_change("manifest.json", "round.payout_factor", lambda value: value + 1),
        "manifest.json, round.payout_factor",
    ),
    "a term's cap": (json_change("manifest.json", "round.cap", lambda _: 40_000), "manifest.json, round.cap"),
    "a term's threshold": (
        json_change("manifest.json", "round.threshold", lambda _: "1"),
        "manifest.json, round.threshold",
    ),
    "a term's minimum": (
        json_change("manifest.json", "round.minimum_position", lambda _: "1"),
        "manifest.json, round.minimum_position",
    ),
    "the version of the manifest": (
        json_change("manifest.json", "manifest_version", lambda _: 1),
        "manifest.json, manifest_version",
    ),
    "a refusal in the manifest": (
        json_change("manifest.json", "refused.1", lambda _: 6),
        "manifest.json, refused.1",
    ),
    "no refusals in the manifest": (
        json_change("manifest.json", "refused", lambda _: []),
        "manifest.json, refused.0",
    ),
    "a digest of a submission": (
        json_change("manifest.json", "digests.submissions.3", other_hex),
        "manifest.json, digests.submissions.3",
    ),
    "a digest of a target": (
        json_change("manifest.json", f"digests.targets.{TARGET}", other_hex),
        f"manifest.json, digests.targets.{TARGET}",
    ),
    **{
        f"the digest of {name}": (
            json_change("manifest.json", f"digests.{name}", other_hex),
            f"manifest.json, digests.{name}",
        )
        for name in ("rules", "universe", "positions", "meta_model", "scores")
    },
    "the round of the report": (json_change("report.json", "round_id", lambda _: 6), "report.json, round_id"),
    "the chain of the report": (json_change("report.json", "chain_id", lambda _: 1), "report.json, chain_id"),
    "the tournament of the report": (
        json_change("report.json", "tournament", lambda _: address_of(1)),
        "report.json, tournament",
    ),
    "the version of the report": (json_change("report.json", "version", lambda _: 1), "report.json, version"),
    "the head of the report": (
        json_change("report.json", "scores_head", other_hex),
        "report.json, scores_head",
    ),
    "the payout of the report": (
        json_change("report.json", "total_payout", lambda text: str(int(text) + 1)),
        "report.json, total_payout",
    ),
    "the burn of the report": (
        json_change("report.json", "total_burn", lambda text: str(int(text) - 1)),
        "report.json, total_burn",
    ),
    "the evidence of the report": (
        json_change("report.json", "evidence_hash", other_hex),
        "report.json, evidence_hash",
    ),
    "the hash of the report": (
        json_change("report.json", "report_hash", other_hex),
        "report.json, report_hash",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_one_changed_value_is_found_and_named_first(what: str, folder: Path) -> None:
    change, where = CHANGES[what]
    change(folder)
    found = found_in(folder)
    assert found
    assert found[0].where == where
    assert str(found[0]) == f"{where}: expected {found[0].expected}, found {found[0].found}"


@pytest.mark.parametrize("value", [True, 2.0, "2", None])
@pytest.mark.parametrize(
    ("file", "name"), [("manifest.json", "manifest_version"), ("report.json", "version")]
)
def test_a_number_of_another_type_is_refused_by_its_name(
    file: str, name: str, value: object, folder: Path
) -> None:
    json_change(file, name, lambda _: value)(folder)
    with pytest.raises(BundleError, match=rf"{file}: .*expected a whole number(.* as {name})?, found"):
        found_in(folder)


def test_a_score_is_shown_as_it_should_be_and_as_it_is(folder: Path, result: RoundResult) -> None:
    cell_change("scores.parquet", "reward_score", score_row(2), lambda value: value + 1)(folder)
    right = int(result.scores["reward_score"][score_row(2)])
    assert (
        str(found_in(folder)[0])
        == f"scores.parquet, model 2, reward_score: expected {right}, found {right + 1}"
    )


def test_a_position_is_shown_as_it_was_scored_and_as_it_is(folder: Path) -> None:
    cell_change("positions.parquet", "position", 1, lambda value: value + 1)(folder)
    first = found_in(folder)[0]
    assert (first.expected, first.found) == (AMOUNTS[2], AMOUNTS[2] + 1)


def test_every_place_is_named_once(folder: Path) -> None:
    for change, _ in (
        CHANGES["a term's cap"],
        CHANGES["a target"],
        CHANGES["a payout"],
        CHANGES["the burn of the report"],
    ):
        change(folder)
    places = [difference.where for difference in found_in(folder)]
    assert len(places) == len(set(places)) >= 3


def retyped(file: str, column: str, kind: str) -> Change:
    def apply(folder: Path) -> None:
        table = pd.read_parquet(folder / file)
        table.astype({column: kind}).to_parquet(folder / file, index=False)

    return apply


def with_column(file: str, name: str) -> Change:
    def apply(folder: Path) -> None:
        table = pd.read_parquet(folder / file)
        table.assign(**{name: 0.5}).to_parquet(folder / file, index=False)

    return apply


def without_row(file: str, row: int) -> Change:
    def apply(folder: Path) -> None:
        pd.read_parquet(folder / file).drop(index=row).to_parquet(folder / file, index=False)

    return apply


def without_last_submission(folder: Path) -> None:
    entries = read_json(folder / "submissions.json")
    write_json(folder / "submissions.json", entries[:-1])
    rows = np.load(folder / "submissions.npy")[:-1]
    (folder / "submissions.npy").write_bytes(header(*rows.shape) + rows.tobytes())


SHAPES: dict[str, tuple[Change, str]] = {
    "scores in another type": (
        retyped("scores.parquet", "position", "float64"),
        "scores.parquet, model, type of position",
    ),
    "scores as text": (
        retyped("scores.parquet", "reward_score", "str"),
        "scores.parquet, model, type of reward_score",
    ),
    "a score column more": (with_column("scores.parquet", "bonus"), "scores.parquet, columns"),
    "a score column less": (
        lambda folder: (
            pd.read_parquet(folder / "scores.parquet")
            .drop(columns="model_id")
            .to_parquet(folder / "scores.parquet")
        ),
        "scores.parquet, columns",
    ),
    "a scored model less": (without_row("scores.parquet", 4), "scores.parquet, model, length of model_id"),
    "a target more": (with_column("targets.parquet", "another"), "targets.parquet, columns"),
    "an id of the targets less": (without_row("targets.parquet", 899), "targets.parquet, id in row 899"),
    "the first id of the universe less": (
        without_row("universe.parquet", 0),
        "universe.parquet, id in row 0",
    ),
    "targets in another order": (
        lambda folder: pd.read_parquet(folder / "targets.parquet")[::-1].to_parquet(
            folder / "targets.parquet", index=False
        ),
        "targets.parquet, id in row 0",
    ),
    "a submission dropped": (
        without_last_submission,
        f"submissions.json, content hash of model {UNKNOWN}",
    ),
    "a target of other rules": (
        json_change("rules.json", "factors", lambda factors: [{**factors[0], "target": "other"}]),
        f"targets.parquet, digest of column {TARGET}",
    ),
    "a manifest with more in it": (
        json_change("manifest.json", "round", lambda terms: {**terms, "bonus": 1}),
        "manifest.json, round.bonus",
    ),
    "a report with more in it": (
        lambda folder: write_json(folder / "report.json", {**read_json(folder / "report.json"), "bonus": 1}),
        "report.json, bonus",
    ),
}


@pytest.mark.parametrize("what", SHAPES)
def test_a_bundle_of_another_shape_is_found_and_named_first(what: str, folder: Path) -> None:
    change, where = SHAPES[what]
    change(folder)
    assert found_in(folder)[0].where == where


def rewrite(folder: Path, inputs: RoundInputs) -> RoundResult:
    """A whole bundle made anew, as a liar would who recomputes every hash."""
    result = evaluate(inputs)
    Bundle(folder).write(inputs, result)
    return result


def test_a_bundle_recomputed_from_another_target_agrees_with_itself_but_not_with_the_chain(
    folder: Path, inputs: RoundInputs, result: RoundResult
) -> None:
    forged = replace(inputs, targets={TARGET: inputs.targets[TARGET][::-1].copy()})
    liar = rewrite(folder, forged)
    assert found_in(folder) == []
    first = found_in(folder, on_chain(inputs, result))[0]
    assert first.where == "chain, accepted report hash"
    assert first.found == to_hex(liar.report.hash())


@pytest.mark.parametrize(
    ("path", "value"),
    [("digests.scores", "0x" + "00" * 32), ("manifest_version", 1), ("refused.1", UNSTAKED)],
)
def test_a_manifest_forged_together_with_its_report_is_named_by_its_field(
    path: str, value: object, folder: Path, result: RoundResult
) -> None:
    json_change("manifest.json", path, lambda _: value)(folder)
    evidence = evidence_hash(read_json(folder / "manifest.json"))
    write_json(folder / "report.json", replace(result.report, evidence_hash=evidence).to_json())
    assert found_in(folder)[0].where == f"manifest.json, {path}"


CHAINS: dict[str, tuple[Mapping[str, object], str]] = {
    "no report": ({"report_hash": None}, "chain, accepted report hash"),
    "another report": ({"report_hash": b"\1" * 32}, "chain, accepted report hash"),
    "another submitter": ({"submitters": {1: address_of(2)}}, "verdicts.json, verdict on model 1"),
    "another score": ({"settled": {2: 5}}, "chain, settled reward score of model 1"),
    "not settled yet": ({"settled": {}, "is_settled": False}, "chain, state"),
    "paid more": ({"paid": 1}, "chain, paid in nano-NMR"),
    "burned less": ({"burned": 1}, "chain, burned in nano-NMR"),
}


@pytest.mark.parametrize("what", CHAINS)
def test_a_chain_that_says_something_else_is_named(
    what: str, folder: Path, inputs: RoundInputs, result: RoundResult
) -> None:
    change, where = CHAINS[what]
    assert found_in(folder, on_chain(inputs, result, **change))[0].where == where


@pytest.mark.parametrize(
    "name",
    ["cap", "payout_factor", "at_risk", "valid_at_risk", "threshold", "minimum_position", "round_id"],
)
def test_a_term_that_the_chain_fixed_otherwise_is_named(
    name: str, folder: Path, inputs: RoundInputs, result: RoundResult
) -> None:
    terms = replace(inputs.terms, **{name: 1})  # type: ignore[arg-type]
    assert found_in(folder, on_chain(inputs, result, terms=terms))[0].where == f"chain, term, {name}"


@pytest.mark.parametrize("name", ["rules_hash", "terms_hash", "universe", "submissions_root"])
def test_a_hash_that_the_chain_fixed_otherwise_is_named(
    name: str, folder: Path, inputs: RoundInputs, result: RoundResult
) -> None:
    terms = replace(inputs.terms, **{name: b"\1" * 32})  # type: ignore[arg-type]
    assert found_in(folder, on_chain(inputs, result, terms=terms))[0].where == f"chain, term, {name}"


def test_the_submitter_of_a_refused_submission_is_held_against_the_chain(
    folder: Path, inputs: RoundInputs, result: RoundResult
) -> None:
    """Even where the file names who really signed, so that the refusal looks like a lie."""
    json_change("submissions.json", "4.submitter", lambda _: address_of(1))(folder)
    found = found_in(folder, on_chain(inputs, result))
    assert [each.where for each in found] == [f"chain, submitter of model {WRONGLY_SIGNED}"]


def test_scores_settled_so_far_are_compared_before_the_round_is_settled(
    folder: Path, inputs: RoundInputs, result: RoundResult
) -> None:
    right = on_chain(inputs, result).settled
    partly = {13: right[13], 14: right[14] + 1}
    found = found_in(folder, on_chain(inputs, result, settled=partly, is_settled=False))
    assert [difference.where for difference in found] == [
        "chain, settled reward score of model 14",
        "chain, state",
    ]


def test_a_submitter_that_changed_after_the_signature_leaves_an_honest_bundle_clean(tmp_path: Path) -> None:
    """What counts is whom the chain named, not whom the sender named."""
    inputs = SmallRound().inputs()
    inputs = replace(inputs, submitters={**inputs.submitters, 1: address_of(19)})
    assert 1 in must_be_refused(inputs)
    inputs = sealed(inputs, must_be_refused(inputs))
    result = rewrite(tmp_path / "5", inputs)
    assert found_in(tmp_path / "5", on_chain(inputs, result)) == []


def test_a_sender_who_lies_about_the_submitter_spoils_no_bundle(tmp_path: Path) -> None:
    lie = replace(SmallRound().entries[1], submitter=address_of(19))
    inputs = SmallRound().having(lie).inputs()
    result = rewrite(tmp_path / "5", inputs)
    assert 1 not in inputs.refused
    assert found_in(tmp_path / "5", on_chain(inputs, result)) == []


@pytest.mark.parametrize("model", [WRONGLY_SIGNED, UNKNOWN])
def test_a_quorum_that_lets_a_strangers_signature_count_is_named(
    model: int, inputs: RoundInputs, tmp_path: Path
) -> None:
    """All files, the report and the chain agree with one another: it is the seal that lies."""
    assert_lie_is_named(model, inputs, tmp_path / "5")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5, -0.25])
def test_a_quorum_that_lets_unfit_predictions_count_is_named(value: float, tmp_path: Path) -> None:
    wrong = predictions_of(2).copy()
    wrong[7] = value
    assert_lie_is_named(2, SmallRound().having(submission(2, wrong)).inputs(), tmp_path / "5")


def assert_lie_is_named(model: int, honest: RoundInputs, folder: Path) -> None:
    """Where a quorum let a submission count that must not, verification says so and nothing else."""
    reason = must_be_refused(honest)[model]
    lie = sealed(honest, honest.refused - {model})
    result = rewrite(folder, lie)
    expected = f"verdicts.json, verdict on model {model}: expected a refusal: {reason}, found none"
    for chain in (None, on_chain(lie, result)):
        assert [str(each) for each in found_in(folder, chain)] == [expected]


def test_every_verdict_of_a_quorum_that_refuses_nobody_is_held_against_the_signatures(
    inputs: RoundInputs, tmp_path: Path
) -> None:
    rewrite(tmp_path / "5", sealed(inputs, ()))
    assert [each.where for each in found_in(tmp_path / "5")] == [
        f"verdicts.json, verdict on model {model}" for model in (WRONGLY_SIGNED, UNKNOWN)
    ]


def test_a_lie_cannot_be_taken_back_in_the_bundle_alone(inputs: RoundInputs, tmp_path: Path) -> None:
    """The seal is on the chain: a bundle that refuses what the quorum let count is of another round."""
    lie = sealed(inputs, inputs.refused - {WRONGLY_SIGNED})
    settled = evaluate(lie)
    rewrite(tmp_path / "5", inputs)
    found = [each.where for each in found_in(tmp_path / "5", on_chain(lie, settled))]
    assert found[0] == "chain, term, submissions_root"
    assert "chain, accepted report hash" in found


def test_a_submission_that_a_quorum_refused_for_another_reason_verifies(tmp_path: Path) -> None:
    """Gates look at other rounds, so that no bundle tells whether they were right."""
    inputs = SmallRound(refused=frozenset({1})).inputs()
    result = rewrite(tmp_path / "5", inputs)
    assert 1 in inputs.refused
    assert 1 not in must_be_refused(inputs)
    assert found_in(tmp_path / "5", on_chain(inputs, result)) == []


def test_predictions_of_a_refused_submission_may_be_others_than_those_signed(
    folder: Path, inputs: RoundInputs, result: RoundResult
) -> None:
    """Nothing is made of them; that they are not what was signed may be why they are refused."""
    prediction_change(SUBMITTED.index(WRONGLY_SIGNED), 5, lambda _: 0.125)(folder)
    assert found_in(folder, on_chain(inputs, result)) == []


def test_a_mirrored_signature_is_not_the_signature(folder: Path) -> None:
    """The group's order less s, and the other v: the same key by the curve, but a changed file."""

    def mirror(text: str) -> str:
        signature = bytes.fromhex(text[2:])
        high = (ORDER - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
        return to_hex(signature[:32] + high + bytes([55 - signature[64]]))

    json_change("submissions.json", "0.signature", mirror)(folder)
    assert found_in(folder)[0].where == "submissions.json, digest of the signature of model 1"


def signed_with_nonce(digest: bytes, key: int, nonce: int) -> bytes:
    """ECDSA over secp256k1 with a chosen nonce, in the spelling that counts."""
    x, y = PublicKey.from_secret(nonce.to_bytes(32, "big")).point()
    s = pow(nonce, -1, ORDER) * (int.from_bytes(digest, "big") + x * key) % ORDER
    odd = y % 2 if s <= ORDER // 2 else 1 - y % 2
    return x.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big") + bytes([27 + odd])


def test_another_good_signature_by_the_same_key_is_not_the_one_that_was_sealed(folder: Path) -> None:
    entry = SmallRound().entries[1]
    digest = SubmissionDigest(CHAIN_ID, TOURNAMENT, ROUND, 1, entry.content_hash)
    signature = signed_with_nonce(digest.digest(), int.from_bytes(key_of(1), "big"), nonce=7)
    assert signature != entry.signature
    assert digest.signer(signature) == address_of(1)
    json_change("submissions.json", "0.signature", lambda _: to_hex(signature))(folder)
    assert found_in(folder)[0].where == "submissions.json, digest of the signature of model 1"


def test_a_submission_with_missing_values_that_was_refused_verifies(tmp_path: Path) -> None:
    wrong = predictions_of(UNSTAKED).copy()
    wrong[7] = np.nan
    inputs = SmallRound().having(submission(UNSTAKED, wrong)).inputs()
    rewrite(tmp_path / "5", inputs)
    assert UNSTAKED in inputs.refused
    assert found_in(tmp_path / "5") == []


def test_a_round_that_nobody_entered_verifies(tmp_path: Path) -> None:
    rewrite(tmp_path / "5", SmallRound(entries={}).inputs())
    assert found_in(tmp_path / "5") == []
