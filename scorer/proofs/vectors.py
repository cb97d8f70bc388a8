"""A target and a meta model as whole numbers: the vectors that submissions are scored against."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray

from scorer.proofs.integers import grid_integers, six_bytes, two_bytes
from scorer.proofs.tables import MOST_IDS
from scorer.scoring.exact import Floats, mean
from scorer.scoring.operands import contribution_target, correlation_target
from scorer.scoring.quantiles import rank_table
from scorer.scoring.ranks import doubled_ranks

LEAST_SHIFT: Final = 64
MOST_SHIFT: Final = 192
"""Bounds of `ScoreVectors.shift` (ScoreProof.MIN_SHIFT, MAX_SHIFT): targets of up to some thousand."""
RECORD_BYTES: Final = 4
ENTRY_BYTES: Final = 12


class NotProvable(ValueError):
    """A contract cannot recompute scores of such a round; the message says why."""


@dataclass(frozen=True)
class ScoreVectors:
    """The vectors that ScoreProof multiplies a submission's ranks with.

    Attributes
    ----------
    records
        4 bytes an id: the place of its target in the palette, and the doubled rank of the meta model.
    palette
        12 bytes for each different target: what CORR multiplies and what MMC multiplies, on their grids.
    shift
        MMC in grid units is divided by two to this power.
    """

    records: bytes
    palette: bytes
    shift: int

    @property
    def ids(self) -> int:
        """The number of ids."""
        return len(self.records) // RECORD_BYTES

    @cached_property
    def has_even_ranks(self) -> bool:
        """True where the meta model has ties of an even number of ids: a proof needs the even ranks."""
        return bool((np.frombuffer(self.records, dtype=">u2")[1::2] % 2 == 0).any())

    def hash(self) -> bytes:
        """Return keccak(abi.encode(keccak records, keccak palette, shift)), 32 bytes."""
        return keccak(keccak(self.records) + keccak(self.palette) + self.shift.to_bytes(32, "big"))


def ranks_of(vectors: ScoreVectors) -> NDArray[np.int64]:
    """Return the doubled ranks of the meta model, shape (ids,)."""
    return np.frombuffer(vectors.records, dtype=">u2")[1::2].astype(np.int64)


def score_vectors(target: Floats, meta_model: Floats | None) -> ScoreVectors:
    """Return the vectors of a target and a meta model, each of shape (ids,).

    Parameters
    ----------
    meta_model
        None where nobody staked: then as one that says the same of every id, against which nothing is scored.

    Raises
    ------
    NotProvable
        When there are too few or too many ids, or the target is so large that a ppm of its scores is no whole
        number of its grid.
    """
    ids = len(target)
    if not 2 <= ids <= MOST_IDS:
        raise NotProvable(f"expected 2 to {MOST_IDS} ids, found {ids}")
    table = rank_table(ids)
    meta = np.full(ids, 0.5) if meta_model is None else meta_model
    corr = grid_integers(correlation_target(target - mean(target), table, power_1_5=True).parts)
    contribution = contribution_target(target, meta, table)
    shift = -contribution.scale_exponent
    if not LEAST_SHIFT <= shift <= MOST_SHIFT:
        raise NotProvable(
            f"expected a target whose scores are in units of 2^-{LEAST_SHIFT} to 2^-{MOST_SHIFT}, "
            f"found units of 2^-{shift}"
        )
    pairs = np.stack([corr, grid_integers(contribution.target)], axis=1)
    palette, places = np.unique(pairs, axis=0, return_inverse=True)
    ranks = doubled_ranks(meta[np.newaxis])[0]
    return ScoreVectors(
        np.concatenate([two_bytes(places.reshape(-1)), two_bytes(ranks)], axis=1).tobytes(),
        np.concatenate([six_bytes(palette[:, 0]), six_bytes(palette[:, 1])], axis=1).tobytes(),
        shift,
    )
