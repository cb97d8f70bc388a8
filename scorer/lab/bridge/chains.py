"""Two local chains with Polygon's own contracts and a bridge between them, deployed from its plan."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from web3 import Web3
from web3.contract import Contract

from scorer.bridge.addresses import BridgeAddresses
from scorer.bridge.contracts import ChildEnd, RootEnd
from scorer.bridge.messages import interoperable
from scorer.chain.binding import bound
from scorer.chain.endpoint import LOCAL_CHAIN_ID
from scorer.deployment.bridge_deploy import steps_left
from scorer.deployment.bridge_document import BridgeDocument
from scorer.deployment.bridge_plan import BridgePlan, EndPlan, bridge_plan
from scorer.deployment.reader import Reader
from scorer.lab.anvil import Anvil, local_account, run_anvil
from scorer.lab.batch import LOCAL_FEES, BatchCall, BatchSender
from scorer.lab.bridge.heimdall import Heimdall
from scorer.lab.bridge.polygon import PolygonContract, polygon_contracts
from scorer.lab.plain_sender import Sender
from scorer.units import WEI_PER_NANO, nano_from_nmr

ROOT_CHAIN_ID: Final = 1337
ADMIN, OPERATOR, GUARDIAN, RELAYER, STRANGER, HEIMDALL = 0, 1, 2, 8, 9, 30
"""Whose accounts those of both chains are; `scorer.lab.in_process` has the others."""
ACCOUNTS: Final = 40
CREATION_GAS: Final = 9_000_000
CALL_GAS: Final = 400_000
DAY: Final = 86_400
ADMIN_DELAY: Final = DAY


@dataclass(frozen=True)
class BridgedChains:
    """The chains and the bridge.

    Attributes
    ----------
    polygon
        Polygon's contracts by name, to deploy more of them.
    """

    root: Anvil
    child: Anvil
    heimdall: Heimdall
    plan: BridgePlan
    addresses: BridgeAddresses
    polygon: Mapping[str, PolygonContract]

    @property
    def root_end(self) -> RootEnd:
        """The contracts on the first chain."""
        return RootEnd(self.root.w3, self.addresses.root)

    @property
    def child_end(self) -> ChildEnd:
        """The contracts on the second chain."""
        return ChildEnd(self.child.w3, self.addresses.child)

    def root_contract(self, label: str) -> Contract:
        """Return one of the first chain's contracts by its label in the plan."""
        return bound(self.root.w3, self.plan.root.contracts[label], self.plan.root.addresses[label])

    def child_contract(self, label: str) -> Contract:
        """Return one of the second chain's contracts by its label in the plan."""
        return bound(self.child.w3, self.plan.child.contracts[label], self.plan.child.addresses[label])

    def on_root(self, account: int) -> Sender:
        """Return a sender for one of the first chain's accounts."""
        return sender_on(self.root, account)

    def on_child(self, account: int) -> Sender:
        """Return a sender for one of the second chain's accounts."""
        return sender_on(self.child, account)

    def send_down(self, account: int, receiver: str, nmr: str) -> Any:
        """Let an account send tokens to the second chain; the receipt. `Heimdall.sync` hands them over."""
        sender, amount = self.on_root(account), wei(nmr)
        lockbox = self.root_end.lockbox
        sender.send(self.root_end.token.functions.approve(lockbox.address, amount))
        to = interoperable(self.addresses.child.chain_id, receiver)
        return sender.send(lockbox.functions.crosschainTransfer(to, amount))

    def send_home(self, account: int, receiver: str, nmr: str) -> Any:
        """Let an account send tokens to the first chain; the receipt. A relayer proves them."""
        to = interoperable(self.addresses.root.chain_id, receiver)
        call = self.child_end.token.functions.crosschainTransfer(to, wei(nmr))
        return self.on_child(account).send(call)

    def pass_time(self, seconds: int) -> None:
        """Let time pass on both chains."""
        for anvil in (self.root, self.child):
            anvil.advance_to(int(anvil.w3.eth.get_block("latest")["timestamp"]) + seconds)


def wei(nmr: str) -> int:
    """Return an amount of NMR in wei."""
    return nano_from_nmr(nmr) * WEI_PER_NANO


