"""A panel on disk: arrays that every process maps and reads the sessions of its own eras from."""

import io
import shutil
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import rfc8785
from numpy.typing import NDArray

from scorer.data.faults import DataError
from scorer.data.panel import Groups, Panel
from scorer.files import write_whole
from scorer.protocol.documents import parse_json
from scorer.redaction import shown_path

META: Final = "panel.json"


def save_panel(panel: Panel, folder: Path) -> str:
    """Write a panel into a folder, in place of another; return its digest."""
    digest = panel.digest()
    if (folder / META).is_file() and _meta(folder)["digest"] == digest:
        return digest
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    np.save(folder / "prices.npy", panel.prices)
    np.save(folder / "growth.npy", panel.growth)
    for name, values in panel.fields.items():
        np.save(folder / f"field-{name}.npy", values)
    for name, group in panel.groups.items():
        np.save(folder / f"group-{name}.npy", group.codes)
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
    return digest


def open_panel(folder: Path) -> Panel:
    """Return the panel of a folder, its arrays mapped: a session is read when it is used."""
    meta = _meta(folder)

    def mapped(name: str) -> NDArray[Any]:
        array: NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        return array

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
