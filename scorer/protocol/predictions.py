"""Predictions as a file: a row a model, read in blocks, so that a round of any size fits in memory.

The file is NumPy's own format, version 1.0, so that ``numpy.load`` reads it: a header of 128 bytes, then
little-endian float64 row by row. NumPy pads its header differently from version to version; here a shape has
one header only, and a file whose first 128 bytes are anything else is refused. What follows are plain numbers
at known places: reading them takes no parser that a file could mislead.
"""

import os
import re
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

HEADER_SIZE: Final = 128
_LITTLE: Final = np.dtype("<f8")
_SHAPE: Final = re.compile(rb"'shape': \(([0-9]{1,15}), ([0-9]{1,15})\)")

Floats = NDArray[np.float64]


class PredictionsError(ValueError):
    """A file of predictions is not what its shape asks for; the message says what was found."""


def header(models: int, ids: int) -> bytes:
    """Return the header of a file of shape (models, ids), 128 bytes."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({models}, {ids}), }}"
    begin = b"\x93NUMPY\x01\x00" + (HEADER_SIZE - 10).to_bytes(2, "little")
    return begin + text.ljust(HEADER_SIZE - len(begin) - 1).encode() + b"\n"


def _shape(found: bytes) -> tuple[int, int]:
    """Return the shape that a header says, if it is the one header of that shape."""
    named = _SHAPE.search(found)
    shape = (int(named[1]), int(named[2])) if named else (0, 0)
    # The whole header is compared with the one that we write, so that nothing else in it is ever interpreted.
    if named is None or found != header(*shape):
        raise PredictionsError("expected the header of a matrix of little-endian float64, found another")
    return shape


class SpoolUnavailable(OSError):
    """Predictions cannot be put aside: the disk is full, or gone."""


class _Rows:
    """Rows of `ids` float64 in a file that is closed with the last reference to it.

    Parameters
    ----------
    descriptor
        Of a file; it is ours to close.
    start
        Where the first row begins, in bytes.
    """

    def __init__(self, descriptor: int, ids: int, start: int) -> None:
        weakref.finalize(self, os.close, descriptor)
        self._descriptor = descriptor
        self.ids = ids
        self.start = start

    def read_into(self, first: int, block: Floats) -> None:
        """Fill (rows, ids) C-ordered float64 with the rows from `first` on."""
        offset = self.start + 8 * first * self.ids
        view = block.data.cast("B") if block.size else memoryview(b"")  # a view of nothing cannot be cast
        while len(view):
            # One call reads 2 GiB at most, and fewer when a signal comes in between.
            count = os.preadv(self._descriptor, [view], offset)
            if count == 0:
                raise PredictionsError(f"expected {8 * block.size} bytes from row {first} on, found fewer")
            view, offset = view[count:], offset + count
        if block.dtype != _LITTLE:  # a big-endian machine
            block.byteswap(inplace=True)


class PredictionFile(_Rows):
    """A file in the form of this module.

    Attributes
    ----------
    shape
        (models, ids), as the header says and the length of the file bears out.

    Raises
    ------
    PredictionsError
        When the header is not one that `header` makes, or the file is shorter or longer than it says.
    OSError
        When the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        # No link, which could lead out of the folder; and not blocked by a pipe that nobody writes to.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        super().__init__(descriptor, 0, HEADER_SIZE)
        self.shape = _shape(os.pread(descriptor, HEADER_SIZE, 0))
        self.ids = self.shape[1]
        size, expected = os.fstat(descriptor).st_size, HEADER_SIZE + 8 * self.shape[0] * self.ids
        if size != expected:
            raise PredictionsError(f"expected {expected} bytes for the shape {self.shape}, found {size}")

    def rows(self) -> tuple["StoredRow", ...]:
        """Return each row, not read yet."""
        return tuple(StoredRow(self, number) for number in range(self.shape[0]))


class PredictionSpool(_Rows):
    """Rows that are put aside in a nameless file while a round is collected, so that memory holds few.

    Parameters
    ----------
    folder
        On which disk: room for 8 bytes an id and model.
    """

    def __init__(self, folder: Path, ids: int) -> None:
        with tempfile.TemporaryFile(dir=folder) as file:
            # A second descriptor keeps the nameless file; its space is freed when the last one is closed,
            # also by a crash.
            super().__init__(os.dup(file.fileno()), ids, 0)
        self._numbers = count()  # the next row's number is taken in one step, whichever thread asks

    def append(self, predictions: Floats) -> "StoredRow":
        """Put one model's predictions aside, shape (ids,). Threads may share the spool.

        Raises
        ------
        SpoolUnavailable
            When the disk takes no more.
        """
        number = next(self._numbers)
        content = memoryview(predictions.astype(_LITTLE, copy=False).tobytes())
        try:
            self._write(content, 8 * number * self.ids)
        except OSError as error:
            raise SpoolUnavailable(
                error.errno, f"no room to put predictions aside: {error.strerror}"
            ) from None
        return StoredRow(self, number)

    def _write(self, content: memoryview, offset: int) -> None:
        while len(content):
            written = os.pwrite(self._descriptor, content, offset)
            content, offset = content[written:], offset + written


@dataclass(frozen=True, eq=False)
class StoredRow:
    """One model's predictions in a file; ``numpy.asarray`` reads them, shape (ids,)."""

    file: _Rows
    number: int

    def __len__(self) -> int:
        return self.file.ids

    def __array__(self, dtype: "np.dtype[Any] | None" = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("expected copy to be true or None: predictions in a file are always copied")
        row = np.empty(len(self))
        self.file.read_into(self.number, row)
        return row if dtype is None else row.astype(dtype, copy=False)


Predictions = Floats | StoredRow
"""One model's predictions in the order of the universe, shape (ids,), in memory or in a file."""


def float_array(predictions: Predictions) -> Floats:
    """Return the predictions in memory, shape (ids,) float64."""
    return np.asarray(predictions, dtype=np.float64)


class PredictionRows:
    """The predictions of many models, shape (models, ids), stacked a block at a time.

    It serves wherever `scorer.scoring.rows.Rows` does. A slice or a sequence of row numbers gives an array of
    shape (rows, ids), one row number one of shape (ids,).
    """

    dtype: Final = np.dtype(np.float64)

    def __init__(self, rows: Sequence[Predictions], ids: int) -> None:
        self._rows = rows
        self.shape = (len(rows), ids)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: "slice | int | Sequence[int]") -> Floats:
        if isinstance(rows, int):
            return float_array(self._rows[rows])
        chosen = self._rows[rows] if isinstance(rows, slice) else [self._rows[row] for row in rows]
        block = np.empty((len(chosen), self.shape[1]))
        start = 0
        while start < len(chosen):
            start = _fill(block, chosen, start)
        return block


def _fill(block: Floats, rows: Sequence[Predictions], start: int) -> int:
    """Fill a block from row `start` on; the next row to fill. Rows in a run of a file are one read."""
    first = rows[start]
    if not isinstance(first, StoredRow):
        block[start] = first
        return start + 1
    end = start + 1
    while end < len(rows) and _is_at(rows[end], first.file, first.number + end - start):
        end += 1
    first.file.read_into(first.number, block[start:end])
    return end


def _is_at(row: Predictions, file: _Rows, number: int) -> bool:
    return isinstance(row, StoredRow) and row.file is file and row.number == number


def write_predictions(written: BinaryIO, rows: Sequence[Predictions], ids: int) -> None:
    """Write rows in the form of this module, one at a time."""
    written.write(header(len(rows), ids))
    for row in rows:
        written.write(float_array(row).astype(_LITTLE, copy=False).tobytes())
