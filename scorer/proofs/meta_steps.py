"""The sums of which a meta model is made, after each submission, and the tree of their hashes.

The layout is that of contracts/lib/MetaProof.sol and contracts/interfaces/IMetaCourt.sol.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray

from scorer.proofs.integers import two_bytes
from scorer.protocol.merkle import merkle_proof, merkle_root
from scorer.protocol.predictions import float_array
from scorer.protocol.submissions import PredictionsWithheld, Submission, Submissions
from scorer.scoring.ranks import doubled_ranks

SUM_BYTES: Final = 10
"""Bytes of a sum (MetaProof.SUM_BYTES)."""
PART_LEAVES: Final = 1024
"""Leaves of the tree of steps that are posted at once (MetaCourt.PART_LEAVES)."""
_LOW: Final = 32
"""Bits of the lower limb of a sum; with the product of 32 bits and a rank of 16, both limbs fit in 64."""


@dataclass(frozen=True)
class MetaSums:
    """The sums at one place of the tree, in two limbs, shape (ids,) each."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]

    @classmethod
    def zeros(cls, ids: int) -> "MetaSums":
        """Return the sums before the first submission."""
        return cls(np.zeros(ids, dtype=np.uint64), np.zeros(ids, dtype=np.uint64))

    def plus(self, position: int, ranks: NDArray[np.int64]) -> "MetaSums":
        """Return the sums after a submission with a position, nano-NMR, and doubled ranks, shape (ids,)."""
        limb = (1 << _LOW) - 1
        wide = ranks.astype(np.uint64)
        low = self.low + np.uint64(position & limb) * wide
        high = self.high + np.uint64(position >> _LOW) * wide + (low >> np.uint64(_LOW))
        return MetaSums(high, low & np.uint64(limb))

    def plus_submission(self, position: int, entry: Submission) -> "MetaSums":
        """Return the sums after a submission with a position, nano-NMR.

        Raises
        ------
        PredictionsWithheld
            When its predictions are not known.
        """
        if entry.predictions is None:
            raise PredictionsWithheld(f"model {entry.model_id}: expected its predictions, found none")
        row = float_array(entry.predictions)
        # As the scorer has it: who lacks a prediction has no part in the meta model.
        return self if np.isnan(row).any() else self.plus(position, doubled_ranks(row[np.newaxis])[0])

    @cached_property
    def content(self) -> bytes:
        """The sums as the contract reads them, `SUM_BYTES` bytes an id, most significant byte first."""
        high = self.high.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 2:]
        low = self.low.astype(">u4").view(np.uint8).reshape(-1, 4)
        return np.concatenate([high, low], axis=1).tobytes()

    @cached_property
    def hash(self) -> bytes:
        """The Keccak-256 of `content`."""
        return keccak(self.content)

    @cached_property
    def order(self) -> bytes:
        """The ids by ascending (sum, id), 2 bytes each."""
        # The last key of lexsort counts most, and it keeps the order of what is equal.
        return two_bytes(np.lexsort((self.low, self.high))).tobytes()

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """The doubled ranks of the sums, shape (ids,)."""
        # Places among the different sums: whole numbers, which float64 holds exactly.
        _, places = np.unique(np.stack([self.high, self.low]), axis=1, return_inverse=True)
        ranks: NDArray[np.int64] = doubled_ranks(places.reshape(1, -1).astype(np.float64))[0]
        return ranks


def sums_after(
    submissions: Submissions, refused: frozenset[int], positions: Mapping[int, int]
) -> Iterator[MetaSums]:
    """Yield the sums after each submission, in their order.

    Parameters
    ----------
    positions
        nano-NMR by model.

    Raises
    ------
    PredictionsWithheld
        At a submission that counts and has a position, whose predictions are not known.
    """
    sums = MetaSums.zeros(len(submissions.universe))
    for entry in submissions.entries:
        position = positions.get(entry.model_id, 0)
        if position and entry.model_id not in refused:
            sums = sums.plus_submission(position, entry)
        yield sums


@dataclass(frozen=True)
class StepTree:
    """The tree of the hashes of sums, 32 bytes each, after each submission."""

    hashes: Sequence[bytes] = ()

    @classmethod
    def of(
        cls, submissions: Submissions, refused: frozenset[int], positions: Mapping[int, int]
    ) -> "StepTree":
        """Return the tree of a round, see `sums_after`."""
        return cls([sums.hash for sums in sums_after(submissions, refused, positions)])

    @property
    def root(self) -> bytes:
        """The root, 32 bytes; zeros where nobody submitted."""
        return merkle_root(self._leaves)

    @property
    def width(self) -> int:
        """The number of leaves, with those that fill the tree up."""
        return 1 << max(len(self.hashes) - 1, 0).bit_length() if self.hashes else 0

    @cached_property
    def _leaves(self) -> list[bytes]:
        """The leaves; the last of them fills the tree up, as nothing changes the sums there."""
        leaves = [keccak(keccak(each)) for each in self.hashes]
        return leaves + leaves[-1:] * (self.width - len(leaves))

    def hash_at(self, index: int) -> bytes:
        """Return the hash of the sums after a leaf."""
        return self.hashes[min(index, len(self.hashes) - 1)]

    def siblings(self, index: int) -> list[bytes]:
        """Return the siblings of a leaf, from the bottom up."""
        return merkle_proof(self._leaves, index)

    def step(self, index: int) -> tuple[Any, ...]:
        """Return the struct ``Step`` of IMetaCourt of a leaf."""
        before = (self.hash_at(index - 1), self.siblings(index - 1)) if index else (bytes(32), [])
        return (*before, self.hash_at(index), self.siblings(index))

    @property
    def parts(self) -> int:
        """The number of parts in which the tree is posted."""
        return -(-self.width // PART_LEAVES)

    def part(self, number: int) -> tuple[list[bytes], list[bytes]]:
        """Return hashes and siblings of ``post`` of a part."""
        begin = number * PART_LEAVES
        # Beyond the last submission nothing changes: one hash is enough.
        hashes = list(self.hashes[begin : begin + PART_LEAVES]) or [self.hashes[-1]]
        return hashes, self.siblings(begin)[PART_LEAVES.bit_length() - 1 :]
