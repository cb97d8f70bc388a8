"""The route that answers GraphQL requests: status 200 whatever is asked, as clients of the API expect."""

from collections.abc import Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from scorer.server.engine import GraphqlEngine, schema_text
from scorer.server.kept_answers import EncodedAnswer
from scorer.server.rate_limit import RateLimiter, address_of

JSON: Final = "application/json"
COST_OF_REQUEST: Final = 10_000
"""Cost of an answer that counts as one request more."""


async def bounded_body(request: Request, most: int) -> bytes:
    """Return a request's body, or its first bytes where there are more than `most`: one byte too many."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            break
    return bytes(content[: most + 1])


def graphql_routes(
    engine: GraphqlEngine,
    answer_of: Callable[[bytes, Request], EncodedAnswer],
    limiter: RateLimiter | None = None,
) -> list[Route]:
    """Return the routes of the base URL and of the schema.

    Parameters
    ----------
    answer_of
        Returns the answer to a body.
    limiter
        Counts the requests of an address, whatever key they have: a key is only looked up afterwards. One
        that is answered at length counts as several.
    """

    def answer(request: Request, body: bytes, address: str) -> bytes:
        found = answer_of(body, request)
        if limiter is not None:
            limiter.charge(address, found.cost // COST_OF_REQUEST)
        return found.content

    async def graphql(request: Request) -> Response:
        address = address_of(request)
        pause = limiter.wait(address) if limiter else 0
        if pause:
            message = f"Too many requests, try again in {pause} s"
            return JSONResponse({"errors": [{"message": message}]})
        try:
            body = await bounded_body(request, engine.limits.body)
        except ClientDisconnect:
            return Response(status_code=400)
        return Response(await run_in_threadpool(answer, request, body, address), media_type=JSON)

    async def schema(_: Request) -> Response:
        return PlainTextResponse(schema_text())

    return [Route("/", graphql, methods=["POST"]), Route("/schema.graphql", schema)]
