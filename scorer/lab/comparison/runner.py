"""Many markets, one process a core, after the rules were brought to the same gross payout."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from multiprocessing import get_context
from typing import Final

import numpy as np
from threadpoolctl import threadpool_limits

from scorer.lab.comparison.rules import candidates, scaled
from scorer.lab.comparison.seed import Size, play_seed
from scorer.protocol.rules import Rules
from scorer.scoring.threads import usable_cores

Outcome = Mapping[str, Mapping[str, float]]
"""Percent by rule and kind."""
CALIBRATION_STEPS: Final = 2
MOST_MODELS: Final = 60
MOST_ROUNDS: Final = 250
"""The size of a market for calibration, at most."""


@dataclass(frozen=True)
class AttackComparison:
    """The outcomes of all markets.

    Attributes
    ----------
    rules
        As they were compared, by name, the shipped ones first.
    scales
        What each rule's multipliers were multiplied with to pay what the shipped rules pay.
    outcomes
        One a seed.
    """

    rules: Mapping[str, Rules]
    scales: Mapping[str, float]
    size: Size
    outcomes: Sequence[Outcome]


def compare(
    shipped: Rules, size: Size, seeds: int, tick: Callable[[], None] = lambda: None
) -> AttackComparison:
    """Play attackers against rules in as many markets as there are seeds.

    The same arguments give the same figures on the same machine.

    Parameters
    ----------
    tick
        Called after each market.
    """
    rules = candidates(shipped)
    with _workers() as pool:
        scales = _scales(rules, size, range(1, seeds + 1), pool)
        compared = {name: scaled(document, scales[name]) for name, document in rules.items()}
        outcomes = []
        for outcome in _played(pool, compared, size, range(1, seeds + 1)):
            outcomes.append(outcome)
            tick()
    return AttackComparison(compared, scales, size, outcomes)


@contextmanager
def _workers() -> Iterator[Executor]:
    # Each worker imports numpy anew: a fork would copy locks that other threads hold.
    with ProcessPoolExecutor(usable_cores(), mp_context=get_context("spawn")) as pool:
        yield pool


def _played(pool: Executor, rules: Mapping[str, Rules], size: Size, seeds: range) -> Iterator[Outcome]:
    documents = {name: document.model_dump_json() for name, document in rules.items()}
    yield from pool.map(partial(_play_alone, documents, size), seeds)


def _play_alone(documents: Mapping[str, str], size: Size, seed: int) -> Outcome:
    """Play a market in a worker, which has one core to itself."""
    rules = {name: Rules.model_validate_json(text) for name, text in documents.items()}
    with threadpool_limits(limits=1, user_api="blas"):
        return play_seed(rules, size, seed)


def _scales(rules: Mapping[str, Rules], size: Size, seeds: range, pool: Executor) -> dict[str, float]:
    """Return the scales at which all pay out as much as the first, in small markets of the same seeds."""
    small = Size(min(size.rounds, MOST_ROUNDS), min(size.models, MOST_MODELS), size.ids)
    scales = dict(zip(rules, repeat(1.0)))
    for _ in range(CALIBRATION_STEPS):
        now = {name: scaled(document, scales[name]) for name, document in rules.items()}
        outcomes = list(_played(pool, now, small, seeds))
        paid = {
            name: float(np.mean([outcome[name]["gross_payout"] for outcome in outcomes])) for name in rules
        }
        goal = next(iter(paid.values()))
        # The cap takes a part of every increase: so the step is a little longer than the ratio.
        scales = {name: scales[name] * (goal / paid[name]) ** 1.2 for name in rules}
    return scales
