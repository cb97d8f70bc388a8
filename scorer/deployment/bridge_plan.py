"""The plan of a bridge: every contract on both chains with its address, and every call that sets it up. Pure.

Each end must know the other, and an address depends on what a constructor is given. So Ethereum's contracts
come first and know nothing; Polygon's are given their addresses; two calls on Ethereum, each possible once
and only before the hand-over, then name Polygon's.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_utils.address import to_checksum_address

from scorer.bridge.addresses import BridgeAddresses, ChildAddresses, RootAddresses
from scorer.bridge.messages import interoperable
from scorer.chain.artifacts import artifact
from scorer.chain.bulk import read_view
from scorer.deployment.blueprint import ADMIN_ROLE, ROLE_IDS, Creation, call_data, constructor_data, selector
from scorer.deployment.bridge_document import BridgeAdmin, BridgeDocument, EndSettings
from scorer.deployment.create2 import salt_of
from scorer.deployment.fields import DEPLOYER
from scorer.deployment.reader import Reader
from scorer.units import span_text, wei_from_nano

GOVERNED: Final[dict[str, tuple[str, ...]]] = {"gateway": ("pause",)}
"""Functions of each contract that the guardian may call; every other restricted one is the admin's."""
ADMINS: Final[dict[str, tuple[str, ...]]] = {"gateway": ("connect", "unpause"), "lockbox": ("link",)}
"""Those others. `connect` and `link` work once, before the hand-over: all that is left is to end a pause."""
IsDone = Callable[[Reader], bool]


@dataclass(frozen=True)
class SetupCall:
    """A call after the contracts are there.

    Attributes
    ----------
    key
        Its permanent name, also in the journal.
    is_done
        Reads from the chain whether its effect is there.
    """

    key: str
    title: str
    to: str
    data: bytes
    is_done: IsDone


@dataclass(frozen=True)
class EndPlan:
    """One end of a bridge in its final state.

    Attributes
    ----------
    addresses
        The address of every contract by label, the existing ones too.
    contracts
        The name of the artifact of each.
    admin
        The account that is the admin in the end, and its delay in seconds.
    """

    settings: EndSettings
    creations: tuple[Creation, ...]
    addresses: Mapping[str, str]
    contracts: Mapping[str, str]
    calls: tuple[SetupCall, ...]
    admin: tuple[str, int]


@dataclass(frozen=True)
class BridgePlan:
    """Both ends."""

    document: BridgeDocument
    deployer: str
    root: EndPlan
    child: EndPlan

    def addresses(self, root_block: int, child_block: int) -> BridgeAddresses:
        """Return what bridge.json holds, from blocks before any event of the bridge."""
        root, child, settings = self.root.addresses, self.child.addresses, self.document
        return BridgeAddresses(
            RootAddresses(
                settings.root.chain_id,
                root_block,
                root["gateway"],
                root["numeraire"],
                root["lockbox"],
                root["burn_sink"],
                root["results"],
                settings.root.root_chain,
            ),
            ChildAddresses(
                settings.child.chain_id, child_block, child["gateway"], child["token"], child["burn_sink"]
            ),
            settings.checkpoint_step,
        )


def bridge_plan(document: BridgeDocument, deployer: str) -> BridgePlan:
    """Compute the plan of `document` when `deployer` (a checksummed address) carries it out."""
    root, child = _Contracts(document, "root"), _Contracts(document, "child")
    _root_contracts(document, deployer, root)
    _child_contracts(document, deployer, root.addresses, child)
    return BridgePlan(
        document,
        deployer,
        _end(document.root, root, deployer, _connecting(document, root.addresses, child.addresses)),
        _end(document.child, child, deployer, ()),
    )


