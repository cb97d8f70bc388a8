"""Remembers what a member read and judged of rounds that are being sealed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scorer.chain.records import MemberSet, SealRecord
from scorer.oracle.stamps import Stamp
from scorer.protocol.seal import SealVote, Verdicts
from scorer.protocol.submissions import Submissions


@dataclass(frozen=True)
class Judgement:
    """A member's verdicts on a round's submissions, and what they rest on.

    Attributes
    ----------
    ground
        The files and the positions head that it rests on.
    positions
        nano-NMR by model.
    """

    ground: tuple[Stamp, bytes]
    submissions: Submissions
    verdicts: Verdicts
    signature: bytes
    positions: Mapping[int, int]


@dataclass
class SealCache:
    """Remembers rounds that are being sealed; losing it costs time alone.

    Attributes
    ----------
    judged
        Our own judgement, by round.
    peers
        Other members' votes, by folder: the file's stamp, what was read, and the monotonic time until which
        that holds, seconds.
    sets
        Member sets, which never change, by number.
    recorded
        The seals of rounds that wait for their outcome, with who signed them, by round.
    late
        The votes that we last compared a seal with that leaves us out, by round, and our signature of it.
    """

    judged: dict[int, Judgement] = field(default_factory=dict)
    peers: dict[Path, tuple[Stamp, SealVote | None, float]] = field(default_factory=dict)
    sets: dict[int, MemberSet] = field(default_factory=dict)
    recorded: dict[int, SealRecord] = field(default_factory=dict)
    late: dict[int, tuple[frozenset[bytes], bytes | None]] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic

    def forget(self, round_id: int) -> None:
        """Judge a round anew, and read its votes again."""
        for known in (self.judged, self.recorded, self.late):
            known.pop(round_id, None)
        for folder in [folder for folder in self.peers if folder.name == str(round_id)]:
            del self.peers[folder]

    def forget_all(self) -> None:
        """Read everything anew: the chain that it was read from is no more."""
        for known in (self.judged, self.peers, self.sets, self.recorded, self.late):
            known.clear()
