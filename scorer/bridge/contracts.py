"""The bridge's contracts at an endpoint of each chain, and what is read of them at a block."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from web3 import Web3
from web3.contract import Contract

from scorer.bridge.addresses import ChildAddresses, RootAddresses
from scorer.bridge.checkpoints import EMPTY, Checkpoint
from scorer.bridge.messages import (
    MalformedMessage,
    Message,
    Transfer,
    message_id,
    parse_message,
    parse_transfer,
)
from scorer.bridge.views import PostedMessage, SideView
from scorer.chain.binding import bound
from scorer.chain.bulk import read_view
from scorer.chain.logs import event_logs
from scorer.errors import CupelError

ROOT_CHAIN_ABI: Final = [
    {
        "type": "function",
        "name": "headerBlocks",
        "stateMutability": "view",
        "inputs": [{"name": "checkpoint", "type": "uint256"}],
        "outputs": [
            {"name": "root", "type": "bytes32"},
            {"name": "start", "type": "uint256"},
            {"name": "end", "type": "uint256"},
            {"name": "createdAt", "type": "uint256"},
            {"name": "proposer", "type": "address"},
        ],
    }
]
"""The one function of Polygon's own RootChain that is used."""


class WrongGateway(CupelError):
    """A gateway's messages are not what its contract encodes: it is another contract."""


@dataclass(frozen=True)
class GatewayEnd:
    """A gateway and what it connects.

    Attributes
    ----------
    partner
        The token's contract on this chain: lockbox or token.
    remote_partner
        That of the other chain.
    """

    chain_id: int
    gateway: str
    remote_chain_id: int
    partner: str
    remote_partner: str

    def posted(self, event: Any) -> PostedMessage:
        """Return the message of a ``Posted`` event.

        Raises
        ------
        WrongGateway
            When it is none, or its id is not that of its content.
        """
        content = bytes(event["args"]["message"])
        expected = message_id(self.chain_id, self.gateway, self.remote_chain_id, content)
        found = bytes(event["args"]["id"])
        try:
            message = parse_message(content)
            transfer = self._transfer(message)
        except MalformedMessage as error:
            raise WrongGateway(f"gateway {self.gateway}, block {event['blockNumber']}: {error}") from None
        if found != expected:
            raise WrongGateway(
                f"gateway {self.gateway}: expected the id 0x{expected.hex()}, found 0x{found.hex()}"
            )
        place = (event["blockNumber"], bytes(event["transactionHash"]), event["logIndex"])
        return PostedMessage(found, *place, message, transfer)

    def _transfer(self, message: Message) -> Transfer | None:
        is_transfer = (message.sender, message.recipient) == (self.partner, self.remote_partner)
        return parse_transfer(message.payload) if is_transfer else None


@dataclass
class GatewayHistory:
    """All messages of a gateway up to a finalised block: read once, and then only what is new.

    Attributes
    ----------
    read_to
        The last block that was read.
    """

    end: GatewayEnd
    read_to: int
    posted: list[PostedMessage] = field(default_factory=list)
    delivered: dict[bytes, int] = field(default_factory=dict)
    arrived: dict[bytes, int] = field(default_factory=dict)
    pending: set[bytes] = field(default_factory=set)

    def extend(self, contract: Contract, to_block: int) -> None:
        """Read the finalised blocks up to `to_block`; all of them, or nothing where an endpoint fails."""
        if to_block <= self.read_to:
            return
        first = self.read_to + 1
        posted = [
            self.end.posted(event) for event in event_logs(contract.events.Posted(), {}, first, to_block)
        ]
        delivered = list(_ids(contract.events.Delivered(), first, to_block))
        refused = list(_ids(contract.events.Undelivered(), first, to_block)) if _may_refuse(contract) else []
        self.posted += posted
        self.pending |= {id_ for id_, _ in refused}
        for id_, block in delivered:
            self.arrived.setdefault(id_, block)
            self.delivered[id_] = self.delivered.get(id_, 0) + 1
        self.pending -= self.delivered.keys()
        self.read_to = to_block


def _ids(event: Any, first: int, last: int) -> Iterator[tuple[bytes, int]]:
    """Yield the id of each event of a message, with its block."""
    for found in event_logs(event, {}, first, last):
        yield bytes(found["args"]["id"]), int(found["blockNumber"])


def _may_refuse(contract: Contract) -> bool:
    return any(entry.get("name") == "Undelivered" for entry in contract.abi)


@dataclass(frozen=True)
class RootEnd:
    """The contracts on Ethereum at an endpoint."""

    w3: Web3
    addresses: RootAddresses

    @property
    def gateway(self) -> Contract:
        """The gateway."""
        return bound(self.w3, "RootGateway", self.addresses.gateway)

    @property
    def lockbox(self) -> Contract:
        """The contract that holds the token."""
        return bound(self.w3, "Lockbox", self.addresses.lockbox)

    @property
    def results(self) -> Contract:
        """The contract that knows how rounds ended."""
        return bound(self.w3, "RoundResults", self.addresses.results)

    @property
    def burn_sink(self) -> Contract:
        """The contract that destroys burns that came home."""
        return bound(self.w3, "BurnSink", self.addresses.burn_sink)

    @property
    def token(self) -> Contract:
        """NMR on Ethereum."""
        return bound(self.w3, "Numeraire", self.addresses.token)

    def checkpoint(self, number: int, block: int) -> Checkpoint | None:
        """Read a checkpoint at a block; None where there is none."""
        chain = self.w3.eth.contract(
            address=Web3.to_checksum_address(self.addresses.root_chain), abi=ROOT_CHAIN_ABI
        )
        root, start, end, created_at, _ = read_view(chain.functions.headerBlocks(number), block)
        return None if bytes(root) == EMPTY else Checkpoint(number, bytes(root), start, end, created_at)

    def view(self, history: GatewayHistory, block: int, time: int) -> SideView:
        """Read this end at a finalised block."""
        history.extend(self.gateway, block)
        return SideView(
            block,
            time,
            tuple(history.posted),
            dict(history.delivered),
            dict(history.arrived),
            tokens=read_view(self.lockbox.functions.locked(), block),
            paused_until=read_view(self.gateway.functions.pausedUntil(), block),
            sink=read_view(self.token.functions.balanceOf(self.addresses.burn_sink), block),
        )

    def available(self) -> int:
        """Read what may leave the lockbox now, wei."""
        return int(read_view(self.lockbox.functions.available()))


@dataclass(frozen=True)
class ChildEnd:
    """The contracts on Polygon at an endpoint."""

    w3: Web3
    addresses: ChildAddresses

    @property
    def gateway(self) -> Contract:
        """The gateway."""
        return bound(self.w3, "ChildGateway", self.addresses.gateway)

    @property
    def token(self) -> Contract:
        """NMR on Polygon."""
        return bound(self.w3, "CrosschainNumeraire", self.addresses.token)

    @property
    def burn_sink(self) -> Contract:
        """The contract that sends burns home."""
        return bound(self.w3, "CrosschainBurnSink", self.addresses.burn_sink)

    def view(self, history: GatewayHistory, block: int, time: int) -> SideView:
        """Read this end at a finalised block."""
        history.extend(self.gateway, block)
        return SideView(
            block,
            time,
            tuple(history.posted),
            dict(history.delivered),
            dict(history.arrived),
            frozenset(history.pending),
            tokens=read_view(self.token.functions.totalSupply(), block),
            paused_until=read_view(self.gateway.functions.pausedUntil(), block),
            sink=read_view(self.token.functions.balanceOf(self.addresses.burn_sink), block),
        )
