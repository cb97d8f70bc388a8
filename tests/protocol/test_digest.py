"""Digests of content: golden values, and what does and does not change them."""

import hashlib
import io
import struct

import numpy as np
import pandas as pd
import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from scorer.protocol.digest import (
    Column,
    content_hash,
    content_hashes,
    json_digest,
    prediction_bytes,
    table_digest,
)

TEXT = ["a", "bb", "", "ä"]
FLOATS = np.array([0.0, 0.5, -1.25, np.nan])
INTEGERS = np.array([-1, 0, 1, 2**62], dtype=np.int64)
NATURALS = np.array([0, 1, 2, 2**64 - 1], dtype=np.uint64)
TABLE: dict[str, Column] = {"text": TEXT, "float": FLOATS, "integer": INTEGERS, "natural": NATURALS}


def test_the_digest_is_the_documented_encoding_written_out() -> None:
    header = b'[["text","text",4],["float","float64",4],["integer","int64",4],["natural","uint64",4]]'
    texts = b"\1\0\0\0a\2\0\0\0bb\0\0\0\0\2\0\0\0\xc3\xa4"
    nan = bytes.fromhex("000000000000f87f")
    floats = struct.pack("<3d", 0.0, 0.5, -1.25) + nan
    numbers = struct.pack("<4q", -1, 0, 1, 2**62) + struct.pack("<4Q", 0, 1, 2, 2**64 - 1)
    content = struct.pack("<I", len(header)) + header + texts + floats + numbers
    assert table_digest(TABLE) == hashlib.sha256(content).digest()


def test_digests_never_change_from_release_to_release() -> None:
    assert table_digest(TABLE).hex() == "3dd2608e30932028ffc53b07133c2e5b9182e28d04f99645bd37ba6c576d3899"
    assert table_digest({}).hex() == "3c5376abc04d2ff02af5b89e190399da78613db7c9bb8df5a3f6950eb373d2f5"
    assert (
        content_hash(["a", "b"], np.array([0.25, 1.0])).hex()
        == "77fa99a8c832299e50902223817f3539c8a28041582f80a663ec344477dea43f"
    )
    assert (
        json_digest({"b": [1, None, True], "a": "ä"}).hex()
        == "ed372993dcfa325bbf315af2a9ffd5c16aaa3554429dc8165dbce8afade9d41f"
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"compression": "snappy"},
        {"compression": None},
        {"compression": "zstd"},
        {"row_group_size": 1},
        {"version": "1.0"},
        {"use_dictionary": False, "data_page_version": "2.0"},
    ],
)
def test_how_parquet_is_written_does_not_count(settings: dict[str, object]) -> None:
    written = pd.DataFrame({"id": ["x", "y", "z"], "value": [0.1, np.nan, -0.0]})
    buffer = io.BytesIO()
    written.to_parquet(buffer, index=False, **settings)  # type: ignore[call-overload]
    read = pd.read_parquet(buffer)
    digest = table_digest({"id": list(read["id"]), "value": read["value"].to_numpy()})
    assert digest == table_digest({"id": ["x", "y", "z"], "value": np.array([0.1, np.nan, 0.0])})


def test_zero_has_one_digest_whatever_its_sign() -> None:
    assert table_digest({"x": np.array([-0.0])}) == table_digest({"x": np.array([0.0])})


def test_every_nan_has_the_same_digest() -> None:
    bits = np.array(
        [0x7FF8000000000000, 0xFFF8000000000000, 0x7FF0000000000001, 0x7FFFFFFFFFFFFFFF], np.uint64
    )
    digests = {table_digest({"x": bits[row : row + 1].view(np.float64)}) for row in range(4)}
    assert digests == {table_digest({"x": np.array([np.nan])})}


def test_the_smallest_change_of_a_number_counts() -> None:
    assert table_digest({"x": np.array([0.5])}) != table_digest({"x": np.array([np.nextafter(0.5, 1)])})


