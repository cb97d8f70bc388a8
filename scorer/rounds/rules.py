"""A round's rules: one document, TOML for people, canonical JSON (RFC 8785) for the hash that freezes it.

Both forms hold the same fields. Amounts (NMR) and multipliers are decimal text in both, never a bare number:
a float would not be exact, and a bare 72000 would not say whether it means NMR or nano-NMR.
"""

import hashlib
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import rfc8785
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)

from scorer.rounds.documents import parse_json
from scorer.units import nano_from_nmr, nmr_from_nano, ppm_as_decimal, ppm_from_decimal


class RulesError(ValueError):
    """A rules document cannot be used: the message names the field, what was expected and what was found."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('expected decimal text in quotes, such as "0.05"')
    return value


def _ppm(value: object) -> int:
    return ppm_from_decimal(_text(value))


def _nano(value: object) -> int:
    return nano_from_nmr(_text(value))


def _ppm_text(ppm: int) -> str:
    return f"{ppm_as_decimal(ppm):f}"


def _nmr_text(amount: int) -> str:
    return f"{nmr_from_nano(amount):f}"


Parts = Annotated[int, BeforeValidator(_ppm), PlainSerializer(_ppm_text, when_used="json")]
"""Parts per million in Python, decimal text in a document."""
Nano = Annotated[int, BeforeValidator(_nano), PlainSerializer(_nmr_text, when_used="json")]
"""nano-NMR in Python, NMR as decimal text in a document."""


def _from_to(low: str, high: str) -> AfterValidator:
    """Bounds of a share or multiplier, in the decimals that the document is written in."""

    def check(ppm: int) -> int:
        if not ppm_from_decimal(low) <= ppm <= ppm_from_decimal(high):
            raise ValueError(f"expected from {low} to {high}")
        return ppm

    return AfterValidator(check)


def _whole(value: object) -> object:
    """Refuse what Python holds equal to an integer: 1.0 and true."""
    if type(value) is not int:
        raise ValueError("expected a whole number")
    return value


def _above_zero(amount: int) -> int:
    if amount == 0:
        raise ValueError("expected an amount above 0")
    return amount


Version = Annotated[Literal[1], BeforeValidator(_whole)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Factor(_Section):
    """One score on one target, and what it counts: ``multiplier`` in ppm."""

    score: Literal["corr", "mmc"]
    target: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    multiplier: Annotated[Parts, _from_to("-100", "100")]

    @field_validator("target")
    @classmethod
    def _not_the_id_column(cls, target: str) -> str:
        if target == "id":
            raise ValueError("expected the name of a target, which the column of ids is not")
        return target

    @property
    def name(self) -> str:
        """The factor's column in scores.parquet."""
        return f"{self.score}_{self.target}"


class Stake(_Section):
    """The terms of the stake, as the Tournament contract freezes them at opening.

    ``cap`` in ppm of a position; ``threshold`` and ``minimum_position`` in nano-NMR.
    """

    cap: Annotated[Parts, _from_to("0.000001", "1")]
    threshold: Annotated[Nano, AfterValidator(_above_zero)]
    minimum_position: Nano


class Horizon(_Section):
    """What the targets measure: returns over ``sessions`` exchange sessions that begin after ``lag`` more."""

    sessions: Annotated[int, Field(gt=0, le=250)]
    lag: Annotated[int, Field(ge=0, le=20)]


class Rules(_Section):
    """A rules document of version 1. Every field counts for the hash."""

    version: Version
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    scoring: Version
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
        """The document as RFC 8785 canonical JSON, amounts and multipliers as the shortest decimal text."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    def hash(self) -> bytes:
        """SHA-256 of the canonical JSON: the ``rulesHash`` of ``Tournament.openRound``."""
        return hashlib.sha256(self.canonical_json()).digest()


def _describe(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        field = ".".join(str(part) for part in problem["loc"]) or "the document"
        message = problem["msg"].removeprefix("Value error, ")
        found = "nothing" if problem["type"] == "missing" else repr(problem["input"])
        lines.append(f"{field}: {message}, found {found}")
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
        document = parse_json(text) if text.lstrip()[:1] == b"{" else tomllib.loads(text.decode())
    except ValueError as error:
        raise RulesError(f"{source}: expected a rules document in TOML or JSON, found {error}") from None
    return rules_from(document, source)


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
