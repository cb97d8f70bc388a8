"""The server behind a gateway, as HTTP reaches it."""

import json
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from scorer.chain.accounts import KeyTextError, require_address
from scorer.errors import CupelError
from scorer.redaction import described
from scorer.server.errors import ApiError
from scorer.server.known_servers import ServerIdentity
from scorer.server.served_names import ENCRYPTS, TOURNAMENT

TIMEOUT: Final = (10, 300)
"""Seconds to connect, and to wait for an answer: a submission is checked before it is answered."""
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
MOST_FILE: Final = 64 * 2**20
"""Bytes of a file of the server that are read."""


class GatewayError(CupelError):
    """The server is not reached, or does not say what it should; the message says which."""


def server_url(text: str) -> str:
    """Return the URL of a server without a slash at its end, as keys and known servers are compared.

    Raises
    ------
    GatewayError
        When it is none, or has a user, a query or a fragment.
    """
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or a name that is none
        is_url = False
    if not is_url or any(sign in text for sign in "@?# ") or not text.isprintable():
        raise GatewayError(f"server: expected a URL such as https://host/path, found {described(text)}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _session(url: str) -> requests.Session:
    """Return a session that sends no password but the key it is given, and asks this machine itself."""
    session = requests.Session()
    session.auth = lambda request: request  # else ~/.netrc has one, which takes the place of our header
    session.trust_env = urlsplit(url).hostname not in LOOPBACK  # which names proxies, for this machine too
    return session


@dataclass
class Upstream:
    """The server behind the gateway.

    Attributes
    ----------
    timeout
        Seconds to connect, and to wait for an answer.
    """

    url: str
    timeout: tuple[float, float] = TIMEOUT
    session: requests.Session = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.session = _session(self.url)

    def identity(self) -> ServerIdentity:
        """Return what the server says of its tournament and its key.

        Raises
        ------
        GatewayError
            When it says nothing of the kind.
        """
        try:
            document = self._document()
            names = (require_address(document["tournament"]), require_address(document["server"]))
            return ServerIdentity(int(document["chain_id"]), str(names[0]), str(names[1]))
        except (KeyTextError, ValueError, KeyError, TypeError):
            raise GatewayError(f"{self.url}: expected the server of a tournament, found another") from None

    def _document(self) -> dict[str, Any]:
        document = json.loads(self.get(TOURNAMENT))
        if not isinstance(document, dict):
            raise ValueError("expected an object")
        return document

    def get(self, path: str) -> bytes:
        """Return a file of the server."""
        try:
            with self.session.get(
                f"{self.url}/{path}", timeout=self.timeout, allow_redirects=False, stream=True
            ) as answer:
                content = answer.raw.read(MOST_FILE + 1, decode_content=True)
        except (requests.RequestException, HTTPError) as error:
            raise GatewayError(f"{self.url}: expected an answer, found {type(error).__name__}") from None
        if answer.status_code != 200:
            raise GatewayError(f"{path}: expected a file of the server, found status {answer.status_code}")
        if len(content) > MOST_FILE:
            raise GatewayError(f"{path}: expected at most {MOST_FILE} bytes, found more")
        return bytes(content)

    def put(self, url: str, content: bytes) -> None:
        """Send an upload on: to this server or the object store that it names, and to no other."""
        if not url.startswith(f"{self.url}/") and not self._is_in_store(url):
            raise GatewayError(
                f"upload: expected a URL below {self.url}, found one of another server; start the gateway by "
                "the server's public URL"
            )
        try:
            answer = self.session.put(url, data=content, timeout=self.timeout, allow_redirects=False)
        except requests.RequestException as error:
            raise GatewayError(f"upload: expected an answer, found {type(error).__name__}") from None
        if answer.status_code >= 300:
            raise GatewayError(answer.text.strip()[:500] or f"upload: found status {answer.status_code}")

    def _is_in_store(self, url: str) -> bool:
        """Return whether a URL is one of the object store that the server names, reached by TLS as it is."""
        try:
            begin = str(self._document().get("uploads"))
        except ValueError:
            return False
        is_as_safe = begin.startswith("https://") or self.url.startswith("http://")
        return begin.endswith("/") and is_as_safe and url.startswith(begin)

    def ask(self, body: bytes, authorization: str | None) -> dict[str, Any]:
        """Send a GraphQL request on; the answer."""
        headers = {"Content-Type": "application/json", ENCRYPTS: "1"}
        if authorization is not None:
            headers["Authorization"] = authorization
        try:
            answer = self.session.post(
                self.url, data=body, headers=headers, timeout=self.timeout, allow_redirects=False
            )
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
