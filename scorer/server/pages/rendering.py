"""Renders templates, compresses and caches pages, and serves the built assets."""

import gzip
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from scorer.server.pages.formatting import FILTERS, address_link, transaction_link
from scorer.server.pages.formulas import formula_of
from scorer.server.pages.headers import page_headers
from scorer.server.services import Services

FRESH: Final = 15
"""Seconds for which a page is taken from memory while the chain stands still: names may change."""
KEPT: Final = 512
SMALLEST: Final = 500
"""Bytes from which an answer is compressed."""
TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Page:
    """A page to be rendered: its template and what it shows."""

    template: str
    data: Mapping[str, Any]
    status: int = 200


@dataclass(frozen=True)
class Rendered:
    """A page as it is sent, whole and compressed."""

    body: bytes
    compressed: bytes
    tag: str
    made_at: float
    version: object
    status: int = 200

    @classmethod
    def of(cls, text: str, version: object, status: int = 200) -> "Rendered":
        """Return a page's text as it is sent."""
        body = text.encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        return cls(body, gzip.compress(body, 6, mtime=0), tag, time.monotonic(), version, status)

    def response(self, request: Request, headers: Mapping[str, str], kind: str = "text/html") -> Response:
        """Return the answer to a request, without a body where the browser has it."""
        sent = {**headers, "ETag": self.tag, "Vary": "Accept-Encoding, Accept"}
        if self.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=sent)
        body = self.body
        if len(body) >= SMALLEST and "gzip" in request.headers.get("accept-encoding", ""):
            body, sent["Content-Encoding"] = self.compressed, "gzip"
        return Response(body, self.status, headers=sent, media_type=kind)


@dataclass
class PageCache:
    """Keeps the last pages by address, each for some seconds and for one state of the read model."""

    fresh: float = FRESH
    _pages: OrderedDict[Hashable, Rendered] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: Hashable, version: object) -> Rendered | None:
        """Return a page that still holds, or None."""
        with self._lock:
            page = self._pages.get(key)
        is_valid = page is not None and page.version == version
        return page if page and is_valid and time.monotonic() - page.made_at < self.fresh else None

    def put(self, key: Hashable, page: Rendered) -> None:
        """Keep a page, and forget the oldest of too many."""
        with self._lock:
            self._pages[key] = page
            self._pages.move_to_end(key)
            while len(self._pages) > KEPT:
                self._pages.popitem(last=False)


@lru_cache(maxsize=1)
def _manifest() -> Mapping[str, Any]:
    manifest = resources.files("scorer.server.pages") / "assets" / "manifest.json"
    found: dict[str, Any] = json.loads(manifest.read_text())
    return found


def assets() -> Mapping[str, str]:
    """Return the built files that templates name: site.css, site.js and mark.svg."""
    found: Mapping[str, str] = _manifest()["names"]
    return found


@lru_cache(maxsize=64)
def asset(name: str) -> Rendered | None:
    """Return a built file; None for a name that is none, whatever it holds."""
    if name not in _manifest()["files"]:
        return None
    return Rendered.of((resources.files("scorer.server.pages") / "assets" / name).read_text(), name)


def asset_type(name: str) -> str:
    """Return the media type of a built file."""
    return TYPES[name[name.rindex(".") :]]


@dataclass(frozen=True)
class Renderer:
    """Renders the templates of one tournament's pages.

    Attributes
    ----------
    base
        The path of the public URL, before every link.
    origin
        Scheme and host of the public URL.
    """

    services: Services
    environment: Environment = field(init=False, repr=False)
    cache: PageCache = field(default_factory=PageCache)

    def __post_init__(self) -> None:
        object.__setattr__(self, "environment", self._environment())

    @property
    def base(self) -> str:
        """The path before every link; empty where the server has a host of its own."""
        return urlsplit(self.services.url).path

    @property
    def origin(self) -> str:
        """Scheme and host of the public URL, as browsers name it."""
        parts = urlsplit(self.services.url)
        return f"{parts.scheme}://{parts.netloc}"

    def _environment(self) -> Environment:
        environment = Environment(
            loader=PackageLoader("scorer.server.pages", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters.update(FILTERS)
        addresses = self.services.suite.addresses
        environment.globals.update(
            base=self.base,
            url=self.services.url,
            tournament_name=self.services.name,
            addresses=addresses,
            assets=assets(),
            formula_of=formula_of,
            transaction_link=lambda transaction: transaction_link(addresses.chain_id, transaction),
            address_link=lambda address: address_link(addresses.chain_id, address),
        )
        return environment

    def text(self, page: Page) -> str:
        """Return a page as HTML."""
        return self.environment.get_template(page.template).render(page.data)

    def cached(self, key: Hashable, version: object, make: Callable[[], Page]) -> Rendered:
        """Return a page from memory, or make it."""
        known = self.cache.get(key, version)
        if known is not None:
            return known
        page = make()
        rendered = Rendered.of(self.text(page), version, page.status)
        if page.status == 200:
            self.cache.put(key, rendered)
        return rendered


def private(response: Response) -> Response:
    """Mark an answer that is one person's."""
    response.headers["Cache-Control"] = "no-store"
    return response


def html(text: str, request: Request, *, status: int = 200, policy: str | None = None) -> Response:
    """Return one person's page."""
    headers = page_headers() if policy is None else page_headers(policy)
    answer = Rendered.of(text, None, status).response(request, headers)
    del answer.headers["ETag"]
    return private(answer)