def test_byte_order_and_memory_layout_do_not_count() -> None:
    digest = table_digest({"x": INTEGERS})
    assert table_digest({"x": INTEGERS.astype(">i8")}) == digest
    assert table_digest({"x": np.repeat(INTEGERS, 2)[::2]}) == digest
    assert table_digest({"x": FLOATS.astype(">f8")}) == table_digest({"x": FLOATS})


CHANGES: dict[str, dict[str, Column]] = {
    "a name": {"y": np.zeros(2)},
    "a type": {"x": np.zeros(2, dtype=np.int64)},
    "signedness": {"x": np.zeros(2, dtype=np.uint64)},
    "a length": {"x": np.zeros(3)},
    "a value": {"x": np.array([0.0, 1.0])},
    "text": {"x": ["0.0", "0.0"]},
    "another column": {"x": np.zeros(2), "y": np.zeros(2)},
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_part_of_a_table_counts(what: str) -> None:
    assert table_digest(CHANGES[what]) != table_digest({"x": np.zeros(2)})


def test_the_order_of_rows_and_of_columns_counts() -> None:
    assert table_digest({"x": INTEGERS[::-1]}) != table_digest({"x": INTEGERS})
    assert table_digest({"a": TEXT, "b": FLOATS}) != table_digest({"b": FLOATS, "a": TEXT})


def test_no_text_can_be_shifted_into_its_neighbour() -> None:
    digests = {
        table_digest({"x": list(texts)}) for texts in (("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc"))
    }
    assert len(digests) == 4


@pytest.mark.parametrize(
    "column",
    [np.zeros(2, dtype=np.float32), np.zeros((2, 2)), np.array([1, 2], dtype=np.int32), np.array(["a"])],
)
def test_a_column_of_another_type_or_shape_is_refused_by_name(column: Column) -> None:
    with pytest.raises(TypeError, match="column wrong: expected text, or float64, int64 or uint64"):
        table_digest({"wrong": column})


def test_a_content_hash_is_that_of_the_universe_and_of_the_predictions_as_the_evm_reads_them() -> None:
    ids, predictions = ["a", "b", "c"], np.array([0.1, 0.2, 1.0])
    hashes = [table_digest({"id": ids}), keccak(struct.pack(">3d", 0.1, 0.2, 1.0))]
    assert content_hash(ids, predictions) == keccak(encode(["bytes32", "bytes32"], hashes))


def test_the_bytes_of_predictions_ascend_as_the_predictions_do() -> None:
    ascending = np.array([0.0, 5e-324, 0.25, np.nextafter(0.5, 0), 0.5, 1.0])
    encoded = prediction_bytes(ascending)
    words = [encoded[each : each + 8] for each in range(0, len(encoded), 8)]
    assert words == sorted(words)


def test_a_content_hash_knows_no_sign_of_zero_and_one_nan() -> None:
    plain, odd = np.array([0.0, np.nan]), np.array([-0.0, -np.nan])
    assert content_hash(["a", "b"], plain) == content_hash(["a", "b"], odd)


def test_many_content_hashes_are_those_of_each_alone() -> None:
    ids, submissions = ["a", "b", "c"], np.random.default_rng(0).random((5, 3))
    assert list(content_hashes(ids, submissions)) == [content_hash(ids, each) for each in submissions]


def test_predictions_that_do_not_fit_the_ids_have_no_content_hash() -> None:
    with pytest.raises(ValueError, match="expected 2 predictions, found 3"):
        content_hash(["a", "b"], np.zeros(3))
    with pytest.raises(TypeError, match="expected predictions in float64 of one dimension, found int64 of 1"):
        content_hash(["a"], np.zeros(1, dtype=np.int64))


def test_a_json_digest_is_of_the_canonical_form() -> None:
    assert json_digest({"b": 1.0, "a": "x"}) == hashlib.sha256(b'{"a":"x","b":1}').digest()
