"""A node's memory on disk: a folder a round and model, with every run, what was signed, and its receipt.

``runs/<tournament>/<round>/<model>/``: ``attempt-N/started.json``, ``record.json``, ``predictions``, ``log``;
``submission.json`` and ``submission.bin``, which are what is handed in and nothing else; ``delivered.json``.
Each file appears whole or not at all, so that a node that was killed finds where it was.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scorer.compute.decide import ModelProgress, ModelVariant, RunAttempt
from scorer.compute.job import RunOutcome
from scorer.compute.record import RunRecord, to_json
from scorer.errors import CupelError
from scorer.files import write_whole
from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.signature import SubmissionDigest
from scorer.redaction import shown_path

STARTED, RECORD = "started.json", "record.json"
PREDICTIONS, LOG = "predictions", "log"
SUBMISSION, CONTENT, DELIVERED, TRIES = "submission.json", "submission.bin", "delivered.json", "tries.json"
ATTEMPT: Final = "attempt-"


class JournalInUse(CupelError):
    """Another node works with the same folder: two would run and submit every model twice."""


class JournalBroken(CupelError):
    """A file of the journal cannot be read; the message names it."""


@dataclass(frozen=True)
class SignedSubmission:
    """A submission that was signed, and is handed in as it is.

    Attributes
    ----------
    file
        Its name in an inbox.
    attempt
        The run whose predictions it holds.
    stale
        Whether they are of an older version of the model, or of an earlier round.
    """

    digest: SubmissionDigest
    signature: bytes
    file: str
    content: bytes
    attempt: int
    stale: bool

    def document(self) -> dict[str, Any]:
        """Return all but the content."""
        digest = self.digest
        return {
            "chain_id": digest.chain_id,
            "tournament": digest.tournament,
            "round": digest.round_id,
            "model": digest.model_id,
            "content_hash": to_hex(digest.content_hash),
            "ciphertext_hash": to_hex(digest.ciphertext_hash),
            "signature": to_hex(self.signature),
            "file": self.file,
            "attempt": self.attempt,
            "stale": self.stale,
        }


@dataclass(frozen=True)
class ModelRound:
    """The folder of one round and model."""

    folder: Path

    def progress(self) -> ModelProgress:
        """Return what was done."""
        tries = self._json(TRIES) or {"count": 0, "at": 0}
        return ModelProgress(
            tuple(self._attempts()),
            (self.folder / SUBMISSION).is_file(),
            (self.folder / DELIVERED).is_file(),
            int(tries["count"]),
            int(tries["at"]),
        )

    def _attempts(self) -> Iterator[RunAttempt]:
        for number in self.numbers():
            record = self.record(number)
            if record is not None:
                given = (record.variant, record.code, record.outcome, record.ended_at)
                yield RunAttempt(number, *given)
            elif (started := self._json(f"{ATTEMPT}{number}/{STARTED}")) is not None:
                yield RunAttempt(number, ModelVariant(started["variant"]), str(started["code"]))

    def numbers(self) -> list[int]:
        """Return the numbers of all attempts."""
        found = (path.name.removeprefix(ATTEMPT) for path in self.folder.glob(f"{ATTEMPT}*"))
        return sorted(int(number) for number in found if number.isdecimal())

    def attempt(self, number: int) -> Path:
        """Return the folder of an attempt."""
        return self.folder / f"{ATTEMPT}{number}"

    def begin(self, number: int, document: Mapping[str, Any]) -> None:
        """Note an attempt before it starts."""
        self.attempt(number).mkdir(parents=True, exist_ok=True)
        write_whole(self.attempt(number) / STARTED, to_json(document))

    def started(self, number: int) -> Mapping[str, Any]:
        """Return the note on an attempt that began."""
        return self._json(f"{ATTEMPT}{number}/{STARTED}") or {}

    def end(self, record: RunRecord, output: bytes, log: bytes) -> None:
        """Note the end of an attempt: its files first, then the record, by which it counts."""
        folder = self.attempt(record.attempt)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / LOG, log)
        if record.outcome is RunOutcome.GOOD:
            write_whole(folder / PREDICTIONS, output)
        write_whole(folder / RECORD, to_json(record.document()))

    def record(self, number: int) -> RunRecord | None:
        """Return the record of an attempt; None where it has not ended."""
        document = self._json(f"{ATTEMPT}{number}/{RECORD}")
        try:
            return None if document is None else RunRecord.from_document(document)
        except (ValueError, KeyError, TypeError) as error:
            raise JournalBroken(
                f"{shown_path(self.attempt(number) / RECORD)}: expected the record of a run, found "
                f"{type(error).__name__}; move the folder away"
            ) from None

    def output(self, number: int) -> bytes:
        """Return the predictions of an attempt."""
        return (self.attempt(number) / PREDICTIONS).read_bytes()

    def sign(self, submission: SignedSubmission) -> None:
        """Keep what is handed in from now on: the content first, then what makes it count."""
        write_whole(self.folder / CONTENT, submission.content)
        write_whole(self.folder / SUBMISSION, to_json(submission.document()))

    def submission(self) -> SignedSubmission:
        """Return what was signed."""
        document = self._json(SUBMISSION) or {}
        try:
            digest = SubmissionDigest(
                int(document["chain_id"]),
                str(document["tournament"]),
                int(document["round"]),
                int(document["model"]),
                from_hex(document["content_hash"], 32),
                from_hex(document["ciphertext_hash"], 32),
            )
            return SignedSubmission(
                digest,
                from_hex(document["signature"], 65),
                str(document["file"]),
                (self.folder / CONTENT).read_bytes(),
                int(document["attempt"]),
                bool(document["stale"]),
            )
        except (KeyError, ValueError, TypeError, OSError) as error:
            raise JournalBroken(
                f"{shown_path(self.folder / SUBMISSION)}: expected a signed submission, found "
                f"{type(error).__name__}"
            ) from None

    def deliver(self, document: Mapping[str, Any]) -> None:
        """Note that it was handed in."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / DELIVERED, to_json(document))

    def delivered(self) -> Mapping[str, Any] | None:
        """Return the note that it was handed in; None before."""
        return self._json(DELIVERED)

    def tried(self, at: int, why: str) -> None:
        """Note that it could not be handed in, and why."""
        count = int((self._json(TRIES) or {"count": 0})["count"]) + 1
        write_whole(self.folder / TRIES, to_json({"count": count, "at": at, "why": why}))

    def _json(self, name: str) -> dict[str, Any] | None:
        path = self.folder / name
        try:
            document = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise JournalBroken(f"{shown_path(path)}: expected a JSON object, found none; move it away")
        return document


@dataclass(frozen=True)
class RunJournal:
    """The folder of all rounds and models of a node."""

    root: Path

    def of(self, tournament: str, round_id: int, model: int) -> ModelRound:
        """Return the folder of a round and a model."""
        return ModelRound(self.root / tournament.lower() / str(round_id) / str(model))

    def rounds(self, tournament: str) -> list[int]:
        """Return the rounds with runs, newest first."""
        folder = self.root / tournament.lower()
        names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
        return sorted((int(name) for name in names if name.isdecimal()), reverse=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the journal while the context lasts.

        Raises
        ------
        JournalInUse
            When another process does.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise JournalInUse(
                    f"{shown_path(self.root)}: expected a journal that no node holds, found that one does; "
                    "end it first"
                ) from None
            yield
        finally:
            os.close(descriptor)
