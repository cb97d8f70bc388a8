"""The blueprint of a deployment file: every contract with its address, every role with its holders. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

from scorer.chain.artifacts import abi, artifact
from scorer.chain.records import ZERO_ADDRESS
from scorer.deployment.create2 import create2_address, salt_of
from scorer.deployment.document import Deployment
from scorer.deployment.fields import DEPLOYER, NEW, NEW_BARRING, NOBODY
from scorer.deployment.sections import SINKS, Tournament
from scorer.proofs.tree import SHIPPED_ROOT
from scorer.units import wei_from_nano

ADMIN_ROLE: Final = 0
ROLE_IDS: Final = {"admin": ADMIN_ROLE, "operator": 1, "guardian": 2, "minter": 3, "unpauser": 4}
"""Numbers of the roles, as Authority has them."""
POWERS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "Tournament": {
        "operator": ("openRound", "lock", "endLock"),
        "guardian": ("pause",),
        "unpauser": ("unpause",),
    },
    "OracleCommittee": {"guardian": ("veto",)},
    "Numeraire": {"minter": ("mint",)},
    "Roller": {"operator": ("roll",)},
}
"""Functions of each contract, by the role that may call them. Every other restricted one is the admin's."""
ADMIN_POWERS: Final[dict[str, tuple[str, ...]]] = {
    "Tournament": ("setParameters", "recoverSurplus"),
    "OracleCommittee": ("addMember", "removeMember", "setQuorum", "addTournament", "removeTournament"),
    "Numeraire": (),
    "Roller": (),
}
COURT_SIBLINGS: Final = {"verdict_court": "VerdictCourt", "staged_court": "StagedCourt"}
"""Label and contract of each, besides the MetaCourt, that may condemn a report, in the court's order."""
TOURNAMENT: Final = "tournament."
"""Prefix of the labels of tournaments."""


@dataclass(frozen=True)
class Creation:
    """A contract to be made.

    Attributes
    ----------
    label
        Its name in the deployment, such as ``committee`` or ``tournament.classic``.
    contract
        The name of its artifact in the package.
    arguments
        Its constructor's arguments, by name.
    """

    label: str
    contract: str
    arguments: Mapping[str, Any]
    salt: bytes
    init_code: bytes

    @property
    def address(self) -> str:
        """The checksummed address at which the factory creates it."""
        return create2_address(self.salt, self.init_code)


@dataclass(frozen=True)
class Assignment:
    """Functions of a contract that the holders of a role may call."""

    label: str
    target: str
    role: str
    functions: tuple[str, ...]
    selectors: tuple[bytes, ...]


@dataclass(frozen=True)
class Grant:
    """An account that holds a role, and the delay between announcing a call and making it, seconds."""

    role: str
    holder: str
    delay: int

    @property
    def role_id(self) -> int:
        """The role's number in Authority."""
        return ROLE_IDS[self.role]


@dataclass(frozen=True)
class Blueprint:
    """A whole deployment in its final state.

    Attributes
    ----------
    addresses
        The address of every contract by label, the existing ones too.
    existing
        The contract, by label, that is expected at each address that the file names.
    hand_over
        The admin's grant; where the deployer is not that admin, it renounces the role afterwards.
    """

    document: Deployment
    deployer: str
    creations: tuple[Creation, ...]
    addresses: Mapping[str, str]
    existing: Mapping[str, str]
    assignments: tuple[Assignment, ...]
    grants: tuple[Grant, ...]
    hand_over: Grant

    @property
    def hands_over(self) -> bool:
        """Return whether the deployer has no role in the end."""
        return self.hand_over.holder != self.deployer


def blueprint(document: Deployment, deployer: str) -> Blueprint:
    """Compute the blueprint of `document` when `deployer` (a checksummed address) carries it out."""
    creations, addresses, existing = _Layout(document, deployer).done()
    return Blueprint(
        document,
        deployer,
        creations,
        addresses,
        existing,
        tuple(assignments(document, addresses)),
        tuple(grants(document, deployer, addresses)),
        Grant("admin", _account(document.admin.holder, deployer), document.admin.delay),
    )


def assignments(document: Deployment, addresses: Mapping[str, str]) -> Iterator[Assignment]:
    """Yield the functions of each contract that each role may call."""
    for label, contract in _governed(document):
        for role, names in POWERS[contract].items():
            selectors = tuple(selector(contract, name) for name in names)
            yield Assignment(label, addresses[label], role, names, selectors)


def admin_functions(document: Deployment, addresses: Mapping[str, str]) -> Iterator[Assignment]:
    """Yield the functions that are the admin's, because they are never assigned to another role."""
    for label, contract in _governed(document):
        names = ADMIN_POWERS[contract]
        selectors = tuple(selector(contract, name) for name in names)
        yield Assignment(label, addresses[label], "admin", names, selectors)


def grants(document: Deployment, deployer: str, addresses: Mapping[str, str]) -> Iterator[Grant]:
    """Yield who holds which role, except the admin's.

    The roller is an operator too, as it locks rounds; only operators can call it.
    """
    yield Grant("operator", addresses["roller"], 0)
    for name, role in document.roles.given():
        for holder in role.holders:
            yield Grant(name, _account(holder, deployer), role.delay)


def terms_of(document: Deployment) -> tuple[int, int, int, int, int, int, int]:
    """Return ``IOracleCommittee.Terms``: two periods in seconds, four amounts in wei, a count of seals."""
    committee = document.committee
    amounts = (committee.member_bond, committee.challenge_bond, committee.slash, committee.absence_slash)
    bond, challenge, slash, absence = (int(wei_from_nano(amount)) for amount in amounts)
    periods = (committee.challenge_window, committee.dispute_period)
    return *periods, bond, challenge, slash, absence, committee.absence_limit


