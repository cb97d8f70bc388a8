"""The routes of a gateway, which answer only by a name of this machine."""

from dataclasses import dataclass
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from scorer.protocol.documents import from_hex
from scorer.server.gateway import Gateway
from scorer.server.gateway_proof import ROUTE
from scorer.server.graphql_route import bounded_body

MOST_BODY: Final = 65_536
MOST_UPLOAD: Final = 64 * 2**20
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class GatewayRoutes:
    """Answers requests of clients on this machine."""

    gateway: Gateway

    async def graphql(self, request: Request) -> Response:
        """Answer a GraphQL request."""
        body = await bounded_body(request, MOST_BODY)
        if not _is_local(request) or len(body) > MOST_BODY:
            return JSONResponse(
                {"errors": [{"message": "gateway: expected a small request from this machine"}]}
            )
        header = request.headers.get("authorization")
        return JSONResponse(await run_in_threadpool(self.gateway.answer, body, header))

    async def upload(self, request: Request) -> Response:
        """Answer PUT of a file, which stays in memory."""
        content = await bounded_body(request, MOST_UPLOAD)
        if not _is_local(request) or len(content) > MOST_UPLOAD:
            return PlainTextResponse("upload: expected a file from this machine, found another\n", 413)
        found = self.gateway.take(request.path_params["filename"], content)
        return Response(status_code=200 if found else 404)

    async def proof(self, request: Request) -> Response:
        """Answer a challenge, by which the gateway's user knows it."""
        try:
            challenge = from_hex(request.query_params.get("challenge"), 32)
        except ValueError:
            challenge = b""
        if not _is_local(request) or not challenge:
            return PlainTextResponse("challenge: expected 32 bytes in hex from this machine\n", 400)
        return JSONResponse(await run_in_threadpool(self.gateway.prove, challenge))


def _is_local(request: Request) -> bool:
    """Return whether a request names this machine: a page of another name, led here by the DNS, does not."""
    return request.headers.get("host", "").rpartition(":")[0] in LOOPBACK


def gateway_application(gateway: Gateway) -> ASGIApp:
    """Return the application of a gateway."""
    answers = GatewayRoutes(gateway)
    routes = [
        Route("/", answers.graphql, methods=["POST"]),
        Route("/upload/{filename}", answers.upload, methods=["PUT"]),
        Route(f"/{ROUTE}", answers.proof, methods=["GET"]),
    ]
    return Starlette(routes=routes)
