"""Lets an operator settle one round's chunks while it locks another round's.

An operator computes no scores. It takes those that a member of the committee leaves in its bundle, and uses
them once they give the very hashes that the contract holds: nobody has to be trusted for them.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from web3.contract.contract import ContractFunction

from scorer.chain.contracts import Suite
from scorer.chain.records import RoundRecord, RoundState
from scorer.evaluation.inputs import Positions, scores_by_chunk
from scorer.isolation import SHARED_READER
from scorer.observation.observe import Block, read_sealed
from scorer.operator.locking import LockStep, SlotRange
from scorer.oracle.stamps import REREAD, Stamp, stamp_of
from scorer.protocol.chunks import (
    SCORE_LIMIT,
    Chunk,
    SettleArguments,
    positions_heads,
    scores_heads,
    settle_arguments,
)
from scorer.storage.bundle import SCORES, Bundle, round_folder
from scorer.storage.scores import read_scores


@dataclass(frozen=True)
class Settling:
    """A round that is being settled, with scores that are known to be those of its report.

    Attributes
    ----------
    chunks, scores
        In the order in which they were locked; scores in ppm, by lane.
    """

    round_id: int
    chunks: tuple[Chunk, ...]
    scores: tuple[NDArray[np.int64], ...]

    @classmethod
    def checked(
        cls, record: RoundRecord, positions: Positions, by_model: Mapping[int, int]
    ) -> "Settling | None":
        """Return a round with a member's scores; None where the contract settles by others."""
        # Checked first: a stranger's score that does not fit could not be packed.
        if any(not -SCORE_LIMIT <= score < SCORE_LIMIT for score in by_model.values()):
            return None
        settling = cls(record.round_id, positions.chunks, scores_by_chunk(positions, by_model))
        return None if settling._count_left(record) is None else settling

    def left(self, suite: Suite, block: int) -> tuple[SlotRange, ...]:
        """Return the slots of the chunks that are not settled at a block, in the order of their locks."""
        count = self._count_left(suite.round(self.round_id, block)) or 0
        return tuple((chunk.from_slot, chunk.from_slot + len(chunk.words)) for chunk in self.chunks[:count])

    def _count_left(self, record: RoundRecord) -> int | None:
        """Return the number of chunks left; None where a contract in settlement has other heads than ours."""
        if record.state != RoundState.SETTLING:
            return 0
        heads = record.positions_head, record.scores_head
        return self._count_by_heads.get(heads)

    @cached_property
    def _count_by_heads(self) -> dict[tuple[bytes, bytes], int]:
        pairs = zip(positions_heads(self.chunks), scores_heads(self.chunks, self.scores), strict=True)
        return {heads: count for count, heads in enumerate(pairs)}

    @cached_property
    def arguments(self) -> tuple[SettleArguments, ...]:
        """The arguments of ``Tournament.settle``, one set a chunk."""
        return settle_arguments(self.round_id, self.chunks, self.scores)


@dataclass(frozen=True)
class LockCall:
    """A transaction on the way to a locked round.

    Attributes
    ----------
    name
        The kind of call, and its first slot.
    meaning
        The meaning of its key (`RequestKey`), the same whether it settles too or not: a slot is locked once.
    alone
        The call that locks the same slots without settling anything; None where this does.
    """

    name: str
    meaning: str
    call: ContractFunction
    alone: "LockCall | None" = None


def lock_call(suite: Suite, round_id: int, step: LockStep, settling: Settling | None) -> LockCall:
    """Return the call that carries out a step of locking a round."""
    from_slot, functions = step.chunk.from_slot, suite.tournament.functions
    lock = round_id, from_slot, step.chunk.bitmap
    name = f"lock:{from_slot}"
    alone = LockCall(name, name, functions.lock(*lock))
    if settling is None or not step.settles:
        return alone
    settles = [settling.arguments[index] for index in step.settles]
    call = suite.roller.functions.roll(suite.tournament.address, settles, [lock])
    return LockCall(f"roll:{from_slot}", alone.meaning, call, alone)


@dataclass
class SettlingRounds:
    """The rounds in settlement whose scores are at hand, read once for as long as they are being settled.

    Attributes
    ----------
    known
        Rounds with scores that were found right, by number.
    tried
        The stamp of a file that was of no use, by folder, and the monotonic time until which it is not read
        again, seconds.
    """

    clock: Callable[[], float] = time.monotonic
    known: dict[int, Settling] = field(default_factory=dict)
    tried: dict[Path, tuple[Stamp, float]] = field(default_factory=dict)

    def of(self, suite: Suite, record: RoundRecord, block: Block, peers: Sequence[Path]) -> Settling | None:
        """Return a round with its scores; None where nobody's are at hand.

        Parameters
        ----------
        peers
            Folders of members' bundles.

        Raises
        ------
        scorer.chain.logs.IncompleteLogs
            When its events do not add up to what the contract holds.
        """
        if record.round_id not in self.known:
            tournament = str(suite.tournament.address)
            folders = [round_folder(peer, tournament, record.round_id) for peer in peers]
            settling = self._read(suite, record, block, folders)
            if settling is None:
                return None
            self.known[record.round_id] = settling
        return self.known[record.round_id]

    def _read(
        self, suite: Suite, record: RoundRecord, block: Block, folders: Sequence[Path]
    ) -> Settling | None:
        for folder in folders:
            stamp = stamp_of(Bundle(folder), (SCORES,))
            if stamp[0] is None or self._is_of_no_use(folder, stamp):
                continue
            scores = read_scores(folder, stamp[0][0], SHARED_READER)
            if scores is not None:
                positions = read_sealed(suite, record, block).positions
                settling = Settling.checked(record, positions, scores)
                if settling is not None:
                    return settling
            self.tried[folder] = stamp, self.clock() + REREAD
        return None

    def _is_of_no_use(self, folder: Path, stamp: Stamp) -> bool:
        before, until = self.tried.get(folder, (None, -math.inf))
        return before == stamp and self.clock() < until

    def keep(self, rounds: set[int]) -> None:
        """Forget all but some rounds."""
        self.known = {number: known for number, known in self.known.items() if number in rounds}
        kept = set(map(str, rounds))
        self.tried = {folder: tried for folder, tried in self.tried.items() if folder.name in kept}