def windows_of(document: Deployment) -> tuple[int, int, int, int]:
    """Return ``IRoundWindows.Windows``, seconds."""
    windows = document.windows
    return windows.lock_window, windows.least_lock_window, windows.least_notice, windows.funding_grace


def label_of(tournament: Tournament) -> str:
    """Return the label of a tournament's contract."""
    return TOURNAMENT + tournament.name


def selector(contract: str, function: str) -> bytes:
    """Return the first four bytes of a call of the function."""
    return function_abi_to_4byte_selector(_function(contract, function))


def call_data(contract: str, function: str, *arguments: Any) -> bytes:
    """Encode a call of one of the package's contracts."""
    entry = _function(contract, function)
    return function_abi_to_4byte_selector(entry) + encode(_types(entry), arguments)


def constructor_data(contract: str, arguments: tuple[Any, ...]) -> bytes:
    """Encode a constructor's arguments, as they follow its code."""
    types = [_types(entry) for entry in abi(contract) if entry["type"] == "constructor"]
    return encode(types[0] if types else [], arguments)


def _types(entry: Mapping[str, Any]) -> list[str]:
    return [collapse_if_tuple(argument) for argument in entry["inputs"]]


def _function(contract: str, name: str) -> Any:
    return next(entry for entry in abi(contract) if entry["type"] == "function" and entry["name"] == name)


def _account(account: str, deployer: str) -> str:
    return deployer if account == DEPLOYER else account


def _governed(document: Deployment) -> Iterator[tuple[str, str]]:
    """Yield label and contract of everything whose calls the authority restricts."""
    if document.token.address is None:
        yield "numeraire", "Numeraire"
    yield "committee", "OracleCommittee"
    yield "roller", "Roller"
    for tournament in document.tournaments:
        yield label_of(tournament), "Tournament"


class _Layout:
    """Collects contract after contract, each of which knows the addresses of those before it."""

    def __init__(self, document: Deployment, deployer: str) -> None:
        self.document = document
        self.deployer = deployer
        self.creations: list[Creation] = []
        self.addresses: dict[str, str] = {}
        self.existing: dict[str, str] = {}

    def done(self) -> tuple[tuple[Creation, ...], dict[str, str], dict[str, str]]:
        """Return creations in order, addresses by label, and existing contracts by label."""
        document = self.document
        authority = self._new("authority", "Authority", admin=self.deployer)
        token = self._token(authority)
        registry = self._given("registry", "ModelRegistry", document.registry.address) or self._new(
            "registry", "ModelRegistry"
        )
        kind = SINKS[document.token.sink]
        sink = self._given("burn_sink", kind, document.burn_sink.address) or self._new(
            "burn_sink", kind, token=token
        )
        committee = self._new(
            "committee",
            "OracleCommittee",
            authority=authority,
            token=token,
            burn_sink=sink,
            court=self._court(),
            terms=terms_of(document),
            members=document.committee.members,
            quorum=document.committee.quorum,
        )
        self._new("roller", "Roller", authority=authority)
        demands = self._demands(token)
        for tournament in document.tournaments:
            own = self._given(f"burn_sink.{tournament.name}", kind, tournament.burn_sink)
            self._new(
                label_of(tournament),
                "Tournament",
                authority=authority,
                token=token,
                registry=registry,
                committee=committee,
                burn_sink=own or sink,
                unit=document.token.unit,
                lane_price=tournament.lane_price,
                windows=windows_of(document),
                cap=tournament.cap,
                threshold=tournament.threshold,
                minimum_position=tournament.minimum_position,
                demands=demands,
            )
        return tuple(self.creations), self.addresses, self.existing

    def _court(self) -> str:
        """Return who may disprove reports. It knows nobody, and the committee knows it: it comes first."""
        choice = self.document.committee.court
        if choice in (NEW, NEW_BARRING):
            meta = self._new("meta_court", "MetaCourt")
            store = self._new("piece_store", "PieceStore")
            given = {"StagedCourt": {"store": store}}
            others = [
                self._new(label, contract, **given.get(contract, {}))
                for label, contract in COURT_SIBLINGS.items()
            ]
            fixed = {"meta": meta, "siblings": others, "slashes": choice == NEW}
            return self._new("court", "ScoreCourt", tables=SHIPPED_ROOT, **fixed)
        return ZERO_ADDRESS if choice == NOBODY else choice

    def _demands(self, token: str) -> str:
        """Return where predictions may be demanded."""
        choice = self.document.committee.demands
        if choice == NEW:
            return self._new("demands", "Demands", token=token)
        return ZERO_ADDRESS if choice == NOBODY else choice

    def _token(self, authority: str) -> str:
        token = self.document.token
        return self._given("numeraire", "Numeraire", token.address) or self._new(
            "numeraire",
            "Numeraire",
            authority=authority,
            treasury=_account(token.treasury or DEPLOYER, self.deployer),
            initial_supply=int(wei_from_nano(token.supply or 0)),
        )

    def _given(self, label: str, contract: str, address: str | None) -> str | None:
        if address is not None:
            self.addresses[label] = address
            self.existing[label] = contract
        return address

    def _new(self, label: str, contract: str, **arguments: Any) -> str:
        salt = salt_of(self.document.name, self.document.instance, label)
        code = bytes.fromhex(str(artifact(contract)["bytecode"]).removeprefix("0x"))
        # By position: callers name the arguments in the constructor's order.
        data = constructor_data(contract, tuple(arguments.values()))
        creation = Creation(label, contract, arguments, salt, code + data)
        self.creations.append(creation)
        self.addresses[label] = creation.address
        return creation.address
