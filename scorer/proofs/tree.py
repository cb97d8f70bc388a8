"""The tree of rank tables, whose root a court is deployed with."""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final

from scorer.proofs.tables import TableHalves, table_halves
from scorer.protocol.merkle import merkle_proof, merkle_root

FIRST: Final = 2
"""The fewest ids that have a table: its leaf is the first."""
SHIPPED_FILE: Final = "rank_tables.bin"
SHIPPED_ROOT: Final = bytes.fromhex("6041879fa8718d2614a5c3802b3e41e830334b4a27681551cec440107fbdec86")
"""``scripts/rank_tables.py`` computes it."""


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


def compute_tree(most: int, processes: int = 1) -> TableTree:
    """Compute the tables of all numbers of ids up to `most`; some 25 ms for each at 20,000 ids.

    Parameters
    ----------
    processes
        Among how many processes the work is divided.
    """
    sizes = range(FIRST, most + 1)
    if processes == 1:
        return TableTree(tuple(map(_leaf_of, sizes)))
    with ProcessPoolExecutor(processes) as pool:
        return TableTree(tuple(pool.map(_leaf_of, sizes, chunksize=64)))


def _leaf_of(ids: int) -> bytes:
    return table_halves(ids).leaf


def write_tree(tree: TableTree, path: Path) -> None:
    """Write a tree's leaves into a file."""
    path.write_bytes(b"".join(tree.leaves))


def read_tree(path: Path, root: bytes) -> TableTree:
    """Read the tree that `write_tree` wrote.

    Raises
    ------
    ValueError
        When it is not the one with the court's `root`.
    """
    content = path.read_bytes()
    tree = TableTree(tuple(content[at : at + 32] for at in range(0, len(content), 32)))
    if tree.root != root:
        raise ValueError(
            f"{path}: expected the tables of root {root.hex()}, found those of {tree.root.hex()}"
        )
    return tree


@cache
def shipped_tree() -> TableTree:
    """Return the tree that comes with the package, with which courts are deployed."""
    resource = resources.files("scorer.proofs") / SHIPPED_FILE
    with resources.as_file(resource) as path:
        return read_tree(path, SHIPPED_ROOT)
