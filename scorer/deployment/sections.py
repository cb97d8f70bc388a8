"""The sections of a deployment file, each checked against its limits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from scorer.chain.fees import GWEI, FeePolicy
from scorer.deployment.fields import (
    NEW,
    NEW_BARRING,
    NOBODY,
    Account,
    Address,
    CourtChoice,
    DemandsChoice,
    Seconds,
    at_most,
    within,
)
from scorer.deployment.limits import (
    LEAST_ABSENCE_LIMIT,
    LONGEST_CHALLENGE_WINDOW,
    LONGEST_DELAY,
    LONGEST_DISPUTE,
    LONGEST_FUNDING_GRACE,
    LONGEST_LOCK_WINDOW,
    LONGEST_NOTICE,
    MOST_ABSENCE_LIMIT,
    MOST_CHALLENGE_BOND,
    MOST_LANE_PRICE,
    MOST_MEMBER_BOND,
    MOST_MEMBERS,
    MOST_MINIMUM_POSITION,
    MOST_SUPPLY,
    SHORTEST_DEMANDS_WINDOW,
    SHORTEST_DISPUTE,
    SHORTEST_LOCK_WINDOW,
    SHORTEST_WINDOW,
)
from scorer.protocol.fields import Nano, Parts, Section, from_to
from scorer.protocol.rules import Rules, RulesError, load_rules, preset
from scorer.protocol.seal import two_thirds
from scorer.redaction import shown
from scorer.units import WEI_PER_NANO, NanoNmr, nmr_from_nano, ppm_as_decimal

RoleName = Literal["operator", "guardian", "minter", "unpauser"]
ROLE_NAMES: Final[tuple[RoleName, ...]] = get_args(RoleName)
SinkKind = Literal["burn", "nmr", "crosschain", "twin"]
SINKS: Final[dict[SinkKind, str]] = {
    "burn": "BurnSink",
    "nmr": "NmrBurnSink",
    "crosschain": "CrosschainBurnSink",
    "twin": "TwinBurnSink",
}
"""The contract of each kind of burn sink."""
OF_BRIDGES: Final = ("crosschain", "twin")
"""Kinds that a bridge's deployment makes, and a suite's only names."""


class Token(Section):
    """A new token (``supply`` in nano-NMR goes to ``treasury``), or the ``address`` of one that exists.

    ``sink`` says how it burns: by ``burn(uint256)``, as the NMR of 2017 does, or on another chain: by a
    message home, or as a token of Polygon's PoS portal (``twin``). ``unit`` is what amounts are
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


def _demands_choice(given: dict[str, Any]) -> str:
    """Return where predictions may be demanded unless a file says so, by the fields declared before."""
    has_time = given.get("challenge_window", 0) >= SHORTEST_DEMANDS_WINDOW
    return NEW if has_time and given.get("court") in (NEW, NEW_BARRING) else NOBODY


class Committee(Section):
    """The oracle committee: bonds in nano-NMR, times in seconds, ``court`` who may disprove reports.

    The court is a new ScoreCourt, unless it is nobody, or an address of a court or of who judges by itself;
    ``new-barring`` is one whose proofs bar reports and take no bonds. ``demands`` is where predictions may be
    demanded: a new contract, nobody, or an address; unless given a new one where the court is new and the
    challenge window at least 9 hours.
    """

    members: Annotated[tuple[Address, ...], Field(strict=False, min_length=1, max_length=MOST_MEMBERS)]
    quorum: int
    challenge_window: Annotated[Seconds, at_most(LONGEST_CHALLENGE_WINDOW, "7 days")]
    dispute_period: Annotated[Seconds, within(SHORTEST_DISPUTE, LONGEST_DISPUTE, "from 30 seconds to 7 days")]
    member_bond: Annotated[Nano, at_most(MOST_MEMBER_BOND, "100000 NMR")]
    challenge_bond: Annotated[Nano, at_most(MOST_CHALLENGE_BOND, "10000 NMR")]
    slash: Nano
    absence_slash: Nano
    absence_limit: Annotated[int, Field(ge=LEAST_ABSENCE_LIMIT, le=MOST_ABSENCE_LIMIT)]
    court: CourtChoice = NEW
    demands: Annotated[DemandsChoice, Field(default_factory=_demands_choice)]

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
        # info.data holds the fields declared above this one, as far as they are right.
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
