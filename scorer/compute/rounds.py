"""Reads the rounds that take submissions, at a finalised block, and the terms of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from scorer.chain.contracts import Suite
from scorer.chain.records import RoundRecord, RoundState
from scorer.client.actions import ActionRefused
from scorer.client.submitting import SubmissionTerms, published_universe
from scorer.errors import CupelError
from scorer.files import write_whole
from scorer.observation.encryption import member_keys, round_context
from scorer.protocol.digest import universe_digest
from scorer.protocol.rules import Rules
from scorer.server.upstream import Upstream
from scorer.storage.bundle import NAMES, RULES, UNIVERSE, Bundle, BundleError
from scorer.submission.validity import Universe

NEWEST: Final = 40
"""Newest rounds among which open ones are looked for."""
NAMED: Final = ("signals", "crypto")
"""Kinds of submissions that call ids by other names."""


class RoundFilesMissing(CupelError):
    """A round's files are not here, or are others than the chain committed to; the message says which."""


class RoundFilesSource(Protocol):
    """A source of the files of rounds."""

    def folder(self, tournament: str, round_id: int) -> Path:
        """Return a folder with the universe and rules of a round; raises `RoundFilesMissing`."""
        ...


@dataclass(frozen=True)
class PublishedFolder:
    """A folder in which the operator publishes rounds."""

    root: Path

    def folder(self, tournament: str, round_id: int) -> Path:
        """Return the folder of a round."""
        try:
            return published_universe(self.root, tournament, round_id).parent
        except ActionRefused as error:
            raise RoundFilesMissing(str(error)) from None


@dataclass(frozen=True)
class ServedRounds:
    """The server of a tournament, and the folder in which its files are kept."""

    upstream: Upstream
    kept: Path

    def folder(self, tournament: str, round_id: int) -> Path:
        """Fetch the files of a round, and return their folder; nothing of it is believed yet."""
        folder = self.kept / tournament.lower() / str(round_id)
        folder.mkdir(parents=True, exist_ok=True)
        for file in (RULES, UNIVERSE):
            write_whole(folder / file, self.upstream.get(f"rounds/{round_id}/{file}"))
        if Bundle(folder, strict=True).rules().submissions in NAMED:
            write_whole(folder / NAMES, self.upstream.get(f"rounds/{round_id}/{NAMES}"))
        return folder


@dataclass(frozen=True)
class RoundTermsHere:
    """A round, its terms, and the folder with its files.

    Attributes
    ----------
    terms
        Rules, universe and members' keys, all as the chain has them.
    """

    record: RoundRecord
    tournament: str
    terms: SubmissionTerms
    folder: Path


def recent_rounds(suite: Suite, block: int) -> list[RoundRecord]:
    """Return the newest rounds of a block, oldest first."""
    count = suite.round_count(block)
    return suite.rounds(range(max(1, count - NEWEST + 1), count + 1), block)


def is_open(record: RoundRecord) -> bool:
    """Return whether a round is open in the block that it was read at."""
    return record.state == RoundState.OPEN


@dataclass
class TermsReader:
    """Reads the terms of rounds, and keeps them: what the chain committed to does not change.

    Attributes
    ----------
    in_the_clear
        Whether submissions may be sent unencrypted.
    """

    source: RoundFilesSource
    in_the_clear: bool = False
    _known: dict[int, RoundTermsHere] = field(default_factory=dict)

    def terms(self, suite: Suite, record: RoundRecord, block: int) -> RoundTermsHere:
        """Return the terms of a round.

        Raises
        ------
        scorer.errors.CupelError
            When its files are not here yet, are others, or nothing can be encrypted for it.
        """
        known = self._known.get(record.round_id)
        if known is None:
            known = self._known[record.round_id] = self._read(suite, record, block)
        return known

    def known(self, round_id: int) -> RoundTermsHere | None:
        """Return the terms of a round, if they were read before."""
        return self._known.get(round_id)

    def forget(self, kept: Mapping[int, object]) -> None:
        """Forget all rounds but some."""
        self._known = {number: each for number, each in self._known.items() if number in kept}

    def _read(self, suite: Suite, record: RoundRecord, block: int) -> RoundTermsHere:
        tournament = str(suite.tournament.address)
        folder = self.source.folder(tournament, record.round_id)
        rules, universe = _checked(folder, record)
        if not rules.is_encrypted and not self.in_the_clear:
            raise RoundFilesMissing(
                f"round {record.round_id}: expected submit.in_the_clear = true, as its rules say that "
                "submissions are not encrypted, found false; nothing is run for it"
            )
        members = suite.member_set(record.member_set_id, block) if rules.is_encrypted else None
        keys = None if members is None else member_keys(members)
        terms = SubmissionTerms(round_context(suite, record.round_id), rules, universe, keys)
        return RoundTermsHere(record, tournament, terms, folder)


def _checked(folder: Path, record: RoundRecord) -> tuple[Rules, Universe]:
    """Return the rules and the universe in a folder, which must be those that the chain committed to."""
    bundle = Bundle(folder, strict=True)
    try:
        rules, universe = bundle.rules(), bundle.named_universe()
    except BundleError as error:
        raise RoundFilesMissing(str(error)) from None
    if rules.hash() != record.rules_hash:
        raise RoundFilesMissing(
            f"{folder / RULES}: expected the rules of round {record.round_id}, 0x{record.rules_hash.hex()}, "
            f"found 0x{rules.hash().hex()}"
        )
    found = universe_digest(universe.ids)
    if found != record.universe:
        raise RoundFilesMissing(
            f"{folder / UNIVERSE}: expected the universe of round {record.round_id}, "
            f"0x{record.universe.hex()}, found 0x{found.hex()}"
        )
    return rules, universe
