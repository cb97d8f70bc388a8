"""Bundles of settled rounds, as the chain vouches for them: the files that are public, and explanations."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from web3.exceptions import Web3Exception

from scorer.chain.contracts import Suite
from scorer.chain.errors import EndpointError
from scorer.chain.records import RoundRecord
from scorer.errors import CupelError
from scorer.evaluation.buckets import OtherPredictions, RankBucket, bucket_from
from scorer.evaluation.explain import Explanation, NotInRound, ScoredRound
from scorer.evaluation.inputs import RoundTerms
from scorer.isolation import SHARED_READER, IsolationError, ReadResult, refuses
from scorer.observation.silence import silent_models
from scorer.oracle.exchange import PUBLIC, public_files
from scorer.protocol.documents import to_hex
from scorer.protocol.rules import rules_from
from scorer.server.accounts import Clock
from scorer.server.errors import ApiError
from scorer.server.queries import Queries
from scorer.server.results import check_commitments
from scorer.server.shared_reads import SharedReads
from scorer.storage.bucket_inputs import bundle_buckets
from scorer.storage.bundle import REPORT, SUBMISSIONS, Bundle, BundleError, round_folder
from scorer.storage.published import bytes_in, limits_for

KEPT: Final = 24
"""Rounds whose scores are kept in memory: a table of 10,000 models has some 1 MiB."""
REMEMBERED: Final = 60.0
"""Seconds in which a bundle that is missing or wrong is not looked for again."""
TYPES: Final = {"i": "<i8", "u": "<u8", "f": "<f8"}


@dataclass(frozen=True)
class SettledBundle:
    """The bundle of a settled round whose report is the one that the chain settled; `report` is its hash."""

    folder: Path
    scored: ScoredRound
    record: RoundRecord
    report: str

    def has_public(self, file: str, now: int) -> bool:
        """Return whether everybody may have a file of it, at a time in Unix seconds."""
        return file in public_files(self.scored.rules, self.record, now, has_report=True)


@dataclass(frozen=True)
class SettledBundles:
    """Looks for bundles of settled rounds in the folders of members.

    Attributes
    ----------
    roots
        Folders with ``<tournament>/<round>``, the first of which that has a right bundle is taken.
    """

    suite: Suite
    queries: Queries
    clock: Clock
    roots: tuple[Path, ...]
    _reads: SharedReads[SettledBundle] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_reads", SharedReads(self._find, KEPT, REMEMBERED))

    def bundle(self, round_id: int) -> SettledBundle:
        """Return the bundle of a round.

        Raises
        ------
        ApiError
            When the round is not settled, or nobody has published its bundle here.
        """
        number = min(round_id, 2**31 - 1)
        self._row(number)  # before what is remembered: the round may be settled in a moment
        return self._reads.get(number)

    def explain(self, model: int, round_id: int) -> Explanation:
        """Take apart what a model earned in a settled round, to the last nano-NMR.

        Raises
        ------
        ApiError
            When the round is not settled, its bundle is not here, or the model had no part in it.
        """
        scored = self.bundle(round_id).scored
        try:
            return scored.explain(model)
        except CupelError as error:
            raise ApiError(str(error)) from None

    def find_explanation(self, model: int, round_id: int) -> Explanation | None:
        """Return what `explain` does; None where the model had no part in the round.

        Raises
        ------
        ApiError
            When the round is not settled, or its bundle is not here.
        """
        try:
            return self.bundle(round_id).scored.explain(model)
        except NotInRound:
            return None

    def buckets(self, model: int, round_id: int) -> tuple[RankBucket, ...] | None:
        """Split what a model earned among the rank buckets of its predictions; None where they are withheld.

        Raises
        ------
        ApiError
            When the round is not settled, its bundle is not here, or the model had no part in it.
        """
        bundle = self.bundle(round_id)
        if not bundle.has_public(SUBMISSIONS, self.clock()):
            return None
        net = self.explain(model, round_id).net
        limits = limits_for(bytes_in(bundle.folder))
        try:
            result = SHARED_READER.run(
                buckets_in_child,
                bundle.folder,
                model,
                bundle.scored.reserved,
                bundle.scored.silent,
                limits=limits,
            )
            found = tuple(bucket_from(each) for each in result.facts["buckets"])
        except (IsolationError, ValueError, KeyError, TypeError):
            return None
        return found if not found or sum(each.amount for each in found) == net else None

    def path(self, round_id: int, file: str) -> Path | None:
        """Return the path of a public file of a settled round; None for any other file."""
        if file not in PUBLIC:
            return None
        try:
            bundle = self.bundle(round_id)
        except ApiError:
            return None
        return bundle.folder / file if bundle.has_public(file, self.clock()) else None

    def _find(self, round_id: int) -> SettledBundle:
        row, (record, settled, silent) = self._row(round_id), self._on_chain(round_id)
        for folder in self._folders(round_id):
            scored = _read(folder, settled, row, silent)
            if scored is not None and settled is not None:
                return SettledBundle(folder, scored, record, settled)
        raise ApiError(
            f"round {round_id}: expected its bundle in the server's folders, found none whose report "
            "the chain settled"
        )

    def _row(self, round_id: int) -> sa.Row[Any]:
        row = self.queries.round(round_id)
        if row is None or not row.is_scored:
            raise ApiError(
                f"round {round_id}: expected one that is settled and whose bundle is here, found that it is "
                "not; try again once it is"
            )
        return row

    def _on_chain(self, round_id: int) -> tuple[RoundRecord, str | None, frozenset[int]]:
        """Return a round as the chain has it, the hash of the report that settled it, and silent models."""
        try:
            block = int(self.suite.w3.eth.block_number)
            record, proposal = self.suite.round(round_id, block), self.suite.proposal(round_id, block)
            silent = silent_models(self.suite, round_id, block)
        except (EndpointError, Web3Exception) as error:
            raise ApiError(
                f"round {round_id}: expected the chain to say which report settled it, found that the "
                f"server's endpoint does not answer ({type(error).__name__}); try again in a minute"
            ) from None
        return record, None if proposal is None else to_hex(proposal.report_hash), silent

    def _folders(self, round_id: int) -> Iterator[Path]:
        tournament = self.suite.addresses.tournament
        folders = (round_folder(root, tournament, round_id) for root in self.roots)
        return (folder for folder in folders if (folder / REPORT).is_file())


def _read(folder: Path, settled: str | None, row: sa.Row[Any], silent: frozenset[int]) -> ScoredRound | None:
    """Read a bundle in a child process; None unless its report and its payouts are those of the chain."""
    try:
        result = SHARED_READER.run(scored_round_in_child, folder, limits=limits_for(bytes_in(folder)))
        scored = replace(_scored(result), reserved=row.reserved, silent=silent)
        totals = scored.settled.total_payout, scored.settled.total_burn
    except (CupelError, IsolationError, OSError, ValueError, KeyError, TypeError):
        return None
    return scored if (result.facts["report"], totals) == (settled, (row.paid, row.burned)) else None


def _scored(result: ReadResult) -> ScoredRound:
    """Return a round as a child read it, which may be in a stranger's hands."""
    facts = result.facts
    scores = {
        str(name): np.frombuffer(blob, TYPES[kind])
        for (name, kind), blob in zip(facts["columns"], result.blobs, strict=True)
    }
    if len({len(column) for column in scores.values()}) != 1:
        raise ValueError("columns of several lengths")
    terms, volatility = RoundTerms.from_json(facts["terms"]), facts["volatility"]
    if not isinstance(volatility, int | None):
        raise TypeError("a factor that is no number")
    rules = rules_from(json.loads(facts["rules"]), "the rules of a round")
    return ScoredRound(rules, terms, volatility, scores)


