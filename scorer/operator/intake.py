"""Takes submissions from a round's inbox, and says of each file that is refused why."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from scorer.encryption import MemberKeys, RoundContext
from scorer.isolation import SHARED_READER, IsolationReason, IsolationUnavailable
from scorer.logs import get_logger
from scorer.operator.collection import Refusal
from scorer.operator.inbox_files import (
    NAME,
    model_of,
    plain_name,
    read_signature,
    received_at,
    submission_files,
)
from scorer.operator.sources import ClearSource, SubmissionSource, envelope_source
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
    is_encrypted
        Whether the round's rules say that submissions are encrypted: then no prediction is read.
    members
        The keys of the round's members then; None where fewer than a quorum published one.
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
    is_encrypted: bool = False
    members: MemberKeys | None = None

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
            outcomes = list(pool.map(partial(self._outcome, self._source()), submission_files(folder)))
        arrivals = [outcome for outcome in outcomes if isinstance(outcome, Arrival)]
        return arrivals, tuple(outcome for outcome in outcomes if isinstance(outcome, Refusal))

    def _source(self) -> SubmissionSource:
        ids = self.universe.ids
        if self.is_encrypted:
            place = RoundContext(self.chain_id, self.tournament, self.round_id)
            return envelope_source(place, len(ids), self.members, self.spool)
        predictions = SubmissionReader(SHARED_READER, self.kind, self.universe)
        most = min(self.largest, most_bytes(len(ids)))
        return ClearSource(ids, predictions, PredictionSpool(self.spool, len(ids)), most)

    def _outcome(self, source: SubmissionSource, file: Path) -> Arrival | Refusal:
        """Return the arrival or the refusal of one file, whatever is wrong with it."""
        refused = partial(Refusal, model_of(file), plain_name(file))
        try:
            return self._arrival(source, file)
        except SubmissionUnread as unread:
            return refused(str(unread), is_defect=unread.cause == IsolationReason.DEFECT)
        except SubmissionRefused as refusal:
            return refused(str(refusal))
        except (IsolationUnavailable, SpoolUnavailable, MemoryError):  # the machine's fault, and no file's
            raise
        except Exception as error:  # noqa: BLE001 - what one file does to us must not reach another
            get_logger().exception("defect", file=plain_name(file))
            failure = f"one at which the program failed ({type(error).__name__})"
            defect = SubmissionRefused(plain_name(file), "a file that can be read", failure)
            return refused(str(defect), is_defect=True)

    def _arrival(self, source: SubmissionSource, file: Path) -> Arrival:
        """Check a file, the cheap checks first: a sender who may not submit has nothing parsed."""
        if not NAME.fullmatch(file.name):
            expected = "a name like 7.csv, 7.parquet, 7.label.csv or 7.envelope, by the number of a model"
            raise SubmissionRefused(plain_name(file), expected, "another")
        # The time after the content: whatever replaces the file meanwhile can only make it later.
        submission, received = self._submission(source, file), received_at(file)
        if received >= self.until:
            raise SubmissionRefused(
                file.name,
                f"a file that arrived before {self.until}, the chain's time when submissions were collected",
                f"one of {received}",
            )
        return Arrival(max(received, self.open_at), submission)

    def _submission(self, source: SubmissionSource, file: Path) -> Submission:
        model_id = model_of(file)
        allowed = self.submitters.get(model_id)
        if allowed is None:
            raise SubmissionRefused(file.name, "the number of a registered model", str(model_id))
        signed = read_signature(file)
        source.refuse_form(file, signed)
        digest = SubmissionDigest(
            self.chain_id,
            self.tournament,
            self.round_id,
            model_id,
            signed.content_hash,
            signed.ciphertext_hash,
        )
        signer = digest.signer(signed.signature)
        if signer != allowed:
            raise SubmissionRefused(file.name, f"the signature of {allowed}", f"that of {signer}")
        return source.read(file, signed, model_id, allowed)
