"""The deployment file: all that makes one deployment, checked as a whole before anything is sent."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from scorer.chain.fees import GWEI, FeePolicy
from scorer.deployment.fields import DEPLOYER, Account, Address, Seconds, at_most, within
from scorer.files import decoded, parse_toml, read_bounded
from scorer.protocol.fields import Nano, Parts, Section, from_to, whole
from scorer.protocol.rules import Rules, RulesError, load_rules, preset
from scorer.protocol.seal import two_thirds
from scorer.redaction import shown, shown_name, shown_path
from scorer.units import NANO_PER_NMR, WEI_PER_NANO, NanoNmr, nmr_from_nano, ppm_as_decimal

DAY: Final = 86_400
MOST_SUPPLY: Final = 11_000_000 * NANO_PER_NMR
"""Numeraire.CAP, nano-NMR."""
LEAST_PUBLIC_MEMBERS: Final = 4
"""CommitteeSeals.LEAST_MEMBERS: the fewest whose quorum one can be missing from."""
MOST_MEMBERS: Final = 64
"""Equal to CommitteeMembers.MAX_MEMBERS."""
MOST_MEMBER_BOND: Final = 100_000 * NANO_PER_NMR
"""CommitteeMembers.MAX_MEMBER_BOND, nano-NMR."""
MOST_CHALLENGE_BOND: Final = 10_000 * NANO_PER_NMR
"""OracleCommittee.MAX_CHALLENGE_BOND, nano-NMR."""
LONGEST_CHALLENGE_WINDOW: Final = 7 * DAY
"""OracleCommittee.MAX_CHALLENGE_WINDOW, seconds."""
SHORTEST_DISPUTE: Final = 30
"""OracleCommittee.MIN_DISPUTE_PERIOD, seconds."""
LEAST_ABSENCE_LIMIT: Final = 3
"""CommitteeSeals.MIN_ABSENCE_LIMIT, seals."""
MOST_ABSENCE_LIMIT: Final = 1000
"""A limit of ours, seals: with a higher one no absent member would ever be removed."""
LONGEST_DISPUTE: Final = 7 * DAY
"""OracleCommittee.MAX_DISPUTE_PERIOD, seconds."""
SHORTEST_LOCK_WINDOW: Final = 10
"""RoundSchedule.MIN_LOCK_WINDOW, seconds."""
LONGEST_LOCK_WINDOW: Final = 2 * DAY
"""RoundSchedule.MAX_LOCK_WINDOW, seconds."""
SHORTEST_WINDOW: Final = 1
"""RoundSchedule.MIN_WINDOW, seconds."""
LONGEST_NOTICE: Final = 7 * DAY
"""RoundSchedule.MAX_LEAST_NOTICE, seconds."""
LONGEST_FUNDING_GRACE: Final = 7 * DAY
"""RoundSchedule.MAX_FUNDING_GRACE, seconds."""
LONGEST_PAUSE: Final = 7 * DAY
"""BoundedPause.MAX_PAUSE, seconds."""
MOST_MINIMUM_POSITION: Final = 1000 * NANO_PER_NMR
"""Tournament.MAX_MIN_POSITION, nano-NMR."""
MOST_LANE_PRICE: Final = 10 * NANO_PER_NMR
"""StakeLedger.MAX_LANE_PRICE, nano-NMR."""
LONGEST_DELAY: Final = 90 * DAY
"""A limit of ours, seconds: a typing error here would leave a role that nobody can use."""
LOCAL_CHAINS: Final = (1337, 31_337)
"""Chain ids of development chains, where the deployer may keep the admin's role."""

RoleName = Literal["operator", "guardian", "minter", "unpauser"]
ROLE_NAMES: Final[tuple[RoleName, ...]] = get_args(RoleName)


class DeploymentFileError(ValueError):
    """A deployment file cannot be used; the message names each field, what is allowed, and what was found."""


SinkKind = Literal["burn", "nmr"]
SINKS: Final[dict[SinkKind, str]] = {"burn": "BurnSink", "nmr": "NmrBurnSink"}
"""The contract of each kind of burn sink."""


