"""Strangers' submissions, read in child processes: what kills or fills a reader refuses one file alone."""

import io
import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorer.isolation import InProcessReader, IsolatedReader, IsolationReason, ReadResult
from scorer.submission.file import read_table
from scorer.submission.reader import (
    Coverage,
    SubmissionReader,
    SubmissionUnread,
    read_for,
    read_limits,
)
from scorer.submission.table import ID_AND_PREDICTION, SubmissionRefused, most_bytes
from scorer.submission.validity import Universe

FILES = Path("tests/hostile/files/submissions")
IDS = tuple(f"{number:06}" for number in range(270))
UNIVERSE = Universe(IDS, {})
VALUES = np.round(np.linspace(0.01, 0.99, len(IDS)), 6)
CODECS = ["none", "snappy", "gzip", "brotli", "lz4", "zstd"]


@pytest.fixture(scope="module")
def pool() -> Iterator[IsolatedReader]:
    with IsolatedReader(workers=1) as reader:
        yield reader


def parquet(ids: object = IDS, values: object = VALUES, **settings: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"id": ids, "prediction": values}), buffer, **settings)
    return buffer.getvalue()


def csv(column: str, ids: object, values: object = VALUES) -> bytes:
    return pd.DataFrame({column: ids, "prediction": values}).to_csv(index=False).encode()


@pytest.mark.parametrize("name", ["abort-one-bit", "encrypted-column", "index-escape", "abort1", "escapes"])
def test_a_file_that_ended_the_operator_is_refused_alone(pool: IsolatedReader, name: str) -> None:
    reader = SubmissionReader(pool, None, UNIVERSE)
    with pytest.raises(SubmissionRefused) as refusal:
        reader.read((FILES / f"{name}.parquet").read_bytes(), "7.parquet")
    assert str(refusal.value).startswith("7.parquet: expected ")
    assert reader.read(parquet(), "8.parquet").values.tolist() == VALUES.tolist()


def test_a_reader_that_dies_is_told_by_its_signal(
    pool: IsolatedReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scorer.submission.reader.read_alignment", abort)
    reader = SubmissionReader(pool, None, UNIVERSE)
    with pytest.raises(SubmissionUnread) as unread:
        reader.read(b"x", "7.csv")
    assert str(unread.value) == (
        "7.csv: expected a file that can be read, found one whose reader died of signal 6 (SIGABRT)"
    )
    assert unread.value.cause == IsolationReason.CRASHED


def abort(content: bytes, kind: str | None, universe: Universe) -> ReadResult:
    import os

    os.abort()


LIES = {
    "too few": ReadResult({}, (VALUES[:-1],)),
    "too many": ReadResult({}, (np.append(VALUES, 0.5),)),
    "half a number": ReadResult({}, (VALUES.tobytes()[:-3],)),
    "none": ReadResult({}, ()),
    "two": ReadResult({}, (VALUES, VALUES)),
    "infinite": ReadResult({}, (np.where(VALUES > 0.5, np.inf, VALUES),)),
    "outside": ReadResult({}, (VALUES + 1,)),
    "a gap": ReadResult({}, (np.where(VALUES > 0.5, np.nan, VALUES),)),
    "no facts": ReadResult({}, (VALUES,)),
    "a count that is none": ReadResult(
        {"unknown": True, "near": 0, "missing_ids": [], "unknown_ids": [], "near_pairs": []}, (VALUES,)
    ),
    "control characters": ReadResult(
        {"unknown": 0, "near": 0, "missing_ids": ["\x1b[2J"], "unknown_ids": [], "near_pairs": []}, (VALUES,)
    ),
    "many texts": ReadResult(
        {"unknown": 0, "near": 0, "missing_ids": ["a"] * 99, "unknown_ids": [], "near_pairs": []}, (VALUES,)
    ),
    "no pairs": ReadResult(
        {"unknown": 0, "near": 0, "missing_ids": [], "unknown_ids": [], "near_pairs": [["a"]]}, (VALUES,)
    ),
    "numbers for texts": ReadResult(
        {"unknown": 0, "near": 0, "missing_ids": [1], "unknown_ids": [], "near_pairs": []}, (VALUES,)
    ),
}


def lie(content: bytes, kind: str | None, universe: Universe) -> ReadResult:
    return LIES[content.decode()]


@pytest.mark.parametrize("what", LIES)
def test_what_a_reader_that_was_taken_over_answers_is_not_believed(
    pool: IsolatedReader, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr("scorer.submission.reader.read_alignment", lie)
    with pytest.raises(SubmissionUnread) as unread:
        SubmissionReader(pool, None, UNIVERSE).read(what.encode(), "7.csv")
    assert unread.value.cause == IsolationReason.DEFECT


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_dictionary": False},
        {"use_dictionary": False, "column_encoding": {"id": "DELTA_BYTE_ARRAY", "prediction": "PLAIN"}},
        {
            "use_dictionary": False,
            "column_encoding": {"id": "DELTA_LENGTH_BYTE_ARRAY", "prediction": "BYTE_STREAM_SPLIT"},
        },
        {"dictionary_pagesize_limit": 300, "data_page_size": 300},
        {"data_page_version": "2.0"},
        {"version": "1.0"},
        {"row_group_size": 7},
    ],
)
def test_every_encoding_and_codec_of_pyarrow_is_read(
    pool: IsolatedReader, codec: str, settings: dict[str, object]
) -> None:
    content = parquet(compression=codec, **settings)
    found = SubmissionReader(pool, None, UNIVERSE).read(content, "7.parquet")
    assert found.values.tolist() == VALUES.tolist()
    assert found.coverage.is_complete


