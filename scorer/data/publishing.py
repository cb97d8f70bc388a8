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
from scorer.data.manifest import LARGEST_MANIFEST, MANIFEST, SIGNATURE, read_manifest, signer_of_version
from scorer.data.objects import ObjectFolder
from scorer.data.recipe import is_version
from scorer.files import LARGEST
from scorer.protocol.documents import shown
from scorer.redaction import shown_path

LIVE: Final = ".live"
"""The end of the name of a version's folder of later live eras."""


def publish(folder: Path, store: ObjectFolder, name: str) -> bool:
    """Upload a version, or a live era; return whether it was not there.

    Raises
    ------
    DataError
        When another one of that name is there, or the folder's manifest is of another name.
    """
    _require_name(folder, name)
    content = (folder / MANIFEST).read_bytes()
    if _is_there(store, name, content):
        return False
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != MANIFEST and not path.name.startswith("."):
            store.write(f"{name}/{path.name}", path)
    # Two that publish at once: one of them writes the manifest, and the other finds it.
    return store.write(f"{name}/{MANIFEST}", content, replace=False) or not _is_there(store, name, content)


def _is_there(store: ObjectFolder, name: str, content: bytes) -> bool:
    found = store.read(f"{name}/{MANIFEST}", LARGEST_MANIFEST)
    if found is not None and found != content:
        raise DataError(
            f"{store.url}/{name}: expected no version of that name or this one, found another; versions are "
            "never changed: name a new one"
        )
    return found is not None


def pull(
    store: ObjectFolder, name: str, root: Path, signer: str | None = None, *, unsigned: bool = False
) -> bool:
    """Download a version, or a live era, into the folder of versions; return whether it was not there.

    Parameters
    ----------
    signer
        The address that must have signed the manifest; None: any, as the manifest says nothing of its signer.
    unsigned
        Without a `signer`, take a version that nobody signed too.

    Raises
    ------
    DataError
        When it is not in the store, is of another name or signer, or its files differ from its manifest.
    """
    content = store.read(f"{name}/{MANIFEST}", LARGEST_MANIFEST) if _is_name(name) else None
    if content is None:
        raise DataError(f"{store.url}: expected the version {shown(name)}, found none")
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
    (draft / MANIFEST).write_bytes(content)
    signature = store.read(f"{name}/{SIGNATURE}", LARGEST)
    if signature is not None:
        (draft / SIGNATURE).write_bytes(signature)
    _require_name(draft, name)
    _require_signer(draft, f"{store.url}/{name}", signer, unsigned=unsigned)
    _fetch_files(store, name, draft)
    for problem in problems(draft):
        raise DataError(f"{store.url}/{name}: {problem}")
    draft.rename(target)
    descriptor = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)
    return True


def _is_name(name: str) -> bool:
    """Return whether a name is that of a version, ``X``, or of a live era of one, ``X.live/Y``."""
    version, live, era = name.partition(f"{LIVE}/")
    return is_version(version) and f"{LIVE}." not in f"{version}." and (not live or is_version(era))


def _require_name(folder: Path, name: str) -> None:
    """Refuse a folder whose manifest is of another version; that of a live era has a dot for ``/``."""
    if not _is_name(name):
        raise DataError(
            f"{shown_path(folder)}: expected the name of a version, such as v1.0 or v1.0{LIVE}/0019, found "
            f"{shown(name)}"
        )
    found, expected = read_manifest(folder).version, name.replace("/", ".")
    if found != expected:
        raise DataError(
            f"{shown_path(folder)}: expected the manifest of the version {shown(expected)}, found that of "
            f"{shown(found)}"
        )


def _require_signer(draft: Path, place: str, signer: str | None, *, unsigned: bool) -> None:
    found = signer_of_version(draft)
    if signer is not None and found != signer:
        raise DataError(
            f"{place}: expected a version that {signer} signed, found one by {found or 'nobody'}; ask the "
            "operator, and take nothing from here until it is explained"
        )
    if found is None and signer is None and not unsigned:
        raise DataError(
            f"{place}: expected a signed version, found one that nobody signed; --unsigned takes it too"
        )


def _fetch_files(store: ObjectFolder, name: str, draft: Path) -> None:
    """Download the files that a version's manifest names, and refuse one with others before any."""
    there = {found.removeprefix(f"{name}/") for found in store.names(name)} - {MANIFEST, SIGNATURE}
    there = {file for file in there if "/" not in file and not file.startswith(".")}
    files = read_manifest(draft).files.keys()
    if more := sorted(there - files):
        raise DataError(f"{store.url}/{name}: expected the files of its manifest, found {shown(more[0])} too")
    # One that is missing is reported with all other problems, by name.
    for file in sorted(there & files):
        store.fetch(f"{name}/{file}", draft / file)


def versions(store: ObjectFolder) -> list[str]:
    """Return the names of the versions and live eras that are whole, sorted; others are left out."""
    found = [name.removesuffix(f"/{MANIFEST}") for name in store.names() if name.endswith(f"/{MANIFEST}")]
    return sorted(filter(_is_name, found))


def local_versions(root: Path, version: str) -> Iterator[str]:
    """Yield the names of a version and its live eras that are in a folder, the version first."""
    for path in (root / version, *sorted((root / f"{version}{LIVE}").glob("[!.]*"))):
        if (path / MANIFEST).is_file():
            yield path.relative_to(root).as_posix()
