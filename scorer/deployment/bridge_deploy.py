"""Carries the plan of a bridge out on both chains, and continues wherever it was interrupted."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception

from scorer.bridge.addresses import BridgeAddresses
from scorer.chain.bulk import read_view
from scorer.chain.errors import EndpointError
from scorer.chain.logs import event_logs
from scorer.deployment.blueprint import ADMIN_ROLE, ROLE_IDS, selector
from scorer.deployment.bridge_plan import ADMINS, BridgePlan, EndPlan
from scorer.deployment.code import compiled_code, digest
from scorer.deployment.create2 import FACTORY
from scorer.deployment.reader import Reader
from scorer.deployment.steps import DeploymentStuck
from scorer.files import write_whole
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node
from scorer.transactions.request import RequestKey, TransactionRequest, scope_of
from scorer.transactions.signers import Signer
from scorer.transactions.state_machine import StopReason

FILE: Final = "bridge.json"
PATIENCE: Final = 600.0
"""Seconds without any progress after which a deployment gives up, to be started again."""


@dataclass(frozen=True)
class BridgeStep:
    """One transaction that is left; `key` is its permanent name."""

    key: str
    title: str
    to: str
    data: bytes


def steps_left(plan: EndPlan, reader: Reader) -> Iterator[BridgeStep]:
    """Yield what is left to do on one chain, in order: contracts, then calls of them."""
    missing = [creation for creation in plan.creations if not reader.code(creation.address)]
    for creation in missing:
        title = f"create {creation.label} ({creation.contract}) at {creation.address}"
        data = creation.salt + creation.init_code
        yield BridgeStep(f"create:{creation.label}", title, FACTORY, data)
    there = not missing
    for call in plan.calls:
        if not there or not call.is_done(reader):
            yield BridgeStep(call.key, call.title, call.to, call.data)


def creations_left(plan: EndPlan, reader: Reader) -> list[BridgeStep]:
    """List the contracts that are left to create on one chain."""
    return [step for step in steps_left(plan, reader) if step.key.startswith("create:")]


@dataclass(frozen=True)
class BridgeBuilder:
    """Carries out one plan with one deployer's key on both chains.

    Attributes
    ----------
    folder
        The folder of the journals, in which bridge.json is written too.
    report
        Called with a line of text for each step.
    """

    root: Web3
    child: Web3
    plan: BridgePlan
    signer: Signer
    folder: Path
    report: Callable[[str], None]
    poll: float = 0.5
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> BridgeAddresses:
        """Do all that is left: contracts on Ethereum and Polygon, then the calls on each; write bridge.json.

        Raises
        ------
        DeploymentStuck
            When a chain lacks what the file names, or the deployment cannot go on.
        scorer.transactions.journal.JournalError
            When another process is deploying from this folder.
        """
        try:
            return self._run()
        except (EndpointError, Web3Exception) as error:
            raise DeploymentStuck(
                f"expected endpoints that answer, found {type(error).__name__}; start again: what was sent "
                "is not sent twice"
            ) from error

    def _run(self) -> BridgeAddresses:
        if problems := list(bridge_objections(self.root, self.child, self.plan)):
            raise DeploymentStuck("; ".join(problems) + "; nothing was sent")
        ends = ((self.root, self.plan.root, "root"), (self.child, self.plan.child, "child"))
        # From before anything is created: no event of the bridge is older.
        blocks = [self._first_block(w3, name) for w3, _, name in ends]
        for only_creations in (True, False):
            for w3, plan, name in ends:
                self._build(w3, plan, name, only_creations=only_creations)
        addresses = self.plan.addresses(*blocks)
        write_whole(self.folder / FILE, (json.dumps(addresses.to_json(), indent=1) + "\n").encode())
        self.report(f"complete: {self.folder / FILE}")
        return addresses

    def _first_block(self, w3: Web3, name: str) -> int:
        """Return a block from before the deployment, which the journal keeps over an interruption."""
        with Journal.open(self.folder / f"{name}.sqlite") as journal:
            noted = journal.note("first block")
            block = int(noted) if noted is not None and noted.isdecimal() else int(w3.eth.block_number)
            if noted is None:
                journal.set_note("first block", str(block))
        return block

    def _build(self, w3: Web3, plan: EndPlan, name: str, *, only_creations: bool) -> None:
        gas = plan.settings.gas
        with Journal.open(self.folder / f"{name}.sqlite") as journal:
            manager = TransactionManager(
                journal,
                Web3Node(w3),
                self.signer,
                plan.settings.chain_id,
                gas.fees,
                most_gas=gas.most_gas,
                longest=PATIENCE,
                poll=self.poll,
                sleep=self.sleep,
            )
            until = time.monotonic() + PATIENCE
            while left := self._left(w3, plan, only_creations=only_creations):
                if time.monotonic() > until:
                    raise DeploymentStuck(f"{left[0].title}: expected it done, found it is not; start again")
                self._do(manager, plan, left[0], int(w3.eth.block_number))

    def _left(self, w3: Web3, plan: EndPlan, *, only_creations: bool) -> list[BridgeStep]:
        reader = Reader(w3, w3.eth.block_number)
        return creations_left(plan, reader) if only_creations else list(steps_left(plan, reader))

    def _do(self, manager: TransactionManager, plan: EndPlan, step: BridgeStep, known_at: int) -> None:
        self.report(f"chain {plan.settings.chain_id}: {step.title}")
        scope = scope_of(plan.settings.chain_id, plan.addresses["authority"])
        request = TransactionRequest(
            str(RequestKey.of(scope, step.key)), step.to, step.data, known_at=known_at
        )
        delivery = manager.deliver(request)
        if not delivery.is_mined and delivery.why != StopReason.WAITING and delivery.why is not None:
            raise DeploymentStuck(f"{step.title}: expected it mined, found {delivery.note}; start again")
        if not delivery.is_mined:
            self.sleep(self.poll)


def bridge_objections(root: Web3, child: Web3, plan: BridgePlan) -> Iterator[str]:
    """Find what the chains lack of what the file names, before anything is sent."""
    settings = plan.document
    for w3, name, chain_id in (
        (root, "root", settings.root.chain_id),
        (child, "child", settings.child.chain_id),
    ):
        if (found := int(w3.eth.chain_id)) != chain_id:
            yield f"{name}.chain_id: expected an endpoint of chain {chain_id}, found one of {found}"
    wanted: list[tuple[Web3, str, str | None]] = [
        (root, "root.fx_root", settings.root.fx_root),
        (root, "root.root_chain", settings.root.root_chain),
        (root, "root.token", settings.root.token),
        (child, "child.fx_child", settings.child.fx_child),
        (root, "the CREATE2 factory on root", FACTORY),
        (child, "the CREATE2 factory on child", FACTORY),
    ]
    wanted += [
        (w3, f"{name}.admin.holder", end.admin.holder)
        for w3, name, end in ((root, "root", settings.root), (child, "child", settings.child))
        if end.admin.kind == "contract"
    ]
    for w3, path, address in wanted:
        if address is not None and not Reader(w3).code(address):
            yield f"{path}: expected a contract at {address}, found no code"


@dataclass(frozen=True)
class BridgeDifference:
    """A difference between a plan and a chain."""

    path: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, found {self.found}"


def bridge_differences(
    plan: BridgePlan, found: BridgeAddresses, root: Web3, child: Web3
) -> Iterator[BridgeDifference]:
    """Yield all in which bridge.json and the chains differ from the plan: addresses, code, links, roles."""
    wanted = plan.addresses(found.root.block, found.child.block)
    for name, expected, stated in (("root", wanted.root, found.root), ("child", wanted.child, found.child)):
        for field, value in vars(expected).items():
            if getattr(stated, field) != value:
                yield BridgeDifference(f"{name}.{field}", str(value), str(getattr(stated, field)))
    ends = ((root, plan.root, "root", found.root.block), (child, plan.child, "child", found.child.block))
    for w3, end, name, first in ends:
        reader = Reader(w3, w3.eth.block_number)
        for step in steps_left(end, reader):
            yield BridgeDifference(f"{name}.{step.key}", step.title, "not done")
        yield from _wrong_code(end, reader, name)
        yield from _other_holders(plan, end, reader, name, first)
        yield from _moved_powers(end, reader, name)


def _wrong_code(end: EndPlan, reader: Reader, name: str) -> Iterator[BridgeDifference]:
    """Yield contracts whose code is not the package's."""
    for creation in end.creations:
        code = reader.code(creation.address)
        if code and not compiled_code(creation.contract).made(code):
            yield BridgeDifference(f"{name}.{creation.label}", creation.contract, f"code {digest(code)}")


