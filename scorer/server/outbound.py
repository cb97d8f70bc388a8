"""Calls of URLs that strangers gave: to no address of this network, on to no other URL, and never long."""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

from scorer.redaction import shown
from scorer.server.errors import ApiError

SECONDS: Final = 10.0
"""Seconds that a call may take in all, from the name to the status of the answer."""
LONGEST_URL: Final = 2_000
TRANSLATED: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32"),
        "2002::/16",
    )
)
"""Networks whose addresses hold one of IPv4, which a router may translate: a private one, for all we know.

A server that is public has an address of its own beside such a one.
"""
PORTS: Final = {"https": 443, "http": 80}
PATH: Final = "/%:@!$&'()*+,;=~?"
"""Characters that stand for themselves in a path and a query, beside letters and digits."""


@dataclass(frozen=True)
class _Target:
    """The parts of a URL, as a request has them: `host` in the form that names have in the DNS."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, parts: SplitResult) -> "_Target":
        """Return the target of a URL that was checked."""
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        return cls(parts.scheme, _host(parts), parts.port or PORTS[parts.scheme], quote(path, safe=PATH))

    @property
    def header(self) -> str:
        """The header Host."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == PORTS[self.scheme] else f"{name}:{self.port}"


@dataclass(frozen=True)
class Outbound:
    """Sends requests to strangers' servers.

    Attributes
    ----------
    allows_private
        Whether addresses of this machine and its network are called, and plain HTTP: on a devnet alone.
    seconds
        The most that a call may take.
    """

    allows_private: bool = False
    seconds: float = SECONDS

    def check(self, url: str) -> None:
        """Refuse a URL that is never called.

        Raises
        ------
        ApiError
            When it is none of HTTPS on its port, or holds a user.
        """
        self._target(url)

    def _target(self, url: str) -> _Target:
        try:
            parts = urlsplit(url)
            if len(url) <= LONGEST_URL and url.isprintable() and self._is_plain(parts):
                return _Target.of(parts)
        except ValueError:  # a port or a name that is none
            pass
        raise ApiError(
            "webhook: expected a URL such as https://host/path, on port 443 and without a user, found "
            f"{shown(url[:60])}"
        )

    def _is_plain(self, parts: SplitResult) -> bool:
        if not parts.hostname or parts.username is not None or parts.password is not None:
            return False
        if self.allows_private:
            return parts.scheme in PORTS
        return parts.scheme == "https" and parts.port in (None, PORTS["https"])

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> str | None:
        """Send a body; None where it was taken, else what was found, whatever happens.

        The name is resolved once, every address that it has is checked, and one of them is called.
        """
        until = time.monotonic() + self.seconds
        try:
            return self._post(self._target(url), body, headers, until)
        except ApiError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - a stranger's server must not stop who calls it
            is_late = time.monotonic() >= until
            return f"no whole answer within {self.seconds:g} s" if is_late else type(error).__name__

    def _post(self, target: _Target, body: bytes, headers: Mapping[str, str], until: float) -> str | None:
        try:
            address = self._address(target)
        except (OSError, UnicodeError):
            return "a name that does not resolve"
        if address is None:
            return "an address that is not public"
        connection = http.client.HTTPConnection(target.host, target.port)
        raw = socket.create_connection((address, target.port), timeout=self.seconds)
        with closing(raw), _ended_at(raw, until) as ended, closing(connection):
            is_secure = target.scheme == "https"
            connection.sock = _tls().wrap_socket(raw, server_hostname=target.host) if is_secure else raw
            connection.request("POST", target.path, body, {**headers, "Host": target.header})
            status = connection.getresponse().status
            if ended.is_set():  # the header may look whole where it was cut
                raise TimeoutError
        return None if 200 <= status < 300 else f"status {status}"

    def _address(self, target: _Target) -> str | None:
        entries = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        found = {str(entry[4][0]) for entry in entries}
        if not self.allows_private and not all(_is_public(address) for address in found):
            return None
        return min(found, key=lambda address: (":" in address, address))


def _host(parts: SplitResult) -> str:
    """Return a URL's host in ASCII: the name that is resolved is the one that is shown a certificate for."""
    host = parts.hostname or ""
    return host if ":" in host else host.encode("idna").decode("ascii")


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if any(found in network for network in TRANSLATED):
        return False
    return found.is_global and not found.is_multicast and not getattr(found, "is_site_local", False)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


@contextmanager
def _ended_at(connection: socket.socket, until: float) -> Iterator[threading.Event]:
    """End a connection at a monotonic time: a socket's own timeout begins anew with every byte."""
    own, ended = connection.dup(), threading.Event()  # TLS takes the other one over

    def end() -> None:
        ended.set()
        with suppress(OSError):
            own.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(until - time.monotonic(), 0), end)
    timer.daemon = True
    timer.start()
    try:
        yield ended
    finally:
        timer.cancel()
        timer.join()
        own.close()