@pytest.mark.parametrize("name", ["delta", "delta-length"])
def test_files_of_delta_encoding_from_other_writers_are_read(name: str) -> None:
    found = read_for(None, (FILES / f"{name}.parquet").read_bytes(), Universe(("a", "b", "c", "d"), {}), "7")
    assert found.tolist() == [0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.int8(), pa.uint64(), pa.int64()])
def test_every_type_of_number_is_read_as_the_nearest_float64(kind: pa.DataType) -> None:
    values = pa.array([0, 1, None, 2**53 + 1 if kind in (pa.int64(), pa.uint64()) else 1], pa.int64())
    column = values.cast(kind)
    found = read_table(
        parquet(pa.array(["a", "b", "c", "d"]), column), ID_AND_PREDICTION, "7", ids=4
    ).predictions
    expected = np.array([0.0, 1.0, np.nan, 2.0**53 if kind in (pa.int64(), pa.uint64()) else 1.0])
    np.testing.assert_array_equal(found, expected)


WITHOUT = """
import sys
from scorer.submission.child import read_alignment
from scorer.submission.validity import Universe
for path in sys.argv[1:]:
    try:
        read_alignment(open(path, "rb").read(), None, Universe(("a", "b", "c", "d"), {}))
    except Exception as refused:
        print(refused)
print(sorted({"pandas", "scipy", "web3", "eth_account"} & set(sys.modules)))
"""


def test_reading_imports_no_more_than_it_needs_once_a_zygote(tmp_path: Path) -> None:
    (tmp_path / "7.csv").write_bytes(b"id,prediction\na,0.1\nb,0.2\nc,0.3\nd,0.4\n")
    (tmp_path / "7.parquet").write_bytes(parquet(["a", "b", "c", "d"], [0.1, 0.2, 0.3, 0.4]))
    (tmp_path / "empty.parquet").write_bytes(parquet(pa.array([], pa.string()), pa.array([], pa.float64())))
    names = ("7.csv", "7.parquet", "empty.parquet")
    files = [*(str(tmp_path / name) for name in names), str(FILES / "delta.parquet")]
    done = subprocess.run([sys.executable, "-c", WITHOUT, *files], capture_output=True, text=True, check=True)
    refusal, imported = done.stdout.splitlines()
    assert "missing ids: 4" in refusal
    assert imported == "[]"


def test_many_small_row_groups_of_many_ids_are_no_reason_to_refuse(pool: IsolatedReader) -> None:
    ids = tuple(f"n{number:015x}" for number in range(6_000))
    values = np.linspace(0.1, 0.9, len(ids))
    for settings in ({"row_group_size": 3}, {"use_dictionary": False, "row_group_size": 3}):
        found = SubmissionReader(pool, None, Universe(ids, {})).read(parquet(ids, values, **settings), "7")
        assert found.values.tolist() == values.tolist()


