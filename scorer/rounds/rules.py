"""A round's rules: one document, TOML for people, canonical JSON (RFC 8785) for the hash that freezes it."""

import hashlib
import json
import tomllib
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import rfc8785
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from scorer.rewards.reward import MAX_REWARD_SCORE
from scorer.units import ONE, nano_from_nmr


class RulesError(ValueError):
    """The rules document cannot be used; the message names the field, what was expected and what was found."""


def _ppm(value: object) -> object:
    """Decimal text as whole ppm. An ``int`` is ppm already: that is how the canonical JSON holds it."""
    if not isinstance(value, str):
        return value
    scaled = Decimal(value) * ONE
    if scaled != scaled.to_integral_value():
        raise ValueError(f"expected at most six decimals, found {value}")
    return int(scaled)


def _nano(value: object) -> object:
    return nano_from_nmr(value) if isinstance(value, str) else value


Parts = Annotated[int, BeforeValidator(_ppm)]
Nano = Annotated[int, BeforeValidator(_nano), Field(ge=0, lt=2**64)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Factor(_Section):
    """One score on one target, and what it counts: ``multiplier`` in ppm."""

    score: Literal["corr", "mmc"]
    target: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    multiplier: Annotated[Parts, Field(ge=-MAX_REWARD_SCORE * 100, le=MAX_REWARD_SCORE * 100)]

    @property
    def name(self) -> str:
        """The factor's column in scores.parquet."""
        return f"{self.score}_{self.target}"


class Stake(_Section):
    """The terms of the stake, as the Tournament contract freezes them at opening.

    ``cap`` in ppm of a position; ``threshold`` and ``minimum_position`` in nano-NMR.
    """

    cap: Annotated[Parts, Field(gt=0, le=ONE)]
    threshold: Annotated[Nano, Field(gt=0)]
    minimum_position: Nano


class Horizon(_Section):
    """What the targets measure: returns over ``sessions`` exchange sessions that begin after ``lag`` more."""

    sessions: Annotated[int, Field(gt=0, le=250)]
    lag: Annotated[int, Field(ge=0, le=20)]


class Rules(_Section):
    """A rules document of version 1. Every field counts for the hash."""

    version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    scoring: Literal[1]
    factors: Annotated[tuple[Factor, ...], Field(min_length=1, strict=False)]
    stake: Stake
    horizon: Horizon

    @model_validator(mode="after")
    def _each_factor_once(self) -> Self:
        names = [factor.name for factor in self.factors]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"expected each score on a target once, found {', '.join(repeated)} again")
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that the factors score on, in the order of first use."""
        return tuple(dict.fromkeys(factor.target for factor in self.factors))

    @property
    def multipliers(self) -> tuple[tuple[str, int], ...]:
        """(factor, multiplier in ppm), in order."""
        return tuple((factor.name, factor.multiplier) for factor in self.factors)

    def canonical_json(self) -> bytes:
        """The document as RFC 8785 canonical JSON, amounts as whole units."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    def hash(self) -> bytes:
        """SHA-256 of the canonical JSON: the ``rulesHash`` of ``Tournament.openRound``."""
        return hashlib.sha256(self.canonical_json()).digest()


def _describe(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        field = ".".join(str(part) for part in problem["loc"]) or "the document"
        lines.append(f"{field}: {problem['msg']}, found {problem['input']!r}")
    return "; ".join(lines)


def rules_from(document: dict[str, Any], source: str) -> Rules:
    """Validate a rules document that came from `source`.

    Raises
    ------
    RulesError
        Names each wrong field by its path, what is allowed, and what was found.
    """
    try:
        return Rules.model_validate(document)
    except ValidationError as error:
        raise RulesError(f"{source}: {_describe(error)}") from None


def read_rules(text: bytes, source: str) -> Rules:
    """Read rules from TOML, or from the canonical JSON of a bundle (which is told by its first character)."""
    try:
        document = _json_object(text) if text.lstrip()[:1] == b"{" else tomllib.loads(text.decode())
    except ValueError as error:
        raise RulesError(f"{source}: expected a rules document in TOML or JSON, found {error}") from None
    return rules_from(document, source)


def _json_object(text: bytes) -> dict[str, Any]:
    """Parse JSON that must be an object."""
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError(f"a JSON {type(document).__name__}, not an object")
    return document


def load_rules(path: Path) -> Rules:
    """Read the rules document at `path`."""
    return read_rules(path.read_bytes(), str(path))


def preset(name: str) -> Rules:
    """One of the rules documents that come with Cupel, by the name of its file."""
    folder = resources.files("scorer.rounds") / "presets"
    file = folder / f"{name}.toml"
    if not file.is_file():
        known = ", ".join(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir()))
        raise RulesError(f"expected the name of a preset ({known}), found {name!r}")
    return read_rules(file.read_bytes(), f"preset {name}")
