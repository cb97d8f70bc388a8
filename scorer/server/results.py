"""Reads the outcome of a settled round: scores from the bundle that the chain settled, payouts recomputed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.chain.contracts import Suite
from scorer.chain.records import RoundRecord
from scorer.errors import CupelError
from scorer.evaluation.statement import Receipt
from scorer.isolation import SHARED_READER, IsolationError, ReadResult, refuses
from scorer.observation.observe import Block
from scorer.observation.receipts import read_settled_round
from scorer.protocol.digest import table_digest
from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.report import evidence_hash
from scorer.protocol.rules import Rules, RulesError, rules_from
from scorer.rewards import Settlement, settle
from scorer.storage.bundle import REPORT, Bundle, BundleError, round_folder
from scorer.storage.published import bytes_in, limits_for

WHOLE: Final = ("model_id", "reward_score", "position")


class BundleRefused(CupelError):
    """A bundle is not the one that the chain vouches for; the message says in what it differs."""


@dataclass(frozen=True)
class RoundOutcome:
    """The outcome of a settled round; arrays have a row a model.

    Attributes
    ----------
    scores
        By factor; NaN where a model has none.
    receipts
        The transaction that settled each model's position.
    silent
        The models whose predictions were demanded and not shown.
    """

    record: RoundRecord
    rules: Rules
    models: NDArray[np.int64]
    positions: NDArray[np.uint64]
    rewards: NDArray[np.int64]
    scores: Mapping[str, NDArray[np.float64]]
    settled: Settlement
    receipts: Mapping[int, Receipt]
    silent: frozenset[int] = frozenset()


@dataclass(frozen=True)
class OutcomeReader:
    """Looks for the bundles of rounds in the folders of members.

    Attributes
    ----------
    roots
        Folders with ``<tournament>/<round>``, the first of which that has a right bundle is taken.
    """

    suite: Suite
    roots: tuple[Path, ...]

    def read(self, record: RoundRecord, block: Block) -> RoundOutcome | None:
        """Return the outcome of a settled round; None while nobody has published its bundle.

        Raises
        ------
        BundleRefused
            When there are bundles, and none is right; the message says what is wrong with the last.
        """
        refused: BundleRefused | None = None
        for folder in self._folders(record.round_id):
            try:
                return self._outcome(folder, record, block)
            except BundleRefused as error:
                refused = error
        if refused is not None:
            raise refused
        return None

    def _folders(self, round_id: int) -> Iterable[Path]:
        tournament = self.suite.addresses.tournament
        folders = (round_folder(root, tournament, round_id) for root in self.roots)
        return [folder for folder in folders if (folder / REPORT).is_file()]

    def _outcome(self, folder: Path, record: RoundRecord, block: Block) -> RoundOutcome:
        facts, columns = read_scored(folder)
        proposal = self.suite.proposal(record.round_id, block.number)
        finalised = None if proposal is None else to_hex(proposal.report_hash)
        if facts["report"] != finalised:
            raise BundleRefused(
                f"{folder}: expected the report {finalised} that the chain settled, found {facts['report']}"
            )
        on_chain = read_settled_round(self.suite, record.round_id, block)
        if on_chain is None:
            raise BundleRefused(f"{folder}: expected a settled round, found one that is not")
        settled = settle(
            columns["position"].astype(np.uint64),
            columns["reward_score"],
            factor=record.payout_factor,
            cap=record.cap,
            available=record.reserved,
        ).without(on_chain.silent, columns["model_id"])
        found = settled.total_payout, settled.total_burn
        if found != (on_chain.paid, on_chain.burned):
            raise BundleRefused(
                f"{folder}: expected {on_chain.paid} paid and {on_chain.burned} burned, found {found}"
            )
        return RoundOutcome(
            record,
            facts["rules"],
            columns["model_id"],
            columns["position"].astype(np.uint64),
            columns["reward_score"],
            {name: columns[name] for name, _ in facts["rules"].multipliers},
            settled,
            on_chain.receipts,
            on_chain.silent,
        )


def read_scored(folder: Path) -> tuple[Mapping[str, Any], dict[str, NDArray[Any]]]:
    """Read rules and scores of a bundle, and the hash of the report that commits to them, in a child process.

    Returns
    -------
    tuple
        Facts: ``report``, a hash in hex, and ``rules``. Columns of scores.parquet by name.

    Raises
    ------
    BundleRefused
        When it cannot be read, or its parts do not belong together.
    """
    try:
        result = SHARED_READER.run(scored_in_child, folder, limits=limits_for(bytes_in(folder)))
        rules = rules_from(json.loads(result.facts["rules"]), str(folder))
        report = to_hex(from_hex(result.facts["report"], 32))
        columns = _columns(rules, result)
    except (IsolationError, RulesError, ValueError, KeyError, TypeError) as error:
        raise BundleRefused(f"{folder}: expected the bundle of a scored round, found {error}") from None
    return {"report": report, "rules": rules}, columns


def _names(rules: Rules) -> list[str]:
    return [*WHOLE, *(name for name, _ in rules.multipliers)]


def _columns(rules: Rules, result: ReadResult) -> dict[str, NDArray[Any]]:
    """Return the columns that a child read, which may be in a stranger's hands."""
    names = _names(rules)
    columns = {
        name: np.frombuffer(blob, "<i8" if name in WHOLE else "<f8")
        for name, blob in zip(names, result.blobs, strict=True)
    }
    if len({len(column) for column in columns.values()}) != 1:
        raise ValueError("columns of several lengths")
    return columns


@refuses(BundleError)
def scored_in_child(folder: Path) -> ReadResult:
    """Read rules and scores that a report commits to.

    Raises
    ------
    BundleError
        When a file cannot be read, or is not the one that the report commits to.
    """
    bundle = Bundle(folder, strict=True)
    report, rules, scores = check_commitments(bundle), bundle.rules(), bundle.scores()
    bundle.scored_round()  # refuses columns of other types
    blobs = [np.ascontiguousarray(scores[name], "<i8" if name in WHOLE else "<f8") for name in _names(rules)]
    facts = {"report": report, "rules": rules.canonical_json().decode()}
    return ReadResult(facts, blobs)


def check_commitments(bundle: Bundle) -> str:
    """Return the hash of a bundle's report in hex, which commits to its manifest, scores and rules.

    Raises
    ------
    BundleError
        When it commits to others.
    """
    report, manifest, digests = bundle.report(), bundle.manifest(), bundle.manifest()["digests"]
    committed = {
        "manifest.json": (evidence_hash(manifest), report.evidence_hash),
        "scores.parquet": (to_hex(table_digest(bundle.scores())), digests["scores"]),
        "rules.json": (to_hex(bundle.rules().hash()), digests["rules"]),
    }
    for file, (found, expected) in committed.items():
        if found != expected:
            raise BundleError(f"{bundle.folder}/{file}: expected what the report commits to, found another")
    return to_hex(report.hash())
