"""A member's own data of a round: its universe, targets and factor inputs, from the member's raw copy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from scorer.data.benchmark import model_from
from scorer.data.bins import BINS
from scorer.data.calendar import EraDate, era_dates
from scorer.data.eras import EraBuilder, EraTable
from scorer.data.factor_inputs import factor_inputs
from scorer.data.faults import DataError
from scorer.data.fixed import fixed_growth
from scorer.data.obfuscation import Identifiers
from scorer.data.panel import Panel
from scorer.data.recipe import Recipe, TargetRules
from scorer.data.universe import universe
from scorer.data.view import RollingWindow
from scorer.factors.version_1 import BENCHMARK_META_MODEL, FEATURES
from scorer.protocol.schedule import sessions
from scorer.protocol.tables import SESSION_RETURNS, Table
from scorer.scoring.exact import Floats
from scorer.storage.bundle import Bundle

NO_TABLES: Final[Mapping[str, Table]] = MappingProxyType({})
LEAST_COMMON = 0.5
"""An era with fewer ids of a round in common is not its era."""


@dataclass(frozen=True)
class NameDifference:
    """A value in which two members differ, with the asset's name.

    Attributes
    ----------
    what
        ``universe``, or the name of a target.
    """

    id: str
    name: str
    what: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        """Return the difference as one line."""
        return f"{self.name} ({self.id}): {self.what}: ours {self.ours}, theirs {self.theirs}"


@dataclass(frozen=True, eq=False)
class RoundData:
    """The data that a member makes of an era from its own panel.

    Attributes
    ----------
    table
        The era, rows in the order of the ids.
    """

    recipe: Recipe
    panel: Panel
    era: EraDate
    table: EraTable

    @property
    def is_known(self) -> bool:
        """True where the horizons of all targets are over."""
        return self.known_on is not None

    @property
    def known_on(self) -> date | None:
        """The session at whose close all targets are known, or None where the panel does not reach so far."""
        last = self.era.session + self.recipe.reach
        return self.panel.sessions[last] if last < len(self.panel.sessions) else None

    @cached_property
    def targets(self) -> dict[str, Floats]:
        """Targets by the names of the files' columns; ids without a price to buy at are NaN."""
        named = {f"target_{name}": values for name, values in self.table.targets.items()}
        return {"target": self.table.targets[self.recipe.main_target], **named}

    @cached_property
    def names(self) -> dict[str, str]:
        """The asset of each id."""
        return dict(zip(self.table.ids, self.table.names, strict=True))

    def inputs(self) -> dict[str, Table]:
        """Return the inputs of factors and adjusters: features for FNC, returns for dynamic eras."""
        features = {
            column: codes / float(BINS - 1)
            for column, codes in zip(self.table.columns, self.table.features, strict=True)
        }
        outcomes = {FEATURES.name: features, SESSION_RETURNS: self._session_returns(self._main)}
        return outcomes | self.known_inputs()

    def known_inputs(self) -> dict[str, Table]:
        """Return the inputs that are known when the round opens: those that the recipe's inputs name."""
        rules = self.recipe.inputs
        if rules is None:
            return {}
        first = max(self.era.session - self.recipe.lookback, 0)
        window = RollingWindow(self.panel.rows(first, self.era.session), first)
        view = universe(window.view(self.era.session), self.recipe)
        # The view's names ascend, the table's rows have the order of their ids.
        order = np.searchsorted(np.array(view.names), np.array(self.table.names))
        return {
            name: {column: values[order] for column, values in table.items()}
            for name, table in factor_inputs(view, rules, self.recipe).items()
        }

    @property
    def _main(self) -> TargetRules:
        return next(rules for rules in self.recipe.targets if rules.name == self.recipe.main_target)

    def _session_returns(self, rules: TargetRules) -> dict[str, Floats]:
        """Simple total returns in each session of the horizon; zero where there was no price."""
        places = np.searchsorted(np.array(self.panel.names), np.array(self.table.names))
        start, end = self.era.session + rules.lag, self.era.session + rules.reach
        levels = self.panel.growth[start : end + 1, places]
        returns = fixed_growth(np.diff(levels, axis=0))
        return {f"session_{number:03d}": row for number, row in enumerate(returns, start=1)}

    def benchmark_input(self, document: Any) -> dict[str, Table]:
        """Return the input of BMC: the predictions of a version's benchmark model, of its document."""
        model = model_from(document, self.table.columns)
        name = BENCHMARK_META_MODEL.name
        return {name: {name: model.ranks_of(self.table.features[list(model.rows)])}}

    def write(self, bundle: Bundle, more: Mapping[str, Table] = NO_TABLES) -> None:
        """Write targets and inputs into a round's folder; the targets last, for who waits for them.

        Ids without a known target are left out, and so are those ids of the inputs.

        Parameters
        ----------
        more
            Further inputs.
        """
        known = np.isfinite(self.targets["target"])
        for name, table in {**self.inputs(), **more}.items():
            bundle.write_table(name, self.table.ids, table)
        ids = tuple(identifier for identifier, keep in zip(self.table.ids, known, strict=True) if keep)
        bundle.write_targets(ids, {name: values[known] for name, values in self.targets.items()})

    def universe_differences(self, theirs: Sequence[str]) -> Iterator[NameDifference]:
        """Yield the ids that only one of two universes has."""
        ours, others = set(self.table.ids), set(theirs)
        for identifier in sorted(ours ^ others):
            name = self.names.get(identifier, "not in ours")
            yield NameDifference(identifier, name, "universe", *_in_or_out(identifier in ours))

    def target_differences(self, theirs: Mapping[str, Floats]) -> Iterator[NameDifference]:
        """Yield the targets in which another member's, in the order of our ids, differ."""
        for name in [name for name in self.targets if name in theirs]:
            ours, others = self.targets[name], theirs[name]
            differs = ~((ours == others) | (np.isnan(ours) & np.isnan(others)))
            for row in np.flatnonzero(differs).tolist():
                values = f"{ours[row]:g}", f"{others[row]:g}"
                yield NameDifference(self.table.ids[row], self.table.names[row], name, *values)


