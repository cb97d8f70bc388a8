"""The source document: where a member's copy of the raw data is, and what is repaired in it.

It is not part of a recipe and has no hash: members keep their copies in different places. What they hold in
common is the panel that comes out, which digests compare.
"""

from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from scorer.data.faults import DataError
from scorer.errors import field_text
from scorer.files import parse_toml, read_bounded
from scorer.protocol.fields import Section
from scorer.redaction import shown, shown_name, shown_path

PLUGINS: Final = "cupel.sources"
"""Entry points of other packages: a function of the options that returns a `RawTable`."""

Column = Annotated[str, Field(min_length=1, max_length=200)]
FieldName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
"""A name that features use, and that a file of the panel has."""


class TableSource(Section):
    """One table: a row for each name and date.

    Attributes
    ----------
    kind
        csv, parquet, sql, pyhuge, synthetic, or the name of an entry point of `PLUGINS`.
    path, url, query
        A file beside the document; or a database as SQLAlchemy names it, and what to ask it.
    date, name
        The columns of dates (ISO 8601) and names.
    fields
        Columns of numbers, by the name that features know them by.
    groups
        Columns of text, such as sectors.
    known
        A column with the date on which the row became known, where that is later than its own date.
    options
        What else the kind takes.
    """

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    path: str | None = None
    url: str | None = None
    query: str | None = None
    date: Column = "date"
    name: Column = "name"
    fields: Annotated[dict[FieldName, Column], Field(default_factory=dict)]
    groups: Annotated[dict[FieldName, Column], Field(default_factory=dict)]
    known: Column | None = None
    options: Annotated[dict[str, Any], Field(default_factory=dict)]


class Repairs(Section):
    """The repairs of faults. Everything that is not repaired is refused.

    Attributes
    ----------
    duplicates
        Rows of one name and date with different values. Rows that are equal are dropped in any case.
    dates
        Rows on a date that is no session.
    prices
        Prices of zero or less.
    splits
        ``find`` looks for splits that no action names; see `scorer.data.sources.repair`.
    jumps
        ``hold`` leaves out a price that moved by more than a factor of two until the next one confirms it.
    """

    duplicates: Literal["refuse", "first", "last"] = "refuse"
    dates: Literal["refuse", "drop"] = "refuse"
    prices: Literal["refuse", "drop"] = "refuse"
    splits: Literal["trust", "find"] = "trust"
    jumps: Literal["trust", "hold"] = "hold"


class SourceDocument(Section):
    """A source document of version 1.

    Attributes
    ----------
    calendar
        The exchange's ISO 10383 code, or 24/7.
    price
        The field of closing prices as quoted, unadjusted.
    actions
        A table with the columns date, name, action (split, dividend, rename, delist) and value: new shares
        for one, money a share, the new name, the last payment a share. An action counts on its date,
        and has no column `known`.
    """

    version: Literal[1]
    calendar: Annotated[str, Field(pattern=r"^([A-Z0-9]{4}|24/7)$")]
    price: str = "close"
    tables: Annotated[tuple[TableSource, ...], Field(min_length=1, strict=False)]
    actions: Annotated[tuple[TableSource, ...], Field(strict=False)] = ()
    repairs: Repairs = Repairs()


def described(error: ValidationError) -> str:
    """Return each wrong field of a document by its path, with what was expected and found."""
    lines = []
    for problem in error.errors(include_url=False):
        place = ".".join(map(shown_name, problem["loc"])) or "the document"
        message = field_text(problem["msg"])
        if ", found " not in message:
            message += ", found " + ("nothing" if problem["type"] == "missing" else shown(problem["input"]))
        lines.append(f"{place}: {message}")
    return "; ".join(lines)


def load_document(path: Path, kind: str) -> dict[str, Any]:
    """Read a TOML document; `kind` says in errors what was expected."""
    try:
        return parse_toml(read_bounded(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{shown_path(path)}: expected {kind}, found {reason}") from None


def load_source(path: Path) -> SourceDocument:
    """Read a source document.

    Raises
    ------
    DataError
        Names each wrong field by its path, what is allowed, and what was found.
    """
    document = load_document(path, "a source document in TOML")
    try:
        return SourceDocument.model_validate(document)
    except ValidationError as error:
        raise DataError(f"{shown_path(path)}: {described(error)}") from None


def plugin(kind: str) -> Any:
    """Return the function of another package that reads a kind of table.

    Raises
    ------
    DataError
        When no installed package has one of that name.
    """
    found = {entry.name: entry for entry in entry_points(group=PLUGINS)}
    if kind not in found:
        known = ", ".join(["csv", "parquet", "sql", "pyhuge", "synthetic", *sorted(found)])
        raise DataError(f"tables.kind: expected one of {known}, found {shown(kind)}")
    return found[kind].load()
