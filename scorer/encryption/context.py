"""The context of an envelope: chain, tournament, round, model, content, universe and members' keys."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from scorer.encryption.age import file_size
from scorer.encryption.errors import KeyRefused
from scorer.encryption.keys import KEY_SIZE, NO_KEY, is_usable
from scorer.encryption.plaintext import MOST_IDS, SIZE
from scorer.protocol.typed_data import word
from scorer.redaction import shown

MAGIC: Final = b"cupel-envelope-1"
WORD: Final = 32
"""Size in bytes."""
HEADER_SIZE: Final = len(MAGIC) + 7 * WORD
MOST_MEMBERS: Final = 64
"""The contract's ``CommitteeMembers.MAX_MEMBERS``."""
SHARE_SIZE: Final = 32
"""Bytes of a share, as of the key that is shared."""
BOX_CONTENT_SIZE: Final = 32 + 1 + SHARE_SIZE
"""A share box holds the digest of its envelope's context, its member's place, and the share."""
BOX_SIZE: Final = file_size(BOX_CONTENT_SIZE, recipients=1)
_MEMBERS_LABEL: Final = b"cupel/encryption/1/members"


@dataclass(frozen=True)
class RoundContext:
    """A round of a tournament on a chain.

    Attributes
    ----------
    tournament
        Its address, ``0x`` and hex; how it is spelled does not matter.
    """

    chain_id: int
    tournament: str
    round_id: int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"0x[0-9a-fA-F]{40}", self.tournament):
            raise ValueError(f"expected the address of a tournament, found {shown(self.tournament)}")

    def words(self) -> bytes:
        """Chain, tournament and round as the EVM encodes them, 96 bytes."""
        address = bytes.fromhex(self.tournament.removeprefix("0x")).rjust(WORD, b"\0")
        return word(self.chain_id) + address + word(self.round_id)


@dataclass(frozen=True)
class MemberKeys:
    """The X25519 keys of a round's members, frozen with the member set when the round opens.

    A member that published no key, or one to which nothing can be encrypted, has no share: it can hold up
    nobody else. Two members may publish the same key: each has its share, and only who knows the identity
    reads it.

    Attributes
    ----------
    published
        32 bytes a member, in the order of the set; `NO_KEY` where a member published none.
    threshold
        How many shares give the key: the committee's quorum.
    """

    published: tuple[bytes, ...]
    threshold: int

    def __post_init__(self) -> None:
        if not 1 <= len(self.published) <= MOST_MEMBERS:
            raise KeyRefused(f"expected from 1 to {MOST_MEMBERS} members, found {len(self.published)}")
        if any(len(public) != KEY_SIZE for public in self.published):
            raise KeyRefused(f"expected {KEY_SIZE} bytes a member, and zeros where it published no key")
        if not 1 <= self.threshold <= len(self.holders):
            raise KeyRefused(
                f"expected a usable key of at least {self.threshold} members, found {len(self.holders)}; "
                "predictions cannot be encrypted for this round"
            )

    @cached_property
    def holders(self) -> tuple[int, ...]:
        """The places in the set of the members that have a share, ascending, from 0."""
        return tuple(
            place for place, public in enumerate(self.published) if public != NO_KEY and is_usable(public)
        )

    @cached_property
    def digest(self) -> bytes:
        """The SHA-256 of threshold, count and keys, 32 bytes."""
        counts = bytes([self.threshold, len(self.published)])
        return hashlib.sha256(_MEMBERS_LABEL + counts + b"".join(self.published)).digest()


@dataclass(frozen=True)
class EnvelopeContext:
    """The context of an envelope: all that is known before it is read, its size too.

    Attributes
    ----------
    content_hash
        32 bytes, as the submitter signs it; see `scorer.protocol.digest.content_hash`.
    ids
        How many ids the round's universe has.
    """

    round: RoundContext
    model_id: int
    content_hash: bytes
    ids: int
    members: MemberKeys

    def __post_init__(self) -> None:
        if len(self.content_hash) != WORD:
            raise ValueError(f"expected a content hash of {WORD} bytes, found {len(self.content_hash)}")
        if not 1 <= self.ids <= MOST_IDS:
            raise ValueError(f"expected from 1 to {MOST_IDS} ids, found {self.ids}")

    @cached_property
    def header(self) -> bytes:
        """The beginning of each envelope of this context: `MAGIC` and seven words, in the clear.

        The words are chain, tournament, round, model, content hash, number of ids, digest of the members'
        keys. All of it is public anyway.
        """
        own = word(self.model_id) + self.content_hash + word(self.ids) + self.members.digest
        return MAGIC + self.round.words() + own

    @cached_property
    def digest(self) -> bytes:
        """The SHA-256 of `header`, 32 bytes: everything in an envelope is derived from key and digest."""
        return hashlib.sha256(self.header).digest()

    @property
    def size(self) -> int:
        """Bytes of an envelope: a function of the numbers of ids and of shares alone."""
        boxes = len(self.members.holders) * BOX_SIZE
        return HEADER_SIZE + boxes + file_size(SIZE * self.ids, recipients=1)
