"""Submissions, CSV and Parquet, as the operator reads them, and the signatures beside them."""

import io
import json
import struct
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scorer.isolation import IsolatedReader, IsolationReason
from scorer.operator.inbox_files import read_signature
from scorer.storage.inbox import SIGNATURE_SUFFIX
from scorer.submission.reader import SubmissionReader, SubmissionUnread
from scorer.submission.table import SubmissionRefused
from scorer.submission.validity import Universe
from tests.hostile.target import Target

IDS: Final = tuple(f"{number:04}" for number in range(150))
UNIVERSE: Final = Universe(IDS, {"ticker": IDS, "sedol": [f"S{each}" for each in IDS]})
VALUES: Final = np.linspace(0.01, 0.99, len(IDS))
FILES: Final = Path(__file__).parent / "files" / "submissions"


@cache
def _readers() -> list[SubmissionReader]:
    """A reader for each kind of rules; its child processes are as in the operator."""
    pool = IsolatedReader(workers=1)
    exact = Universe(IDS, {})
    return [SubmissionReader(pool, kind, exact if kind is None else UNIVERSE) for kind in (None, "signals")]


def read(content: bytes) -> None:
    """Read one file as the rules say for which it was most likely written."""
    exact, signals = _readers()
    failure = _failure(signals if b"ticker" in content else exact, content)
    if failure is not None:
        raise failure


def _failure(reader: SubmissionReader, content: bytes) -> SubmissionRefused | None:
    """Why a file is refused. What goes wrong in this program, or takes long, is no refusal."""
    try:
        found = reader.read(content, "7.csv")
    except SubmissionUnread as unread:
        if unread.cause in (IsolationReason.DEFECT, IsolationReason.OUT_OF_TIME):
            raise AssertionError(str(unread)) from None
        return unread
    except SubmissionRefused as refused:
        return refused
    assert ((found.values >= 0) & (found.values <= 1)).all()
    assert found.values.shape == (len(IDS),)
    return None


def _csv_seeds() -> Sequence[bytes]:
    exact = pd.DataFrame({"id": IDS, "prediction": VALUES})
    ticker = pd.DataFrame({"ticker": IDS, "date": 20260101, "signal": VALUES})
    return [
        exact.to_csv(index=False).encode(),
        exact.to_csv(index=False, quoting=1, lineterminator="\r\n").encode(),
        ticker[["ticker", "signal"]].to_csv(index=False).encode(),
        ticker.to_csv(index=False).encode("utf-8-sig"),
        exact.iloc[:2].to_csv(index=False).encode(),
        b"",
    ]


CELLS: Final = [
    *[
        "",
        "NaN",
        "inf",
        "-0",
        "1e400",
        "0x1",
        "1_0",
        "９",
        "0.5",
        "2",
        "-1e-9",
        "9" * 2_000,
        "\u202e",
        "\x00",
        '"',
    ],
    *["=1+1", "a" * 1_001, ",", "\n", "0000", "id", "prediction", "0.5.0", "1,5", "\ufeff", "e", "+", "."],
]


def _spoil_cell(content: bytes, stream: Random) -> bytes:
    rows = content.decode("utf-8", "replace").split("\n")
    at = stream.randrange(len(rows))
    cells = rows[at].split(",")
    cells[stream.randrange(len(cells))] = stream.choice(CELLS)
    rows[at] = ",".join(cells)
    return "\n".join(rows).encode()


MOST: Final = 2**22
"""Bytes of an input with more or longer rows."""


