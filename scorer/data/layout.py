"""Files of a version, with the names and columns that data scientists know."""

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import numpy as np

from scorer.data.encoding import (
    ColumnChunk,
    ParquetWriter,
    constant_page,
    float_page,
    pack,
    packed_page,
    page_head,
    text_page,
)
from scorer.data.eras import target_codes
from scorer.data.parts import EraPart
from scorer.data.recipe import Recipe
from scorer.scoring.exact import Floats

ERAS_A_GROUP: Final = 32
"""Eras of a row group: with 6,000 ids and 1,000 features 72 MB of pages."""
INDEX: Final = {"classic": "id", "signals": "numerai_ticker", "crypto": "symbol"}
PREDICTION: Final = "prediction"


class EraRows(Protocol):
    """The rows of an era, without their features."""

    @property
    def label(self) -> str:
        """Such as 0001."""

    @property
    def day(self) -> str:
        """ISO date of its session."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The name of each row."""


@dataclass(frozen=True)
class Layout:
    """The columns of a recipe's files.

    Attributes
    ----------
    features
        Their columns, in the order of the parts.
    """

    recipe: Recipe
    features: tuple[str, ...]

    @property
    def index(self) -> str:
        """The column of ids."""
        return INDEX[self.recipe.shape]

    @property
    def era(self) -> str:
        """The column of eras: labels, or dates in the shapes that name assets openly."""
        return "era" if self.recipe.shape == "classic" else "date"

    @property
    def pandas_index(self) -> str | None:
        """The column that pandas takes as the index."""
        return self.index if self.recipe.shape == "classic" else None

    @property
    def targets(self) -> tuple[str, ...]:
        """Columns of targets, each named; ``target`` repeats the main one."""
        return tuple(f"target_{rules.name}" for rules in self.recipe.targets)

    def era_of(self, part: "EraRows") -> str:
        """Return an era as its rows name it."""
        return part.label if self.era == "era" else part.day

    def target_kinds(self) -> dict[str, tuple[str, str]]:
        """Return the rules' name and the type of each column of targets."""
        kinds = {rules.name: "float" if rules.bins == "rank" else "target" for rules in self.recipe.targets}
        main = self.recipe.main_target
        named = {f"target_{name}": (name, kind) for name, kind in kinds.items()}
        return {"target": (main, kinds[main]), **named}

    def write_eras(
        self, file: BinaryIO, split: str, parts: Iterable[EraPart], sizes: Collection[int] = ()
    ) -> None:
        """Write a file of eras, oldest first, of a size that is none of `sizes`."""
        columns = {self.index: "text", self.era: "text", "data_type": "text"}
        columns |= dict.fromkeys(self.features, "bin")
        columns |= {name: kind for name, (_, kind) in self.target_kinds().items()}
        writer = ParquetWriter(file, columns, self.pandas_index)
        for group in _grouped(parts, ERAS_A_GROUP):
            rows = sum(len(part.ids) for part in group)
            writer.write_group(rows, self._chunks(split, group))
        writer.finish(sizes)

    def _chunks(self, split: str, parts: Sequence[EraPart]) -> Iterable[ColumnChunk]:
        counts = [len(part.ids) for part in parts]
        yield ColumnChunk([text_page(part.ids) for part in parts])
        labels = [self.era_of(part) for part in parts]
        yield ColumnChunk([constant_page(count, code) for code, count in enumerate(counts)], labels)
        yield ColumnChunk([constant_page(count, 0) for count in counts], [split])
        yield from _feature_chunks(parts)
        for name, kind in self.target_kinds().values():
            yield ColumnChunk([_target_page(part.targets[name], kind) for part in parts])


class PredictionsWriter:
    """Writes a column of predictions beside ids and eras, a row group an era."""

    def __init__(self, layout: Layout, file: BinaryIO, column: str) -> None:
        kinds = {layout.index: "text", layout.era: "text", column: "float"}
        self._layout, self._writer = layout, ParquetWriter(file, kinds, layout.pandas_index)

    def add(self, rows: EraRows, values: Floats) -> None:
        """Add an era: one prediction for each id."""
        count = len(rows.ids)
        chunks = [
            ColumnChunk([text_page(rows.ids)]),
            ColumnChunk([constant_page(count, 0)], [self._layout.era_of(rows)]),
            ColumnChunk([float_page(values)]),
        ]
        self._writer.write_group(count, chunks)

    def finish(self, sizes: Collection[int] = ()) -> None:
        """End the file, with a size that is none of `sizes`."""
        self._writer.finish(sizes)


def _feature_chunks(parts: Sequence[EraPart]) -> Iterable[ColumnChunk]:
    """A chunk for each feature; of a page all but the codes is the same for all features of an era."""
    heads = [page_head(len(part.ids), part.packed.shape[1]) for part in parts]
    for feature in range(len(parts[0].packed)):
        packed = (part.packed[feature].tobytes() for part in parts)
        yield ColumnChunk([piece for page in zip(heads, packed, strict=True) for piece in page])


def _target_page(values: Floats, kind: str) -> bytes:
    if kind == "float":
        return float_page(values)
    return packed_page(len(values), pack(target_codes(values)[np.newaxis])[0].tobytes())


def _grouped(parts: Iterable[EraPart], size: int) -> Iterable[list[EraPart]]:
    group: list[EraPart] = []
    for part in parts:
        group.append(part)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def sizes_of(root: Path, name: str) -> set[int]:
    """Return the sizes of a file in all versions and live eras; drafts, hidden by a point, are none.

    A client of Numerai's API keeps a stale file when the new one is as long: numerapi compares sizes only.
    """
    paths = [*root.glob(f"[!.]*/{name}"), *root.glob(f"[!.]*.live/[!.]*/{name}")]
    return {path.stat().st_size for path in paths}


@contextmanager
def kept_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be written anew, and bring its content to the disk after the block."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def of_another_size(text: str, sizes: set[int]) -> bytes:
    """Return a JSON document with as many spaces after it as make its size none of `sizes`."""
    while len(text.encode()) in sizes:
        text += " "
    return text.encode()
