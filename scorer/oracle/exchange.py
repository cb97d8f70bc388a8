"""Publishes what everybody may have of a member's bundles: the public bundle of a round.

A member's own bundle holds decrypted predictions, and nobody else reads it. What is public, and from when on,
the round's rules say. A round in the clear is public as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scorer.chain.records import RoundRecord
from scorer.oracle.context import CycleContext
from scorer.oracle.paths import MemberPaths
from scorer.protocol.rules import Rules
from scorer.protocol.tables import TABLES, table_file
from scorer.storage.bundle import (
    ENVELOPES,
    MANIFEST,
    META_MODEL,
    META_MODEL_DIGEST,
    POSITIONS,
    REPORT,
    RULES,
    SCORES,
    SIGNATURES,
    SUBMISSIONS,
    TARGETS,
    UNIVERSE,
    VERDICTS,
    VOTE,
    Bundle,
)
from scorer.storage.schemas import CONSENSUS, CONSENSUS_BODY, CONSENSUS_FOR_SUBSCRIBERS

AT_ONCE: Final = (
    *(RULES, UNIVERSE, ENVELOPES, SIGNATURES, VERDICTS, VOTE, META_MODEL_DIGEST),
    *(CONSENSUS_FOR_SUBSCRIBERS, CONSENSUS),
)
"""Files that say nothing of a prediction, public as soon as they are there."""
WITH_THE_REPORT: Final = (TARGETS, POSITIONS, SCORES, *map(table_file, TABLES), MANIFEST, REPORT)
"""Files that are public at the resolution; the report comes last: where it is, the rest is."""
PUBLIC: Final = frozenset((*AT_ONCE, SUBMISSIONS, META_MODEL, CONSENSUS_BODY, *WITH_THE_REPORT))
"""Files that are ever public: `public_files` says from when on."""


@dataclass
class Exchange:
    """Publishes as one member of one tournament for one cycle.

    Attributes
    ----------
    later
        When predictions of a round become public, Unix seconds, by round; None: never, or they are.
    """

    context: CycleContext
    paths: MemberPaths
    later: dict[int, int | None]

    def publish_later(self) -> None:
        """Publish predictions of rounds that are over, once so many days have passed as their rules say."""
        suite, block = self.context.suite, self.context.block
        if self.paths.exchange is None:
            return
        for round_id in self.paths.own_rounds():
            if round_id not in self.later:
                own = self.paths.own_bundle(round_id)
                if not own.has(RULES, REPORT, ENVELOPES, SUBMISSIONS):
                    continue
                self.later[round_id] = self._public_from(round_id)
            due = self.later[round_id]
            if due is not None and block.timestamp >= due:
                self.publish(suite.round(round_id, block.number))
                # Published: not looked at again by this process.
                self.later[round_id] = None

    def _public_from(self, round_id: int) -> int | None:
        secrecy = self.paths.own_bundle(round_id).rules().secrecy
        if secrecy is None:
            return None
        record = self.context.suite.round(round_id, self.context.block.number)
        return secrecy.predictions_public_from(record.resolve_at)

    def publish(self, record: RoundRecord) -> None:
        """Copy the public files of our bundle of a round that are new or have changed."""
        own = self.paths.own_bundle(record.round_id)
        if self.paths.exchange is None or not own.has(RULES):
            return
        public = self.paths.exchange_bundle(record.round_id)
        now, has_report = self.context.block.timestamp, own.has(REPORT)
        for file in public_files(own.rules(), record, now, has_report=has_report):
            if own.has(file) and _is_older(public, own, file):
                public.copy(own, file)


def public_files(rules: Rules, record: RoundRecord, now: int, *, has_report: bool) -> Iterator[str]:
    """Yield the files of a round that are public at `now`, Unix seconds.

    Parameters
    ----------
    has_report
        Whether the round's outcome is known, and what follows from it computed.
    """
    secrecy = rules.secrecy
    yield from AT_ONCE
    if secrecy is None or not rules.is_encrypted:
        yield from (SUBMISSIONS, META_MODEL, CONSENSUS_BODY)
    else:
        public_from = secrecy.predictions_public_from(record.resolve_at)
        if has_report or (secrecy.meta_model == "at the seal" and record.is_sealed):
            yield from (META_MODEL, CONSENSUS_BODY)
        if has_report and public_from is not None and now >= public_from:
            yield SUBMISSIONS
    if has_report:
        yield from WITH_THE_REPORT


def _is_older(public: Bundle, own: Bundle, file: str) -> bool:
    """Say whether a public file is missing, or was copied before ours was written."""
    if not public.has(file):
        return True
    copied, ours = ((bundle.folder / file).stat() for bundle in (public, own))
    # The size too: a second write within a tick of the clock leaves the time as it is.
    return copied.st_size != ours.st_size or copied.st_mtime_ns < ours.st_mtime_ns
