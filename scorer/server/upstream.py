"""The server behind a gateway, as HTTP reaches it."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from scorer.chain.accounts import KeyTextError, require_address
from scorer.errors import CupelError
from scorer.server.errors import ApiError
from scorer.server.round_files import TOURNAMENT

TIMEOUT: Final = (10, 300)
"""Seconds to connect, and to wait for an answer: a submission is checked before it is answered."""


class GatewayError(CupelError):
    """The server is not reached, or does not say what it should; the message says which."""


@dataclass
class Upstream:
    """The server behind the gateway."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def tournament(self) -> dict[str, Any]:
        """Return the server's description of its tournament.

        Raises
        ------
        GatewayError
            When it gives none.
        """
        try:
            document: dict[str, Any] = json.loads(self.get(TOURNAMENT))
            for name in ("tournament", "server"):
                require_address(document[name])
            int(document["chain_id"])
        except (KeyTextError, ValueError, KeyError, TypeError):
            raise GatewayError(f"{self.url}: expected the server of a tournament, found another") from None
        return document

    def get(self, path: str) -> bytes:
        """Return a file of the server."""
        try:
            answer = self.session.get(f"{self.url}/{path}", timeout=TIMEOUT)
        except requests.RequestException as error:
            raise GatewayError(f"{self.url}: expected an answer, found {type(error).__name__}") from None
        if answer.status_code != 200:
            raise GatewayError(f"{path}: expected a file of the server, found status {answer.status_code}")
        return answer.content

    def put(self, url: str, content: bytes) -> None:
        """Send an upload on."""
        try:
            answer = self.session.put(url, data=content, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise GatewayError(f"upload: expected an answer, found {type(error).__name__}") from None
        if answer.status_code >= 300:
            raise GatewayError(answer.text.strip()[:500] or f"upload: found status {answer.status_code}")

    def ask(self, body: bytes, authorization: str | None) -> dict[str, Any]:
        """Send a GraphQL request on; the answer."""
        headers = {"Content-Type": "application/json"}
        if authorization is not None:
            headers["Authorization"] = authorization
        try:
            answer = self.session.post(self.url, data=body, headers=headers, timeout=TIMEOUT)
            document = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise GatewayError(f"{self.url}: expected an answer, found {type(error).__name__}") from None
        if not isinstance(document, dict):
            raise GatewayError(f"{self.url}: expected an answer, found another document")
        return document

    def query(self, query: str, authorization: str | None, **variables: Any) -> Any:
        """Ask one root, and return its value.

        Raises
        ------
        ApiError
            When the server refuses.
        """
        body = json.dumps({"query": query, "variables": variables}).encode()
        answer = self.ask(body, authorization)
        for error in answer.get("errors") or ():
            raise ApiError(str(error.get("message")))
        return next(iter((answer.get("data") or {}).values()), None)
