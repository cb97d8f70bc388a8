"""Attack a data set as somebody with the public price history would: which row is which, and which column.

The attacker knows the dates of the eras, the universe, and either the recipe or only that features of its
kind are made of prices. Targets are named in the files, and the attacker can compute them. Columns are set
apart by how they correlate with each other and with the targets, which no order of rows changes; rows by the
bins of the columns that were matched. Then each helps the other once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from scorer.data.bins import MIDDLE
from scorer.data.calendar import EraDate
from scorer.data.eras import EraBuilder, EraTable
from scorer.data.obfuscation import Identifiers
from scorer.data.panel import Panel
from scorer.data.recipe import Obfuscation, Recipe, recipe_from
from scorer.scoring.exact import Floats

ROUNDS: Final = 3
"""Rounds in which columns and rows are matched by turns."""
OTHER_WINDOWS: Final = {
    "momentum": (15, 45, 90),
    "reversal": (7,),
    "volatility": (15, 45, 90),
    "high": (45, 90),
}
"""Features of an attacker who does not know the recipe, with other windows than most."""


@dataclass(frozen=True)
class Setting:
    """The setting of an obfuscation, and the knowledge of its attacker."""

    ids: str
    features: bool
    flips: bool
    knows_recipe: bool

    def __str__(self) -> str:
        """Return the setting as one line."""
        hidden = "hidden" if self.features else "open"
        known = "knows the recipe" if self.knows_recipe else "guesses features"
        return f"ids by {self.ids}, features {hidden}{' and flipped' if self.flips else ''}; attacker {known}"


SETTINGS: Final = tuple(
    Setting(ids, features, flips, knows)
    for knows in (True, False)
    for ids, features, flips in (
        ("fixed", False, False),
        ("fixed", True, True),
        ("era", False, False),
        ("era", True, False),
        ("era", True, True),
    )
)


@dataclass(frozen=True)
class Recovered:
    """Shares that an attack recovered, beside those of random guesses; NaN where there is nothing to find."""

    setting: Setting
    rows: float
    rows_by_chance: float
    columns: float
    columns_by_chance: float


@dataclass(frozen=True, eq=False)
class _Side:
    """One side's view of some eras: (columns, rows) bins about the middle, and (targets, rows) ranks."""

    features: list[Floats]
    targets: list[Floats]

    @property
    def correlations(self) -> Floats:
        """(columns, columns + targets) mean correlations over the eras, blind to the order of rows."""
        found = []
        for features, targets in zip(self.features, self.targets, strict=True):
            both = np.vstack([features, targets])
            both = both - both.mean(axis=1, keepdims=True)
            length = np.sqrt((both**2).sum(axis=1, keepdims=True))
            both = both / np.where(length > 0, length, 1)
            found.append(both[: len(features)] @ both.T)
        return np.asarray(np.mean(found, axis=0))


def attack(
    recipe: Recipe, key: bytes, panel: Panel, eras: Sequence[EraDate], settings: Sequence[Setting] = SETTINGS
) -> list[Recovered]:
    """Play the attack at each setting on some eras whose targets are known."""
    return [_attack(recipe, key, panel, eras, setting) for setting in settings]


def _attack(recipe: Recipe, key: bytes, panel: Panel, eras: Sequence[EraDate], setting: Setting) -> Recovered:
    hidden = Obfuscation.model_validate(
        {"ids": setting.ids, "features": setting.features, "flips": setting.flips}
    )
    published = _tables(recipe.model_copy(update={"obfuscation": hidden}), key, panel, eras)
    opened = Obfuscation(ids="open", features=False, flips=False)
    guessed = recipe if setting.knows_recipe else _guessed(recipe)
    own = _tables(guessed.model_copy(update={"obfuscation": opened}), key, panel, eras)
    truth = _true_columns(recipe, guessed, hidden, key, published[0], own[0])
    theirs, ours = _side(published), _side(own)
    known = truth if setting.knows_recipe and not setting.features else None
    rows, columns = _matched(theirs, ours, setting, published, known)
    right = [
        np.mean([table.names[row] == other.names[match] for row, match in enumerate(matches)])
        for table, other, matches in zip(published, own, rows, strict=True)
    ]
    nameable = truth >= 0
    found = float(np.mean(columns[nameable] == truth[nameable])) if nameable.any() else np.nan
    width = len(own[0].columns)
    return Recovered(setting, float(np.mean(right)), 1 / len(own[0].ids), found, 1 / width)


def _tables(recipe: Recipe, key: bytes, panel: Panel, eras: Sequence[EraDate]) -> list[EraTable]:
    builder = EraBuilder.around(recipe, Identifiers(recipe, key), panel, eras)
    return [builder.build(era) for era in eras]


def _guessed(recipe: Recipe) -> Recipe:
    """Return the recipe of an attacker who guesses features from prices alone."""
    document: dict[str, Any] = recipe.model_dump(mode="json", exclude_none=True)
    document["features"] = [{"kind": kind, "windows": list(w)} for kind, w in OTHER_WINDOWS.items()]
    document["targets"] = [target | {"features": []} for target in document["targets"]]
    return recipe_from(document, "the attacker's guess")


