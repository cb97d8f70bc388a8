"""The folder of a bundle: its files, read and written whole, and refused by their schemas."""

import io
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scorer.errors import CupelError
from scorer.files import whole_file
from scorer.protocol.documents import parse_json, shown
from scorer.storage.parquet import NotCanonical, read_parquet, write_parquet
from scorer.storage.schemas import DOCUMENTS, Column, most_bytes, table_schema

LONGEST_MESSAGE = 600
"""Most characters that are shown."""
T = TypeVar("T")


class BundleError(CupelError, ValueError):
    """A file of a bundle is missing or cannot be read; the message names it, in one short line."""

    def __init__(self, message: str) -> None:
        super().__init__(shown(message, LONGEST_MESSAGE))


@dataclass(frozen=True)
class BundleFolder:
    """Reads and writes the files of one folder. Every file appears whole or not at all.

    Attributes
    ----------
    strict
        Whether a table must be canonical Parquet and no file a link, as in a bundle that a stranger may have
        written: then nothing but Python reads its bytes, and as others do. Without it, tables that any
        library wrote are read too, such as one's own targets.
    """

    folder: Path
    strict: bool = False

    def has(self, *files: str) -> bool:
        """Return whether all of `files` are there."""
        return all((self.folder / file).is_file() for file in files)

    def form(self, file: str) -> str | None:
        """Return how a table is written, if not in the one way in which all readers read the same."""
        try:
            columns = list(read_parquet(self._content(file)))
        except NotCanonical as error:
            return str(error).removeprefix("expected a canonical Parquet file, found ")
        return "one whose ids are not its first column" if "id" in columns[1:] else None

    def copy(self, source: "BundleFolder", *files: str) -> None:
        """Copy some files of another bundle."""
        for file in files:
            with source._existing(file).open("rb") as original, self._writing(file) as copy:  # noqa: SLF001
                shutil.copyfileobj(original, copy)

    def _error(self, file: str, problem: object) -> BundleError:
        return BundleError(f"{self.folder / file}: {problem}")

    def _existing(self, file: str) -> Path:
        path = self.folder / file
        if not path.is_file():
            raise self._error(file, "expected a file of a round's bundle, found none")
        return path

    @contextmanager
    def _writing(self, file: str, mode: int = 0o666) -> Iterator[BinaryIO]:
        self.folder.mkdir(parents=True, exist_ok=True)
        # One name for all drafts of a file: what a killed process left is overwritten, not kept.
        with whole_file(self.folder / file, mode=mode, draft=f".{file}.partial") as written:
            yield written

    def _write(self, file: str, content: bytes) -> None:
        with self._writing(file) as written:
            written.write(content)

    def _write_json(self, file: str, document: Any) -> None:
        self._write(file, (json.dumps(document, indent=1) + "\n").encode())

    def _write_table(self, file: str, columns: Mapping[str, Any]) -> None:
        self._write(file, write_parquet(columns))

    def _content(self, file: str) -> bytes:
        """Return the bytes of a file, which is no link where a bundle may be a stranger's."""
        path = self._existing(file)
        if not self.strict:
            return path.read_bytes()
        with opened(path) as stranger:
            size = os.fstat(stranger.fileno()).st_size
            if size > most_bytes(file):
                raise self._error(file, f"expected at most {most_bytes(file)} bytes, found {size}")
            return stranger.read(size)  # no more: Python sets aside at once what it is asked to read

    def _json(self, file: str) -> Any:
        """Return a document, of the declared form if it has one."""
        content = self._content(file)
        try:
            document = parse_json(content)
        except ValueError as error:
            raise self._error(file, f"expected JSON, found {error}") from None
        if file in DOCUMENTS:
            self._parsed(file, lambda: DOCUMENTS[file].check(document))
        return document

    def _object(self, file: str) -> dict[str, Any]:
        document = self._json(file)
        if not isinstance(document, dict):
            raise self._error(file, f"expected an object, found {shown(repr(document))}")
        return document

    def _parsed(self, file: str, parse: Callable[[], T]) -> T:
        """Return what `parse` makes of a file's content; a BundleError names the file where it cannot."""
        try:
            return parse()
        except BundleError:
            raise
        except KeyError as error:
            raise self._error(file, f"expected {error.args[0]!r}, found none") from None
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise self._error(file, error) from None

    def _table(self, file: str) -> dict[str, Column]:
        """Return a Parquet file's columns as they are in it, of the declared types if it has a schema."""
        columns, schema = self._read_table(file), table_schema(file)
        problem = schema.problem_with(columns) if schema else None
        if problem is not None:
            raise self._error(file, problem)
        return columns

    def _read_table(self, file: str) -> dict[str, Column]:
        content = self._content(file)
        try:
            return read_parquet(content)
        except NotCanonical as error:
            if self.strict:
                raise self._error(file, f"{error}; other readers may read it in another way") from None
        try:
            # Not read_table, which imports pandas: in a process for this one file, half a second each time.
            table = pq.ParquetFile(io.BytesIO(content)).read(use_threads=False)
            return dict(zip(_once(table.column_names), map(_column, table.columns), strict=True))
        except Exception as error:  # noqa: BLE001 - pyarrow raises many types for a file that is not Parquet
            raise self._error(file, f"expected a Parquet file, found {error}") from None

    def _columns(self, file: str) -> dict[str, NDArray[Any]]:
        return {name: np.asarray(column) for name, column in self._table(file).items()}

    def _ids(self, file: str) -> tuple[str, ...]:
        """Return the column of ids, in the order of the file."""
        return tuple(self._table(file)["id"])

    def _aligned(self, file: str, ids: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
        """Return a file's float64 columns in the order of `ids`; NaN for an id without a row."""
        table = self._table(file)
        written = table.pop("id")
        row_of = {name: row for row, name in enumerate(written)}
        if len(row_of) != len(written):
            raise self._error(file, "expected each id once, found duplicates")
        at = [row for row, name in enumerate(ids) if name in row_of]
        rows = [row_of[ids[row]] for row in at]
        aligned = {name: np.full(len(ids), np.nan) for name in table}
        for name, column in table.items():
            aligned[name][at] = np.asarray(column)[rows]
        return aligned


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file that somebody else may have put there: no link, and nothing that waits for a writer.

    Raises
    ------
    BundleError
        When it is no regular file.
    """
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - closed below
    except FileNotFoundError:
        raise BundleError(f"{path}: expected a file of a round's bundle, found none") from None
    except OSError as error:
        raise BundleError(f"{path}: expected a regular file, found {error.strerror}") from None
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise BundleError(f"{path}: expected a regular file, found another kind")
        yield file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _once(names: Sequence[str]) -> Sequence[str]:
    if len(set(names)) != len(names):
        raise ValueError(f"columns that have one name: {shown(sorted(names))}")
    return names


def _column(column: pa.ChunkedArray) -> Column:
    """Text without gaps as a tuple; anything else as numpy holds it."""
    if column.null_count == 0 and (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return tuple(column.to_pylist())
    if column.null_count == 0 and (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        # The same as below, which imports pandas too.
        return np.from_dlpack(column.combine_chunks()).copy()
    found: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return found
