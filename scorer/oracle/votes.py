"""Reads the votes on a seal that other members leave in their bundles."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scorer.isolation import SHARED_READER
from scorer.oracle.paths import MemberPaths
from scorer.oracle.seal_cache import SealCache
from scorer.oracle.stamps import REREAD, stamp_of
from scorer.protocol.seal import SealVote
from scorer.storage.bundle import VOTE, Bundle
from scorer.storage.votes import read_vote


@dataclass
class PeerVotes:
    """Reads each vote once for as long as its file stays the same."""

    paths: MemberPaths
    cache: SealCache

    def all_of(self, round_id: int) -> Iterator[SealVote]:
        """Yield the votes in other members' bundles of a round that can be read, whoever signed them."""
        votes = map(self._read, self.paths.peer_folders(round_id))
        yield from (vote for vote in votes if vote is not None)

    def signed(self, round_id: int, members: Sequence[str], own: str, chain_id: int) -> list[SealVote]:
        """Return the signed votes of a round's other members.

        There may be several of a member: others can show what it signed before.
        """
        where = chain_id, self.paths.tournament, round_id
        return [
            vote
            for vote in self.all_of(round_id)
            if vote.member != own
            and vote.member in members
            # Somebody may have copied a vote here from another round.
            and (vote.seal.chain_id, vote.seal.tournament, vote.seal.round_id) == where
            and vote.is_signed
        ]

    def _read(self, folder: Path) -> SealVote | None:
        stamp = stamp_of(Bundle(folder), (VOTE,))
        known = self.cache.peers.get(folder)
        if known is None or known[0] != stamp or self.cache.clock() >= known[2]:
            size = 0 if stamp[0] is None else stamp[0][0]
            vote = read_vote(folder, size, SHARED_READER)
            until = math.inf if vote is not None else self.cache.clock() + REREAD
            known = self.cache.peers[folder] = (stamp, vote, until)
        return known[1]
