"""Rules and universes of rounds, as the operator published them and the chain committed to them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

from scorer.protocol.digest import universe_digest
from scorer.protocol.documents import to_hex
from scorer.protocol.rules import Rules
from scorer.server.errors import ApiError
from scorer.storage.bundle import RULES, UNIVERSE, Bundle, BundleError, round_folder
from scorer.submission.validity import Universe

T = TypeVar("T")
KEPT: Final = 32
"""Rounds whose rules and universe are kept in memory."""


@dataclass(frozen=True)
class PublishedRounds:
    """The folders in which the operator publishes rounds.

    Attributes
    ----------
    root
        With ``<tournament>/<round>``.
    """

    root: Path
    tournament: str
    _rules: Callable[[int, str], Rules | None] = field(init=False, repr=False)
    _universe: Callable[[int, str], Universe | None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name, read in (("_rules", self._read_rules), ("_universe", self._read_universe)):
            object.__setattr__(self, name, _kept(read))

    def folder(self, round_id: int) -> Path:
        """Return the folder of a round."""
        return round_folder(self.root, self.tournament, round_id)

    def rules(self, round_id: int, expected: str) -> Rules | None:
        """Return a round's rules, by the hash that the chain has; None where others or none are published."""
        return self._rules(round_id, expected)

    def universe(self, round_id: int, expected: str) -> Universe:
        """Return a round's ids, by the digest that the chain has.

        Raises
        ------
        ApiError
            When others or none are published.
        """
        universe = self.find_universe(round_id, expected)
        if universe is None:
            raise ApiError(
                f"round {round_id}: expected its universe to be published, found none; try again in a "
                "minute, and then ask the operator"
            )
        return universe

    def find_universe(self, round_id: int, expected: str) -> Universe | None:
        """Return a round's ids, by the digest that the chain has; None where others or none are published."""
        return self._universe(round_id, expected)

    def _read_rules(self, round_id: int, expected: str) -> Rules | None:
        bundle = Bundle(self.folder(round_id), strict=True)
        try:
            rules = bundle.rules() if bundle.has(RULES) else None
        except BundleError:
            return None
        return rules if rules is not None and to_hex(rules.hash()) == expected else None

    def _read_universe(self, round_id: int, expected: str) -> Universe | None:
        bundle = Bundle(self.folder(round_id), strict=True)
        try:
            universe = bundle.named_universe() if bundle.has(UNIVERSE) else None
        except BundleError:
            return None
        return (
            universe if universe is not None and to_hex(universe_digest(universe.ids)) == expected else None
        )


class _Absent(Exception):
    """Nothing is there yet: an exception, since those are not kept."""


def _kept(read: Callable[[int, str], T | None]) -> Callable[[int, str], T | None]:
    """Keep what was found; what was not is looked for again."""

    @lru_cache(maxsize=KEPT)
    def found(round_id: int, expected: str) -> T:
        value = read(round_id, expected)
        if value is None:
            raise _Absent
        return value

    def look(round_id: int, expected: str) -> T | None:
        try:
            return found(round_id, expected)
        except _Absent:
            return None

    return look
