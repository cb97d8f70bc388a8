"""Participants of a simulation: made-up data scientists of known skill and habits."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.units import NANO_PER_NMR

SIGNALS: Final = 6
"""Signals of their own that skilled models can know, besides the one that the crowd knows (number 0)."""


@dataclass(frozen=True)
class ScientistKind:
    """One kind of data scientist.

    Attributes
    ----------
    share
        Of all models.
    deposit_nmr
        The median deposit.
    allocation
        Which share of its idle stake a model locks each round, in ppm.
    crowd, own
        How much of the crowd's signal, and of one signal of its own, is in a prediction.
    noise
        How much of it is noise.
    copies
        How much of it is the meta model of the others, as of the round before.
    common_noise
        Whether all models of the kind share one noise, as the many models of one owner would.
    late
        In which share of the rounds it submits too late.
    """

    share: float
    deposit_nmr: int
    allocation: int
    crowd: float = 0.0
    own: float = 0.0
    noise: float = 1.0
    copies: float = 0.0
    common_noise: bool = False
    late: float = 0.0


KINDS: Final[Mapping[str, ScientistKind]] = MappingProxyType(
    {
        "skilled": ScientistKind(0.15, 300, 250_000, crowd=0.5, own=1.0, noise=0.7),
        "crowd": ScientistKind(0.35, 200, 250_000, crowd=1.0, noise=0.5),
        "noise": ScientistKind(0.20, 100, 250_000),
        "copycat": ScientistKind(0.10, 200, 250_000, copies=1.0, noise=0.1),
        "sybil": ScientistKind(0.10, 50, 250_000, crowd=0.8, noise=0.6, common_noise=True),
        "all-in": ScientistKind(0.05, 300, 1_000_000, crowd=0.7, own=0.7, noise=1.0),
        "late": ScientistKind(0.05, 200, 250_000, crowd=0.5, own=1.0, noise=0.7, late=0.5),
    }
)


@dataclass(frozen=True)
class Population:
    """Models in the order of their kinds.

    Attributes
    ----------
    kinds
        The name of each model's kind, shape (models,).
    loadings
        How much of each signal, the crowd's first, is in a prediction, shape (models, 1 + SIGNALS).
    noise, copies, late
        As of `ScientistKind`, shape (models,).
    common_noise
        Shape (models,).
    deposits
        nano-NMR, shape (models,).
    allocations
        ppm, shape (models,).
    """

    kinds: NDArray[np.str_]
    loadings: NDArray[np.float32]
    noise: NDArray[np.float32]
    copies: NDArray[np.float32]
    late: NDArray[np.float64]
    common_noise: NDArray[np.bool_]
    deposits: NDArray[np.uint64]
    allocations: NDArray[np.uint64]

    @property
    def models(self) -> int:
        """Number of models."""
        return len(self.kinds)


def make_population(models: int, seed: int, kinds: Mapping[str, ScientistKind] = KINDS) -> Population:
    """Draw a population of which every kind has its share, at least one model each."""
    counts = _counts(models, kinds)
    stream = np.random.default_rng([seed, 0])
    kind_of = [kind for name, kind in kinds.items() for _ in range(counts[name])]
    spread = np.exp(0.5 * stream.standard_normal(models))
    loadings = np.zeros((models, 1 + SIGNALS), dtype=np.float32)
    loadings[:, 0] = [kind.crowd for kind in kind_of]
    loadings[np.arange(models), 1 + stream.integers(0, SIGNALS, models)] += np.array(
        [kind.own for kind in kind_of], dtype=np.float32
    )
    deposits = np.array([kind.deposit_nmr for kind in kind_of]) * spread * NANO_PER_NMR
    return Population(
        kinds=np.array([name for name in kinds for _ in range(counts[name])]),
        loadings=loadings,
        noise=np.array([kind.noise for kind in kind_of], dtype=np.float32),
        copies=np.array([kind.copies for kind in kind_of], dtype=np.float32),
        late=np.array([kind.late for kind in kind_of]),
        common_noise=np.array([kind.common_noise for kind in kind_of]),
        deposits=deposits.astype(np.uint64),
        allocations=np.array([kind.allocation for kind in kind_of], dtype=np.uint64),
    )


def _counts(models: int, kinds: Mapping[str, ScientistKind]) -> dict[str, int]:
    """Share models out among kinds; the largest kind makes up for rounding."""
    if models < len(kinds):
        raise ValueError(f"expected at least {len(kinds)} models, one of each kind, found {models}")
    counts = {name: max(1, int(models * kind.share)) for name, kind in kinds.items()}
    counts[max(kinds, key=lambda name: kinds[name].share)] += models - sum(counts.values())
    return counts
