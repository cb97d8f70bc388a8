"""Writes node.toml for the daemons of a local tournament, in folders that stand side by side.

Below one root: ``inbox/`` and ``published/`` for all, and for each daemon a folder of its name with its
node.toml, ``rounds/``, ``exchange/``, ``targets/`` and ``plans/``.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import tomli_w

from scorer.files import OWNER_ONLY, write_whole

FILE: Final = "node.toml"
ENCRYPTION_KEY: Final = "encryption.key"
"""A member's X25519 identity, in its own folder."""
FOLDERS: Final = {
    **{name: name for name in ("rounds", "exchange", "targets", "plans")},
    **{name: f"../{name}" for name in ("published", "inbox")},
}
Section = Mapping[str, object]


def write_node(
    root: Path,
    name: str,
    members: Sequence[str],
    *,
    chain: Section,
    key: Section,
    run: Section,
    **others: Section,
) -> Path:
    """Write the configuration of the daemon `name`, and make the folders it names; the path of the file.

    Parameters
    ----------
    members
        Names of the committee's daemons: those other than this one are its peers.
    chain, key, run, others
        Sections of the file; paths in them are relative to the daemon's own folder.
    """
    home = root / name
    for folder in FOLDERS.values():
        (home / folder).mkdir(parents=True, exist_ok=True)
    peers = [f"../{member}/exchange" for member in members if member != name]
    document = {"chain": chain, "files": {**FOLDERS, "peers": peers}, "key": key, "run": run, **others}
    if name in members:
        document["encryption"] = {"file": ENCRYPTION_KEY}
    write_whole(home / FILE, tomli_w.dumps(document).encode(), mode=OWNER_ONLY)
    return home / FILE
