"""Remembers what a member released and decrypted of rounds whose submissions are encrypted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from scorer.encryption import ShareRelease
from scorer.oracle.stamps import Stamp


class Unreadable(StrEnum):
    """The states in which predictions cannot be read."""

    BROKEN = "broken"
    """The envelope is no valid one: nobody can read it, now or ever."""
    UNDECIDED = "undecided"
    """Too few members released a share that opens: more may come."""


@dataclass(frozen=True)
class Decrypted:
    """The result of decrypting a round, as far as members released shares.

    Attributes
    ----------
    ground
        The stamps of our files, and of the releases that it rests on.
    unreadable
        Why the predictions of a model are not known, by model.
    is_final
        Whether nothing more can come: all are decided, or all members released.
    positions_head
        Of the positions that were locked when we released our shares.
    silent
        The members that released nothing yet.
    """

    ground: tuple[Stamp, ...]
    unreadable: Mapping[int, Unreadable]
    is_final: bool
    positions_head: bytes
    silent: tuple[str, ...] = ()

    def holds_at(self, ground: tuple[Stamp, ...]) -> bool:
        """Return whether nothing came since that could change it: no other envelopes, no further release."""
        return self.ground == ground or (self.is_final and self.ground[0] == ground[0])


@dataclass
class DecryptionCache:
    """Remembers, by round, what was decrypted; losing it costs time alone.

    Attributes
    ----------
    decrypted
        The last result.
    releases
        Releases by the folder of their author: the file's stamp and what was read, None for what is none.
    """

    decrypted: dict[int, Decrypted] = field(default_factory=dict)
    releases: dict[Path, tuple[Stamp, ShareRelease | None]] = field(default_factory=dict)

    def forget(self, round_id: int) -> None:
        """Decrypt a round anew."""
        self.decrypted.pop(round_id, None)
        for folder in [folder for folder in self.releases if folder.name == str(round_id)]:
            del self.releases[folder]

    def forget_all(self) -> None:
        """Decrypt everything anew: the chain that it rests on is no more."""
        self.decrypted.clear()
        self.releases.clear()
