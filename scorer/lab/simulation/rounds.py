"""Rounds without a chain: predictions, outcomes, and the tables that the rules need besides."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from scorer.factors.registry import score_of
from scorer.factors.version_1 import NEUTRALIZERS, RISK_MODEL, SAMPLE_WEIGHTS
from scorer.lab.market import binned
from scorer.lab.simulation.population import SIGNALS, Population
from scorer.protocol.rules import Rules
from scorer.protocol.tables import Table

Floats = NDArray[np.float64]
CRISIS: Final = (0.55, 0.65)
"""From which share of the rounds to which the market is in crisis."""
QUIET_VOLATILITY: Final = 0.018
CRISIS_VOLATILITY: Final = 0.055
CROWD_EDGE: Final = (0.03, 0.03)
"""Mean and deviation, from round to round, of how strongly the crowd's signal moves returns."""
OWN_EDGE: Final = (0.03, 0.02)
CRISIS_EDGE: Final = -0.10
"""In a crisis what the crowd holds is sold: its signal turns against it."""


@dataclass(frozen=True)
class PlayedRound:
    """A round whose outcome is known.

    Attributes
    ----------
    predictions
        Shape (models, ids).
    target
        Five bins, shape (ids,).
    returns
        Of every session of the scoring window, shape (sessions, ids).
    on_time
        Which models' stakes may be locked, shape (models,).
    tables
        What else the rules need, but session returns.
    """

    predictions: Floats
    target: Floats
    returns: Floats
    on_time: NDArray[np.bool_]
    is_crisis: bool
    tables: Mapping[str, Table]


class Source(Protocol):
    """A source of rounds."""

    population: Population
    rounds: int

    def play(self, number: int, stakes: NDArray[np.uint64]) -> PlayedRound:
        """Play round `number`, from 0 on, in ascending order; copycats see the stakes of the round before."""
        ...


class SyntheticSource:
    """A made-up market: returns are noise with a little of every signal in it.

    Every number depends on the seed and on the round alone, but for the copycats'.
    """

    def __init__(self, population: Population, rules: Rules, *, rounds: int, ids: int, seed: int) -> None:
        self.population = population
        self.rounds = rounds
        self._rules, self._ids, self._seed = rules, ids, seed
        self._pool = ThreadPoolExecutor(1)  # draws the next round's noise while this one is scored
        self._next = self._pool.submit(self._noise, 0)

    def _noise(self, number: int) -> NDArray[np.float32]:
        stream = np.random.default_rng([self._seed, 1, number])
        noise = stream.standard_normal((self.population.models, self._ids), dtype=np.float32)
        noise[self.population.common_noise] *= np.float32(0.1)
        common = stream.standard_normal(self._ids, dtype=np.float32)
        noise[self.population.common_noise] += common
        noise *= self.population.noise[:, np.newaxis]
        return noise

    def play(self, number: int, stakes: NDArray[np.uint64]) -> PlayedRound:
        """See `Source.play`."""
        noise = self._next.result()
        if number + 1 < self.rounds:
            self._next = self._pool.submit(self._noise, number + 1)
        stream = np.random.default_rng([self._seed, 2, number])
        is_crisis = CRISIS[0] <= number / self.rounds < CRISIS[1]
        signals = stream.standard_normal((1 + SIGNALS, self._ids), dtype=np.float32)
        outcome = _edges(stream, is_crisis) @ signals.astype(np.float64) + stream.standard_normal(self._ids)
        predictions = noise
        predictions += self.population.loadings @ signals
        self._copy(predictions, stakes)
        volatility = CRISIS_VOLATILITY if is_crisis else QUIET_VOLATILITY
        sessions = self._rules.horizon.sessions
        return PlayedRound(
            predictions=predictions.astype(np.float64),
            target=binned(outcome),
            returns=volatility * stream.standard_normal((sessions, self._ids)),
            on_time=stream.random(self.population.models) >= self.population.late,
            is_crisis=is_crisis,
            tables=tables_for(self._rules, signals.astype(np.float64)),
        )

    def _copy(self, predictions: NDArray[np.float32], stakes: NDArray[np.uint64]) -> None:
        """Let copycats submit what the others' stakes say, with a little noise."""
        copies = self.population.copies
        weights = np.where(copies > 0, 0.0, stakes.astype(np.float64)).astype(np.float32)
        meta_model = weights @ predictions
        meta_model /= max(float(meta_model.std()), 1e-12)
        rows = np.flatnonzero(copies > 0)
        predictions[rows] += np.outer(copies[rows], meta_model)


def _edges(stream: np.random.Generator, is_crisis: bool) -> Floats:
    """Draw how strongly each signal moves this round's returns, shape (1 + SIGNALS,)."""
    own = OWN_EDGE[0] + OWN_EDGE[1] * stream.standard_normal(SIGNALS)
    crowd = CROWD_EDGE[0] + CROWD_EDGE[1] * stream.standard_normal()
    return np.array([CRISIS_EDGE if is_crisis else crowd, *own])


def tables_for(rules: Rules, signals: Floats) -> dict[str, Table]:
    """Return the tables that the rules' scores need, made of a signal that is known to all: the crowd's.

    It is every column of a table, but for tables whose columns must have another form.
    """
    ids = signals.shape[1]
    ones, crowd = np.ones(ids), signals[0]
    special: dict[str, Table] = {
        SAMPLE_WEIGHTS.name: {SAMPLE_WEIGHTS.name: ones / np.sqrt(ids)},
        NEUTRALIZERS.name: {"market": ones},
        RISK_MODEL.name: {"specific_variance": ones, "factor_crowd": crowd / 4, "neutral_money": ones},
    }
    needed = (table for f in rules.factors for table in score_of(rules.scoring, f.score).tables)
    return {
        table.name: special.get(table.name) or dict.fromkeys(table.columns or ("crowd",), crowd)
        for table in needed
    }
