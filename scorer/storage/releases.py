"""The file with which a member hands its shares of a round to the other members, in a folder they can read.

It holds the author's place in the member set in one byte, the author's signature in 65 bytes
(`scorer.encryption.release.release_message`), and an age file that the round's members alone open:
``tail -c +67 release.bin | age -d -i KEY``. One file, so that what was signed and the signature appear at
once.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scorer.encryption import MemberKeys, RoundContext, release_message, release_size
from scorer.encryption.context import MOST_MEMBERS
from scorer.protocol.typed_data import SIGNATURE_SIZE, signer_of
from scorer.storage.bundle import RELEASE, BundleError
from scorer.storage.folder import opened

_HEADER: Final = 1 + SIGNATURE_SIZE


@dataclass(frozen=True)
class SignedRelease:
    """A release whose form is right: whose it claims to be, the signature, and the age file.

    Attributes
    ----------
    place
        The author's in the member set.
    content
        The age file.
    """

    place: int
    signature: bytes
    content: bytes = field(repr=False)

    def to_bytes(self) -> bytes:
        """Return the file."""
        return bytes([self.place]) + self.signature + self.content

    def is_signed_by(self, members: tuple[str, ...], round_context: RoundContext, keys: MemberKeys) -> bool:
        """Return whether the member at its place signed it for a round."""
        if self.place >= len(members):
            return False
        message = release_message(round_context, keys, self.place, self.content)
        return signer_of(message, self.signature) == members[self.place]


def largest_release(envelopes: int) -> int:
    """Return the most bytes of a release on so many envelopes."""
    return _HEADER + release_size(envelopes, MOST_MEMBERS)


def read_release_file(folder: Path, most: int) -> SignedRelease | None:
    """Read the release in another member's folder; None where there is none of at most so many bytes."""
    try:
        with opened(folder / RELEASE) as file:
            content = file.read(most + 1)
    except (BundleError, OSError):
        return None
    if not _HEADER < len(content) <= most or content[0] >= MOST_MEMBERS:
        return None
    return SignedRelease(content[0], content[1:_HEADER], content[_HEADER:])
