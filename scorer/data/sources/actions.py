"""Corporate actions: splits, dividends, renamed and delisted names, from tables of their own."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from scorer.data.faults import REFUSED, DataError, Fault, FaultReport
from scorer.data.sources.document import TableSource
from scorer.data.sources.tables import NO_DATE, RawTable, Texts, read_table
from scorer.protocol.documents import shown

KINDS: Final = ("split", "dividend", "rename", "delist")


@dataclass(frozen=True)
class Action:
    """One action: `value` is new shares for one old, money a share, or the last payment a share.

    Attributes
    ----------
    text
        The value as it was written; of a rename, the new name.
    """

    day: date
    name: str
    kind: str
    value: float
    text: str
    file: str = ""
    row: int = 0


def read_actions(sources: Sequence[TableSource], folder: Path, report: FaultReport) -> list[Action]:
    """Read tables of actions, by date and then name; rows that are none are noted as refused."""
    actions = []
    for source in sources:
        if source.known is not None:
            raise DataError(
                f"actions: expected no column known, found {shown(source.known)}; date them by it"
            )
        table = read_table(source, folder, report, text=("action", "value"))
        for row in range(len(table.names)):
            action = _action(table, row, report)
            if action is not None:
                actions.append(action)
    return sorted(actions, key=lambda action: (action.day, action.name, action.kind, action.text))


def _action(table: RawTable, row: int, report: FaultReport) -> Action | None:
    kind, text = str(table.groups["action"][row]), str(table.groups["value"][row])
    day = table.dates[row].astype(object)
    if kind not in KINDS:
        report.add(table.fault(row, f"one of {', '.join(KINDS)} as action", kind, REFUSED))
        return None
    value = 0.0
    if kind == "rename":
        if not text:
            report.add(table.fault(row, "the new name as value", "an empty cell", REFUSED))
            return None
    else:
        try:
            value = float(Fraction(text))  # 3/2 and 1.5 alike
        except (ValueError, ZeroDivisionError, OverflowError):
            value = -1.0
        if not np.isfinite(value) or value < 0 or (value == 0 and kind != "delist"):
            report.add(table.fault(row, f"a value above 0 for a {kind}", text, REFUSED))
            return None
    return Action(day, str(table.names[row]), kind, value, text, table.file, int(table.numbers[row]))


def first_names(table: RawTable, changes: Sequence[Action], report: FaultReport) -> RawTable:
    """Give every row the first name of its asset, so that a later rename changes no earlier row."""
    names: Texts = table.names.copy()
    for change in changes:
        day = np.datetime64(change.day, "D")
        for row in np.flatnonzero((names == change.name) & (table.dates >= day)):
            expected = f"no row of {change.name} from {change.day}, when it became {change.text}"
            report.add(table.fault(int(row), expected, "one", REFUSED))
        names[(names == change.text) & (table.dates >= day)] = change.name
    return RawTable(table.file, table.dates, names, table.fields, table.groups, table.known, table.rows)


def usable_renames(
    tables: Sequence[RawTable], actions: Iterable[Action], report: FaultReport
) -> list[Action]:
    """Return the renames that join rows of both names, latest first, as `first_names` applies them.

    One of a mistyped name would make one asset two. Before the first row and after the last nothing is known
    of the one name or of the other. Rows of the old name after its day are `first_names`' to refuse.
    """
    dates = [table.dates for table in tables if len(table.dates)]
    first, last = min(map(np.min, dates), default=NO_DATE), max(map(np.max, dates), default=NO_DATE)
    usable = []
    for change in sorted(actions, key=lambda each: each.day, reverse=True):
        day = np.datetime64(change.day, "D")
        if change.kind != "rename":
            continue
        before = day <= first or any(((t.names == change.name) & (t.dates < day)).any() for t in tables)
        after = day > last or any(((t.names == change.text) & (t.dates >= day)).any() for t in tables)
        kept_on = any(((t.names == change.name) & (t.dates >= day)).any() for t in tables)
        if kept_on or (before and after):
            usable.append(change)
            continue
        expected = (
            f"a row of {change.text} from {day} on" if before else f"a row of {change.name} before {day}"
        )
        _note(report, change, expected, "none", "left out")
    return usable


def usable_actions(actions: Sequence[Action], names: Collection[str], report: FaultReport) -> list[Action]:
    """Return the actions of known names, each once; two with other values on a day are refused.

    Applied twice, a split or a dividend would be a return that nobody had.
    """
    usable: dict[tuple[date, str, str], Action] = {}
    for action in actions:
        before = usable.get((action.day, action.name, action.kind))
        if action.name not in names:
            _note(report, action, "the name of a row", action.name, "left out")
        elif before is None:
            usable[action.day, action.name, action.kind] = action
        else:
            done = "dropped, being equal" if before.value == action.value else REFUSED
            _note(report, action, f"one {action.kind} of a name on a day", f"row {before.row} too", done)
    return list(usable.values())


def _note(report: FaultReport, action: Action, expected: str, found: str, done: str) -> None:
    report.add(Fault(action.file, action.row, action.name, action.day.isoformat(), expected, found, done))


def first_name(action: Action, changes: Sequence[Action]) -> Action:
    """Give an action the first name of its asset."""
    name = action.name
    for change in changes:
        if name == change.text and action.day >= change.day:
            name = change.name
    return Action(action.day, name, action.kind, action.value, action.text, action.file, action.row)
