"""Make a panel of raw tables: rows put in their places, and every fault repaired or refused."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.data.faults import REFUSED, DataError, Fault, FaultReport
from scorer.data.panel import UNKNOWN, Groups, Panel
from scorer.data.sources.actions import (
    Action,
    first_name,
    first_names,
    read_actions,
    usable_actions,
    usable_renames,
)
from scorer.data.sources.document import Repairs, SourceDocument, load_source
from scorer.data.sources.repair import Repairer
from scorer.data.sources.tables import RawTable, read_table
from scorer.protocol.schedule import CalendarError, sessions
from scorer.scoring.exact import Floats

DROPPED: Final = "dropped"
LONGEST_CLOSURE: Final = timedelta(days=15)
LONGEST_LEAP: Final = timedelta(days=366)
"""The longest time without any price: no exchange was closed for longer since 1900."""
VOLUME: Final = "volume"


@dataclass(frozen=True, eq=False)
class SourcePanel:
    """A panel, and what was repaired to make it."""

    panel: Panel
    report: FaultReport


def load_panel(path: Path) -> SourcePanel:
    """Make the panel of the source document at `path`.

    Raises
    ------
    DataError
        Names the file, row, name and date of what cannot be repaired.
    """
    return assemble(load_source(path), path.parent)


def assemble(document: SourceDocument, folder: Path) -> SourcePanel:
    """Read all tables of a source and make a panel of them; relative paths begin in `folder`."""
    report = FaultReport()
    tables = [read_table(source, folder, report) for source in document.tables]
    actions = read_actions(document.actions, folder, report)
    return panel_of(document.calendar, tables, actions, document.repairs, document.price, report)


def panel_of(
    calendar: str,
    tables: Sequence[RawTable],
    actions: Sequence[Action],
    repairs: Repairs,
    price: str = "close",
    report: FaultReport | None = None,
) -> SourcePanel:
    """Make a panel of tables that are read.

    Raises
    ------
    DataError
        For faults that `repairs` does not let pass, and for tables without a price.
    """
    report = FaultReport() if report is None else report
    changes = usable_renames(tables, actions, report)
    tables = [first_names(table, changes, report) for table in tables]
    priced = [table for table in tables if price in table.fields and len(table.names)]
    if not priced:
        report.check()
        raise DataError(f"tables: expected a row with the field {price}, found none")
    _refuse_leaps(priced, report)
    report.check()
    days = _sessions(calendar, priced)
    tables = [_repaired_rows(table, days, price in table.fields, price, repairs, report) for table in tables]
    priced = [table for table in tables if price in table.fields]
    report.check()
    names = tuple(sorted({str(name) for table in tables for name in set(table.names.tolist())}))
    placed = [_Placed(table, _places(table, days, names)) for table in tables]
    fields = _fields(placed, (len(days), len(names)), report)
    groups = _groups(placed, (len(days), len(names)), report)
    others = [first_name(action, changes) for action in actions if action.kind != "rename"]
    usable = usable_actions(others, set(names), report)
    report.check()
    quoted = fields.pop(price)
    file = ", ".join(dict.fromkeys(table.file for table in priced))
    repaired = Repairer(
        days,
        names,
        quoted,
        usable,
        report,
        file,
        repairs.splits == "find",
        repairs.jumps == "hold",
    ).run()
    _number_rows(report, priced)
    report.check()
    _note_gaps(days, names, repaired.prices, file, report)
    return SourcePanel(Panel(calendar, days, names, repaired.prices, repaired.growth, fields, groups), report)


def _refuse_leaps(priced: Sequence[RawTable], report: FaultReport) -> None:
    """Refuse a row that is years after the one before it: its year, or that of all before, is mistyped."""
    days = np.unique(np.concatenate([table.dates for table in priced]))
    for place in np.flatnonzero(np.diff(days) > np.timedelta64(LONGEST_LEAP.days, "D")).tolist():
        for table in priced:
            for row in np.flatnonzero(table.dates == days[place + 1])[:1].tolist():
                expected = f"a date within {LONGEST_LEAP.days} days of the one before, {days[place]}"
                report.add(table.fault(row, expected, days[place + 1], REFUSED))


def _sessions(calendar: str, priced: Sequence[RawTable]) -> tuple[date, ...]:
    first = min(table.dates.min() for table in priced).astype(object)
    last = max(table.dates.max() for table in priced).astype(object)
    try:
        # A source may begin or end on a day that is no session, which is a fault of its row.
        found = sessions(calendar, first - LONGEST_CLOSURE, last + LONGEST_CLOSURE).days
    except CalendarError as error:
        raise DataError(str(error)) from None
    return tuple(day for day in found if first <= day <= last)


def _repaired_rows(
    table: RawTable,
    days: tuple[date, ...],
    is_priced: bool,
    price: str,
    repairs: Repairs,
    report: FaultReport,
) -> RawTable:
    if is_priced:
        table = _on_sessions(table, days, repairs, report)
        table = _positive(table, price, repairs, report)
    if VOLUME in table.fields:
        report.extend(
            table.fault(row, f"a {VOLUME} of 0 or more", float(table.fields[VOLUME][row]), REFUSED)
            for row in np.flatnonzero(table.fields[VOLUME] < 0).tolist()
        )
    return _each_once(table, repairs, report)


def _on_sessions(table: RawTable, days: tuple[date, ...], repairs: Repairs, report: FaultReport) -> RawTable:
    known = np.isin(table.dates, np.array(days, dtype="datetime64[D]"))
    done = REFUSED if repairs.dates == "refuse" else DROPPED
    report.extend(
        table.fault(row, "a date that is a session of the exchange", "another", done)
        for row in np.flatnonzero(~known).tolist()
    )
    return table.take(known)


def _positive(table: RawTable, price: str, repairs: Repairs, report: FaultReport) -> RawTable:
    values = table.fields[price]
    wrong = values <= 0
    done = REFUSED if repairs.prices == "refuse" else "set missing"
    report.extend(
        table.fault(row, f"a {price} above 0", float(values[row]), done)
        for row in np.flatnonzero(wrong).tolist()
    )
    fields = dict(table.fields) | {price: np.where(wrong, np.nan, values)}
    return RawTable(table.file, table.dates, table.names, fields, table.groups, table.known, table.rows)


def _each_once(table: RawTable, repairs: Repairs, report: FaultReport) -> RawTable:
    """Keep one row for each name and date; rows stay in the order of the file."""
    if not len(table.names):
        return table
    _, codes = np.unique(table.names.astype(str), return_inverse=True)
    order = np.lexsort((np.arange(len(codes)), table.dates, codes))
    same = (np.diff(codes[order]) == 0) & (np.diff(table.dates[order].astype(np.int64)) == 0)
    if not same.any():
        return table
    kept = np.ones(len(codes), dtype=np.bool_)
    for before, row in zip(order[:-1][same].tolist(), order[1:][same].tolist(), strict=True):
        equal = _row(table, before) == _row(table, row)
        if equal:
            done = "dropped, being equal"
        else:
            done = REFUSED if repairs.duplicates == "refuse" else f"kept the {repairs.duplicates}"
        report.add(table.fault(row, "each name once on a date", f"row {table.numbers[before]} too", done))
        if not equal and repairs.duplicates == "first" and kept[before]:
            kept[row] = False
        else:
            kept[before if kept[before] else row] = False
    return table.take(kept)


def _row(table: RawTable, row: int) -> list[object]:
    numbers = [float(values[row]).hex() for values in table.fields.values()]
    known = [] if table.known is None else [str(table.known[row])]
    return [*numbers, *known, *(values[row] for values in table.groups.values())]


@dataclass(frozen=True, eq=False)
class _Placed:
    """A table and where its rows belong; rows that became known after the last session belong nowhere."""

    table: RawTable
    at: tuple[NDArray[np.int64], NDArray[np.int64]]


def _places(
    table: RawTable, days: tuple[date, ...], names: tuple[str, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The session of each row, the first from the day on which it was known, and its name's place."""
    known = table.dates if table.known is None else np.maximum(table.known, table.dates)
    rows = np.searchsorted(np.array(days, dtype="datetime64[D]"), known)
    columns = np.searchsorted(np.array(names), table.names.astype(str)) if len(table.names) else rows
    return rows, columns


