"""A member takes over what was published of a round as soon as it is sealed, and keeps it.

What counts in a round is fixed by its seal. A member that reads the files only once the outcome is known lets
whoever publishes them choose, with hindsight, whether there is a round at all. So they are copied when the
seal is final, the copy is held against the chain, and what is published afterwards is only watched.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scorer.chain.contracts import RoundRecord
from scorer.isolation import IsolatedReader
from scorer.rounds.documents import to_hex
from scorer.rounds.evaluation import InputsMismatch, check_published
from scorer.store.bundle import PUBLISHED, REPORT, SIGNATURES, Bundle, BundleError, round_folder
from scorer.store.published import PublishedBounds, take_over

NOTES: Final = "taken"
"""The folder, beside those of the tournaments, that says what was taken over of each round."""
GRACE: Final = 3600
"""Seconds after a seal in which files may still be on their way."""
SOONEST: Final = 4
"""At most one part in so many of the time from the seal to the outcome may pass without files."""
BLOCK: Final = 2**20
READER: Final = IsolatedReader(workers=1)
"""One for the process: its interpreter takes seconds to start, which it does with the first file."""

Stamp = tuple[tuple[int, ...] | None, ...]
"""(bytes, inode, times of modification and of change, ns) of each file; None for one that is not there."""


@dataclass(frozen=True)
class Takeover:
    """What a look at the published files of a sealed round found.

    Attributes
    ----------
    is_kept
        Whether we hold files that are those of the seal.
    missing
        Files that are not published, while we hold none.
    mismatch
        Why what is published is not what the chain committed to, while we hold none.
    changed
        Files that are published otherwise than we took them over, or no more.
    aside
        Where a bundle with a report was put that rests on another seal.
    """

    is_kept: bool = False
    missing: tuple[str, ...] = ()
    mismatch: str | None = None
    changed: tuple[str, ...] = ()
    aside: str | None = None


@dataclass
class Seen:
    """What was found in published files, by round, so that files that did not change are not read again.

    Attributes
    ----------
    unchanged, changed
        Of files that we hold: what was published, and which of it was others than ours.
    mismatched
        What was published, the seal that it did not fit, and why.
    unusable
        The seal that nothing fitted that we had of our own.
    """

    unchanged: dict[int, Stamp] = field(default_factory=dict)
    changed: dict[int, tuple[Stamp, tuple[str, ...]]] = field(default_factory=dict)
    mismatched: dict[int, tuple[Stamp, str, str]] = field(default_factory=dict)
    unusable: dict[int, str] = field(default_factory=dict)

    @property
    def rounds(self) -> set[int]:
        """The rounds of which anything is remembered."""
        return {*self.unchanged, *self.changed, *self.mismatched, *self.unusable}

    def forget(self, round_id: int) -> None:
        """Read a round's files anew."""
        for memory in self._all:
            memory.pop(round_id, None)

    def forget_all(self) -> None:
        """Read all files anew."""
        for memory in self._all:
            memory.clear()

    @property
    def _all(self) -> tuple[dict[int, Any], ...]:
        return self.unchanged, self.changed, self.mismatched, self.unusable


