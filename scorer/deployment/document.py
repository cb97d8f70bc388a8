"""The deployment file: all that makes one deployment, checked as a whole before anything is sent."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
)

from scorer.deployment.fields import DEPLOYER, NOBODY
from scorer.deployment.limits import (
    LEAST_PUBLIC_MEMBERS,
    LOCAL_CHAINS,
    LONGEST_PAUSE,
    POLYGON,
    SHORTEST_POLYGON_CHALLENGE,
)
from scorer.deployment.sections import (
    OF_BRIDGES,
    SINKS,
    AdminSettings,
    Committee,
    Existing,
    Gas,
    Roles,
    Token,
    Tournament,
    WindowSettings,
)
from scorer.errors import field_text
from scorer.files import decoded, parse_toml, read_bounded
from scorer.protocol.fields import Section, whole
from scorer.redaction import shown, shown_name, shown_path


class DeploymentFileError(ValueError):
    """A deployment file cannot be used; the message names each field, what is allowed, and what was found."""


class Deployment(Section):
    """One deployment.

    Attributes
    ----------
    name, instance
        Together they make the salt of every address. A new instance of the same name is another suite.
    """

    version: Annotated[Literal[1], BeforeValidator(whole)]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    instance: Annotated[int, Field(ge=1, lt=1 << 63)] = 1
    chain_id: Annotated[int, Field(gt=0, lt=1 << 63)]
    token: Token
    registry: Existing = Existing()
    burn_sink: Existing = Existing()
    committee: Committee
    windows: WindowSettings
    tournaments: Annotated[tuple[Tournament, ...], Field(strict=False, min_length=1)]
    roles: Roles
    admin: AdminSettings
    gas: Gas = Gas()

    @property
    def is_local(self) -> bool:
        """Return whether it is for a development chain."""
        return self.chain_id in LOCAL_CHAINS


def read_document(text: str, environment: Mapping[str, str], source: str, folder: Path) -> Deployment:
    """Read and check a deployment file.

    Parameters
    ----------
    environment
        The values of references such as ``${NAME}`` in place of an address.
    source
        The file's name in messages.
    folder
        The folder to which paths of rules documents are relative.

    Raises
    ------
    DeploymentFileError
        Names each wrong field by its path, what is allowed there, and what was found.
    """
    try:
        found = parse_toml(text.encode())
        document = Deployment.model_validate(found, context={"environment": environment, "folder": folder})
    except ValidationError as invalid:
        wrong = _without_followers(invalid.errors(include_url=False))
        problems = "; ".join(map(_problem, wrong))
        raise DeploymentFileError(f"{source}: {problems}") from None
    except ValueError as error:
        raise DeploymentFileError(f"{source}: {error}") from None
    for problem in _across(document):
        raise DeploymentFileError(f"{source}: {problem}")
    return document


def load_document(path: Path, environment: Mapping[str, str] | None = None) -> Deployment:
    """Read and check the deployment file at `path`, as `read_document` does."""
    try:
        text = decoded(read_bounded(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DeploymentFileError(f"{shown_path(path)}: expected a TOML file, found {reason}") from None
    given = os.environ if environment is None else environment
    return read_document(text, given, shown_path(path), path.parent)


def recorded(document: Deployment) -> dict[str, Any]:
    """Return the document as a manifest keeps it: in the file's own words, with every address resolved."""
    return document.model_dump(mode="json", exclude={"gas"}, exclude_none=True)


def from_record(record: Mapping[str, Any]) -> Deployment:
    """Read what `recorded` returns; without gas, and without environment or rules documents."""
    tournaments = [{k: v for k, v in entry.items() if k != "rules"} for entry in record["tournaments"]]
    # Records from before there were courts, or demands, do not name any.
    committee = {"court": NOBODY, "demands": NOBODY, **record["committee"]}
    return Deployment.model_validate({**record, "tournaments": tournaments, "committee": committee})


