"""Receipts of every type, and blocks with state syncs before and after PIP-74."""

from typing import Any

import pytest
import rlp

from scorer.bridge.receipts import (
    ReceiptsDisagree,
    encoded_receipt,
    log_place,
    receipts_trie,
    state_sync_hash,
)
from scorer.bridge.trie import Trie

NUMBER, HASH = 7, b"\7" * 32


def receipt(index: int, kind: int = 2, name: bytes | None = None) -> dict[str, Any]:
    log = {"address": "0x" + "ab" * 20, "topics": [b"\1" * 32], "data": b"data", "logIndex": index + 5}
    return {
        "status": 1,
        "cumulativeGasUsed": 21_000 * (index + 1),
        "logsBloom": bytes(256),
        "type": kind,
        "transactionHash": name or bytes([index]) * 32,
        "logs": [log],
    }


def block(*receipts: dict[str, Any]) -> dict[str, Any]:
    trie = Trie({rlp.encode(index): encoded_receipt(each) for index, each in enumerate(receipts)})
    return {"number": NUMBER, "hash": HASH, "receiptsRoot": trie.root}


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 0x7F])
def test_a_typed_receipt_begins_with_its_type(kind: int) -> None:
    typed, legacy = encoded_receipt(receipt(0, kind)), encoded_receipt(receipt(0, 0))
    assert typed == bytes([kind]) + legacy
    assert legacy[0] >= 0xC0


def test_numbers_come_as_text_too() -> None:
    given = receipt(0) | {"status": "0x1", "cumulativeGasUsed": hex(21_000), "type": "0x2"}
    assert encoded_receipt(given) == encoded_receipt(receipt(0))


def test_a_failed_transaction_without_logs_is_encoded_as_zero() -> None:
    assert rlp.decode(encoded_receipt(receipt(0) | {"status": 0, "logs": []})[1:])[0] == b""


def test_since_pip_74_a_state_sync_is_a_receipt_like_others() -> None:
    receipts = [receipt(0), receipt(1), receipt(2, 0x7F)]
    assert receipts_trie(block(*receipts), receipts).root == block(*receipts)["receiptsRoot"]


def test_before_it_the_header_leaves_out_the_one_that_the_endpoint_lists_last() -> None:
    receipts = [receipt(0), receipt(1)]
    listed = [*receipts, receipt(2, 0, state_sync_hash(NUMBER, HASH))]
    assert receipts_trie(block(*receipts), listed).items == receipts_trie(block(*receipts), receipts).items


def test_no_other_receipt_is_ever_left_out() -> None:
    receipts = [receipt(0), receipt(1)]
    with pytest.raises(ReceiptsDisagree, match="use another endpoint"):
        receipts_trie(block(*receipts), [*receipts, receipt(2)])
    with pytest.raises(ReceiptsDisagree):
        receipts_trie(block(*receipts), receipts[:1])


def test_a_log_is_found_by_its_number_in_the_block() -> None:
    assert log_place(receipt(0), 5) == 0
    with pytest.raises(ReceiptsDisagree, match="expected one log of number 6"):
        log_place(receipt(0), 6)
