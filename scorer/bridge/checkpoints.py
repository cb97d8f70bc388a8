"""Checkpoints of Polygon's blocks on Ethereum: the tree over them, and the search for that of a block."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak

from scorer.errors import CupelError

STEP: Final = 10_000
"""Difference between the numbers of two checkpoints of Polygon's RootChain."""
EMPTY: Final = bytes(32)


class CheckpointDiffers(CupelError):
    """Blocks that an endpoint of Polygon gives are not those of the checkpoint."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint: blocks `start` to `end`, `created_at` in seconds since the epoch."""

    number: int
    root: bytes
    start: int
    end: int
    created_at: int

    def covers(self, block: int) -> bool:
        """Return whether a block is in it."""
        return self.start <= block <= self.end


@dataclass(frozen=True)
class BlockLeaf:
    """The part of a block that a checkpoint commits to; `time` in seconds since the epoch."""

    number: int
    time: int
    transactions_root: bytes
    receipts_root: bytes

    @property
    def hash(self) -> bytes:
        """The leaf of the tree, 32 bytes."""
        numbers = (value.to_bytes(32, "big") for value in (self.number, self.time))
        return _hash(*numbers, self.transactions_root, self.receipts_root)


def root_and_branch(leaves: Sequence[bytes], index: int) -> tuple[bytes, list[bytes]]:
    """Return the root of the tree over `leaves`, and the siblings of one of them from the bottom up.

    Heimdall pads the leaves with empty ones to a power of two.
    """
    level = [*leaves, *[EMPTY] * ((1 << (len(leaves) - 1).bit_length()) - len(leaves))]
    siblings = []
    while len(level) > 1:
        siblings.append(level[index ^ 1])
        level = [_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=True)]
        index >>= 1
    return level[0], siblings


def branch_of(checkpoint: Checkpoint, leaves: Sequence[BlockLeaf], block: int) -> list[bytes]:
    """Return the proof that a block is in a checkpoint, from the leaves of all its blocks.

    Raises
    ------
    CheckpointDiffers
        When the leaves are not those of the checkpoint.
    """
    root, siblings = root_and_branch([leaf.hash for leaf in leaves], block - checkpoint.start)
    if root != checkpoint.root:
        raise CheckpointDiffers(
            f"checkpoint {checkpoint.number}: expected blocks {checkpoint.start} to {checkpoint.end} with "
            f"the root 0x{checkpoint.root.hex()} of Ethereum, found 0x{root.hex()}: the endpoint follows "
            "another chain, or Polygon's validators posted a false checkpoint"
        )
    return siblings


def newest_checkpoint(
    read: Callable[[int], Checkpoint | None], known: Checkpoint | None = None, step: int = STEP
) -> Checkpoint | None:
    """Find the newest checkpoint by doubling steps ahead and then by bisection; None: there is none.

    Parameters
    ----------
    read
        Reads the checkpoint of a number; None where there is none.
    known
        One that exists, from an earlier search.
    """
    low, best = (0, None) if known is None else (known.number // step, known)
    ahead = 1
    while (found := read((low + ahead) * step)) is not None:
        low, best, ahead = low + ahead, found, 2 * ahead
    high = low + ahead
    while high - low > 1:
        middle = (low + high) // 2
        found = read(middle * step)
        if found is None:
            high = middle
        else:
            low, best = middle, found
    return best


def checkpoint_of(
    read: Callable[[int], Checkpoint | None], newest: Checkpoint | None, block: int, step: int = STEP
) -> Checkpoint | None:
    """Find the checkpoint that covers a block, by bisection; None: it is in none yet, or in none at all."""
    if newest is None or newest.end < block:
        return None
    low, high = 1, newest.number // step
    while low <= high:
        middle = (low + high) // 2
        found = read(middle * step)
        if found is None or found.end < block:
            low = middle + 1
        elif found.start > block:
            high = middle - 1
        else:
            return found
    return None


def _hash(*parts: bytes) -> bytes:
    return bytes(keccak(b"".join(parts)))
