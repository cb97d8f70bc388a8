"""Compute the tree of rank tables that courts are deployed with, and write it into the package.

``--check`` compares it with the one that is there instead. Each takes some seven minutes of one processor.
"""

import argparse
import os
import sys
from pathlib import Path

from scorer.proofs.tables import MOST_IDS
from scorer.proofs.tree import SHIPPED_FILE, compute_tree, shipped_tree, write_tree


def main() -> int:
    """Write the tree, or compare; 1 where it differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    check = parser.parse_args().check
    tree = compute_tree(MOST_IDS, os.cpu_count() or 1)
    print(f"the root of the tables of up to {MOST_IDS} ids is 0x{tree.root.hex()}")
    if not check:
        write_tree(tree, Path("scorer/proofs") / SHIPPED_FILE)
        return 0
    if tree.leaves == shipped_tree().leaves:
        return 0
    print("expected the tree that comes with the package, found another", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
