"""Reads the interim scores that members publish: those that a quorum of a round's members signed alike."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scorer.chain.contracts import Suite
from scorer.chain.records import MemberSet
from scorer.isolation import SHARED_READER
from scorer.observation.observe import Block
from scorer.protocol.interim_scores import InterimScores, SignedInterimScores
from scorer.storage.bundle import round_folder
from scorer.storage.interim_files import published_days, read_interim
from scorer.storage.published import MIB

BYTES_A_MODEL: Final = 300
"""A model takes so many at most in a file: room for twenty factors."""
Stamps = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class InterimReader:
    """Looks for interim scores in the folders of members.

    No document is kept: a member can make its own as large as the bound, for every day of every round. A day
    on which no quorum agreed is read again once one of its files changes.

    Attributes
    ----------
    roots
        Folders with ``<tournament>/<round>``, of a member each.
    """

    suite: Suite
    roots: tuple[Path, ...]
    _tried: dict[tuple[int, int], Stamps] = field(default_factory=dict, repr=False)

    def read(
        self, round_id: int, known: Container[int], models: int, block: Block
    ) -> Iterator[InterimScores]:
        """Yield the interim scores of a round's days that are not known yet, ascending by day.

        Parameters
        ----------
        known
            The days that are.
        models
            How many are registered: no file has the scores of more.
        """
        files = self._files(round_id, known)
        if not files:
            return
        record = self.suite.round(round_id, block.number)
        members = self.suite.member_set(record.member_set_id, block.number)
        for day in sorted(files):
            stamps = tuple(_stamp(path) for path in files[day])
            if len(stamps) < members.quorum or self._tried.get((round_id, day)) == stamps:
                continue
            found = self._agreed(files[day], (round_id, day), members, models)
            if found is None:
                self._tried[round_id, day] = stamps
            else:
                yield found

    def _files(self, round_id: int, known: Container[int]) -> dict[int, list[Path]]:
        files: dict[int, list[Path]] = {}
        for root in self.roots:
            folder = round_folder(root, self.suite.addresses.tournament, round_id)
            for day, path in published_days(folder).items():
                if day not in known:
                    files.setdefault(day, []).append(path)
        return files

    def _agreed(
        self, files: Sequence[Path], day: tuple[int, int], members: MemberSet, models: int
    ) -> InterimScores | None:
        """Return the scores that a quorum of a round's members signed; None where no quorum signed the same.

        One file is in memory at a time. Several of one member count once.
        """
        signers: dict[bytes, set[str]] = {}
        for path in files:
            signed = self._signed(path, day, members, models)
            if signed is not None:
                same = signers.setdefault(signed.interim.message, set())
                same.add(signed.member)
                if len(same) >= members.quorum:
                    return signed.interim
        return None

    def _signed(
        self, path: Path, day: tuple[int, int], members: MemberSet, models: int
    ) -> SignedInterimScores | None:
        """Return a file's scores if they are of a round's day, and signed by one of the round's members."""
        size = path.stat().st_size if path.is_file() else 0
        signed = read_interim(path, size, MIB + BYTES_A_MODEL * models, SHARED_READER)
        if signed is None or signed.member not in members.members:
            return None
        found, addresses = signed.interim, self.suite.addresses
        where = found.chain_id, found.tournament, found.round_id, found.day
        is_of_the_day = where == (addresses.chain_id, addresses.tournament, *day)
        return signed if is_of_the_day and signed.is_signed else None

    def keep_only(self, rounds: Container[int]) -> None:
        """Remember these rounds' files alone."""
        for round_id, day in [each for each in self._tried if each[0] not in rounds]:
            del self._tried[round_id, day]


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes with a file; zeros where there is none."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_ino, status.st_ctime_ns
