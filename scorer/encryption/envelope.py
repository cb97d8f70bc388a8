"""An envelope: predictions encrypted under a key, and that key in shares, each in a box for one member.

An envelope is, one after the other:

- the context in the clear (`EnvelopeContext.header`): magic and seven words of 32 bytes;
- a share box for each member that holds a key, in the order of the set: an age file of 265 bytes for that
  member alone, which holds the digest of the context, the member's place, and its share;
- the payload: an age file for an identity derived from the key, which holds the plaintext.

The size is a function of the numbers of ids and of shares, so it says nothing of the predictions. Reading one
takes time in proportion to that size.

Boxes are age files rather than HPKE (RFC 9180). HPKE would bind the context by its info, but its ciphertexts
commit to no key, so that a member could not show what its box held (see `scorer.encryption.age`); the
library's HPKE takes no ephemeral key from its caller, so that nobody could write an envelope again; and there
is no tool that everyone has to open one by hand. The context is in the box instead: a box that is copied into
another envelope opens to the digest of the wrong context, and its member refuses to use or release it.
Otherwise a thief would copy the boxes of an open round into a submission to a round that is locked, and be
given the shares.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from scorer.encryption import age, plaintext, shamir
from scorer.encryption.age import AgeFile
from scorer.encryption.context import (
    BOX_CONTENT_SIZE,
    BOX_SIZE,
    HEADER_SIZE,
    MAGIC,
    WORD,
    EnvelopeContext,
    MemberKeys,
    RoundContext,
)
from scorer.encryption.derivation import EnvelopeKey, EnvelopeSecrets, derive
from scorer.encryption.errors import AgeRefused, EnvelopeFault, EnvelopeRefused
from scorer.encryption.plaintext import Floats
from scorer.protocol.digest import content_hash
from scorer.protocol.envelopes import envelope_hash as envelope_hash

_WORDS: Final = (
    (EnvelopeFault.OTHER_CHAIN, "chain"),
    (EnvelopeFault.OTHER_TOURNAMENT, "tournament"),
    (EnvelopeFault.OTHER_ROUND, "round"),
    (EnvelopeFault.OTHER_MODEL, "model"),
    (EnvelopeFault.OTHER_CONTENT, "content hash"),
    (EnvelopeFault.OTHER_UNIVERSE, "number of ids"),
    (EnvelopeFault.OTHER_MEMBERS, "digest of the members' keys"),
)
"""The words behind the magic, in order."""


@dataclass(frozen=True, eq=False)
class Envelope:
    """An envelope whose form and context were checked; nothing of it is decrypted.

    Attributes
    ----------
    content
        All of its bytes.
    boxes
        In the order of `MemberKeys.holders`.
    """

    context: EnvelopeContext
    content: bytes = field(repr=False)
    boxes: tuple[AgeFile, ...] = field(repr=False)
    payload: AgeFile = field(repr=False)

    @cached_property
    def hash(self) -> bytes:
        """The ciphertext hash of the submission: see `envelope_hash`."""
        return envelope_hash(self.content)


@dataclass(frozen=True, eq=False)
class EncryptedSubmission:
    """An envelope as its data scientist holds it.

    Attributes
    ----------
    key
        Opens the envelope; nobody else has it until a quorum of members releases its shares.
    """

    context: EnvelopeContext
    content: bytes = field(repr=False)
    key: EnvelopeKey

    @cached_property
    def hash(self) -> bytes:
        """The ciphertext hash, which is signed beside the content hash: see `envelope_hash`."""
        return envelope_hash(self.content)


def encrypt_predictions(
    universe: Sequence[str],
    predictions: Floats,
    place: RoundContext,
    model_id: int,
    members: MemberKeys,
    key: EnvelopeKey | None = None,
) -> EncryptedSubmission:
    """Encrypt one model's predictions for the members of a round.

    Parameters
    ----------
    universe
        The round's ids, sorted.
    predictions
        In that order, shape (ids,) float64, each in [0, 1].
    place
        The round.
    key
        A new one if None.

    Raises
    ------
    PlaintextRefused
        When a prediction is NaN or outside [0, 1], or there is not one for each id.
    """
    content = plaintext.encode(predictions)
    # As a member reads it: what would be refused after the close is refused here.
    plaintext.decode(content, len(universe))
    hashed = content_hash(universe, predictions)
    context = EnvelopeContext(place, model_id, hashed, len(universe), members)
    key = EnvelopeKey.generate() if key is None else key
    return EncryptedSubmission(context, write_envelope(content, key, context), key)


def write_envelope(content: bytes, key: EnvelopeKey, context: EnvelopeContext) -> bytes:
    """Write the one envelope of a plaintext under a key."""
    return write_with(content, bytes(key), derive(key, context), context)


def write_with(content: bytes, key: bytes, secrets: EnvelopeSecrets, context: EnvelopeContext) -> bytes:
    """Write an envelope with what `derive` derived from its key."""
    payload = age.encrypt(content, [secrets.identity.public], secrets.payload)
    return b"".join((context.header, *_boxes(key, secrets, context), payload))


def _boxes(key: bytes, secrets: EnvelopeSecrets, context: EnvelopeContext) -> Iterator[bytes]:
    """Yield each holder's share, encrypted to its key."""
    members = context.members
    shares = shamir.split(key, secrets.coefficients, [number(place) for place in members.holders])
    for place, share, box in zip(members.holders, shares, secrets.boxes, strict=True):
        content = box_beginning(context, place) + share.tobytes()
        yield age.encrypt(content, [members.published[place]], box)


