"""Read raw tables: CSV, Parquet and SQL, every value checked, with the number of each row kept."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import sqlalchemy
from numpy.typing import NDArray

from scorer.data.faults import REFUSED, DataError, Fault, FaultReport
from scorer.data.sources.document import TableSource, plugin
from scorer.protocol.documents import shown
from scorer.redaction import remember_url, shown_path
from scorer.scoring.exact import Floats

Texts = NDArray[np.object_]
BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
NO_DATE = np.datetime64("NaT", "D")
FIRST_DAY, LAST_DAY = np.datetime64("1900-01-01"), np.datetime64("2199-12-31")
"""Dates outside of these are mistyped, and no calendar knows them."""


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table as it was read; one entry a row.

    Attributes
    ----------
    file
        What errors call it.
    dates, known
        Days; of a row's own date, and on which it became known.
    names
        Text.
    fields
        float64, NaN where the cell is empty.
    groups, texts
        Text by column, empty where the cell is.
    rows
        The number of each row in its file, from 1.
    """

    file: str
    dates: NDArray[np.datetime64]
    names: Texts
    fields: Mapping[str, Floats] = field(default_factory=dict)
    groups: Mapping[str, Texts] = field(default_factory=dict)
    known: NDArray[np.datetime64] | None = None
    rows: NDArray[np.int64] | None = None

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The number of each row in its file, from 1."""
        return np.arange(1, len(self.names) + 1) if self.rows is None else self.rows

    def take(self, kept: NDArray[Any]) -> "RawTable":
        """Return the rows that a mask or an index chooses."""
        return RawTable(
            self.file,
            self.dates[kept],
            self.names[kept],
            {name: values[kept] for name, values in self.fields.items()},
            {name: values[kept] for name, values in self.groups.items()},
            None if self.known is None else self.known[kept],
            self.numbers[kept],
        )

    def fault(self, row: int, expected: str, found: object, done: str) -> Fault:
        """Return a fault of the row at a position."""
        day = self.dates[row]
        shown_day = "" if np.isnat(day) else str(day)
        return Fault(
            self.file, int(self.numbers[row]), str(self.names[row]), shown_day, expected, shown(found), done
        )


def read_table(source: TableSource, folder: Path, report: FaultReport, text: Sequence[str] = ()) -> RawTable:
    """Read a table and note its faults.

    Parameters
    ----------
    folder
        Relative paths begin here.
    text
        Further columns of text, which come among the groups.

    Raises
    ------
    DataError
        When the file cannot be read or lacks a column.
    """
    if source.kind not in READERS:
        return _from_function(source, folder)
    file, table = READERS[source.kind](source, folder)
    groups = dict(source.groups) | {name: name for name in text}
    wanted = [source.date, source.name, *source.fields.values(), *groups.values()]
    wanted += [source.known] if source.known else []
    missing = sorted(set(wanted) - set(table.column_names))
    if missing:
        raise DataError(
            f"{file}: expected the columns {', '.join(missing)}, found {', '.join(table.column_names)}"
        )
    twice = sorted(name for name in set(wanted) if table.column_names.count(name) > 1)
    if twice:
        raise DataError(f"{file}: expected each column once, found {', '.join(twice)} again")
    return _parsed(file, table, source, groups, report)


def _from_function(source: TableSource, folder: Path) -> RawTable:
    if source.kind in ("pyhuge", "synthetic"):
        from scorer.data.sources import packages  # it imports this module

        return packages.PACKAGED[source.kind](source.options)
    found = plugin(source.kind)({"folder": str(folder), **source.options})
    if not isinstance(found, RawTable):
        raise DataError(f"source {source.kind}: expected a RawTable, found {type(found).__name__}")
    return found


def _path(source: TableSource, folder: Path) -> Path:
    if source.path is None:
        raise DataError(f"tables of kind {source.kind}: expected a path, found none")
    return folder / source.path


def _read_csv(source: TableSource, folder: Path) -> tuple[str, pa.Table]:
    path = _path(source, folder)
    file = shown_path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            names = next(csv.reader(lines), [])
        options = pacsv.ConvertOptions(
            # Everything as text: numbers are parsed below, where the row of a fault is known.
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=False,
        )
        return file, pacsv.read_csv(path, convert_options=options)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        found = _broken_row(path) or _first(error)
        raise DataError(f"{file}: expected CSV in UTF-8 with a header, found {found}") from None


def _broken_row(path: Path) -> str:
    """Return the first row that is no text, or has another number of cells than the header; or nothing."""
    try:
        with path.open("rb") as file:
            if file.read(2) in BYTE_ORDER_MARKS:
                return "text in UTF-16; save it as UTF-8"
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            rows = (cells for cells in csv.reader(lines) if cells)
            header = next(rows, [])
            for number, cells in enumerate(rows, start=1):
                if any(0xDC80 <= ord(sign) <= 0xDCFF for cell in cells for sign in cell):
                    return f"bytes of another encoding in row {number}; save it as UTF-8"
                if len(cells) != len(header):
                    return f"{len(cells)} cells in row {number}, where the header has {len(header)}"
    except (OSError, csv.Error):
        pass
    return ""


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _read_parquet(source: TableSource, folder: Path) -> tuple[str, pa.Table]:
    path = _path(source, folder)
    file = shown_path(path)
    try:
        return file, pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{file}: expected a Parquet file, found {_first(error)}") from None


def _read_sql(source: TableSource, folder: Path) -> tuple[str, pa.Table]:  # noqa: ARG001 - as the others
    if source.url is None or source.query is None:
        raise DataError("tables of kind sql: expected a url and a query, found one or none")
    remember_url(source.url)
    file = f"query of {sqlalchemy.make_url(source.url).render_as_string(hide_password=True)}"
    try:
        engine = sqlalchemy.create_engine(source.url)
        with engine.connect() as connection:
            found = connection.execute(sqlalchemy.text(source.query))
            names, rows = list(found.keys()), found.fetchall()
        engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        raise DataError(f"{file}: expected rows, found {_first(error)}") from None
    columns = [_sql_column([_plain(row[place]) for row in rows]) for place in range(len(names))]
    return file, pa.table(dict(zip(names, columns, strict=True)))


def _sql_column(values: Sequence[Any]) -> pa.Array:
    """A column of one type; as text where a database, such as SQLite, gives several."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values])