class Token(Section):
    """A new token (``supply`` in nano-NMR goes to ``treasury``), or the ``address`` of one that exists.

    ``sink`` says how it burns: by ``burn(uint256)``, or as the NMR of 2017 does. ``unit`` is what amounts are
    counted in on the chain, wei.
    """

    supply: Annotated[Nano, at_most(MOST_SUPPLY, "11000000 NMR, which is all there ever can be")] | None = (
        None
    )
    treasury: Account | None = None
    address: Address | None = None
    sink: SinkKind = "burn"
    unit: int = WEI_PER_NANO

    @field_validator("unit")
    @classmethod
    def _of_nine_decimals(cls, unit: int) -> int:
        # The contracts take others. Rules, reports and commands are in nano-NMR, whatever the token.
        if unit != WEI_PER_NANO:
            raise ValueError(f"expected {WEI_PER_NANO}, as everything here counts in units of nine decimals")
        return unit

    @model_validator(mode="after")
    def _burns_so(self) -> Self:
        if self.address is None and self.sink != "burn":
            raise ValueError(f'expected sink "burn", as a new token burns so, found {shown(self.sink)}')
        return self

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = {name for name in ("supply", "treasury", "address") if getattr(self, name) is not None}
        if given not in ({"supply", "treasury"}, {"address"}):
            raise ValueError(
                "expected supply and treasury for a new token, or address for one that exists, "
                f"found {' and '.join(sorted(given)) or 'none of them'}"
            )
        return self


class Existing(Section):
    """A contract that exists already; without ``address`` a new one is deployed."""

    address: Address | None = None


class Committee(Section):
    """The oracle committee: bonds in nano-NMR, times in seconds, ``court`` who may disprove reports."""

    members: Annotated[tuple[Address, ...], Field(strict=False, min_length=1, max_length=MOST_MEMBERS)]
    quorum: int
    challenge_window: Annotated[Seconds, at_most(LONGEST_CHALLENGE_WINDOW, "7 days")]
    dispute_period: Annotated[Seconds, within(SHORTEST_DISPUTE, LONGEST_DISPUTE, "from 30 seconds to 7 days")]
    member_bond: Annotated[Nano, at_most(MOST_MEMBER_BOND, "100000 NMR")]
    challenge_bond: Annotated[Nano, at_most(MOST_CHALLENGE_BOND, "10000 NMR")]
    slash: Nano
    absence_slash: Nano
    absence_limit: Annotated[int, Field(ge=LEAST_ABSENCE_LIMIT, le=MOST_ABSENCE_LIMIT)]
    court: Address | None = None

    @field_validator("members")
    @classmethod
    def _nobody_twice(cls, members: tuple[str, ...]) -> tuple[str, ...]:
        for index, member in enumerate(members):
            if member in members[:index]:
                raise ValueError(
                    f"expected every member once, found {member} at {members.index(member)} and {index}"
                )
        return members

    @field_validator("quorum")
    @classmethod
    def _two_thirds(cls, quorum: int, info: ValidationInfo) -> int:
        count = len(info.data.get("members", ()))
        if count and not two_thirds(count) <= quorum <= count:
            raise ValueError(f"expected two thirds of {count} members, from {two_thirds(count)} to {count}")
        return quorum

    @field_validator("slash")
    @classmethod
    def _within_the_bond(cls, slash: int, info: ValidationInfo) -> int:
        bond = info.data.get("member_bond")
        if bond is not None and slash > bond:
            raise ValueError(f"expected at most member_bond, {nmr_from_nano(bond):f} NMR")
        return slash

    @field_validator("absence_slash")
    @classmethod
    def _within_the_slash(cls, absence: int, info: ValidationInfo) -> int:
        slash = info.data.get("slash")
        if slash is not None and absence > slash:
            raise ValueError(f"expected at most slash, {nmr_from_nano(slash):f} NMR")
        return absence


def _rules(name: str, folder: Path) -> Rules:
    return load_rules(folder / name) if name.endswith((".toml", ".json")) else preset(name)


class WindowSettings(Section):
    """Limits that a tournament fixes for all its rounds, seconds: ``IRoundWindows.Windows``."""

    lock_window: Annotated[
        Seconds, within(SHORTEST_LOCK_WINDOW, LONGEST_LOCK_WINDOW, "from 10 seconds to 2 days")
    ]
    least_lock_window: Annotated[
        Seconds, within(SHORTEST_WINDOW, LONGEST_LOCK_WINDOW, "from 1 second to 2 days")
    ]
    least_notice: Annotated[Seconds, within(SHORTEST_WINDOW, LONGEST_NOTICE, "from 1 second to 7 days")]
    funding_grace: Annotated[
        Seconds, within(SHORTEST_WINDOW, LONGEST_FUNDING_GRACE, "from 1 second to 7 days")
    ]

    @field_validator("least_lock_window")
    @classmethod
    def _within_the_window(cls, least: int, info: ValidationInfo) -> int:
        longest = info.data.get("lock_window")
        if longest is not None and least > longest:
            raise ValueError(f"expected at most lock_window, {longest} seconds")
        return least


