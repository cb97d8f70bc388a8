"""Canonical Parquet: every reader reads what was written, and no file with another byte is taken for it."""

import hashlib
import io
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorer.storage.parquet import Column, NotCanonical, read_parquet, write_parquet

ROWS = 40
TABLE: dict[str, Column] = {
    "id": tuple(f"id{row}é" for row in range(ROWS)),
    "x": np.linspace(0, 1, ROWS),
    "n": np.arange(ROWS, dtype=np.int64) - 5,
    "u": np.arange(ROWS, dtype=np.uint64) + np.uint64(2**63),
}
TABLES: dict[str, dict[str, Column]] = {
    "every type": TABLE,
    "no rows": {name: column[:0] for name, column in TABLE.items()},
    "no columns": {},
    "one column": {"id": ("a", "", "\0", "\N{GRINNING FACE}")},
    "many columns": {f"c{number}": np.arange(3.0) for number in range(100)},
    "what is no number": {"x": np.array([np.nan, np.inf, -np.inf, 5e-324])},
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read_back_by_us_and_by_others(name: str) -> None:
    table = TABLES[name]
    content = write_parquet(table)
    own, others = read_parquet(content), pd.read_parquet(io.BytesIO(content))
    assert list(own) == list(others.columns) == list(table)
    for column, values in table.items():
        kind = values.dtype if isinstance(values, np.ndarray) else np.dtype(object)
        assert (others[column].dtype if len(values) else kind) == kind
        assert isinstance(own[column], tuple) == isinstance(values, tuple)
        np.testing.assert_array_equal(np.asarray(own[column]), np.asarray(values))
        np.testing.assert_array_equal(others[column].to_numpy(), np.asarray(values, dtype=kind))


def test_the_bytes_are_the_same_whatever_library_is_installed() -> None:
    """If this fails, files of old rounds are refused: a new form needs a new version beside this one."""
    content = write_parquet(TABLE)
    assert hashlib.sha256(content).hexdigest() == (
        "deb50050ae75305207ab37ac0e78afb3bdc5db204c18e2f94f2fbed9d3e5a4fc"
    )


def test_one_content_is_written_in_one_way() -> None:
    odd = np.array([-0.0, np.float64.fromhex("nan")])
    odd[1:] = np.frombuffer(b"\x01\0\0\0\0\0\xf8\xff", dtype="<f8")
    assert write_parquet({"x": odd}) == write_parquet({"x": np.array([0.0, np.nan])})
    assert write_parquet({"x": odd.astype(">f8")}) == write_parquet({"x": odd})


def test_there_is_nothing_in_a_file_that_a_reader_could_believe_instead_of_the_values() -> None:
    found = pq.ParquetFile(io.BytesIO(write_parquet(TABLE))).metadata
    assert found.metadata is None
    for number in range(found.num_columns):
        chunk = found.row_group(0).column(number)
        assert not chunk.statistics.has_min_max
        assert not chunk.has_column_index
        assert not chunk.has_offset_index
    filtered = pd.read_parquet(io.BytesIO(write_parquet(TABLE)), filters=[("n", "==", 3)])
    assert filtered["id"].tolist() == ["id8é"]


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (np.zeros(2, dtype=np.float32), "float32"),
        (np.zeros((2, 1)), "float64 of 2 dimensions"),
        (np.array(["a", "b"]), "<U1|str"),
        (np.array([None, "b"]), "object"),
    ],
)
def test_a_column_of_another_type_is_not_written(column: Column, found: str) -> None:
    with pytest.raises(TypeError, match=found):
        write_parquet({"x": column})


def test_columns_of_several_lengths_are_not_written() -> None:
    with pytest.raises(ValueError, match=r"expected columns of one length, found \[2, 3\]"):
        write_parquet({"x": np.zeros(2), "y": np.zeros(3)})


def test_text_that_no_file_can_hold_is_not_written() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        write_parquet({"id": ("\ud800",)})


OTHERS: dict[str, dict[str, object]] = {
    "pandas": {},
    "without compression": {"compression": "none"},
    "with statistics only": {"compression": "none", "use_dictionary": False, "store_schema": False},
    "small row groups": {"row_group_size": 7, "store_schema": False, "write_statistics": False},
    "page index": {"write_page_index": True, "store_schema": False},
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_another_writer_is_not_taken(name: str) -> None:
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(pd.DataFrame(TABLE)), content, **OTHERS[name])
    with pytest.raises(NotCanonical, match="expected a canonical Parquet file, found"):
        read_parquet(content.getvalue())


def test_two_columns_of_one_name_are_not_taken() -> None:
    content = write_parquet({"aa": np.zeros(2), "ab": np.zeros(2)})
    with pytest.raises(NotCanonical):
        read_parquet(content.replace(b"ab", b"aa"))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1PAR1", b"PAR1\xff\xff\xff\xffPAR1", b"PAR1" * 9])
def test_what_is_no_parquet_is_not_taken(content: bytes) -> None:
    with pytest.raises(NotCanonical):
        read_parquet(content)


def mutations(content: bytes, count: int) -> list[bytes]:
    """Files with a byte exchanged, gone, or put in, half of them in the footer."""
    stream, found = random.Random(1), []
    for number in range(count):
        at = stream.randrange(len(content) - 400 if number % 2 else 0, len(content))
        put = [stream.randbytes(1), b"", stream.randbytes(2), content[at : at + 1] * 9][number % 4]
        found.append(content[:at] + put + content[at + 1 :])
    return found


def test_a_mutated_file_is_refused_or_means_to_pandas_what_it_means_to_us(tmp_path: Path) -> None:
    """Only values may change, and then for every reader: anything else would be another file."""
    content, taken = write_parquet(TABLE), 0
    for mutated in mutations(content, 4000):
        try:
            own = read_parquet(mutated)
        except NotCanonical:
            continue
        taken += mutated != content
        others = pd.read_parquet(io.BytesIO(mutated))
        assert list(others.columns) == list(own)
        for name, column in own.items():
            np.testing.assert_array_equal(others[name].to_numpy(), np.asarray(column))
    assert 100 < taken < 2000
