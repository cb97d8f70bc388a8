"""What a deployment file makes: every contract with its address, every power with its holders. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

from scorer.chain.artifacts import abi, artifact
from scorer.chain.contracts import ZERO_ADDRESS
from scorer.deployment.create2 import create2_address, salt_of
from scorer.deployment.document import SINKS, Deployment, Tournament
from scorer.deployment.fields import DEPLOYER
from scorer.units import wei_from_nano

ADMIN_ROLE: Final = 0
ROLE_IDS: Final = {"admin": ADMIN_ROLE, "operator": 1, "guardian": 2, "minter": 3, "unpauser": 4}
"""As Authority numbers them."""
POWERS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "Tournament": {
        "operator": ("openRound", "lock"),
        "guardian": ("pause",),
        "unpauser": ("unpause",),
    },
    "OracleCommittee": {"guardian": ("veto",)},
    "Numeraire": {"minter": ("mint",)},
    "Roller": {"operator": ("roll",)},
}
"""Whose calls a contract takes, by role. Every other restricted function is the admin's."""
ADMIN_POWERS: Final[dict[str, tuple[str, ...]]] = {
    "Tournament": ("setParameters", "recoverSurplus"),
    "OracleCommittee": ("addMember", "removeMember", "setQuorum", "addTournament", "removeTournament"),
    "Numeraire": (),
    "Roller": (),
}
TOURNAMENT: Final = "tournament."
"""How the labels of tournaments begin."""


@dataclass(frozen=True)
class Creation:
    """A contract to be made.

    Attributes
    ----------
    label
        What the deployment calls it, such as ``committee`` or ``tournament.classic``.
    contract
        Which of the package's artifacts it is.
    arguments
        Of its constructor, by name.
    """

    label: str
    contract: str
    arguments: Mapping[str, Any]
    salt: bytes
    init_code: bytes

    @property
    def address(self) -> str:
        """Where the factory puts it."""
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
    """An account that holds a role, and how many seconds its calls are announced."""

    role: str
    holder: str
    delay: int

    @property
    def role_id(self) -> int:
        """As Authority numbers it."""
        return ROLE_IDS[self.role]


@dataclass(frozen=True)
class Blueprint:
    """A whole deployment as it shall be in the end.

    Attributes
    ----------
    addresses
        Of every contract by label, the existing ones too.
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
        """Whether the deployer goes without any role in the end."""
        return self.hand_over.holder != self.deployer


def blueprint(document: Deployment, deployer: str) -> Blueprint:
    """What `document` makes when `deployer` (a checksummed address) carries it out."""
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
    """Which functions of which contracts each role may call."""
    for label, contract in _governed(document):
        for role, names in POWERS[contract].items():
            selectors = tuple(selector(contract, name) for name in names)
            yield Assignment(label, addresses[label], role, names, selectors)


def admin_functions(document: Deployment, addresses: Mapping[str, str]) -> Iterator[Assignment]:
    """Which functions are the admin's, as those are that were never assigned."""
    for label, contract in _governed(document):
        names = ADMIN_POWERS[contract]
        selectors = tuple(selector(contract, name) for name in names)
        yield Assignment(label, addresses[label], "admin", names, selectors)


def grants(document: Deployment, deployer: str, addresses: Mapping[str, str]) -> Iterator[Grant]:
    """Who holds which role, but for the admin's. The roller locks, and is called by operators alone."""
    yield Grant("operator", addresses["roller"], 0)
    for name, role in document.roles.given():
        for holder in role.holders:
            yield Grant(name, _account(holder, deployer), role.delay)


def terms_of(document: Deployment) -> tuple[int, int, int, int, int, int, int]:
    """``IOracleCommittee.Terms``: two periods in seconds, four amounts in wei, and a count of seals."""
    committee = document.committee
    amounts = (committee.member_bond, committee.challenge_bond, committee.slash, committee.absence_slash)
    bond, challenge, slash, absence = (int(wei_from_nano(amount)) for amount in amounts)
    periods = (committee.challenge_window, committee.dispute_period)
    return *periods, bond, challenge, slash, absence, committee.absence_limit


def windows_of(document: Deployment) -> tuple[int, int, int, int]:
    """``IRoundWindows.Windows``, seconds."""
    found = document.windows
    return found.lock_window, found.least_lock_window, found.least_notice, found.funding_grace


def label_of(tournament: Tournament) -> str:
    """What the deployment calls a tournament's contract."""
    return TOURNAMENT + tournament.name


def selector(contract: str, function: str) -> bytes:
    """The four bytes by which a function is called."""
    return function_abi_to_4byte_selector(_function(contract, function))


def call_data(contract: str, function: str, *arguments: Any) -> bytes:
    """A call of one of the package's contracts, encoded."""
    entry = _function(contract, function)
    return function_abi_to_4byte_selector(entry) + encode(_types(entry), arguments)


def constructor_data(contract: str, arguments: tuple[Any, ...]) -> bytes:
    """A constructor's arguments, encoded as they follow its code."""
    types = [_types(each) for each in abi(contract) if each["type"] == "constructor"]
    return encode(types[0] if types else [], arguments)


def _types(entry: Mapping[str, Any]) -> list[str]:
    return [collapse_if_tuple(each) for each in entry["inputs"]]


def _function(contract: str, name: str) -> Any:
    return next(each for each in abi(contract) if each["type"] == "function" and each["name"] == name)


def _account(account: str, deployer: str) -> str:
    return deployer if account == DEPLOYER else account


def _governed(document: Deployment) -> Iterator[tuple[str, str]]:
    """The label and the contract of all that asks the authority."""
    if document.token.address is None:
        yield "numeraire", "Numeraire"
    yield "committee", "OracleCommittee"
    yield "roller", "Roller"
    for tournament in document.tournaments:
        yield label_of(tournament), "Tournament"


class _Layout:
    """Lays contract after contract, each knowing the addresses of those before it."""

    def __init__(self, document: Deployment, deployer: str) -> None:
        self.document = document
        self.deployer = deployer
        self.creations: list[Creation] = []
        self.addresses: dict[str, str] = {}
        self.existing: dict[str, str] = {}

    def done(self) -> tuple[tuple[Creation, ...], dict[str, str], dict[str, str]]:
        """Creations in order, addresses by label, and what exists by label."""
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
            court=document.committee.court or ZERO_ADDRESS,
            terms=terms_of(document),
            members=document.committee.members,
            quorum=document.committee.quorum,
        )
        self._new("roller", "Roller", authority=authority)
        for each in document.tournaments:
            own = self._given(f"burn_sink.{each.name}", kind, each.burn_sink)
            self._new(
                label_of(each),
                "Tournament",
                authority=authority,
                token=token,
                registry=registry,
                committee=committee,
                burn_sink=own or sink,
                unit=document.token.unit,
                lane_price=each.lane_price,
                windows=windows_of(document),
                cap=each.cap,
                threshold=each.threshold,
                minimum_position=each.minimum_position,
            )
        return tuple(self.creations), self.addresses, self.existing

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
        data = constructor_data(contract, tuple(arguments.values()))
        creation = Creation(label, contract, arguments, salt, code + data)
        self.creations.append(creation)
        self.addresses[label] = creation.address
        return creation.address
