"""Signs transactions: with a key in memory, or by a remote signer that keeps it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Protocol, runtime_checkable

import rlp
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_keys.datatypes import PublicKey, Signature
from eth_keys.exceptions import BadSignature
from eth_typing import Hash32
from eth_utils.exceptions import ValidationError

from scorer.chain.accounts import public_key_of
from scorer.chain.errors import EndpointError
from scorer.chain.transport import Transport
from scorer.errors import CupelError

TIMEOUT: Final = 10.0
SIGNATURE: Final = re.compile(r"\"?(?:0x)?([0-9a-fA-F]{130})\"?")
LARGEST_ANSWER: Final = 4096
"""Most bytes of an answer; a signature in hex has 134."""
# The transaction type that stands before the fields (EIP-2718).
EIP_1559: Final = b"\x02"


class SignerError(CupelError):
    """A signer does not sign, or not as itself; the message says what to do."""


@dataclass(frozen=True)
class Signed:
    """A signed transaction, ready to be sent."""

    hash: bytes
    raw: bytes


@runtime_checkable
class Signer(Protocol):
    """Signs transactions as one account."""

    @property
    def address(self) -> str:
        """The checksummed address."""
        ...

    def sign(self, fields: Mapping[str, Any]) -> Signed:
        """Sign an EIP-1559 transaction."""
        ...


@runtime_checkable
class MessageSigner(Signer, Protocol):
    """Signs messages too, as members of a committee do."""

    def sign_message(self, message: bytes) -> bytes:
        """Sign the Keccak-256 of a message; 65 bytes with a v of 27 or 28."""
        ...


@dataclass(frozen=True)
class KeySigner:
    """A key in this process's memory."""

    account: LocalAccount

    @property
    def address(self) -> str:
        """The checksummed address."""
        return str(self.account.address)

    def sign(self, fields: Mapping[str, Any]) -> Signed:
        """Sign an EIP-1559 transaction."""
        signed = self.account.sign_transaction(dict(fields))
        return Signed(bytes(signed.hash), bytes(signed.raw_transaction))

    def sign_message(self, message: bytes) -> bytes:
        """Sign the Keccak-256 of a message; 65 bytes with a v of 27 or 28."""
        # Unsafe in eth-account's words, as a hash does not say what it is of: messages here carry EIP-712's
        # prefix.
        return bytes(self.account.unsafe_sign_hash(Hash32(keccak(message))).signature)


@dataclass(frozen=True)
class RemoteSigner:
    """A key that web3signer keeps, asked through its HTTP interface ``POST /api/v1/eth1/sign/{identifier}``.

    The signer is sent the bytes that are signed and hashes them itself (Keccak-256), so that it can check
    what it signs.

    Attributes
    ----------
    public_key
        Uncompressed, 64 bytes in hex: web3signer's identifier of the key.
    """

    url: str = field(repr=False)
    public_key: str
    timeout: float = TIMEOUT

    @property
    def address(self) -> str:
        """The checksummed address."""
        return str(self._key.to_checksum_address())

    def sign(self, fields: Mapping[str, Any]) -> Signed:
        """Sign an EIP-1559 transaction, and make sure that the signature is this key's.

        Raises
        ------
        SignerError
            When the signer does not answer with a signature of its own.
        """
        signature = self._checked(_encoded(_body(fields)))
        raw = _encoded([*_body(fields), *signature.vrs])
        return Signed(keccak(raw), raw)

    def sign_message(self, message: bytes) -> bytes:
        """Sign the Keccak-256 of a message; 65 bytes with a v of 27 or 28.

        Raises
        ------
        SignerError
            When the signer does not answer with a signature of its own.
        """
        signature = self._checked(message).to_bytes()
        # Contracts recover a signer from a v of 27 or 28; eth-keys counts from 0.
        return signature[:64] + bytes([signature[64] + 27])

    def _checked(self, payload: bytes) -> Signature:
        """Return the signature over a payload's Keccak-256, which is this key's."""
        signature = self._signature(payload)
        signer = signature.recover_public_key_from_msg_hash(keccak(payload))
        # A signature by another key would be that of another account, with its nonces and its funds.
        if signer != self._key:
            raise self._error(f"the signature of {self.address}", f"that of {signer.to_checksum_address()}")
        return signature

    @property
    def _key(self) -> PublicKey:
        return PublicKey(public_key_of(self.public_key))

    def _signature(self, payload: bytes) -> Signature:
        address = f"{self.url.rstrip('/')}/api/v1/eth1/sign/{self._key.to_hex()}"
        try:
            body = json.dumps({"data": "0x" + payload.hex()}).encode()
            reply = Transport(address, self.timeout, LARGEST_ANSWER).post(body)
            if reply.status != HTTPStatus.OK:
                raise self._error("a signature in hex", f"the status {reply.status}")
            content = _signature_bytes(reply.body)
            # Its v is 27 or 28, as in a transaction of old; a typed transaction has 0 or 1.
            return Signature(content[:64] + bytes([content[64] - 27]))
        except EndpointError as error:
            raise self._error("a signature in hex", _found(error)) from None
        except (ValueError, IndexError, BadSignature, ValidationError) as error:
            raise self._error("a signature in hex", type(error).__name__) from None

    def _error(self, expected: str, found: str) -> SignerError:
        return SignerError(
            f"remote signer: expected {expected}, found {found}; is it up, and does it hold the key?"
        )


def _found(error: EndpointError) -> str:
    """Return what a transport found, without its advice, which is on endpoints of a chain."""
    return str(error).partition("found ")[2].partition(";")[0] or "another answer"


def _signature_bytes(answer: bytes) -> bytes:
    """Return the 65 bytes of an answer in hex, which web3signer gives with or without quotes."""
    found = SIGNATURE.fullmatch(answer.decode("ascii", "replace").strip())
    if found is None:
        raise ValueError("expected 65 bytes in hex, found other content")
    return bytes.fromhex(found[1])


def _body(fields: Mapping[str, Any]) -> list[Any]:
    """Return the fields of an EIP-1559 transaction in the order in which they are signed."""
    numbers = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas")
    access_list: list[Any] = []
    to = bytes.fromhex(str(fields["to"]).removeprefix("0x"))
    return [*(fields[name] for name in numbers), to, fields.get("value", 0), fields["data"], access_list]


def _encoded(parts: list[Any]) -> bytes:
    return EIP_1559 + bytes(rlp.encode(parts))


def key_signer(private_key: bytes) -> KeySigner:
    """Make a signer of a key in memory."""
    account: LocalAccount = Account.from_key(private_key)
    return KeySigner(account)
