"""A fast part of the fuzzing of a bundle's files; ``python -m tests.hostile.bundles`` is the whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scorer.isolation import IsolatedReader
from tests.hostile.bundles import READERS, SLOWEST, tally, write_bundle

INPUTS = 150


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("bundles") / "5"
    write_bundle(found)
    return found


@pytest.fixture(scope="module")
def reader() -> Iterator[IsolatedReader]:
    with IsolatedReader(workers=1) as reader:
        yield reader


@pytest.mark.parametrize("file", READERS)
def test_a_mutated_file_is_read_or_refused_in_words(file: str, folder: Path, reader: IsolatedReader) -> None:
    found = tally(folder, file, INPUTS, reader)
    assert found.failed == ()
    assert found.slowest < SLOWEST
    assert 0 < found.refused < INPUTS
