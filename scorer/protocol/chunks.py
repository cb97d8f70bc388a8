"""Packed positions and scores, and the hash stacks that bind them to a round (contracts/lib/HashStack.sol).

A slot holds four models. A chunk is a run of slots: its positions are one 256-bit word a slot, lane i at
bits 64 i; its scores 12 bytes a slot, a big-endian word of 96 bits with lane i at bits 24 i. Chunks are
pushed while a round locks, and popped, last first, while it settles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray

LANES: Final = 4
"""Models in a slot."""
STAKE_BITS: Final = 54
STAKE_MASK: Final = (1 << STAKE_BITS) - 1
"""The bits of a lane of the ledger that hold a stake; the code of its allocation lies above them."""
SCORE_BYTES: Final = 3
SCORE_LIMIT: Final = 2**23
EMPTY_HEAD: Final = bytes(32)
"""The head of an empty stack."""


@dataclass(frozen=True)
class Chunk:
    """One chunk of locked positions.

    Attributes
    ----------
    from_slot
        Its first slot.
    positions
        nano-NMR, shape (4 * slots,), by lane; 0 where nothing was locked.
    """

    from_slot: int
    positions: NDArray[np.uint64]

    def __post_init__(self) -> None:
        if len(self.positions) == 0 or len(self.positions) % LANES:
            raise ValueError(f"expected positions of whole slots of {LANES}, found {len(self.positions)}")
        if self.from_slot < 0:
            raise ValueError(f"expected a slot from 0 on, found {self.from_slot}")

    @property
    def lanes(self) -> NDArray[np.int64]:
        """The lane of every position, counted over the whole tournament."""
        return np.arange(len(self.positions), dtype=np.int64) + self.from_slot * LANES

    @property
    def words(self) -> tuple[int, ...]:
        """The packed positions, one word a slot."""
        # Little-endian throughout: lane 0 has the lowest bits of the word.
        packed = self.positions.astype("<u8").tobytes()
        return tuple(int.from_bytes(packed[at : at + 32], "little") for at in range(0, len(packed), 32))


def chunk_from_words(from_slot: int, words: Sequence[int]) -> Chunk:
    """Unpack the positions of a ``PositionsLocked`` event."""
    packed = b"".join(word.to_bytes(32, "little") for word in words)
    return Chunk(from_slot, np.frombuffer(packed, dtype="<u8").astype(np.uint64))


def stakes_and_codes(words: Sequence[int]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Unpack the words of ``Tournament.slots``: idle stakes in nano-NMR and allocations' codes, by lane."""
    packed = b"".join(word.to_bytes(32, "little") for word in words)
    lanes = np.frombuffer(packed, dtype="<u8").astype(np.uint64)
    return lanes & np.uint64(STAKE_MASK), lanes >> np.uint64(STAKE_BITS)


def pack_scores(scores: NDArray[np.int64]) -> bytes:
    """Pack reward scores in ppm, shape (4 * slots,), as the ``scores`` argument of ``Tournament.settle``.

    Raises
    ------
    ValueError
        When a score does not fit an int24: its low bits would be another score.
    """
    if len(scores) and not (scores.min() >= -SCORE_LIMIT and scores.max() < SCORE_LIMIT):
        raise ValueError(
            f"expected reward scores of 24 bits, found some from {scores.min()} to {scores.max()} ppm"
        )
    # Two's complement in 24 bits, as Solidity's int24.
    lanes = (np.asarray(scores, dtype=np.int64) & 0xFFFFFF).astype("<u4").reshape(-1, LANES)
    little = lanes.view(np.uint8).reshape(-1, LANES, 4)[:, :, :SCORE_BYTES].reshape(-1, LANES * SCORE_BYTES)
    # Packed from the lowest byte up, then turned around: the EVM reads a slot's 12 bytes as one big-endian
    # word.
    return little[:, ::-1].tobytes()


def unpack_scores(packed: bytes) -> NDArray[np.int64]:
    """Return the reward scores in ppm, by lane, of a ``ChunkSettled`` event; the inverse of `pack_scores`."""
    little = np.frombuffer(packed, dtype=np.uint8).reshape(-1, LANES * SCORE_BYTES)[:, ::-1]
    parts = little.reshape(-1, SCORE_BYTES).astype(np.int64)
    value = parts[:, 0] | parts[:, 1] << 8 | parts[:, 2] << 16
    return np.where(value >= SCORE_LIMIT, value - 2 * SCORE_LIMIT, value)


def push(head: bytes, from_slot: int, content: bytes) -> bytes:
    """Return the stack's head after a chunk is pushed: ``keccak(head, fromSlot, keccak(content))``."""
    return keccak(head + from_slot.to_bytes(32, "big") + keccak(content))


def _heads(pushes: Sequence[tuple[int, bytes]]) -> tuple[bytes, ...]:
    heads = [EMPTY_HEAD]
    for from_slot, content in pushes:
        heads.append(push(heads[-1], from_slot, content))
    return tuple(heads)


def positions_heads(chunks: Sequence[Chunk]) -> tuple[bytes, ...]:
    """Return the heads of the positions stack: empty, then after each chunk."""
    return _heads([(c.from_slot, b"".join(w.to_bytes(32, "big") for w in c.words)) for c in chunks])


def scores_heads(chunks: Sequence[Chunk], scores: Sequence[NDArray[np.int64]]) -> tuple[bytes, ...]:
    """Return the heads of the scores stack: empty, then after each chunk.

    `scores` are in ppm, by lane, a chunk each.
    """
    return _heads([(c.from_slot, pack_scores(s)) for c, s in zip(chunks, scores, strict=True)])


SettleArguments = tuple[int, int, bytes, list[int], bytes, bytes]


def settle_arguments(
    round_id: int, chunks: Sequence[Chunk], scores: Sequence[NDArray[np.int64]] | None
) -> tuple[SettleArguments, ...]:
    """Return the arguments of ``Tournament.settle`` for each chunk, in the order in which they were locked.

    Parameters
    ----------
    scores
        In ppm, by lane, a chunk each; None: the round is void, and its positions return whole.
    """
    positions = positions_heads(chunks)
    # A void round has no scores: its positions return by the same call, with nothing in their place.
    heads = [EMPTY_HEAD] * len(positions) if scores is None else scores_heads(chunks, scores)
    packed = [b""] * len(chunks) if scores is None else [pack_scores(part) for part in scores]
    return tuple(
        (round_id, chunk.from_slot, positions[index], list(chunk.words), heads[index], packed[index])
        for index, chunk in enumerate(chunks)
    )