def _across(document: Deployment) -> Iterator[str]:
    """Find contradictions between sections."""
    names = [tournament.name for tournament in document.tournaments]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield f"tournaments.{index}.name: expected a name of its own, found {shown(name)} twice"
    if document.token.address is not None and document.roles.minter is not None:
        yield "roles.minter: expected none, as the token is not ours to mint (token.address), found one"
    for path, account in _accounts(document):
        if account == DEPLOYER and not document.is_local:
            yield f"{path}: expected an address on chain {document.chain_id}, found the word deployer"
    count = len(document.committee.members)
    if count < LEAST_PUBLIC_MEMBERS and not document.is_local:
        yield (
            f"committee.members: expected at least {LEAST_PUBLIC_MEMBERS} on chain {document.chain_id}, so "
            f"that one may fail and none decides alone, found {count}"
        )
    yield from _of_bridges(document)
    yield from _delays(document)


def _of_bridges(document: Deployment) -> Iterator[str]:
    """Find what contradicts a token that came over a bridge, or a chain whose finality may stand."""
    token = document.token
    if token.sink in OF_BRIDGES and document.burn_sink.address is None:
        yield (
            f"burn_sink.address: expected the {SINKS[token.sink]} that the deployment of the bridge made, as "
            f'token.sink is "{token.sink}", found none'
        )
    window = document.committee.challenge_window
    if document.chain_id == POLYGON and window < SHORTEST_POLYGON_CHALLENGE:
        yield (
            'committee.challenge_window: expected at least "24 hours" on Polygon, whose finality may stand '
            "for hours: members read nothing else, and a report that none of them could read could not be "
            f"challenged, found {window} seconds"
        )


def _delays(document: Deployment) -> Iterator[str]:
    """Find delays with which a role would be useless or dangerous."""
    unpauser = document.roles.unpauser
    if unpauser is not None and unpauser.delay >= LONGEST_PAUSE:
        yield (
            'roles.unpauser.delay: expected less than the longest pause, such as "1 day": a call that is '
            f"announced for as long as a pause lasts comes when it is over, found {unpauser.delay} seconds"
        )
    if document.admin.delay == 0 and not document.is_local:
        yield (
            'admin.delay: expected some time, such as "7 days": it is all that stands between a stolen admin '
            'key and the stakes in later rounds, found "0 seconds"'
        )


def _accounts(document: Deployment) -> Iterator[tuple[str, str]]:
    yield "admin.holder", document.admin.holder
    if document.token.treasury is not None:
        yield "token.treasury", document.token.treasury
    for name, role in document.roles.given():
        for index, holder in enumerate(role.holders):
            yield f"roles.{name}.holders.{index}", holder


def _without_followers(errors: list[Any]) -> list[Any]:
    """Leave out that a list is too short where one of its entries is wrong, and named already."""
    wrong = [error["loc"] for error in errors]
    return [
        error
        for error in errors
        if error["type"] != "too_short"
        or not any(len(loc) > len(error["loc"]) and loc[: len(error["loc"])] == error["loc"] for loc in wrong)
    ]


def _problem(error: Any) -> str:
    """Format one of pydantic's errors."""
    path = ".".join(map(shown_name, error["loc"])) or "file"
    value = error["input"]
    if error["type"] == "extra_forbidden":
        known = ", ".join(_fields_at(error["loc"][:-1]))
        return f"{path}: expected one of {known}, found {shown_name(error['loc'][-1])}"
    if error["type"] == "missing":
        return f"{path}: expected a value, found none"
    found = "" if isinstance(value, dict) else f", found {shown(value)}"
    return f"{path}: {field_text(error['msg'])}{found}"


def _fields_at(path: tuple[int | str, ...]) -> tuple[str, ...]:
    """List the fields of the section at a path of the document."""
    section: type[BaseModel] = Deployment
    for part in (part for part in path if isinstance(part, str)):
        annotation = section.model_fields[part].annotation
        section = next(kind for kind in _within(annotation) if issubclass(kind, BaseModel))
    return tuple(section.model_fields)


def _within(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type):
        yield annotation
    for part in get_args(annotation):
        yield from _within(part)
