"""The data key for the members of the committee: one age file, encrypted to the keys that they published.

Members rebuild targets, and need the key of ids for that. The file is a function of the key and of the
recipients: whoever has the key writes it anew, and so sees whether it is encrypted to the committee's keys
of today, and to nobody else.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from scorer.data.faults import DataError
from scorer.data.obfuscation import KEY_BYTES, key_from
from scorer.encryption.age import (
    FILE_KEY_SIZE,
    NONCE_SIZE,
    FileSecrets,
    content_size,
    decrypt,
    encrypt,
    parse,
)
from scorer.encryption.context import MOST_MEMBERS
from scorer.encryption.errors import AgeFault, AgeRefused, EncryptionError
from scorer.encryption.keys import Identity, check_public, read_identities
from scorer.files import SecretExposed, read_bounded
from scorer.redaction import shown_path

CONTENT_SIZE: Final = 2 * KEY_BYTES + 1
"""Bytes of the content: the key in hex and a line's end, as `scorer.data.obfuscation.load_key` reads it."""
LABEL: Final = b"Cupel shared data key"


def shared_key(key: bytes, recipients: Iterable[bytes]) -> bytes:
    """Return the age file of a data key for some members.

    Parameters
    ----------
    recipients
        Public X25519 keys, 32 bytes each; their order does not count, and a key that comes twice counts once.

    Raises
    ------
    DataError
        When there is none, or one of them cannot be encrypted to.
    """
    ordered = sorted(set(recipients))
    if not 1 <= len(ordered) <= MOST_MEMBERS:
        raise DataError(
            f"recipients: expected from 1 to {MOST_MEMBERS} keys of members, found {len(ordered)}"
        )
    for recipient in ordered:
        try:
            check_public(recipient)
        except EncryptionError as error:
            raise DataError(f"recipients: {error}") from None
    return encrypt(f"{key.hex()}\n".encode(), ordered, _secrets(key, ordered))


def _secrets(key: bytes, recipients: Sequence[bytes]) -> FileSecrets:
    """Secrets that only this key with these recipients gives, and only who has the key can derive."""
    context = LABEL + hashlib.sha256(b"".join(recipients)).digest()

    def derived(purpose: bytes) -> bytes:
        return hmac.digest(key, context + purpose, "sha256")

    ephemerals = tuple(derived(b"ephemeral" + recipient) for recipient in recipients)
    return FileSecrets(derived(b"file")[:FILE_KEY_SIZE], derived(b"nonce")[:NONCE_SIZE], ephemerals)


def opened_key(path: Path, identities: Path) -> bytes:
    """Return the data key of a shared file.

    Parameters
    ----------
    identities
        The member's file of keys; one that was rotated away opens what was shared before.

    Raises
    ------
    DataError
        When the file is no shared key, or is encrypted to none of the identities.
    """
    try:
        content, own = read_bounded(path), read_identities(identities)
    except (OSError, ValueError, SecretExposed) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(
            f"{shown_path(path)}: expected a shared data key and identities, found {reason}"
        ) from None
    try:
        return key_from(_decrypted(content, own))
    except (EncryptionError, ValueError) as error:
        raise DataError(
            f"{shown_path(path)}: expected a data key for one of {len(own)} identities, found {error}"
        ) from None


def _decrypted(content: bytes, identities: Sequence[Identity]) -> bytes:
    counts = [n for n in range(1, MOST_MEMBERS + 1) if content_size(len(content), n) == CONTENT_SIZE]
    if not counts:
        raise ValueError(f"a file of {len(content)} bytes, which holds no key")
    file = parse(content, CONTENT_SIZE, counts[0])
    for identity in identities:
        for place in range(counts[0]):
            try:
                return decrypt(file, identity, place)[1]
            except AgeRefused as refused:
                if refused.fault is not AgeFault.RECIPIENT:
                    raise
    raise ValueError("one for others; ask the operator to share it with your published key")