def _plain(value: Any) -> Any:
    """Decimals of a database as text, which is parsed without a rounding in between."""
    return value if isinstance(value, str | int | float | date | None) else str(value)


READERS = {"csv": _read_csv, "parquet": _read_parquet, "sql": _read_sql}


def _parsed(
    file: str, table: pa.Table, source: TableSource, groups: Mapping[str, str], report: FaultReport
) -> RawTable:
    names = _text(table[source.name])
    dates, bad_dates = _days(table[source.date])
    rows = _Rows(RawTable(file, dates, names), table, report, np.zeros(len(names), dtype=np.bool_))
    rows.refuse(bad_dates, "an ISO date", source.date)
    far = ~bad_dates & ((dates < FIRST_DAY) | (dates > LAST_DAY))
    rows.refuse(far, f"a date from {FIRST_DAY} to {LAST_DAY}", source.date)
    rows.refuse(names == "", "a name", source.name)
    rows.refuse(_unprintable(names), "a name of printable characters", source.name)
    fields = {}
    for name, column in source.fields.items():
        fields[name], bad = _numbers(table[column])
        rows.refuse(bad, "a number", column)
    known = None
    if source.known:
        known, bad = _days(table[source.known])
        rows.refuse(bad | (known < dates), "a date from the row's own on", source.known)
    texts = {name: _text(table[column]) for name, column in groups.items()}
    for name, column in groups.items():
        rows.refuse(_unprintable(texts[name]), "printable characters", column)
    return RawTable(file, dates, names, fields, texts, known).take(~rows.broken)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows of a table as they are read, with those that were refused."""

    raw: RawTable
    table: pa.Table
    report: FaultReport
    broken: NDArray[np.bool_]

    def refuse(self, wrong: NDArray[np.bool_], expected: str, column: str) -> None:
        """Note that some rows have another value in a column than what was expected."""
        for row in np.flatnonzero(wrong).tolist():
            found = self.table[column][row].as_py()
            shown_found = "an empty cell" if found in (None, "") else found
            self.report.add(self.raw.fault(row, f"{expected} in the column {column}", shown_found, REFUSED))
        self.broken[:] |= wrong


def _text(column: pa.ChunkedArray) -> Texts:
    """Text without spaces around it; what is missing is empty."""
    coded = pc.cast(column, pa.string()).combine_chunks().dictionary_encode()
    labels = np.array([label.strip() for label in coded.dictionary.to_pylist()] + [""], dtype=object)
    codes = pc.fill_null(coded.indices, len(labels) - 1).to_numpy(zero_copy_only=False)
    return np.asarray(labels[codes])


def _unprintable(texts: Texts) -> NDArray[np.bool_]:
    """Return which texts have characters that nobody sees: two names that look alike would be two assets."""
    wrong = {text for text in set(texts.tolist()) if not text.isprintable()}
    return np.array([text in wrong for text in texts.tolist()] if wrong else [False] * len(texts), dtype=bool)


def _days(column: pa.ChunkedArray) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Days, and which cells are none.

    A time of day is refused, in text and in timestamps: what became known after the close must not count
    at it.
    """
    if pa.types.is_timestamp(column.type):
        moments = column.to_numpy()
        days = moments.astype("datetime64[D]")
        return days, np.isnat(days) | (days != moments)
    if pa.types.is_date(column.type):
        days = column.to_numpy().astype("datetime64[D]")
        return days, np.isnat(days)
    coded = pc.cast(column, pa.string()).combine_chunks().dictionary_encode()
    labels = np.array([*map(_day, coded.dictionary.to_pylist()), NO_DATE], dtype="datetime64[D]")
    codes = pc.fill_null(coded.indices, len(labels) - 1).to_numpy(zero_copy_only=False)
    days = labels[codes]
    return days, np.isnat(days)


def _day(text: str) -> np.datetime64:
    try:
        return np.datetime64(date.fromisoformat(text.strip()), "D")
    except ValueError:
        return NO_DATE


def _numbers(column: pa.ChunkedArray) -> tuple[Floats, NDArray[np.bool_]]:
    """Numbers, NaN for empty cells, and which cells are neither.

    Text is parsed as Python parses it, correctly rounded: pandas' own parser of CSV is not.
    """
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        try:
            values = pc.cast(column, pa.float64(), safe=False).to_numpy()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return np.full(len(column), np.nan), np.ones(len(column), dtype=np.bool_)
        values = values.astype(np.float64)
        return values, np.isinf(values)
    coded = column.combine_chunks().dictionary_encode()
    parsed = [_number(text) for text in coded.dictionary.to_pylist()]
    labels = np.array([*(value if value is not None else np.nan for value in parsed), np.nan])
    wrong = np.array([*(value is None for value in parsed), False])
    codes = pc.fill_null(coded.indices, len(parsed)).to_numpy(zero_copy_only=False)
    return labels[codes], wrong[codes]


def _number(text: str) -> float | None:
    """A finite number, NaN for empty text, None for anything else: underscores and names of infinity too."""
    text = text.strip()
    if not text:
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) and "_" not in text else None
