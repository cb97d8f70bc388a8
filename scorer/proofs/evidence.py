"""A report's evidence: all that a contract needs, besides submissions, to compute its scores again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_hash.auto import keccak

from scorer.proofs.terms import META_MODEL, ScoreTerms
from scorer.proofs.vectors import ScoreVectors, score_vectors
from scorer.protocol.chunks import Chunk
from scorer.protocol.report import NO_STEPS, Report
from scorer.scoring.exact import Floats


@dataclass(frozen=True)
class Operands:
    """The vectors that a report's scores are computed against.

    Attributes
    ----------
    vectors
        In the order of the terms.
    steps
        The root over the meta model's sums after each submission, 32 bytes, see `scorer.proofs.meta_steps`.
    """

    vectors: tuple[ScoreVectors, ...]
    steps: bytes = NO_STEPS

    def hash(self) -> bytes:
        """Return the operands hash of a report's ``evidenceHash``: keccak(abi.encode(vectors, steps))."""
        return keccak(encode(["(bytes32,bytes32,uint256)[]", "bytes32"], [self.to_contract(), self.steps]))

    def to_contract(self) -> list[tuple[bytes, bytes, int]]:
        """Return the structs ``Vector`` of IScoreCourt."""
        return [(keccak(each.records), keccak(each.palette), each.shift) for each in self.vectors]


def operands(
    terms: ScoreTerms,
    targets: Mapping[str, Floats],
    meta_model: Floats | None,
    benchmark_meta_model: Floats | None = None,
    steps: bytes = NO_STEPS,
) -> Operands:
    """Return the operands of a round whose outcome is known.

    Parameters
    ----------
    targets
        By name, shape (ids,) each.
    meta_model
        None where nobody staked.
    steps
        See `Operands`.

    Raises
    ------
    NotProvable
        When a target does not fit the contract's grid.
    """
    return Operands(
        tuple(
            score_vectors(targets[target], meta_model if name == META_MODEL else benchmark_meta_model)
            for target, name in terms.vectors
        ),
        steps,
    )


@dataclass(frozen=True)
class Evidence:
    """The struct ``Evidence`` of IScoreCourt, with the vectors themselves.

    Attributes
    ----------
    manifest
        The digest of the report's manifest, 32 bytes.
    """

    report: Report
    manifest: bytes
    terms: ScoreTerms
    operands: Operands

    def to_contract(self) -> tuple[Any, ...]:
        """Return the struct ``Evidence``."""
        return (
            self.report.to_contract(),
            self.manifest,
            self.operands.steps,
            self.terms.to_contract(),
            self.operands.to_contract(),
        )

    def posting(self, chunks: Sequence[Chunk], packed: Sequence[bytes]) -> tuple[Any, ...]:
        """Return the arguments of ``post`` behind the tournament's.

        Parameters
        ----------
        chunks, packed
            Of the round, in the order in which they were locked, and their packed scores.
        """
        vectors = self.operands.vectors
        return (
            self.to_contract(),
            [each.records for each in vectors],
            [each.palette for each in vectors],
            [chunk.from_slot for chunk in chunks],
            [positions_digest(chunk) for chunk in chunks],
            list(packed),
        )


def positions_digest(chunk: Chunk) -> bytes:
    """Return the digest of a chunk of positions on its stack, 32 bytes."""
    return keccak(b"".join(word.to_bytes(32, "big") for word in chunk.words))