class _Contracts:
    """Collects the contracts of one end, each of which knows the addresses of those before it."""

    def __init__(self, document: BridgeDocument, end: str) -> None:
        self.document, self.end = document, end
        self.creations: list[Creation] = []
        self.addresses: dict[str, str] = {}
        self.contracts: dict[str, str] = {}

    def new(self, label: str, contract: str, **arguments: Any) -> str:
        """Add a contract; its arguments are named in the constructor's order."""
        salt = salt_of("bridge", self.document.name, self.document.instance, self.end, label)
        code = bytes.fromhex(str(artifact(contract)["bytecode"]).removeprefix("0x"))
        init_code = code + constructor_data(contract, tuple(arguments.values()))
        creation = Creation(label, contract, arguments, salt, init_code)
        self.creations.append(creation)
        return self.given(label, contract, creation.address)

    def given(self, label: str, contract: str, address: str) -> str:
        """Add a contract that exists."""
        self.addresses[label], self.contracts[label] = address, contract
        return address


def _root_contracts(document: BridgeDocument, deployer: str, at: _Contracts) -> None:
    root, child = document.root, document.child
    authority = at.new("authority", "Authority", admin=deployer)
    if root.token is not None:
        token = at.given("numeraire", "Numeraire", root.token)
    else:
        supply = int(wei_from_nano(root.supply or 0))
        treasury = _account(root.treasury or DEPLOYER, deployer)
        token = at.new("numeraire", "Numeraire", authority=authority, treasury=treasury, supply=supply)
    at.new(
        "gateway",
        "RootGateway",
        authority=authority,
        remote_chain=child.chain_id,
        fx_root=root.fx_root,
        root_chain=root.root_chain,
    )
    at.new("lockbox", "Lockbox", authority=authority, token=token, cap=_wei(document.daily_cap))
    at.new("burn_sink", "NmrBurnSink" if root.sink == "nmr" else "BurnSink", token=token)
    at.new("results", "RoundResults", root_chain=root.root_chain, child_chain=child.chain_id)
    if root.admin.kind == "governor" and document.governor is not None:
        terms = document.governor
        votes = at.new("voting_token", "VotingNumeraire", numeraire=token)
        at.new(
            "governor",
            "NumeraireGovernor",
            votes=votes,
            authority=authority,
            terms=(
                terms.voting_delay,
                terms.voting_period,
                _wei(terms.proposal_threshold),
                terms.quorum,
                _wei(terms.quorum_floor),
                terms.delay,
                terms.guardian or "0x" + "00" * 20,
            ),
        )


def _child_contracts(
    document: BridgeDocument, deployer: str, root: Mapping[str, str], at: _Contracts
) -> None:
    child, root_chain = document.child, document.root.chain_id
    authority = at.new("authority", "Authority", admin=deployer)
    gateway = at.new(
        "gateway",
        "ChildGateway",
        authority=authority,
        remote_chain=root_chain,
        remote=root["gateway"],
        fx_child=child.fx_child,
    )
    links = [(gateway, interoperable(root_chain, root["lockbox"]))]
    token = at.new("token", "CrosschainNumeraire", links=links, largest=_wei(document.largest_transfer))
    at.new("burn_sink", "CrosschainBurnSink", token=token, home_chain=root_chain, home_sink=root["burn_sink"])
    if child.admin.kind == "governor":
        governor = interoperable(root_chain, root["governor"])
        for label, governed in _remote_admins(document, authority):
            at.new(label, "RemoteAdmin", authority=governed, gateway=gateway, governor=governor)


def _remote_admins(document: BridgeDocument, authority: str) -> Iterator[tuple[str, str]]:
    yield "remote_admin", authority
    for index, governed in enumerate(document.child.governed, start=1):
        yield f"remote_admin.{index}", governed


