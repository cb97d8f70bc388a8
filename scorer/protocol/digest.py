"""Digests of what a table means, not of how a library happens to write it.

Parquet bytes differ between writer versions. A digest here covers canonical content: a header of RFC 8785
JSON that names each column, its kind and length, then each column's values in a fixed encoding. Members with
different library versions agree.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import rfc8785
from eth_hash.auto import keccak
from numpy.typing import NDArray

Column = Sequence[str] | NDArray[np.float64] | NDArray[np.int64] | NDArray[np.uint64]


def _header(columns: Sequence[tuple[str, str, int]]) -> bytes:
    """Return a table's header behind its length in four bytes: name, kind and length of each column."""
    header = rfc8785.dumps([list(column) for column in columns])
    # With its length, so that no header's end can be read as a column's beginning.
    return len(header).to_bytes(4, "little") + header


def _encoded(name: str, column: Column) -> tuple[str, bytes]:
    """Return a column's kind and bytes: little-endian numbers, or UTF-8 behind its length in four bytes."""
    if not isinstance(column, np.ndarray):
        return "text", length_prefixed(column)
    if column.ndim != 1 or column.dtype.name not in ("float64", "int64", "uint64"):
        raise TypeError(
            f"column {name}: expected text, or float64, int64 or uint64 of one dimension, "
            f"found {column.dtype} of {column.ndim}"
        )
    if column.dtype.kind == "f":
        column = _canonical(column.astype(np.float64))
    return column.dtype.name, np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<")).tobytes()


def length_prefixed(texts: Sequence[str]) -> bytes:
    """Return texts in UTF-8, each behind its length in four bytes, least byte first."""
    encoded = [text.encode() for text in texts]
    lengths = set(map(len, encoded))
    if len(lengths) != 1:
        return b"".join(len(text).to_bytes(4, "little") + text for text in encoded)
    # Ids are of one length as a rule: then all have the same prefix.
    prefix = lengths.pop().to_bytes(4, "little")
    return prefix + prefix.join(encoded)


def table_digest(columns: Mapping[str, Column]) -> bytes:
    """SHA-256 over the canonical content of a table, columns in the order given.

    Parameters
    ----------
    columns
        Text, or one-dimensional float64, int64 or uint64.

    Returns
    -------
    bytes
        32 bytes.

    Raises
    ------
    TypeError
        When a column is of another type or shape.
    """
    encoded = {name: _encoded(name, column) for name, column in columns.items()}
    digest = hashlib.sha256(
        _header([(name, kind, len(columns[name])) for name, (kind, _) in encoded.items()])
    )
    for _, content in encoded.values():
        digest.update(content)
    return digest.digest()


def json_digest(document: Any) -> bytes:
    """SHA-256 of a document's RFC 8785 canonical JSON."""
    return hashlib.sha256(rfc8785.dumps(document)).digest()


def universe_digest(ids: Sequence[str]) -> bytes:
    """Return the `table_digest` of a round's ids, which ``Tournament.openRound`` fixes."""
    return table_digest({"id": ids})


def content_hashes(ids: Sequence[str], submissions: Iterable[NDArray[np.float64]]) -> Iterator[bytes]:
    """Yield the `content_hash` of many submissions to one universe, whose ids are hashed once for all.

    Raises
    ------
    ValueError
        When a submission has not one prediction for each id.
    TypeError
        When predictions are not float64.
    """
    universe = universe_digest(ids)
    for predictions in submissions:
        if len(predictions) != len(ids):
            raise ValueError(f"expected {len(ids)} predictions, found {len(predictions)}")
        yield _content_of(universe, prediction_bytes(predictions))


def content_of(ids: Sequence[str], content: bytes) -> bytes:
    """Return the content hash of any bytes, which need not be predictions; see `content_hash`."""
    return _content_of(universe_digest(ids), content)


def _content_of(universe: bytes, content: bytes) -> bytes:
    # Two words of 32 bytes, which is what abi.encode makes of two bytes32.
    return keccak(universe + keccak(content))


def prediction_bytes(predictions: NDArray[np.float64]) -> bytes:
    """Predictions as eight bytes each, most significant first, as the EVM reads a number.

    Of finite numbers that are not negative, the bytes ascend as the numbers do. Zero has no sign, and all
    NaNs are one.
    """
    if predictions.dtype.name != "float64" or predictions.ndim != 1:
        raise TypeError(
            "expected predictions in float64 of one dimension, "
            f"found {predictions.dtype} of {predictions.ndim}"
        )
    return _canonical(predictions).astype(">f8").tobytes()


def _canonical(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the numbers with one spelling each: -0.0 and 0.0 mean the same, and so do all NaNs."""
    return np.where(np.isnan(column), np.nan, np.where(column == 0, 0.0, column))


def content_hash(ids: Sequence[str], predictions: NDArray[np.float64]) -> bytes:
    """Return a submission's content hash: what its submitter signs and the round's root commits to.

    It is keccak256(abi.encode(universe digest, keccak256(`prediction_bytes`))): a contract that knows the
    universe's digest needs the predictions alone, not the ids, to recompute it.

    Parameters
    ----------
    ids
        The round's universe, sorted.
    predictions
        In the order of `ids`, shape (ids,).
    """
    return next(content_hashes(ids, [predictions]))
