"""Compare versions of a data set, and a version with its own manifest, era by era."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from scorer.data.build import FEATURES, LIVE, TRAIN, VALIDATION
from scorer.data.eras import era_digest
from scorer.data.faults import DataError
from scorer.data.layout import INDEX
from scorer.data.manifest import Manifest, read_manifest
from scorer.protocol.digest import json_digest
from scorer.protocol.documents import parse_json
from scorer.redaction import shown_path

SPLITS = (TRAIN, VALIDATION, LIVE)


def read_eras(folder: Path, split: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the eras of a file, one row group in memory at a time."""
    path = folder / f"{split}.parquet"
    try:
        file = pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{shown_path(path)}: expected a Parquet file, found {error}") from None
    for group in range(file.num_row_groups):
        table = file.read_row_group(group).to_pandas().reset_index()
        name = next(index for index in INDEX.values() if index in table)
        era = "era" if "era" in table else "date"
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
    """Yield a line for each era or file that is not what the manifest says."""
    manifest = read_manifest(folder)
    found = json_digest(parse_json((folder / FEATURES).read_bytes())).hex()
    if found != manifest.files[FEATURES]:
        yield f"{FEATURES}: expected {manifest.files[FEATURES]}, found {found}"
    for split in SPLITS:
        wanted = {label: era for label, era in manifest.eras.items() if era.split == split}
        # Open shapes name eras by their dates; the eras of a split come in the manifest's order.
        for (label, entry), (_, era) in zip(sorted(wanted.items()), read_eras(folder, split), strict=False):
            digest = digest_of_era(label, era)
            if digest != entry.digest or len(era) != entry.rows:
                yield f"{split}.parquet: era {label}: expected {entry.digest}, found {digest}"
        count = sum(1 for _ in read_eras(folder, split))
        if count != len(wanted):
            yield f"{split}.parquet: expected {len(wanted)} eras, found {count}"


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
