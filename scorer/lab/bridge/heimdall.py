"""A stand-in for Polygon's validators: it posts checkpoints, and hands over what is to be read on Polygon.

Heimdall does both after two thirds of its stake have voted. Nobody votes here: checkpoints are believed
because this account posts them, and that is the one thing of Polygon that is not real in a rehearsal.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from web3 import Web3
from web3.contract import Contract

from scorer.bridge.checkpoints import BlockLeaf, root_and_branch
from scorer.lab.anvil import Anvil
from scorer.lab.plain_sender import Sender

STATE_RECEIVER: Final = Web3.to_checksum_address("0x0000000000000000000000000000000000001001")
"""Bor's system contract, in whose name messages are handed over."""
STATE_SYNC_GAS: Final = 5_000_000
"""Gas that bor gives each message."""


@dataclass
class Heimdall:
    """The stand-in.

    Attributes
    ----------
    root_chain
        The contract that checkpoints are posted to.
    state_sender
        The contract whose ``StateSynced`` events are read.
    poster
        The account that posts.
    next_block
        The first block of the next checkpoint.
    read_to
        The last block of Ethereum whose messages were handed over.
    lost
        State syncs that failed on Polygon, which does not repeat them.
    """

    root: Anvil
    child: Anvil
    root_chain: Contract
    state_sender: Contract
    poster: Sender
    next_block: int = 1
    read_to: int = 0
    handed_over: int = 0
    lost: list[Any] = field(default_factory=list)

    def checkpoint(self, *, early: bool = False) -> tuple[int, int]:
        """Finalise what happened on Polygon, and post a checkpoint of it; its first and last block.

        Parameters
        ----------
        early
            Whether it holds only what is final already.
        """
        if not early:
            self.child.finalise()
        start, end = self.next_block, int(self.child.w3.eth.get_block("finalized")["number"])
        if end < start:
            return start, end
        leaves = [self._leaf(number) for number in range(start, end + 1)]
        root, _ = root_and_branch([leaf.hash for leaf in leaves], 0)
        self.poster.send(self.root_chain.functions.setCheckpoint(root, start, end))
        self.root.finalise()
        self.next_block = end + 1
        return start, end

    def sync(self) -> int:
        """Hand over every message that is final on Ethereum; how many there were."""
        self.root.finalise()
        last = int(self.root.w3.eth.get_block("finalized")["number"])
        events = self.state_sender.events.StateSynced().get_logs(from_block=self.read_to + 1, to_block=last)
        for event in events:
            self._hand_over(event["args"]["contractAddress"], bytes(event["args"]["data"]))
        self.read_to = max(last, self.read_to)
        self.child.finalise()
        return len(events)

    def _hand_over(self, receiver: str, data: bytes) -> None:
        self.handed_over += 1
        child = self.child.w3
        child.provider.make_request("anvil_impersonateAccount", [STATE_RECEIVER])  # type: ignore[arg-type]
        child.provider.make_request("anvil_setBalance", [STATE_RECEIVER, hex(10**20)])  # type: ignore[arg-type]
        abi: Any = [
            {
                "type": "function",
                "name": "onStateReceive",
                "stateMutability": "nonpayable",
                "inputs": [{"name": "stateId", "type": "uint256"}, {"name": "data", "type": "bytes"}],
                "outputs": [],
            }
        ]
        contract = child.eth.contract(address=Web3.to_checksum_address(receiver), abi=abi)
        sent = contract.functions.onStateReceive(self.handed_over, data).transact(
            {"from": STATE_RECEIVER, "gas": STATE_SYNC_GAS}
        )
        receipt = child.eth.wait_for_transaction_receipt(sent, poll_latency=0.02)
        if receipt["status"] != 1:
            self.lost.append(receipt)

    def _leaf(self, number: int) -> BlockLeaf:
        block = self.child.w3.eth.get_block(number)
        return BlockLeaf(
            number, block["timestamp"], bytes(block["transactionsRoot"]), bytes(block["receiptsRoot"])
        )
