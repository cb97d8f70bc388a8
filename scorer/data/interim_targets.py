"""Targets of an era whose horizon still runs: what they would be if it ended with the last session."""

from dataclasses import dataclass, replace
from datetime import date

from scorer.data.calendar import EraDate
from scorer.data.recipe import Recipe, TargetRules
from scorer.data.rounds import Rebuilder, RoundData


@dataclass(frozen=True)
class InterimTargets:
    """The data of an era with all horizons cut at the last session that is over.

    Attributes
    ----------
    day, days
        How many sessions of the main target's horizon are over, and how many it has.
    session
        The last of them.
    """

    day: int
    days: int
    session: date
    data: RoundData


def interim_targets(rebuilder: Rebuilder, era: EraDate) -> InterimTargets | None:
    """Return what is known so far of an era's targets.

    None before the first session of any target's horizon is over, and once all horizons are.
    """
    recipe = rebuilder.recipe
    over = len(rebuilder.panel.sessions) - 1 - era.session
    if over >= recipe.reach or over <= max(target.lag for target in recipe.targets):
        return None
    cut = replace(rebuilder, recipe=_cut(recipe, over))
    main = next(target for target in recipe.targets if target.name == recipe.main_target)
    day = min(over - main.lag, main.sessions)
    return InterimTargets(day, main.sessions, rebuilder.panel.sessions[-1], cut.of(era))


def _cut(recipe: Recipe, over: int) -> Recipe:
    """Return a recipe whose targets reach no further than so many sessions after the decision."""

    def shortened(target: TargetRules) -> TargetRules:
        return target.model_copy(update={"sessions": min(target.sessions, over - target.lag)})

    return recipe.model_copy(update={"targets": tuple(map(shortened, recipe.targets))})
