"""Meta models of past rounds, era by era, as data scientists compare their own models with."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from scorer.data.faults import DataError
from scorer.data.layout import Layout, PredictionsWriter, kept_file
from scorer.data.manifest import file_digest
from scorer.data.rounds import LEAST_COMMON, Rebuilder
from scorer.protocol.digest import table_digest
from scorer.redaction import shown_path
from scorer.scoring.exact import Floats
from scorer.storage.bundle import META_MODEL, Bundle

FILE: Final = "meta_model.parquet"
COLUMN: Final = "numerai_meta_model"
"""The column that scripts for Numerai's file read."""


@dataclass(frozen=True, eq=False)
class EraMetaModel:
    """The meta model of the round of an era: a value from 0 to 1 for each id, in the order of the ids."""

    label: str
    day: str
    ids: tuple[str, ...]
    values: Floats

    @property
    def digest(self) -> str:
        """SHA-256 of ids and values, in hex."""
        return table_digest({"id": self.ids, COLUMN: self.values}).hex()


def past_meta_models(rounds: Path | None, rebuilder: Rebuilder) -> tuple[EraMetaModel, ...]:
    """Return the meta models of published rounds, by era; of two rounds of an era that of the later one.

    Only ids that change with the era say which era a round was of: for others there are none.

    Parameters
    ----------
    rounds
        A folder of one tournament's rounds by number.
    """
    if rounds is None or rebuilder.recipe.obfuscation.ids != "era":
        return ()
    left = dict(_universes(rounds))
    found: dict[str, EraMetaModel] = {}
    for era in reversed(rebuilder.eras):
        if not left:
            break
        ids = set(rebuilder.identifiers.ids(era.day, rebuilder.panel.names))
        mine = [n for n, universe in left.items() if len(ids & universe) >= LEAST_COMMON * len(universe)]
        for number in mine:
            universe = tuple(sorted(left.pop(number)))
            values = _values(rounds / str(number), universe)
            found[era.label] = EraMetaModel(era.label, era.day.isoformat(), universe, values)
    return tuple(found[label] for label in sorted(found))


def _universes(rounds: Path) -> Iterator[tuple[int, set[str]]]:
    """Yield the ids of each round that has a meta model, oldest round first."""
    folders = [path.parent for path in rounds.glob(f"*/{META_MODEL}") if path.parent.name.isdecimal()]
    for folder in sorted(folders, key=lambda path: int(path.name)):
        universe = set(Bundle(folder).universe())
        if universe:
            yield int(folder.name), universe


def _values(folder: Path, ids: tuple[str, ...]) -> Floats:
    values = Bundle(folder).meta_model_of(ids)
    if not np.isfinite(values).all():
        raise DataError(
            f"{shown_path(folder / META_MODEL)}: expected a number for each id, found none for some"
        )
    return values


def write_meta_models(
    layout: Layout, found: Iterable[EraMetaModel], folder: Path, sizes: Collection[int]
) -> dict[str, str]:
    """Write meta_model.parquet, of a size that is none of `sizes`; return its digest by its name.

    Without rounds it has no rows.
    """
    with kept_file(folder / FILE) as file:
        writer = PredictionsWriter(layout, file, COLUMN)
        for model in found:
            writer.add(model, model.values)
        writer.finish(sizes)
    return {FILE: file_digest([(layout.era_of(model), model.digest) for model in found])}