def _in_or_out(is_ours: bool) -> tuple[str, str]:
    return ("in", "not in") if is_ours else ("not in", "in")


@dataclass(frozen=True, eq=False)
class Rebuilder:
    """Makes rounds' data from a member's own panel."""

    recipe: Recipe
    identifiers: Identifiers
    panel: Panel

    @cached_property
    def eras(self) -> list[EraDate]:
        """The eras of the panel."""
        return era_dates(self.recipe, self.panel.sessions)

    def as_of(self, now: int) -> "Rebuilder":
        """Return what can be made at a time, Unix seconds: from the sessions whose close is over by then.

        Raises
        ------
        DataError
            When there is none.
        """
        closes = sessions(self.panel.calendar, self.panel.sessions[0], self.panel.sessions[-1]).closes
        over = sum(close <= now for close in closes)
        if not over:
            first = self.panel.sessions[0]
            raise DataError(f"source: expected a session that is over, found the first on {first}")
        return replace(self, panel=self.panel.rows(0, over - 1))

    @property
    def known(self) -> list[EraDate]:
        """The eras whose targets are all known, oldest first."""
        count = len(self.panel.sessions) - self.recipe.reach
        return [era for era in self.eras if era.session < count]

    def of(self, era: EraDate) -> RoundData:
        """Return the data of an era."""
        builder = EraBuilder.around(self.recipe, self.identifiers, self.panel, [era])
        return RoundData(self.recipe, self.panel, era, builder.build(era))

    def on(self, day: date) -> EraDate:
        """Return the era decided on a date.

        Raises
        ------
        DataError
            When there is none.
        """
        for era in self.eras:
            if era.day == day:
                return era
        raise DataError(f"recipe {self.recipe.name}: expected an era decided on {day}, found none")

    def with_ids(self, ids: Sequence[str]) -> EraDate:
        """Return the era whose names have these ids under the key, newest first.

        Raises
        ------
        DataError
            When ids do not separate eras, or none has half of them.
        """
        if self.recipe.obfuscation.ids != "era":
            raise DataError(
                "round: expected a session date, for ids that are the same in all eras; found none"
            )
        wanted = set(ids)
        for era in reversed(self.eras):
            common = wanted.intersection(self.identifiers.ids(era.day, self.panel.names))
            if len(common) >= LEAST_COMMON * max(len(wanted), 1):
                return era
        raise DataError(
            f"round: expected an era of {self.recipe.name} with its {len(wanted)} ids, found none; "
            "is this the recipe and the key of the round?"
        )
