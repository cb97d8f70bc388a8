"""The leaves of a consensus document: rank and weight of every asset, each under a salt.

Ranks lie on a grid of as many places as there are ids: without salts one would find an asset's leaf by trying
them all. A salt is derived from the asset and from a seed, the seed from all submissions that count. Every
member computes the same, and whoever knows the seed though nobody gave it away knows all predictions, from
which the meta model follows anyhow.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray

from scorer.evaluation.evaluate import counting
from scorer.protocol.documents import check_fields, from_hex, shown, to_hex
from scorer.protocol.merkle import merkle_proof, merkle_root
from scorer.protocol.predictions import float_array
from scorer.protocol.submissions import Submissions
from scorer.protocol.typed_data import word
from scorer.scoring.ranks import doubled_ranks

WEIGHT_UNIT: Final = 10**9
"""The sum of a book's weights, both sides taken as positive; it may fall short by rounding."""
_SEED: Final = keccak(b"cupel consensus seed 2")
_SALT: Final = keccak(b"cupel consensus salt 1")


@dataclass(frozen=True)
class Leaf:
    """An asset's place in the meta model.

    Attributes
    ----------
    asset
        The Keccak-256 of its id.
    rank
        Twice its tie-kept average rank, from 2 to twice the number of ids.
    weight
        Its share of a book of equal long and short sides, in billionths; below zero is short.
    """

    asset: bytes
    rank: int
    weight: int
    salt: bytes

    @property
    def struct(self) -> tuple[bytes, int, int, bytes]:
        """The fields as contracts take them."""
        return self.asset, self.rank, self.weight, self.salt

    @property
    def hash(self) -> bytes:
        """The leaf of the tree: hashed twice, so that no inner node can pass for one."""
        weight = word(self.weight % 2**256)
        return keccak(keccak(self.asset + word(self.rank) + weight + self.salt))


@dataclass(frozen=True)
class Body:
    """All that a document's root commits to: what subscribers get, and everybody later.

    Attributes
    ----------
    universe
        The round's ids, sorted: the order of the leaves.
    ranks
        Twice the average rank of each.
    """

    seed: bytes
    universe: tuple[str, ...]
    ranks: tuple[int, ...]

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """Every asset's leaf, in the order of the universe."""
        assets = [asset_of(name) for name in self.universe]
        weights = weights_of(self.ranks)
        return tuple(
            Leaf(asset, rank, weight, salt_of(self.seed, asset))
            for asset, rank, weight in zip(assets, self.ranks, weights, strict=True)
        )

    @cached_property
    def root(self) -> bytes:
        """The root of the tree of leaves."""
        return merkle_root([leaf.hash for leaf in self.leaves])

    def proof(self, index: int) -> list[bytes]:
        """Return the siblings of the leaf at `index`; IndexError where there is none."""
        return merkle_proof([leaf.hash for leaf in self.leaves], index)

    def index_of(self, name: str) -> int:
        """Return the place of an id; KeyError where the round has no such id."""
        try:
            return self.universe.index(name)
        except ValueError:
            raise KeyError(f"expected an id of the round's universe, found {shown(name)}") from None

    def to_json(self) -> dict[str, Any]:
        """Return the document of the body's file: weights and salts follow from it."""
        return {"seed": to_hex(self.seed), "universe": list(self.universe), "ranks": list(self.ranks)}

    @classmethod
    def from_json(cls, document: Any) -> "Body":
        """Read what `to_json` returns; KeyError or ValueError for anything else."""
        check_fields(document, {"seed": str, "universe": list, "ranks": list})
        universe, ranks = document["universe"], document["ranks"]
        if any(type(name) is not str for name in universe) or sorted({*universe}) != universe:
            raise ValueError("expected ids as universe, sorted and each once, found others")
        most = 2 * len(universe)
        if len(ranks) != len(universe) or any(
            type(rank) is not int or not 2 <= rank <= most for rank in ranks
        ):
            raise ValueError(f"expected {len(universe)} doubled ranks from 2 to {most}, found others")
        return cls(from_hex(document["seed"], 32), tuple(universe), tuple(ranks))


def body_of(submissions: Submissions, refused: Container[int], meta_model: NDArray[np.float64]) -> Body:
    """Return the body of a round's document.

    Parameters
    ----------
    refused
        The models whose submission does not count.
    meta_model
        Of the others, in the order of the universe, without NaN, shape (ids,).
    """
    # The ranks of the engine are doubled and less one.
    ranks = doubled_ranks(meta_model[np.newaxis])[0] + 1
    return Body(seed_of(submissions, refused), submissions.universe, tuple(ranks.tolist()))


def seed_of(submissions: Submissions, refused: Container[int]) -> bytes:
    """Return the seed of the salts: a hash of all submissions that count, ascending by model.

    Signatures name the round: the seed of an earlier one, which is public, gives nothing away where every
    model predicts the same again.
    """
    digests = [
        word(entry.model_id) + entry.signature_hash + keccak(_SEED + _bytes_of(entry.predictions))
        for entry in counting(submissions, refused).entries
    ]
    return keccak(_SEED + b"".join(digests))


def _bytes_of(predictions: Any) -> bytes:
    if predictions is None:
        raise ValueError("expected the predictions of every submission that counts, found one withheld")
    return float_array(predictions).astype("<f8").tobytes()


def asset_of(name: str) -> bytes:
    """Return what contracts know an id by: the Keccak-256 of its UTF-8 bytes."""
    return keccak(name.encode())


def salt_of(seed: bytes, asset: bytes) -> bytes:
    """Return an asset's salt, 32 bytes."""
    return keccak(_SALT + seed + asset)


def weights_of(ranks: Sequence[int]) -> tuple[int, ...]:
    """Return weights in proportion to how far ranks are from the middle, in billionths, rounded to zero.

    Parameters
    ----------
    ranks
        Doubled; their mean is the number of them and one.
    """
    middle = len(ranks) + 1
    gross = sum(abs(rank - middle) for rank in ranks)
    if gross == 0:  # one value for all: no side
        return (0,) * len(ranks)
    return tuple(_share(rank - middle, gross) for rank in ranks)


def _share(distance: int, gross: int) -> int:
    share = abs(distance) * WEIGHT_UNIT // gross
    return share if distance > 0 else -share
