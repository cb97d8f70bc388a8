"""The web application of one tournament."""

from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scorer.server import (
    account_roots,
    data_roots,
    diagnostics_roots,
    refused_roots,
    result_roots,
    round_roots,
    upload_roots,
    webhook_roots,
)
from scorer.server.engine import GraphqlEngine
from scorer.server.file_routes import FileRoutes
from scorer.server.formats import time_text
from scorer.server.graphql_route import graphql_routes
from scorer.server.pages.application import WebPages, wants_page
from scorer.server.rate_limit import RateLimiter
from scorer.server.round_files import RoundFiles
from scorer.server.services import ENCRYPTS, RequestContext, Services

ROOTS: Final = {
    **round_roots.ROOTS,
    **result_roots.ROOTS,
    **account_roots.ROOTS,
    **upload_roots.ROOTS,
    **data_roots.ROOTS,
    **diagnostics_roots.ROOTS,
    **webhook_roots.ROOTS,
    **refused_roots.ROOTS,
}
"""Every root of the schema, in camelCase."""
SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class SecurityHeaders:
    """Adds headers that keep a browser from taking an answer for something else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                own_policy = "Content-Security-Policy" in headers  # which says who may show it in a frame
                for name, value in SECURITY_HEADERS.items():
                    if not (own_policy and name == "X-Frame-Options"):
                        headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def application(services: Services, limiter: RateLimiter | None = None) -> ASGIApp:
    """Return the application: GraphQL at the base URL, pages, files, and what monitoring asks for."""

    def context_of(request: Request) -> RequestContext:
        address = request.client.host if request.client else ""
        headers = request.headers
        return RequestContext(services, headers.get("authorization"), address, ENCRYPTS in headers)

    async def health(_: Request) -> Response:
        return JSONResponse({"is_up": True})

    pages = WebPages(services, limiter)

    async def status(request: Request) -> Response:
        document = await run_in_threadpool(_status, services)
        if wants_page(request):
            return await pages.status(request, document)
        return JSONResponse(document, status_code=200 if document["is_ready"] else 503)

    routes = [
        *graphql_routes(GraphqlEngine(ROOTS), context_of, limiter),
        *pages.routes(),
        *FileRoutes(services).routes(),
        *RoundFiles(services).routes(),
        Route("/health", health),
        Route("/status", status),
    ]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False  # a redirect would turn a client's POST into a GET
    return SecurityHeaders(app)


def _status(services: Services) -> dict[str, object]:
    """Return what an operator looks at: how far the chain is mirrored, and the oldest open submission."""
    cursor, now = services.queries.cursor(), services.clock()
    oldest = services.submissions.records.oldest_unanswered()
    current = services.queries.current_round()
    return {
        "is_ready": cursor is not None,
        "tournament": services.suite.addresses.tournament,
        "block": None if cursor is None else cursor.block,
        "block_time": None if cursor is None else time_text(cursor.timestamp),
        "current_round": None if current is None else current.id,
        "oldest_unanswered_seconds": None if oldest is None else now - oldest,
    }
