"""Faults of a source are refused or repaired, each with its file, row, name and date."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scorer.data.faults import DataError
from scorer.data.fixed import fixed_log
from scorer.data.sources.assemble import SourcePanel, load_panel
from scorer.data.sources.document import load_source
from tests.data.markets import source

DAYS = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]
PRICES = [(10, 5), (11, 5), (12, 6), (12, 6), (13, 7)]
Row = tuple[object, ...]
ROWS: list[Row] = [
    (day, name, price)
    for day, prices in zip(DAYS, PRICES, strict=True)
    for name, price in zip("AB", prices, strict=True)
]


def write(folder: Path, rows: Sequence[Row], header: str = "date,name,close", **tables: str) -> Path:
    text = "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"
    (folder / "prices.csv").write_text(text)
    document = tables.get("document") or (
        'version = 1\ncalendar = "XNYS"\n[[tables]]\nkind = "csv"\npath = "prices.csv"\n'
        f'fields = {{ close = "close" }}\n{tables.get("more", "")}'
    )
    path = folder / "source.toml"
    path.write_text(document)
    return path


def growth(panel: SourcePanel, name: str) -> list[float]:
    place = panel.panel.names.index(name)
    found: list[float] = (panel.panel.growth[:, place] / 2.0**32).round(6).tolist()
    return found


def test_a_sound_source_has_no_faults(tmp_path: Path) -> None:
    found = load_panel(write(tmp_path, ROWS))
    assert found.report.faults == []
    assert found.panel.names == ("A", "B")
    assert [day.isoformat() for day in found.panel.sessions] == DAYS
    assert growth(found, "A") == np.log([1, 1.1, 1.2, 1.2, 1.3]).round(6).tolist()


DAY = "2024-01-02"
FAULTS: dict[str, tuple[Row, str]] = {
    "a date that is none": (("2024-13-02", "A", 10), "row 11, A: expected an ISO date in the column date"),
    "a day and time": (("2024-01-02T10:00", "A", 10), "row 11, A: expected an ISO date"),
    "no session": (("2024-01-06", "A", 10), "row 11, A, 2024-01-06: expected a date that is a session"),
    "no name": ((DAY, "", 10), "row 11, 2024-01-02: expected a name"),
    "text": ((DAY, "C", "ten"), "row 11, C, 2024-01-02: expected a number in the column close, found ten"),
    "infinity": ((DAY, "C", "inf"), "expected a number in the column close, found inf"),
    "an underscore": ((DAY, "C", "1_0"), "expected a number in the column close, found 1_0"),
    "a price of zero": ((DAY, "C", 0), "row 11, C, 2024-01-02: expected a close above 0, found 0"),
    "a negative price": ((DAY, "C", -3), "expected a close above 0, found -3"),
    "two prices for a day": (
        ("2024-01-03", "A", 12),
        "row 11, A, 2024-01-03: expected each name once on a date, found row 3 too",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused_with_its_place(tmp_path: Path, fault: str) -> None:
    row, expected = FAULTS[fault]
    with pytest.raises(DataError) as refused:
        load_panel(write(tmp_path, [*ROWS, row]))
    assert "prices.csv: row 11" in str(refused.value)
    assert expected in str(refused.value)


def test_all_faults_of_a_file_are_told_together(tmp_path: Path) -> None:
    rows = [row for row, _ in list(FAULTS.values())[:4]]
    with pytest.raises(DataError) as refused:
        load_panel(write(tmp_path, [*ROWS, *rows]))
    assert len(str(refused.value).splitlines()) >= 3


@pytest.mark.parametrize(
    ("repairs", "rows", "done"),
    [
        ("", [("2024-01-03", "A", 11)], "dropped, being equal"),
        ('duplicates = "first"', [("2024-01-03", "A", 99)], "kept the first"),
        ('duplicates = "last"', [("2024-01-03", "A", 11.5)], "kept the last"),
        ('dates = "drop"', [("2024-01-06", "A", 10)], "dropped"),
        ('prices = "drop"', [("2024-01-02", "C", 0), ("2024-01-03", "C", 1)], "set missing"),
    ],
)
def test_a_fault_is_repaired_as_the_document_says(
    tmp_path: Path, repairs: str, rows: Sequence[Row], done: str
) -> None:
    found = load_panel(write(tmp_path, [*ROWS, *rows], more=f"[repairs]\n{repairs}"))
    assert found.report.counts() == {done: 1}
    assert found.report.faults[0].row == 11
    kept = {"kept the last": 11.5}.get(done, 11.0)
    assert found.panel.prices[1, 0] == kept


def test_the_report_is_a_table(tmp_path: Path) -> None:
    found = load_panel(write(tmp_path, [*ROWS, ("2024-01-03", "A", 11)]))
    lines = found.report.csv().splitlines()
    assert lines[0] == "file,row,name,date,expected,found,done"
    assert lines[1].endswith('11,A,2024-01-03,each name once on a date,row 3 too,"dropped, being equal"')


def actions(folder: Path, *rows: Row) -> str:
    lines = ["date,name,action,value", *(",".join(map(str, row)) for row in rows)]
    (folder / "actions.csv").write_text("\n".join(lines) + "\n")
    return '[[actions]]\nkind = "csv"\npath = "actions.csv"\n'


def test_splits_and_dividends_count_on_their_own_day(tmp_path: Path) -> None:
    rows = [(day, "A", price) for day, price in zip(DAYS, (10, 10, 5, 4.5, 5), strict=True)]
    more = actions(tmp_path, ("2024-01-04", "A", "split", 2), ("2024-01-05", "A", "dividend", 0.5))
    found = load_panel(write(tmp_path, rows, more=more))
    assert growth(found, "A") == np.log([1, 1, 1, 1, 5 / 4.5]).round(6).tolist()
    assert found.panel.prices[:, 0].tolist() == [10, 10, 5, 4.5, 5]


def test_a_split_on_a_day_without_a_price_counts_at_the_next(tmp_path: Path) -> None:
    rows = [(day, "A", price) for day, price in zip(DAYS, (9, 9, None, 3, 3), strict=True) if price]
    rows += [("2024-01-04", "B", 1)]
    found = load_panel(write(tmp_path, rows, more=actions(tmp_path, ("2024-01-04", "A", "split", "3"))))
    assert growth(found, "A") == [0, 0, 0, 0, 0]


def test_a_renamed_asset_keeps_its_first_name(tmp_path: Path) -> None:
    rows: Sequence[Row] = [(day, "OLD" if n < 2 else "NEW", 10 + n) for n, day in enumerate(DAYS)]
    found = load_panel(write(tmp_path, rows, more=actions(tmp_path, ("2024-01-04", "OLD", "rename", "NEW"))))
    assert found.panel.names == ("OLD",)
    assert np.isfinite(found.panel.prices).all()


def test_a_row_of_a_name_after_it_was_renamed_is_refused(tmp_path: Path) -> None:
    more = actions(tmp_path, ("2024-01-04", "A", "rename", "C"))
    with pytest.raises(DataError, match="row 5, A, 2024-01-04: expected no row of A from 2024-01-04"):
        load_panel(write(tmp_path, ROWS, more=more))


def test_a_delisted_name_is_paid_its_last_value_and_gone(tmp_path: Path) -> None:
    rows = [row for row in ROWS if row[1] == "B" or str(row[0]) < "2024-01-05"]
    more = actions(tmp_path, ("2024-01-05", "A", "delist", 6))
    found = load_panel(write(tmp_path, rows, more=more))
    assert growth(found, "A")[-2:] == np.log([0.6, 0.6]).round(6).tolist()
    assert np.isnan(found.panel.prices[4, 0])


@pytest.mark.parametrize(
    "row",
    [("2024-01-04", "A", "splitt", 2), ("2024-01-04", "A", "split", 0), ("2024-01-04", "A", "rename", "")],
)
def test_an_action_that_is_none_is_refused(tmp_path: Path, row: Row) -> None:
    with pytest.raises(DataError, match=r"actions\.csv: row 1, A, 2024-01-04: expected"):
        load_panel(write(tmp_path, ROWS, more=actions(tmp_path, row)))


def long(prices: list[float | None]) -> list[Row]:
    """A priced as given from 2024-02-20 on, and B beside it."""
    days = [day.date().isoformat() for day in pd.bdate_range("2024-02-20", periods=len(prices) + 1)]
    days = [day for day in days if day != "2024-03-29"][: len(prices)]
    rows: list[Row] = [
        (day, "A", price) for day, price in zip(days, prices, strict=True) if price is not None
    ]
    return [*rows, *((day, "B", 10 + n % 3 * 0.1) for n, day in enumerate(days))]


def test_a_bad_tick_is_held_back_until_the_next_price_takes_it_back(tmp_path: Path) -> None:
    found = load_panel(write(tmp_path, long([10, 10, 10, 100, 10, 10])))
    assert found.report.counts() == {"held back": 1, "left missing": 1}
    assert np.isnan(found.panel.prices[3, 0])
    assert growth(found, "A") == [0] * 6


def test_a_jump_that_the_next_price_confirms_counts_then(tmp_path: Path) -> None:
    found = load_panel(write(tmp_path, long([10, 10, 10, 100, 101, 101])))
    assert np.isnan(found.panel.prices[3, 0])
    assert growth(found, "A")[2:5] == [0, 0, np.log(10.1).round(6)]


def test_a_split_that_no_action_names_is_found(tmp_path: Path) -> None:
    rising = [100 * (1.01 if n % 2 else 1.0) for n in range(25)]
    rows = long([*rising, *(price / 2 for price in rising)])
    found = load_panel(write(tmp_path, rows, more='[repairs]\nsplits = "find"'))
    assert found.report.counts() == {"split 2 to 1": 1}
    assert max(growth(found, "A")) < 0.011


def test_the_splits_of_the_demo_are_found_without_a_look_ahead() -> None:
    pytest.importorskip("pyhuge")
    from scorer.data.sources.assemble import assemble
    from scorer.data.sources.document import SourceDocument

    document = {
        "version": 1,
        "calendar": "XNYS",
        "tables": [{"kind": "pyhuge"}],
        "repairs": {"splits": "find"},
    }
    found = assemble(SourceDocument.model_validate(document), Path())
    splits = [fault for fault in found.report.faults if fault.done.startswith("split")]
    assert found.panel.prices.shape == (1258, 452)
    assert len(splits) == 196
    assert ("AAPL", "2005-02-28") in {(fault.name, fault.date) for fault in splits}


def test_gaps_are_reported_and_left(tmp_path: Path) -> None:
    found = load_panel(write(tmp_path, [row for row in ROWS if row[:2] != ("2024-01-04", "A")]))
    (fault,) = found.report.faults
    assert (fault.name, fault.date, fault.done) == ("A", "2024-01-04", "left missing")


def test_a_row_counts_from_the_day_on_which_it_was_known(tmp_path: Path) -> None:
    (tmp_path / "earnings.csv").write_text("date,name,known,eps\n2023-12-31,A,2024-01-04,2\n")
    more = '[[tables]]\nkind = "csv"\npath = "earnings.csv"\nknown = "known"\nfields = { eps = "eps" }\n'
    found = load_panel(write(tmp_path, ROWS, more=more))
    assert found.panel.fields["eps"][:, 0].tolist()[2] == 2
    assert np.isnan(found.panel.fields["eps"][:2]).all()


def test_parquet_and_sql_give_the_panel_that_csv_gives(tmp_path: Path) -> None:
    digest = load_panel(write(tmp_path, ROWS)).panel.digest()
    frame = pd.DataFrame(ROWS, columns=["date", "name", "close"])
    frame.assign(date=pd.to_datetime(frame["date"])).to_parquet(tmp_path / "prices.parquet")
    with sqlite3.connect(tmp_path / "prices.db") as database:
        frame.to_sql("prices", database, index=False)
    database.close()
    head = 'version = 1\ncalendar = "XNYS"\n[[tables]]\nfields = { close = "close" }\n'
    for rest in (
        'kind = "parquet"\npath = "prices.parquet"',
        f'kind = "sql"\nurl = "sqlite:///{tmp_path}/prices.db"\nquery = "select * from prices"',
    ):
        assert load_panel(write(tmp_path, ROWS, document=head + rest)).panel.digest() == digest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version = 2", "version: "),
        ('version = 1\ncalendar = "NYSE!"', "calendar: "),
        ('version = 1\ncalendar = "XNYS"\ntables = []', "tables: "),
        ('version = 1\ncalendar = "XNYS"\nprize = "x"\n[[tables]]\nkind = "csv"', "prize: "),
        (
            'version = 1\ncalendar = "XNYS"\n[[tables]]\nkind = "csv"\n[repairs]\njumps = "yes"',
            "repairs.jumps: ",
        ),
        ("version = ", "expected a source document in TOML"),
    ],
)
def test_a_document_that_is_none_is_refused_by_its_field(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "source.toml").write_text(text)
    with pytest.raises(DataError) as refused:
        load_source(tmp_path / "source.toml")
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('kind = "csv"\npath = "none.csv"', "expected CSV in UTF-8 with a header"),
        ('kind = "csv"', "expected a path, found none"),
        ('kind = "parquet"\npath = "prices.csv"', "expected a Parquet file"),
        ('kind = "sql"\nurl = "sqlite://"\nquery = "select * from prices"', "expected rows"),
        ('kind = "csv"\npath = "prices.csv"\nfields = { close = "last" }', "expected the columns last"),
        ('kind = "excel"', "tables.kind: expected one of csv, parquet, sql"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path: Path, table: str, expected: str) -> None:
    path = write(tmp_path, ROWS, document=f'version = 1\ncalendar = "XNYS"\n[[tables]]\n{table}')
    with pytest.raises(DataError) as refused:
        load_panel(path)
    assert expected in str(refused.value)


def test_a_password_of_a_database_is_in_no_message(tmp_path: Path) -> None:
    url = "postgresql+psycopg://user:hunter2secret@127.0.0.1:1/none"
    table = f'kind = "sql"\nurl = "{url}"\nquery = "select 1"'
    with pytest.raises(DataError) as refused:
        load_panel(write(tmp_path, ROWS, document=f'version = 1\ncalendar = "XNYS"\n[[tables]]\n{table}'))
    assert "hunter2secret" not in str(refused.value)


def test_the_synthetic_market_trades_every_day_and_is_the_same_each_time() -> None:
    one, two = source(), source()
    assert one.panel.calendar == "24/7"
    assert one.panel.digest() == two.panel.digest()
    assert not one.report.faults


def test_a_move_of_two_is_the_limit() -> None:
    assert fixed_log(np.array([2.0]))[0] == round(float(np.log(2)) * 2**32)
