"""What real files have in them is repaired or refused, with the row."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scorer.data.faults import DataError
from scorer.data.sources.assemble import SourcePanel, load_panel
from tests.data.test_sources import DAYS, ROWS, Row, actions, growth, write

TEXT = "date,name,close\n" + "".join(f"{day},{name},{price}\n" for day, name, price in ROWS)
LAST = "2024-01-08"


def refused(path: Path) -> str:
    with pytest.raises(DataError) as error:
        load_panel(path)
    return str(error.value)


def in_bytes(folder: Path, content: bytes) -> Path:
    path = write(folder, ROWS)
    (folder / "prices.csv").write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.rstrip().encode(),
        TEXT.replace("\n2024-01-04", "\n\n2024-01-04").encode(),
        TEXT.replace("close", '"close"').replace(",A,", ', "A" ,').replace('"A"', " A ").encode(),
    ],
)
def test_the_ways_of_writing_csv_give_one_panel(tmp_path: Path, content: bytes) -> None:
    expected = load_panel(write(tmp_path, ROWS)).panel.digest()
    assert load_panel(in_bytes(tmp_path, content)).panel.digest() == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (TEXT.encode("utf-16"), "found text in UTF-16; save it as UTF-8"),
        (TEXT.replace(",B,", ",Bé,").encode("latin-1"), "found bytes of another encoding in row 2"),
        ((TEXT + f"{LAST},C\n").encode(), "found 2 cells in row 11, where the header has 3"),
        ((TEXT + f"{LAST},C,5,6\n").encode(), "found 4 cells in row 11, where the header has 3"),
        ((TEXT + f'{LAST},"C\nD",5\n').encode(), "row 11, C\\nD, 2024-01-08: expected a name of printable"),
        (
            (TEXT + f"{LAST},C\u202e,5\n").encode(),
            "row 11, C\\u202e, 2024-01-08: expected a name of printable",
        ),
        ((TEXT + f"{LAST},C\0,5\n").encode(), "row 11, C\\x00, 2024-01-08: expected a name of printable"),
        ((TEXT + f'{LAST},C,"10,5"\n').encode(), "row 11, C, 2024-01-08: expected a number"),
        ((TEXT + "0001-01-02,A,5\n").encode(), "row 11, A, 0001-01-02: expected a date from 1900-01-01"),
        ((TEXT + "2204-01-02,A,5\n").encode(), "row 11, A, 2204-01-02: expected a date from 1900-01-01"),
        ((TEXT + "2025-03-03,A,5\n").encode(), "row 11, A, 2025-03-03: expected a date within 366 days"),
        ((TEXT + "08.01.2024,A,5\n").encode(), "row 11, A: expected an ISO date"),
        (TEXT.replace(",", ";").encode(), "expected the columns close, date, name, found date;name;close"),
        (b"", "found Empty CSV file"),
    ],
)
def test_a_file_that_is_not_as_expected_is_refused_with_the_row(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    assert expected in refused(in_bytes(tmp_path, content))


FRAME = pd.DataFrame(ROWS, columns=["date", "name", "close"])
DATES = pd.to_datetime(FRAME["date"])


def in_parquet(folder: Path, frame: pd.DataFrame) -> Path:
    frame.to_parquet(folder / "prices.parquet")
    document = (
        'version = 1\ncalendar = "XNYS"\n[[tables]]\nkind = "parquet"\npath = "prices.parquet"\n'
        'fields = { close = "close" }\n'
    )
    return write(folder, ROWS, document=document)


@pytest.mark.parametrize(
    "frame",
    [
        FRAME.astype({"name": "category"}),
        FRAME.assign(close=FRAME["close"].astype(str).astype("category")),
        FRAME.assign(date=DATES.dt.tz_localize("UTC")),
        FRAME.assign(date=DATES.dt.date),
        FRAME.assign(close=FRAME["close"].astype("float32")),
    ],
)
def test_the_types_of_parquet_give_one_panel(tmp_path: Path, frame: pd.DataFrame) -> None:
    expected = load_panel(write(tmp_path, ROWS)).panel.digest()
    assert load_panel(in_parquet(tmp_path, frame)).panel.digest() == expected


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (FRAME.assign(date=DATES.dt.tz_localize("America/New_York")), "found 2024-01-02 00:00:00-05:00"),
        (FRAME.assign(date=DATES + pd.Timedelta(hours=16)), "row 1, A, 2024-01-02: expected an ISO date"),
        (FRAME.assign(date=DATES.astype("int64")), "row 1, A: expected an ISO date"),
        (
            FRAME.assign(close=pd.Series([[price] for price in FRAME["close"]])),
            "row 1, A, 2024-01-02: expected a number",
        ),
        (FRAME.assign(name=FRAME["name"].where(FRAME.index > 0)), "row 1, 2024-01-02: expected a name"),
    ],
)
def test_a_type_that_says_something_else_is_refused(
    tmp_path: Path, frame: pd.DataFrame, expected: str
) -> None:
    assert expected in refused(in_parquet(tmp_path, frame))


def in_sql(folder: Path, rows: Sequence[Row]) -> Path:
    with sqlite3.connect(folder / "prices.db") as database:
        database.execute("create table prices (date text, name text, close)")
        database.executemany("insert into prices values (?, ?, ?)", rows)
    database.close()
    query = "select * from prices where name <> 'Z' order by date"
    document = (
        f'version = 1\ncalendar = "XNYS"\n[[tables]]\nkind = "sql"\nurl = "sqlite:///{folder}/prices.db"\n'
        f'query = "{query}"\nfields = {{ close = "close" }}\n'
    )
    return write(folder, ROWS, document=document)


def test_a_query_gives_the_panel_of_its_rows(tmp_path: Path) -> None:
    expected = load_panel(write(tmp_path, ROWS)).panel.digest()
    assert load_panel(in_sql(tmp_path, [*ROWS, (LAST, "Z", 1)])).panel.digest() == expected


@pytest.mark.parametrize(("value", "found"), [("ten", "ten"), (b"xx", "b'xx'")])
def test_a_column_of_a_database_with_several_types_is_refused_by_its_row(
    tmp_path: Path, value: object, found: str
) -> None:
    said = refused(in_sql(tmp_path, [*ROWS, (LAST, "C", value)]))
    assert f"row 11, C, 2024-01-08: expected a number in the column close, found {found}" in said


def flat(without: str = "") -> list[Row]:
    rows: list[Row] = [(day, "A", 10) for day in DAYS if day != without]
    return [*rows, *((day, "B", 5) for day in DAYS)]


def with_actions(folder: Path, rows: Sequence[Row], *given: Row) -> Path:
    return write(folder, rows, more=actions(folder, *given))


def loaded(folder: Path, rows: Sequence[Row], *given: Row) -> SourcePanel:
    return load_panel(with_actions(folder, rows, *given))


@pytest.mark.parametrize("ratio", ["3", "2", "3/2", "1/10"])
def test_a_split_of_prices_that_are_adjusted_already_is_refused(tmp_path: Path, ratio: str) -> None:
    said = refused(with_actions(tmp_path, flat(), ("2024-01-04", "A", "split", ratio)))
    assert "prices.csv: row 3, A, 2024-01-04: expected a price that moves by the split on record" in said
    assert "prices are as quoted, found a move of +0.0%" in said


def test_a_split_of_adjusted_prices_may_be_trusted(tmp_path: Path) -> None:
    more = actions(tmp_path, ("2024-01-04", "A", "split", 2)) + '[repairs]\njumps = "trust"\n'
    assert max(growth(load_panel(write(tmp_path, flat(), more=more)), "A")) == np.log(2).round(6)


def test_a_dividend_on_a_day_without_a_price_is_paid_with_the_next(tmp_path: Path) -> None:
    found = loaded(tmp_path, flat("2024-01-04"), ("2024-01-04", "A", "dividend", 1))
    assert growth(found, "A") == np.log([1, 1, 1, 1.1, 1.1]).round(6).tolist()


def test_a_dividend_in_another_unit_is_refused(tmp_path: Path) -> None:
    said = refused(with_actions(tmp_path, flat(), ("2024-01-04", "A", "dividend", 50)))
    assert "row 3, A, 2024-01-04: expected a dividend below the price before it, 10, found 50" in said


def test_a_rename_to_a_name_without_rows_is_told(tmp_path: Path) -> None:
    rows = [(day, "OLD" if day < "2024-01-04" else "NEW", 10) for day in DAYS]
    found = loaded(tmp_path, [*rows, *flat()], ("2024-01-04", "OLD", "rename", "NWE"))
    (fault,) = [fault for fault in found.report.faults if fault.done == "left out"]
    assert (fault.file.endswith("actions.csv"), fault.row, fault.name) == (True, 1, "OLD")
    assert fault.expected == "a row of NWE from 2024-01-04 on"
    (fault,) = loaded(tmp_path, flat(), ("2024-01-04", "X", "rename", "A")).report.faults
    assert (fault.name, fault.expected, fault.done) == ("X", "a row of X before 2024-01-04", "left out")


def test_an_asset_that_is_renamed_twice_is_one(tmp_path: Path) -> None:
    rows: list[Row] = [(day, name, 10) for day, name in zip(DAYS, "ABCCC", strict=True)]
    changes = [("2024-01-03", "A", "rename", "B"), ("2024-01-04", "B", "rename", "C")]
    found = loaded(tmp_path, [*rows, *((day, "Z", 1) for day in DAYS)], *changes)
    assert found.panel.names == ("A", "Z")
    assert np.isfinite(found.panel.prices).all()


def test_a_held_price_is_reported_with_its_row(tmp_path: Path) -> None:
    rows = [row if row[:2] != ("2024-01-05", "A") else ("2024-01-05", "A", 100) for row in flat()]
    found = load_panel(write(tmp_path, rows))
    fault = next(fault for fault in found.report.faults if fault.done == "held back")
    assert (fault.file.endswith("prices.csv"), fault.row, fault.name, fault.date) == (
        True,
        4,
        "A",
        "2024-01-05",
    )


def test_a_negative_volume_is_refused(tmp_path: Path) -> None:
    rows = [(*row, -5 if row[:2] == ("2024-01-04", "B") else 5) for row in ROWS]
    document = (
        'version = 1\ncalendar = "XNYS"\n[[tables]]\nkind = "csv"\npath = "prices.csv"\n'
        'fields = { close = "close", volume = "volume" }\n'
    )
    path = write(tmp_path, rows, header="date,name,close,volume", document=document)
    assert "row 6, B, 2024-01-04: expected a volume of 0 or more, found -5" in refused(path)
