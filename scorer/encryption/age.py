"""Files of the age format, version 1, with X25519 recipients (c2sp.org/age): a writer and a strict reader.

The tools ``age`` and ``rage`` decrypt what `encrypt` writes. They choose file key, nonce and ephemeral keys
at random, and some add stanzas that say nothing; here all of these are arguments, so that whoever derives
them again writes the same bytes again.

The reader takes less than the format allows: exactly so many X25519 stanzas, in the order of the recipients,
no others, no armor, and a content of a size known beforehand. Every field then stands at a known place, and
one comparison with the header written anew refuses every other spelling. Work is bounded by the size.

**A file key proves a content.** The header's MAC is HMAC-SHA-256 under a key that HKDF-SHA-256 derives from
the file key, and covers all stanzas. To find two file keys with one MAC over one header is to find a
collision of SHA-256. ChaCha20-Poly1305 alone has no such property. So who shows the file key of a file shows
to everyone what the file holds, and cannot show anything else.
"""

import os
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scorer.encryption.errors import AgeFault, AgeRefused
from scorer.encryption.keys import KEY_SIZE, Identity

FILE_KEY_SIZE: Final = 16
NONCE_SIZE: Final = 16
CHUNK: Final = 1 << 16
"""Bytes of content that are encrypted together; only the last chunk may be shorter."""
_TAG: Final = 16
_VERSION: Final = b"age-encryption.org/v1\n"
_STANZA: Final = b"-> X25519 "
_END: Final = b"---"
_X25519_INFO: Final = b"age-encryption.org/v1/X25519"
_BASE64: Final = 43
"""Characters of 32 bytes in base64 without padding: ephemeral share, wrapped file key and MAC are such."""
_STANZA_SIZE: Final = len(_STANZA) + 2 * (_BASE64 + 1)
_END_SIZE: Final = len(_END) + 1 + _BASE64 + 1


@dataclass(frozen=True)
class FileSecrets:
    """The secrets that an age file is made with; no two files may share any of them.

    Attributes
    ----------
    file_key
        16 bytes.
    nonce
        16 bytes; it stands in the file.
    ephemerals
        A secret X25519 key a recipient, 32 bytes each.
    """

    file_key: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    ephemerals: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def generate(cls, recipients: int) -> "FileSecrets":
        """Make new secrets from the operating system's randomness."""
        ephemerals = tuple(os.urandom(KEY_SIZE) for _ in range(recipients))
        return cls(os.urandom(FILE_KEY_SIZE), os.urandom(NONCE_SIZE), ephemerals)


@dataclass(frozen=True)
class Stanza:
    """A recipient's part of a header: the sender's ephemeral public key, and the wrapped file key."""

    share: bytes
    body: bytes


@dataclass(frozen=True)
class AgeFile:
    """An age file whose form was checked, and nothing else.

    Attributes
    ----------
    header
        Up to the mark that the MAC covers.
    size
        Bytes of its content.
    """

    header: bytes
    stanzas: tuple[Stanza, ...]
    mac: bytes
    nonce: bytes
    chunks: memoryview
    size: int


def header_size(recipients: int) -> int:
    """Return the number of bytes of a header for so many recipients."""
    return len(_VERSION) + recipients * _STANZA_SIZE + _END_SIZE