def _fields(placed: Sequence[_Placed], shape: tuple[int, int], report: FaultReport) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for each in placed:
        rows, columns = each.at
        # Of rows that became known together, the one of the latest date counts.
        order = np.argsort(each.table.dates, kind="stable")
        order = order[rows[order] < shape[0]]
        for name, values in each.table.fields.items():
            grid = found.setdefault(name, np.full(shape, np.nan))
            cells = grid[rows[order], columns[order]]
            given = values[order]
            for place in np.flatnonzero(np.isfinite(cells) & np.isfinite(given) & (cells != given)).tolist():
                expected = f"one {name} from all tables"
                found_here = f"{cells[place]:g} and {given[place]:g}"
                report.add(each.table.fault(int(order[place]), expected, found_here, REFUSED))
            usable = np.isfinite(given)
            grid[rows[order][usable], columns[order][usable]] = given[usable]
    return found


def _groups(placed: Sequence[_Placed], shape: tuple[int, int], report: FaultReport) -> dict[str, Groups]:
    texts: dict[str, list[tuple[_Placed, NDArray[np.object_]]]] = {}
    for each in placed:
        for name, values in each.table.groups.items():
            texts.setdefault(name, []).append((each, values))
    return {name: _group(name, found, shape, report) for name, found in texts.items()}


