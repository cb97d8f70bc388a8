"""Configurations of daemons, as people write them."""

import json
from collections.abc import Mapping
from pathlib import Path

FOLDERS = ("rounds", "targets", "plans")


def toml_text(settings: Mapping[str, Mapping[str, object]]) -> str:
    """Sections of settings as TOML; JSON's texts, numbers, truth values and lists are TOML's too."""
    lines = []
    for section, fields in settings.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
    return "\n".join(lines) + "\n"


def write_node(home: Path, settings: Mapping[str, Mapping[str, object]]) -> Path:
    """Write node.toml into a daemon's folder, make the folders it names there, and say where it is."""
    for folder in FOLDERS:
        (home / folder).mkdir(parents=True, exist_ok=True)
    path = home / "node.toml"
    path.write_text(toml_text(settings))
    return path


def write_secret(path: Path, text: str) -> Path:
    """Write a file that nobody but its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
    return path
