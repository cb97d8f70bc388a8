"""What an operator takes from a round's inbox: which submissions, which of them stake, and why others not."""

import errno
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from scorer.isolation import SHARED_READER, IsolationReason, IsolationUnavailable
from scorer.protocol.digest import content_hash
from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.predictions import PredictionSpool, SpoolUnavailable
from scorer.protocol.selection import Arrival
from scorer.protocol.signature import SubmissionDigest, is_canonical
from scorer.protocol.submissions import Submission, Submissions
from scorer.storage.bundle import COLLECTED, SELECTION, Bundle
from scorer.storage.inbox import SECOND, signature_path
from scorer.submission.reader import SubmissionReader, SubmissionUnread
from scorer.submission.table import SubmissionRefused, most_bytes
from scorer.submission.validity import Universe

FORMATS: Final = (".csv", ".parquet")
NAME: Final = re.compile(r"([1-9][0-9]{0,14})(\.[A-Za-z0-9_.-]{1,100})?\.(csv|parquet)")
"""A model's number, which JSON can hold, a label if any, and the format."""
LARGEST: Final = 64 * 2**20
"""Bytes of a submission; a universe of few ids takes less."""
LARGEST_SIGNATURE: Final = 4096
MACHINE_AT_FAULT: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Why no file could be opened, whosever it is."""
SHOWN: Final = 60
"""How much of a file's name is published where it cannot be taken."""


@dataclass(frozen=True)
class Refusal:
    """A submission that was not taken, and why; of the model 0 where its name does not say of which.

    Attributes
    ----------
    is_defect
        Whether it is this program that failed on it; not published.
    """

    model_id: int
    file: str
    reason: str
    is_defect: bool = field(default=False, compare=False)

    def document(self) -> dict[str, Any]:
        """What is published of it."""
        return {name: value for name, value in asdict(self).items() if name != "is_defect"}


@dataclass(frozen=True)
class Collection:
    """What was taken from the inbox of a round.

    Attributes
    ----------
    submissions
        All that are committed to and scored.
    staked
        The models whose stake is to be locked.
    """

    submissions: Submissions
    refusals: tuple[Refusal, ...]
    staked: frozenset[int]

    @property
    def late(self) -> frozenset[int]:
        """The models that submitted too late for their stake."""
        return frozenset(self.submissions.model_ids) - self.staked

    def selection(self) -> dict[str, Any]:
        """The document of selection.json."""
        return {
            "staked": sorted(self.staked),
            "late": sorted(self.late),
            "refused": [refusal.document() for refusal in self.refusals],
        }


def write_collection(bundle: Bundle, collection: Collection) -> None:
    """Publish what was taken. Submissions come last: where they are, what was decided about them is too."""
    bundle.write_selection(collection.selection())
    bundle.write_submissions(collection.submissions)


def read_collection(bundle: Bundle) -> Collection | None:
    """What was published of a round's submissions, None where that never came to its end.

    Submissions that were published without a selection, as they once were, all stake.
    """
    if not bundle.has(*COLLECTED):
        return None
    submissions = bundle.submissions()
    if not bundle.has(SELECTION):
        return Collection(submissions, (), frozenset(submissions.model_ids))
    return bundle.selection(lambda document: _collection(submissions, document))


def _collection(submissions: Submissions, document: Mapping[str, Any]) -> Collection:
    refusals = tuple(Refusal(**refused) for refused in document["refused"])
    found = Collection(submissions, refusals, frozenset(document["staked"]))
    decided = sorted([*found.staked, *found.late])
    if found.selection() != document or decided != list(submissions.model_ids):
        raise ValueError("expected every submission once, as staked or late, found others")
    return found


