"""A call that wakes a data scientist's node, signed by the operator's key: Standard Webhooks headers.

The signature is that of EIP-191 (``personal_sign``) over ``id.timestamp.body``, under the version ``v1k``;
the versions of the standard are ``v1`` (a shared secret) and ``v1a`` (ed25519). No secret is shared: who may
open rounds stands on the chain.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from typing import Final

from eth_hash.auto import keccak
from eth_keys import keys
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature, ValidationError

VERSION: Final = "v1k"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


def signed_bytes(identity: str, timestamp: str, body: bytes) -> bytes:
    """Return what every version of the standard signs."""
    return f"{identity}.{timestamp}.".encode() + body


def message_hash(identity: str, timestamp: str, body: bytes) -> bytes:
    """Return the hash that the operator's key signs, as EIP-191 has it."""
    message = signed_bytes(identity, timestamp, body)
    return bytes(keccak(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message))


def wake_up_headers(private_key: bytes, identity: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a call that the operator makes."""
    signature = keys.PrivateKey(private_key).sign_msg_hash(message_hash(identity, str(timestamp), body))
    encoded = b64encode(signature.to_bytes()).decode()
    return {ID: identity, TIMESTAMP: str(timestamp), SIGNATURE: f"{VERSION},{encoded}"}


def signatures(headers: Mapping[str, str], version: str) -> Iterator[bytes]:
    """Yield the signatures of one version that a call has: the standard allows several, a space between."""
    for each in headers.get(SIGNATURE, "").split(" ")[:8]:
        found, _, encoded = each.partition(",")
        if found == version:
            try:
                yield b64decode(encoded, validate=True)
            except Base64Error:
                continue


def wake_up_signers(headers: Mapping[str, str], body: bytes) -> Iterator[str]:
    """Yield the checksummed addresses whose keys signed a call."""
    hashed = message_hash(headers.get(ID, ""), headers.get(TIMESTAMP, ""), body)
    for signature in signatures(headers, VERSION):
        try:
            public = Signature(signature).recover_public_key_from_msg_hash(hashed)
        except (BadSignature, ValidationError, ValueError):
            continue
        yield public.to_checksum_address()
