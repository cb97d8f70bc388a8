"""The models that compete in the demo: who owns them, how they predict, and what they stake.

Good, bad, lazy and broken ones are all wanted: a tournament has to pay the first, burn the second and shrug
off the rest. What each stakes stands in `scorer.lab.demo.stakes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scorer.data.calendar import EraDate
from scorer.lab.demo.dataset import Era
from scorer.lab.demo.files import FileFormat, broken_file, broken_kind_of, write_submission
from scorer.lab.demo.meta_copy import with_meta_copy
from scorer.lab.demo.predictors import (
    Blend,
    BucketMeans,
    Constant,
    Copycat,
    FactorPredictor,
    Noise,
    Predictor,
    Remembered,
    StaleCopycat,
    StopsAfter,
    StyleRotation,
)
from scorer.lab.demo.ridge import (
    BY_SECTOR,
    Ridge,
    columns_of,
    random_units,
    sectors_of,
    with_curves,
    with_products,
)
from scorer.lab.demo.stakes import STAKES, ModelStaking


@dataclass(frozen=True)
class Strategy:
    """One model of the tournament.

    Attributes
    ----------
    name, owner, description : str
        The name is unique; an owner may have several models.
    predictor : Predictor
        How it predicts.
    stake : Stake
        What it deposits, and what it locks in each round.
    file_format : {"csv", "parquet"}
        What it sends.
    sends_broken_files : bool
        Every file it sends has something wrong with it, each week something else.
    """

    name: str
    owner: str
    description: str
    predictor: Predictor
    stake: ModelStaking
    file_format: FileFormat = "csv"
    sends_broken_files: bool = False

    def submission(self, history: Sequence[Era], era: Era) -> bytes | None:
        """Return the file this model sends for an era, or None when it sits the round out.

        Parameters
        ----------
        history : sequence of Era
            The eras whose target is known as the era is decided, oldest first.
        era : Era
            The era to predict.
        """
        if self.sends_broken_files:
            return broken_file(broken_kind_of(era.number), era.ids)
        predictions = self.predictor.predict(history, era)
        return None if predictions is None else write_submission(predictions, self.file_format)


Ideas = dict[str, tuple[str, Predictor]]
FeatureSets = Mapping[str, Sequence[str]]

PARQUET_OWNERS = frozenset({"birch", "dogwood", "elm", "maple", "willow"})


MOMENTUM_12_1: Final = "feature_momentum_231_skip21"
MOMENTUM_6_1: Final = "feature_momentum_105_skip21"
HALF_YEAR: Final = "feature_momentum_126"
TREND: Final = "feature_smoothness_120"
VOLATILITY: Final = "feature_volatility_60"


def regressions(sets: FeatureSets) -> Ideas:
    """Return the models that learn from past eras."""
    everything = columns_of(sets["all"])
    plain = [name for name in sets["all"] if not name.endswith(BY_SECTOR)]
    within_sectors = columns_of([f"{name}{BY_SECTOR}" for name in plain])
    return {
        "ridge_light": ("Ridge on all features, hardly penalised", Ridge(everything, 0.01)),
        "ridge_heavy": ("Ridge on all features, heavily penalised", Ridge(everything, 5.0)),
        "ridge_recent": ("Ridge with weights that halve every 26 eras", Ridge(everything, half_life=26)),
        "ridge_year": ("Ridge on the last 52 eras", Ridge(everything, window=52)),
        "ridge_quarter": ("Ridge on the last 13 eras", Ridge(everything, window=13)),
        "ridge_price": ("Ridge on momentum and reversal", Ridge(columns_of(sets["price"]))),
        "ridge_risk": ("Ridge on risk features", Ridge(columns_of(sets["risk"]))),
        "ridge_sectors": ("Ridge on what whole sectors did", Ridge(sectors_of(plain))),
        "ridge_neutral": ("Ridge on features less their sector's mean", Ridge(within_sectors)),
        "ridge_outer_bins": (
            "Ridge that cares most for the outer bins",
            Ridge(within_sectors, target_power=3.0),
        ),
        "ridge_products": (
            "Ridge on features and products of every two",
            Ridge(with_products(columns_of(plain)), 1.0),
        ),
        "ridge_curves": ("Ridge on features, squares and cubes", Ridge(with_curves(columns_of(plain)), 1.0)),
        "random_network": (
            "Random tanh units, their output learnt",
            Ridge(random_units(plain, 96, seed=7), 0.3),
        ),
        "bucket_table": (
            "Mean past target by bin of momentum and volatility",
            BucketMeans(MOMENTUM_12_1, VOLATILITY),
        ),
        "style_rotation": ("The feature that led the last 26 eras", StyleRotation(26)),
    }


def factors() -> Ideas:
    """Return the models that never learn: one idea each."""
    leading_sectors = {HALF_YEAR: 1.0, f"{HALF_YEAR}{BY_SECTOR}": -1.0}
    weights: dict[str, tuple[str, dict[str, float]]] = {
        "momentum_12_1": ("A year's winners", {MOMENTUM_12_1: 1.0}),
        "momentum_6_1": ("Half a year's winners", {MOMENTUM_6_1: 1.0}),
        "momentum_in_sector": ("A year's winners in their sector", {f"{MOMENTUM_12_1}{BY_SECTOR}": 1.0}),
        "steady_momentum": ("Winners that rose calmly", {MOMENTUM_12_1: 1.0, VOLATILITY: -1.0}),
        "sector_rotation": ("The leading sectors", leading_sectors),
        "trend": ("The straightest rises of half a year", {TREND: 1.0}),
        "high_52_week": ("Nearest to the 52-week high", {"feature_high_252": 1.0}),
        "reversal_week": ("Last week's losers", {"feature_reversal_5": 1.0}),
        "reversal_month": ("Last month's losers", {"feature_reversal_21": 1.0}),
        "low_volatility": ("Calm stocks", {VOLATILITY: -1.0}),
        "high_volatility": ("Wild stocks", {VOLATILITY: 1.0}),
        "low_beta": ("Stocks that follow the market least", {"feature_beta_252": -1.0}),
        "no_lottery": ("Avoids great daily jumps", {"feature_greatest_21": -1.0}),
        "anti_momentum": ("A year's losers: the contrarian", {MOMENTUM_12_1: -1.0}),
    }
    return {name: (description, FactorPredictor(each)) for name, (description, each) in weights.items()}


def blends(sets: FeatureSets) -> Ideas:
    """Return the models made of others, `leader` being the one that is copied, and what it is made of."""
    ridge = Remembered(Ridge(columns_of(sets["all"])))
    momentum = FactorPredictor({f"{name}{BY_SECTOR}": 1.0 for name in (MOMENTUM_12_1, MOMENTUM_6_1, TREND)})
    leader = Remembered(Blend((ridge, momentum)))
    calm = FactorPredictor({VOLATILITY: -1.0})
    return {
        "ridge_all": ("Ridge on all features, all eras so far", ridge),
        "blend_momentum": ("Three momentums within sectors", momentum),
        "leader": ("Half regression, half momentum", leader),
        "blend_opposites": ("Half momentum, half calm", Blend((momentum, calm))),
        "copycat": ("The leader with a little noise", Copycat(leader, noise=0.02, seed=11)),
        "copycat_late": ("The leader as last made public, by regression", StaleCopycat(leader)),
    }


def oddities(last_era_of_quitter: int) -> Ideas:
    """Return the models with nothing to say, or that do not say it properly."""
    momentum = FactorPredictor({MOMENTUM_6_1: 1.0})
    return {
        "noise_one": ("Random numbers", Noise(seed=101)),
        "noise_two": ("Other random numbers", Noise(seed=102)),
        "noise_three": ("More random numbers", Noise(seed=103)),
        "always_half": ("Submits 0.5 for every stock", Constant(0.5)),
        "quitter": ("Momentum, until half-way", StopsAfter(momentum, last_era_of_quitter)),
        "broken_file": ("Each week another broken file", Noise(seed=104)),
    }


def demo_strategies(rounds: Sequence[EraDate], sets: FeatureSets) -> tuple[Strategy, ...]:
    """Return the models that compete over the given eras.

    Parameters
    ----------
    rounds : sequence of EraDate
        The eras of the tournament, oldest first; the quitter stops in the middle of them.
    sets
        Columns by the names of features.json, among them all, price and risk.

    Returns
    -------
    tuple of Strategy
        Names are unique.
    """
    if not rounds:
        raise ValueError("expected the eras to compete over, found none: choose the rounds of the demo first")
    last_era_of_quitter = rounds[(len(rounds) - 1) // 2].number
    ideas = with_meta_copy(regressions(sets) | factors() | blends(sets) | oddities(last_era_of_quitter))
    return tuple(
        Strategy(
            name=name,
            owner=STAKES[name].owner,
            description=description,
            predictor=predictor,
            stake=STAKES[name],
            file_format="parquet" if STAKES[name].owner in PARQUET_OWNERS else "csv",
            sends_broken_files=name == "broken_file",
        )
        for name, (description, predictor) in ideas.items()
    )
