"""A round's rules: one document, TOML for people, canonical JSON (RFC 8785) for the hash that freezes it.

Both forms hold the same fields. Amounts (NMR) and multipliers are decimal text in both, never a bare number:
a float would not be exact, and a bare 72000 would not say whether it means NMR or nano-NMR.
"""

import hashlib
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import rfc8785
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticKnownError

from scorer.errors import CupelError, field_text
from scorer.factors.registry import VERSIONS, find_score, score_names, score_of
from scorer.factors.score import Score
from scorer.files import decoded, parse_toml, read_bounded
from scorer.protocol.documents import parse_json
from scorer.protocol.fields import Nano, Parts, Section, above_zero, from_to, whole
from scorer.protocol.schedule import Horizon, Schedule
from scorer.protocol.secrecy import Secrecy
from scorer.redaction import looks_secret, shown, shown_name, shown_path

DEFAULT_PRESET: Final = "cupel"
"""The preset that demo, devnet, simulations and deployments play by where nobody says otherwise."""
NO_TERMS: Final = bytes(32)
"""The terms hash of a round that has no terms in numbers, which a contract could read."""


class RulesError(CupelError, ValueError):
    """A rules document cannot be used: the message names the field, what was expected and what was found."""


def _one_of(known: Iterable[object]) -> PydanticKnownError:
    """Return the error that a `Literal` of these values would raise; the registry has them, not the type."""
    *others, last = map(repr, known)
    expected = f"{', '.join(others)} or {last}" if others else last
    return PydanticKnownError("literal_error", {"expected": expected})


def _known_scoring(version: int) -> int:
    if version not in VERSIONS:
        raise _one_of(VERSIONS)
    return version


def _known_score(name: object) -> object:
    if name not in score_names():
        raise _one_of(score_names())
    return name


Version = Annotated[Literal[1, 2], BeforeValidator(whole)]
"""The version of the document, which says which adjusters it may have."""
ScoringVersion = Annotated[int, BeforeValidator(whole), AfterValidator(_known_scoring)]
"""The version of `scorer.factors.registry` whose scores the rules name."""


class Factor(Section):
    """One score on one target, and what it counts: ``multiplier`` in ppm."""

    score: Annotated[str, BeforeValidator(_known_score)]
    target: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    multiplier: Annotated[Parts, from_to("-100", "100")]

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


class StakeTerms(Section):
    """The terms of the stake, as the Tournament contract freezes them at opening.

    ``cap`` in ppm of a position; ``threshold`` and ``minimum_position`` in nano-NMR.
    """

    cap: Annotated[Parts, from_to("0.000001", "1")]
    threshold: Annotated[Nano, AfterValidator(above_zero)]
    minimum_position: Nano


class DynamicEras(Section):
    """Rewards scaled by the target volatility over that of the universe in the scoring window, within bounds.

    ``target_volatility`` is the root mean square of the universe's returns in one session.
    """

    target_volatility: Annotated[Parts, from_to("0.000001", "1")]
    least: Annotated[Parts, from_to("0.000001", "1")]
    most: Annotated[Parts, from_to("1", "10")]


class Originality(Section):
    """Rewards times ``(1 - max(c, 0)**2) ** exponent``, c the correlation with the meta model.

    c is that of gaussian ranks: its square is the share of a submission that the meta model explains.
    """

    exponent: Annotated[int, BeforeValidator(whole), Field(ge=1, le=4)]


class Burn(Section):
    """Negative rewards times ``multiplier``, so that chance alone loses."""

    multiplier: Annotated[Parts, from_to("1", "10")]


class BurnHardening(Section):
    """Negative rewards times 1 up to a correlation ``start`` with the meta model, and times ``most`` at 1.

    In between the multiplier rises in a straight line.
    """

    start: Annotated[Parts, from_to("0", "0.999999")]
    most: Annotated[Parts, from_to("1", "10")]


