"""The arguments of the court's proofs, from a round's chunks, scores and submissions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from eth_abi.abi import encode
from eth_hash.auto import keccak
from numpy.typing import NDArray

from scorer.proofs.evidence import Operands, positions_digest
from scorer.proofs.ranking import RankedSubmission
from scorer.proofs.tables import table_halves
from scorer.proofs.tree import TableTree
from scorer.protocol.chunks import (
    EMPTY_HEAD,
    LANES,
    SCORE_BYTES,
    Chunk,
    pack_scores,
    positions_heads,
    push,
    unpack_scores,
)
from scorer.protocol.merkle import NO_LEAF, merkle_proof
from scorer.protocol.submissions import Submission, Submissions
from scorer.scoring.exact import Floats

Scores = Sequence[NDArray[np.int64]]
_NOBODY: Final = (0, bytes(32), bytes(32), bytes(32), 0, 0, list[bytes]())


@dataclass(frozen=True)
class ScoredLanes:
    """A round's chunks in the order in which they were locked, and a report's reward scores of them.

    Attributes
    ----------
    packed
        The scores of each chunk, as the report commits to them: of a false one, any bytes.
    """

    chunks: Sequence[Chunk]
    packed: Sequence[bytes]

    @classmethod
    def of(cls, chunks: Sequence[Chunk], scores: Scores) -> "ScoredLanes":
        """Return chunks with reward scores in ppm, by lane, a chunk each."""
        return cls(chunks, [pack_scores(part) for part in scores])

    @property
    def is_whole(self) -> bool:
        """True where every lane has a score, and no score is without a lane."""
        sizes = [SCORE_BYTES * len(chunk.positions) for chunk in self.chunks]
        return list(map(len, self.packed)) == sizes

    @cached_property
    def scores(self) -> Scores:
        """Reward scores in ppm, by lane, a chunk each, of lanes that are whole."""
        return [unpack_scores(part) for part in self.packed]

    def to_contract(self) -> list[tuple[int, list[int], bytes]]:
        """Return the structs ``Chunk`` of IScoreCourt."""
        return [
            (chunk.from_slot, list(chunk.words), part)
            for chunk, part in zip(self.chunks, self.packed, strict=True)
        ]

    def place(self, lane: int) -> tuple[Any, ...]:
        """Return the struct ``Place`` of a lane.

        Raises
        ------
        ValueError
            When no chunk has the lane.
        """
        for number, chunk in enumerate(self.chunks):
            if lane // LANES in range(chunk.from_slot, chunk.from_slot + len(chunk.words)):
                return self._place(lane, number)
        raise ValueError(f"expected a lane of the round, found lane {lane}")

    def _place(self, lane: int, number: int) -> tuple[Any, ...]:
        above = [
            (chunk.from_slot, positions_digest(chunk), keccak(part))
            for chunk, part in list(zip(self.chunks, self.packed, strict=True))[number + 1 :]
        ]
        return (
            lane,
            self.to_contract()[number],
            positions_heads(self.chunks)[number],
            scores_below(self.chunks, self.packed, number),
            above,
        )


@dataclass(frozen=True)
class SealedTree:
    """The tree of a round's submissions, whose root was sealed, and the models that are refused.

    Attributes
    ----------
    strange
        By model, the bytes behind a leaf that are not one prediction for each id as files spell them, where
        somebody showed them: of a false seal alone.
    """

    submissions: Submissions
    refused: frozenset[int]
    strange: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def leaves(self) -> list[bytes]:
        """The leaves, ascending by model."""
        return [entry.leaf(is_valid=self._is_valid(entry)) for entry in self.submissions.entries]

    def submission(self, model: int) -> tuple[Any, ...]:
        """Return the struct ``Submission`` of a model.

        Raises
        ------
        ValueError
            When the model did not submit.
        """
        models = self.submissions.model_ids
        if model not in models:
            raise ValueError(f"expected a model that submitted, found model {model}, which did not")
        return self._at(models.index(model))

    @property
    def width(self) -> int:
        """The number of leaves, with those that fill the tree up."""
        count = len(self.submissions.entries)
        return 1 << (count - 1).bit_length() if count else 0

    def leaf(self, index: int) -> tuple[Any, ...]:
        """Return the struct ``Submission`` at a place: of model 0 where it fills the tree up."""
        if index < len(self.submissions.entries):
            return self._at(index)
        leaves = [*self.leaves, *[NO_LEAF] * (self.width - len(self.leaves))]
        return *_NOBODY[:5], index, merkle_proof(leaves, index)

    def gap(self, model: int) -> tuple[Any, ...]:
        """Return the struct ``Gap`` of a model that did not submit.

        Raises
        ------
        ValueError
            When the model did submit.
        """
        models = self.submissions.model_ids
        if model in models:
            raise ValueError(f"expected a model that did not submit, found model {model}, which did")
        place = sum(other < model for other in models)
        left = self._at(place - 1) if place else _NOBODY
        right = self._at(place) if place < len(models) else _NOBODY
        return place > 0, place < len(models), left, right, self._filler(place)

    def _filler(self, place: int) -> list[bytes]:
        """Return the siblings of the leaf behind the last, where the tree has one that fills it up."""
        leaves = self.leaves
        if place < len(leaves) or not leaves or len(leaves).bit_count() == 1:
            return []
        return merkle_proof([*leaves, NO_LEAF], len(leaves))

    def _is_valid(self, entry: Submission) -> bool:
        return entry.model_id not in self.refused

    def _at(self, index: int) -> tuple[Any, ...]:
        entry = self.submissions.entries[index]
        return (
            entry.model_id,
            entry.content_hash,
            entry.ciphertext_hash,
            entry.signature_hash,
            int(self._is_valid(entry)),
            index,
            merkle_proof(self.leaves, index),
        )


def scores_below(chunks: Sequence[Chunk], packed: Sequence[bytes], number: int) -> bytes:
    """Return the head of the stack of packed scores below the chunk of a number, counted from 0."""
    head = EMPTY_HEAD
    for chunk, part in zip(chunks[:number], packed[:number], strict=True):
        head = push(head, chunk.from_slot, part)
    return head


def score_inputs(predictions: Floats, operands: Operands, tree: TableTree) -> tuple[Any, ...]:
    """Return the struct ``Inputs``: predictions of shape (ids,), and what they are scored against."""
    ranked, halves = RankedSubmission(predictions), table_halves(len(predictions))
    has_ties = ranked.has_ties or any(vectors.has_even_ranks for vectors in operands.vectors)
    return (
        ranked.content,
        ranked.order,
        halves.odd,
        halves.even if has_ties else b"",
        keccak(halves.even),
        tree.siblings(halves.ids),
        [vectors.records for vectors in operands.vectors],
        [vectors.palette for vectors in operands.vectors],
    )


def commitment(prover: str, call: bytes) -> bytes:
    """Return what ``commit`` takes before a prover sends `call`, the calldata of a proof."""
    return keccak(encode(["address", "bytes32"], [prover, keccak(call)]))
