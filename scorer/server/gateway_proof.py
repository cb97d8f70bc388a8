"""Proofs that what answers on a port of this machine is the user's own gateway.

Any program of any user may listen there, and whoever sends it a file or an API key has given both away. A
gateway has something that no other program has: the submitter's key. So it signs a challenge, in a form that
is worth nothing elsewhere.
"""

import json
import secrets
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from eth_hash.auto import keccak

from scorer.client.keystore import Wallet
from scorer.errors import CupelError
from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.typed_data import signer_of, typed_message
from scorer.server.upstream import GatewayError, Upstream

ROUTE: Final = "gateway.json"
HOST: Final = "127.0.0.1"
"""The address at which a gateway listens. A name such as localhost may lead to another program's, too."""
_TYPE: Final = keccak(b"Gateway(string server,string url,bytes32 challenge)")


@dataclass(frozen=True)
class GatewayIdentity:
    """A gateway: the tournament and server that it is for, its own URL, and the address that it signs as.

    The URL is signed too: another program cannot pass a challenge on to the gateway, and its answer back.
    """

    chain_id: int
    tournament: str
    server: str
    url: str
    signer: str

    def prove(self, challenge: bytes, wallet: Wallet) -> dict[str, Any]:
        """Return the answer to a challenge of 32 bytes, signed with the submitter's key."""
        return {
            "server": self.server,
            "url": self.url,
            "signer": self.signer,
            "signature": to_hex(wallet.sign_message(self._message(challenge))),
        }

    def is_proven(self, challenge: bytes, answer: bytes) -> bool:
        """Return whether this very gateway gave an answer to a challenge."""
        try:
            signature = from_hex(json.loads(answer)["signature"], 65)
        except (ValueError, KeyError, TypeError, RecursionError):
            return False
        return signer_of(self._message(challenge), signature) == self.signer

    def _message(self, challenge: bytes) -> bytes:
        texts = keccak(self.server.encode()) + keccak(self.url.encode())
        return typed_message(self.chain_id, self.tournament, keccak(_TYPE + texts + challenge))


@dataclass(frozen=True)
class LocalGateway:
    """The user's own gateway, which proves that it is before anything is sent to it."""

    upstream: Upstream
    identity: GatewayIdentity

    @classmethod
    def of(cls, identity: GatewayIdentity) -> "LocalGateway":
        """Return the gateway of an identity.

        Raises
        ------
        GatewayError
            When its URL is none at which a gateway listens.
        """
        try:
            parts = urlsplit(identity.url)
            is_local = identity.url == f"http://{HOST}:{parts.port}" and bool(parts.port)
        except ValueError:
            is_local = False
        if not is_local:
            raise GatewayError(
                f"gateway: expected http://{HOST}:PORT, as cupel gateway says at its start, found another URL"
            )
        return cls(Upstream(identity.url), identity)

    def proven(self) -> Upstream:
        """Return the gateway once it has proven that it is the user's.

        Raises
        ------
        GatewayError
            When another program answers, or none: nothing but the challenge was sent.
        """
        challenge, expected = secrets.token_bytes(32), self.identity
        try:
            answer = self.upstream.get(f"{ROUTE}?challenge={to_hex(challenge)}")
        except CupelError:
            answer = b""
        if not expected.is_proven(challenge, answer):
            # Nothing of the answer is repeated: a stranger may have written it, and an agent reads this.
            raise GatewayError(
                f"gateway: expected your own at {expected.url}, for {expected.server} and with the key of "
                f"{expected.signer}, found another program, another gateway, or none; neither file nor key "
                "was sent; look at what cupel gateway says at its start"
            )
        return self.upstream
