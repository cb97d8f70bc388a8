"""Packs what a job sees into one archive, for providers whose machines share no folder with the node."""

import io
import os
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from scorer.compute.job import IN, MODEL, ModelJob
from scorer.compute.sandbox.bubblewrap import INSIDE, RUNNER

NOTHING: Final[Mapping[str, bytes]] = MappingProxyType({})


def packed(job: ModelJob, more: Mapping[str, bytes] = NOTHING) -> Path:
    """Return an archive of inputs, code and runner, to be unpacked at ``/``; whoever asks removes it.

    Parameters
    ----------
    more
        Further files by their path inside, which their owner alone can read there.
    """
    descriptor, name = tempfile.mkstemp(prefix="cupel-job-", suffix=".tar")
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as archive:
        for inside, folder in ((IN, job.inputs), (MODEL, job.code), (RUNNER, INSIDE)):
            for path in (folder, *sorted(folder.rglob("*"))):
                if "__pycache__" not in path.parts:
                    _add_path(archive, f"{inside}/{path.relative_to(folder)}", path)
        for inside, content in more.items():
            _add(archive, inside, content, 0o600)
    return Path(name)


def _add_path(archive: tarfile.TarFile, name: str, path: Path) -> None:
    """Add a file, or a folder by itself: every user may read it there, whatever a machine's habits are."""
    if path.is_dir():
        entry = tarfile.TarInfo(name.lstrip("/"))
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(entry)
    elif path.is_file():
        _add(archive, name, path.read_bytes(), 0o755 if path.stat().st_mode & 0o100 else 0o644)


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    """Add one file without owner and time: the same files are the same bytes."""
    entry = tarfile.TarInfo(name.lstrip("/"))
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))
