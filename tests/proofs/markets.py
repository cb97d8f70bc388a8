"""Random rounds of every kind that a score could go wrong on: sizes, ties, targets, scales, meta models."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from scorer.scoring.meta_model import stake_weighted_meta_model
from tests.proofs.harness import RULES, Floats, RewardRules, Round

Random = np.random.Generator
LARGEST_TARGET: Final = 1000.0


def _bins(random: Random, ids: int) -> Floats:
    return random.choice([0, 0.25, 0.5, 0.75, 1], ids, p=[0.05, 0.2, 0.5, 0.2, 0.05])


def _returns(random: Random, ids: int) -> Floats:
    return 0.05 * random.standard_t(4, ids)


def _one_differs(random: Random, ids: int) -> Floats:
    target = np.full(ids, random.uniform(-1, 1))
    target[random.integers(ids)] += random.choice([1e-9, 0.25, 3.0])
    return target


def _constant(random: Random, ids: int) -> Floats:
    return np.full(ids, random.uniform(-2, 2))


def _heavy(random: Random, ids: int) -> Floats:
    return np.asarray(np.clip(random.standard_cauchy(ids), -LARGEST_TARGET, LARGEST_TARGET))


def _large(random: Random, ids: int) -> Floats:
    return random.uniform(-LARGEST_TARGET, LARGEST_TARGET, ids)


def _tiny(random: Random, ids: int) -> Floats:
    return 1e-9 * random.standard_normal(ids)


def _shifted(random: Random, ids: int) -> Floats:
    return 100 + 1e-3 * random.standard_normal(ids)


TARGETS: Final[tuple[Callable[[Random, int], Floats], ...]] = (
    _bins, _returns, _one_differs, _constant, _heavy, _large, _tiny, _shifted,
)  # fmt: skip
LIKELY: Final = (0.34, 0.3, 0.06, 0.02, 0.08, 0.06, 0.06, 0.08)


def _predictions(random: Random, signal: Floats, meta: Floats) -> Floats:
    """Return one submission within [0, 1], of a random kind."""
    ids = len(signal)
    noise = random.random(ids)
    kinds: list[Callable[[], np.ndarray[Any, Any]]] = [
        lambda: noise,
        lambda: np.argsort(np.argsort(signal + random.standard_normal(ids))) / ids,
        lambda: np.round(noise * 50) / 50,
        lambda: np.where(random.random(ids) < 0.5, -0.0, noise),
        lambda: (noise > 0.7) * 1.0,
        lambda: np.where(np.arange(ids) == random.integers(ids), 0.6, 0.5),
        lambda: np.full(ids, 0.5),
        lambda: meta,
        lambda: 1 - meta,
        lambda: np.clip(meta + 10.0 ** random.uniform(-9, -1) * (noise - 0.5), 0, 1),
        lambda: 0.5 + 2.0**-53 * np.argsort(noise),  # neighbours
        lambda: 5e-324 * np.argsort(noise),  # numbers below the least normal one
    ]
    weights = np.array([6, 6, 3, 1, 1, 1, 0.3, 1, 1, 4, 1, 0.5])
    chosen = kinds[int(random.choice(len(kinds), p=weights / weights.sum()))]
    return np.asarray(chosen(), dtype=np.float64)


def _meta_model(random: Random, signal: Floats) -> Floats:
    ids = len(signal)
    kind = random.random()
    if kind < 0.03:
        return np.full(ids, 0.5)
    if kind < 0.1:
        return np.where(random.random(ids) > 0.5, 0.75, 0.25)
    models = int(random.integers(1, 8))
    matrix = np.array([0.1 * signal + random.standard_normal(ids) for _ in range(models)])
    if kind < 0.2:
        matrix = np.round(matrix)
    return stake_weighted_meta_model(matrix, random.integers(1, 10**13, models).astype(np.uint64))


def random_round(random: Random, ids: int, models: int, rules: RewardRules | None = None) -> Round:
    """Return a round of any kind, of `models` submissions to `ids` ids."""
    signal = random.standard_normal(ids)
    meta = _meta_model(random, signal)
    matrix = np.array([_predictions(random, signal, meta) for _ in range(models)])
    target = TARGETS[int(random.choice(len(TARGETS), p=LIKELY))](random, ids)
    return Round(matrix, target, meta, rules or RULES[int(random.integers(len(RULES)))])


def random_positions(random: Random, models: int) -> list[int]:
    """Return a position for each model, nano-NMR: small, alike, or as much as a round can hold together."""
    kind = random.random()
    if kind < 0.4:
        return [int(each) for each in random.integers(1, 10**13, models)]
    if kind < 0.6:
        return [10**11] * models
    if kind < 0.8:
        return [int(each) for each in random.integers(1, 4, models)]
    # The first so large that quotients of floats tie where sums do not.
    small = [int(each) for each in random.integers(1, 3, models - 1)]
    return [2**64 - 1 - sum(small), *small]
