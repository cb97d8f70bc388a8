"""All routes of the page, and what they share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scorer.server.pages.account_routes import AccountPages
from scorer.server.pages.committee import CommitteeReader
from scorer.server.pages.console import Console
from scorer.server.pages.console_routes import ConsolePages
from scorer.server.pages.file_answers import FileAnswers
from scorer.server.pages.own_files import OwnFiles
from scorer.server.pages.public_routes import PublicPages
from scorer.server.pages.rendering import Page, Renderer, html
from scorer.server.pages.sessions import BrowserSessions
from scorer.server.rate_limit import RateLimiter, limited
from scorer.server.services import Services


@dataclass(frozen=True)
class WebPages:
    """The page of a tournament."""

    services: Services
    limiter: RateLimiter | None = None
    renderer: Renderer = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "renderer", Renderer(self.services))

    def routes(self) -> list[Route]:
        """Return the routes of all pages."""
        services, sessions = self.services, BrowserSessions(self.services)
        committee = CommitteeReader(services.suite)
        public = PublicPages(self.renderer, committee)
        files = FileAnswers(services, self.limiter)
        console = ConsolePages(self.renderer, sessions, Console(services), committee)
        accounts, own = AccountPages(self.renderer, sessions), OwnFiles(self.renderer, sessions)
        routes = [
            *(*files.routes(), *public.routes()),
            *(*accounts.routes(), *own.routes(), *console.routes()),
        ]
        return limited(routes, self.limiter)

    async def status(self, request: Request, document: Mapping[str, object]) -> Response:
        """Answer with the server's state for people."""
        text = await run_in_threadpool(self._status, document)
        return html(text, request, status=200 if document["is_ready"] else 503)

    def _status(self, document: Mapping[str, object]) -> str:
        cursor = self.services.queries.cursor()
        data = {"document": document, "cursor": cursor, "now": self.services.clock()}
        return self.renderer.text(Page("status.html", data))

    async def missing(self, request: Request, _error: Exception) -> Response:
        """Answer a request for a page that is not there."""
        return html(await run_in_threadpool(self._missing), request, status=404)

    def _missing(self) -> str:
        data = {"what": "page", "cursor": self.services.queries.cursor(), "now": self.services.clock()}
        return self.renderer.text(Page("missing.html", data))


def wants_page(request: Request) -> bool:
    """Check that a request is a browser's, which names HTML among what it takes."""
    return "text/html" in request.headers.get("accept", "")
