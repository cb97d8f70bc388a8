"""Chooses the mutants to try: some of every file, of every kind of fault, the same ones each time."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.mutation.operators import Mutant

WEIGHTS: Final = {
    "contracts/Tournament.sol": 1.5,
    "contracts/OracleCommittee.sol": 1.5,
    "contracts/lib/PayoutMath.sol": 3.0,
}
"""Files whose lines count for more: where stakes move, and where they are worked out in assembly."""


def quotas(sources: dict[str, str], total: int) -> dict[str, int]:
    """Share the mutants among files: in proportion to its weighted lines of code, and at least one.

    Parameters
    ----------
    sources
        Content by path.
    total
        Mutants of all files together; the rounding may add a few.
    """
    weights = {file: WEIGHTS.get(file, 1.0) * code_lines(text) for file, text in sources.items()}
    return {file: max(1, round(total * weight / sum(weights.values()))) for file, weight in weights.items()}


def code_lines(source: str) -> int:
    """Lines that are neither empty nor a comment."""
    lines = (line.strip() for line in source.splitlines())
    return sum(bool(line) and not line.startswith(("//", "/*", "*")) for line in lines)


def in_order_of_trial(mutants: Iterable[Mutant], seed: int) -> list[Mutant]:
    """The mutants of a file, shuffled, and every operator in its turn.

    A mutant's place among those of its operator hangs on its own name alone: a change somewhere else in
    the contracts moves few others.
    """
    by_operator: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in sorted(mutants, key=lambda each: _rank(each.name, seed)):
        by_operator[mutant.operator].append(mutant)
    turns = zip_longest(
        *(by_operator[name] for name in sorted(by_operator, key=lambda name: _rank(name, seed)))
    )
    return [mutant for turn in turns for mutant in turn if mutant is not None]


def _rank(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
