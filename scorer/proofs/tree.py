"""The tree of rank tables, whose root a court is deployed with."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from scorer.proofs.tables import TableHalves, table_halves
from scorer.protocol.merkle import merkle_proof, merkle_root

FIRST: Final = 2
"""The fewest ids that have a table: its leaf is the first."""
SHIPPED: Final = 8_192
"""The most ids of the tree that comes with the package."""


@dataclass(frozen=True)
class TableTree:
    """The leaves of the tables of 2, 3, 4 and so on ids, 32 bytes each."""

    leaves: tuple[bytes, ...]

    @classmethod
    def of(cls, tables: Iterable[TableHalves]) -> "TableTree":
        """Return the tree of tables that begin with the one of `FIRST` ids."""
        return cls(tuple(table.leaf for table in tables))

    @property
    def root(self) -> bytes:
        """The root, 32 bytes: ``ScoreCourt.tables``."""
        return merkle_root(self.leaves)

    def siblings(self, ids: int) -> list[bytes]:
        """Return the siblings of the table of `ids` ids, from the bottom up.

        Raises
        ------
        ValueError
            When the tree has no such table.
        """
        if not FIRST <= ids < FIRST + len(self.leaves):
            most = FIRST + len(self.leaves) - 1
            raise ValueError(f"expected {FIRST} to {most} ids, of which the court has tables, found {ids}")
        return merkle_proof(self.leaves, ids - FIRST)


def compute_tree(most: int) -> TableTree:
    """Compute the tables of all numbers of ids up to `most`; some 20 ms for each at 6,000 ids."""
    return TableTree.of(table_halves(ids) for ids in range(FIRST, most + 1))


@cache
def shipped_tree() -> TableTree:
    """Return the tree up to `SHIPPED` ids, from the leaves that come with the package."""
    content = (resources.files("scorer.proofs") / "tables.bin").read_bytes()
    return TableTree(tuple(content[at : at + 32] for at in range(0, len(content), 32)))