def _connecting(
    document: BridgeDocument, root: Mapping[str, str], child: Mapping[str, str]
) -> tuple[SetupCall, ...]:
    """Return the two calls that name Polygon's contracts to Ethereum's."""
    token = interoperable(document.child.chain_id, child["token"])
    chain = token[: 5 + token[4]] + b"\0"

    def is_connected(reader: Reader) -> bool:
        gateway = reader.bound("RootGateway", root["gateway"])
        return str(read_view(gateway.functions.remote(), reader.block)) == child["gateway"]

    def is_linked(reader: Reader) -> bool:
        lockbox = reader.bound("Lockbox", root["lockbox"])
        gateway, counterpart = read_view(lockbox.functions.getLink(chain), reader.block)
        return (to_checksum_address(gateway), bytes(counterpart)) == (root["gateway"], token)

    return (
        SetupCall(
            "connect",
            "name Polygon's gateway to Ethereum's",
            root["gateway"],
            call_data("RootGateway", "connect", child["gateway"]),
            is_connected,
        ),
        SetupCall(
            "link",
            "name Polygon's token to the lockbox",
            root["lockbox"],
            call_data("Lockbox", "link", (root["gateway"], token)),
            is_linked,
        ),
    )


def _end(settings: EndSettings, at: _Contracts, deployer: str, calls: tuple[SetupCall, ...]) -> EndPlan:
    admin = _admin_of(settings.admin, at, deployer), settings.admin.delay
    every = (*calls, *_powers(settings, at, deployer), *_hand_over(at, deployer, admin))
    return EndPlan(settings, tuple(at.creations), at.addresses, at.contracts, every, admin)


def _admin_of(admin: BridgeAdmin, at: _Contracts, deployer: str) -> str:
    if admin.kind == "governor":
        return at.addresses["governor" if at.end == "root" else "remote_admin"]
    return _account(admin.holder or DEPLOYER, deployer)


def _powers(settings: EndSettings, at: _Contracts, deployer: str) -> Iterator[SetupCall]:
    """Yield the calls that let the guardians pause incoming messages."""
    authority, gateway = at.addresses["authority"], at.addresses["gateway"]
    contract, role = at.contracts["gateway"], ROLE_IDS["guardian"]
    selectors = [selector(contract, name) for name in GOVERNED["gateway"]]

    def is_assigned(reader: Reader) -> bool:
        bound = reader.bound("Authority", authority)
        return all(reader.role_of(bound, gateway, each) == role for each in selectors)

    yield SetupCall(
        "assign:guardian",
        "let the guardians pause incoming messages",
        authority,
        call_data("Authority", "setTargetFunctionRole", gateway, selectors, role),
        is_assigned,
    )
    for holder in settings.guardians:
        yield _grant(authority, "guardian", _account(holder, deployer), 0)


def _hand_over(at: _Contracts, deployer: str, admin: tuple[str, int]) -> Iterator[SetupCall]:
    authority, (holder, delay) = at.addresses["authority"], admin
    if (holder, delay) != (deployer, 0):
        yield _grant(authority, "admin", holder, delay)
    if holder != deployer:

        def is_renounced(reader: Reader) -> bool:
            return reader.access(reader.bound("Authority", authority), ADMIN_ROLE, deployer) is None

        yield SetupCall(
            "renounce",
            "renounce the deployer's own role of admin",
            authority,
            call_data("Authority", "renounceRole", ADMIN_ROLE, deployer),
            is_renounced,
        )


def _grant(authority: str, role: str, holder: str, delay: int) -> SetupCall:
    def is_granted(reader: Reader) -> bool:
        held = reader.access(reader.bound("Authority", authority), ROLE_IDS[role], holder)
        return held is not None and held.delay == delay

    return SetupCall(
        f"grant:{role}:{holder}",
        f"make {holder} {role}, with {span_text(delay)} of announcement",
        authority,
        call_data("Authority", "grantRole", ROLE_IDS[role], holder, delay),
        is_granted,
    )


def _wei(nano: int) -> int:
    return int(wei_from_nano(nano))


def _account(account: str, deployer: str) -> str:
    return deployer if account == DEPLOYER else account
