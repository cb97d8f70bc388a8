"""The deployment file of a bridge: both chains, who governs each end, and the bound of a day."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from scorer.deployment.document import DeploymentFileError
from scorer.deployment.fields import DEPLOYER, Account, Address, Seconds, at_most, within
from scorer.deployment.limits import DAY, LOCAL_CHAINS, LONGEST_DELAY, MOST_SUPPLY
from scorer.deployment.sections import Gas
from scorer.errors import field_text
from scorer.files import decoded, parse_toml, read_bounded
from scorer.protocol.fields import Nano, Section, above_zero, whole
from scorer.redaction import shown, shown_name, shown_path

TEST_CHAINS: Final = (*LOCAL_CHAINS, 11_155_111, 80_002)
"""Chain ids of development chains, Sepolia and Amoy."""
LEAST_DAYS_PART: Final = 2
"""The lockbox lets out at least so many of the largest transfers a day."""
SHORTEST_VOTING_DELAY: Final = DAY
"""NumeraireGovernor.MIN_VOTING_DELAY, seconds."""
ADMIN_KINDS = Literal["key", "contract", "governor"]


class BridgeAdmin(Section):
    """The account that takes an end over in the last step: a key, a contract (multisig, timelock), or votes.

    ``delay`` is the time between announcing a call and making it, seconds. With kind ``governor`` the holder
    is the Governor on Ethereum, and on Polygon the contract that does what its messages say.
    """

    kind: ADMIN_KINDS
    holder: Account | None = None
    delay: Annotated[Seconds, at_most(LONGEST_DELAY, "90 days")]

    @model_validator(mode="after")
    def _one_holder(self) -> Self:
        if (self.kind == "governor") == (self.holder is not None):
            raise ValueError('expected a holder for the kinds "key" and "contract", and none for "governor"')
        return self


class EndSettings(Section):
    """The settings that both ends have: the chain, who pauses incoming messages, and who governs."""

    chain_id: Annotated[int, Field(gt=0, lt=1 << 63)]
    guardians: Annotated[tuple[Account, ...], Field(strict=False)] = ()
    admin: BridgeAdmin
    gas: Gas = Gas()


class RootSettings(EndSettings):
    """The end on Ethereum: Polygon's contracts there, and the token, new or ``token``'s address.

    ``sink`` says how the token burns: by ``burn(uint256)``, or as the NMR of 2017 does.
    """

    fx_root: Address
    root_chain: Address
    token: Address | None = None
    supply: Annotated[Nano, at_most(MOST_SUPPLY, "11000000 NMR, which is all there ever can be")] | None = (
        None
    )
    treasury: Account | None = None
    sink: Literal["burn", "nmr"] = "burn"

    @model_validator(mode="after")
    def _one_token(self) -> Self:
        is_new = self.supply is not None and self.treasury is not None
        if is_new == (self.token is not None) or (self.supply is None) != (self.treasury is None):
            raise ValueError("expected supply and treasury for a new token, or token for one that exists")
        if is_new and self.sink != "burn":
            raise ValueError(f'expected sink "burn", as a new token burns so, found {shown(self.sink)}')
        return self


class ChildSettings(EndSettings):
    """The end on Polygon. ``governed`` are other authorities there for which the Governor shall be admin."""

    fx_child: Address
    governed: Annotated[tuple[Address, ...], Field(strict=False)] = ()


class GovernorTerms(Section):
    """``INumeraireGovernor.Terms``: votes in nano-NMR, seconds, ``quorum`` in percent of what is wrapped."""

    voting_delay: Annotated[
        Seconds,
        within(SHORTEST_VOTING_DELAY, LONGEST_DELAY, "from 1 day to 90 days: who borrows votes pays for it"),
    ]
    voting_period: Annotated[Seconds, within(DAY, LONGEST_DELAY, "from 1 day to 90 days")]
    proposal_threshold: Nano
    quorum: Annotated[int, Field(ge=1, le=100)]
    quorum_floor: Nano
    delay: Annotated[Seconds, within(DAY, LONGEST_DELAY, "from 1 day to 90 days")]
    guardian: Address | None = None

    @model_validator(mode="after")
    def _some_floor(self) -> Self:
        above_zero(self.quorum_floor)
        return self


class BridgeDocument(Section):
    """One bridge.

    Attributes
    ----------
    daily_cap
        What may leave the lockbox in a day, nano-NMR.
    largest_transfer
        What one transfer home carries, nano-NMR.
    checkpoint_step
        Difference between the numbers of two checkpoints: 10,000 on Polygon.
    """

    version: Annotated[Literal[1], BeforeValidator(whole)]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    instance: Annotated[int, Field(ge=1, lt=1 << 63)] = 1
    daily_cap: Nano
    largest_transfer: Nano
    checkpoint_step: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    root: RootSettings
    child: ChildSettings
    governor: GovernorTerms | None = None

    @property
    def is_test(self) -> bool:
        """Return whether both chains are for tests."""
        return self.root.chain_id in TEST_CHAINS and self.child.chain_id in TEST_CHAINS


def read_bridge_document(text: str, environment: Mapping[str, str], source: str) -> BridgeDocument:
    """Read and check the deployment file of a bridge.

    Parameters
    ----------
    environment
        The values of references such as ``${NAME}`` in place of an address.
    source
        The file's name in messages.

    Raises
    ------
    DeploymentFileError
        Names each wrong field by its path, what is allowed there, and what was found.
    """
    try:
        found = parse_toml(text.encode())
        document = BridgeDocument.model_validate(found, context={"environment": environment})
    except ValidationError as invalid:
        problems = "; ".join(_problem(error) for error in invalid.errors(include_url=False))
        raise DeploymentFileError(f"{source}: {problems}") from None
    except ValueError as error:
        raise DeploymentFileError(f"{source}: {error}") from None
    for problem in _across(document):
        raise DeploymentFileError(f"{source}: {problem}")
    return document


def load_bridge_document(path: Path, environment: Mapping[str, str] | None = None) -> BridgeDocument:
    """Read and check the deployment file of a bridge at `path`, as `read_bridge_document` does."""
    try:
        text = decoded(read_bounded(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DeploymentFileError(f"{shown_path(path)}: expected a TOML file, found {reason}") from None
    return read_bridge_document(text, os.environ if environment is None else environment, shown_path(path))


def _problem(error: Any) -> str:
    path = ".".join(map(shown_name, error["loc"])) or "file"
    if error["type"] == "missing":
        return f"{path}: expected a value, found none"
    if error["type"] == "extra_forbidden":
        return f"{path}: expected no field of this name, found {shown(error['input'])}"
    message = field_text(error["msg"])
    return (
        f"{path}: {message}" if ", found " in message else f"{path}: {message}, found {shown(error['input'])}"
    )


def _across(document: BridgeDocument) -> Iterator[str]:
    """Find contradictions between sections."""
    root, child = document.root, document.child
    if root.chain_id == child.chain_id:
        yield f"child.chain_id: expected another chain than root.chain_id, found {child.chain_id} twice"
    if document.largest_transfer == 0 or document.daily_cap < LEAST_DAYS_PART * document.largest_transfer:
        yield (
            f"daily_cap: expected at least {LEAST_DAYS_PART} times largest_transfer, above 0: a transfer "
            "that is as large as a day lets out waits for as long as anybody else withdraws, found less"
        )
    kinds = {root.admin.kind, child.admin.kind}
    if kinds == {"governor"} and document.governor is None:
        yield "governor: expected its terms, as the admins are governors, found none"
    if document.governor is not None and "governor" not in kinds:
        yield 'governor: expected none, as no admin is of the kind "governor", found terms'
    if child.admin.kind == "governor" and root.admin.kind != "governor":
        yield 'child.admin.kind: expected "governor" on Ethereum too, where votes are counted, found another'
    if child.governed and child.admin.kind != "governor":
        yield 'child.governed: expected none, as child.admin.kind is not "governor", found some'
    yield from _of_public_chains(document)


def _of_public_chains(document: BridgeDocument) -> Iterator[str]:
    """Find what only a chain for tests may have."""
    ends: tuple[tuple[str, EndSettings], ...] = (("root", document.root), ("child", document.child))
    for name, end in ends:
        if end.chain_id in LOCAL_CHAINS:
            continue
        named = (*end.guardians, end.admin.holder, document.root.treasury if name == "root" else None)
        if DEPLOYER in named:
            yield f"{name}: expected addresses on chain {end.chain_id}, found the word deployer"
        if end.chain_id in TEST_CHAINS:
            continue
        if end.admin.delay == 0:
            yield f'{name}.admin.delay: expected some time, such as "7 days", found "0 seconds"'
        if end.admin.kind == "key":
            yield f'{name}.admin.kind: expected "contract" or "governor" on chain {end.chain_id}, found "key"'
        if not end.guardians:
            yield f"{name}.guardians: expected somebody who can pause incoming messages, found nobody"
