"""A call that wakes a data scientist's node, signed by the operator's key: Standard Webhooks headers.

The signature is that of EIP-191 (``personal_sign``) over ``id.timestamp.body``, under the version ``v1k``;
the versions of the standard are ``v1`` (a shared secret) and ``v1a`` (ed25519). No secret is shared: who may
open rounds stands on the chain.
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from typing import Final

from eth_account import Account
from eth_account.messages import encode_defunct

from scorer.protocol.typed_data import signer_of

VERSION: Final = "v1k"
ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


def signed_bytes(identity: str, timestamp: str, body: bytes) -> bytes:
    """Return what every version of the standard signs."""
    return f"{identity}.{timestamp}.".encode() + body


def signed_message(identity: str, timestamp: str, body: bytes) -> bytes:
    """Return the message whose Keccak-256 the operator's key signs, as EIP-191 has it."""
    message = signed_bytes(identity, timestamp, body)
    return b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message


def wake_up_headers(private_key: bytes, identity: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a call that the operator makes."""
    signable = encode_defunct(signed_bytes(identity, str(timestamp), body))
    signature = bytes(Account.sign_message(signable, private_key).signature)
    encoded = b64encode(signature).decode()
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
    message = signed_message(headers.get(ID, ""), headers.get(TIMESTAMP, ""), body)
    for signature in signatures(headers, VERSION):
        signer = signer_of(message, signature)
        if signer is not None:
            yield signer
