"""The code of models, kept by digest: a run uses a copy that nobody changes, and the last good one stays."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scorer.compute.record import (
    IGNORED,
    ModelUnreadable,
    digest_of,
    folder_digests,
    lock_digest,
    make_readable,
    to_json,
)
from scorer.compute.sections import ModelSection
from scorer.files import write_whole
from scorer.redaction import shown_path

GOOD: Final = "good.json"
Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Code:
    """A model's code, in a folder that does not change.

    Attributes
    ----------
    digest
        SHA-256 of its files, and of how they are run.
    lock
        SHA-256 of its lock file; empty without one.
    kind, entry
        How it is run; empty where that is not known.
    """

    digest: str
    folder: Path
    lock: str = ""
    kind: str = ""
    entry: str = ""


@dataclass(frozen=True)
class GoodRun:
    """The last run of a model with valid predictions.

    Attributes
    ----------
    predictions
        Their content hash.
    """

    code: str
    round_id: int
    attempt: int
    inputs: str
    predictions: str
    tournament: str


@dataclass
class CodeStore:
    """Copies of models' folders, by digest, and which of each was good last."""

    root: Path
    _stamps: dict[int, tuple[Stamp, Code]] = field(default_factory=dict)

    def current(self, section: ModelSection, folder: Path) -> Code:
        """Return a copy of a model's code as it is now.

        Raises
        ------
        scorer.compute.record.ModelUnreadable
            When the folder is none, or holds links.
        """
        stamp = _stamp(folder)
        known = self._stamps.get(section.model)
        if known is not None and known[0] == stamp and known[1].folder.is_dir():
            return known[1]
        code = self._kept(section, folder)
        self._stamps[section.model] = (stamp, code)
        return code

    def _kept(self, section: ModelSection, folder: Path) -> Code:
        files = folder_digests(folder)
        name = section.entry.partition(":")[0]
        if name not in files:
            raise ModelUnreadable(f"{shown_path(folder)}: expected {name} in it, found none")
        how = {"kind": str(section.kind), "entry": section.entry, "python": str(section.python)}
        digest = digest_of({"files": files, **how, "image": section.image or ""})
        target = self.root / "code" / digest
        if not target.is_dir():
            draft = target.with_name(f".{digest}.draft")
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(folder, draft, ignore=shutil.ignore_patterns(*IGNORED))
            if folder_digests(draft) != files:
                raise ModelUnreadable(f"{shown_path(folder)}: expected it to stay as it is, found it changed")
            make_readable(draft)
            write_whole(target.with_suffix(".json"), to_json(how))
            draft.rename(target)
        return Code(digest, target, lock_digest(target), how["kind"], how["entry"])

    def kept(self, digest: str) -> Code | None:
        """Return the copy of a digest, if it is still here."""
        folder = self.root / "code" / digest
        try:
            how: dict[str, str] = json.loads(folder.with_suffix(".json").read_bytes())
        except (OSError, ValueError):
            return None
        return (
            Code(digest, folder, lock_digest(folder), how["kind"], how["entry"]) if folder.is_dir() else None
        )

    def good(self, model: int) -> GoodRun | None:
        """Return the last good run of a model."""
        try:
            document: dict[str, Any] = json.loads((self.root / "models" / str(model) / GOOD).read_bytes())
            return GoodRun(**document)
        except (OSError, ValueError, TypeError):
            return None

    def remember(self, model: int, run: GoodRun) -> None:
        """Note a good run of a model."""
        folder = self.root / "models" / str(model)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / GOOD, to_json(vars(run)))

    def prune(self, kept: set[str]) -> None:
        """Remove all copies but those of some digests."""
        folder = self.root / "code"
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.stem.removeprefix(".") in kept:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _stamp(folder: Path) -> Stamp:
    """Return what changes whenever a file of a folder does: names, sizes and times."""
    if not folder.is_dir():
        raise ModelUnreadable(f"{shown_path(folder)}: expected the folder of a model, found none")
    found = []
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found.append((str(path.relative_to(folder)), status.st_size, status.st_ctime_ns))
    return tuple(found)