def _other_holders(
    plan: BridgePlan, end: EndPlan, reader: Reader, name: str, first: int
) -> Iterator[BridgeDifference]:
    """Yield accounts that hold a role of the authority and that the plan does not name."""
    if not reader.code(end.addresses["authority"]):
        return
    authority = reader.bound("Authority", end.addresses["authority"])
    guardians = {plan.deployer if holder == "deployer" else holder for holder in end.settings.guardians}
    expected: set[tuple[int, str]] = {(ROLE_IDS["guardian"], holder) for holder in guardians}
    expected.add((ADMIN_ROLE, end.admin[0]))
    granted: set[tuple[Any, Any]] = {
        (event["args"]["roleId"], event["args"]["account"])
        for event in event_logs(authority.events.RoleGranted(), {}, first, int(reader.block))
    }
    for role, account in sorted(granted - expected):
        if reader.access(authority, role, account) is not None:
            yield BridgeDifference(f"{name}.roles.{role}.{account}", "no role", "the role")


def _moved_powers(end: EndPlan, reader: Reader, name: str) -> Iterator[BridgeDifference]:
    """Yield what the admin gave to somebody else, and what it closed to the guardians."""
    if creations_left(end, reader):
        return
    authority = reader.bound("Authority", end.addresses["authority"])
    for label in sorted(ADMINS.keys() & end.addresses.keys()):
        yield from _moved_from_admin(end, reader, authority, name, label)
    for getter in ("getRoleAdmin", "getRoleGuardian"):
        found = read_view(authority.get_function_by_name(getter)(ROLE_IDS["guardian"]), reader.block)
        if found != ADMIN_ROLE:
            yield BridgeDifference(f"{name}.roles.guardian.{getter}", "admin", f"role {found}")


def _moved_from_admin(
    end: EndPlan, reader: Reader, authority: Contract, name: str, label: str
) -> Iterator[BridgeDifference]:
    target = end.addresses[label]
    for function in ADMINS[label]:
        role = reader.role_of(authority, target, selector(end.contracts[label], function))
        if role != ADMIN_ROLE:
            yield BridgeDifference(f"{name}.roles.{label}.{function}", "admin", f"role {role}")
    if read_view(authority.functions.isTargetClosed(target), reader.block):
        yield BridgeDifference(f"{name}.roles.{label}", "a contract that is open", "closed by the admin")
