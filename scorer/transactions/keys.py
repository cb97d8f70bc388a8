"""What an act means, as the journal's key says it: its chain, tournament and round, and its kind."""

import re
from dataclasses import dataclass
from typing import Final, Self

NO_ROUND: Final = 0
"""The number of what belongs to no round; rounds are counted from 1."""
_KEY: Final = re.compile(
    r"(?P<scope>[0-9]+:0x\w+):(?P<round>[0-9]{1,18}):(?P<act>[a-z]{1,32})(?::.*)?", re.ASCII | re.DOTALL
)


def scope_of(chain_id: int, tournament: str) -> str:
    """How the keys of a tournament's acts begin."""
    return f"{chain_id}:{tournament}"


@dataclass(frozen=True)
class RequestKey:
    """The parts of a key such as ``137:0x...:412:settle:3``.

    Attributes
    ----------
    scope
        Chain and tournament.
    act
        Its kind alone, such as ``settle``.
    """

    scope: str
    round_id: int
    act: str

    @classmethod
    def parse(cls, key: str) -> Self | None:
        """The parts of a key; None where it is no act of a tournament."""
        found = _KEY.fullmatch(key)
        return None if found is None else cls(found["scope"], int(found["round"]), found["act"])