def _group(
    name: str,
    found: Sequence[tuple[_Placed, NDArray[np.object_]]],
    shape: tuple[int, int],
    report: FaultReport,
) -> Groups:
    """Codes by session: a group stands until another is given."""
    labels = tuple(sorted({str(text) for _, values in found for text in set(values.tolist()) if text}))
    codes = np.full(shape, UNKNOWN, dtype=np.int16)
    for each, values in found:
        rows, columns = each.at
        # Of rows that became known together, the one of the latest date counts.
        order = np.argsort(each.table.dates, kind="stable")
        order = order[(values[order] != "") & (rows[order] < shape[0])]
        given = np.searchsorted(np.array(labels), values[order].astype(str))
        before = codes[rows[order], columns[order]]
        for place in np.flatnonzero((before != UNKNOWN) & (before != given)).tolist():
            two = f"{labels[before[place]]} and {labels[given[place]]}"
            report.add(each.table.fault(int(order[place]), f"one {name} from all tables", two, REFUSED))
        codes[rows[order], columns[order]] = given
    for session in range(1, shape[0]):
        unknown = codes[session] == UNKNOWN
        codes[session, unknown] = codes[session - 1, unknown]
    return Groups(labels, codes)


def _number_rows(report: FaultReport, priced: Sequence[RawTable]) -> None:
    """Give the faults that were found in prices by session the file and the number of their row."""
    wanted = {(fault.name, fault.date) for fault in report.faults if not fault.row}
    days = {date for _, date in wanted}
    if not wanted:
        return
    found: dict[tuple[str, str], tuple[str, int]] = {}
    for table in priced:
        # A date in words is made once for each day, not for each row.
        dates, codes = np.unique(table.dates, return_inverse=True)
        words = [text if (text := str(day)) in days else "" for day in dates]
        for row, place in enumerate(
            zip(table.names.tolist(), map(words.__getitem__, codes.tolist()), strict=True)
        ):
            if place in wanted:
                found[place] = table.file, int(table.numbers[row])
    report.faults[:] = [
        fault
        if fault.row or (fault.name, fault.date) not in found
        else replace(fault, file=found[fault.name, fault.date][0], row=found[fault.name, fault.date][1])
        for fault in report.faults
    ]


def _note_gaps(
    days: tuple[date, ...], names: tuple[str, ...], prices: Floats, file: str, report: FaultReport
) -> None:
    """Note where a name has no price between two that it has, and sessions without any."""
    present = np.isfinite(prices)
    for session in np.flatnonzero(~present.any(axis=1)).tolist():
        report.add(Fault(file, 0, "", days[session].isoformat(), "prices", "none at all", "left missing"))
    for place, name in enumerate(names):
        where = np.flatnonzero(present[:, place])
        for gap in np.flatnonzero(np.diff(where) > 1).tolist():
            first, last = days[where[gap] + 1], days[where[gap + 1] - 1]
            count = int(where[gap + 1] - where[gap] - 1)
            found = f"none in {count} sessions to {last}"
            report.add(Fault(file, 0, name, first.isoformat(), "a price", found, "left missing"))
