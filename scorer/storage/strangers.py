"""Reads JSON that a stranger wrote: a child process parses it and writes it again in its one form."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from scorer.isolation import IsolatedReader, IsolationError, ReadResult
from scorer.protocol.documents import parse_json
from scorer.storage.published import MIB, limits_for


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
