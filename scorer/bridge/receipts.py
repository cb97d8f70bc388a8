"""Receipts as blocks commit to them (EIP-2718), those of Polygon's state-sync transactions among them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import rlp
from eth_hash.auto import keccak

from scorer.bridge.trie import Trie
from scorer.errors import CupelError

LEGACY: Final = 0
STATE_SYNC_PREFIX: Final = b"matic-bor-receipt-"
"""With number and hash of the block it hashes to the name of a state-sync transaction from before PIP-74."""


class ReceiptsDisagree(CupelError):
    """The receipts that an endpoint gives are not those that the block commits to."""


def encoded_receipt(receipt: Mapping[str, Any]) -> bytes:
    """Encode a receipt as the trie holds it: the type's byte, unless it is legacy, and four fields in RLP."""
    logs = [[bytes.fromhex(log["address"][2:]), *_topics_and_data(log)] for log in receipt["logs"]]
    fields = [
        _big_endian(_number(receipt["status"])),
        _big_endian(_number(receipt["cumulativeGasUsed"])),
        bytes(receipt["logsBloom"]),
        logs,
    ]
    kind = _number(receipt.get("type", LEGACY))
    return (bytes([kind]) if kind else b"") + bytes(rlp.encode(fields))


def receipts_trie(block: Mapping[str, Any], receipts: Sequence[Mapping[str, Any]]) -> Trie:
    """Return the trie of all receipts of a block, whose root is that of its header.

    Since PIP-74 the receipt of a state-sync transaction (type 0x7f) is in the trie like others. Before it the
    endpoint lists such a transaction last, and the header leaves it out.

    Raises
    ------
    ReceiptsDisagree
        When the root is another one.
    """
    expected = bytes(block["receiptsRoot"])
    for counted in _candidates(block, receipts):
        trie = Trie({rlp.encode(index): encoded_receipt(receipt) for index, receipt in enumerate(counted)})
        if trie.root == expected:
            return trie
    raise ReceiptsDisagree(
        f"block {block['number']}: expected receipts with the root 0x{expected.hex()} that its header has, "
        f"found {len(receipts)} with another; use another endpoint"
    )


def log_place(receipt: Mapping[str, Any], log_index: int) -> int:
    """Return the place in a receipt of the log that has the number `log_index` in its block."""
    places = [place for place, log in enumerate(receipt["logs"]) if _number(log["logIndex"]) == log_index]
    if len(places) != 1:
        raise ReceiptsDisagree(
            f"transaction 0x{bytes(receipt['transactionHash']).hex()}: expected one log of number "
            f"{log_index}, found {len(places)}; use another endpoint"
        )
    return places[0]


def state_sync_hash(number: int, block_hash: bytes) -> bytes:
    """Return the name that bor gave the state-sync transaction of a block before PIP-74."""
    return bytes(keccak(STATE_SYNC_PREFIX + number.to_bytes(8, "big") + block_hash))


def _candidates(
    block: Mapping[str, Any], receipts: Sequence[Mapping[str, Any]]
) -> list[Sequence[Mapping[str, Any]]]:
    name = state_sync_hash(_number(block["number"]), bytes(block["hash"]))
    has_old_state_sync = bool(receipts) and bytes(receipts[-1]["transactionHash"]) == name
    return [receipts, receipts[:-1]] if has_old_state_sync else [receipts]


def _topics_and_data(log: Mapping[str, Any]) -> list[Any]:
    return [[bytes(topic) for topic in log["topics"]], bytes(log["data"])]


def _number(value: Any) -> int:
    return int(value, 16) if isinstance(value, str) else int(value)


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
