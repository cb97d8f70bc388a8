"""The inputs of a round's scores, and the results: plain data, without the scores' arithmetic."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.errors import CupelError
from scorer.protocol.chunks import LANES, Chunk, positions_heads
from scorer.protocol.documents import address, amount, from_hex, to_hex, whole
from scorer.protocol.report import Report
from scorer.protocol.rules import Rules
from scorer.protocol.submissions import Submissions
from scorer.protocol.tables import (
    Table,
)
from scorer.rewards import Settlement


class InputsMismatch(CupelError, ValueError):
    """The files at hand are not those that the chain committed to."""

    def __init__(self, what: str, expected: object, found: object) -> None:
        super().__init__(f"{what}: expected {expected}, found {found}")
        self.what = what
        self.expected = expected
        self.found = found


@dataclass(frozen=True)
class RoundTerms:
    """The terms of a round that the chain fixed by its seal. Amounts in nano-NMR, shares in ppm.

    Attributes
    ----------
    terms_hash
        Of the round's terms in numbers, which a contract reads; zeros where it has none.
    universe
        The digest of the round's universe, see `scorer.protocol.digest.universe_digest`.
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
        """Return the ``round`` object of the manifest: amounts as text, digests in hex."""
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
        """Read what `to_json` returns; KeyError or ValueError for anything else."""
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
    """The positions that a round locked.

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
        """Return the table positions.parquet: a row a lane."""
        sizes = [len(chunk.positions) for chunk in self.chunks]
        return {
            "chunk": np.repeat(np.arange(len(sizes), dtype=np.int64), sizes),
            "lane": _joined([chunk.lanes for chunk in self.chunks], np.int64),
            "model_id": np.array(self.models, dtype=np.int64),
            "position": _joined([chunk.positions for chunk in self.chunks], np.uint64),
        }

    @classmethod
    def from_columns(cls, columns: Mapping[str, NDArray[Any]]) -> "Positions":
        """Read what `columns` returns.

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
        # Written again and compared: splitting passes over gaps and a wrong order.
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
        The further inputs that the rules need, by name: see `scorer.protocol.tables`.
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


@dataclass(frozen=True)
class Published:
    """A bundle as someone published it: its inputs, and the results that it claims.

    Attributes
    ----------
    ids
        The column of ids of every file that has one, by the file's name. All are to be the round's universe,
        and the arrays of `inputs` are in the order of those of universe.parquet.
    meta_model
        None where its body is withheld, as predictions are.
    forms
        What is wrong with how a table is written, by its file: another reader may read other content in it.
    """

    inputs: RoundInputs
    ids: Mapping[str, tuple[str, ...]]
    meta_model: NDArray[np.float64] | None
    scores: Mapping[str, NDArray[Any]]
    manifest: Mapping[str, Any]
    report: Mapping[str, Any]
    forms: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OnChain:
    """The facts that the chain has about a round.

    Attributes
    ----------
    report_hash
        Of the report that the committee accepted; None when there is none.
    settled
        Reward scores in ppm by model, of the chunks that were settled so far.
    submitters
        Who could sign for each model when submissions closed.
    is_settled
        Whether every chunk was settled by the report.
    reserved, paid, burned
        nano-NMR. Below the report's total payout, the reserve says that the pool was short.
    silent
        The models whose predictions were demanded and not shown: their positions came back whole.
    """

    terms: RoundTerms
    report_hash: bytes | None
    submitters: Mapping[int, str]
    settled: Mapping[int, int]
    is_settled: bool
    reserved: int
    paid: int
    burned: int
    silent: frozenset[int] = frozenset()


def scores_by_chunk(positions: Positions, by_model: Mapping[int, int]) -> tuple[NDArray[np.int64], ...]:
    """Reward scores in ppm by lane, a chunk each; 0 for a lane without position or a model without score."""
    lanes = np.array([by_model.get(model, 0) for model in positions.models], dtype=np.int64)
    ends = np.cumsum([len(chunk.positions) for chunk in positions.chunks])[:-1]
    parts = np.split(lanes, ends) if positions.chunks else []
    return tuple(
        np.where(chunk.positions > 0, part, 0) for chunk, part in zip(positions.chunks, parts, strict=True)
    )
