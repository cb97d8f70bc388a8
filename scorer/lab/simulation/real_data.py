"""The demo's year as a source of rounds: real prices, its strategies, and a few copycats among them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from scorer.data.rounds import Rebuilder
from scorer.factors.version_1 import FEATURES
from scorer.lab.dataset import load_dataset
from scorer.lab.demo.dataset import FOLDER, demo_rules
from scorer.lab.demo.stakes import FixedAmount
from scorer.lab.demo.strategies import Strategy
from scorer.lab.demo.weeks import Week, predicted_weeks
from scorer.lab.simulation.population import SIGNALS, Population
from scorer.lab.simulation.rounds import Floats, PlayedRound, tables_for
from scorer.protocol.rules import Rules
from scorer.protocol.tables import SESSION_RETURNS
from scorer.submission.reader import read_submission
from scorer.submission.table import SubmissionRefused
from scorer.units import NANO_PER_NMR, ONE, nano_from_nmr

COPYCATS: Final = 3
COPYCAT_NMR: Final = 100
COPYCAT_ALLOCATION: Final = 250_000
COPY_NOISE: Final = 0.02
CRISIS_QUANTILE: Final = 0.85
"""The most volatile weeks count as a crisis: those of the summer and autumn of 2007."""


@dataclass(frozen=True)
class _KnownWeek:
    """A week with everybody's predictions, NaN where there are none."""

    predictions: Floats
    target: Floats
    returns: Floats
    features: Floats


class DemoSource:
    """The demo's weeks, oldest first. Fixed allocations become the share of the deposit that they are."""

    MOST: Final = 138
    """So many weeks have two years of known eras before them, which some strategies learn from."""

    def __init__(self, rules: Rules, *, rounds: int, seed: int) -> None:
        rebuilder = load_dataset(FOLDER)
        with Progress(disable=True) as progress:
            strategies, weeks = predicted_weeks(progress, rebuilder, demo_rules(rebuilder.recipe), rounds)
        self.rounds = len(weeks)
        self.population = _population(strategies)
        self._rules, self._seed = rules, seed
        self._weeks = [_known(week, strategies, rebuilder) for week in weeks]
        volatility = np.array([float((week.returns**2).mean()) for week in self._weeks])
        self._calm = float(np.quantile(volatility, CRISIS_QUANTILE))
        self._volatility = volatility.tolist()

    def play(self, number: int, stakes: NDArray[np.uint64]) -> PlayedRound:
        """See `scorer.lab.simulation.rounds.Source.play`."""
        week = self._weeks[number]
        stream = np.random.default_rng([self._seed, number])
        there = np.asarray(np.isfinite(week.predictions).all(axis=1))
        predictions = np.where(there[:, np.newaxis], week.predictions, 0.5)
        weights = np.where(there, stakes[:-COPYCATS].astype(np.float64), 0.0)
        meta_model = weights @ predictions / max(float(weights.sum()), 1.0)
        copies = meta_model + COPY_NOISE * stream.standard_normal((COPYCATS, len(meta_model)))
        return PlayedRound(
            predictions=np.concatenate([predictions, copies]),
            target=week.target,
            returns=week.returns[: self._rules.horizon.sessions],
            on_time=np.append(there, np.ones(COPYCATS, dtype=np.bool_)),
            is_crisis=self._volatility[number] > self._calm,
            tables=tables_for(self._rules, week.features),
        )


def _population(strategies: tuple[Strategy, ...]) -> Population:
    models = len(strategies) + COPYCATS
    deposits = [nano_from_nmr(strategy.stake.deposit_nmr) for strategy in strategies]
    return Population(
        kinds=np.array([strategy.name for strategy in strategies] + ["copycat"] * COPYCATS),
        loadings=np.zeros((models, 1 + SIGNALS), dtype=np.float32),
        noise=np.zeros(models, dtype=np.float32),
        copies=np.zeros(models, dtype=np.float32),
        late=np.zeros(models),
        common_noise=np.zeros(models, dtype=np.bool_),
        deposits=np.array([*deposits, *[COPYCAT_NMR * NANO_PER_NMR] * COPYCATS], dtype=np.uint64),
        allocations=np.array(
            [_allocation(strategy) for strategy in strategies] + [COPYCAT_ALLOCATION] * COPYCATS,
            dtype=np.uint64,
        ),
    )


def _allocation(strategy: Strategy) -> int:
    allocation = strategy.stake.allocation
    if isinstance(allocation, FixedAmount):
        share = nano_from_nmr(allocation.nmr) * ONE // max(1, nano_from_nmr(strategy.stake.deposit_nmr))
        return min(ONE, share)
    return allocation.ppm


def _known(week: Week, strategies: tuple[Strategy, ...], rebuilder: Rebuilder) -> _KnownWeek:
    data, ids = rebuilder.of(rebuilder.on(week.era.day)), week.universe
    inputs = data.inputs()
    features = np.stack(list(inputs[FEATURES.name].values()))
    return _KnownWeek(
        predictions=np.stack([_read(week, strategy, ids) for strategy in strategies]),
        target=data.targets["target"],
        returns=np.stack(list(inputs[SESSION_RETURNS].values())),
        features=features - features.mean(axis=1, keepdims=True),
    )


def _read(week: Week, strategy: Strategy, ids: tuple[str, ...]) -> Floats:
    """A strategy's predictions, NaN where it sent none or a broken file."""
    content = week.files[strategy.name]
    try:
        return np.full(len(ids), np.nan) if content is None else read_submission(content, ids, strategy.name)
    except SubmissionRefused:
        return np.full(len(ids), np.nan)