@refuses(BundleError, OtherPredictions)
def buckets_in_child(folder: Path, model: int, reserved: int | None, silent: frozenset[int]) -> ReadResult:
    """Split what a model earned among the rank buckets of its predictions; it runs in a child process.

    Raises
    ------
    BundleError, OtherPredictions
        When a file cannot be read, or is not the one that the report commits to.
    """
    bundle = Bundle(folder, strict=True)
    check_commitments(bundle)
    scored = replace(bundle.scored_round(), reserved=reserved, silent=silent)
    found = bundle_buckets(bundle, scored, model)
    return ReadResult({"buckets": [asdict(each) for each in found]}, [])


@refuses(BundleError)
def scored_round_in_child(folder: Path) -> ReadResult:
    """Read what an explanation rests on, which the report has to commit to; it runs in a child process.

    Raises
    ------
    BundleError
        When a file cannot be read, or is not the one that the report commits to.
    """
    bundle = Bundle(folder, strict=True)
    report, scored = check_commitments(bundle), bundle.scored_round()
    columns = [(name, np.asarray(column).dtype.kind) for name, column in scored.scores.items()]
    facts = {
        "report": report,
        "rules": scored.rules.canonical_json().decode(),
        "terms": scored.terms.to_json(),
        "volatility": scored.volatility,
        "columns": columns,
    }
    blobs = [np.ascontiguousarray(scored.scores[name], TYPES[kind]) for name, kind in columns]
    return ReadResult(facts, blobs)
