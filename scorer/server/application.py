"""The web application of one tournament."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scorer.server import (
    account_roots,
    data_roots,
    diagnostics_roots,
    explanation_roots,
    refused_roots,
    result_roots,
    round_roots,
    upload_roots,
    webhook_roots,
)
from scorer.server.agent_api import ServerApi
from scorer.server.consensus_files import ConsensusRoutes
from scorer.server.engine import GraphqlEngine
from scorer.server.errors import ApiError
from scorer.server.file_routes import FileRoutes
from scorer.server.formats import time_text
from scorer.server.graphql_route import COST_OF_REQUEST, graphql_routes
from scorer.server.kept_answers import AnswerKeeper
from scorer.server.object_store import StoreUnavailable
from scorer.server.pages.application import WebPages, wants_page
from scorer.server.rate_limit import RateLimiter, address_of, limited
from scorer.server.round_files import RoundFiles
from scorer.server.served_names import ENCRYPTS
from scorer.server.services import RequestContext, Services

if TYPE_CHECKING:
    from scorer.server.agent_server import AgentRoute

ROOTS: Final = {
    **round_roots.ROOTS,
    **result_roots.ROOTS,
    **account_roots.ROOTS,
    **upload_roots.ROOTS,
    **data_roots.ROOTS,
    **diagnostics_roots.ROOTS,
    **webhook_roots.ROOTS,
    **explanation_roots.ROOTS,
    **refused_roots.ROOTS,
}
"""Every root of the schema, in camelCase."""
KEPT_ROOTS: Final = result_roots.KEPT | account_roots.KEPT
"""Roots whose answers are kept until anything public changes. All others are asked each time: an answer of
theirs may depend on who asks, on the time, on files or on the chain."""
SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class PlainAddresses:
    """Refuses requests with a NUL in path or query, which no database but SQLite takes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"]):
            refused = PlainTextResponse("request: expected a URL without NUL, found another\n", 400)
            await refused(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class Number(Convertor[int]):
    """A number in a path: of as many digits as one may have; Starlette's own fails on thousands of them."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        """Return the number."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Return the number as a path has it."""
        return str(value)


register_url_convertor("int", Number())


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


@dataclass(frozen=True)
class AgentOptions:
    """The tools of agents at ``/mcp``: whether they submit, for keys that may upload."""

    submits: bool = False


def application(
    services: Services, limiter: RateLimiter | None = None, agents: AgentOptions | None = None
) -> ASGIApp:
    """Return the application: GraphQL at the base URL, pages, files, agents' tools, and for monitoring."""

    def context_of(request: Request) -> RequestContext:
        headers = request.headers
        key = headers.get("authorization")
        return RequestContext(services, key, address_of(request), ENCRYPTS in headers)

    async def health(_: Request) -> Response:
        return JSONResponse({"is_up": True})

    pages = WebPages(services, limiter)

    async def status(request: Request) -> Response:
        document = await run_in_threadpool(status_of, services)
        if wants_page(request):
            return await pages.status(request, document)
        return JSONResponse(document, status_code=200 if document["is_ready"] else 503)

    engine = GraphqlEngine(ROOTS, kept=KEPT_ROOTS)
    keeper = AnswerKeeper(engine, services.database)
    tools = None if agents is None else _agent_route(services, engine, context_of, limiter, agents)
    routes = [
        *graphql_routes(engine, lambda body, request: keeper.answer(body, context_of(request)), limiter),
        *pages.routes(),
        *FileRoutes(services).routes(),
        *limited(ConsensusRoutes(services, services.consensus).routes(), limiter),
        *limited(RoundFiles(services).routes(), limiter),
        Route("/health", health),
        Route("/status", status),
        *(() if tools is None else (tools.route,)),
    ]
    app = Starlette(
        routes=routes,
        lifespan=None if tools is None else tools.running,
        exception_handlers={StoreUnavailable: _unavailable},
    )
    app.router.redirect_slashes = False  # a redirect would turn a client's POST into a GET
    return SecurityHeaders(PlainAddresses(app))


async def _unavailable(_: Request, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", 503)


def _agent_route(
    services: Services,
    engine: GraphqlEngine,
    context_of: Callable[[Request], RequestContext],
    limiter: RateLimiter | None,
    options: AgentOptions,
) -> "AgentRoute":
    """Return the route of agents' tools; the SDK is imported here, since a server may do without it."""
    try:
        from scorer.server.agent_server import AgentRoute, agent_server
        from scorer.server.agent_submission import server_tools
    except ModuleNotFoundError:
        raise ApiError(
            "agents: expected the package mcp, found none; pip install 'cupel[mcp]', or set enabled = false"
        ) from None

    def api_of(call: Any) -> ServerApi:
        context = context_of(call.request_context.request)

        def charge(cost: int) -> None:
            if limiter is not None:
                limiter.charge(context.address, cost // COST_OF_REQUEST)

        return ServerApi(engine, context, charge)

    made = agent_server(api_of, server_tools(submits=options.submits))
    return AgentRoute.of(made, services.url, limiter, engine.limits.body)


def numbers(services: Services) -> dict[str, float]:
    """Return what monitoring watches: as far as it is known, in seconds and counts."""
    found, cursor = status_of(services), services.queries.cursor()
    values: dict[str, float] = {
        "ready": float(found["is_ready"] is True),
        "oldest_unanswered_seconds": float(str(found["oldest_unanswered_seconds"] or 0)),
        **{f"submissions_{state}": count for state, count in services.submissions.records.counts().items()},
    }
    if cursor is not None:
        values |= {
            "mirrored_block": cursor.block,
            "mirrored_block_age_seconds": services.clock() - cursor.timestamp,
        }
    return values


def status_of(services: Services) -> dict[str, object]:
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
