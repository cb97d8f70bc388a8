"""One's own submission, sent in the clear, held against the bundle of its settled round."""

from dataclasses import dataclass
from pathlib import Path
from threading import Semaphore
from typing import Any, Final

import sqlalchemy as sa

from scorer.evaluation.own import OwnSubmission, verify_own
from scorer.isolation import SHARED_READER, IsolationError, ReadLimits, ReadResult, refuses
from scorer.protocol.documents import shown
from scorer.server.errors import ApiError
from scorer.server.results import check_commitments
from scorer.server.services import Services
from scorer.server.submission_records import ACCEPTED
from scorer.storage.bundle import Bundle, BundleError
from scorer.storage.inbox import ENVELOPE_SUFFIX
from scorer.storage.verification import limits_for
from scorer.submission.reader import SubmissionReader

SECONDS: Final = 60
"""CPU time of one check."""
AT_ONCE: Final = Semaphore(2)
"""Checks that are made at once: each reads a whole bundle."""
LONGEST: Final = 500


@dataclass(frozen=True)
class OwnCheck:
    """The findings about a submission, in words; see `scorer.evaluation.own.OwnVerification`."""

    checked: tuple[str, ...]
    follows: tuple[str, ...]
    unchecked: tuple[str, ...]
    differences: tuple[str, ...]


def can_be_checked(submission: sa.Row[Any], of_round: sa.Row[Any] | None) -> bool:
    """Return whether the server has what it takes: a file in the clear, of a round that is scored."""
    in_the_clear = not submission.inbox_file.endswith(ENVELOPE_SUFFIX)
    return submission.state == ACCEPTED and in_the_clear and of_round is not None and of_round.is_scored


def check_own(services: Services, submission: sa.Row[Any]) -> OwnCheck:
    """Compute the scores of a submission's file, and compare them with those that the chain settled by.

    Raises
    ------
    ApiError
        When the file is not here in the clear, the round has no bundle here, or others are being checked.
    """
    row = services.queries.round(submission.round)
    if row is None or not can_be_checked(submission, row):
        raise ApiError("submission: expected one in the clear of a settled round, found another")
    if not AT_ONCE.acquire(blocking=False):
        raise ApiError("submission: expected a free place for this check, found others at it; try again")
    try:
        folder = services.bundles.bundle(row.id).folder
        window = services.submissions.window
        reader = SubmissionReader(SHARED_READER, window.rules(row).submissions, window.universe(row))
        content = services.uploads.blobs.read(submission.digest)
        own = OwnSubmission(submission.model, reader.read(content, submission.filename).values)
        whole = limits_for(folder)
        limits = ReadLimits(memory=whole.memory, cpu=SECONDS, wall=3 * SECONDS)
        return _check(SHARED_READER.run(own_in_child, folder, own, limits=limits).facts)
    except (IsolationError, OSError) as error:
        raise ApiError(f"round {row.id}: expected its bundle, found {shown(str(error), LONGEST)}") from None
    finally:
        AT_ONCE.release()


def _check(facts: Any) -> OwnCheck:
    """Read a child's answer, which may be in a stranger's hands."""
    names = ("checked", "follows", "unchecked", "differences")
    return OwnCheck(*(tuple(shown(str(text), LONGEST) for text in facts.get(name, ())) for name in names))


@refuses(BundleError)
def own_in_child(folder: Path, own: OwnSubmission) -> ReadResult:
    """Hold a submission against a bundle; it runs in a child process.

    Raises
    ------
    BundleError
        When a file cannot be read, or is not the one that the report commits to.
    """
    bundle = Bundle(folder, strict=True)
    check_commitments(bundle)
    found = verify_own(bundle.published(), own)
    texts = {"checked": found.checked, "follows": found.follows, "unchecked": found.unchecked}
    return ReadResult(
        {name: list(each) for name, each in texts.items()}
        | {"differences": list(map(str, found.differences))}
    )