def sender_on(anvil: Anvil, account: int) -> Sender:
    """Return a sender for one of a chain's accounts."""
    return Sender(anvil.w3, anvil.account(account), LOCAL_FEES)


@contextmanager
def bridged_chains(repository: Path, *, governor: bool = False) -> Iterator[BridgedChains]:
    """Start two chains and deploy a bridge between them; with `governor`, votes are the admin on both."""
    with (
        run_anvil(chain_id=ROOT_CHAIN_ID, accounts=ACCOUNTS) as root,
        run_anvil(chain_id=LOCAL_CHAIN_ID, accounts=ACCOUNTS) as child,
    ):
        yield deploy_bridge(root, child, repository, governor=governor)


def deploy_bridge(root: Anvil, child: Anvil, repository: Path, *, governor: bool = False) -> BridgedChains:
    """Deploy Polygon's contracts, and a bridge over them, on two fresh chains."""
    polygon = polygon_contracts(repository)
    on_root, on_child = sender_on(root, HEIMDALL), sender_on(child, HEIMDALL)
    state_sender = polygon["DummyStateSender"].deploy(on_root)
    root_chain = polygon["MockCheckpointManager"].deploy(on_root)
    fx_root = polygon["FxRoot"].deploy(on_root, state_sender.address)
    fx_child = polygon["FxChild"].deploy(on_child)
    on_root.send(fx_root.functions.setFxChild(fx_child.address))
    on_child.send(fx_child.functions.setFxRoot(fx_root.address))
    document = bridge_document(
        child.w3.eth.chain_id, str(fx_root.address), str(root_chain.address), str(fx_child.address), governor
    )
    plan = bridge_plan(document, str(root.account(ADMIN).address))
    blocks = root.w3.eth.block_number, child.w3.eth.block_number
    for only_creations in (True, False):
        carry_out(root, plan.root, only_creations=only_creations)
        carry_out(child, plan.child, only_creations=only_creations)
    heimdall = Heimdall(root, child, root_chain, state_sender, on_root)
    return BridgedChains(root, child, heimdall, plan, plan.addresses(*blocks), polygon)


def carry_out(anvil: Anvil, plan: EndPlan, *, only_creations: bool) -> None:
    """Do what is left of one end's plan at once, as a local chain allows."""
    left = [
        step
        for step in steps_left(plan, Reader(anvil.w3, anvil.w3.eth.block_number))
        if step.key.startswith("create:") == only_creations
    ]
    calls = [BatchCall(step.to, step.data, CREATION_GAS if only_creations else CALL_GAS) for step in left]
    BatchSender.on(anvil).run((anvil.account(ADMIN), calls))


def bridge_document(
    child_chain_id: int, fx_root: str, root_chain: str, fx_child: str, governor: bool
) -> BridgeDocument:
    """Return the document of a local bridge: 100,000 NMR a day, 40,000 in one transfer."""
    guardian = str(_guardian())
    admin = (
        {"kind": "governor", "delay": f"{ADMIN_DELAY} seconds"}
        if governor
        else {"kind": "key", "holder": "deployer", "delay": "0 seconds"}
    )
    terms = {
        "voting_delay": "1 day",
        "voting_period": "2 days",
        "proposal_threshold": "100",
        "quorum": 10,
        "quorum_floor": "1000",
        "delay": "1 day",
        "guardian": guardian,
    }
    shared: dict[str, object] = {"guardians": (guardian,), "admin": admin}
    return BridgeDocument.model_validate(
        {
            "version": 1,
            "name": "local",
            "daily_cap": "100000",
            "largest_transfer": "40000",
            "checkpoint_step": 1,
            "root": {
                "chain_id": ROOT_CHAIN_ID,
                "fx_root": fx_root,
                "root_chain": root_chain,
                "supply": "1000000",
                "treasury": "deployer",
                **shared,
            },
            "child": {"chain_id": child_chain_id, "fx_child": fx_child, **shared},
            **({"governor": terms} if governor else {}),
        }
    )


def _guardian() -> str:
    return str(Web3.to_checksum_address(local_account(GUARDIAN).address))
