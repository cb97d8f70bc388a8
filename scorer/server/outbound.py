"""Calls of URLs that strangers gave: never to an address of this network, never on to another URL."""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import urllib3

from scorer.redaction import shown
from scorer.server.errors import ApiError

TIMEOUT: Final = urllib3.Timeout(connect=5, read=10)
LONGEST_URL: Final = 2_000
MOST_ANSWER: Final = 4_096
"""Bytes of an answer that are read."""

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


@dataclass(frozen=True)
class Outbound:
    """Sends requests to strangers' servers.

    Attributes
    ----------
    allows_private
        Whether addresses of this machine and its network are called, and plain HTTP: on a devnet alone.
    """

    allows_private: bool = False

    def check(self, url: str) -> None:
        """Refuse a URL that is never called.

        Raises
        ------
        ApiError
            When it is none of HTTPS on its port, or holds a user.
        """
        parts = urlsplit(url) if len(url) <= LONGEST_URL and url.isprintable() else None
        if parts is None or not _is_plain(parts, allows_private=self.allows_private):
            raise ApiError(
                "webhook: expected a URL such as https://host/path, on port 443 and without a user, found "
                f"{shown(urlsplit(url[:60]).netloc)}"
            )

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> str | None:
        """Send a body; None where it was taken, else what was found.

        The name is resolved once, every address that it has is checked, and one of them is called.
        """
        self.check(url)
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            address = self._address(host, port)
        except (OSError, UnicodeError):
            return "a name that does not resolve"
        if address is None:
            return "an address that is not public"
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        pool: Any
        if parts.scheme == "https":
            pool = urllib3.HTTPSConnectionPool(address, port, server_hostname=host, assert_hostname=host)
        else:
            pool = urllib3.HTTPConnectionPool(address, port)
        with pool:
            return _sent(pool, target, body, {**headers, "Host": parts.netloc})

    def _address(self, host: str, port: int) -> str | None:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        if not self.allows_private and not all(_is_public(address) for address in found):
            return None
        return min(found, key=lambda address: (":" in address, address))


def _is_plain(parts: SplitResult, *, allows_private: bool) -> bool:
    try:
        port = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or parts.password is not None:
        return False
    if allows_private:
        return parts.scheme in ("http", "https")
    return parts.scheme == "https" and port in (None, 443)


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if any(found in network for network in TRANSLATED):
        return False
    return found.is_global and not found.is_multicast and not getattr(found, "is_site_local", False)


def _sent(pool: Any, target: str, body: bytes, headers: Mapping[str, str]) -> str | None:
    try:
        answer = pool.urlopen(
            "POST", target, body=body, headers=headers, timeout=TIMEOUT,
            retries=False, redirect=False, preload_content=False,
        )  # fmt: skip
        answer.read(MOST_ANSWER)
        answer.close()
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return type(error).__name__
    return None if 200 <= answer.status < 300 else f"status {answer.status}"
