"""What is on the chain of a deployment: the reading half of planning."""

from collections.abc import Iterator
from dataclasses import dataclass

from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractLogicError, Web3Exception
from web3.types import BlockIdentifier

from scorer.chain.artifacts import abi
from scorer.chain.errors import EndpointError
from scorer.chain.reverts import describe_revert
from scorer.deployment.blueprint import ADMIN_ROLE, ROLE_IDS, Blueprint, Creation
from scorer.deployment.create2 import FACTORY, FACTORY_CODE
from scorer.deployment.steps import Access, DeployedState, DeploymentStuck, tournament_labels

PROBES = {"Numeraire": "totalSupply", "ModelRegistry": "modelCount"}
"""A view by which a contract that exists is known for what it is."""


@dataclass(frozen=True)
class Reader:
    """Reads one chain, at one block."""

    w3: Web3
    block: BlockIdentifier = "latest"

    def code(self, address: str) -> bytes:
        """A contract's code; empty where there is none."""
        return bytes(self.w3.eth.get_code(Web3.to_checksum_address(address), self.block))

    def bound(self, contract: str, address: str) -> Contract:
        """One of the package's contracts at an address."""
        return self.w3.eth.contract(
            address=Web3.to_checksum_address(address), abi=abi(contract), decode_tuples=True
        )

    def access(self, authority: Contract, role: int, account: str) -> Access | None:
        """Whether an account holds a role, and with what delay; a delay that is to come counts as there."""
        since, delay, pending, effect = authority.functions.getAccess(role, account).call(
            block_identifier=self.block
        )
        return Access(int(pending if effect else delay)) if since else None

    def role_of(self, authority: Contract, target: str, selector: bytes) -> int:
        """The role whose holders may call a function."""
        found = authority.functions.getTargetFunctionRole(target, selector).call(block_identifier=self.block)
        return int(found)


def see(w3: Web3, plan: Blueprint) -> DeployedState:
    """The state of a deployment at the latest block.

    Raises
    ------
    DeploymentStuck
        When another contract is where the factory should be.
    """
    reader = Reader(w3, w3.eth.block_number)
    coded = frozenset(label for label, address in plan.addresses.items() if reader.code(address))
    seen = DeployedState(_has_factory(reader), coded)
    if "authority" not in coded:
        return seen
    authority = reader.bound("Authority", plan.addresses["authority"])
    roles = {
        (each.target, selector): reader.role_of(authority, each.target, selector)
        for each in plan.assignments
        for selector in each.selectors
    }
    found = {(role, account): reader.access(authority, role, account) for role, account in _accounts(plan)}
    access = {key: held for key, held in found.items() if held is not None}
    return DeployedState(seen.has_factory, coded, roles, access, _served(reader, plan, coded))


def _served(reader: Reader, plan: Blueprint, coded: frozenset[str]) -> frozenset[str]:
    if "committee" not in coded:
        return frozenset()
    ask = reader.bound("OracleCommittee", plan.addresses["committee"]).functions.isTournament
    labels = tournament_labels(plan)
    return frozenset(each for each in labels if ask(plan.addresses[each]).call(block_identifier=reader.block))


def _accounts(plan: Blueprint) -> Iterator[tuple[int, str]]:
    for grant in (*plan.grants, plan.hand_over):
        yield grant.role_id, grant.holder
    yield ADMIN_ROLE, plan.deployer


def _has_factory(reader: Reader) -> bool:
    found = reader.code(FACTORY)
    if found and found != FACTORY_CODE:
        raise DeploymentStuck(
            f"expected the CREATE2 factory at {FACTORY}, found other code: this chain cannot be used"
        )
    return bool(found)


def roles_of(w3: Web3, plan: Blueprint) -> list[str]:
    """The roles that the deployer holds."""
    reader = Reader(w3, w3.eth.block_number)
    authority = reader.bound("Authority", plan.addresses["authority"])
    return [name for name, role in ROLE_IDS.items() if reader.access(authority, role, plan.deployer)]


def objections(w3: Web3, plan: Blueprint) -> Iterator[str]:
    """What on the chain speaks against the plan, by the field's path: told before anything is sent."""
    reader = Reader(w3, w3.eth.block_number)
    yield from _of_accounts(reader, plan)
    for label, contract in plan.existing.items():
        if problem := _unlike(reader, contract, plan.addresses[label]):
            yield f"{_path_of(label, plan)}: {problem}"
    for creation in plan.creations:
        if not reader.code(creation.address) and (problem := _refusal(w3, plan, creation)):
            yield f"{creation.label}: expected a constructor that takes its arguments, found {problem}"


def _of_accounts(reader: Reader, plan: Blueprint) -> Iterator[str]:
    document = plan.document
    if document.is_local:
        return
    for name, role in document.roles.given():
        for index, holder in enumerate(role.holders):
            if holder == plan.deployer:
                yield f"roles.{name}.holders.{index}: expected anybody but the deployer, found {holder}"
    if document.admin.holder == plan.deployer:
        yield f"admin.holder: expected anybody but the deployer, found {plan.deployer}"
    if document.admin.kind == "contract" and not reader.code(plan.hand_over.holder):
        yield (
            f"admin.holder: expected a contract (a multisig or a timelock), found no code at "
            f'{plan.hand_over.holder}; deploy it first, or say kind = "key"'
        )


def _path_of(label: str, plan: Blueprint) -> str:
    section, _, tournament = label.partition(".")
    if tournament:
        names = [each.name for each in plan.document.tournaments]
        return f"tournaments.{names.index(tournament)}.burn_sink"
    return {"numeraire": "token"}.get(section, section) + ".address"


def _unlike(reader: Reader, contract: str, address: str) -> str | None:
    """Why what is at `address` cannot be `contract`, as far as can be told."""
    if not reader.code(address):
        return f"expected a contract, found no code at {address}"
    try:
        bound = reader.bound(contract, address)
        if contract in PROBES:
            bound.get_function_by_name(PROBES[contract])().call(block_identifier=reader.block)
        decimals = bound.functions.decimals().call() if contract == "Numeraire" else 18
    except (EndpointError, Web3Exception):
        return f"expected a {contract}, found that {address} does not answer as one"
    return None if decimals == 18 else f"expected a token of 18 decimals, found {decimals} at {address}"


def _refusal(w3: Web3, plan: Blueprint, creation: Creation) -> str | None:
    """Why a constructor would revert: the factory would not say."""
    data = Web3.to_hex(creation.init_code)
    try:
        w3.eth.call({"from": Web3.to_checksum_address(plan.deployer), "data": data})
    except ContractLogicError as error:
        return describe_revert(error)
    return None
