"""Envelopes and releases of box keys, as a member opens and decides on them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from scorer.encryption import age
from scorer.encryption.context import BOX_SIZE, HEADER_SIZE
from scorer.encryption.decryption import decrypt, decrypt_block
from scorer.encryption.errors import AgeRefused, EnvelopeRefused, KeyRefused, ReleaseRefused
from scorer.encryption.keys import parse_identities
from scorer.encryption.release import ReleaseEntry, ShareRelease, _encoded, read_release
from tests.encryption.small import (
    IDENTITIES,
    KEYS,
    MEMBERS,
    ROUND,
    UNIVERSE,
    all_honest,
    broken_envelopes,
    good,
    parsed,
    submission,
)
from tests.hostile.target import Target


def _envelope_seeds() -> Sequence[bytes]:
    return [good().content, submission(b"\5" * 32).content, *list(broken_envelopes().values())[::3], b""]


def _decide(content: bytes) -> None:
    """Decide as members do, and hold the decision against the key that the good envelope has."""
    envelope = parsed(content)
    (found,) = decrypt_block([(envelope, all_honest(envelope))], UNIVERSE)
    if found.key is None:
        decrypt(envelope, good().key, UNIVERSE)
        raise AssertionError("expected no key to make an envelope that is not valid")


def _swap_boxes(content: bytes, stream: Random) -> bytes:
    """Put a box, or a part of one, where another one is."""
    spoiled = bytearray(content)
    one, other = (HEADER_SIZE + BOX_SIZE * stream.randrange(MEMBERS) for _ in range(2))
    size = stream.choice((1, 16, 22, BOX_SIZE))
    spoiled[one : one + size] = content[other : other + size]
    return bytes(spoiled)


def _overwrite(content: bytes, stream: Random) -> bytes:
    """Bytes of a length that stays: in headers and base64 as well as in ciphertexts."""
    at, size = stream.randrange(len(content) + 1), stream.choice((1, 1, 4, 44))
    return (content[:at] + stream.randbytes(size) + content[at + size :])[: len(content)]


def _release_seeds() -> Sequence[bytes]:
    entries = tuple(ReleaseEntry(model, b"\1" * 32, b"\2" * 16 if model % 2 else None) for model in range(9))
    good_one = ShareRelease(ROUND, KEYS, 0, entries)
    others = replace(good_one, entries=()), replace(good_one, place=1)
    return [*(_encrypted(_encoded(each), Random(1)) for each in (good_one, *others)), b""]


def _encrypted(plain: bytes, stream: Random) -> bytes:
    """As `write_release` does, but the same each time."""
    ephemerals = tuple(stream.randbytes(32) for _ in range(MEMBERS))
    secrets = age.FileSecrets(stream.randbytes(16), stream.randbytes(16), ephemerals)
    return age.encrypt(plain, KEYS.published, secrets)


def _read_release(content: bytes) -> None:
    found = read_release(content, ROUND, KEYS, 0, 1, IDENTITIES[1])
    assert all(entry.box_key is None or len(entry.box_key) == 16 for entry in found.entries)


def _spoil_inside(spoil: Callable[[bytes, Random], bytes]) -> Callable[[bytes, Random], bytes]:
    """Spoil what a member encrypts, and not the file: a member may be hostile too."""

    def spoiled(content: bytes, stream: Random) -> bytes:
        size = age.content_size(len(content), MEMBERS)
        if not size or not content.startswith(b"age-encryption.org/v1\n"):
            return content
        try:
            _, plain = age.decrypt(age.parse(content, size, MEMBERS), IDENTITIES[0])
        except AgeRefused:
            return content
        return _encrypted(spoil(plain, stream), stream)

    return spoiled


def _identity_seeds() -> Sequence[bytes]:
    lines = "".join(f"# a member\n{each.spelled()}\n" for each in IDENTITIES)
    return [lines.encode(), lines.replace("\n", "\r\n").encode(), b"# none\n"]


TARGETS: Final = (
    Target("envelope", _envelope_seeds, _decide, (EnvelopeRefused,), (), (_swap_boxes, _overwrite)),
    Target(
        "share-release",
        _release_seeds,
        _read_release,
        (ReleaseRefused,),
        (),
        (_spoil_inside(_overwrite), _overwrite),
    ),
    Target("identities", _identity_seeds, parse_identities, (KeyRefused,), (), (_overwrite,)),
)
