"""X25519 keys of members, in the spelling of age: ``AGE-SECRET-KEY-1...`` and ``age1...``.

A key pair is that of RFC 7748, section 5; the spellings are of the age specification (c2sp.org/age, "The
X25519 recipient type"). On the chain a public key stands as its 32 bytes. A member keeps old keys in the
file after it rotates: a round is decrypted with the key that its member set was frozen with.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from scorer.encryption import bech32
from scorer.encryption.errors import KeyRefused, NoIdentity
from scorer.files import decoded, read_secret, write_secret
from scorer.redaction import remember, shown_path

KEY_SIZE: Final = 32
"""Bytes of a key, secret or public."""
NO_KEY: Final = bytes(KEY_SIZE)
"""The key on the chain of a member that published none."""
MOST_IDENTITIES: Final = 64
"""In one file."""
_SECRET_PREFIX: Final = "age-secret-key-"  # noqa: S105 - how every secret key begins
_PUBLIC_PREFIX: Final = "age"
_FIELD: Final = 2**255 - 19
_PROBE: Final = X25519PrivateKey.from_private_bytes(b"\x40" * KEY_SIZE)
"""Any secret: a scalar of X25519 is a multiple of 8, so each gives zero for a point of low order."""


@dataclass(frozen=True)
class Identity:
    """A secret X25519 key, which opens what is encrypted to its public key."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_SIZE:
            raise KeyRefused(f"expected {KEY_SIZE} bytes of a secret key, found {len(self.secret)}")

    @classmethod
    def generate(cls) -> Self:
        """Make a new identity from the operating system's randomness."""
        return cls(os.urandom(KEY_SIZE))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an identity as age spells it, in upper case.

        Raises
        ------
        KeyRefused
            When it is mistyped or something else; the message holds nothing of it.
        """
        if text != text.upper() or not text.isascii():
            raise KeyRefused(f"expected AGE-SECRET-KEY-1..., found another text of {len(text)} characters")
        return cls(bech32.decode(_SECRET_PREFIX, text.lower(), KEY_SIZE))

    def spelled(self) -> str:
        """Return the identity as age spells it: a secret."""
        return bech32.encode(_SECRET_PREFIX, self.secret).upper()

    @cached_property
    def private_key(self) -> X25519PrivateKey:
        """The same for the library."""
        return X25519PrivateKey.from_private_bytes(self.secret)

    @cached_property
    def public(self) -> bytes:
        """The public key, 32 bytes, as it is published on the chain."""
        return self.private_key.public_key().public_bytes_raw()


def spell_public(public: bytes) -> str:
    """Spell a public key as an age recipient, ``age1...``."""
    check_public(public)
    return bech32.encode(_PUBLIC_PREFIX, public)


def parse_public(text: str) -> bytes:
    """Read an age recipient, 32 bytes.

    Raises
    ------
    KeyRefused
        When it is mistyped, or a key that `check_public` refuses.
    """
    public = bech32.decode(_PUBLIC_PREFIX, text, KEY_SIZE)
    check_public(public)
    return public


def check_public(public: bytes) -> None:
    """Refuse a public key to which nothing can be encrypted for one reader alone.

    Raises
    ------
    KeyRefused
        When it has not 32 bytes, is no number below the field's prime (whose owner would compute another salt
        than the sender), or is a point of low order (the shared secret would be zero; RFC 7748, section 6.1).
    """
    if len(public) != KEY_SIZE:
        raise KeyRefused(f"expected {KEY_SIZE} bytes of a public key, found {len(public)}")
    if not is_usable(public):
        raise KeyRefused(
            "expected a public key of X25519, found a number that is too large or a point of low order; "
            "publish the key that belongs to your identity"
        )


@lru_cache(maxsize=4096)
def is_usable(public: bytes) -> bool:
    """Return whether `check_public` takes 32 bytes."""
    if len(public) != KEY_SIZE or int.from_bytes(public, "little") >= _FIELD:
        return False
    try:
        _PROBE.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:  # the shared secret is all zero
        return False
    return True


def read_identities(path: Path) -> tuple[Identity, ...]:
    """Read a member's identities from a file that nobody but its owner can read, newest first.

    The form is that of age's identity files: one identity a line, comments behind ``#``, empty lines.

    Raises
    ------
    OSError
        When it cannot be read.
    SecretExposed
        When others than its owner can read it.
    KeyRefused
        When a line is neither an identity nor a comment, or there is no identity or too many.
    """
    try:
        found = read_secret(path, parse_identities)
    except KeyRefused as refused:
        raise KeyRefused(f"{shown_path(path)}: {refused}") from None
    for each in found:
        remember(each.secret, each.spelled())
    return found


def write_identities(path: Path, identities: Sequence[Identity]) -> Path:
    """Write a file that `read_identities` and ``age -i`` read, for its owner alone; in place of another."""
    texts = (f"# public key: {spell_public(each.public)}\n{each.spelled()}\n" for each in identities)
    return write_secret(path, "".join(texts))


def parse_identities(content: bytes) -> tuple[Identity, ...]:
    """Read the content of such a file."""
    try:
        lines = decoded(content).splitlines()
    except ValueError as error:
        raise KeyRefused(str(error)) from None
    found = tuple(_identities(lines))
    if not 1 <= len(found) <= MOST_IDENTITIES:
        raise KeyRefused(f"expected from 1 to {MOST_IDENTITIES} identities, found {len(found)}")
    return found


def _identities(lines: Sequence[str]) -> Iterator[Identity]:
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            yield Identity.parse(text)
        except KeyRefused as refused:
            raise KeyRefused(f"line {number}: {refused}") from None


def identity_for(public: bytes, identities: Sequence[Identity]) -> Identity:
    """Find the identity of a public key.

    Raises
    ------
    NoIdentity
        When none of them is. A member that lost a key takes no part in the rounds that were opened with it.
    """
    for each in identities:
        if each.public == public:
            return each
    raise NoIdentity(
        f"expected the identity of {spell_public(public)}, found {len(identities)} others; restore it from a "
        "backup, or wait for the rounds that open with your new key"
    )
