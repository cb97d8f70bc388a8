"""Predictions as a file: read back bit by bit, by NumPy too, and refused when it is anything else."""

import os
from pathlib import Path

import numpy as np
import pytest

from scorer.protocol.predictions import (
    HEADER_SIZE,
    PredictionFile,
    PredictionRows,
    PredictionsError,
    StoredRow,
    header,
    write_predictions,
)

VALUES = np.random.default_rng(1).random((7, 5))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "submissions.npy"
    with file.open("wb") as written:
        write_predictions(written, list(VALUES), 5)
    return file


def test_numpy_reads_what_is_written(path: Path) -> None:
    assert np.load(path).tobytes() == VALUES.tobytes()
    assert len(header(7, 5)) == HEADER_SIZE == len(header(10**12, 10**12))


@pytest.mark.parametrize("rows", [slice(None), slice(2, 5), slice(6, 99), slice(4, 4), slice(0, 7, 2)])
def test_a_block_of_rows_is_that_of_the_matrix(path: Path, rows: slice) -> None:
    matrix = PredictionRows(PredictionFile(path).rows(), 5)
    assert matrix.shape == (7, 5)
    assert len(matrix) == 7
    np.testing.assert_array_equal(matrix[rows], VALUES[rows])


def test_rows_in_any_order_and_from_memory_and_files_make_one_block(path: Path) -> None:
    stored = PredictionFile(path).rows()
    mixed = PredictionRows([stored[3], VALUES[0], stored[1], stored[2], PredictionFile(path).rows()[3]], 5)
    np.testing.assert_array_equal(mixed[:], VALUES[[3, 0, 1, 2, 3]])
    np.testing.assert_array_equal(mixed[[4, 0]], VALUES[[3, 3]])
    np.testing.assert_array_equal(mixed[1], VALUES[0])


def test_a_single_row_is_an_array_when_one_is_asked_for(path: Path) -> None:
    row = PredictionFile(path).rows()[6]
    assert isinstance(row, StoredRow)
    assert len(row) == 5
    np.testing.assert_array_equal(np.asarray(row), VALUES[6])
    assert np.asarray(row, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_a_matrix_of_nothing_is_a_file_too(tmp_path: Path, shape: tuple[int, int]) -> None:
    file = tmp_path / "submissions.npy"
    with file.open("wb") as written:
        write_predictions(written, [np.empty(shape[1])] * shape[0], shape[1])
    assert np.load(file).shape == shape
    assert PredictionRows(PredictionFile(file).rows(), shape[1])[:].shape == shape


@pytest.mark.parametrize(
    "content",
    [
        b"",
        header(7, 5)[:-1],
        header(7, 5),
        header(7, 5) + bytes(8 * 34),
        header(7, 5) + bytes(8 * 36),
        header(5, 7).replace(b"<f8", b">f8") + bytes(8 * 35),
        header(5, 7).replace(b"<f8", b"|O8") + bytes(8 * 35),
        header(5, 7).replace(b"False", b"True ") + bytes(8 * 35),
        header(5, 7).replace(b"(5, 7)", b"(05,7)") + bytes(8 * 35),
        header(5, 7).replace(b"(5, 7), ", b"(5, 7),\t") + bytes(8 * 35),
        header(10**14, 10**14),
        b"PAR1" + bytes(300),
    ],
)
def test_any_other_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "submissions.npy"
    file.write_bytes(content)
    with pytest.raises(PredictionsError, match=r"expected .*, found"):
        PredictionFile(file)


def test_a_link_is_not_followed_and_a_pipe_is_not_waited_for(path: Path, tmp_path: Path) -> None:
    (tmp_path / "link.npy").symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        PredictionFile(tmp_path / "link.npy")
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises((PredictionsError, OSError)):
        PredictionFile(tmp_path / "pipe.npy")


def test_a_file_that_shrinks_while_it_is_read_is_an_error_and_no_wrong_number(path: Path) -> None:
    rows = PredictionFile(path).rows()
    path.write_bytes(path.read_bytes()[: HEADER_SIZE + 8 * 12])
    np.testing.assert_array_equal(np.asarray(rows[1]), VALUES[1])
    with pytest.raises(PredictionsError, match="from row 2 on"):
        np.asarray(rows[2])