class NeutralChurn(Section):
    """The share of a positive reward that is kept: ``min(1, 2 / (1 + exp(scale * (churn - threshold))))``."""

    threshold: Annotated[Parts, from_to("0", "2")]
    scale: Annotated[Parts, from_to("0.000001", "1000")]


class Adjusters(Section):
    """Changes of the weighted sum of the factors, applied in this order."""

    dynamic_eras: DynamicEras | None = None
    originality: Originality | None = None
    burn: Burn | None = None
    burn_hardening: BurnHardening | None = None
    neutral_churn: NeutralChurn | None = None


ADJUSTERS: Final = {
    1: ("dynamic_eras", "burn_hardening", "neutral_churn"),
    2: ("dynamic_eras", "originality", "burn", "neutral_churn"),
}
"""The adjusters that a document of each version may have. Version 2 has originality in place of burn
hardening, which makes a copy of the meta model more expensive and does not end it."""


class PortfolioRules(Section):
    """The constraints of the portfolio that TC differentiates."""

    max_position: Annotated[Parts, from_to("0.000001", "1")]
    max_leverage: Annotated[Parts, from_to("0.000001", "100")]
    risk_aversion: Annotated[Parts, from_to("0.000001", "1000000")]


class Gates(Section):
    """Limits that a submission must keep for it to count.

    Churn and turnover are the largest against the model's last ``submissions``, which must not be older than
    ``days`` days.
    """

    max_churn: Annotated[Parts, from_to("0", "2")]
    max_turnover: Annotated[Parts, from_to("0", "2")]
    submissions: Annotated[int, Field(gt=0, le=20)]
    days: Annotated[int, Field(gt=0, le=60)]


class Rules(Section):
    """A rules document. Every field counts for the hash; an absent section does not."""

    version: Version
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    scoring: ScoringVersion
    factors: Annotated[tuple[Factor, ...], Field(min_length=1, strict=False)]
    stake: StakeTerms
    horizon: Horizon
    schedule: Schedule | None = None
    submissions: Literal["classic", "signals", "crypto"] | None = None
    gates: Gates | None = None
    adjusters: Adjusters = Adjusters()
    portfolio: PortfolioRules | None = None
    data: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Hash of the recipe of the data set that the rounds are about."""
    secrecy: Secrecy | None = None
    """Absent: submissions are in the clear, as they were before this section existed."""

    @model_validator(mode="after")
    def _each_factor_once(self) -> Self:
        names = [factor.name for factor in self.factors]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"expected each score on a target once, found {', '.join(repeated)} again")
        return self

    @model_validator(mode="after")
    def _adjusters_of_the_version(self) -> Self:
        known = ADJUSTERS[self.version]
        for name in self.adjusters.model_dump(exclude_none=True):
            if name not in known:
                raise ValueError(
                    f"expected an adjuster of version {self.version} ({', '.join(known)}), found {name}"
                )
        return self

    @model_validator(mode="after")
    def _scores_of_the_version(self) -> Self:
        for factor in self.factors:
            score = find_score(self.scoring, factor.score)
            if score is None:
                names = ", ".join(known.name for known in VERSIONS[self.scoring])
                raise ValueError(
                    f"expected a score of scoring version {self.scoring} ({names}), found {factor.score}"
                )
            if not score.on_any_target and factor.target != self.targets[0]:
                raise ValueError(
                    f"expected {score.name} on the first target, {self.targets[0]}, found {factor.target}"
                )
        return self

    @model_validator(mode="after")
    def _portfolio_where_a_score_needs_one(self) -> Self:
        needing = [score.name for score in self._scores if score.needs_portfolio]
        if needing and self.portfolio is None:
            raise ValueError(f"expected a section portfolio for the factor {needing[0]}, found none")
        if self.portfolio is not None and not needing:
            names = " or ".join(score.name for score in VERSIONS[self.scoring] if score.needs_portfolio)
            raise ValueError(f"expected no section portfolio without a factor {names}, found one")
        return self

    @property
    def _scores(self) -> tuple[Score, ...]:
        """The score of every factor, in order."""
        return tuple(score_of(self.scoring, factor.score) for factor in self.factors)

    @property
    def is_encrypted(self) -> bool:
        """True where submissions are encrypted to the members of the committee."""
        return self.secrecy is not None and self.secrecy.submissions == "encrypted"

    @property
    def demands(self) -> int:
        """The number of models whose predictions may be demanded once a report is public; 0: none."""
        return 0 if self.secrecy is None else self.secrecy.demands or 0

    @property
    def demand_deposit(self) -> int:
        """The deposit of whoever demands predictions, nano-NMR; 0 where none can be demanded."""
        return 0 if self.secrecy is None else self.secrecy.deposit or 0

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that the factors score on, in the order of first use."""
        return tuple(dict.fromkeys(factor.target for factor in self.factors))

    @property
    def multipliers(self) -> tuple[tuple[str, int], ...]:
        """(factor, multiplier in ppm), in order."""
        return tuple((factor.name, factor.multiplier) for factor in self.factors)

    @property
    def needs(self) -> dict[str, str]:
        """The bundle's further inputs that these rules need, each with the path of a field that needs it."""
        paths: dict[str, str] = {}
        for name, path in self._needs():
            paths.setdefault(name, path)
        return paths

    def _needs(self) -> Iterator[tuple[str, str]]:
        for number, score in enumerate(self._scores):
            for table in score.tables:
                yield table.name, f"factors.{number}.score = {score.name}"
        if self.adjusters.dynamic_eras is not None:
            yield "session_returns", "adjusters.dynamic_eras"
        if self.adjusters.neutral_churn is not None:
            yield "neutral_churn", "adjusters.neutral_churn"

    def canonical_json(self) -> bytes:
        """Return the document as RFC 8785 canonical JSON, amounts as the shortest decimal text."""
        document = self.model_dump(mode="json", exclude_none=True)
        # `adjusters` is never None: left out where it is empty, rules with an empty section and without one
        # have one hash.
        return rfc8785.dumps({name: part for name, part in document.items() if part != {}})

    def hash(self) -> bytes:
        """SHA-256 of the canonical JSON: the ``rulesHash`` of ``Tournament.openRound``."""
        return hashlib.sha256(self.canonical_json()).digest()


