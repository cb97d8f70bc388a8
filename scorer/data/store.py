"""A panel on disk: arrays that every process maps and reads the sessions of its own eras from."""

import hashlib
import io
import os
import shutil
import tempfile
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import rfc8785
from numpy.typing import NDArray

from scorer.data.faults import DataError
from scorer.data.objects import ObjectFolder
from scorer.data.panel import Groups, Panel
from scorer.files import whole_file, write_whole
from scorer.protocol.documents import parse_json
from scorer.redaction import shown_path

META: Final = "panel.json"


def save_panel(panel: Panel, folder: Path) -> str:
    """Write a panel into a folder, in place of another; return its digest.

    The other one stays until the new one is whole, whenever the process ends; see `recover_panel`.
    """
    digest = panel.digest()
    recover_panel(folder)
    if (folder / META).is_file() and _meta(folder)["digest"] == digest:
        return digest
    draft, before = folder.with_name(f"{folder.name}.draft"), _before(folder)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    _write(panel, digest, draft)
    if folder.exists():
        folder.rename(before)
    draft.rename(folder)
    shutil.rmtree(before, ignore_errors=True)
    return digest


def recover_panel(folder: Path) -> None:
    """Bring back the panel before, where a process ended as it put another in its place."""
    before = _before(folder)
    if not (folder / META).is_file() and (before / META).is_file():
        shutil.rmtree(folder, ignore_errors=True)
        before.rename(folder)
    shutil.rmtree(before, ignore_errors=True)


def _before(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.before")


def _write(panel: Panel, digest: str, folder: Path) -> None:
    arrays: dict[str, NDArray[Any]] = {"prices": panel.prices, "growth": panel.growth}
    arrays |= {f"field-{name}": values for name, values in panel.fields.items()}
    arrays |= {f"group-{name}": group.codes for name, group in panel.groups.items()}
    for name, values in arrays.items():
        with whole_file(folder / f"{name}.npy") as file:
            np.save(file, values)
    meta: dict[str, Any] = {
        "digest": digest,
        "calendar": panel.calendar,
        "sessions": [day.isoformat() for day in panel.sessions],
        "names": list(panel.names),
        "fields": sorted(panel.fields),
        "groups": {name: list(group.labels) for name, group in panel.groups.items()},
    }
    # Last: a folder without it is none.
    write_whole(folder / META, rfc8785.dumps(meta))


def share_panel(folder: Path, store: ObjectFolder) -> ObjectFolder:
    """Copy a saved panel to where other machines reach it, under its digest; return the place."""
    place = store.under(f".panels/{_meta(folder)['digest']}")
    if place.read(META) is None:
        for path in sorted(folder.glob("*.npy")):
            place.write(path.name, path)
        place.write(META, (folder / META).read_bytes())
    return place


def panel_copy(place: ObjectFolder) -> Path:
    """Return the folder of this machine's copy of a shared panel, which its processes have in common."""
    root = Path(tempfile.gettempdir()) / f"cupel-panels-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    if root.stat().st_uid != os.getuid():
        raise DataError(f"{shown_path(root)}: expected a folder of this user, found one of another")
    folder = root / hashlib.sha256(place.url.encode()).hexdigest()[:32]
    if not (folder / META).is_file():
        with tempfile.TemporaryDirectory(dir=root) as draft:
            for name in place.names():
                place.fetch(name, Path(draft) / Path(name).name)
            # Of two processes that copy at once the second keeps the first one's copy.
            with suppress(OSError):
                Path(draft).rename(folder)
                Path(draft).mkdir()
    return folder


def open_panel(folder: Path) -> Panel:
    """Return the panel of a folder, its arrays mapped: a session is read when it is used."""
    meta = _meta(folder)

    def mapped(name: str) -> NDArray[Any]:
        # A plain array over the same memory: every step on a memmap would pass through Python.
        return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False))

    return Panel(
        meta["calendar"],
        tuple(date.fromisoformat(day) for day in meta["sessions"]),
        tuple(meta["names"]),
        mapped("prices"),
        mapped("growth"),
        {name: mapped(f"field-{name}") for name in meta["fields"]},
        {name: Groups(tuple(labels), mapped(f"group-{name}")) for name, labels in meta["groups"].items()},
    )


def _meta(folder: Path) -> dict[str, Any]:
    try:
        meta: dict[str, Any] = parse_json((folder / META).read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{shown_path(folder)}: expected a panel, found {error}") from None
    return meta


def to_bytes(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Return arrays as the content of an npz file."""
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]  # the names are ours
    return content.getvalue()
