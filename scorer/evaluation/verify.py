"""Recompute a bundle and say what differs, first things first."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.commitments import input_digests, refusals_of
from scorer.evaluation.evaluate import evaluate, meta_model_digest
from scorer.evaluation.inputs import InputsMismatch, OnChain, Published, RoundInputs, RoundResult
from scorer.evaluation.restate import restate
from scorer.protocol.digest import table_digest, universe_digest
from scorer.protocol.documents import document_differences, shown, to_hex
from scorer.protocol.report import Report, evidence_hash
from scorer.rewards import payout_factor, settle

MOST_SHOWN: Final = 300
"""Characters of a value that a difference shows."""
FORM: Final = "the Parquet file that cupel writes of its columns, which all readers read alike"


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be."""

    where: str
    expected: object
    found: object

    def __str__(self) -> str:
        where, expected, found = (shown(each, MOST_SHOWN) for each in (self.where, self.expected, self.found))
        return f"{where}: expected {expected}, found {found}"


def differences(published: Published, chain: OnChain | None = None) -> Iterator[Difference]:
    """Everything in which a bundle differs from its own recomputation and from the chain.

    What was changed comes first, as far as the hashes that bind the files together show: the manifest, if
    the report does not name its digest; then inputs; then results model by model; then the report; then the
    chain. Each place is named once.

    Parameters
    ----------
    chain
        None: the bundle is held against itself only, which proves that it is consistent, not that it is the
        one that was settled.
    """
    reported = set()
    for difference in _all_differences(published, chain):
        if difference.where not in reported:
            reported.add(difference.where)
            yield difference


def _all_differences(published: Published, chain: OnChain | None) -> Iterator[Difference]:
    is_withheld = published.inputs.submissions.is_withheld
    try:
        result, mismatch = restate(published) if is_withheld else evaluate(published.inputs), None
    except InputsMismatch as error:
        result, mismatch = None, error
    yield from _manifest_differences(published, result)
    yield from _input_differences(published)
    if mismatch is not None:
        claimed, found = published.manifest["refused"], published.inputs.refused
        yield from _keyed("verdicts.json, verdict on model", *map(_refusals, (claimed, found)))
        yield Difference(f"inputs, {mismatch.what}", mismatch.expected, mismatch.found)
    if result is not None:
        yield from _result_differences(published, result, _must_be_refused(published.inputs, chain))
    yield from _report_differences(published, result)
    if chain is not None:
        yield from _chain_differences(published, chain)
    if chain is not None and result is not None:
        yield from _settlement_differences(result.scores, chain)
    for file, form in published.forms.items():
        yield Difference(f"{file}, form", FORM, form)


def _refusals(models: Iterable[object]) -> dict[str, str]:
    return {str(model): "a refusal" for model in models}


def _documents(file: str, expected: Any, found: Any) -> Iterator[Difference]:
    for path, wanted, there in document_differences(expected, found):
        yield Difference(f"{file}, {path}" if path else file, wanted, there)


def _manifest_differences(published: Published, result: RoundResult | None) -> Iterator[Difference]:
    """Yield changes of a manifest since the report named its digest."""
    stated = Report.from_json(published.report)
    digest = evidence_hash(published.manifest)
    # A report that does not give its own hash was changed itself, and says nothing of the manifest.
    if stated.evidence_hash == digest or published.report.get("report_hash") != to_hex(stated.hash()):
        return
    is_reported = False
    for part, expected in _manifest_of_files(published, stated).items():
        for difference in _documents("manifest.json", {part: expected}, {part: published.manifest.get(part)}):
            is_reported = True
            yield difference
    if result is not None and not is_reported:
        yield from _documents("manifest.json", result.manifest, published.manifest)
    yield Difference("manifest.json, digest", to_hex(stated.evidence_hash), to_hex(digest))


def _manifest_of_files(published: Published, stated: Report) -> dict[str, Any]:
    """Return the manifest's entries that follow from the other files without scoring."""
    inputs = published.inputs
    stake, by_model = inputs.rules.stake, inputs.positions.by_model
    at_risk = sum(by_model.values())
    counting = (model for model in inputs.submissions.model_ids if model not in inputs.refused)
    valid = sum(by_model.get(model, 0) for model in counting)
    terms = replace(
        inputs.terms,
        chain_id=stated.chain_id,
        tournament=stated.tournament,
        round_id=stated.round_id,
        rules_hash=inputs.rules.hash(),
        universe=universe_digest(inputs.submissions.universe),
        submissions_root=inputs.submissions.root(inputs.refused),
        positions_head=inputs.positions.head,
        at_risk=at_risk,
        valid_at_risk=valid,
        payout_factor=payout_factor(valid, stake.threshold),
        cap=stake.cap,
        threshold=stake.threshold,
        minimum_position=stake.minimum_position,
    )
    return {"round": terms.to_json(), "digests": {**input_digests(inputs), **_result_digests(published)}}


