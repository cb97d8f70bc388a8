"""Parts of a build: one file an era, so that a build that was stopped goes on from those it has."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from scorer.data.bins import Codes
from scorer.data.calendar import EraDate
from scorer.data.encoding import pack, unpack
from scorer.data.eras import EraBuilder, EraTable
from scorer.data.faults import DataError
from scorer.data.obfuscation import Identifiers
from scorer.data.objects import ObjectFolder
from scorer.data.recipe import Recipe
from scorer.data.store import open_panel, panel_copy, to_bytes
from scorer.files import whole_file, write_whole
from scorer.scoring.exact import Floats

ERAS_AT_ONCE: Final = 32
"""Eras of a task: they share the sums over the sessions that they look back to."""
FOLDER: Final = "eras"


@dataclass(frozen=True, eq=False)
class EraPart:
    """An era as its file holds it; see `EraTable`. Features are read when they are asked for."""

    path: Path
    label: str
    day: str
    ids: tuple[str, ...]
    targets: dict[str, Floats]
    digest: str

    @cached_property
    def packed(self) -> NDArray[np.uint8]:
        """The features, packed: see `scorer.data.encoding.pack`."""
        with np.load(self.path, allow_pickle=False) as found:
            packed: NDArray[np.uint8] = found["packed"]
            return packed

    def features(self, rows: Sequence[int]) -> Codes:
        """Return (rows, ids) bins of some features, by position."""
        return unpack(self.packed[list(rows)], len(self.ids))


def part_file(folder: Path, label: str) -> Path:
    """Return where an era's part is."""
    return folder / FOLDER / f"{label}.npz"


Place = Path | ObjectFolder
"""A local folder, or one of objects that other machines reach."""


def part_object(label: str) -> str:
    """Return the name of an era's part among objects."""
    return f"{FOLDER}/{label}.npz"


def write_part(folder: Place, table: EraTable) -> None:
    """Write an era whole or not at all."""
    names = sorted(table.targets)
    arrays: dict[str, NDArray[np.generic]] = {
        "ids": np.array(table.ids),
        "packed": pack(table.features),
        "targets": np.array([table.targets[name] for name in names]),
        "texts": np.array([table.label, table.day, table.digest, *names]),
    }
    content = to_bytes(arrays)
    if isinstance(folder, ObjectFolder):
        folder.write(part_object(table.label), content)
    else:
        # A power cut may take the names of the last parts: those eras are built again.
        with whole_file(part_file(folder, table.label), keeps_name=False) as file:
            file.write(content)


def read_part(folder: Path, label: str) -> EraPart:
    """Read an era's part."""
    path = part_file(folder, label)
    with np.load(path, allow_pickle=False) as found:
        label, day, digest, *names = found["texts"].tolist()
        targets = dict(zip(names, found["targets"], strict=True))
        return EraPart(path, label, day, tuple(found["ids"].tolist()), targets, digest)


@dataclass(frozen=True)
class Task:
    """Some consecutive eras to build: all that a process on any machine needs.

    Attributes
    ----------
    panel
        Where `save_panel` or `share_panel` wrote the panel.
    folder
        Where the parts go.
    """

    recipe: bytes
    key: bytes = field(repr=False)
    panel: Place
    folder: Place
    eras: tuple[EraDate, ...]

    def __call__(self) -> int:
        """Build the eras; return how many."""
        recipe = Recipe.model_validate_json(self.recipe, strict=False)
        panel = open_panel(panel_copy(self.panel) if isinstance(self.panel, ObjectFolder) else self.panel)
        builder = EraBuilder.around(recipe, Identifiers(recipe, self.key), panel, self.eras)
        for era in self.eras:
            write_part(self.folder, builder.build(era))
        return len(self.eras)


def run_task(task: Task) -> int:
    """Call a task; what a pool of processes or a cluster maps.

    The products are small, and tasks have all cores already: more threads would wait for each other.
    """
    with threadpool_limits(1):
        return task()


def tasks(recipe: Recipe, key: bytes, panel: Place, folder: Place, eras: Sequence[EraDate]) -> list[Task]:
    """Return tasks for the eras that have no part yet."""
    there = _parts_there(folder)
    found = []
    # Cut by number, not by what is missing, so that a build that goes on shares as much as a fresh one.
    for start in range(0, len(eras), ERAS_AT_ONCE):
        missing = [era for era in eras[start : start + ERAS_AT_ONCE] if era.label not in there]
        if missing:
            found.append(Task(recipe.canonical_json(), key, panel, folder, tuple(missing)))
    return found


def _parts_there(folder: Place) -> set[str]:
    """Return the labels of the eras that have a part."""
    if isinstance(folder, ObjectFolder):
        names = [name.rsplit("/", 1)[-1] for name in folder.names(FOLDER)]
    else:
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        names = [path.name for path in (folder / FOLDER).iterdir()]
    return {name.removesuffix(".npz") for name in names if not name.startswith(".")}


def fetch_parts(shared: ObjectFolder, folder: Path, eras: Sequence[EraDate]) -> None:
    """Copy the parts of eras that other machines built, those that are not here yet."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for era in eras:
        path = part_file(folder, era.label)
        if path.is_file():
            continue
        content = shared.read(part_object(era.label))
        if content is None:
            raise DataError(f"{shared.url}: expected the part of era {era.label}, found none; build again")
        write_whole(path, content)
