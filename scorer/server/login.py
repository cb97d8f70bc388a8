"""Login by wallet: a message of EIP-4361, signed by a key, or accepted by a contract wallet (EIP-1271)."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from eth_abi.abi import encode
from eth_hash.auto import keccak
from web3 import Web3
from web3.exceptions import Web3Exception

from scorer.chain.errors import EndpointError
from scorer.protocol.typed_data import signer_of
from scorer.server.accounts import Clock
from scorer.server.database import Database
from scorer.server.errors import ApiError
from scorer.server.tables import LOGIN_NONCE

NONCE_SECONDS: Final = 600
SKEW: Final = 60
"""Seconds by which a wallet's clock may be ahead of ours."""
LONGEST: Final = 2_048
MAGIC: Final = keccak(b"isValidSignature(bytes32,bytes)")[:4]
"""A contract's answer to a signature that it accepts (EIP-1271), and the selector of the question."""
MOST_GAS: Final = 1_000_000
"""Gas of that question, to a contract of a stranger: many owners or a passkey take some 400,000."""
_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)"
MESSAGE: Final = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?(?P<domain>[^\s/]+) wants you to sign in with your Ethereum account:\n"
    r"(?P<address>0x[0-9a-fA-F]{40})\n\n(?:(?P<statement>[^\n]+)\n)?\n"
    r"URI: (?P<uri>\S+)\nVersion: 1\nChain ID: (?P<chain>[1-9][0-9]{0,15})\n"
    r"Nonce: (?P<nonce>[A-Za-z0-9]{8,32})\n"
    rf"Issued At: (?P<issued>{_TIME})(?:\nExpiration Time: (?P<expires>{_TIME}))?"
    rf"(?:\nNot Before: (?P<begins>{_TIME}))?(?:\nRequest ID: (?P<request>[^\n]*))?"
    r"(?:\nResources:(?P<resources>(?:\n- \S+)*))?"
)


@dataclass(frozen=True)
class WalletLogin:
    """Makes the messages that wallets sign, and checks them.

    Attributes
    ----------
    url
        The public URL of the tournament: its host is the domain that a wallet shows.
    w3
        The chain, which is asked about contract wallets.
    """

    database: Database
    clock: Clock
    url: str
    chain_id: int
    w3: Web3

    @property
    def domain(self) -> str:
        """The host and port of the server."""
        return urlsplit(self.url).netloc

    def message(self, address: str) -> str:
        """Return the text that a wallet is to sign, with a nonce that logs in once.

        Raises
        ------
        ApiError
            When the address has no right checksum.
        """
        if not Web3.is_checksum_address(address):
            raise ApiError("address: expected one with its checksum (EIP-55), found another")
        nonce, now = secrets.token_hex(16), self.clock()
        with self.database.writing() as connection:
            connection.execute(sa.delete(LOGIN_NONCE).where(LOGIN_NONCE.c.expires_at <= now))
            connection.execute(sa.insert(LOGIN_NONCE).values(nonce=nonce, expires_at=now + NONCE_SECONDS))
        return (
            f"{self.domain} wants you to sign in with your Ethereum account:\n{address}\n\n"
            f"Log in to the tournament. This sends no transaction.\n\nURI: {self.url}\nVersion: 1\n"
            f"Chain ID: {self.chain_id}\nNonce: {nonce}\nIssued At: {_written(now)}\n"
            f"Expiration Time: {_written(now + NONCE_SECONDS)}"
        )

    def wallet(self, message: str, signature: str) -> str:
        """Return the address that signed a message of `message`'s form; its nonce is used up.

        Raises
        ------
        ApiError
            When the message is not for this server, not for now, or not signed by whom it names.
        """
        fields = self._fields(message)
        self._use(fields["nonce"])
        address = fields["address"]
        try:
            signed = bytes.fromhex(signature.removeprefix("0x"))
        except ValueError:
            raise ApiError("signature: expected bytes in hex with 0x, found another text") from None
        text = message.encode()
        prefixed = b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text
        if signer_of(prefixed, signed) != address and not self._accepts(address, keccak(prefixed), signed):
            raise ApiError(f"signature: expected that of {address} over this message, found another")
        return address

    def _fields(self, message: str) -> Mapping[str, str]:
        found = MESSAGE.fullmatch(message) if len(message) <= LONGEST else None
        if found is None:
            raise ApiError("message: expected one in the form of EIP-4361, found another")
        fields, now = {name: text or "" for name, text in found.groupdict().items()}, self.clock()
        issued, expires, begins = (_seconds(fields[name]) for name in ("issued", "expires", "begins"))
        checks = {
            "Domain": (fields["domain"], self.domain),
            "URI": (urlsplit(fields["uri"]).netloc, self.domain),
            "Chain ID": (fields["chain"], str(self.chain_id)),
            "Account": (fields["address"], str(Web3.to_checksum_address(fields["address"]))),
        }
        for name, (value, expected) in checks.items():
            if value != expected:
                raise ApiError(f"message: expected {name} {expected}, found {value[:80]}")
        if issued is None or issued > now + SKEW or (begins or 0) > now + SKEW or (expires or now + 1) <= now:
            raise ApiError("message: expected one that is valid now, found another; ask for a new one")
        return fields

    def _use(self, nonce: str) -> None:
        valid = (LOGIN_NONCE.c.nonce == nonce, LOGIN_NONCE.c.expires_at > self.clock())
        with self.database.writing() as connection:
            if connection.execute(sa.delete(LOGIN_NONCE).where(*valid)).rowcount != 1:
                raise ApiError(
                    "message: expected a nonce of this server that logged nobody in yet, found another; ask "
                    "for a new message"
                )

    def _accepts(self, address: str, digest: bytes, signature: bytes) -> bool:
        """Ask a contract wallet whether a signature is its own."""
        question = MAGIC + encode(["bytes32", "bytes"], [digest, signature])
        try:
            wallet = Web3.to_checksum_address(address)
            answer = self.w3.eth.call({"to": wallet, "data": question, "gas": MOST_GAS})
        except (EndpointError, Web3Exception, ValueError):
            return False
        return bytes(answer) == MAGIC.ljust(32, b"\0")


def _written(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(text: str) -> int | None:
    """Return a time of a message in Unix seconds, or None."""
    if not text:
        return None
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        raise ApiError("message: expected times in the form of RFC 3339, found another") from None
