"""HTTP to an endpoint that nobody vouches for: bounded in bytes and in time, without redirects or cookies."""

import io
import logging
import time
import zlib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property, partial
from http.client import HTTPResponse
from socket import socket
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from scorer.chain.errors import (
    AnswerTooLarge,
    EndpointError,
    MalformedAnswer,
    NoConnection,
    Unreachable,
)
from scorer.errors import cause_text
from scorer.redaction import host

MOST_BYTES: Final = 32 << 20
"""Bytes of one answer, before and after it is unpacked: some 50,000 logs."""
PART: Final = 1 << 20
HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",  # what can be unpacked piece by piece, up to a bound
    "User-Agent": "cupel",
}


class _Bounded(io.RawIOBase):
    """A connection's bytes until a deadline: a time-out of a socket alone begins anew with every byte."""

    def __init__(self, raw: io.RawIOBase, connection: socket, deadline: float) -> None:
        self._raw = raw
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer did not end in time")
        self._connection.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """An answer whose status line, headers and body must all be there by one deadline."""

    def __init__(self, sock: socket, *, deadline: float, **options: Any) -> None:
        super().__init__(sock, **options)
        raw: Any = self.fp.detach()
        self.fp = io.BufferedReader(_Bounded(raw, sock, deadline))


class _Deadlines:
    """A connection whose time-out is that of the whole answer."""

    timeout: float | None
    response_class: Any

    def getresponse(self) -> Any:
        """Return the answer's status and headers; its body is bounded by the same deadline."""
        deadline = time.monotonic() + (self.timeout if self.timeout is not None else 0)
        self.response_class = partial(_Response, deadline=deadline)
        return super().getresponse()  # type: ignore[misc]


class _Connection(_Deadlines, HTTPConnection):
    pass


class _SecureConnection(_Deadlines, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """Finds the connections to an endpoint, each with a deadline for every answer."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager


# It would log the whole URL of an answer whose headers are not in order.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Reply:
    """An HTTP response.

    Attributes
    ----------
    retry_after
        Seconds after which to ask again, where the endpoint says so.
    """

    status: int
    body: bytes
    retry_after: float | None = None


@dataclass(frozen=True)
class _Route:
    """The connections to an endpoint, and what each request to it begins with.

    Attributes
    ----------
    adapter
        Keeps the pool, which closes its connections with the last reference to it.
    """

    adapter: HTTPAdapter
    pool: Any
    path: str
    headers: dict[str, str]

    def send(self, body: bytes, timeout: Timeout) -> BaseHTTPResponse:
        """Send a request once, and return its answer up to the headers."""
        answer: BaseHTTPResponse = self.pool.urlopen(
            "POST",
            self.path,
            body=body,
            headers=self.headers,
            # A request may be a transaction, of which only the caller knows whether to send it again.
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=timeout,
            preload_content=False,
            decode_content=False,
        )
        return answer


class Transport:
    """A session with one endpoint, whose connections are kept.

    Parameters
    ----------
    timeout
        Seconds for one answer, from the connection to its last byte.
    most_bytes
        Of one answer.
    """

    def __init__(self, url: str, timeout: float, most_bytes: int = MOST_BYTES) -> None:
        self.url = url
        self.timeout = timeout
        self.most_bytes = most_bytes

    # Found once: requests would look for all of it again with every request, for longer than a node takes to
    # answer one.

    @cached_property
    def _route(self) -> _Route:
        """Proxies, certificates and a password as the environment and the URL have them."""
        session, adapter = requests.Session(), _Adapter()
        request = session.prepare_request(requests.Request("POST", self.url, headers=HEADERS))
        found = session.merge_environment_settings(self.url, {}, stream=True, verify=None, cert=None)
        proxies, verify, cert = found["proxies"], found["verify"], found["cert"]
        pool = adapter.get_connection_with_tls_context(request, verify, proxies, cert)
        adapter.cert_verify(pool, self.url, verify, cert)  # type: ignore[no-untyped-call]
        headers = {name: value for name, value in request.headers.items() if name != "Content-Length"}
        return _Route(adapter, pool, adapter.request_url(request, proxies), headers)

    def post(self, body: bytes) -> Reply:
        """Send a request and read its answer.

        Raises
        ------
        EndpointError
            Whatever happens: no connection, no end in time, too many bytes, a redirect.
        """
        try:
            return self._post(body)
        except EndpointError:
            raise
        except Exception as error:  # noqa: BLE001 - what a stranger's answer makes libraries raise
            kind = NoConnection if _is_no_connection(error) else Unreachable
            raise kind(
                f"endpoint {host(self.url)}: expected an answer within {self.timeout:g} s, found "
                f"{cause_text(error)}; is the node up, and is the URL right?"
            ) from None

    def _post(self, body: bytes) -> Reply:
        with closing(self._route.send(body, Timeout(total=self.timeout))) as response:
            if 300 <= response.status < 400:
                raise Unreachable(
                    f"endpoint {host(self.url)}: expected an answer, found a redirect (status "
                    f"{response.status}), which is not followed; configure the address it leads to"
                )
            return Reply(response.status, self._body(response), _retry_after(response.headers))

    def _body(self, response: BaseHTTPResponse) -> bytes:
        packed = self._read(response)
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding in ("", "identity"):
            return packed
        if encoding in ("gzip", "x-gzip"):
            return self._unpacked(packed)
        raise MalformedAnswer(
            f"endpoint {host(self.url)}: expected an answer unpacked or packed by gzip, found neither"
        )

    def _read(self, raw: Any) -> bytes:
        """Read the body as it was sent, to its end: only then is its connection used again."""
        body = bytearray()
        # One byte beyond the bound shows that there are too many; no more are read.
        while part := raw.read(min(PART, self.most_bytes + 1 - len(body)), decode_content=False):
            body += part
            if len(body) > self.most_bytes:
                raise self._too_large()
        return bytes(body)

    def _unpacked(self, packed: bytes) -> bytes:
        # 16 stands for the format of gzip.
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        # Bounded while it is unpacked: a few kilobytes of gzip can hold gigabytes.
        body = unpacker.decompress(packed, self.most_bytes + 1)
        if len(body) > self.most_bytes:
            raise self._too_large()
        if not unpacker.eof:
            raise MalformedAnswer(f"endpoint {host(self.url)}: expected a whole answer, found a part of one")
        return body

    def _too_large(self) -> AnswerTooLarge:
        return AnswerTooLarge(
            f"endpoint {host(self.url)}: expected an answer of at most {self.most_bytes} bytes, found more"
        )


def _is_no_connection(error: Exception) -> bool:
    return isinstance(error, ConnectTimeoutError | NewConnectionError)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read the seconds of a Retry-After header, given as a number or as a date."""
    text = headers.get("Retry-After", "").strip()[:40]
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
