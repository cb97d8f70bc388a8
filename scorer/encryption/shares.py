"""A member's share of an envelope: opened with its identity, or by whoever has its box's file key."""

from dataclasses import dataclass, field
from typing import Final

from scorer.encryption import age
from scorer.encryption.age import AgeFile
from scorer.encryption.context import WORD
from scorer.encryption.envelope import Envelope, box_beginning
from scorer.encryption.errors import AgeRefused, ShareFault, ShareRefused
from scorer.encryption.keys import Identity

BOX_KEY_SIZE: Final = age.FILE_KEY_SIZE
"""Size in bytes."""


@dataclass(frozen=True)
class OpenedBox:
    """The content of a member's box.

    Attributes
    ----------
    box_key
        The file key of the box, 16 bytes: what the member releases, and what proves the share.
    share
        32 bytes.
    """

    box_key: bytes = field(repr=False)
    share: bytes = field(repr=False)


def open_box(envelope: Envelope, place: int, identity: Identity) -> OpenedBox:
    """Open the box of the member at `place` with its identity.

    Raises
    ------
    ShareRefused
        When the member has no box, the box is not for this identity or was changed, or belongs to another
        envelope or member. Then the envelope is not valid, unless the identity is another than published.
    """
    try:
        box_key, content = age.decrypt(_box(envelope, place), identity)
    except AgeRefused as refused:
        raise _unreadable(refused) from None
    return OpenedBox(box_key, _share_in(content, envelope, place))


def open_box_with(envelope: Envelope, place: int, box_key: bytes) -> bytes:
    """Open the box of the member at `place` with the file key that it released; the share, 32 bytes.

    Raises
    ------
    ShareRefused
        When the key is not the box's, or the box belongs to another envelope or member. An honest member
        releases no such key.
    """
    try:
        content = age.decrypt_with(_box(envelope, place), box_key)
    except AgeRefused as refused:
        raise ShareRefused(ShareFault.WRONG_KEY, "the file key of the member's box", str(refused)) from None
    return _share_in(content, envelope, place)


def _box(envelope: Envelope, place: int) -> AgeFile:
    holders = envelope.context.members.holders
    if place not in holders:
        raise ShareRefused(ShareFault.NO_BOX, "a member with a usable key", f"the one at place {place}")
    return envelope.boxes[holders.index(place)]


def _share_in(content: bytes, envelope: Envelope, place: int) -> bytes:
    """Return the share behind the beginning that only this member's box of this envelope has."""
    if content[: WORD + 1] != box_beginning(envelope.context, place):
        raise ShareRefused(
            ShareFault.OTHER_CONTEXT,
            "a box of this envelope and member",
            "one of another",
        )
    return content[WORD + 1 :]


def _unreadable(refused: AgeRefused) -> ShareRefused:
    return ShareRefused(ShareFault.UNREADABLE, "a box for the member's identity", str(refused))
