"""Recompute a bundle and say what differs, first things first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.rewards import settle
from scorer.rounds.digest import json_digest, table_digest
from scorer.rounds.evaluation import (
    InputsMismatch,
    RoundInputs,
    RoundResult,
    RoundTerms,
    evaluate,
    input_digests,
)
from scorer.rounds.report import Report


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be."""

    where: str
    expected: object
    found: object

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True)
class Published:
    """A bundle as someone published it: its inputs, and the results that it claims."""

    inputs: RoundInputs
    meta_model: NDArray[np.float64]
    scores: Mapping[str, NDArray[Any]]
    manifest: Mapping[str, Any]
    report: Mapping[str, Any]


@dataclass(frozen=True)
class OnChain:
    """What the chain says of a round.

    Attributes
    ----------
    report_hash
        Of the report that the committee accepted; None when there is none.
    settled
        Reward scores in ppm by model, of the chunks that were settled so far.
    submitters
        Who could sign for each model when the round was sealed.
    is_settled
        Whether every chunk was settled by the report.
    reserved, paid, burned
        nano-NMR. Below the report's total payout, the reserve says that the pool was short.
    """

    terms: RoundTerms
    report_hash: bytes | None
    submitters: Mapping[int, str]
    settled: Mapping[int, int]
    is_settled: bool
    reserved: int
    paid: int
    burned: int


def differences(published: Published, chain: OnChain | None = None) -> Iterator[Difference]:
    """Everything in which a bundle differs from its own recomputation and from the chain.

    Inputs come first, then results model by model, then the report, then the chain: the first difference is the
    one nearest to the cause.

    Parameters
    ----------
    chain
        None: the bundle is held against itself only, which proves that it is consistent, not that it is the one
        that was settled.
    """
    yield from _input_differences(published)
    try:
        result = evaluate(published.inputs)
    except InputsMismatch as mismatch:
        yield Difference("inputs", "files that the round committed to", mismatch)
    else:
        yield from _result_differences(published, result)
    yield from _report_differences(published)
    if chain is not None:
        yield from _chain_differences(published, chain)


def _input_differences(published: Published) -> Iterator[Difference]:
    claimed = published.manifest["digests"]
    actual = input_digests(published.inputs)
    submissions = published.inputs.submissions
    for model in submissions.wrong_hashes():
        yield Difference(
            f"submissions.parquet, model {model}", "the predictions that were signed", "other predictions"
        )
    yield from _keyed(
        "submissions.json, content hash of model", claimed["submissions"], actual["submissions"]
    )
    yield from _keyed("targets.parquet, digest of column", claimed["targets"], actual["targets"])
    for name, file in (
        ("rules", "rules.json"),
        ("universe", "universe.parquet"),
        ("positions", "positions.parquet"),
    ):
        if claimed[name] != actual[name]:
            yield Difference(f"{file}, digest", claimed[name], actual[name])


def _keyed(where: str, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> Iterator[Difference]:
    for key in sorted(set(expected) | set(found), key=str):
        if expected.get(key) != found.get(key):
            yield Difference(f"{where} {key}", expected.get(key, "none"), found.get(key, "none"))


def _result_differences(published: Published, result: RoundResult) -> Iterator[Difference]:
    universe = published.inputs.submissions.universe
    yield from _column_differences(
        "meta_model.parquet, id", universe, "meta_model", result.meta_model, published.meta_model
    )
    if list(result.scores) != list(published.scores):
        yield Difference("scores.parquet, columns", list(result.scores), list(published.scores))
        return
    models = [str(model) for model in result.scores["model_id"].tolist()]
    for name, column in result.scores.items():
        yield from _column_differences("scores.parquet, model", models, name, column, published.scores[name])
    for name, digest in (
        ("meta_model", table_digest({"id": universe, "meta_model": result.meta_model})),
        ("scores", table_digest(result.scores)),
    ):
        if published.manifest["digests"][name] != "0x" + digest.hex():
            yield Difference(
                f"manifest.json, digest of {name}", "0x" + digest.hex(), published.manifest["digests"][name]
            )
    if dict(published.manifest) != dict(result.manifest):
        yield Difference("manifest.json", "what the inputs give", "other content")
    if dict(published.report) != result.report.to_json():
        yield from _keyed("report.json, field", result.report.to_json(), published.report)


def _column_differences(
    where: str, rows: Sequence[str], name: str, expected: NDArray[Any], found: NDArray[Any]
) -> Iterator[Difference]:
    if len(expected) != len(found):
        yield Difference(f"{where}s of {name}", len(expected), len(found))
        return
    same = (expected == found) | ((expected != expected) & (found != found))
    for row in np.flatnonzero(~same).tolist():
        yield Difference(f"{where} {rows[row]}, {name}", expected[row], found[row])


def _report_differences(published: Published) -> Iterator[Difference]:
    digest = "0x" + json_digest(dict(published.manifest)).hex()
    if published.report["evidence_hash"] != digest:
        yield Difference(
            "report.json, evidence_hash", f"the manifest's digest {digest}", published.report["evidence_hash"]
        )


def _chain_differences(published: Published, chain: OnChain) -> Iterator[Difference]:
    yield from _keyed("chain, term", chain.terms.to_json(), published.inputs.terms.to_json())
    yield from _keyed(
        "chain, submitter of model",
        {model: chain.submitters.get(model) for model in published.inputs.submitters},
        published.inputs.submitters,
    )
    accepted = None if chain.report_hash is None else "0x" + chain.report_hash.hex()
    found = "0x" + Report.from_json(dict(published.report)).hash().hex()
    if accepted != found:
        yield Difference("chain, accepted report hash", accepted or "no accepted report yet", found)
    yield from _settlement_differences(published.scores, chain)


def _settlement_differences(scores: Mapping[str, NDArray[Any]], chain: OnChain) -> Iterator[Difference]:
    claimed = dict(zip(scores["model_id"].tolist(), scores["reward_score"].tolist(), strict=True))
    for model, settled in sorted(chain.settled.items()):
        if claimed.get(model, 0) != settled:
            yield Difference(f"chain, settled reward score of model {model}", settled, claimed.get(model, 0))
    if not chain.is_settled:
        yield Difference("chain, state", "a settled round", "one that is not settled yet")
        return
    result = settle(
        scores["position"],
        scores["reward_score"],
        factor=chain.terms.payout_factor,
        cap=chain.terms.cap,
        available=chain.reserved,
    )
    for what, expected, found in (
        ("paid", chain.paid, result.total_payout),
        ("burned", chain.burned, result.total_burn),
    ):
        if expected != found:
            yield Difference(f"chain, {what} in nano-NMR", expected, found)
