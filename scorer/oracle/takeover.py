"""Takes over what was published of a round as soon as submissions have closed, and keeps it.

What counts in a round is fixed by its seal, which members sign once they hold the files. A member that missed
that takes them over when the seal is final. The copy is held against the chain, and what is published
afterwards is only watched: nobody can choose with hindsight whether there is a round at all.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from scorer.chain.records import RoundRecord
from scorer.evaluation.commitments import check_published, check_sealed
from scorer.evaluation.inputs import InputsMismatch
from scorer.isolation import SHARED_READER
from scorer.oracle.seen_files import Mismatch, SeenFiles
from scorer.oracle.stamps import REREAD, fingerprint, is_unchanged, stamp_of
from scorer.protocol.documents import to_hex
from scorer.storage.bundle import (
    ENCRYPTED,
    ENVELOPES,
    PUBLISHED,
    REPORT,
    SIGNATURES,
    Bundle,
    BundleError,
    round_folder,
)
from scorer.storage.published import PublishedBounds, take_over

NOTES: Final = "taken"
"""The folder, beside those of the tournaments, that says what was taken over of each round."""
GRACE: Final = 3600
"""Seconds after a seal in which files may still be on their way."""
SOONEST: Final = 4
"""At most one part in so many of the time from the seal to the outcome may pass without files."""


@dataclass(frozen=True)
class Takeover:
    """The result of a look at the published files of a round.

    Attributes
    ----------
    is_kept
        Whether we hold files that are those of the seal.
    missing
        Files that are not published, while we hold none.
    mismatch
        The reason for which what is published is not what the chain committed to, while we hold none.
    changed
        Files that are published otherwise than we took them over, or are no longer published.
    aside
        The new name of a bundle whose report rests on another seal.
    """

    is_kept: bool = False
    missing: tuple[str, ...] = ()
    mismatch: str | None = None
    changed: tuple[str, ...] = ()
    aside: str | None = None


Candidates = Callable[[RoundRecord, Bundle], Iterable[frozenset[int]]]
"""The sets of models of which one may be what a seal refuses, likeliest first; none that bundles hold."""


def no_refusals(_record: RoundRecord, _bundle: Bundle) -> Iterable[frozenset[int]]:
    """Return the empty set alone: no submission is refused."""
    return (frozenset(),)


@dataclass
class PublishedFiles:
    """Takes over, keeps and watches the published files of a tournament's rounds.

    Attributes
    ----------
    rounds
        The folder of our own bundles: the files are kept in them.
    published
        The folder of what the operator publishes, or of a mirror of it.
    most_models
        Returns the number of models that could submit to a round, which bounds what is read of a stranger's
        files.
    candidates
        Returns what a seal may refuse, beside what a bundle of ours says.
    """

    rounds: Path
    published: Path
    tournament: str
    most_models: Callable[[RoundRecord], int]
    candidates: Candidates = no_refusals
    seen: SeenFiles = field(default_factory=SeenFiles)
    clock: Callable[[], float] = time.monotonic

    def look(self, record: RoundRecord) -> Takeover:
        """Take over what was published of a round, or check that it is still what we took over."""
        if self.is_kept(record) or self._adopt(record):
            return Takeover(is_kept=True, changed=self._changed(record.round_id))
        source = self._published(record.round_id)
        missing = tuple(file for file in source.published_files if not source.has(file))
        if missing:
            return Takeover(missing=missing)
        return self._take_over(record, source)

    def is_kept(self, record: RoundRecord) -> bool:
        """Say whether we hold the files that the chain commits to as of now."""
        own = self._bundle(self.rounds, record.round_id)
        return self._note(record.round_id).get("seal") == _seal(record) and own.has(*own.published_files)

    def discard(self, round_id: int) -> None:
        """Take over a round anew: what we hold turned out to be broken."""
        self._notes(round_id).write_taken({})
        self.seen.forget(round_id)

    def _adopt(self, record: RoundRecord) -> bool:
        """Keep the files that an earlier bundle of ours left, where they are those of this seal."""
        own = self._bundle(self.rounds, record.round_id)
        # Reading all that was put aside takes long, and for one seal it gives one answer.
        if self.seen.unusable.get(record.round_id) == _seal(record):
            return False
        for held in (own, *_set_aside(own)):
            if held.has(*held.published_files) and self.problem_with(held, record) is None:
                refused = self._refusals(held, record)
                if held is not own:
                    own.copy_published(held)
                if record.is_sealed:
                    own.write_refused(refused)
                if self._note(record.round_id).get("seal") != _seal(record):
                    self._write_note(record, own, *self._as_published(record.round_id, own))
                self.seen.forget(record.round_id)
                return True
        self.seen.unusable[record.round_id] = _seal(record)
        return False

    def _as_published(self, round_id: int, own: Bundle) -> Iterator[str]:
        """Yield the files of ours that are as they were published.

        A report's bundle says in submissions.json who could sign, not what was published there.
        """
        signatures = self._note(round_id).get("files", {}).get(SIGNATURES)
        is_still = signatures is not None and is_unchanged(own.folder / SIGNATURES, signatures)
        yield from (file for file in own.published_files if file != SIGNATURES or is_still)

    def _take_over(self, record: RoundRecord, source: Bundle) -> Takeover:
        """Copy the published files, once a child process has read them and they are those of the seal."""
        round_id, most = record.round_id, self.most_models(record)
        ground = (stamp_of(source), _seal(record), most)
        known = self.seen.mismatched.get(round_id)
        if known is not None and known.ground == ground and self.clock() < known.until:
            return Takeover(mismatch=known.problem)
        own, aside = self._bundle(self.rounds, round_id), list[str]()
        admit = partial(self._admit, record, source, own, aside)
        try:
            take_over(source.folder, own, PublishedBounds(most), SHARED_READER, admit)
        except BundleError as error:
            self.seen.mismatched[round_id] = Mismatch(ground, str(error), self.clock() + REREAD)
            return Takeover(mismatch=str(error))
        if record.is_sealed:
            own.write_refused(self._refusals(own, record))
        self._write_note(record, own, *own.published_files)
        self.seen.forget(round_id)
        # Otherwise it changed while it was copied, and is compared in the next cycle.
        if stamp_of(source) == ground[0]:
            self.seen.unchanged[round_id] = ground[0]
        return Takeover(is_kept=True, aside=aside[0] if aside else None)

    def _changed(self, round_id: int) -> tuple[str, ...]:
        """Return the files that are not what we took over; they are read only where their stamp is new."""
        source = self._published(round_id)
        stamp = stamp_of(source)
        if self.seen.unchanged.get(round_id) == stamp:
            return ()
        known = self.seen.changed.get(round_id)
        if known is not None and known[0] == stamp:
            return known[1]
        noted = self._note(round_id).get("files", {})
        files = ENCRYPTED if ENVELOPES in noted else PUBLISHED
        changed = tuple(file for file in files if not is_unchanged(source.folder / file, noted.get(file)))
        if changed:
            self.seen.changed[round_id] = (stamp, changed)
        else:
            self.seen.unchanged[round_id] = stamp
        return changed

    def problem_with(self, bundle: Bundle, record: RoundRecord) -> str | None:
        """Return why a bundle's files are not those that the chain committed to; None where they are."""
        try:
            self._refusals(bundle, record)
        except (BundleError, InputsMismatch) as error:
            return str(error)
        return None

    def _refusals(self, bundle: Bundle, record: RoundRecord) -> frozenset[int]:
        """Return the models whose submission the seal refuses; none before there is a seal.

        Raises
        ------
        BundleError, InputsMismatch
            When the files in a bundle are not those that the chain committed to.
        """
        rules, submissions = bundle.rules(), bundle.published_submissions()
        check_published(record.rules_hash, record.universe, rules, submissions)
        if not record.is_sealed:
            return frozenset()
        likeliest = bundle.refused()
        for refused in (likeliest, *self.candidates(record, bundle)):
            if submissions.root(refused) == record.submissions_root:
                likeliest = refused
                break
        check_sealed(record.submissions_root, submissions, likeliest)
        return likeliest

    def _admit(
        self, record: RoundRecord, source: Bundle, own: Bundle, aside: list[str], copies: Bundle
    ) -> None:
        """Let copies take the place of what we hold only where they are what the chain commits to.

        A report that rests on something else is put aside first, and its place added to `aside`.
        """
        problem = self.problem_with(copies, record)
        if problem is not None:
            raise BundleError(problem.replace(str(copies.folder), str(source.folder)))
        if own.has(REPORT):
            aside.append(own.set_aside().name)

    def _write_note(self, record: RoundRecord, taken: Bundle, *known: str) -> None:
        """Note what was taken over; the note is written last, so where it is, the files are."""
        files = {file: fingerprint(taken.folder / file) for file in known}
        self._notes(record.round_id).write_taken({"seal": _seal(record), "files": files})

    def _note(self, round_id: int) -> Mapping[str, Any]:
        """Return our note on the files of a round; empty where none can be read."""
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
    """Say whether files of a round that was sealed at `sealed_at` are overdue. Times in Unix seconds.

    `grace` seconds are left to them, or a quarter of the time to the outcome where that is less: with the
    outcome known, nobody could know any more whether they had existed before.
    """
    until_outcome = max(record.resolve_at - sealed_at, 0)
    return now >= sealed_at + min(grace, until_outcome // SOONEST)


def _seal(record: RoundRecord) -> str:
    """Return what the chain commits to of a round's files as of now, as one text."""
    return ":".join(map(to_hex, (record.rules_hash, record.universe, record.submissions_root)))


def _set_aside(own: Bundle) -> Iterator[Bundle]:
    """Yield bundles of the same round that were put aside, newest first."""
    asides = own.folder.parent.glob(f"{own.folder.name}.aside-*")
    yield from (Bundle(folder) for folder in sorted(asides, key=_age))


def _age(folder: Path) -> int:
    number = folder.name.rpartition("-")[2]
    return -int(number) if number.isdecimal() else 0
