"""Recipes: one document that says what a data set is, and whose hash says which data a round is about.

TOML for people, canonical JSON (RFC 8785) for the hash. No float stands in it: shares are decimal text.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import rfc8785
from pydantic import Field, ValidationError, field_validator, model_validator

from scorer.data.faults import DataError
from scorer.data.sources.document import described, load_document
from scorer.protocol.fields import Parts, Section, checked, from_to
from scorer.redaction import shown_path

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Day = Annotated[str, checked(date.fromisoformat, "an ISO date"), Field(pattern=r"^\d{4}-\d\d-\d\d$")]
PLAIN: Final = "plain"
VOLATILITY: Final = "volatility"
ALL: Final = "all"
LONGEST_FIELD: Final = 260
"""Sessions for which the latest value of a field counts, a year and some days."""
MARGIN: Final = 12
"""Sessions before the first that is read: differences need one or two, a history five."""


class UniverseRules(Section):
    """The rules by which names are in an era: each looks only at what was known at its session.

    Attributes
    ----------
    history
        Sessions with a price that a name must have among the last ``history + history_gaps``.
    stale
        The last price must be at most so many sessions old.
    lowest_price
        In the panel's money.
    largest
        Keep so many names, by their mean traded value over ``liquidity_sessions``; needs a field volume.
    groups
        Groups that must be known.
    """

    history: Annotated[int, Field(ge=1, le=5000)] = 1
    history_gaps: Annotated[int, Field(ge=0, le=1000)] = 0
    stale: Annotated[int, Field(ge=0, le=20)] = 0
    lowest_price: Annotated[Parts, from_to("0", "1000000")] = 0
    largest: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    liquidity_sessions: Annotated[int, Field(ge=1, le=1000)] = 63
    groups: Annotated[tuple[Name, ...], Field(strict=False)] = ()


class EraRules(Section):
    """The times at which eras are decided: the last session of each week, or every so many sessions.

    Attributes
    ----------
    first, last
        Dates between which eras lie.
    """

    every: Literal["week", "month"] | Annotated[int, Field(ge=1, le=250)] = "week"
    first: Day | None = None
    last: Day | None = None


class FeatureRules(Section):
    """A family of features: one for each window, lag and variant.

    Attributes
    ----------
    kind
        A function of the registry; see `scorer.data.features`.
    windows
        Sessions that it looks back; empty for kinds without a window.
    skip
        Sessions left out at the end, as momentum leaves out the last month.
    lags
        Sessions by which it is late.
    variants
        ``plain``, or a group's name: less the mean of the group.
    fields
        For kinds that read a named field: one feature a field.
    sets
        Feature sets that they belong to; all belong to ``all``.
    """

    kind: Name
    windows: Annotated[tuple[Annotated[int, Field(ge=1, le=2000)], ...], Field(strict=False)] = ()
    skip: Annotated[int, Field(ge=0, le=1000)] = 0
    lags: Annotated[tuple[Annotated[int, Field(ge=0, le=1000)], ...], Field(strict=False, min_length=1)] = (
        0,
    )
    variants: Annotated[tuple[Name, ...], Field(strict=False, min_length=1)] = (PLAIN,)
    fields: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    sets: Annotated[tuple[Name, ...], Field(strict=False)] = ()


@dataclass(frozen=True)
class FeatureSpec:
    """One feature of a recipe."""

    name: str
    kind: str
    window: int
    skip: int
    lag: int
    variant: str
    field: str
    sets: tuple[str, ...]


class TargetRules(Section):
    """One target: what is left of the total return over a horizon, ranked in five bins.

    Attributes
    ----------
    sessions, lag
        The horizon, and how many sessions after the decision it begins.
    groups, features
        What is taken out by regression: a constant for each group, and features of the recipe, before bins.
    bins
        ``numerai`` puts 5, 20, 50, 20 and 5 percent of the names at 0, 0.25, 0.5, 0.75 and 1; ``even``
        puts a fifth in each; ``rank`` leaves the rank in (0, 1).
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,30}$")]
    sessions: Annotated[int, Field(gt=0, le=250)]
    lag: Annotated[int, Field(ge=0, le=20)] = 0
    groups: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    features: Annotated[tuple[str, ...], Field(strict=False)] = ()
    bins: Literal["numerai", "even", "rank"] = "numerai"

    @property
    def reach(self) -> int:
        """Sessions from the decision to the one that makes the target known."""
        return self.lag + self.sessions


class InputRules(Section):
    """The tables that alpha, MPC, TC and the gates of a round need beside its targets.

    Attributes
    ----------
    groups, features
        What portfolios are made neutral to, and the factors of the risk model, beside the market itself.
    volatility
        A feature of the kind volatility: sample weights are in inverse proportion to its root. Without one,
        all names weigh the same.
    risk_sessions
        Sessions from which the risk model is estimated; without it there is none.
    """

    groups: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    features: Annotated[tuple[str, ...], Field(strict=False)] = ()
    volatility: str | None = None
    risk_sessions: Annotated[int, Field(ge=20, le=1000)] | None = None


class SplitRules(Section):
    """The use of each era.

    Attributes
    ----------
    validation
        The date from which eras are for validation.
    embargo
        Eras left out before it, on top of those whose targets reach into it.
    """

    validation: Day
    embargo: Annotated[int, Field(ge=0, le=100)] = 0


