"""Remembers what was read of published files, so that files that did not change are not read again."""

from dataclasses import dataclass, field
from typing import Any

from scorer.oracle.stamps import Stamp


@dataclass(frozen=True)
class Mismatch:
    """The reason for which published files did not fit a seal.

    Attributes
    ----------
    ground
        The stamp of what was published, the seal, and the number of models that an endpoint named.
    until
        Monotonic time until which the same files are not read again.
    """

    ground: tuple[Stamp, str, int]
    problem: str
    until: float


@dataclass
class SeenFiles:
    """Remembers, by round, what published files held, so that files that did not change are not read again.

    Attributes
    ----------
    unchanged, changed
        Of files that we hold: the stamp of what was published, and which of it is not what we took over.
    mismatched
        Published files that did not fit the seal.
    unusable
        The seal that none of our own earlier bundles fitted.
    """

    unchanged: dict[int, Stamp] = field(default_factory=dict)
    changed: dict[int, tuple[Stamp, tuple[str, ...]]] = field(default_factory=dict)
    mismatched: dict[int, Mismatch] = field(default_factory=dict)
    unusable: dict[int, str] = field(default_factory=dict)

    @property
    def rounds(self) -> set[int]:
        """The rounds of which anything is remembered."""
        return {*self.unchanged, *self.changed, *self.mismatched, *self.unusable}

    def forget(self, round_id: int) -> None:
        """Read a round's files anew."""
        for memory in self._all:
            memory.pop(round_id, None)

    def forget_all(self) -> None:
        """Read all files anew."""
        for memory in self._all:
            memory.clear()

    @property
    def _all(self) -> tuple[dict[int, Any], ...]:
        return self.unchanged, self.changed, self.mismatched, self.unusable
