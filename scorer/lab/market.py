"""A synthetic market: ids, their outcomes, and models that know a little of the outcome beforehand."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

TARGET: Final = "target_20d2l"
"""The target of the rules that local tournaments play by."""
EDGES: Final = (0.05, 0.25, 0.75, 0.95)
"""The quantiles at which a target's five values meet: those of Numerai's targets."""
VALUES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
LARGEST_SKILL: Final = 0.1
"""Correlation of the best model's predictions with the outcome."""


def five_bins(count: int) -> NDArray[np.float64]:
    """Return the target of each place in an ascending order of `count` ids: 5, 20, 50, 20 and 5 percent."""
    edges = [round(edge * count) for edge in EDGES]
    return np.asarray(VALUES)[np.searchsorted(edges, np.arange(count), side="right")]


def binned(outcome: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the five-bin target of an outcome, by its ranks, shape (ids,)."""
    target = np.empty(len(outcome))
    target[np.argsort(outcome, kind="stable")] = five_bins(len(outcome))
    return target


@dataclass(frozen=True)
class SyntheticMarket:
    """Rounds of `size` ids; the same for the same seed, on every machine.

    Model 1 knows most; every following one less, then nothing, then the contrary, and so on again.
    """

    size: int = 500
    seed: int = 0

    @property
    def universe(self) -> tuple[str, ...]:
        """Ids of every round, ascending."""
        return tuple(f"n{number:05}" for number in range(self.size))

    def target(self, round_id: int) -> NDArray[np.float64]:
        """Return the outcome of a round in five steps from 0 to 1, shape (size,)."""
        return binned(self._ranks(round_id))

    def wrong_target(self, round_id: int) -> NDArray[np.float64]:
        """Return the outcome as somebody with bad data has it."""
        return 1.0 - self.target(round_id)

    def slightly_wrong_target(self, round_id: int) -> NDArray[np.float64]:
        """Return the outcome with one wrong number."""
        wrong = self.target(round_id)
        wrong[3] = 1.0 - wrong[3] if wrong[3] != 0.5 else 1.0
        return wrong

    def predictions(self, round_id: int, model: int) -> NDArray[np.float64]:
        """Return a model's predictions in the open interval (0, 1), shape (size,)."""
        skill = LARGEST_SKILL * np.cos(model - 1)
        noise = np.random.default_rng([self.seed, round_id, model]).random(self.size)
        mixed = skill * self._ranks(round_id) + (1 - abs(skill)) * noise
        return (np.argsort(np.argsort(mixed)) + 0.5) / self.size

    def _ranks(self, round_id: int) -> NDArray[np.float64]:
        order = np.random.default_rng([self.seed, round_id]).permutation(self.size)
        return (order + 0.5) / self.size
