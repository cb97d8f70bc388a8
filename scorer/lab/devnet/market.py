"""A made-up market: names, what becomes of them, and models that know a little of it beforehand."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

LEVELS: Final = (0.05, 0.25, 0.75, 0.95)
"""Where a target's five values meet, as quantiles: those of Numerai's targets."""
VALUES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
LARGEST_SKILL: Final = 0.1
"""Correlation of the best model's predictions with the outcome."""


@dataclass(frozen=True)
class SyntheticMarket:
    """Rounds of `size` names; the same for the same seed, on every machine.

    Model 1 knows most; every following one less, then nothing, then the contrary, and so on again.
    """

    size: int = 500
    seed: int = 0

    @property
    def universe(self) -> tuple[str, ...]:
        """The ids of every round, ascending."""
        return tuple(f"n{number:05}" for number in range(self.size))

    def target(self, round_id: int) -> NDArray[np.float64]:
        """The outcome of a round in five steps from 0 to 1, shape (size,)."""
        return np.array(VALUES)[np.digitize(self._ranks(round_id), LEVELS)]

    def wrong_target(self, round_id: int) -> NDArray[np.float64]:
        """What somebody with bad data takes for the outcome."""
        return 1.0 - self.target(round_id)

    def predictions(self, round_id: int, model: int) -> NDArray[np.float64]:
        """A model's predictions in the open interval (0, 1), shape (size,)."""
        skill = LARGEST_SKILL * np.cos(model - 1)
        noise = np.random.default_rng([self.seed, round_id, model]).random(self.size)
        mixed = skill * self._ranks(round_id) + (1 - abs(skill)) * noise
        return (np.argsort(np.argsort(mixed)) + 0.5) / self.size

    def file(self, predictions: NDArray[np.float64]) -> bytes:
        """A submission file, CSV."""
        rows = zip(self.universe, predictions.tolist(), strict=True)
        return ("id,prediction\n" + "".join(f"{name},{value!r}\n" for name, value in rows)).encode()

    def _ranks(self, round_id: int) -> NDArray[np.float64]:
        order = np.random.default_rng([self.seed, round_id]).permutation(self.size)
        return (order + 0.5) / self.size
