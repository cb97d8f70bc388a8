"""The models that compete in the demo: who owns them, how they predict, and what they stake.

Good, bad, lazy and broken ones are all wanted: a tournament has to pay the first, burn the second and shrug
off the rest. What each stakes stands in `scorer.lab.demo.stakes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from scorer.lab.demo.eras import Era, known_eras
from scorer.lab.demo.features import MOMENTUM_FEATURES, REVERSAL_FEATURES, RISK_FEATURES
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
    Ridge,
    random_units,
    ranks_and_curves,
    ranks_and_products,
    ranks_and_sectors,
    ranks_of,
    ranks_within_sectors,
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

    def predict(self, eras: Sequence[Era], era: Era) -> pd.Series | None:
        """Return this model's predictions for an era.

        Parameters
        ----------
        eras : sequence of Era
            Any eras, oldest first; only those whose target is known on `era.date` are shown to the predictor.
        era : Era
            The era to predict.

        Returns
        -------
        pd.Series or None
            Predictions in (0, 1) indexed by `era.ids`; None when the model sits the round out.
        """
        return self.predictor.predict(known_eras(eras, era.date), era)

    def submission(self, eras: Sequence[Era], era: Era) -> bytes | None:
        """Return the file this model sends for an era, or None when it sends none (see `predict`)."""
        if self.sends_broken_files:
            return broken_file(broken_kind_of(era.number), era.ids)
        predictions = self.predict(eras, era)
        return None if predictions is None else write_submission(predictions, self.file_format)


Ideas = dict[str, tuple[str, Predictor]]

PARQUET_OWNERS = frozenset({"birch", "dogwood", "elm", "maple", "willow"})


def regressions() -> Ideas:
    """Return the models that learn from past eras."""
    price_only = MOMENTUM_FEATURES + REVERSAL_FEATURES
    return {
        "ridge_light": ("Ridge on all features, hardly penalised", Ridge(ranks_of(), 0.01)),
        "ridge_heavy": ("Ridge on all features, heavily penalised", Ridge(ranks_of(), 5.0)),
        "ridge_recent": ("Ridge with weights that halve every 26 eras", Ridge(ranks_of(), half_life=26)),
        "ridge_year": ("Ridge on the last 52 eras", Ridge(ranks_of(), window=52)),
        "ridge_quarter": ("Ridge on the last 13 eras", Ridge(ranks_of(), window=13)),
        "ridge_price": ("Ridge on momentum and reversal", Ridge(ranks_of(price_only))),
        "ridge_risk": ("Ridge on risk features", Ridge(ranks_of(RISK_FEATURES))),
        "ridge_sectors": ("Ridge with a dummy for each sector", Ridge(ranks_and_sectors)),
        "ridge_neutral": ("Ridge on features less their sector's mean", Ridge(ranks_within_sectors)),
        "ridge_outer_bins": (
            "Ridge that cares most for the outer bins",
            Ridge(ranks_within_sectors, target_power=3.0),
        ),
        "ridge_products": ("Ridge on ranks and products of every two", Ridge(ranks_and_products, 1.0)),
        "ridge_curves": ("Ridge on ranks, squares and cubes", Ridge(ranks_and_curves, 1.0)),
        "random_network": ("Random tanh units, their output learnt", Ridge(random_units(96, seed=7), 0.3)),
        "bucket_table": (
            "Mean past target by bucket of momentum and volatility",
            BucketMeans("momentum_12_1", "volatility_60_day"),
        ),
        "style_rotation": ("The feature that led the last 26 eras", StyleRotation(26)),
    }


def factors() -> Ideas:
    """Return the models that never learn: one idea each."""
    calm_winners = {"momentum_12_1": 1.0, "volatility_60_day": -1.0}
    return {
        "momentum_12_1": ("A year's winners", FactorPredictor({"momentum_12_1": 1.0})),
        "momentum_6_1": ("Half a year's winners", FactorPredictor({"momentum_6_1": 1.0})),
        "momentum_in_sector": (
            "A year's winners in their sector",
            FactorPredictor({"sector_relative_momentum": 1.0}),
        ),
        "steady_momentum": ("Winners that rose calmly", FactorPredictor(calm_winners)),
        "sector_rotation": ("The leading sectors", FactorPredictor({"sector_momentum": 1.0})),
        "trend": ("20-day average above the 120-day", FactorPredictor({"trend_20_120": 1.0})),
        "high_52_week": ("Nearest to the 52-week high", FactorPredictor({"nearness_to_52_week_high": 1.0})),
        "reversal_week": ("Last week's losers", FactorPredictor({"return_1_week": -1.0})),
        "reversal_month": ("Last month's losers", FactorPredictor({"return_1_month": -1.0})),
        "low_volatility": ("Calm stocks", FactorPredictor({"volatility_60_day": -1.0})),
        "high_volatility": ("Wild stocks", FactorPredictor({"volatility_60_day": 1.0})),
        "low_beta": ("Stocks that follow the market least", FactorPredictor({"beta_1_year": -1.0})),
        "no_lottery": ("Avoids great daily jumps", FactorPredictor({"greatest_daily_return": -1.0})),
        "anti_momentum": ("A year's losers: the contrarian", FactorPredictor({"momentum_12_1": -1.0})),
    }


def blends() -> Ideas:
    """Return the models made of others, `leader` being the one that is copied, and what it is made of."""
    ridge = Remembered(Ridge(ranks_of()))
    momentum = FactorPredictor(
        {"momentum_12_1": 1.0, "momentum_6_1": 1.0, "trend_20_120": 1.0}, within_sectors=True
    )
    leader = Remembered(Blend((ridge, momentum)))
    calm = FactorPredictor({"volatility_60_day": -1.0})
    return {
        "ridge_all": ("Ridge on all features, all eras so far", ridge),
        "blend_momentum": ("Three momentums within sectors", momentum),
        "leader": ("Half regression, half momentum", leader),
        "blend_opposites": ("Half momentum, half calm", Blend((momentum, calm))),
        "copycat": ("The leader with a little noise", Copycat(leader, noise=0.02, seed=11)),
        "copycat_late": ("The leader as last made public", StaleCopycat(leader)),
    }


def oddities(last_era_of_quitter: int) -> Ideas:
    """Return the models with nothing to say, or that do not say it properly."""
    momentum = FactorPredictor({"momentum_6_1": 1.0})
    return {
        "noise_one": ("Random numbers", Noise(seed=101)),
        "noise_two": ("Other random numbers", Noise(seed=102)),
        "noise_three": ("More random numbers", Noise(seed=103)),
        "always_half": ("Submits 0.5 for every stock", Constant(0.5)),
        "quitter": ("Momentum, until half-way", StopsAfter(momentum, last_era_of_quitter)),
        "broken_file": ("Each week another broken file", Noise(seed=104)),
    }


def demo_strategies(rounds: Sequence[Era]) -> tuple[Strategy, ...]:
    """Return the models that compete over the given eras.

    Parameters
    ----------
    rounds : sequence of Era
        The eras of the tournament, oldest first; the quitter stops in the middle of them.

    Returns
    -------
    tuple of Strategy
        Names are unique.
    """
    if not rounds:
        raise ValueError("expected the eras to compete over, found none: choose the rounds of the demo first")
    last_era_of_quitter = rounds[(len(rounds) - 1) // 2].number
    ideas = with_meta_copy(regressions() | factors() | blends() | oddities(last_era_of_quitter))
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