def _result_digests(published: Published) -> dict[str, str]:
    universe = published.inputs.submissions.universe
    digests = {"meta_model": published.manifest["digests"]["meta_model"]}
    if published.meta_model is not None:
        digests["meta_model"] = meta_model_digest(universe, published.meta_model)
    try:
        return digests | {"scores": to_hex(table_digest(published.scores))}
    except TypeError:  # a column of a type that no scores have: `_result_differences` names it
        return digests


def _input_differences(published: Published) -> Iterator[Difference]:
    claimed: Mapping[str, Any] = published.manifest["digests"]
    actual = input_digests(published.inputs)
    yield from _id_differences(published, claimed["universe"])
    yield from _keyed(
        "submissions.json, content hash of model", claimed["submissions"], actual["submissions"]
    )
    yield from _keyed(
        "submissions.json, digest of the signature of model", claimed["signatures"], actual["signatures"]
    )
    yield from _content_differences(published)
    yield from _keyed("targets.parquet, digest of column", claimed["targets"], actual["targets"])
    yield from _keyed("digest of the table", claimed.get("tables", {}), actual.get("tables", {}))
    for name in published.inputs.targets:
        if name not in published.inputs.rules.targets:
            yield Difference("targets.parquet, columns", list(published.inputs.rules.targets), f"also {name}")
    if list(published.inputs.targets) != list(published.inputs.rules.targets):
        yield Difference(
            "targets.parquet, columns", list(published.inputs.rules.targets), list(published.inputs.targets)
        )
    if claimed["rules"] != actual["rules"]:
        yield from _rules_differences(published)
        yield Difference("rules.json, digest", claimed["rules"], actual["rules"])
    if claimed["positions"] != actual["positions"]:
        yield from _position_differences(published)
        yield Difference("positions.parquet, digest", claimed["positions"], actual["positions"])


def _content_differences(published: Published) -> Iterator[Difference]:
    submissions, refused = published.inputs.submissions, published.inputs.refused
    for where, expected, wrong in (
        ("envelopes.bin, ciphertext", "the one that was signed", submissions.wrong_ciphertexts()),
        ("submissions.npy, predictions", "those that were signed", submissions.wrong_hashes()),
    ):
        found = "another" if expected.startswith("the one") else "others"
        for model in wrong:
            if model not in refused:
                yield Difference(f"{where} of model {model}", expected, found)


def _id_differences(published: Published, claimed: str) -> Iterator[Difference]:
    """Yield files without the universe: the ids whose digest the manifest holds, if any file has them."""
    universe = published.inputs.submissions.universe
    for ids in published.ids.values():
        if to_hex(universe_digest(ids)) == claimed:
            universe = ids
    for file, ids in published.ids.items():
        if ids != universe:
            row = next(
                (row for row, (one, other) in enumerate(zip(universe, ids, strict=False)) if one != other),
                min(len(universe), len(ids)),
            )
            yield Difference(f"{file}, id in row {row}", *(_at(each, row) for each in (universe, ids)))
    digest = to_hex(universe_digest(universe))
    if digest != claimed:
        yield Difference("universe.parquet, digest", claimed, digest)


def _at(ids: Sequence[str], row: int) -> str:
    return ids[row] if row < len(ids) else "no more rows"


def _rules_differences(published: Published) -> Iterator[Difference]:
    stake, terms = published.inputs.rules.stake, published.inputs.terms
    for name in ("cap", "threshold", "minimum_position"):
        if getattr(stake, name) != getattr(terms, name):
            yield Difference(f"rules.json, stake.{name}", getattr(terms, name), getattr(stake, name))


def _position_differences(published: Published) -> Iterator[Difference]:
    """Yield positions that are not those that the scores were made with."""
    models, amounts = (published.scores.get(name, np.empty(0)).tolist() for name in ("model_id", "position"))
    scored = {model: amount for model, amount in zip(models, amounts, strict=False) if amount}
    yield from _keyed("positions.parquet, position of model", scored, published.inputs.positions.by_model)


