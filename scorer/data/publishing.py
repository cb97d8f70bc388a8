"""Versions in an object store: published and pulled whole, and never changed.

A version's manifest is written last and only where there is none: a version without one is none. Whatever
ends an upload leaves the versions before it as they are, and the next call goes on.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scorer.data.compare import problems
from scorer.data.faults import DataError
from scorer.data.manifest import MANIFEST, read_manifest
from scorer.data.objects import ObjectFolder
from scorer.redaction import shown_path

LIVE: Final = ".live"
"""The end of the name of a version's folder of later live eras."""


def publish(folder: Path, store: ObjectFolder, name: str) -> bool:
    """Upload a version, or a live era; return whether it was not there.

    Raises
    ------
    DataError
        When another one of that name is there.
    """
    read_manifest(folder)
    content = (folder / MANIFEST).read_bytes()
    if _is_there(store, name, content):
        return False
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != MANIFEST and not path.name.startswith("."):
            store.write(f"{name}/{path.name}", path)
    # Two that publish at once: one of them writes the manifest, and the other finds it.
    return store.write(f"{name}/{MANIFEST}", content, replace=False) or not _is_there(store, name, content)


def _is_there(store: ObjectFolder, name: str, content: bytes) -> bool:
    found = store.read(f"{name}/{MANIFEST}")
    if found is not None and found != content:
        raise DataError(
            f"{store.url}/{name}: expected no version of that name or this one, found another; versions are "
            "never changed: name a new one"
        )
    return found is not None


def pull(store: ObjectFolder, name: str, root: Path) -> bool:
    """Download a version, or a live era, into the folder of versions; return whether it was not there.

    Raises
    ------
    DataError
        When it is not in the store, or its files are not what its manifest says.
    """
    content = store.read(f"{name}/{MANIFEST}")
    if content is None:
        raise DataError(f"{store.url}: expected the version {name}, found none")
    target = root / name
    if target.exists():
        if (target / MANIFEST).read_bytes() != content:
            raise DataError(
                f"{shown_path(target)}: expected the version {name} of {store.url}, found another"
            )
        return False
    draft = target.with_name(f".{target.name}.pulled")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for found in store.names(name):
        file = found.removeprefix(f"{name}/")
        if "/" not in file and not file.startswith("."):
            store.fetch(found, draft / file)
    (draft / MANIFEST).write_bytes(content)
    for problem in problems(draft):
        raise DataError(f"{store.url}/{name}: {problem}")
    draft.rename(target)
    descriptor = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)
    return True


def versions(store: ObjectFolder) -> list[str]:
    """Return the names of the versions and live eras that are whole, sorted."""
    found = [name.removesuffix(f"/{MANIFEST}") for name in store.names() if name.endswith(f"/{MANIFEST}")]
    return sorted(name for name in found if not name.startswith("."))


def local_versions(root: Path, version: str) -> Iterator[str]:
    """Yield the names of a version and its live eras that are in a folder, the version first."""
    for path in (root / version, *sorted((root / f"{version}{LIVE}").glob("[!.]*"))):
        if (path / MANIFEST).is_file():
            yield path.relative_to(root).as_posix()
