"""Headers of pages: what a browser may load, run and send, and who may show a page in a frame."""

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

_COMMON: Final = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'"
PAGE_POLICY: Final = f"{_COMMON}; connect-src 'self'; form-action 'self'; frame-ancestors 'none'"
VERIFY_POLICY: Final = PAGE_POLICY.replace(
    "connect-src 'self'", "connect-src 'self' https: http://127.0.0.1:* http://localhost:*"
)
"""The page that verifies a round asks an endpoint that its reader names."""
EMBED_POLICY: Final = f"{_COMMON}; form-action 'none'; frame-ancestors *"
"""A leaderboard in another site's frame: nothing in it takes input or knows who looks."""
IMAGE_POLICY: Final = "default-src 'none'; frame-ancestors *"
PAGE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""Referrers stay within the site: without any, a browser names no origin when it sends a form."""


def page_headers(policy: str = PAGE_POLICY) -> dict[str, str]:
    """Return the headers of a page with a policy; one for everybody's frames has no X-Frame-Options."""
    headers = {**PAGE_HEADERS, "Content-Security-Policy": policy}
    if "frame-ancestors *" in policy:
        for name in ("X-Frame-Options", "Cross-Origin-Resource-Policy"):
            del headers[name]
    return headers


def is_from(request: Request, origin: str) -> bool:
    """Check that a page of this site sent a request that changes something.

    All browsers name the origin of such a request. One without it is from a program, which has no cookie of
    anybody's but its own, and is refused all the same.
    """
    fetched = request.headers.get("sec-fetch-site", "same-origin")
    return request.headers.get("origin") == origin and fetched == "same-origin"