@pytest.mark.parametrize("encoding", ["dictionary", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN"])
@pytest.mark.parametrize("length", [1_001, 2_000_000])
def test_one_huge_id_in_every_row_is_refused(pool: IsolatedReader, encoding: str, length: int) -> None:
    rows = 300 if length > 10_000 else 9_000
    settings: dict[str, object] = {"use_dictionary": encoding == "dictionary"}
    if encoding != "dictionary":
        settings["column_encoding"] = {"id": encoding, "prediction": "PLAIN"}
    ids = pa.array(["x" * length] * (1 if encoding == "PLAIN" else rows))
    content = parquet(ids, np.zeros(len(ids)), compression="zstd", **settings)
    with pytest.raises(SubmissionRefused):
        SubmissionReader(pool, None, UNIVERSE).read(content, "7.parquet")


def lying_page(declared: int) -> bytes:
    """A file whose first page says that it unpacks to another size."""
    content = bytearray(parquet(compression="zstd", use_dictionary=False))
    metadata = pq.ParquetFile(io.BytesIO(bytes(content))).metadata.row_group(0).column(0)
    at = metadata.data_page_offset
    # Thrift's compact protocol: 15 00 (type), 15 and the unpacked size in zigzag.
    assert content[at : at + 3] == b"\x15\x00\x15"
    end = at + 3
    while content[end] & 0x80:
        end += 1
    varint, value = b"", declared << 1
    while value >= 0x80:
        varint, value = varint + bytes([value & 0x7F | 0x80]), value >> 7
    varint += bytes([value])
    return bytes(content[: at + 3] + varint + content[end + 1 :])


@pytest.mark.parametrize("declared", [2**31 - 1, 2**30, 600 * 2**20])
def test_a_page_that_lies_about_its_size_meets_the_limit_and_not_the_machine(
    pool: IsolatedReader, declared: int
) -> None:
    with pytest.raises(SubmissionRefused):
        SubmissionReader(pool, None, UNIVERSE).read(lying_page(declared), "7.parquet")


def test_the_largest_files_that_may_be_are_read_within_the_limits(pool: IsolatedReader) -> None:
    ids = tuple(f"n{number:05}" for number in range(3_000))
    values = np.linspace(0.1, 0.9, len(ids))
    most = most_bytes(len(ids))
    blank = (most - 3_000 * 30) // 3_000
    text = "id,prediction\n" + "".join(
        f"{each},{value:.6f}{'0' * min(blank, 1_000)}\n" for each, value in zip(ids, values, strict=True)
    )
    found = SubmissionReader(pool, None, Universe(ids, {})).read(text.encode(), "7.csv")
    assert len(found.values) == 3_000


def test_limits_grow_with_the_universe_and_stay_under_512_mib_at_6000_ids() -> None:
    assert read_limits(6_000).memory < 512 * 2**20
    assert read_limits(12_000).memory > read_limits(6_000).memory
    assert read_limits(6_000).answer == 6_000 * 8 + 65_536


def test_a_child_reads_what_this_process_reads(pool: IsolatedReader) -> None:
    for kind, column in ((None, "id"), ("classic", "id"), ("signals", "ticker"), ("crypto", "symbol")):
        content = csv(column, IDS)
        found = SubmissionReader(pool, kind, UNIVERSE).read(content, "7.csv").values
        assert found.tobytes() == read_for(kind, content, UNIVERSE, "7.csv").tobytes()


def test_ids_that_were_lost_are_told(pool: IsolatedReader) -> None:
    ids = [*(each.lstrip("0") or "0" for each in IDS[:150]), *IDS[150:]]
    found = SubmissionReader(pool, "signals", UNIVERSE).read(csv("ticker", ids), "7.csv")
    coverage = found.coverage
    assert (coverage.found, coverage.filled, coverage.unknown, coverage.near) == (120, 150, 150, 150)
    assert coverage.unknown_ids == ("0", "1", "10")
    assert coverage.filled_ids == IDS[:3]
    assert ("7", "000007") in coverage.near_pairs or len(coverage.near_pairs) == 3
    assert coverage.is_poor
    assert found.values[:150].tolist() == [0.5] * 150
    json.dumps(coverage.document())


def test_a_refusal_names_near_misses(pool: IsolatedReader) -> None:
    universe = Universe(("AAPL", "MSFT", "007"), {})
    for ids, word in (
        (["aapl", "MSFT", "007"], "'aapl' from 'AAPL'"),
        ([" AAPL", "MSFT", "007"], "' AAPL' from 'AAPL'"),
        (["AAPL", "MSFT", "7"], "'7' from '007'"),
        (["AAPL", "MSFT", "7.0"], "'7.0' from '007'"),
    ):
        with pytest.raises(SubmissionRefused, match=word):
            SubmissionReader(pool, None, universe).read(csv("id", ids, [0.1, 0.2, 0.3]), "7.csv")


def test_coverage_says_nothing_where_all_ids_are_there() -> None:
    assert Coverage(3, 3, 0, 0, 0).sentences() == []
    assert not Coverage(3, 3, 0, 0, 0).is_poor
    assert not Coverage(4, 2, 2, 0, 0).is_poor
    assert Coverage(5, 2, 3, 0, 0).is_poor


def workbook() -> bytes:
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
        archive.writestr("xl/workbook.xml", "<x/>")
    return buffer.getvalue()


def archive() -> bytes:
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mine.csv", "id,prediction\n")
    return buffer.getvalue()


def feather() -> bytes:
    import pyarrow.feather as feather

    buffer = io.BytesIO()
    feather.write_feather(pa.table({"id": ["a"], "prediction": [0.5]}), buffer, compression="uncompressed")
    return buffer.getvalue()


def gzipped() -> bytes:
    import gzip

    return gzip.compress(b"id,prediction\na,0.5\n")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (gzipped(), "data packed by gzip; unpack it first"),
        (archive(), "a zip archive; unpack it first"),
        (workbook(), "an Excel workbook; save it as CSV"),
        (feather(), "an Arrow or Feather file; save it as Parquet"),
        ("id,prediction\na,0.5\n".encode("utf-16"), "text in UTF-16; save it as UTF-8"),
        ("id,prediction\nabcdefgh,0.5\n".encode("utf-16-le"), "text in UTF-16; save it as UTF-8"),
        ("id,prediction\nabcdefgh,0.5\n".encode("utf-16-be"), "text in UTF-16; save it as UTF-8"),
    ],
    # Archives hold the time: two test workers would not agree on the names of the tests.
    ids=["gzip", "zip", "xlsx", "feather", "utf-16", "utf-16-le", "utf-16-be"],
)
def test_content_of_another_kind_is_named(content: bytes, word: str) -> None:
    with pytest.raises(SubmissionRefused, match=word):
        read_for(None, content, Universe(("a",), {}), "7.csv")


