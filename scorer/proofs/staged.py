"""Proofs that are more than one transaction carries: pieces to be staged, walks, and the last call.

The layout is that of contracts/interfaces/IStagedCourt.sol.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from eth_abi.abi import encode
from eth_hash.auto import keccak

from scorer.proofs.evidence import Operands
from scorer.proofs.pieces import piece_address, pieces_of, staging_gas
from scorer.proofs.ranking import RankedSubmission
from scorer.proofs.tables import TableHalves, table_halves
from scorer.proofs.tree import TableTree
from scorer.proofs.vectors import ScoreVectors
from scorer.scoring.exact import Floats

RANGE_IDS: Final = 8_192
"""Ids that a walk takes in one transaction: at most four ranges, each well below 2^24 gas."""
COMMITMENT_AGE: Final = 7_200
"""Seconds from the announcement of the last call to the call (StagedCourt.COMMITMENT_AGE)."""
WALK_GAS: Final = 4_500_000
"""Gas that a range of a walk takes at most, besides its ids: reading 1.2 MB of pieces."""
WALK_GAS_OF_ID: Final = 1_400
_ORDER_BYTES: Final = 2


@dataclass(frozen=True)
class Walk:
    """A range of a walk along the order of predictions.

    Attributes
    ----------
    id
        What StagedCourt keeps it under, 32 bytes.
    arguments
        Of ``walk``.
    """

    id: bytes
    arguments: tuple[Any, ...] = field(repr=False, compare=False)

    @property
    def gas(self) -> int:
        """The gas that it takes, at most."""
        return WALK_GAS + WALK_GAS_OF_ID * (len(self.arguments[2]) // _ORDER_BYTES)


@dataclass(frozen=True)
class Staging:
    """Everything that must be on the chain before the last call of a proof.

    Attributes
    ----------
    pieces
        Different contents, those that are public anyway first.
    walks
        In the order in which they are made.
    """

    pieces: tuple[bytes, ...] = field(default=(), repr=False, compare=False)
    walks: tuple[Walk, ...] = ()

    @property
    def gas(self) -> int:
        """The gas that all of it takes, at most."""
        return sum(map(staging_gas, self.pieces)) + sum(walk.gas for walk in self.walks)


class Stage:
    """Collects what is staged at a store, each content once.

    Parameters
    ----------
    store
        The store's address.
    """

    def __init__(self, store: str) -> None:
        self._store = store
        self._addresses: dict[bytes, str] = {}

    def addresses(self, content: bytes) -> list[str]:
        """Return the addresses of the pieces that hold content."""
        return [self._address(piece) for piece in pieces_of(content)]

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """All that was asked for, in the order in which it first was."""
        return tuple(self._addresses)

    @property
    def staging(self) -> Staging:
        """The pieces, where nothing is walked."""
        return Staging(self.pieces)

    def _address(self, piece: bytes) -> str:
        if piece not in self._addresses:
            self._addresses[piece] = piece_address(self._store, piece)
        return self._addresses[piece]


@dataclass(frozen=True)
class StagedScore:
    """Everything that a model's score is computed from, in pieces.

    Attributes
    ----------
    walked
        The struct ``Walked`` of IStagedCourt.
    """

    staging: Staging
    walked: tuple[Any, ...]


def staged_score(
    predictions: Floats, operands: Operands, tree: TableTree, stage: Stage, range_ids: int = RANGE_IDS
) -> StagedScore:
    """Return how a score is proven in several transactions; predictions have the shape (ids,)."""
    ranked, halves = RankedSubmission(predictions), table_halves(len(predictions))
    has_even = ranked.has_ties or any(vectors.has_even_ranks for vectors in operands.vectors)
    parts = [_public(vectors, halves, stage, has_even=has_even) for vectors in operands.vectors]
    # What is secret comes last: until then nobody learns what is going to be proven.
    secret = stage.addresses(ranked.content)
    walks: list[Walk] = []
    ends: list[bytes] = []
    for vectors, (records, palette, odd, even) in zip(operands.vectors, parts, strict=True):
        inputs = (halves.ids, secret, records, palette, odd, even)
        read = _hash_of_inputs(halves, ranked.content, vectors, has_even=has_even)
        walks += _ranges(inputs, read, ranked.order, range_ids)
        ends.append(walks[-1].id)
    walked = (
        ends,
        keccak(ranked.content),
        keccak(halves.odd),
        keccak(halves.even),
        has_even,
        tree.siblings(halves.ids),
    )
    return StagedScore(Staging(stage.pieces, tuple(walks)), walked)


def _public(
    vectors: ScoreVectors, halves: TableHalves, stage: Stage, *, has_even: bool
) -> tuple[list[str], list[str], list[str], list[str]]:
    even = stage.addresses(halves.even) if has_even else []
    contents = vectors.records, vectors.palette, halves.odd
    records, palette, odd = (stage.addresses(content) for content in contents)
    return records, palette, odd, even


def _hash_of_inputs(halves: TableHalves, content: bytes, vectors: ScoreVectors, *, has_even: bool) -> bytes:
    read = content, vectors.records, vectors.palette, halves.odd, halves.even if has_even else b""
    return keccak(encode(["uint256", *["bytes32"] * 5], [halves.ids, *map(keccak, read)]))


def _ranges(inputs: tuple[Any, ...], read: bytes, order: bytes, range_ids: int) -> Iterator[Walk]:
    """Yield the ranges of a walk, all but the last of `range_ids` ids."""
    before, width = bytes(32), _ORDER_BYTES * range_ids
    for at in range(0, len(order), width):
        part = order[at : at + width]
        found = keccak((read if at == 0 else before) + keccak(part))
        yield Walk(found, (inputs, before, part))
        before = found


def staged_step(arguments: tuple[Any, ...], stage: Stage) -> tuple[Any, ...]:
    """Return the arguments of StagedCourt's ``disproveStep`` for those of MetaCourt's."""
    *same, (content, order, sums) = arguments
    # What everybody computes who computes the meta model is staged first.
    before = stage.addresses(sums)
    return *same, (stage.addresses(content), order, before)


def staged_ranks(arguments: tuple[Any, ...], stage: Stage) -> tuple[Any, ...]:
    """Return the arguments of StagedCourt's ``disproveRanks`` for those of MetaCourt's."""
    *same, records, (sums, order, siblings) = arguments
    return *same, stage.addresses(records), (stage.addresses(sums), order, siblings)


def staged_predictions(arguments: tuple[Any, ...], stage: Stage) -> tuple[Any, ...]:
    """Return the arguments of StagedCourt's ``disprovePredictions`` for those of VerdictCourt's."""
    *same, content = arguments
    return *same, stage.addresses(content)
