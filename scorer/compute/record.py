"""The record of a run, as a JSON document beside its predictions: what ran, on what, and what came out."""

import hashlib
import json
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import rfc8785

from scorer.compute.decide import ModelVariant
from scorer.compute.job import RunOutcome
from scorer.errors import CupelError
from scorer.redaction import shown_path

VERSION: Final = 1
MOST_FILES: Final = 20_000
MOST_CODE: Final = 4 << 30
"""Bytes of a model's folder."""
PART: Final = 1 << 20
IGNORED: Final = ("__pycache__", ".git", ".venv", ".ipynb_checkpoints")
"""Folders that are no part of a model."""
LOCKS: Final = (
    "requirements.lock",
    "uv.lock",
    "poetry.lock",
    "pixi.lock",
    "conda-lock.yml",
    "requirements.txt",
)
"""Files that name the packages which a model runs with, the most exact first."""


class ModelUnreadable(CupelError):
    """A model's folder cannot be read as a whole; the message says why."""


@dataclass(frozen=True)
class RunRecord:
    """The record of one run.

    Attributes
    ----------
    code, lock, inputs
        SHA-256 in hex: of the model's folder and its entry, of its lock file (empty without one), and of all
        files that it was given.
    files
        The SHA-256 of each of those, by name.
    output, log
        SHA-256 of its predictions' file and of what is kept of its log; empty where there is none.
    predictions
        The content hash of its predictions, which does not depend on a writer of Parquet; empty without.
    reason
        What was expected and found, where it is not good.
    warning
        What a reader should know although all is well.
    """

    chain_id: int
    tournament: str
    round_id: int
    model: int
    attempt: int
    variant: ModelVariant
    provider: str
    kind: str
    code: str
    started_at: int
    ended_at: int
    outcome: RunOutcome
    lock: str = ""
    inputs: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    warning: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    peak_memory: int = 0
    output: str = ""
    predictions: str = ""
    log: str = ""
    version: int = field(default=VERSION)

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            **asdict(self),
            "variant": self.variant.value,
            "stale": self.variant.is_stale,
            "outcome": self.outcome.name,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "RunRecord":
        """Read it back; raises ValueError, KeyError or TypeError for another document."""
        given = {name: value for name, value in document.items() if name != "stale"}
        given["variant"] = ModelVariant(given["variant"])
        given["outcome"] = RunOutcome[given["outcome"]]
        if given["version"] != VERSION:
            raise ValueError(f"expected a record of version {VERSION}, found another")
        return cls(**given)


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, by its path there.

    Raises
    ------
    ModelUnreadable
        When a file is a link, is none, or all are too many or too large: what runs must be what was hashed.
    """
    found: dict[str, str] = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part in IGNORED for part in name.parts) or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink() or not path.is_file():
            raise ModelUnreadable(
                f"{shown_path(path)}: expected a plain file, found a link or another thing; copy its content"
            )
        size += path.stat().st_size
        if size > MOST_CODE or len(found) >= MOST_FILES:
            raise ModelUnreadable(
                f"{shown_path(folder)}: expected at most {MOST_FILES} files of {MOST_CODE} bytes in all, "
                "found more; keep data outside of the model's folder"
            )
        found[name.as_posix()] = file_digest(path)
    return found


def make_readable(folder: Path) -> None:
    """Let every user read a folder and what is in it, who gets there: a container's user is another one."""
    for path in (folder, *folder.rglob("*")):
        is_open = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if is_open else 0o644)


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document in canonical JSON."""
    return sha256(rfc8785.dumps(dict(document)))


def lock_digest(folder: Path) -> str:
    """Return the SHA-256 of the lock file in a model's folder; empty without one."""
    for name in LOCKS:
        if (folder / name).is_file():
            return file_digest(folder / name)
    return ""


def to_json(document: Mapping[str, Any]) -> bytes:
    """Return a document as people read it."""
    return (json.dumps(document, indent=1) + "\n").encode()
