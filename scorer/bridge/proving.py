"""Proves a log of Polygon to Ethereum: its receipt's place in the block, and the block's in a checkpoint."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import rlp
from web3 import Web3
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint

from scorer.bridge.checkpoints import BlockLeaf, Checkpoint, branch_of, checkpoint_of
from scorer.bridge.contracts import RootEnd
from scorer.bridge.receipts import ReceiptsDisagree, log_place, receipts_trie
from scorer.chain.errors import EndpointError
from scorer.errors import CupelError

PAGE: Final = 100
"""Blocks in one batch of requests."""
MOST_LEAVES: Final = 100_000
"""Blocks that are kept for further proofs: some days of Polygon."""


class NotCheckpointed(CupelError):
    """The block of a log is in no checkpoint yet; the message says up to where they go."""


@dataclass(frozen=True)
class LogProof:
    """A proof of a log, as ``CheckpointProof.Proof`` takes it."""

    checkpoint: int
    block_proof: tuple[bytes, ...]
    leaf: BlockLeaf
    transaction_index: int
    receipt_proof: tuple[bytes, ...]
    log_index: int

    @property
    def argument(self) -> tuple[Any, ...]:
        """The struct that the contracts take."""
        leaf = self.leaf
        block = (leaf.number, leaf.time, leaf.transactions_root, leaf.receipts_root)
        place = (self.transaction_index, list(self.receipt_proof), self.log_index)
        return (self.checkpoint, list(self.block_proof), *block, *place)

    def to_json(self) -> dict[str, Any]:
        """Return the proof as a document, numbers as text and bytes in hexadecimal."""
        names = (
            *("checkpoint", "blockProof", "blockNumber", "blockTime", "transactionsRoot", "receiptsRoot"),
            *("transactionIndex", "receiptProof", "logIndex"),
        )
        return {name: _plain(value) for name, value in zip(names, self.argument, strict=True)}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


@dataclass
class Prover:
    """Makes proofs from an endpoint of each chain; blocks of checkpoints are read once.

    Attributes
    ----------
    at_block
        The finalised block of Ethereum at which checkpoints are read.
    """

    root: RootEnd
    child: Web3
    newest: Checkpoint | None
    at_block: int
    step: int
    leaves: dict[int, BlockLeaf] = field(default_factory=dict)

    def prove(self, block: int, transaction: bytes, log_index: int) -> LogProof:
        """Prove the log that has the number `log_index` in a block.

        Raises
        ------
        NotCheckpointed
            When the block is in no checkpoint yet.
        CheckpointDiffers, ReceiptsDisagree
            When the endpoint of Polygon follows another chain.
        """
        checkpoint = checkpoint_of(self._read, self.newest, block, self.step)
        if checkpoint is None:
            end = "none" if self.newest is None else f"checkpoints up to block {self.newest.end}"
            raise NotCheckpointed(f"block {block}: expected it in a checkpoint on Ethereum, found {end}")
        leaves = list(self._leaves(checkpoint))
        index, receipt_proof, place = self._receipt(block, transaction, log_index)
        return LogProof(
            checkpoint.number,
            tuple(branch_of(checkpoint, leaves, block)),
            leaves[block - checkpoint.start],
            index,
            tuple(receipt_proof),
            place,
        )

    def _read(self, number: int) -> Checkpoint | None:
        return self.root.checkpoint(number, self.at_block)

    def _receipt(self, number: int, transaction: bytes, log_index: int) -> tuple[int, list[bytes], int]:
        """Return the place of a transaction, the proof of its receipt, and the place of the log in that."""
        block: Any = self.child.eth.get_block(number)
        receipts = [self.child.eth.get_transaction_receipt(name) for name in list(block["transactions"])]
        names = [bytes(receipt["transactionHash"]) for receipt in receipts]
        if transaction not in names:
            raise ReceiptsDisagree(
                f"block {number}: expected the transaction 0x{transaction.hex()} in it, found it is not; use "
                "another endpoint"
            )
        index = names.index(transaction)
        proof = receipts_trie(block, receipts).proof(rlp.encode(index))
        return index, proof, log_place(receipts[index], log_index)

    def _leaves(self, checkpoint: Checkpoint) -> Iterator[BlockLeaf]:
        numbers = range(checkpoint.start, checkpoint.end + 1)
        if len(self.leaves) > MOST_LEAVES:
            self.leaves.clear()
        missing = [number for number in numbers if number not in self.leaves]
        for start in range(0, len(missing), PAGE):
            self.leaves |= {leaf.number: leaf for leaf in self._page(missing[start : start + PAGE])}
        return (self.leaves[number] for number in numbers)

    def _page(self, numbers: list[int]) -> list[BlockLeaf]:
        provider = self.child.provider
        if not isinstance(provider, JSONBaseProvider):
            return [self._leaf(number) for number in numbers]
        asked = [(RPCEndpoint("eth_getBlockByNumber"), [hex(number), False]) for number in numbers]
        try:
            answers: Any = provider.make_batch_request(asked)
            leaves = [_leaf_of(answer["result"]) for answer in answers]
        except (EndpointError, KeyError, TypeError, ValueError):
            leaves = []
        # Whoever takes no batch is asked for one at a time, where errors are classified.
        is_whole = [leaf.number for leaf in leaves] == numbers
        return leaves if is_whole else [self._leaf(number) for number in numbers]

    def _leaf(self, number: int) -> BlockLeaf:
        return _leaf_of(self.child.eth.get_block(number))


def _leaf_of(block: Mapping[str, Any]) -> BlockLeaf:
    number, time = (_number(block[name]) for name in ("number", "timestamp"))
    roots = (_bytes(block[name]) for name in ("transactionsRoot", "receiptsRoot"))
    return BlockLeaf(number, time, *roots)


def _number(value: Any) -> int:
    return int(value, 16) if isinstance(value, str) else int(value)


def _bytes(value: Any) -> bytes:
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)
