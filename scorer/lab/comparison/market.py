"""Markets and their populations, on the same ids in every round, so that stale copies are of worth."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.lab.market import binned
from scorer.lab.simulation.population import ScientistKind
from scorer.lab.simulation.rounds import CRISIS, CRISIS_EDGE, CRISIS_VOLATILITY, QUIET_VOLATILITY

Singles = NDArray[np.float32]
ALLOCATION: Final = 250_000
"""ppm of its stake that every model locks each round."""
KINDS: Final[Mapping[str, ScientistKind]] = MappingProxyType(
    {
        "skilled": ScientistKind(0.2, 300, ALLOCATION, crowd=0.5, own=1.0, noise=0.7),
        "crowd": ScientistKind(0.4, 200, ALLOCATION, crowd=1.0, noise=0.5),
        "noise": ScientistKind(0.2, 100, ALLOCATION),
        "mixed": ScientistKind(0.1, 300, ALLOCATION, crowd=0.7, own=0.7, noise=1.0),
        "clones": ScientistKind(0.1, 50, ALLOCATION, crowd=0.8, noise=0.6, common_noise=True),
    }
)
CERTAINTY: Final = 40.0
"""The sum of the parameters of the Dirichlet distribution from which the shares of the kinds are drawn."""
BEST_EDGE: Final = 0.04
"""The edge of the signal that only the best model knows: how strongly it moves returns."""
BEST_STAKE: Final = 0.01
"""The best model's share of all deposits."""
FRESH: Final = 0.3
"""The share of models whose noise is new every round."""
LATE_ENTRANTS: Final = 0.2
"""The share of models that enter later than the first round."""
OWN_NOISE: Final = 0.1
"""The part of a clone's noise that is its own and not that of all clones."""
BLOCK: Final = 64
"""Models whose predictions are made at once."""
POOL: Final = 1 << 22
"""Normal numbers that a market draws once. Every row of noise is a stretch of them that begins somewhere
else: to draw as many anew each round would take half of the time."""


@dataclass(frozen=True)
class MarketRound:
    """A round's predictions of the population, shape (models, ids), its target, and the market's volatility.

    The next round takes the place of the predictions.
    """

    predictions: Singles
    target: NDArray[np.float64]
    volatility: float


class Market(ABC):
    """Rounds of predictions and outcomes, and a stream of random numbers that attackers draw from too.

    Every number depends on the seed alone. Model 0 is the best.

    Attributes
    ----------
    kinds, deposits, enters
        Each model's kind, its first stake (a share of all), and the round that it enters in, shape (models,).
    deviations
        Of each model's predictions, shape (models,).
    ids
        How many.
    stream
        The stream of random numbers.
    persistence
        The correlation of a signal with itself a round later.
    """

    kinds: NDArray[np.str_]
    deposits: NDArray[np.float64]
    enters: NDArray[np.int64]
    deviations: NDArray[np.floating]
    persistence: float

    def __init__(self, seed: int, ids: int) -> None:
        self.stream = np.random.Generator(np.random.SFC64([seed, 7]))
        self.ids = ids

    def _draw_pool(self) -> None:
        """Draw the numbers that all noise is taken from; once, before the first noise."""
        self._pool = self.stream.standard_normal(POOL, dtype=np.float32)

    def noise(self, rows: int) -> Singles:
        """Return standard normal noise, shape (rows, ids)."""
        starts = self.stream.integers(0, POOL - self.ids, rows)
        windows = np.lib.stride_tricks.sliding_window_view(self._pool, self.ids)
        return windows[starts]

    def decayed(self, past: Singles, innovation: Singles) -> Singles:
        """Return what becomes of a signal in the next round, of the same variance."""
        kept = np.float32(self.persistence)
        return kept * past + np.float32(np.sqrt(1 - self.persistence**2)) * innovation

    @abstractmethod
    def play(self, number: int) -> MarketRound:
        """Play round `number`, from 0 on, in ascending order."""


