"""The demo's data set, a recipe on real prices, and its eras as data scientists download them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from scorer.data.calendar import EraDate
from scorer.data.fixed import fixed_log
from scorer.data.plans import planned_rules
from scorer.data.recipe import Recipe
from scorer.data.rounds import Rebuilder, RoundData
from scorer.factors.version_1 import FEATURES
from scorer.protocol.rules import DEFAULT_PRESET, Rules, preset, rules_from

FOLDER: Final = Path(__file__).parent / "data"
SPLITS: Final = "splits.csv"


@dataclass(frozen=True, eq=False)
class Era:
    """An era as a data scientist knows it.

    Attributes
    ----------
    number
        From 1, as `scorer.data.calendar` counts.
    day
        The session at whose close the features are known and predictions are due.
    known_on
        The session at whose close the target is known, or None where it is not yet.
    features
        Index id, ascending; columns feature_*, in steps of a quarter from 0 to 1.
    target
        The main target by id, NaN where it is not known.
    """

    number: int
    day: date
    known_on: date | None
    features: pd.DataFrame
    target: pd.Series

    @property
    def ids(self) -> pd.Index:
        """The ids, ascending."""
        return self.features.index


def era_of(data: RoundData) -> Era:
    """Return an era of what was made from raw data."""
    ids = pd.Index(data.table.ids, name="id")
    features = pd.DataFrame(data.inputs()[FEATURES.name], ids)
    target = pd.Series(data.targets["target"], ids, name="target")
    return Era(data.era.number, data.era.day, data.known_on, features, target)


def known_eras(eras: Iterable[Era], day: date) -> tuple[Era, ...]:
    """Return the eras whose target is known at the close of `day`: all that a model may learn from."""
    return tuple(era for era in eras if era.known_on is not None and era.known_on <= day)


def demo_rules(recipe: Recipe) -> Rules:
    """Return the rules of the demo's rounds: the default ones, at weekends alone, about the demo's data."""
    document = json.loads(preset(DEFAULT_PRESET).canonical_json())
    schedule = document["schedule"]
    schedule["windows"] = [window for window in schedule["windows"] if "saturday" in window["days"]]
    return planned_rules(rules_from(document | {"name": "demo"}, "demo"), recipe)


def without_a_split(rebuilder: Rebuilder, era: EraDate) -> Rebuilder:
    """Return what somebody has whose raw data lacks a split of the first name, two for one.

    It would have been at the end of the era's horizon.
    """
    growth = rebuilder.panel.growth.copy()
    growth[era.session + rebuilder.recipe.reach :, 0] -= fixed_log(np.array([2.0]))
    return replace(rebuilder, panel=replace(rebuilder.panel, growth=growth))
