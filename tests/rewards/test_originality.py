"""Goals of the reward, as properties of the reward functions themselves, over random crowds and outcomes.

docs/rules.md proves what is tested here, and says what no rule can have.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scorer.lab.market import binned
from scorer.rewards import originality_factors, reward_rates, reward_scores, settle
from scorer.scoring.engine import score_submissions
from scorer.scoring.meta_model import stake_weighted_meta_model

ONE = 1_000_000
IDS = 400
Floats = NDArray[np.float64]
seeds = st.integers(0, 2**32)
exponents = st.integers(1, 3)


@dataclass(frozen=True)
class Rules:
    """The shape of the shipped rules; the multiplier of MMC and that of burns in ppm."""

    exponent: int = 2
    multiplier: int = 3_600_000
    burn: int = 1_020_000
    cap: int = 100_000


@dataclass(frozen=True)
class Crowd:
    """Predictions, shape (models, ids); stakes; and an outcome about zero, as MMC takes it."""

    predictions: Floats
    stakes: NDArray[np.uint64]
    outcome: Floats

    @property
    def meta_model(self) -> Floats:
        return stake_weighted_meta_model(self.predictions, self.stakes)

    def having(self, rows: Floats, stakes: list[int]) -> "Crowd":
        """The crowd with more models, last."""
        more = np.array(stakes, dtype=np.uint64)
        return replace(
            self,
            predictions=np.vstack([self.predictions, rows]),
            stakes=np.concatenate([self.stakes, more]),
        )


def crowd(seed: int, models: int = 6) -> Crowd:
    """Models that share one signal more or less, and an outcome that may know it."""
    stream = np.random.default_rng(seed)
    common = stream.standard_normal(IDS)
    loads = stream.uniform(0, 1.5, models)[:, np.newaxis]
    predictions = loads * common + stream.standard_normal((models, IDS))
    outcome = 4 * (binned(stream.uniform(-0.3, 0.3) * common + stream.standard_normal(IDS)) - 0.5)
    return Crowd(predictions, stream.integers(1, 10**12, models).astype(np.uint64), outcome)


def rates(crowd: Crowd, rules: Rules = Rules(), rows: Floats | None = None) -> NDArray[np.int64]:
    """Payouts (+) and burns (-) in ppm of positions: of the crowd, or of others beside it without a stake."""
    found = score_submissions(crowd.predictions if rows is None else rows, crowd.outcome, crowd.meta_model)
    assert found.gaussian_rank_correlation is not None
    rewards = reward_scores(
        {"mmc": found.mmc},
        [("mmc", rules.multiplier)],
        originality=originality_factors(found.gaussian_rank_correlation, exponent=rules.exponent),
        burn=rules.burn,
    )
    return reward_rates(rewards, ONE, rules.cap)


@settings(max_examples=30, deadline=None)
@given(seeds, exponents)
def test_a_copy_of_the_meta_model_earns_nothing(seed: int, exponent: int) -> None:
    game = crowd(seed)
    assert rates(game, Rules(exponent), game.meta_model[np.newaxis]).tolist() == [0]


@settings(max_examples=30, deadline=None)
@given(seeds, exponents, st.floats(0.01, 3.0))
def test_what_is_close_to_the_meta_model_earns_and_burns_next_to_nothing(
    seed: int, exponent: int, noise: float
) -> None:
    """At most the share (1 - c**2)**(exponent + 1/2) of what a perfect prediction would earn."""
    game, rules = crowd(seed), Rules(exponent, cap=ONE, burn=ONE)
    stream = np.random.default_rng(seed)
    meta = (game.meta_model - game.meta_model.mean()) / game.meta_model.std()
    rows = meta + noise * stream.standard_normal((4, IDS))
    found = score_submissions(rows, game.outcome, game.meta_model).gaussian_rank_correlation
    assert found is not None
    explained = np.maximum(found, 0.0) ** 2
    perfect = 3.6 * game.outcome.std()
    bound = perfect * np.sqrt(1 - found**2) * (1 - explained) ** exponent
    assert (np.abs(rates(game, rules, rows)) <= bound * ONE + 1 + 2e-6 * perfect * ONE).all()


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(2, 5))
def test_a_stake_that_is_split_over_identical_models_earns_what_it_earned_whole(
    seed: int, parts: int
) -> None:
    game = crowd(seed)
    whole = rates(game)
    part = int(game.stakes[0]) // parts
    kept = replace(game, stakes=game.stakes.copy())
    kept.stakes[0] -= np.uint64(part * (parts - 1))
    split = kept.having(np.repeat(game.predictions[:1], parts - 1, axis=0), [part] * (parts - 1))
    found = rates(split)
    assert np.abs(found[: len(whole)] - whole).max() <= 1
    assert np.abs(found[len(whole) :] - whole[0]).max() <= 1


@settings(max_examples=30, deadline=None)
@given(seeds, exponents)
def test_a_hedged_pair_loses_over_an_outcome_and_its_opposite(seed: int, exponent: int) -> None:
    """The pair as a whole, whatever the two lean to; in every single round where it leans to nothing."""
    game = crowd(seed)
    row = game.predictions[:1] + np.random.default_rng(seed).standard_normal((1, IDS))
    pair = np.vstack([row, -row])
    found = rates(game, Rules(exponent), pair)
    opposite = rates(replace(game, outcome=-game.outcome), Rules(exponent), pair)
    assert int(found.sum() + opposite.sum()) <= 4  # each of the four is rounded to ppm
    if (np.abs(found) > 100).all() and (np.abs([*found, *opposite]) < 90_000).all():
        assert int(found.sum() + opposite.sum()) < 0


@settings(max_examples=30, deadline=None)
@given(seeds, exponents)
def test_chance_alone_loses(seed: int, exponent: int) -> None:
    """Over an outcome and its opposite nobody gains, and whoever is not capped loses."""
    game = crowd(seed)
    found = rates(game, Rules(exponent))
    both = found + rates(replace(game, outcome=-game.outcome), Rules(exponent))
    assert (both <= 1).all()
    assert (both[(np.abs(found) > 200) & (np.abs(found) < 90_000)] < 0).all()


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_stake_on_a_direction_lowers_what_a_unit_of_it_earns_step_by_step(seed: int) -> None:
    """The outcome knows a signal that one model alone knows; ever more stake copies that model."""
    stream = np.random.default_rng(seed)
    game = crowd(seed)
    signal = stream.standard_normal(IDS)
    own = (signal + 0.5 * stream.standard_normal(IDS))[np.newaxis]
    game = replace(game, outcome=4 * (binned(signal + 0.3 * stream.standard_normal(IDS)) - 0.5))
    total = int(game.stakes.sum())
    shares = np.linspace(0.01, 0.5, 30)
    uncapped = Rules(cap=ONE, multiplier=500_000)
    found = [int(rates(game.having(own, [int(share * total)]), uncapped)[-1]) for share in shares]
    steps = np.diff(found)
    assert (steps[np.array(found[1:]) > 0.01 * found[0]] < 0).all()
    assert found[-1] < 0.2 * found[0]
    assert np.abs(steps).max() < 0.25 * found[0]


@settings(max_examples=20, deadline=None)
@given(seeds, exponents)
def test_net_emission_is_what_a_copy_of_everybody_earns_and_within_the_cap(seed: int, exponent: int) -> None:
    rules, game = Rules(exponent), crowd(seed)
    found = rates(game, rules)
    settled = settle(game.stakes, found, factor=ONE, cap=rules.cap)
    at_risk = int(game.stakes.sum())
    net = settled.total_payout - settled.total_burn
    basket = sum(stake * rate for stake, rate in zip(game.stakes.tolist(), found.tolist(), strict=True))
    assert abs(net - basket / ONE) <= len(found)
    assert abs(net) <= at_risk * rules.cap // ONE


def test_mmc_of_the_whole_stake_is_zero_when_ranks_are_not_made_gaussian() -> None:
    """P2 of docs/rules.md: what is linear in the predictions pays a copy of their mean what it pays them."""
    stream = np.random.default_rng(3)
    rows, stakes, outcome = (
        stream.standard_normal((5, IDS)),
        stream.uniform(1, 9, 5),
        stream.standard_normal(IDS),
    )
    mean = stakes @ rows / stakes.sum()
    contributions = rows @ outcome - (rows @ mean) / (mean @ mean) * (mean @ outcome)
    assert stakes @ contributions == pytest.approx(0.0, abs=1e-9)


def test_a_model_earns_the_same_whatever_order_and_company_it_is_scored_in() -> None:
    game = crowd(11, models=40)
    rows = np.random.default_rng(5).standard_normal((50, IDS))
    whole = rates(game, rows=rows)
    assert rates(game, rows=rows[::-1]).tolist() == whole[::-1].tolist()
    assert [int(rates(game, rows=row[np.newaxis])[0]) for row in rows[:5]] == whole[:5].tolist()