@dataclass(frozen=True)
class Keeper:
    """Takes over, keeps and watches the published files of a tournament's rounds.

    Attributes
    ----------
    rounds
        Where our own bundles are: the files are kept in them.
    published
        What the operator publishes, or a mirror of it.
    most_models
        How many models could submit to a round: it bounds what is read of a stranger's files.
    """

    rounds: Path
    published: Path
    tournament: str
    most_models: Callable[[RoundRecord], int]
    seen: Seen = field(default_factory=Seen)

    def look(self, record: RoundRecord) -> Takeover:
        """Take over what was published of a sealed round, or see whether it is still what we took over."""
        if self.is_kept(record):
            return Takeover(is_kept=True, changed=self._changed(record.round_id))
        if self._adopt(record):
            return Takeover(is_kept=True)
        source = self._published(record.round_id)
        missing = tuple(file for file in PUBLISHED if not source.has(file))
        if missing:
            return Takeover(missing=missing)
        return self._take_over(record, source)

    def is_kept(self, record: RoundRecord) -> bool:
        """Whether we hold the files of this very seal."""
        own = self._bundle(self.rounds, record.round_id)
        return self._note(record.round_id).get("seal") == _seal(record) and own.has(*PUBLISHED)

    def discard(self, round_id: int) -> None:
        """Take over a round anew: what we hold turned out to be broken."""
        self._notes(round_id).write_taken({})
        self.seen.forget(round_id)

    def _adopt(self, record: RoundRecord) -> bool:
        """Keep the files that an earlier bundle of ours left, where they are those of this seal."""
        own = self._bundle(self.rounds, record.round_id)
        if self.seen.unusable.get(record.round_id) == _seal(record):
            return False
        for held in (own, *_set_aside(own)):
            if held.has(*PUBLISHED) and problem_with(held, record) is None:
                if held is not own:
                    own.copy_published(held)
                if self._note(record.round_id).get("seal") != _seal(record):
                    # A report's bundle says in submissions.json who could sign, not what was published there.
                    self._write_note(record, own, *(file for file in PUBLISHED if file != SIGNATURES))
                self.seen.forget(record.round_id)
                return True
        self.seen.unusable[record.round_id] = _seal(record)
        return False

    def _take_over(self, record: RoundRecord, source: Bundle) -> Takeover:
        """Copy, and hold the copy against the chain."""
        round_id, seal, before = record.round_id, _seal(record), stamp_of(source)
        known = self.seen.mismatched.get(round_id)
        if known is not None and known[:2] == (before, seal):
            return Takeover(mismatch=known[2])
        own = self._bundle(self.rounds, round_id)
        aside = own.set_aside().name if own.has(REPORT) else None
        problem = self._copied(record, source, own) or problem_with(own, record)
        if stamp_of(source) != before:
            problem = problem or f"{source.folder}: files changed while they were copied"
            return Takeover(mismatch=problem, aside=aside)
        if problem is not None:
            self.seen.mismatched[round_id] = (before, seal, problem)
            return Takeover(mismatch=problem, aside=aside)
        self._write_note(record, own, *PUBLISHED)
        self.seen.forget(round_id)
        self.seen.unchanged[round_id] = before
        return Takeover(is_kept=True, aside=aside)

    def _copied(self, record: RoundRecord, source: Bundle, own: Bundle) -> str | None:
        """Copy the published files, once a child process has read them; what was wrong, or None."""
        bounds = PublishedBounds(models=self.most_models(record))
        try:
            take_over(source.folder, own, bounds, READER)
        except BundleError as error:
            return str(error)
        return None

    def _changed(self, round_id: int) -> tuple[str, ...]:
        """Files that are published otherwise than we took them over; read only where their stamp is new."""
        source = self._published(round_id)
        stamp = stamp_of(source)
        if self.seen.unchanged.get(round_id) == stamp:
            return ()
        known = self.seen.changed.get(round_id)
        if known is not None and known[0] == stamp:
            return known[1]
        noted = self._note(round_id).get("files", {})
        changed = tuple(file for file in PUBLISHED if not _is_still(source.folder / file, noted.get(file)))
        if changed:
            self.seen.changed[round_id] = (stamp, changed)
        else:
            self.seen.unchanged[round_id] = stamp
        return changed

    def _write_note(self, record: RoundRecord, taken: Bundle, *known: str) -> None:
        """Say what was taken over; it comes last, so where it is, the files are."""
        files = {file: _noted(taken.folder / file) for file in known}
        self._notes(record.round_id).write_taken({"seal": _seal(record), "files": files})

    def _note(self, round_id: int) -> Mapping[str, Any]:
        """What we wrote about the files of a round; empty where nothing can be read."""
        try:
            return self._notes(round_id).taken()
        except BundleError:
            return {}

    def _notes(self, round_id: int) -> Bundle:
        return self._bundle(self.rounds / NOTES, round_id)

    def _published(self, round_id: int) -> Bundle:
        return self._bundle(self.published, round_id)

    def _bundle(self, root: Path, round_id: int) -> Bundle:
        return Bundle(round_folder(root, self.tournament, round_id))


def is_late(record: RoundRecord, sealed_at: int, now: int, grace: int) -> bool:
    """Whether files of a round that was sealed at `sealed_at` should have been there. Unix seconds.

    `grace` seconds are left to them, or a quarter of the time to the outcome where that is less: with the
    outcome known, nobody could tell any more whether they had existed before.
    """
    until_outcome = max(record.resolve_at - sealed_at, 0)
    return now >= sealed_at + min(grace, until_outcome // SOONEST)


def problem_with(bundle: Bundle, record: RoundRecord) -> str | None:
    """Why the published files in a bundle are not those that the chain committed to; None where they are."""
    try:
        rules, submissions = bundle.rules(), bundle.submissions()
        check_published(record.rules_hash, record.submissions_root, rules, submissions)
    except (BundleError, InputsMismatch) as error:
        return str(error)
    return None


def _seal(record: RoundRecord) -> str:
    """What a seal committed to, as one text."""
    return f"{to_hex(record.rules_hash)}:{to_hex(record.submissions_root)}"


def _set_aside(own: Bundle) -> Iterator[Bundle]:
    """Bundles of the same round that were put aside, newest first."""
    asides = own.folder.parent.glob(f"{own.folder.name}.aside-*")
    yield from (Bundle(folder) for folder in sorted(asides, key=_age))


def _age(folder: Path) -> int:
    number = folder.name.rpartition("-")[2]
    return -int(number) if number.isdecimal() else 0


def stamp_of(source: Bundle, files: Sequence[str] = PUBLISHED) -> Stamp:
    """What tells without reading whether files may have changed; the time of change is not set by anybody."""
    return tuple(_file_stamp(source.folder / file) for file in files)


def _file_stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def _noted(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": _sha256(path)}


def _is_still(path: Path, noted: Any) -> bool:
    """Whether a file is the one that was noted, if it was; one of another size is not read."""
    try:
        if noted is None or not path.is_file():
            return path.is_file()
        is_same_size = path.stat().st_size == noted["bytes"]
        return bool(is_same_size and _sha256(path) == noted["sha256"])
    except (OSError, KeyError, TypeError):
        return False


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return to_hex(digest.digest())
