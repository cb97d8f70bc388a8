"""What an operator publishes is taken over within bounds, read in a child process, or not at all."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorer.isolation import IsolatedReader
from scorer.storage.bundle import PUBLISHED, RULES, SIGNATURES, SUBMISSIONS, UNIVERSE, Bundle, BundleError
from scorer.storage.parquet import write_parquet
from scorer.storage.published import (
    MOST_COLUMNS,
    PublishedBounds,
    bytes_in,
    limits_for,
    most_memory,
    take_over,
    take_over_table,
)
from scorer.storage.schemas import MOST_JSON, MOST_TABLE
from tests.round_tables import tables
from tests.small_round import IDS, SUBMITTERS, SmallRound

TABLE = "neutralizers.parquet"
BOUNDS = PublishedBounds(models=20, ids=2_000)


@pytest.fixture(scope="module")
def reader() -> Iterator[IsolatedReader]:
    with IsolatedReader(workers=1) as reader:
        yield reader


@pytest.fixture
def source(tmp_path: Path) -> Path:
    inputs = SmallRound().inputs()
    bundle = Bundle(tmp_path / "published" / "5")
    bundle.write_rules(inputs.rules)
    bundle.write_universe(IDS)
    bundle.write_submissions(inputs.submissions)
    return bundle.folder


def test_what_was_published_is_taken_over_to_the_byte(
    source: Path, tmp_path: Path, reader: IsolatedReader
) -> None:
    inputs, own = SmallRound().inputs(), Bundle(tmp_path / "own" / "5")
    (source / "more.txt").write_text("nobody asked for this")
    taken = take_over(source, own, BOUNDS, reader)
    assert (taken.models, taken.ids) == (len(SUBMITTERS), len(IDS))
    assert (taken.rules_hash, taken.universe) == (inputs.rules.hash(), inputs.terms.universe)
    assert sorted(path.name for path in own.folder.iterdir()) == sorted(PUBLISHED)
    assert all((own.folder / file).read_bytes() == (source / file).read_bytes() for file in PUBLISHED)
    assert [path.name for path in own.folder.parent.iterdir()] == ["5"]


def bomb(path: Path) -> None:
    """Some 100 kB that say of themselves to be 200 MB of text."""
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(50_000, np.int32)), pa.array(["x" * 4_000]))
    pq.write_table(pa.table({"id": ids}), path, compression="zstd", store_schema=False)


def link(path: Path) -> None:
    path.rename(path.with_name("there"))
    path.symlink_to("there")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def large(size: int) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, size)


def put(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


SPOILED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "no rules": (RULES, Path.unlink, "expected a file of a round's bundle, found none"),
    "rules of many levels": (RULES, put(b"[" * 100_000), "at most 32 levels"),
    "rules in TOML": (RULES, put(b"version = 1"), "expected JSON"),
    "rules of 100 MB": (RULES, large(10**8), "expected at most 1048576 bytes, found 100000000 or more"),
    "a universe that unpacks to much": (UNIVERSE, bomb, "expected a canonical Parquet file"),
    "a universe of other columns": (UNIVERSE, put(write_parquet({"ids": IDS})), "expected the columns"),
    "a universe out of order": (UNIVERSE, put(write_parquet({"id": IDS[::-1]})), "expected sorted ids"),
    "a universe of no ids": (UNIVERSE, put(write_parquet({"id": ()})), "universe.parquet: expected sorted"),
    "another universe": (UNIVERSE, put(write_parquet({"id": IDS[1:]})), "expected a column for each of 899"),
    "a universe that is a link": (UNIVERSE, link, "expected a regular file, found Too many levels"),
    "a universe that is a pipe": (UNIVERSE, fifo, "expected a regular file"),
    "submissions that are a folder": (SUBMISSIONS, folder, "expected a regular file, found Is a directory"),
    "submissions that are too large": (SUBMISSIONS, large(10**9), "expected at most"),
    "submissions of half a header": (SUBMISSIONS, large(60), "expected the header of a matrix"),
    "signatures twice": (SIGNATURES, put(b'[{"a":1,"a":2}]'), "expected each name once"),
    "no signatures": (SIGNATURES, put(b"[]"), "expected 0 rows"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_what_cannot_be_read_by_everybody_is_not_taken_over_and_is_named(
    what: str, source: Path, tmp_path: Path, reader: IsolatedReader
) -> None:
    file, spoil, reason = SPOILED[what]
    spoil(source / file)
    own = Bundle(tmp_path / "own" / "5")
    with pytest.raises(BundleError) as error:
        take_over(source, own, BOUNDS, reader)
    blamed = SUBMISSIONS if "expected 0 rows" in reason or "expected a column" in reason else file
    assert str(error.value).startswith(f"{source / blamed}: ")
    assert reason in str(error.value)
    assert not own.folder.exists()
    assert list(own.folder.parent.iterdir()) == []


def test_more_models_than_there_are_and_more_ids_than_there_can_be_are_refused(
    source: Path, tmp_path: Path, reader: IsolatedReader
) -> None:
    own = Bundle(tmp_path / "own" / "5")
    for bounds in (PublishedBounds(models=8, ids=2_000), PublishedBounds(models=20, ids=899)):
        with pytest.raises(BundleError, match="expected at most"):
            take_over(source, own, bounds, reader)


def test_what_was_taken_over_before_stays_when_the_next_is_refused(
    source: Path, tmp_path: Path, reader: IsolatedReader
) -> None:
    own = Bundle(tmp_path / "own" / "5")
    take_over(source, own, BOUNDS, reader)
    before = (own.folder / UNIVERSE).read_bytes()
    (source / SIGNATURES).write_bytes(b"[")
    with pytest.raises(BundleError, match=r"submissions\.json: expected JSON"):
        take_over(source, own, BOUNDS, reader)
    assert (own.folder / UNIVERSE).read_bytes() == before


def test_a_table_is_taken_over_once_a_child_process_has_read_it(
    source: Path, tmp_path: Path, reader: IsolatedReader
) -> None:
    Bundle(source).write_table("neutralizers", IDS, tables()["neutralizers"])
    own = Bundle(tmp_path / "own" / "5")
    take_over_table(source, own, "neutralizers", IDS, reader)
    assert (own.folder / TABLE).read_bytes() == (source / TABLE).read_bytes()
    assert [path.name for path in own.folder.parent.iterdir()] == ["5"]


def too_many_bytes(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate((MOST_COLUMNS + 100) * 8 * len(IDS) + 2**21)


def of_other_ids(path: Path) -> None:
    path.write_bytes(write_parquet({"id": ["other"], "market": np.ones(1)}))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize("change", [bomb, link, fifo, folder, too_many_bytes, of_other_ids, cut])
def test_a_hostile_table_is_refused_by_its_name_and_nothing_is_left_of_it(
    change: Callable[[Path], None], source: Path, tmp_path: Path, reader: IsolatedReader
) -> None:
    Bundle(source).write_table("neutralizers", IDS, tables()["neutralizers"])
    change(source / TABLE)
    own = Bundle(tmp_path / "own" / "5")
    with pytest.raises(BundleError, match=TABLE):
        take_over_table(source, own, "neutralizers", IDS, reader)
    assert not own.folder.exists()
    assert list(own.folder.parent.iterdir()) == []


def test_a_stranger_s_folder_says_no_more_of_its_size_than_its_files_may_have(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"{}")
    (tmp_path / "b.parquet").write_bytes(b"12345")
    (tmp_path / "rows.npy").write_bytes(bytes(1_000))
    assert bytes_in(tmp_path) == 7
    (tmp_path / "nowhere.json").symlink_to(tmp_path / "nothing")
    (tmp_path / "large.json").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    assert bytes_in(tmp_path) == 7
    for name in ("sparse.json", "sparse.parquet"):
        with (tmp_path / name).open("wb") as sparse:
            sparse.truncate(2**40)
    assert bytes_in(tmp_path) == 7 + MOST_JSON + MOST_TABLE
    assert limits_for(2**60).memory == most_memory()
    assert bytes_in(tmp_path / "gone") == 0