def file_size(size: int, recipients: int) -> int:
    """Return the number of bytes of a file with so many bytes of content, for so many recipients."""
    # An empty content is one empty chunk.
    chunks = max(1, -(-size // CHUNK))
    return header_size(recipients) + NONCE_SIZE + size + chunks * _TAG


def content_size(size: int, recipients: int) -> int | None:
    """Return the number of bytes of content in a file of so many bytes; None where no file has that size."""
    payload = size - header_size(recipients) - NONCE_SIZE
    chunks = max(1, -(-payload // (CHUNK + _TAG)))
    content = payload - chunks * _TAG
    return content if content >= 0 and file_size(content, recipients) == size else None


def encrypt(content: bytes, recipients: Sequence[bytes], secrets: FileSecrets) -> bytes:
    """Write an age file.

    Parameters
    ----------
    recipients
        Public X25519 keys, 32 bytes each, that `scorer.encryption.keys.check_public` takes.
    secrets
        With an ephemeral key a recipient.
    """
    stanzas = [
        _wrap(secrets.file_key, recipient, ephemeral)
        for recipient, ephemeral in zip(recipients, secrets.ephemerals, strict=True)
    ]
    header = _written(stanzas)
    end = b" " + _to_base64(_mac(secrets.file_key, header)) + b"\n"
    cipher = _payload_cipher(secrets.file_key, secrets.nonce)
    chunks = [cipher.encrypt(nonce, part, None) for nonce, part in _chunked(memoryview(content), CHUNK)]
    return b"".join((header, end, secrets.nonce, *chunks))


def parse(content: bytes, size: int, recipients: int = 1) -> AgeFile:
    """Check the form of an age file; nothing is decrypted.

    Parameters
    ----------
    size
        Bytes that it must hold.
    recipients
        How many stanzas it must have.

    Raises
    ------
    AgeRefused
        When it has another size or header, or base64 that is not canonical.
    """
    expected = file_size(size, recipients)
    if len(content) != expected:
        raise AgeRefused(AgeFault.SIZE, f"{expected} bytes", f"{len(content)}")
    stanzas, mac = _read_header(content, recipients)
    header = _written(stanzas)
    end, start = len(header), header_size(recipients)
    if content[:start] != header + b" " + _to_base64(mac) + b"\n":
        raise AgeRefused(
            AgeFault.HEADER,
            f"the version line, {recipients} X25519 stanzas and a MAC in canonical base64",
            "another header",
        )
    nonce, chunks = content[start : start + NONCE_SIZE], memoryview(content)[start + NONCE_SIZE :]
    return AgeFile(content[:end], stanzas, mac, nonce, chunks, size)


def decrypt(file: AgeFile, identity: Identity, place: int = 0) -> tuple[bytes, bytes]:
    """Decrypt a file with the identity of the recipient at `place`; the file key and the content.

    Raises
    ------
    AgeRefused
        When the stanza is not for this identity, or `decrypt_with` refuses the file.
    """
    file_key = _unwrap(file.stanzas[place], identity)
    return file_key, decrypt_with(file, file_key)


def decrypt_with(file: AgeFile, file_key: bytes) -> bytes:
    """Decrypt a file with its file key, which proves the content (see the module's text).

    Raises
    ------
    AgeRefused
        When the header's MAC is of another file key, or the content was changed.
    """
    if len(file_key) != FILE_KEY_SIZE or not bytes_eq(_mac(file_key, file.header), file.mac):
        raise AgeRefused(AgeFault.AUTHENTICATION, "a header with a MAC by its file key", "another MAC")
    cipher = _payload_cipher(file_key, file.nonce)
    try:
        parts = [cipher.decrypt(nonce, part, None) for nonce, part in _chunked(file.chunks, CHUNK + _TAG)]
    except InvalidTag:
        raise AgeRefused(AgeFault.PAYLOAD, "the content that was encrypted", "other bytes") from None
    return b"".join(parts)


def _read_header(content: bytes, recipients: int) -> tuple[tuple[Stanza, ...], bytes]:
    """Return the fields of a header at their places, of which at least the length is right."""

    def bytes_at(start: int) -> bytes:
        try:
            # 43 characters and one of padding, which age leaves out, are 44: a multiple of four.
            found = a2b_base64(content[start : start + _BASE64] + b"=")
        except Base64Error:
            found = b""
        if len(found) != KEY_SIZE:
            raise AgeRefused(AgeFault.ENCODING, f"{KEY_SIZE} bytes in base64", "something else")
        return found

    first = len(_VERSION) + len(_STANZA)
    starts = [first + number * _STANZA_SIZE for number in range(recipients)]
    stanzas = tuple(Stanza(bytes_at(start), bytes_at(start + _BASE64 + 1)) for start in starts)
    return stanzas, bytes_at(header_size(recipients) - _BASE64 - 1)


def _written(stanzas: Sequence[Stanza]) -> bytes:
    """Return a header up to the mark that its MAC covers."""
    lines = ((_STANZA, _to_base64(each.share), b"\n", _to_base64(each.body), b"\n") for each in stanzas)
    return b"".join((_VERSION, *chain.from_iterable(lines), _END))


def _to_base64(content: bytes) -> bytes:
    """Canonical base64 without padding (RFC 4648, sections 3.2 and 3.5)."""
    return b2a_base64(content, newline=False).rstrip(b"=")


def _mac(file_key: bytes, header: bytes) -> bytes:
    mac = HMAC(_derived(file_key, b"", b"header"), SHA256())
    mac.update(header)
    return mac.finalize()


def _payload_cipher(file_key: bytes, nonce: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))


def _derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """Return a key of 32 bytes by HKDF-SHA-256 (RFC 5869)."""
    return HKDF(SHA256(), KEY_SIZE, salt, info).derive(secret)


def _chunked(content: memoryview, size: int) -> Iterator[tuple[bytes, memoryview]]:
    """Yield each chunk behind its nonce: a counter of 11 bytes, and whether it is the last one."""
    starts = range(0, max(1, len(content)), size)
    for number, start in enumerate(starts):
        is_last = number == len(starts) - 1
        # With the mark of the last chunk, a file that was cut off between two chunks does not pass for a
        # whole one.
        yield number.to_bytes(11, "big") + bytes([is_last]), content[start : start + size]


def _wrap(file_key: bytes, recipient: bytes, ephemeral: bytes) -> Stanza:
    secret = X25519PrivateKey.from_private_bytes(ephemeral)
    share = secret.public_key().public_bytes_raw()
    wrapping = _derived(secret.exchange(_public_key(recipient)), share + recipient, _X25519_INFO)
    # A nonce of zeros, as the age format has it: a wrapping key comes from an ephemeral key of its own, and
    # is used once.
    return Stanza(share, ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None))


def _unwrap(stanza: Stanza, identity: Identity) -> bytes:
    """Return a stanza's file key; its size was fixed when it was parsed, as the specification asks."""
    try:
        shared = identity.private_key.exchange(X25519PublicKey.from_public_bytes(stanza.share))
    except ValueError:
        raise AgeRefused(AgeFault.RECIPIENT, "an ephemeral share", "a point of low order") from None
    wrapping = _derived(shared, stanza.share + identity.public, _X25519_INFO)
    try:
        return ChaCha20Poly1305(wrapping).decrypt(bytes(12), stanza.body, None)
    except InvalidTag:
        raise AgeRefused(AgeFault.RECIPIENT, "a file key for this identity", "one for another") from None


@lru_cache(maxsize=1024)
def _public_key(recipient: bytes) -> X25519PublicKey:
    """Return the key of a recipient; members are the same in all envelopes of a round."""
    return X25519PublicKey.from_public_bytes(recipient)