def _spoil_rows(content: bytes, stream: Random) -> bytes:
    rows = content.split(b"\n")
    at = stream.randrange(len(rows))
    change = stream.choice(("drop", "double", "shuffle", "blow up", "columns", "blank"))
    if change == "drop":
        del rows[at]
    elif change == "double":
        rows.insert(at, rows[at])
    elif change == "shuffle":
        stream.shuffle(rows)
    elif change == "blow up":
        # A long row 40,000 times would be gigabytes, of which all but the first are cut off below.
        rows[at:at] = [rows[at]] * min(stream.choice((10, 1_000, 40_000)), MOST // (len(rows[at]) + 1))
    elif change == "columns":
        rows[at] += b"," * stream.choice((1, 100, 100_000))
    else:
        rows[at:at] = [stream.choice((b"", b" ", b",", b'"'))] * stream.choice((1, 100_000))
    return b"\n".join(rows)[:MOST]


def _recode(content: bytes, stream: Random) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(stream.choice(("utf-16", "utf-16-le", "utf-32", "utf-7", "cp037")), "replace")


def parquet(
    ids: object, values: object, names: Sequence[str] = ("id", "prediction"), **settings: Any
) -> bytes:
    """A Parquet file of two columns."""
    buffer = io.BytesIO()
    pq.write_table(pa.table({names[0]: ids, names[1]: values}), buffer, **settings)
    return buffer.getvalue()


ENCODINGS: Final[Sequence[dict[str, Any]]] = (
    {},
    {"compression": "none"},
    {"compression": "zstd", "row_group_size": 40},
    {"compression": "gzip", "data_page_version": "2.0"},
    {"compression": "brotli", "write_page_index": True},
    {"use_dictionary": False, "column_encoding": {"id": "DELTA_BYTE_ARRAY", "prediction": "PLAIN"}},
    {
        "use_dictionary": False,
        "compression": "lz4",
        "column_encoding": {"id": "DELTA_LENGTH_BYTE_ARRAY", "prediction": "BYTE_STREAM_SPLIT"},
    },
    {"dictionary_pagesize_limit": 200, "data_page_size": 200, "compression": "none"},
    {"write_page_checksum": True, "store_schema": False},
)


def _parquet_seeds() -> Sequence[bytes]:
    good = [parquet(list(IDS), VALUES, **settings) for settings in ENCODINGS]
    named = parquet(pa.array(IDS).dictionary_encode(), VALUES, ("ticker", "signal"))
    short = parquet(list(IDS[:3]), VALUES[:3], compression="none")
    whole = parquet(list(range(150)), pa.array(VALUES, pa.float32()), compression="none")
    once_harmful = [each.read_bytes() for each in sorted(FILES.iterdir())]
    return [*good, named, short, whole, *once_harmful]


def spoil_footer(content: bytes, stream: Random) -> bytes:
    """Change what the file says of itself; its length still fits."""
    if len(content) < 12:
        return content
    size = min(struct.unpack("<I", content[-8:-4])[0], len(content) - 12)
    begin = len(content) - 8 - size
    footer = bytearray(content[begin:-8])
    for _ in range(stream.choice((1, 1, 2, 4))):
        if footer:
            at = stream.randrange(len(footer))
            footer[at] = stream.choice((footer[at] ^ 1 << stream.randrange(8), stream.randrange(256)))
    if stream.random() < 0.2:
        at, count = stream.randrange(len(footer) + 1), stream.randrange(1, 6)
        footer[at:at] = stream.choice((b"\xff", b"\x80", b"\x7f", b"\x00")) * count + b"\x7f"
    return content[:begin] + bytes(footer) + struct.pack("<I", len(footer)) + b"PAR1"


def spoil_page(content: bytes, stream: Random) -> bytes:
    """Put a large number, as Thrift's compact protocol writes it, into the beginning of a page."""
    at = stream.choice([4, *(place for place in range(4, len(content) - 8) if content[place] == 0x15)])
    value = stream.choice((2**31 - 1, 2**30, 2**20, 2**32, 2**63 - 1)) << 1
    varint = bytearray()
    while value >= 0x80:
        varint.append(value & 0x7F | 0x80)
        value >>= 7
    varint.append(value)
    return content[: at + 1] + bytes(varint) + content[at + 1 + stream.choice((1, len(varint))) :]


def _bomb(_content: bytes, stream: Random) -> bytes:
    """Little that unpacks to much."""
    length, rows = stream.choice(((10, 200_000), (1_001, 20_000), (500_000, 50), (900, 9_000)))
    settings = stream.choice([each for each in ENCODINGS if "data_page_size" not in each])
    ids = pa.array(["x" * length] * (rows if length * rows < 2**24 else 16))
    return parquet(ids, np.zeros(len(ids)), **{**settings, "compression": "zstd"})


def _other_types(_content: bytes, stream: Random) -> bytes:
    """Columns of types that a submission does not have."""
    count = stream.choice((0, 1, 150))
    kinds: list[pa.DataType] = [
        pa.null(),
        pa.bool_(),
        pa.int8(),
        pa.uint64(),
        pa.float16(),
        pa.float64(),
        pa.decimal128(20, 5),
        pa.date32(),
        pa.timestamp("ns"),
        pa.duration("s"),
        pa.binary(),
        pa.binary(4),
        pa.large_string(),
        pa.string_view(),
        pa.list_(pa.string()),
        pa.struct([("id", pa.string())]),
        pa.map_(pa.string(), pa.string()),
        pa.dictionary(pa.int32(), pa.string()),
    ]
    one, other = (pa.nulls(count, stream.choice(kinds)) for _ in range(2))
    return parquet(
        stream.choice((one, list(IDS[:count]))), stream.choice((other, VALUES[:count])), compression="none"
    )


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="cupel-hostile-"))


def _read_signature(content: bytes) -> None:
    file = _folder() / "7.csv"
    file.with_name("7" + SIGNATURE_SUFFIX).write_bytes(content)
    assert len(read_signature(file).signature) == 65


def _signature_seeds() -> Sequence[bytes]:
    good = {"content_hash": "0x" + "22" * 32, "signature": "0x" + "11" * 64 + "1b"}
    return [
        json.dumps(good).encode(),
        json.dumps(good, indent=1).encode(),
        json.dumps(good | {"signature": "11" * 64 + "1c", "other": [1, {"a": None}]}).encode(),
        b"null",
    ]


PARTS: Final = [
    *(b"null", b"true", b"[]", b"{}", b'""', b"1e999", b"NaN", b"-Infinity", b"[" * 3_000, b'{"a":' * 600),
    *(b'"\\ud800"', b'"\\u0000"', b"9" * 4_000, b"\xff\xfe", b"\xef\xbb\xbf", b"0x", b'"signature"'),
]


def spoil_json(content: bytes, stream: Random) -> bytes:
    """Put what few documents hold before a piece of a document's structure, or in its place."""
    at = stream.choice([0, *(place for place, each in enumerate(content) if each in b'":,{}[]')])
    return content[:at] + stream.choice(PARTS) + content[at + stream.choice((0, 1, 5)) :]


TARGETS: Final = (
    Target(
        "submission-csv",
        _csv_seeds,
        read,
        (SubmissionRefused,),
        (SubmissionUnread,),
        (_spoil_cell, _spoil_cell, _spoil_rows, _recode),
    ),
    Target(
        "submission-parquet",
        _parquet_seeds,
        read,
        (SubmissionRefused,),
        (SubmissionUnread,),
        (spoil_footer, spoil_footer, spoil_footer, spoil_page, spoil_page, _bomb, _other_types),
    ),
    Target("signature", _signature_seeds, _read_signature, (SubmissionRefused,), (), (spoil_json,)),
)
