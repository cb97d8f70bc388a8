"""Plans of rounds: the rules, times and universe with which the operator opens one for an era."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Final

from scorer.data.calendar import EraDate
from scorer.data.faults import DataError
from scorer.data.recipe import Recipe
from scorer.data.rounds import RoundData
from scorer.files import write_whole
from scorer.protocol.rules import Rules
from scorer.protocol.schedule import RoundTimes, round_times
from scorer.protocol.tables import NEUTRALIZERS, SAMPLE_WEIGHTS
from scorer.storage.bundle import Bundle

SCHEDULE: Final = "schedule.json"
AHEAD: Final = timedelta(days=14)


def planned_rules(rules: Rules, recipe: Recipe) -> Rules:
    """Return the rules with the recipe's hash in them.

    Raises
    ------
    DataError
        When they name another recipe, or score on a target that the recipe does not make.
    """
    if rules.data not in (None, recipe.hash()):
        raise DataError(f"rules {rules.name}: expected data = {recipe.hash()}, found {rules.data}")
    known = {"target", *(f"target_{target.name}" for target in recipe.targets)}
    unknown = [name for name in rules.targets if name not in known]
    if unknown:
        expected = ", ".join(sorted(known))
        raise DataError(f"rules {rules.name}: expected targets of {expected}, found {', '.join(unknown)}")
    return rules.model_copy(update={"data": recipe.hash()})


def times_of(rules: Rules, era: EraDate) -> RoundTimes | None:
    """Return the times of the first round that belongs to an era's session; None when the rules open none.

    Raises
    ------
    DataError
        When the rules have no schedule.
    """
    if rules.schedule is None:
        raise DataError(f"rules {rules.name}: expected a section schedule, found none")
    for times in round_times(rules.schedule, rules.horizon, era.day, era.day + AHEAD):
        if times.session == era.day:
            return times
    return None


def write_plan(folder: Path, rules: Rules, times: RoundTimes, data: RoundData) -> None:
    """Write a round's plan as the operator reads it; the schedule last, since a folder with it is a plan.

    Besides rules and universe, a plan has the tables that gates need to be opened with.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bundle = Bundle(folder)
    bundle.write_rules(rules)
    bundle.write_universe(data.table.ids)
    for name, table in data.known_inputs().items():
        if name in (NEUTRALIZERS, SAMPLE_WEIGHTS):
            bundle.write_table(name, data.table.ids, table)
    document = {name: getattr(times, name) for name in ("open_at", "close_at", "resolve_at", "deadline")}
    write_whole(folder / SCHEDULE, json.dumps(document).encode())
