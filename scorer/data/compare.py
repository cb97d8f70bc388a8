"""Compare versions of a data set, and a version with its own manifest, era by era."""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from scorer.data.benchmark import MODEL
from scorer.data.eras import era_digest
from scorer.data.faults import DataError
from scorer.data.feature_sets import FEATURES
from scorer.data.layout import INDEX, PREDICTION
from scorer.data.manifest import MANIFEST, SIGNATURE, Manifest, file_digest, read_manifest
from scorer.data.meta_models import COLUMN as META_MODEL
from scorer.data.meta_models import FILE as META_MODELS
from scorer.data.meta_models import EraMetaModel
from scorer.data.version_files import BENCHMARKS, EXAMPLE, LIVE, TRAIN, VALIDATION
from scorer.protocol.digest import Column, json_digest, table_digest
from scorer.protocol.documents import parse_json, shown
from scorer.redaction import shown_path

SPLITS = (TRAIN, VALIDATION, LIVE)
LIVE_CSV: Final = "live.csv"
"""A copy that is made on request, and that no digest covers."""


def read_eras(folder: Path, split: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the eras of a file, one row group in memory at a time."""
    path = folder / f"{split}.parquet"
    try:
        file = pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{shown_path(path)}: expected a Parquet file, found {error}") from None
    for group in range(file.num_row_groups):
        table = file.read_row_group(group).to_pandas().reset_index()
        name = next((index for index in INDEX.values() if index in table), None)
        era = next((column for column in ("era", "date") if column in table), None)
        if name is None or era is None:
            raise DataError(f"{shown_path(path)}: expected columns of ids and eras, found none")
        for label, rows in table.groupby(era, sort=False):
            yield str(label), rows.set_index(name)


def digest_of_era(label: str, era: pd.DataFrame) -> str:
    """Return the digest of an era as it was read."""
    names = list(map(str, era))
    features = [name for name in names if name.startswith("feature_")]
    labels = [name for name in names if name.startswith("target_")]
    targets = {name[7:]: era[name].to_numpy("float64") for name in labels}
    codes = era[features].to_numpy("uint8").T
    return era_digest(label, list(map(str, era.index)), features, codes, targets)


def problems(folder: Path) -> Iterator[str]:
    """Yield a line for each file, era or column that is not what the manifest says."""
    manifest = read_manifest(folder)
    known = {name for name in manifest.files if name in CHECKS}
    there = {path.name for path in folder.iterdir()} - {MANIFEST, SIGNATURE, LIVE_CSV}
    for name in sorted(manifest.files.keys() - known):
        yield f"{MANIFEST}: expected files of a data set, found {shown(name)}"
    for name in sorted(there - manifest.files.keys()):
        yield f"{shown(name)}: expected no file that the manifest does not name, found one"
    for name in sorted(known):
        if name not in there:
            yield f"{name}: expected the file, found none"
            continue
        try:
            yield from CHECKS[name](folder, name, manifest)
        except (OSError, ValueError, TypeError, KeyError) as error:
            yield f"{name}: expected what can be read, found {error}"
    if (folder / LIVE_CSV).exists() and (folder / LIVE_CSV).read_text() != live_csv(folder):
        yield f"{LIVE_CSV}: expected the rows of {LIVE}.parquet, found others"


def live_csv(folder: Path) -> str:
    """Return the live era of a version as CSV."""
    return str(pd.read_parquet(folder / f"{LIVE}.parquet").to_csv())


def _document_problems(folder: Path, name: str, manifest: Manifest) -> Iterator[str]:
    found = json_digest(parse_json((folder / name).read_bytes())).hex()
    if found != manifest.files[name]:
        yield f"{name}: expected {manifest.files[name]}, found {found}"


def _split_problems(folder: Path, name: str, manifest: Manifest) -> Iterator[str]:
    """Compare a file of eras, and what no digest covers: further columns, types, labels, the main target."""
    split = name.removesuffix(".parquet")
    entries = [(label, era) for label, era in sorted(manifest.eras.items()) if era.split == split]
    digests, found = [], read_eras(folder, split)
    for (label, entry), (shown_as, era) in zip_longest(entries, found, fillvalue=("", None)):
        if era is None or entry is None:
            yield f"{name}: expected {len(entries)} eras, found {'fewer' if era is None else 'more'}"
            return
        digest = digest_of_era(label, era)
        digests.append((label, digest))
        if digest != entry.digest or len(era) != entry.rows or shown_as != entry.shown:
            expected = f"{entry.digest} in {entry.rows} rows of {entry.shown}"
            found_here = f"{digest} in {len(era)} of {shown(shown_as)}"
            yield f"{name}: era {label}: expected {expected}, found {found_here}"
        yield from (
            f"{name}: era {label}: {problem}" for problem in _column_problems(era, split, manifest.target)
        )
    if file_digest(digests) != manifest.files[name]:
        yield f"{name}: expected {manifest.files[name]}, found {file_digest(digests)}"


def _column_problems(era: pd.DataFrame, split: str, target: str) -> Iterator[str]:
    names = list(map(str, era))
    features = [name for name in names if name.startswith("feature_")]
    targets = [name for name in names if name.startswith("target_")]
    wanted = [next((label for label in ("era", "date") if label in names), "era"), "data_type"]
    wanted += [*features, "target", *targets]
    if names != wanted:
        others = shown(sorted(set(names) ^ set(wanted)))
        yield f"expected the columns of a data set in their order, found {others}"
        return
    if any(era[name].dtype != "int8" for name in features):
        yield "expected features of the type int8, found another"
    if not (era["data_type"] == split).all():
        yield f"expected the data type {split} in every row, found another"
    if f"target_{target}" not in targets or not _same(era["target"], era[f"target_{target}"]):
        yield f"expected target_{target} in the column target, found other values"


def _same(one: pd.Series, other: pd.Series) -> bool:
    return bool(np.array_equal(one.to_numpy("float64"), other.to_numpy("float64"), equal_nan=True))


def _prediction_problems(folder: Path, name: str, manifest: Manifest) -> Iterator[str]:
    split = name.partition("_")[0]
    labels = [label for label, era in sorted(manifest.eras.items()) if era.split == split]
    shown_as = [manifest.eras[label].shown for label in labels]
    digests, eras = [], list(read_eras(folder, name.removesuffix(".parquet")))
    if [label for label, _ in eras] != shown_as:
        yield f"{name}: expected the eras of {split}, found others"
        return
    for label, (_, era) in zip(labels, eras, strict=True):
        columns = [column for column in map(str, era) if column not in ("era", "date")]
        if len(columns) != 1:
            yield f"{name}: expected one column of predictions, found {shown(columns)}"
            return
        values: dict[str, Column] = {
            "id": list(map(str, era.index)),
            PREDICTION: era[columns[0]].to_numpy("float64"),
        }
        digests.append((label, table_digest(values).hex()))
    if file_digest(digests) != manifest.files[name]:
        yield f"{name}: expected {manifest.files[name]}, found {file_digest(digests)}"


def _meta_model_problems(folder: Path, name: str, manifest: Manifest) -> Iterator[str]:
    found = []
    for label, era in read_eras(folder, name.removesuffix(".parquet")):
        model = EraMetaModel(label, label, tuple(map(str, era.index)), era[META_MODEL].to_numpy("float64"))
        found.append((label, model.digest))
    if file_digest(found) != manifest.files[name]:
        yield f"{name}: expected {manifest.files[name]}, found {file_digest(found)}"


CHECKS: Final[Mapping[str, Callable[[Path, str, Manifest], Iterator[str]]]] = {
    **{f"{split}.parquet": _split_problems for split in SPLITS},
    **dict.fromkeys((FEATURES, MODEL), _document_problems),
    META_MODELS: _meta_model_problems,
    **{
        f"{split}_{name}": _prediction_problems
        for split in (VALIDATION, LIVE)
        for name in (BENCHMARKS, EXAMPLE)
    },
}
"""The comparison of each file of a version with its digest."""


def differences(one: Path, two: Path) -> Iterator[str]:
    """Yield a line for each thing in which two versions differ, down to columns and numbers of values."""
    first, second = read_manifest(one), read_manifest(two)
    for name in ("recipe", "panel", "key"):
        before, after = getattr(first, name), getattr(second, name)
        if before != after:
            yield f"{name}: {before[:16]} and {after[:16]}"
    yield from _set_differences(one, two)
    yield from _era_differences(first, second)
    for split in SPLITS:
        yield from _value_differences(one, two, split, first, second)


def _set_differences(one: Path, two: Path) -> Iterator[str]:
    before, after = (json.loads((folder / FEATURES).read_text())["feature_sets"] for folder in (one, two))
    for name in sorted(before.keys() | after.keys()):
        gone = set(before.get(name, ())) - set(after.get(name, ()))
        new = set(after.get(name, ())) - set(before.get(name, ()))
        if gone or new:
            yield f"feature set {name}: {len(gone)} features gone, {len(new)} new"


def _era_differences(first: Manifest, second: Manifest) -> Iterator[str]:
    for label in sorted(first.eras.keys() | second.eras.keys()):
        before, after = first.eras.get(label), second.eras.get(label)
        if before is None or after is None:
            yield f"era {label}: only in {first.version if after is None else second.version}"
        elif before.split != after.split:
            yield f"era {label}: {before.split} and {after.split}"


def _value_differences(one: Path, two: Path, split: str, first: Manifest, second: Manifest) -> Iterator[str]:
    """Compare the eras of a split that both have with another content."""
    for (label, before), (other, after) in zip(read_eras(one, split), read_eras(two, split), strict=False):
        same = label in first.eras and first.eras.get(label) == second.eras.get(other)
        if label != other or same:
            continue
        common = before.index.intersection(after.index)
        if len(common) < max(len(before), len(after)):
            yield f"era {label}: {len(before)} and {len(after)} ids, {len(common)} in common"
        for name in before.columns.intersection(after.columns):
            left, right = before.loc[common, name].to_numpy(), after.loc[common, name].to_numpy()
            changed = int(np.count_nonzero(~((left == right) | (pd.isna(left) & pd.isna(right)))))
            if changed:
                yield f"era {label}: {name}: {changed} of {len(common)} values"