def _true_columns(
    recipe: Recipe, guessed: Recipe, hidden: Obfuscation, key: bytes, published: EraTable, own: EraTable
) -> np.ndarray:
    """Return which own column each published one is; -1 for one that the attacker does not have."""
    identifiers = Identifiers(recipe.model_copy(update={"obfuscation": hidden}), key)
    names = {identifiers.feature(spec): f"feature_{spec.name}" for spec in recipe.specs()}
    places = {name: place for place, name in enumerate(own.columns)}
    known = {f"feature_{spec.name}" for spec in guessed.specs()}
    found = [names[column] for column in published.columns]
    return np.array([places[name] if name in known else -1 for name in found])


def _side(tables: Sequence[EraTable]) -> _Side:
    features = [table.features.astype(np.float64) - MIDDLE for table in tables]
    targets = [
        np.nan_to_num(np.array([table.targets[name] for name in sorted(table.targets)]), nan=0.5)
        for table in tables
    ]
    return _Side(features, targets)


def _matched(
    theirs: _Side, ours: _Side, setting: Setting, published: Sequence[EraTable], known: np.ndarray | None
) -> tuple[list[np.ndarray], np.ndarray]:
    """Match columns and rows by turns; return the own row of each row in each era, and columns alike."""
    columns, signs = _by_profile(theirs, ours) if known is None else (known, np.ones(len(known)))
    rows: list[np.ndarray] = []
    for _ in range(ROUNDS):
        costs = [
            _row_costs(their, our, their_targets, our_targets, columns, signs)
            for their, our, their_targets, our_targets in zip(
                theirs.features, ours.features, theirs.targets, ours.targets, strict=True
            )
        ]
        rows = _assigned(costs, setting, published)
        if known is not None:
            break
        columns, signs = _by_rows(theirs, ours, rows)
    return rows, columns


def _by_profile(theirs: _Side, ours: _Side) -> tuple[np.ndarray, Floats]:
    """Match columns by how they correlate with the targets and, sorted, with all other columns."""
    one, two = theirs.correlations, ours.correlations
    anchors = min(one.shape[1] - len(one), two.shape[1] - len(two))
    points = np.linspace(0, 1, 32)
    profiles = [np.quantile(np.abs(side[:, : len(side)]), points, axis=1).T for side in (one, two)]
    costs = ((profiles[0][:, np.newaxis] - profiles[1][np.newaxis]) ** 2).sum(axis=2)
    hits = [side[:, len(side) : len(side) + anchors] for side in (one, two)]
    straight = ((hits[0][:, np.newaxis] - hits[1][np.newaxis]) ** 2).sum(axis=2)
    turned = ((hits[0][:, np.newaxis] + hits[1][np.newaxis]) ** 2).sum(axis=2)
    costs += len(points) * np.minimum(straight, turned)
    columns = _assignment(costs)
    places = np.arange(len(columns))
    signs = np.where(straight[places, columns] <= turned[places, columns], 1.0, -1.0)
    return columns, signs


def _by_rows(theirs: _Side, ours: _Side, rows: Sequence[np.ndarray]) -> tuple[np.ndarray, Floats]:
    """Match columns by their correlation over rows that are matched."""
    pairs = zip(theirs.features, ours.features, rows, strict=True)
    agreement = np.sum([their @ our[:, match].T for their, our, match in pairs], axis=0)
    columns = _assignment(-np.abs(agreement))
    return columns, np.where(agreement[np.arange(len(columns)), columns] >= 0, 1.0, -1.0)


def _row_costs(
    their: Floats, our: Floats, their_targets: Floats, our_targets: Floats, columns: np.ndarray, signs: Floats
) -> Floats:
    """(rows, rows) squared distances over the matched columns and the targets."""
    matched = columns >= 0
    one = np.vstack([their[matched] * signs[matched, np.newaxis], 4 * their_targets])
    two = np.vstack([our[columns[matched]], 4 * our_targets])
    squares = (one**2).sum(axis=0)[:, np.newaxis] + (two**2).sum(axis=0)[np.newaxis]
    return np.asarray(squares - 2 * one.T @ two)


def _assigned(costs: Sequence[Floats], setting: Setting, published: Sequence[EraTable]) -> list[np.ndarray]:
    """Assign rows era by era, or all eras at once where an id is the same in each."""
    same = setting.ids == "fixed" and len({table.ids for table in published}) == 1
    if not same:
        return [_assignment(cost) for cost in costs]
    together = _assignment(np.sum(costs, axis=0))
    return [together for _ in costs]


def _assignment(costs: Floats) -> np.ndarray:
    """Return the column of each row in the assignment of least cost; the nearest for rows that are left."""
    found = costs.argmin(axis=1)
    rows, columns = linear_sum_assignment(costs)
    found[rows] = columns
    return np.asarray(found)