class Obfuscation(Section):
    """The parts that are hidden behind keyed identifiers.

    Attributes
    ----------
    ids
        ``era``: a name has another id in each era; ``fixed``: one for ever; ``open``: its own name.
    features
        Whether names of features are hidden and their columns put in another order.
    flips
        Whether the bins of a keyed half of the features count from the other end.
    """

    ids: Literal["era", "fixed", "open"] = "era"
    features: bool = True
    flips: bool = False


class Recipe(Section):
    """A recipe of version 1. Every field counts for its hash."""

    version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
    shape: Literal["classic", "signals", "crypto"] = "classic"
    calendar: Annotated[str, Field(pattern=r"^([A-Z0-9]{4}|24/7)$")]
    universe: UniverseRules = UniverseRules()
    eras: EraRules = EraRules()
    features: Annotated[tuple[FeatureRules, ...], Field(strict=False, min_length=1)]
    targets: Annotated[tuple[TargetRules, ...], Field(strict=False, min_length=1)]
    target: str | None = None
    inputs: InputRules | None = None
    splits: SplitRules
    obfuscation: Obfuscation = Obfuscation()

    @field_validator("targets")
    @classmethod
    def _each_target_once(cls, targets: tuple[TargetRules, ...]) -> tuple[TargetRules, ...]:
        names = [target.name for target in targets]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"expected each target once, found {', '.join(repeated)} again")
        return targets

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        specs = [spec.name for spec in self.specs()]
        repeated = sorted({name for name in specs if specs.count(name) > 1})
        if repeated:
            raise ValueError(f"expected each feature once, found {', '.join(repeated[:5])} again")
        for target in self.targets:
            unknown = sorted(set(target.features) - set(specs))
            if unknown:
                place, found = f"targets.{target.name}.features", ", ".join(unknown)
                raise ValueError(f"{place}: expected features of the recipe, found {found}")
        if self.inputs is not None:
            self._check_inputs(self.inputs)
        if self.target is not None and self.target not in {target.name for target in self.targets}:
            raise ValueError(f"target: expected the name of a target, found {self.target}")
        return self

    def _check_inputs(self, rules: InputRules) -> None:
        kinds = {spec.name: (spec.kind, spec.variant) for spec in self.specs()}
        unknown = sorted(set(rules.features) - set(kinds))
        if unknown:
            raise ValueError(f"inputs.features: expected features of the recipe, found {', '.join(unknown)}")
        if rules.volatility is not None and kinds.get(rules.volatility) != (VOLATILITY, PLAIN):
            found = f"found {rules.volatility}"
            raise ValueError(f"inputs.volatility: expected a plain feature of the kind {VOLATILITY}, {found}")

    @property
    def main_target(self) -> str:
        """The target that the column ``target`` repeats."""
        return self.target or self.targets[0].name

    @property
    def reach(self) -> int:
        """Sessions from a decision to the one that makes all targets known."""
        return max(target.reach for target in self.targets)

    @property
    def lookback(self) -> int:
        """Sessions before a decision that any feature or rule of the universe reads."""
        features = max(
            spec.window + spec.skip + spec.lag + (LONGEST_FIELD if spec.field else 0) for spec in self.specs()
        )
        universe = self.universe.history + self.universe.history_gaps
        risk = 0 if self.inputs is None else self.inputs.risk_sessions or 0
        return max(features, universe, risk, self.universe.liquidity_sessions, self.universe.stale) + MARGIN

    def specs(self) -> tuple[FeatureSpec, ...]:
        """Return every feature, in the order of the document."""
        return _all_specs(self.features)

    def canonical_json(self) -> bytes:
        """Return the document as RFC 8785 canonical JSON; absent fields are left out."""
        return rfc8785.dumps(self.model_dump(mode="json", exclude_none=True))

    def hash(self) -> str:
        """Return the SHA-256 of the canonical JSON in hex."""
        return hashlib.sha256(self.canonical_json()).hexdigest()


@lru_cache(maxsize=16)
def _all_specs(features: tuple[FeatureRules, ...]) -> tuple[FeatureSpec, ...]:
    """The features of all rules; asked for in every era, and always the same."""
    return tuple(spec for rules in features for spec in _specs(rules))


def _specs(rules: FeatureRules) -> Iterator[FeatureSpec]:
    for field in rules.fields or ("",):
        for window in rules.windows or (0,):
            for lag in rules.lags:
                for variant in rules.variants:
                    parts = [rules.kind, field, str(window) if window else ""]
                    parts += [f"skip{rules.skip}" if rules.skip else "", f"lag{lag}" if lag else ""]
                    parts += [] if variant == PLAIN else [f"by_{variant}"]
                    name = "_".join(part for part in parts if part)
                    yield FeatureSpec(name, rules.kind, window, rules.skip, lag, variant, field, rules.sets)


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises
    ------
    DataError
        Names each wrong field by its path, what is allowed, and what was found.
    """
    return recipe_from(load_document(path, "a recipe in TOML"), shown_path(path))


def recipe_from(document: object, source: str) -> Recipe:
    """Validate a recipe that came from `source`, its kinds of features included."""
    from scorer.data.features import check_kinds  # features build on the recipe's specs

    try:
        recipe = Recipe.model_validate(document)
        check_kinds(recipe)
    except ValidationError as error:
        raise DataError(f"{source}: {described(error)}") from None
    except DataError as error:
        raise DataError(f"{source}: {error}") from None
    return recipe


def is_version(text: str) -> bool:
    """Return whether a text may name a version of a data set, which is a folder's name too."""
    return re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,40}", text) is not None
