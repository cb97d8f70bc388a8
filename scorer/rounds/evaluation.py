"""A sealed round and its outcome to scores, rewards and a report: pure functions of plain data."""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.errors import CupelError
from scorer.rewards import Settlement, payout_factor, settle
from scorer.rounds.chunks import EMPTY_HEAD, LANES, Chunk, positions_heads, scores_heads
from scorer.rounds.digest import table_digest, universe_digest
from scorer.rounds.documents import address, amount, from_hex, to_hex, whole
from scorer.rounds.factors import FactorInputs
from scorer.rounds.predictions import float_array
from scorer.rounds.report import REPORT_VERSION, Report, evidence_hash
from scorer.rounds.rewarded import Rewarded, reward
from scorer.rounds.rules import Rules
from scorer.rounds.submissions import Submission, Submissions
from scorer.rounds.tables import (
    NEUTRAL_CHURN,
    SESSION_RETURNS,
    Table,
    churn_of,
    digest_of,
    problem_with,
    table_file,
)
from scorer.scoring.meta_model import stake_weighted_meta_model
from scorer.units import ONE

MANIFEST_VERSION = 3
SORTED_IDS = "sorted ids, each once"
SIGNED = "those that were signed"


class InputsMismatch(CupelError, ValueError):
    """The files at hand are not those that the chain committed to."""

    def __init__(self, what: str, expected: object, found: object) -> None:
        super().__init__(f"{what}: expected {expected}, found {found}")
        self.what = what
        self.expected = expected
        self.found = found


