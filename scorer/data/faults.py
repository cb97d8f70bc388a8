"""Faults of raw data: each names its file, row, name and date, what was expected and found, what was done."""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field, fields
from typing import Final

from scorer.errors import CupelError
from scorer.protocol.documents import shown

REFUSED: Final = "refused"
"""Answers to a fault that stops the reading of a source."""
MOST_SHOWN: Final = 10


class DataError(CupelError, ValueError):
    """A source, recipe or data set cannot be used; the message says what was expected and found."""


@dataclass(frozen=True)
class Fault:
    """One fault of a source.

    Attributes
    ----------
    file
        The file or query; for several, the one that the row came from.
    row
        Number of the row, from 1 without the header; 0 where no single row is at fault.
    name, date
        The asset and the ISO date of the row, as far as they can be read.
    done
        `REFUSED`, or what was done to the row.
    """

    file: str
    row: int
    name: str
    date: str
    expected: str
    found: str
    done: str

    def __str__(self) -> str:
        """Return the fault as one line."""
        place = ", ".join(
            part for part in (f"row {self.row}" if self.row else "", shown(self.name), self.date) if part
        )
        return f"{self.file}: {place}: expected {self.expected}, found {self.found}; {self.done}"


@dataclass
class FaultReport:
    """The faults of a source, in the order in which they were met."""

    faults: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Note a fault."""
        self.faults.append(fault)

    def extend(self, faults: Iterable[Fault]) -> None:
        """Note several faults."""
        self.faults.extend(faults)

    @property
    def refused(self) -> list[Fault]:
        """The faults that nothing was done about."""
        return [fault for fault in self.faults if fault.done == REFUSED]

    def counts(self) -> dict[str, int]:
        """Return the number of faults by what was done."""
        return dict(Counter(fault.done for fault in self.faults))

    def check(self) -> None:
        """Refuse a source with faults that nothing was done about.

        Raises
        ------
        DataError
            Shows the first of them.
        """
        refused = self.refused
        if refused:
            more = len(refused) - MOST_SHOWN
            lines = [*map(str, refused[:MOST_SHOWN]), *([f"and {more} more"] if more > 0 else [])]
            raise DataError("\n".join(lines))

    def csv(self) -> str:
        """Return the report as CSV with a header."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([column.name for column in fields(Fault)])
        writer.writerows(astuple(fault) for fault in self.faults)
        return text.getvalue()
