"""Reads a deployment's state from the chain, and finds objections to a blueprint."""

from collections.abc import Iterator
from dataclasses import dataclass

from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractLogicError, Web3Exception

from scorer.chain.binding import bound
from scorer.chain.bulk import Tag, read_view
from scorer.chain.errors import EndpointError
from scorer.chain.reverts import describe_revert
from scorer.deployment.blueprint import ADMIN_ROLE, ROLE_IDS, Blueprint, Creation
from scorer.deployment.create2 import FACTORY, FACTORY_CODE
from scorer.deployment.steps import Access, DeployedState, DeploymentStuck, tournament_labels

PROBES = {"Numeraire": "totalSupply", "ModelRegistry": "modelCount"}
"""A view that only a contract of this kind answers."""


@dataclass(frozen=True)
class Reader:
    """Reads one chain, at one block."""

    w3: Web3
    block: int | Tag = "latest"

    def code(self, address: str) -> bytes:
        """Return a contract's code; empty where there is none."""
        return bytes(self.w3.eth.get_code(Web3.to_checksum_address(address), self.block))

    def bound(self, contract: str, address: str) -> Contract:
        """Bind one of the package's contracts to an address."""
        return bound(self.w3, contract, address)

    def access(self, authority: Contract, role: int, account: str) -> Access | None:
        """Return an account's access to a role, or None. A delay that takes effect later counts already."""
        since, delay, pending, effect = read_view(authority.functions.getAccess(role, account), self.block)
        # `since` is zero for an account that does not hold the role.
        return Access(int(pending if effect else delay)) if since else None

    def role_of(self, authority: Contract, target: str, selector: bytes) -> int:
        """Return the number of the role whose holders may call a function."""
        found = read_view(authority.functions.getTargetFunctionRole(target, selector), self.block)
        return int(found)


def read_state(w3: Web3, blueprint: Blueprint) -> DeployedState:
    """Read the state of a deployment at the latest block.

    Raises
    ------
    DeploymentStuck
        When another contract is where the factory should be.
    """
    reader = Reader(w3, w3.eth.block_number)
    coded = frozenset(label for label, address in blueprint.addresses.items() if reader.code(address))
    state = DeployedState(_has_factory(reader), coded)
    if "authority" not in coded:
        return state
    authority = reader.bound("Authority", blueprint.addresses["authority"])
    roles = {
        (assigned.target, selector): reader.role_of(authority, assigned.target, selector)
        for assigned in blueprint.assignments
        for selector in assigned.selectors
    }
    found = {
        (role, account): reader.access(authority, role, account) for role, account in _accounts(blueprint)
    }
    access = {key: held for key, held in found.items() if held is not None}
    return DeployedState(state.has_factory, coded, roles, access, _served(reader, blueprint, coded))


def _served(reader: Reader, blueprint: Blueprint, coded: frozenset[str]) -> frozenset[str]:
    if "committee" not in coded:
        return frozenset()
    ask = reader.bound("OracleCommittee", blueprint.addresses["committee"]).functions.isTournament
    labels = tournament_labels(blueprint)
    return frozenset(label for label in labels if read_view(ask(blueprint.addresses[label]), reader.block))


def _accounts(blueprint: Blueprint) -> Iterator[tuple[int, str]]:
    for grant in (*blueprint.grants, blueprint.hand_over):
        yield grant.role_id, grant.holder
    yield ADMIN_ROLE, blueprint.deployer


def _has_factory(reader: Reader) -> bool:
    found = reader.code(FACTORY)
    if found and found != FACTORY_CODE:
        raise DeploymentStuck(
            f"expected the CREATE2 factory at {FACTORY}, found other code: this chain cannot be used"
        )
    return bool(found)


def roles_of(w3: Web3, blueprint: Blueprint) -> list[str]:
    """List the roles that the deployer holds."""
    reader = Reader(w3, w3.eth.block_number)
    authority = reader.bound("Authority", blueprint.addresses["authority"])
    return [name for name, role in ROLE_IDS.items() if reader.access(authority, role, blueprint.deployer)]


def objections(w3: Web3, blueprint: Blueprint) -> Iterator[str]:
    """Find all on the chain that contradicts the blueprint, by the field's path, before anything is sent."""
    reader = Reader(w3, w3.eth.block_number)
    yield from _of_accounts(reader, blueprint)
    for label, contract in blueprint.existing.items():
        if problem := _unlike(reader, contract, blueprint.addresses[label]):
            yield f"{_path_of(label, blueprint)}: {problem}"
    for creation in blueprint.creations:
        if not reader.code(creation.address) and (problem := _refusal(w3, blueprint, creation)):
            yield f"{creation.label}: expected a constructor that takes its arguments, found {problem}"


def _of_accounts(reader: Reader, blueprint: Blueprint) -> Iterator[str]:
    document = blueprint.document
    if document.is_local:
        return
    for name, role in document.roles.given():
        for index, holder in enumerate(role.holders):
            if holder == blueprint.deployer:
                yield f"roles.{name}.holders.{index}: expected anybody but the deployer, found {holder}"
    if document.admin.holder == blueprint.deployer:
        yield f"admin.holder: expected anybody but the deployer, found {blueprint.deployer}"
    if document.admin.kind == "contract" and not reader.code(blueprint.hand_over.holder):
        yield (
            f"admin.holder: expected a contract (a multisig or a timelock), found no code at "
            f'{blueprint.hand_over.holder}; deploy it first, or say kind = "key"'
        )


def _path_of(label: str, blueprint: Blueprint) -> str:
    section, _, tournament = label.partition(".")
    if tournament:
        names = [tournament.name for tournament in blueprint.document.tournaments]
        return f"tournaments.{names.index(tournament)}.burn_sink"
    return {"numeraire": "token"}.get(section, section) + ".address"


def _unlike(reader: Reader, contract: str, address: str) -> str | None:
    """Say why the code at `address` cannot be `contract`; None where nothing contradicts it."""
    if not reader.code(address):
        return f"expected a contract, found no code at {address}"
    try:
        bound = reader.bound(contract, address)
        if contract in PROBES:
            read_view(bound.get_function_by_name(PROBES[contract])(), reader.block)
        # Stakes are counted in nano-NMR, which presumes 18 decimals.
        decimals = read_view(bound.functions.decimals()) if contract == "Numeraire" else 18
    except (EndpointError, Web3Exception):
        return f"expected a {contract}, found that {address} does not answer as one"
    return None if decimals == 18 else f"expected a token of 18 decimals, found {decimals} at {address}"


def _refusal(w3: Web3, blueprint: Blueprint, creation: Creation) -> str | None:
    """Say why a constructor would revert, or None; the factory itself reverts without a reason."""
    data = Web3.to_hex(creation.init_code)
    try:
        w3.eth.call({"from": Web3.to_checksum_address(blueprint.deployer), "data": data})
    except ContractLogicError as error:
        return describe_revert(error)
    return None