def _keyed(where: str, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> Iterator[Difference]:
    # By length first, so that model 9 comes before model 10.
    for key in sorted({**expected, **found}, key=lambda key: (len(str(key)), str(key))):
        if expected.get(key) != found.get(key):
            yield Difference(f"{where} {key}", expected.get(key, "none"), found.get(key, "none"))


def _result_differences(
    published: Published, result: RoundResult, must_be_refused: Mapping[int, str]
) -> Iterator[Difference]:
    yield from verdict_differences(must_be_refused, published.inputs.refused)
    ids = published.inputs.submissions.universe
    if published.meta_model is not None:
        yield from _column_differences(
            "meta_model.parquet, id", ids, "meta_model", result.meta_model, published.meta_model
        )
    if list(result.scores) != list(published.scores):
        yield Difference("scores.parquet, columns", list(result.scores), list(published.scores))
    models = [str(model) for model in result.scores["model_id"].tolist()]
    for name, column in result.scores.items():
        found = published.scores.get(name)
        if found is not None:
            yield from _column_differences("scores.parquet, model", models, name, column, found)
    yield from _documents("manifest.json", result.manifest, published.manifest)


def _must_be_refused(inputs: RoundInputs, chain: OnChain | None) -> dict[int, str]:
    """Return the submissions that may not count, by who could sign: as the chain says, if it was asked."""
    terms, submitters = inputs.terms, inputs.submitters if chain is None else chain.submitters
    return refusals_of(inputs.submissions, submitters, terms.chain_id, terms.tournament, terms.round_id)


def verdict_differences(must_be_refused: Mapping[int, str], refused: Container[int]) -> Iterator[Difference]:
    """Yield submissions that count at the seal and must not: a quorum of members said what is not so."""
    for model, reason in must_be_refused.items():
        if model not in refused:
            yield Difference(f"verdicts.json, verdict on model {model}", f"a refusal: {reason}", "none")


def _column_differences(
    where: str, rows: Sequence[str], name: str, expected: NDArray[Any], found: NDArray[Any]
) -> Iterator[Difference]:
    if expected.dtype != found.dtype:
        yield Difference(f"{where}, type of {name}", expected.dtype, found.dtype)
        return
    if len(expected) != len(found):
        yield Difference(f"{where}, length of {name}", len(expected), len(found))
        return
    # Two NaNs are the same here; only NaN differs from itself.
    same = (expected == found) | ((expected != expected) & (found != found))
    for row in np.flatnonzero(~same).tolist():
        yield Difference(f"{where} {rows[row]}, {name}", expected[row], found[row])


def _report_differences(published: Published, result: RoundResult | None) -> Iterator[Difference]:
    """Yield differences of the report from its manifest and, where the round could be scored, its outcome."""
    stated = Report.from_json(published.report)
    bound = replace(stated, evidence_hash=evidence_hash(published.manifest))
    recomputed = None if result is None else result.report
    for expected in (recomputed, bound):
        if expected is not None:
            yield from _documents("report.json", expected.to_json(), published.report)


def _chain_differences(published: Published, chain: OnChain) -> Iterator[Difference]:
    yield from _documents("chain, term", chain.terms.to_json(), published.inputs.terms.to_json())
    models = published.inputs.submissions.model_ids
    yield from _keyed(
        "chain, submitter of model",
        *(
            {model: submitters.get(model) for model in models}
            for submitters in (chain.submitters, published.inputs.submitters)
        ),
    )
    accepted = None if chain.report_hash is None else to_hex(chain.report_hash)
    found = to_hex(Report.from_json(published.report).hash())
    if accepted != found:
        yield Difference("chain, accepted report hash", accepted or "no accepted report yet", found)


def _settlement_differences(scores: Mapping[str, NDArray[Any]], chain: OnChain) -> Iterator[Difference]:
    """Hold recomputed scores against what was settled; a model without a position is settled at 0."""
    at_risk = np.where(scores["position"] > 0, scores["reward_score"], 0)
    own = dict(zip(scores["model_id"].tolist(), at_risk.tolist(), strict=True))
    for model in sorted(set(own) | set(chain.settled) if chain.is_settled else chain.settled):
        settled = chain.settled.get(model, 0)
        if own.get(model, 0) != settled:
            yield Difference(f"chain, settled reward score of model {model}", settled, own.get(model, 0))
    if not chain.is_settled:
        yield Difference("chain, state", "a settled round", "one that is not settled yet")
        return
    result = settle(
        scores["position"],
        scores["reward_score"],
        factor=chain.terms.payout_factor,
        cap=chain.terms.cap,
        available=chain.reserved,
    ).without(chain.silent, scores["model_id"])
    for what, expected, found in (
        ("paid", chain.paid, result.total_payout),
        ("burned", chain.burned, result.total_burn),
    ):
        if expected != found:
            yield Difference(f"chain, {what} in nano-NMR", expected, found)