@dataclass(frozen=True)
class RoundTerms:
    """What the chain fixed about a round by the time it was sealed. Amounts in nano-NMR, shares in ppm.

    Attributes
    ----------
    terms_hash
        Of the round's terms in numbers, which a contract reads; zeros where it has none.
    universe
        The digest of the round's universe, see `scorer.rounds.digest.universe_digest`.
    at_risk, valid_at_risk
        All that the round locked, and how much of it belongs to models whose submission counts.
    """

    chain_id: int
    tournament: str
    round_id: int
    rules_hash: bytes
    terms_hash: bytes
    universe: bytes
    submissions_root: bytes
    positions_head: bytes
    at_risk: int
    valid_at_risk: int
    payout_factor: int
    cap: int
    threshold: int
    minimum_position: int

    def to_json(self) -> dict[str, Any]:
        """The ``round`` object of the manifest: amounts as text, digests in hex."""
        return {
            "chain_id": self.chain_id,
            "tournament": self.tournament,
            "round_id": self.round_id,
            "rules_hash": to_hex(self.rules_hash),
            "terms_hash": to_hex(self.terms_hash),
            "universe": to_hex(self.universe),
            "submissions_root": to_hex(self.submissions_root),
            "positions_head": to_hex(self.positions_head),
            "at_risk": str(self.at_risk),
            "valid_at_risk": str(self.valid_at_risk),
            "payout_factor": self.payout_factor,
            "cap": self.cap,
            "threshold": str(self.threshold),
            "minimum_position": str(self.minimum_position),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "RoundTerms":
        """The inverse of `to_json`; KeyError or ValueError for what is not its output."""
        return cls(
            chain_id=whole(document, "chain_id"),
            tournament=address(document, "tournament"),
            round_id=whole(document, "round_id"),
            rules_hash=from_hex(document["rules_hash"], 32),
            terms_hash=from_hex(document["terms_hash"], 32),
            universe=from_hex(document["universe"], 32),
            submissions_root=from_hex(document["submissions_root"], 32),
            positions_head=from_hex(document["positions_head"], 32),
            at_risk=amount(document, "at_risk"),
            valid_at_risk=amount(document, "valid_at_risk"),
            payout_factor=whole(document, "payout_factor"),
            cap=whole(document, "cap"),
            threshold=amount(document, "threshold"),
            minimum_position=amount(document, "minimum_position"),
        )


@dataclass(frozen=True)
class Positions:
    """What a round locked.

    Attributes
    ----------
    chunks
        In the order in which they were locked.
    models
        The model of every lane of every chunk, in that order; 0 for a lane that no model has.

    Raises
    ------
    ValueError
        When not every lane has its model, a model has two lanes, or a position has no model.
    """

    chunks: tuple[Chunk, ...]
    models: tuple[int, ...]

    def __post_init__(self) -> None:
        lanes = sum(len(chunk.positions) for chunk in self.chunks)
        if len(self.models) != lanes:
            raise ValueError(f"expected a model or 0 for each of {lanes} lanes, found {len(self.models)}")
        known = [model for model in self.models if model]
        if len(set(known)) != len(known):
            twice = sorted(model for model, count in Counter(known).items() if count > 1)
            raise ValueError(f"expected one lane a model, found more for the models {twice}")
        if 0 in self.by_model:
            raise ValueError("expected a model for every position, found a position without one")

    def columns(self) -> dict[str, NDArray[np.int64] | NDArray[np.uint64]]:
        """The table positions.parquet: a row a lane."""
        sizes = [len(chunk.positions) for chunk in self.chunks]
        return {
            "chunk": np.repeat(np.arange(len(sizes), dtype=np.int64), sizes),
            "lane": _joined([chunk.lanes for chunk in self.chunks], np.int64),
            "model_id": np.array(self.models, dtype=np.int64),
            "position": _joined([chunk.positions for chunk in self.chunks], np.uint64),
        }

    @classmethod
    def from_columns(cls, columns: Mapping[str, NDArray[Any]]) -> "Positions":
        """The inverse of `columns`.

        Raises
        ------
        KeyError, ValueError
            When these are not the columns of any positions: one is missing or of another type, a chunk or a
            lane is out of order.
        """
        declared = cls((), ()).columns()
        for name, column in declared.items():
            if columns[name].dtype != column.dtype:
                raise ValueError(f"column {name}: expected {column.dtype}, found {columns[name].dtype}")
        if list(columns) != list(declared):
            raise ValueError(f"expected the columns {list(declared)}, found {list(columns)}")
        ends = np.flatnonzero(np.diff(columns["chunk"])) + 1
        amounts = np.split(columns["position"], ends) if len(columns["chunk"]) else []
        slots = columns["lane"][[0, *ends]].tolist() if amounts else []
        chunks = tuple(Chunk(lane // LANES, part) for lane, part in zip(slots, amounts, strict=True))
        positions = cls(chunks, tuple(columns["model_id"].tolist()))
        positions._check_same(columns)
        return positions

    def _check_same(self, columns: Mapping[str, NDArray[Any]]) -> None:
        for name, expected in self.columns().items():
            found = columns[name]
            if not np.array_equal(found, expected):
                row = int(np.flatnonzero(found != expected)[0])
                raise ValueError(f"column {name}, row {row}: expected {expected[row]}, found {found[row]}")

    @cached_property
    def by_model(self) -> dict[int, int]:
        """nano-NMR by model, of the models that have a position."""
        amounts = [amount for chunk in self.chunks for amount in chunk.positions.tolist()]
        return {model: amount for model, amount in zip(self.models, amounts, strict=True) if amount}

    @cached_property
    def head(self) -> bytes:
        """The head of the positions stack."""
        return positions_heads(self.chunks)[-1]


def _joined(parts: Sequence[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)


@dataclass(frozen=True)
class RoundInputs:
    """All that a round's scores depend on.

    Attributes
    ----------
    submitters
        The address that could sign for each model when submissions closed.
    targets
        By name, in the order of the universe, shape (ids,).
    tables
        The further inputs that the rules need, by name: see `scorer.rounds.tables`.
    refused
        The models whose submission does not count, as the seal says.
    """

    terms: RoundTerms
    rules: Rules
    submissions: Submissions
    submitters: Mapping[int, str]
    targets: Mapping[str, NDArray[np.float64]]
    positions: Positions
    tables: Mapping[str, Table] = field(default_factory=dict)
    refused: frozenset[int] = frozenset()


@dataclass(frozen=True)
class RoundResult:
    """A scored round.

    Attributes
    ----------
    meta_model
        The stake-weighted mean of the submissions' ranks, shape (ids,); NaN when nobody staked.
    scores
        The table scores.parquet, a row a model that submitted or has a position, ascending by model.
    chunk_scores
        Reward scores in ppm by lane, a chunk each.
    """

    meta_model: NDArray[np.float64]
    scores: Mapping[str, NDArray[np.int64] | NDArray[np.uint64] | NDArray[np.float64]]
    chunk_scores: tuple[NDArray[np.int64], ...]
    settlement: Settlement
    manifest: Mapping[str, Any]
    report: Report


def check_commitments(inputs: RoundInputs) -> None:
    """Hold the files against the chain's commitments, and the chain's terms against each other.

    Raises
    ------
    InputsMismatch
        Names the first commitment that does not hold, with both values.
    """
    terms, rules = inputs.terms, inputs.rules
    check_published(terms.rules_hash, terms.universe, rules, inputs.submissions)
    check_sealed(terms.submissions_root, inputs.submissions, inputs.refused)
    by_model = inputs.positions.by_model
    valid = sum(by_model.get(model, 0) for model in _counting(inputs.submissions, inputs.refused))
    pairs: tuple[tuple[str, object, object], ...] = (
        ("cap in ppm", terms.cap, rules.stake.cap),
        ("threshold in nano-NMR", terms.threshold, rules.stake.threshold),
        ("minimum position in nano-NMR", terms.minimum_position, rules.stake.minimum_position),
        (
            "payout factor in ppm",
            terms.payout_factor,
            payout_factor(terms.valid_at_risk, terms.threshold),
        ),
        ("positions head", terms.positions_head.hex(), inputs.positions.head.hex()),
        ("total at risk in nano-NMR", terms.at_risk, sum(by_model.values())),
        ("valid at risk in nano-NMR", terms.valid_at_risk, valid),
    )
    _check_pairs(pairs)
    _check_targets(inputs)
    _check_tables(inputs)


def _counting(submissions: Submissions, refused: Container[int]) -> list[int]:
    """The models whose submission counts."""
    return [model for model in submissions.model_ids if model not in refused]


def check_published(rules_hash: bytes, universe: bytes, rules: Rules, submissions: Submissions) -> None:
    """Hold what an operator published against what the chain committed to when the round was opened.

    Raises
    ------
    InputsMismatch
        Names the first commitment that does not hold, with both values.
    """
    _check_pairs(
        (
            ("rules hash", rules_hash.hex(), rules.hash().hex()),
            ("universe", SORTED_IDS, _order(submissions.universe)),
            ("digest of the universe", universe.hex(), universe_digest(submissions.universe).hex()),
        )
    )


def check_sealed(submissions_root: bytes, submissions: Submissions, refused: frozenset[int]) -> None:
    """Hold submissions, and which of them count, against what the chain committed to at the seal.

    Raises
    ------
    InputsMismatch
        As `check_published`.
    """
    _check_pairs(
        (
            ("predictions", SIGNED, _signed(submissions, refused)),
            ("submissions root", submissions_root.hex(), submissions.root(refused).hex()),
            ("refused models that sent nothing", [], sorted(refused.difference(submissions.model_ids))),
        )
    )


def _check_pairs(pairs: Sequence[tuple[str, object, object]]) -> None:
    for what, expected, found in pairs:
        if expected != found:
            raise InputsMismatch(what, expected, found)


def _signed(submissions: Submissions, refused: Container[int]) -> str:
    wrong = [model for model in submissions.wrong_hashes() if model not in refused]
    return f"others from model {', '.join(map(str, wrong))}" if wrong else SIGNED


def _order(universe: tuple[str, ...]) -> str:
    if not universe:
        return "no ids"
    return SORTED_IDS if list(universe) == sorted(set(universe)) else "another order or repeated ids"


def _check_targets(inputs: RoundInputs) -> None:
    size = len(inputs.submissions.universe)
    for name in inputs.rules.targets:
        target = inputs.targets.get(name)
        if target is None:
            raise InputsMismatch("targets", name, ", ".join(inputs.targets) or "none")
        if target.shape != (size,) or not np.isfinite(target).all():
            missing = int(np.count_nonzero(~np.isfinite(target)))
            raise InputsMismatch(
                f"target {name}", f"{size} finite values", f"{target.size} values, {missing} not finite"
            )


def _check_tables(inputs: RoundInputs) -> None:
    """Refuse a round that lacks what its rules need, by the path of the field that needs it."""
    universe = inputs.submissions.universe
    for name, path in inputs.rules.needs.items():
        what = f"{table_file(name)}, which {path} needs"
        if name not in inputs.tables:
            raise InputsMismatch(what, "a table", "none")
        problem = problem_with(name, inputs.tables[name], universe)
        if problem is not None:
            raise InputsMismatch(what, *problem)
    _check_coverage(inputs)


def _check_coverage(inputs: RoundInputs) -> None:
    """Volatility is that of the whole scoring window, and churn that of every model."""
    sessions = len(inputs.tables.get(SESSION_RETURNS, ()))
    if SESSION_RETURNS in inputs.rules.needs and sessions != inputs.rules.horizon.sessions:
        raise InputsMismatch(
            table_file(SESSION_RETURNS), f"{inputs.rules.horizon.sessions} sessions", f"{sessions}"
        )
    if NEUTRAL_CHURN in inputs.rules.needs:
        models = inputs.submissions.model_ids
        without = np.flatnonzero(np.isnan(churn_of(inputs.tables[NEUTRAL_CHURN], models)))
        if len(without):
            raise InputsMismatch(
                table_file(NEUTRAL_CHURN),
                "a row for every model that submitted",
                f"none for model {models[without[0]]}",
            )


def _refusal(entry: Submission, allowed: str | None, where: tuple[int, str, int]) -> str | None:
    signer = entry.signer(*where)
    if signer is None or signer != allowed:
        return (
            f"expected the signature of {allowed or 'a submitter of a known model'}, found that of {signer}"
        )
    predictions = float_array(entry.predictions)
    if not ((predictions >= 0) & (predictions <= 1)).all():
        return "expected predictions within [0, 1], found others"
    return None


def refusals_of(
    submissions: Submissions, submitters: Mapping[int, str], chain_id: int, tournament: str, round_id: int
) -> dict[int, str]:
    """Why some submissions must not count, by model. Gates are not among it: they look at other rounds.

    Nobody entitled signed them, they are not what was signed, or they hold what no submission may.
    """
    wrong, where = set(submissions.wrong_hashes()), (chain_id, tournament, round_id)
    reasons: dict[int, str] = {}
    for entry in submissions.entries:
        reason = _refusal(entry, submitters.get(entry.model_id), where)
        if reason is None and entry.model_id in wrong:
            reason = "expected the predictions that were signed, found others"
        if reason is not None:
            reasons[entry.model_id] = reason
    return reasons


def evaluate(inputs: RoundInputs) -> RoundResult:
    """Score a sealed round whose outcome is known, and make its report.

    Raises
    ------
    InputsMismatch
        When the files are not those that the chain committed to.
    """
    check_commitments(inputs)
    entries = tuple(each for each in inputs.submissions.entries if each.model_id not in inputs.refused)
    valid = Submissions(inputs.submissions.universe, entries)
    meta_model = _meta_model(valid, inputs.positions.by_model)
    rewarded = reward(
        FactorInputs(
            inputs.rules,
            valid.matrix,
            _stakes(valid, inputs.positions.by_model),
            None if np.isnan(meta_model).any() else meta_model,
            inputs.targets,
            inputs.tables,
        ),
        valid.model_ids,
    )
    by_model = dict(zip(valid.model_ids, rewarded.scores.tolist(), strict=True))
    chunk_scores = scores_by_chunk(inputs.positions, by_model)
    models = sorted(set(valid.model_ids) | set(inputs.positions.by_model))
    settlement = _settlement(inputs, models, by_model)
    scores = _score_table(inputs, models, valid, rewarded, settlement)
    manifest = _manifest(inputs, meta_model, scores, rewarded)
    report = _report(inputs, chunk_scores, settlement, manifest)
    return RoundResult(meta_model, scores, chunk_scores, settlement, manifest, report)


def _stakes(submissions: Submissions, positions: Mapping[int, int]) -> NDArray[np.uint64]:
    return np.array([positions.get(model, 0) for model in submissions.model_ids], dtype=np.uint64)


def _meta_model(submissions: Submissions, positions: Mapping[int, int]) -> NDArray[np.float64]:
    stakes = _stakes(submissions, positions)
    if not stakes.any():
        return np.full(len(submissions.universe), np.nan)
    return stake_weighted_meta_model(submissions.matrix, stakes)


def scores_by_chunk(positions: Positions, by_model: Mapping[int, int]) -> tuple[NDArray[np.int64], ...]:
    """Reward scores in ppm by lane, a chunk each; 0 for a lane without position or a model without score."""
    lanes = np.array([by_model.get(model, 0) for model in positions.models], dtype=np.int64)
    ends = np.cumsum([len(chunk.positions) for chunk in positions.chunks])[:-1]
    parts = np.split(lanes, ends) if positions.chunks else []
    return tuple(
        np.where(chunk.positions > 0, part, 0) for chunk, part in zip(positions.chunks, parts, strict=True)
    )


def _settlement(inputs: RoundInputs, models: Sequence[int], by_model: Mapping[int, int]) -> Settlement:
    positions = np.array([inputs.positions.by_model.get(m, 0) for m in models], dtype=np.uint64)
    scores = np.array([by_model.get(m, 0) for m in models], dtype=np.int64)
    return settle(positions, scores, factor=inputs.terms.payout_factor, cap=inputs.terms.cap)


def _score_table(
    inputs: RoundInputs,
    models: Sequence[int],
    submissions: Submissions,
    rewarded: Rewarded,
    settlement: Settlement,
) -> dict[str, NDArray[np.int64] | NDArray[np.uint64] | NDArray[np.float64]]:
    rows = np.searchsorted(np.array(models, dtype=np.int64), np.array(submissions.model_ids, dtype=np.int64))

    def spread(values: NDArray[Any], missing: float | int) -> NDArray[Any]:
        column = np.full(len(models), missing, dtype=values.dtype)
        column[rows] = values
        return column

    by_position = inputs.positions.by_model
    return {
        "model_id": np.array(models, dtype=np.int64),
        "position": np.array([by_position.get(m, 0) for m in models], dtype=np.uint64),
        **{
            name: spread(values, np.nan if values.dtype == np.float64 else ONE)
            for name, values in rewarded.columns.items()
        },
        "reward_score": spread(rewarded.scores, 0),
        "rate": settlement.rates,
        "payout": settlement.payouts,
        "burn": settlement.burns,
    }


def target_digest(universe: tuple[str, ...], name: str, target: NDArray[np.float64]) -> str:
    """The digest of one target, in the order of the universe, as the manifest holds it."""
    return to_hex(table_digest({"id": universe, name: target}))


def input_digests(inputs: RoundInputs) -> dict[str, Any]:
    """The digests of what came in, as the manifest holds them; a target that is not there has none."""
    universe = inputs.submissions.universe
    needed = [name for name in inputs.rules.needs if name in inputs.tables]
    tables = {name: digest_of(name, inputs.tables[name], universe) for name in needed}
    return {
        "rules": to_hex(inputs.rules.hash()),
        "universe": to_hex(universe_digest(universe)),
        "submissions": {str(e.model_id): to_hex(e.content_hash) for e in inputs.submissions.entries},
        "signatures": {str(e.model_id): to_hex(e.signature_hash) for e in inputs.submissions.entries},
        "targets": {
            name: target_digest(universe, name, inputs.targets[name])
            for name in inputs.rules.targets
            if name in inputs.targets
        },
        "positions": to_hex(table_digest(inputs.positions.columns())),
        **({"tables": tables} if inputs.rules.needs else {}),
    }


def _manifest(
    inputs: RoundInputs,
    meta_model: NDArray[np.float64],
    scores: Mapping[str, NDArray[Any]],
    rewarded: Rewarded,
) -> dict[str, Any]:
    universe = inputs.submissions.universe
    return {
        "manifest_version": MANIFEST_VERSION,
        "round": inputs.terms.to_json(),
        "digests": {
            **input_digests(inputs),
            "meta_model": to_hex(table_digest({"id": universe, "meta_model": meta_model})),
            "scores": to_hex(table_digest(scores)),
        },
        "refused": sorted(inputs.refused),
        **rewarded.volatility_json(),
    }


def _report(
    inputs: RoundInputs,
    chunk_scores: Sequence[NDArray[np.int64]],
    settlement: Settlement,
    manifest: Mapping[str, Any],
) -> Report:
    chunks = inputs.positions.chunks
    return Report(
        chain_id=inputs.terms.chain_id,
        tournament=inputs.terms.tournament,
        round_id=inputs.terms.round_id,
        version=REPORT_VERSION,
        scores_head=scores_heads(chunks, chunk_scores)[-1] if chunks else EMPTY_HEAD,
        total_payout=settlement.total_payout,
        total_burn=settlement.total_burn,
        evidence_hash=evidence_hash(manifest),
    )