@dataclass(frozen=True)
class Intake:
    """How the files of one round are read.

    Attributes
    ----------
    kind
        The rules' ``submissions``.
    submitters
        Who may sign for each model.
    open_at, until
        Unix seconds: what came earlier counts as received at the first, what came at the second or later is
        refused.
    spool
        The folder on whose disk predictions are kept until they are published.
    largest
        Bytes of a file.
    """

    chain_id: int
    tournament: str
    round_id: int
    kind: str | None
    universe: Universe
    submitters: Mapping[int, str]
    open_at: int
    until: int
    spool: Path
    largest: int = LARGEST

    def take(self, folder: Path) -> tuple[list[Arrival], tuple[Refusal, ...]]:
        """The valid, signed submissions in a folder with the times of their arrival, and the refusals.

        Each file is parsed in a child process of its own, some at once. Whatever goes wrong with one is a
        refusal of that file alone, with a reason.

        Raises
        ------
        scorer.isolation.IsolationUnavailable
            When this machine gives no process to read a file in: that is no file's fault, and all are read
            again in the next cycle.
        scorer.protocol.predictions.SpoolUnavailable
            When the disk is full; likewise.
        """
        with ThreadPoolExecutor(SHARED_READER.workers) as pool:
            predictions = SubmissionReader(SHARED_READER, self.kind, self.universe)
            kept = PredictionSpool(self.spool, len(self.universe.ids))
            outcomes = list(pool.map(partial(self._outcome, predictions, kept), _submission_files(folder)))
        arrivals = [each for each in outcomes if isinstance(each, Arrival)]
        return arrivals, tuple(each for each in outcomes if isinstance(each, Refusal))

    def _outcome(self, predictions: SubmissionReader, kept: PredictionSpool, file: Path) -> Arrival | Refusal:
        """What comes of one file, whatever is wrong with it."""
        refused = partial(Refusal, _model_of(file), _plain(file))
        try:
            return self._arrival(predictions, kept, file)
        except SubmissionUnread as unread:
            return refused(str(unread), is_defect=unread.cause == IsolationReason.DEFECT)
        except SubmissionRefused as refusal:
            return refused(str(refusal))
        except (IsolationUnavailable, SpoolUnavailable, MemoryError):  # the machine's fault, and no file's
            raise
        except Exception as error:  # noqa: BLE001 - what one file does to us must not reach another
            structlog.get_logger().exception("defect", file=_plain(file))
            found = f"one at which the program failed ({type(error).__name__})"
            defect = SubmissionRefused(_plain(file), "a file that can be read", found)
            return refused(str(defect), is_defect=True)

    def _arrival(self, predictions: SubmissionReader, kept: PredictionSpool, file: Path) -> Arrival:
        """What costs little is looked at first: whoever may not submit has nothing of theirs parsed."""
        if not NAME.fullmatch(file.name):
            expected = "a name like 7.csv, 7.parquet or 7.label.csv, by the number of a model"
            raise SubmissionRefused(_plain(file), expected, "another")
        submission, received_at = self._submission(predictions, kept, file), _received_at(file)
        if received_at >= self.until:
            raise SubmissionRefused(
                file.name,
                f"a file that arrived before {self.until}, the chain's time when submissions were collected",
                f"one of {received_at}",
            )
        return Arrival(max(received_at, self.open_at), submission)

    def _submission(self, predictions: SubmissionReader, kept: PredictionSpool, file: Path) -> Submission:
        model_id = _model_of(file)
        allowed = self.submitters.get(model_id)
        if allowed is None:
            raise SubmissionRefused(file.name, "the number of a registered model", str(model_id))
        signed = read_signature(file)
        digest = SubmissionDigest(
            self.chain_id, self.tournament, self.round_id, model_id, signed.content_hash
        )
        signer = digest.signer(signed.signature)
        if signer != allowed:
            raise SubmissionRefused(file.name, f"the signature of {allowed}", f"that of {signer}")
        most = min(self.largest, most_bytes(len(self.universe.ids)))
        values = predictions.read(_read(file, most), file.name).values
        content = content_hash(self.universe.ids, values)
        if content != signed.content_hash:
            expected = f"the predictions that were signed, of the content hash {to_hex(signed.content_hash)}"
            raise SubmissionRefused(file.name, expected, f"others, of {to_hex(content)}")
        return Submission(model_id, kept.append(values), content, allowed, signed.signature)


def _model_of(file: Path) -> int:
    """The model that a file's name says, 0 where it says none."""
    name = NAME.fullmatch(file.name)
    return int(name[1]) if name else 0


def _plain(file: Path) -> str:
    """A file's name as a document can hold it, whatever somebody called it."""
    return ascii(file.name)[1:-1][:SHOWN]


def _submission_files(folder: Path) -> Iterator[Path]:
    """The files of models, ascending, and each model's in the order in which they arrived."""
    files = [
        file
        for file in folder.glob("*")
        if file.suffix in FORMATS and file.name.partition(".")[0].isdecimal()
    ]
    yield from sorted(files, key=lambda file: (_model_of(file), _modified(file), os.fsencode(file)))


def _modified(path: Path) -> int:
    """When a file itself, not what it links to, was modified last, ns; 0 for one that is gone."""
    try:
        return path.lstat().st_mtime_ns
    except OSError:
        return 0


def _received_at(file: Path) -> int:
    """When a file and its signature were both there, Unix seconds: the later of their modification times."""
    return max(_modified(file), _modified(signature_path(file))) // SECOND


def _read(path: Path, most: int) -> bytes:
    """A regular file's bytes: no link is followed, no pipe waited for, no more read than `most`."""

    def opened(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)

    try:
        with open(path, "rb", opener=opened) as file:
            is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            content = file.read(most + 1) if is_regular else b""
    except OSError as error:
        if error.errno in MACHINE_AT_FAULT:
            raise IsolationUnavailable(f"expected to open files, found: {error.strerror}") from None
        raise SubmissionRefused(path.name, "a file that can be read", type(error).__name__) from None
    if not is_regular or len(content) > most:
        found = "more" if is_regular else "something else"
        raise SubmissionRefused(path.name, f"a file of at most {most} bytes", found)
    return content


@dataclass(frozen=True)
class SignedContent:
    """What a file beside a submission says was signed. Who signed it is known before anything is parsed.

    Attributes
    ----------
    content_hash
        Of the predictions, 32 bytes.
    signature
        65 bytes that may be one, of whatever.
    """

    content_hash: bytes
    signature: bytes


def read_signature(file: Path) -> SignedContent:
    """Read what is beside a submission as its signature.

    Raises
    ------
    SubmissionRefused
        When there is none that can be read.
    """
    path = signature_path(file)
    try:
        document = json.loads(_read(path, LARGEST_SIGNATURE))
        signature = bytes.fromhex(document["signature"].removeprefix("0x"))
        content = from_hex(document["content_hash"], 32)
    except (SubmissionRefused, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SubmissionRefused(file.name, f"a signature in {path.name}", "none that can be read") from None
    if not is_canonical(signature):
        expected = f"a signature in {path.name} of 65 bytes with a low s and a v of 27 or 28"
        raise SubmissionRefused(file.name, expected, f"another of {len(signature)} bytes")
    return SignedContent(content, signature)
