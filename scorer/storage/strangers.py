"""Reads JSON that a stranger wrote: a child process parses it and writes it again in its one form."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from scorer.isolation import IsolatedReader, IsolationError, ReadResult
from scorer.protocol.documents import parse_json
from scorer.storage.folder import BundleError, opened
from scorer.storage.published import MIB, limits_for


class StatedDocument(Protocol):
    """A value that is read from JSON, and has one form there."""

    def to_json(self) -> dict[str, Any]:
        """Return the document."""
        ...

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Read what `to_json` returns; KeyError or ValueError for anything else."""
        ...


T = TypeVar("T", bound=StatedDocument)


def read_again(
    reader: IsolatedReader, task: Callable[[Path], ReadResult], path: Path, size: int, most: int
) -> Any:
    """Return the document that a task reads in a child process; None where there is none.

    Parameters
    ----------
    task
        Returns what `written_again` does.
    size, most
        Bytes of the file, from which the child's limits follow, and how many it may have.
    """
    if not 0 < size <= most:
        return None
    try:
        limits = replace(limits_for(size), answer=MIB + 2 * size)  # the same document, written again
        return parse_json(reader.run(task, path, limits=limits).blobs[0])
    except (IsolationError, LookupError, TypeError, ValueError):
        return None


def written_again(document: Any) -> ReadResult:
    """Return a document as a child hands it over."""
    return ReadResult({}, (json.dumps(document).encode(),))


def bounded_json(path: Path, most: int) -> Any:
    """Return the JSON in the first bytes of a file, `most` at most: what is cut off is no JSON any more.

    Raises
    ------
    BundleError, OSError, ValueError
        When there is no such file, or no JSON in it.
    """
    with opened(path) as file:
        return parse_json(file.read(most))


def file_written_again(path: Path, most: int, kind: type[StatedDocument], what: str) -> ReadResult:
    """Read a file in a child, and hand over what it says in its one form.

    Parameters
    ----------
    most
        Bytes that are read.
    what
        It holds, for the error.

    Raises
    ------
    BundleError
        When the file holds something else.
    """
    try:
        return written_again(kind.from_json(bounded_json(path, most)).to_json())
    except BundleError:
        raise  # it is a ValueError too, and says what is wrong with the file
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{path}: expected {what}, found {error}") from None


def read_stated(
    reader: IsolatedReader,
    task: Callable[[Path], ReadResult],
    path: Path,
    bounds: tuple[int, int],
    kind: type[T],
) -> T | None:
    """Return what a file says that a task reads in a child process; None where it says something else.

    Parameters
    ----------
    task
        Returns what `file_written_again` does.
    bounds
        Bytes of the file, and how many it may have.
    """
    document = read_again(reader, task, path, *bounds)
    try:
        return None if document is None else kind.from_json(document)
    except (LookupError, TypeError, ValueError):
        return None
