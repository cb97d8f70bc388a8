"""Everything that an envelope is made of, derived from one key and the envelope's context.

HKDF-SHA-256 (RFC 5869) derives Shamir's coefficients, and file keys, nonces and ephemeral keys of all age
files in the envelope; the digest of the context is part of each derivation's info. So one key used twice, for
another round or other predictions, gives unrelated envelopes, and two of them together reveal nothing.

The key has 256 bits: the strength of X25519 and of age's file keys is 128 bits, and with 256 nobody who
collects many envelopes finds one of their keys sooner by looking for all at once. It costs 16 bytes a share.

Python cannot promise that a key leaves memory: libraries copy it, and the numbers derived from it are
immutable bytes that the collector frees when it likes. What is cheap is done: an `EnvelopeKey` overwrites its
own bytes, shows nothing of itself, and is compared in constant time. Whoever may read this process's memory,
its swap or its core dump may find keys there.
"""

import os
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from scorer.encryption.age import FILE_KEY_SIZE, NONCE_SIZE, FileSecrets
from scorer.encryption.context import SHARE_SIZE, EnvelopeContext
from scorer.encryption.errors import KeyRefused
from scorer.encryption.keys import KEY_SIZE, Identity
from scorer.encryption.shamir import Bytes

ENVELOPE_KEY_SIZE: Final = SHARE_SIZE
"""Size in bytes."""
_LABEL: Final = b"cupel/encryption/1"
_FILE_SIZE: Final = FILE_KEY_SIZE + NONCE_SIZE + KEY_SIZE


class EnvelopeKey:
    """The key from which an envelope is made: who holds it decrypts the envelope, and writes it again."""

    __slots__ = ("_content",)
    # Its content changes when it is wiped, so that it is no key of a dictionary.
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, content: bytes | bytearray | memoryview) -> None:
        if len(content) != ENVELOPE_KEY_SIZE:
            raise KeyRefused(f"expected {ENVELOPE_KEY_SIZE} bytes of an envelope's key, found {len(content)}")
        self._content = bytearray(content)

    @classmethod
    def generate(cls) -> Self:
        """Make a new key from the operating system's randomness."""
        return cls(os.urandom(ENVELOPE_KEY_SIZE))

    def __bytes__(self) -> bytes:
        return bytes(self._content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EnvelopeKey) and bytes_eq(bytes(self), bytes(other))

    def __repr__(self) -> str:
        return "EnvelopeKey(hidden)"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()

    def wipe(self) -> None:
        """Overwrite the key with zeros."""
        self._content[:] = bytes(ENVELOPE_KEY_SIZE)


@dataclass(frozen=True, eq=False)
class EnvelopeSecrets:
    """The secrets that an envelope is made with.

    Attributes
    ----------
    coefficients
        Of Shamir's polynomials, shape (threshold - 1, 32) uint8.
    boxes
        Of the share boxes, in the order of `MemberKeys.holders`.
    identity
        Whose public key is the recipient of the payload: with it ``age -d`` decrypts the payload.
    payload
        Of the payload.
    """

    coefficients: Bytes = field(repr=False)
    boxes: tuple[FileSecrets, ...]
    identity: Identity
    payload: FileSecrets


def derive(key: EnvelopeKey, context: EnvelopeContext) -> EnvelopeSecrets:
    """Derive everything that an envelope is made of."""
    members = context.members
    root = HKDF.extract(SHA256(), _LABEL, bytes(key))

    def expanded(label: bytes, size: int) -> bytes:
        info = b"/".join((_LABEL, label, context.digest))
        return HKDFExpand(SHA256(), size, info).derive(root)

    coefficients = expanded(b"coefficients", SHARE_SIZE * members.threshold)[SHARE_SIZE:]
    boxes = expanded(b"boxes", _FILE_SIZE * len(members.holders))
    payload = expanded(b"payload", KEY_SIZE + _FILE_SIZE)
    return EnvelopeSecrets(
        np.frombuffer(coefficients, dtype=np.uint8).reshape(-1, SHARE_SIZE),
        tuple(_file_secrets(boxes, start) for start in range(0, len(boxes), _FILE_SIZE)),
        Identity(payload[:KEY_SIZE]),
        _file_secrets(payload, KEY_SIZE),
    )


def _file_secrets(content: bytes, start: int) -> FileSecrets:
    ephemeral, nonce = start + FILE_KEY_SIZE + NONCE_SIZE, start + FILE_KEY_SIZE
    return FileSecrets(
        content[start:nonce], content[nonce:ephemeral], (content[ephemeral : start + _FILE_SIZE],)
    )
