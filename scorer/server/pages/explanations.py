"""Takes payouts apart, by the bundle that the chain settled: what a payout's page and statements show."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from scorer.chain.contracts import Suite
from scorer.evaluation.explain import Explanation, NotInRound, ScoredRound
from scorer.evaluation.inputs import RoundTerms
from scorer.isolation import SHARED_READER, IsolationError, ReadResult, refuses
from scorer.protocol.documents import to_hex
from scorer.protocol.rules import rules_from
from scorer.server.results import BundleRefused, check_commitments
from scorer.storage.bundle import REPORT, Bundle, BundleError, round_folder
from scorer.storage.published import limits_for
from scorer.storage.submission_files import whole_number

KEPT: Final = 24
"""Rounds that are kept in memory: of 10,000 models, a megabyte each."""


@dataclass(frozen=True)
class Explanations:
    """Reads rounds that can be taken apart, and keeps the last ones.

    Attributes
    ----------
    roots
        Folders of members, as `scorer.server.results.OutcomeReader` reads them.
    """

    suite: Suite
    roots: tuple[Path, ...]
    _kept: OrderedDict[tuple[int, str], ScoredRound] = field(default_factory=OrderedDict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def explain(self, row: sa.Row[Any], model: int) -> Explanation | None:
        """Return why a model earned what it did in a scored round; None where it had no part in it.

        Raises
        ------
        BundleRefused
            When no folder has the bundle that the chain settled.
        """
        try:
            return self.round(row).explain(model)
        except NotInRound:
            return None

    def round(self, row: sa.Row[Any]) -> ScoredRound:
        """Return a scored round, with the pool that the chain had for it."""
        key = row.id, row.positions_head
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = replace(self._read(row), reserved=row.reserved)
        _require_amounts(found, row)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def _read(self, row: sa.Row[Any]) -> ScoredRound:
        refused = BundleRefused(f"round {row.id}: expected the bundle of a scored round, found none")
        proposal = self.suite.proposal(row.id, self.suite.w3.eth.block_number)
        expected = None if proposal is None else to_hex(proposal.report_hash)
        for root in self.roots:
            folder = round_folder(root, self.suite.addresses.tournament, row.id)
            if not (folder / REPORT).is_file():
                continue
            try:
                return read_explained(folder, expected)
            except BundleRefused as error:
                refused = error
        raise refused


def _require_amounts(found: ScoredRound, row: sa.Row[Any]) -> None:
    totals = found.settled.total_payout, found.settled.total_burn
    if totals != (row.paid, row.burned):
        raise BundleRefused(
            f"round {row.id}: expected {row.paid} paid and {row.burned} burned, as on the chain, "
            f"found {totals}"
        )


def read_explained(folder: Path, expected: str | None) -> ScoredRound:
    """Read what an explanation rests on, in a child process.

    Parameters
    ----------
    expected
        The hash of the report that the chain settled.

    Raises
    ------
    BundleRefused
        When it cannot be read, or is of another report.
    """
    size = sum(file.stat().st_size for file in folder.iterdir() if file.suffix != ".npy")
    try:
        result = SHARED_READER.run(explained_in_child, folder, limits=limits_for(size))
        return _scored(result.facts, result, folder, expected)
    except (IsolationError, ValueError, KeyError, TypeError) as error:
        raise BundleRefused(f"{folder}: expected the bundle of a scored round, found {error}") from None


def _scored(facts: Mapping[str, Any], result: ReadResult, folder: Path, expected: str | None) -> ScoredRound:
    """Return the round that a child read, which may be in a stranger's hands."""
    if expected is None or facts["report"] != expected:
        raise ValueError(f"the report {facts['report']} in place of {expected}, which the chain settled")
    types = {"u": "<u8", "i": "<i8", "f": "<f8"}
    columns = {
        name: np.frombuffer(blob, types[kind])
        for (name, kind), blob in zip(facts["columns"], result.blobs, strict=True)
    }
    if len({len(column) for column in columns.values()}) != 1:
        raise ValueError("columns of several lengths")
    volatility = None if facts["volatility"] is None else whole_number(facts["volatility"])
    rules = rules_from(json.loads(facts["rules"]), str(folder))
    return ScoredRound(rules, RoundTerms.from_json(facts["terms"]), volatility, columns)


@refuses(BundleError)
def explained_in_child(folder: Path) -> ReadResult:
    """Read rules, terms, the volatility factor and all columns of scores that a report commits to.

    Raises
    ------
    BundleError
        When a file cannot be read, or is not the one that the report commits to.
    """
    bundle = Bundle(folder, strict=True)
    report = check_commitments(bundle)
    scored, manifest = bundle.scored_round(), bundle.manifest()
    kinds = {name: np.asarray(column).dtype.kind for name, column in scored.scores.items()}
    names = [name for name, kind in kinds.items() if kind in "uif"]
    types = {"u": "<u8", "i": "<i8", "f": "<f8"}
    facts = {
        "report": report,
        "rules": scored.rules.canonical_json().decode(),
        "terms": manifest["round"],
        "volatility": scored.volatility,
        "columns": [[name, kinds[name]] for name in names],
    }
    return ReadResult(
        facts, [np.ascontiguousarray(scored.scores[name], types[kinds[name]]) for name in names]
    )