def _describe(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        field = ".".join(map(shown_name, problem["loc"])) or "the document"
        message = field_text(problem["msg"])
        if ", found " not in message:  # what concerns several fields says so itself
            message += ", found " + ("nothing" if problem["type"] == "missing" else shown(problem["input"]))
        lines.append(f"{field}: {message}")
    return "; ".join(lines)


def rules_from(document: Any, source: str) -> Rules:
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
    """Read rules from TOML, or from the canonical JSON of a bundle, which begins with another character."""
    try:
        document = _document(text)
    except ValueError as error:
        reason = "what cannot be read" if looks_secret(str(error)) else error
        raise RulesError(f"{source}: expected a rules document in TOML or JSON, found {reason}") from None
    except RecursionError:
        raise RulesError(f"{source}: expected a rules document of a few levels, found too many") from None
    return rules_from(document, source)


def _document(content: bytes) -> Any:
    """TOML, or JSON, which no TOML document begins like; a byte-order mark before either is passed over."""
    text = decoded(content)
    return parse_json(text.encode()) if text.lstrip()[:1] == "{" else parse_toml(content)


def load_rules(path: Path) -> Rules:
    """Read the rules document at `path`."""
    try:
        content = read_bounded(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RulesError(f"{shown_path(path)}: expected a rules document, found {reason}") from None
    return read_rules(content, shown_path(path))


def preset(name: str) -> Rules:
    """Return one of the rules documents that come with Cupel, by the name of its file."""
    folder = resources.files("scorer.protocol") / "presets"
    file = folder / f"{name}.toml"
    if not file.is_file():
        known = ", ".join(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir()))
        raise RulesError(f"expected the name of a preset ({known}), found {shown(name)}")
    return read_rules(file.read_bytes(), f"preset {name}")