class Tournament(Section):
    """A tournament and the terms of its first rounds: ``cap`` in ppm, amounts in nano-NMR.

    ``lane_price`` is what a model's first deposit pays into the pool; it cannot be changed later.

    ``rules`` is a preset's name, or the path of a rules document from the file's folder: it says the terms,
    and those that are given besides must be the same. Without it all three must be given.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    rules: str | None = None
    cap: Annotated[Parts, from_to("0", "1")]
    threshold: Nano
    minimum_position: Annotated[Nano, at_most(MOST_MINIMUM_POSITION, "1000 NMR")]
    lane_price: Annotated[Nano, at_most(MOST_LANE_PRICE, "10 NMR")] = NanoNmr(0)
    burn_sink: Address | None = None

    @model_validator(mode="before")
    @classmethod
    def _terms_of_the_rules(cls, given: Any, info: ValidationInfo) -> Any:
        name = given.get("rules") if isinstance(given, dict) else None
        if not isinstance(name, str):
            return given
        try:
            stake = _rules(name, (info.context or {}).get("folder", Path())).stake.model_dump(mode="json")
        except (RulesError, OSError):
            return given  # the field itself says so
        return {**stake, **given}

    @field_validator("rules")
    @classmethod
    def _known(cls, name: str | None, info: ValidationInfo) -> str | None:
        try:
            if name is not None:
                _rules(name, (info.context or {}).get("folder", Path()))
        except (RulesError, OSError) as error:
            raise ValueError(str(error)) from None
        return name

    @field_validator("cap", "threshold", "minimum_position")
    @classmethod
    def _as_the_rules_say(cls, value: int, info: ValidationInfo) -> int:
        name = info.data.get("rules")
        if name is None:
            return value
        said = getattr(_rules(name, (info.context or {}).get("folder", Path())).stake, str(info.field_name))
        if value != said:
            shown = ppm_as_decimal(said) if info.field_name == "cap" else nmr_from_nano(said)
            raise ValueError(f'expected "{shown:f}" as the rules {name} say, or nothing')
        return value


class Role(Section):
    """The holders of a role, and the delay between announcing a call and making it, seconds."""

    holders: Annotated[tuple[Account, ...], Field(strict=False, min_length=1)]
    delay: Annotated[Seconds, at_most(LONGEST_DELAY, "90 days")] = 0


class Roles(Section):
    """The roles other than the admin's. A role that nobody holds can be granted later."""

    operator: Role
    guardian: Role | None = None
    minter: Role | None = None
    unpauser: Role | None = None

    def given(self) -> Iterator[tuple[RoleName, Role]]:
        """Yield the roles that somebody holds."""
        for name in ROLE_NAMES:
            role: Role | None = getattr(self, name)
            if role is not None:
                yield name, role


class AdminSettings(Section):
    """The account that takes the deployment over in its last step, and the delay of its calls, seconds.

    ``kind`` says what is expected at the address: a contract (a multisig or a timelock), or a mere key.
    """

    holder: Account
    kind: Literal["contract", "key"] = "contract"
    delay: Annotated[Seconds, at_most(LONGEST_DELAY, "90 days")]


class Gas(Section):
    """Limits on the cost of transactions, and the confirmations after which the deployment is complete.

    ``transaction_cap`` is the most that endpoints let a transaction cost, in whole coins (POL, ETH).
    """

    tip_gwei: Annotated[int, Field(ge=0, le=1000)] = 1
    base_fee_multiplier: Annotated[int, Field(ge=1, le=10)] = 3
    ceiling_gwei: Annotated[int, Field(gt=0, le=10**9)] = 1000
    transaction_cap: Annotated[float, Field(gt=0, le=10**9, allow_inf_nan=False)] | None = None
    most_gas: Annotated[int, Field(gt=21_000, le=33_554_432)] = 16_777_216
    confirmations: Annotated[int, Field(ge=1, le=1000)] = 1

    @property
    def fees(self) -> FeePolicy:
        """Return the limits as a transaction manager takes them."""
        cap = None if self.transaction_cap is None else int(self.transaction_cap * 10**18)
        return FeePolicy(self.tip_gwei * GWEI, self.base_fee_multiplier, self.ceiling_gwei * GWEI, cap)


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
        problems = "; ".join(_problem(error) for error in invalid.errors(include_url=False))
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
    return Deployment.model_validate({**record, "tournaments": tournaments})


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
    yield from _delays(document)


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
    return f"{path}: {error['msg'].removeprefix('Value error, ')}{found}"


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
