"""Remembers what a member released and decrypted of rounds whose submissions are encrypted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from scorer.encryption import ShareRelease
from scorer.oracle.stamps import Stamp
from scorer.protocol.documents import from_hex, to_hex


class Unreadable(StrEnum):
    """The states in which predictions cannot be read."""

    BROKEN = "broken"
    """The envelope is no valid one: nobody can read it, now or ever."""
    UNDECIDED = "undecided"
    """Too few members released a share that opens: more may come."""


@dataclass(frozen=True)
class Released:
    """A member's note on the release of its shares.

    Attributes
    ----------
    positions_head
        Of the positions that were locked.
    at
        The time of the block, Unix seconds.
    """

    positions_head: bytes
    at: int

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Released":
        """Read it from a member's note on a round."""
        return cls(from_hex(document["positions_head"], 32), int(document["released_at"]))

    def to_json(self) -> dict[str, Any]:
        """Return it as a note holds it."""
        return {"positions_head": to_hex(self.positions_head), "released_at": self.at}


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
    released
        The positions that were locked when we released our shares, and when.
    silent
        The members that released nothing yet.
    attempts
        How often the round was decrypted, with this time.
    at
        The time of the block at which it was, Unix seconds.
    """

    ground: tuple[Stamp, ...]
    unreadable: Mapping[int, Unreadable]
    is_final: bool
    released: Released
    silent: tuple[str, ...] = ()
    attempts: int = 1
    at: int = 0

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
