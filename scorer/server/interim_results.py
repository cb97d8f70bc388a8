"""Reads the interim scores that members publish: those that a quorum of a round's members signed alike."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scorer.chain.contracts import Suite
from scorer.chain.records import MemberSet
from scorer.isolation import SHARED_READER
from scorer.observation.observe import Block
from scorer.protocol.interim_scores import InterimScores, SignedInterimScores, agreed
from scorer.storage.bundle import round_folder
from scorer.storage.interim_files import published_days, read_interim

Known = tuple[tuple[int, int], SignedInterimScores | None]


@dataclass(frozen=True)
class InterimReader:
    """Looks for interim scores in the folders of members; each file is read once while it stays the same.

    Attributes
    ----------
    roots
        Folders with ``<tournament>/<round>``, of a member each.
    """

    suite: Suite
    roots: tuple[Path, ...]
    _read_before: dict[Path, Known] = field(default_factory=dict, repr=False)

    def read(self, round_id: int, known: Container[int], block: Block) -> Iterator[InterimScores]:
        """Yield the interim scores of a round's days that are not known yet, ascending by day."""
        files = self._files(round_id, known)
        if not files:
            return
        record = self.suite.round(round_id, block.number)
        members = self.suite.member_set(record.member_set_id, block.number)
        for day in sorted(files):
            if len(files[day]) >= members.quorum:
                found = agreed(self._signed(files[day], round_id, day, members), members.quorum)
                if found is not None:
                    for path in files[day]:
                        self._read_before.pop(path, None)
                    yield found

    def _files(self, round_id: int, known: Container[int]) -> dict[int, list[Path]]:
        files: dict[int, list[Path]] = {}
        for root in self.roots:
            folder = round_folder(root, self.suite.addresses.tournament, round_id)
            for day, path in published_days(folder).items():
                if day not in known:
                    files.setdefault(day, []).append(path)
        return files

    def _signed(
        self, files: Sequence[Path], round_id: int, day: int, members: MemberSet
    ) -> list[SignedInterimScores]:
        addresses = self.suite.addresses
        where = addresses.chain_id, addresses.tournament, round_id, day
        read = (signed for path in files if (signed := self._read(path)) is not None)
        return [
            signed
            for signed in read
            if signed.member in members.members
            and (
                signed.interim.chain_id,
                signed.interim.tournament,
                signed.interim.round_id,
                signed.interim.day,
            )
            == where
            and signed.is_signed
        ]

    def _read(self, path: Path) -> SignedInterimScores | None:
        try:
            status = path.stat()
        except OSError:
            return None
        stamp = status.st_ino, status.st_ctime_ns
        known = self._read_before.get(path)
        if known is None or known[0] != stamp:
            known = self._read_before[path] = stamp, read_interim(path, status.st_size, SHARED_READER)
        return known[1]

    def keep_only(self, rounds: Container[int]) -> None:
        """Keep in memory what was read of these rounds alone."""
        for path in [path for path in self._read_before if int(path.parent.parent.name) not in rounds]:
            del self._read_before[path]
