"""Bytes kept as the code of contracts: the layout of contracts/lib/StagedCode.sol."""

from collections.abc import Iterator, Sequence
from typing import Final

from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

MAX_PIECE: Final = 24_575
"""Bytes of a piece at most (StagedCode.MAX_PIECE)."""
POOL_BYTES: Final = 131_072
"""Larger transactions are dropped by the pools of geth and bor."""
ENVELOPE_BYTES: Final = 1_024
"""Room for all of a transaction that is not calldata: some hundred bytes of fees, nonce and signature."""
GAS_OF_BYTE: Final = 224
"""Gas that staging a byte takes: 200 for keeping it and at most 16 for sending it, 218 together measured."""
GAS_OF_PIECE: Final = 120_000
"""Gas that a piece takes besides."""


def fits_pools(call: bytes) -> bool:
    """Say whether pools take a transaction with this calldata."""
    return len(call) + ENVELOPE_BYTES <= POOL_BYTES


def pieces_of(content: bytes) -> tuple[bytes, ...]:
    """Return content in pieces, all but the last as large as they may be."""
    return tuple(content[at : at + MAX_PIECE] for at in range(0, len(content), MAX_PIECE))


def cut_at(content: bytes, parts: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return content in pieces, cut around parts of it, so that the same pieces hold each of them alone.

    Parameters
    ----------
    parts
        In the content's order, none twice.

    Raises
    ------
    ValueError
        When a part is not in the content where it is looked for.
    """
    return tuple(piece for run in _runs(content, parts) for piece in pieces_of(run))


def _runs(content: bytes, parts: Sequence[bytes]) -> Iterator[bytes]:
    at = 0
    for part in parts:
        begin = content.index(part, at)
        yield content[at:begin]
        yield part
        at = begin + len(part)
    yield content[at:]


def piece_address(store: str, content: bytes) -> str:
    """Return the checksummed address at which a store keeps a piece."""
    creation = b"\x61" + (len(content) + 1).to_bytes(2, "big") + bytes.fromhex("80600a3d393df300") + content
    digest = keccak(b"\xff" + bytes.fromhex(store.removeprefix("0x")) + bytes(32) + keccak(creation))
    return to_checksum_address(digest[12:])


def staging_gas(content: bytes) -> int:
    """Return the gas that staging a piece takes, at most."""
    return GAS_OF_BYTE * len(content) + GAS_OF_PIECE