def number(place: int) -> int:
    """Return the number at which a member's share is the value of Shamir's polynomial."""
    # Not from 0, where the polynomial's value is the secret.
    return place + 1


def box_beginning(context: EnvelopeContext, place: int) -> bytes:
    """Return the beginning of a member's box, before the share: to which envelope and member it belongs."""
    return context.digest + bytes([place])


def parse_envelope(content: bytes, context: EnvelopeContext) -> Envelope:
    """Check the form of an envelope and that it is of this context; nothing is decrypted.

    Raises
    ------
    EnvelopeRefused
        Names the fault: too short or long, of another chain, tournament, round, model, content, universe or
        member set, or with a box or payload that is no age file of the one form.
    """
    _check_size(len(content), context.size)
    check_header(content[:HEADER_SIZE], context)
    starts = [HEADER_SIZE + BOX_SIZE * number for number in range(len(context.members.holders) + 1)]
    boxes = tuple(
        _parsed(content[start : start + BOX_SIZE], BOX_CONTENT_SIZE, EnvelopeFault.MALFORMED_BOX)
        for start in starts[:-1]
    )
    size = plaintext.SIZE * context.ids
    payload = _parsed(content[starts[-1] :], size, EnvelopeFault.MALFORMED_PAYLOAD)
    return Envelope(context, content, boxes, payload)


def _check_size(found: int, expected: int) -> None:
    if found != expected:
        fault = EnvelopeFault.TRUNCATED if found < expected else EnvelopeFault.EXTENDED
        raise EnvelopeRefused(fault, f"{expected} bytes", f"{found}")


def claimed_content(header: bytes) -> bytes:
    """Return the content hash that the header of an envelope states, whether or not it is true."""
    start = len(MAGIC) + WORD * [fault for fault, _ in _WORDS].index(EnvelopeFault.OTHER_CONTENT)
    return header[start : start + WORD]


def check_header(header: bytes, context: EnvelopeContext) -> None:
    """Check the first `HEADER_SIZE` bytes of an envelope.

    Raises
    ------
    EnvelopeRefused
        Names the first word that is of another context.
    """
    if not header.startswith(MAGIC):
        raise EnvelopeRefused(EnvelopeFault.NO_ENVELOPE, MAGIC.decode(), "another beginning")
    for place, (fault, name) in enumerate(_WORDS):
        start = len(MAGIC) + WORD * place
        found, expected = header[start : start + WORD], context.header[start : start + WORD]
        if found != expected:
            raise EnvelopeRefused(fault, f"the {name} 0x{expected.hex()}", f"0x{found.hex()}")


def _parsed(content: bytes, size: int, fault: EnvelopeFault) -> AgeFile:
    try:
        return age.parse(content, size)
    except AgeRefused as refused:
        raise EnvelopeRefused(fault, "an age file of the one form", str(refused)) from None