def test_a_number_of_any_length_is_no_work() -> None:
    content = b"id,prediction\n" + b"".join(b"a,%s\n" % (b"1" * 100_000) for _ in range(20))
    with pytest.raises(SubmissionRefused, match="other text: 20"):
        read_for(None, content, Universe(("a",), {}), "7.csv")


def test_the_footer_may_be_of_any_length(pool: IsolatedReader) -> None:
    content = parquet()
    for length in (0, 2**31 - 1, 2**32 - 1, len(content)):
        spoiled = content[:-8] + struct.pack("<I", length) + b"PAR1"
        with pytest.raises(SubmissionRefused):
            SubmissionReader(pool, None, UNIVERSE).read(spoiled, "7.parquet")


@pytest.mark.parametrize("kind", [None, "signals"])
def test_a_file_of_ones_own_is_read_without_a_child_as_with_one(
    pool: IsolatedReader, kind: str | None
) -> None:
    """Where the system has no isolation, a data scientist checks a file in the same words."""
    column = "id" if kind is None else "numerai_ticker"
    content = csv(column, IDS) if kind is None else csv(column, [*IDS[:200], "another"], VALUES[:201])
    universe = Universe(IDS, {} if kind is None else {"numerai_ticker": list(IDS)})
    here, there = SubmissionReader(InProcessReader(), kind, universe), SubmissionReader(pool, kind, universe)
    one, other = here.read(content, "7.csv"), there.read(content, "7.csv")
    assert one.values.tobytes() == other.values.tobytes()
    assert one.coverage == other.coverage
    with pytest.raises(SubmissionRefused) as refusal:
        here.read(b"neither\n", "7.csv")
    with pytest.raises(SubmissionRefused) as expected:
        there.read(b"neither\n", "7.csv")
    assert str(refusal.value) == str(expected.value)
