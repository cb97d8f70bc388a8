"""Both ends of the bridge on one EVM: what would be on Polygon believes that it is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from compiled import compiled_apart
from polygon import (
    CHILD_CHAIN,
    Block,
    Chain,
    Receipt,
    interoperable,
    message,
    message_id,
    posted_log,
    transfer,
)
from states import state
from support import GUARDIAN_ROLE, NMR, UNPAUSER_ROLE, House, restrict

CAP = 10_000 * NMR
LARGEST = 4_000 * NMR
FX = Path(__file__).parents[3] / "node_modules" / "@maticnetwork" / "fx-portal" / "contracts"
HARNESS = Path(__file__).parents[1] / "harness"


@dataclass
class Bridge:
    """The contracts, and the people: `fx_child` is an account that plays Polygon's FxChild.

    Attributes
    ----------
    chain_id
        Of the EVM under test: each end takes it for its own chain.
    """

    house: House
    fx_root: Any
    fx_child: Any
    sender: Any
    polygon: Chain
    root: Any
    child: Any
    lockbox: Any
    token: Any
    sink: Any
    home_sink: Any
    results: Any
    receiver: Any
    chain_id: int
    sent: int = 0

    @property
    def native(self) -> Any:
        return self.house.token

    def down(self, content: bytes, sender: Any = None) -> Any:
        """Hand a message of Ethereum's gateway over, as Polygon does."""
        return self.child.processMessageFromRoot(1, sender or self.root, content, sender=self.fx_child)

    def transfer_down(self, receiver: Any, amount: int, number: int = 1) -> bytes:
        """The message of a transfer from the lockbox."""
        payload = transfer(CHILD_CHAIN, str(self.house.alice), str(receiver), amount)
        return message(number, self.lockbox.address, self.token.address, payload)

    def transfer_up(self, receiver: Any, amount: int, number: int = 1) -> bytes:
        """The message of a transfer from the token."""
        payload = transfer(CHILD_CHAIN, str(self.house.alice), str(receiver), amount)
        return message(number, self.token.address, self.lockbox.address, payload)

    def proof(self, *contents: bytes, emitter: str | None = None) -> tuple[Any, ...]:
        """A checkpoint with a block that sent messages, and the proof of the last of them."""
        log = [posted_log(emitter or self.child.address, content) for content in contents]
        first = 1 + 4 * self.polygon.checkpoints
        receipts = (Receipt(), Receipt(tuple(log)), Receipt())
        blocks = [Block(first), Block(first + 1, receipts), Block(first + 2), Block(first + 3)]
        number = self.polygon.checkpoint(blocks)
        return self.polygon.prove(number, blocks, first + 1, 1, len(log) - 1)

    def incoming_id(self, gateway: Any, content: bytes) -> bytes:
        """The id under which a gateway knows a message from its other end."""
        return message_id(CHILD_CHAIN, gateway.remote(), self.chain_id, content)

    def to_child(self, account: Any) -> bytes:
        return interoperable(CHILD_CHAIN, str(account))


@pytest.fixture(scope="session")
def polygon_types() -> dict[str, Any]:
    """Polygon's own FxRoot and FxChild."""
    return compiled_apart(FX / "FxRoot.sol", FX / "FxChild.sol")


@pytest.fixture(scope="session")
def harness_types() -> dict[str, Any]:
    return compiled_apart(HARNESS / "ProofReader.sol")


@state
def bridge(house: House, project: Any, hostile_types: Any, polygon_types: Any, accounts: Any) -> Bridge:
    """Both ends, connected; the lockbox lets out 10,000 NMR a day, and alice may fill it."""
    admin, authority = house.admin, house.authority
    sender = hostile_types["StateSender"].deploy(sender=admin)
    fx_root = polygon_types["FxRoot"].deploy(sender, sender=admin)
    fx_child = accounts[11]
    fx_root.setFxChild(fx_child, sender=admin)
    store = hostile_types["CheckpointStore"].deploy(sender=admin)
    root = project.RootGateway.deploy(authority, CHILD_CHAIN, fx_root, store, sender=admin)
    lockbox = project.Lockbox.deploy(authority, house.token, CAP, sender=admin)
    child = project.ChildGateway.deploy(authority, CHILD_CHAIN, root, fx_child, sender=admin)
    links = [(child.address, interoperable(CHILD_CHAIN, lockbox.address))]
    token = project.CrosschainNumeraire.deploy(links, LARGEST, sender=admin)
    sink = project.CrosschainBurnSink.deploy(token, CHILD_CHAIN, house.sink, sender=admin)
    root.connect(child, sender=admin)
    lockbox.link((root.address, interoperable(CHILD_CHAIN, token.address)), sender=admin)
    for gateway in (root, child):
        restrict(authority, gateway, ["pause"], GUARDIAN_ROLE, admin)
        restrict(authority, gateway, ["unpause"], UNPAUSER_ROLE, admin)
    house.token.approve(lockbox, 2**256 - 1, sender=house.alice)
    results = project.RoundResults.deploy(store, CHILD_CHAIN, sender=admin)
    receiver = hostile_types["FickleReceiver"].deploy(sender=admin)
    return Bridge(
        house, fx_root, fx_child, sender, Chain(store, admin), root, child, lockbox, token, sink, house.sink,
        results, receiver, root.provider.chain_id,
    )  # fmt: skip


@state
def filled(bridge: Bridge) -> Bridge:
    """The bridge with 9,000 NMR of alice's locked, and as much on the other side."""
    bridge.lockbox.crosschainTransfer(
        bridge.to_child(bridge.house.alice), 9_000 * NMR, sender=bridge.house.alice
    )
    bridge.down(bridge.transfer_down(bridge.house.alice, 9_000 * NMR))
    return bridge
