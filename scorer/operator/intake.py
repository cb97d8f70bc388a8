"""Takes submissions from a round's inbox, and says of each file that is refused why."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from scorer.isolation import SHARED_READER, IsolationReason, IsolationUnavailable
from scorer.operator.collection import Refusal
from scorer.operator.inbox_files import (
    NAME,
    model_of,
    plain_name,
    read_regular,
    read_signature,
    received_at,
    submission_files,
)
from scorer.protocol.digest import content_hash
from scorer.protocol.documents import to_hex
from scorer.protocol.predictions import PredictionSpool, SpoolUnavailable
from scorer.protocol.selection import Arrival
from scorer.protocol.signature import SubmissionDigest
from scorer.protocol.submissions import Submission
from scorer.submission.reader import SubmissionReader, SubmissionUnread
from scorer.submission.table import SubmissionRefused, most_bytes
from scorer.submission.validity import Universe

LARGEST: Final = 64 * 2**20
"""Most bytes of a submission; a universe of few ids takes less."""


@dataclass(frozen=True)
class Intake:
    """Reads the files of one round.

    Attributes
    ----------
    kind
        The rules' ``submissions``.
    submitters
        The address that may sign for each model.
    open_at, until
        Unix seconds: a file that came earlier counts as received at the first; one that came at the second or
        later is refused.
    spool
        The folder on whose disk predictions are kept until they are published.
    largest
        Most bytes of a file.
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
        """Return the valid, signed submissions in a folder with the times of their arrival, and the refusals.

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
            outcomes = list(pool.map(partial(self._outcome, predictions, kept), submission_files(folder)))
        arrivals = [outcome for outcome in outcomes if isinstance(outcome, Arrival)]
        return arrivals, tuple(outcome for outcome in outcomes if isinstance(outcome, Refusal))

    def _outcome(self, predictions: SubmissionReader, kept: PredictionSpool, file: Path) -> Arrival | Refusal:
        """Return the arrival or the refusal of one file, whatever is wrong with it."""
        refused = partial(Refusal, model_of(file), plain_name(file))
        try:
            return self._arrival(predictions, kept, file)
        except SubmissionUnread as unread:
            return refused(str(unread), is_defect=unread.cause == IsolationReason.DEFECT)
        except SubmissionRefused as refusal:
            return refused(str(refusal))
        except (IsolationUnavailable, SpoolUnavailable, MemoryError):  # the machine's fault, and no file's
            raise
        except Exception as error:  # noqa: BLE001 - what one file does to us must not reach another
            structlog.get_logger().exception("defect", file=plain_name(file))
            failure = f"one at which the program failed ({type(error).__name__})"
            defect = SubmissionRefused(plain_name(file), "a file that can be read", failure)
            return refused(str(defect), is_defect=True)

    def _arrival(self, predictions: SubmissionReader, kept: PredictionSpool, file: Path) -> Arrival:
        """Check a file, the cheap checks first: a sender who may not submit has nothing parsed."""
        if not NAME.fullmatch(file.name):
            expected = "a name like 7.csv, 7.parquet or 7.label.csv, by the number of a model"
            raise SubmissionRefused(plain_name(file), expected, "another")
        submission, received = self._submission(predictions, kept, file), received_at(file)
        if received >= self.until:
            raise SubmissionRefused(
                file.name,
                f"a file that arrived before {self.until}, the chain's time when submissions were collected",
                f"one of {received}",
            )
        return Arrival(max(received, self.open_at), submission)

    def _submission(self, predictions: SubmissionReader, kept: PredictionSpool, file: Path) -> Submission:
        model_id = model_of(file)
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
        values = predictions.read(read_regular(file, most), file.name).values
        content = content_hash(self.universe.ids, values)
        if content != signed.content_hash:
            expected = f"the predictions that were signed, of the content hash {to_hex(signed.content_hash)}"
            raise SubmissionRefused(file.name, expected, f"others, of {to_hex(content)}")
        return Submission(model_id, kept.append(values), content, allowed, signed.signature)