class SignalMarket(Market):
    """Signals and noise that decay from round to round, known to models of five kinds.

    Model 0 knows a signal that nobody else knows. The last signal is what all clones have in common, which
    moves nothing.
    """

    def __init__(self, seed: int, *, models: int, ids: int, rounds: int) -> None:
        super().__init__(seed, ids)
        stream, self._rounds = self.stream, rounds
        self._signals = int(stream.integers(6, 15))
        self.persistence = float(stream.uniform(0.80, 0.95))
        self._edges = np.concatenate(
            [[stream.uniform(0.015, 0.04)], stream.uniform(0.015, 0.045, self._signals), [BEST_EDGE, 0.0]]
        )
        self._draw_pool()
        self.kinds = _drawn_kinds(stream, models)
        self._loadings = self._drawn_loadings()
        self._noise = self._drawn_noise()
        self.deviations = np.sqrt((self._loadings**2).sum(axis=1) + self._noise[:, 0] ** 2)
        self.deposits = self._drawn_deposits()
        late = stream.random(models) < LATE_ENTRANTS
        self.enters = np.where(late, stream.integers(0, max(1, rounds // 2), models), 0)
        self.enters[0] = 0
        fresh = stream.random(models) < FRESH
        fresh[0] = False
        self._kept = np.where(fresh, 0.0, self.persistence).astype(np.float32)[:, np.newaxis]
        self._current = stream.standard_normal((len(self._edges), ids), dtype=np.float32)
        self._own_noise = self.noise(models)
        self._predictions = np.empty_like(self._own_noise)

    def play(self, number: int) -> MarketRound:
        """Play round `number`, from 0 on, in ascending order."""
        stream, is_crisis = self.stream, CRISIS[0] <= number / self._rounds < CRISIS[1]
        self._current = self.decayed(self._current, self.noise(len(self._edges)))
        for start in range(0, len(self.kinds), BLOCK):
            self._predict(slice(start, start + BLOCK))
        edges = self._edges.copy()
        edges[:-1] += 0.02 * stream.standard_normal(len(edges) - 1)
        if is_crisis:
            edges[0] = CRISIS_EDGE
        outcome = edges @ self._current.astype(np.float64) + stream.standard_normal(self.ids)
        volatility = CRISIS_VOLATILITY if is_crisis else QUIET_VOLATILITY
        return MarketRound(self._predictions, binned(outcome), volatility)

    def _predict(self, rows: slice) -> None:
        own, kept = self._own_noise[rows], self._kept[rows]
        fresh = self.noise(len(own))
        fresh *= np.sqrt(1 - kept**2)
        own *= kept
        own += fresh
        np.matmul(self._loadings[rows], self._current, out=self._predictions[rows])
        self._predictions[rows] += own * self._noise[rows]

    def _drawn_loadings(self) -> Singles:
        models, stream = len(self.kinds), self.stream
        loadings = np.zeros((models, len(self._edges)), dtype=np.float32)
        crowd = np.array([KINDS[kind].crowd for kind in self.kinds]) * stream.uniform(0.7, 1.3, models)
        loadings[:, 0] = crowd
        known = 1 + stream.integers(0, self._signals, models)
        loadings[np.arange(models), known] = [KINDS[kind].own for kind in self.kinds]
        loadings[0] = 0.0
        loadings[0, [0, -2]] = KINDS["skilled"].crowd, KINDS["skilled"].own
        loadings[self.kinds == "clones", -1] = KINDS["clones"].noise
        return loadings

    def _drawn_noise(self) -> Singles:
        kinds = self.kinds
        noise = np.array([KINDS[kind].noise for kind in kinds]) * self.stream.uniform(0.7, 1.3, len(kinds))
        noise[0] = KINDS["skilled"].noise
        noise[kinds == "clones"] *= OWN_NOISE
        return noise.astype(np.float32)[:, np.newaxis]

    def _drawn_deposits(self) -> NDArray[np.float64]:
        spread = np.exp(0.5 * self.stream.standard_normal(len(self.kinds)))
        deposits = np.array([KINDS[kind].deposit_nmr for kind in self.kinds]) * spread
        deposits[0] = BEST_STAKE * deposits.sum()
        return np.asarray(deposits / deposits.sum())


def _drawn_kinds(stream: np.random.Generator, models: int) -> NDArray[np.str_]:
    """Draw the kind of each model; the first few are one of each."""
    if models < len(KINDS):
        raise ValueError(f"expected at least {len(KINDS)} models, one of each kind, found {models}")
    names = np.array(list(KINDS))
    shares = stream.dirichlet(CERTAINTY * np.array([kind.share for kind in KINDS.values()]))
    kinds = stream.choice(names, models, p=shares)
    kinds[: len(names)] = names
    return kinds
