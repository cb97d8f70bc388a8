"""URLs that work for a while, for one file and one method."""

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from scorer.server.accounts import Clock


@dataclass(frozen=True)
class SignedUrls:
    """Makes URLs that work for a while, for one file and one method.

    Attributes
    ----------
    url
        The public URL of the server.
    secret
        32 bytes that nobody else has.
    """

    url: str
    secret: bytes
    clock: Clock

    def make(self, method: str, route: str, filename: str, seconds: int) -> str:
        """Return a URL for ``/<route>/<filename>``."""
        expires = self.clock() + seconds
        signed = {"expires": expires, "signature": self._mac(method, route, filename, expires)}
        return f"{self.url}/{route}/{quote(filename)}?{urlencode(signed)}"

    def is_valid(self, method: str, route: str, filename: str, query: dict[str, str]) -> bool:
        """Return whether a request has a URL of ours that still works."""
        expires = query.get("expires", "")
        if (
            not expires.isascii()
            or not expires.isdecimal()
            or len(expires) > 12
            or int(expires) <= self.clock()
        ):
            return False
        expected = self._mac(method, route, filename, int(expires))
        return hmac.compare_digest(expected.encode(), query.get("signature", "").encode())

    def _mac(self, method: str, route: str, filename: str, expires: int) -> str:
        message = "\n".join((method, route, filename, str(expires)))
        return hmac.new(self.secret, message.encode(), hashlib.sha256).hexdigest()
