"""Routes that scripts of this site call: each takes a small JSON object, and answers with another."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scorer.server.engine import decoded_json, require_text
from scorer.server.errors import ApiError, Forbidden, Unauthenticated
from scorer.server.graphql_route import bounded_body
from scorer.server.pages.headers import is_from
from scorer.server.pages.rendering import private
from scorer.server.pages.sessions import LARGEST_FORM

FOREIGN: Final = (
    "request: expected one of a page of this site, found another; open the page here and try again"
)
Fields = Mapping[str, str]
Act = Callable[[Request, Fields], Mapping[str, Any]]


def script_route(path: str, origin: str, act: Act) -> Route:
    """Return the route on which a script of this site has something done."""

    async def answer(request: Request) -> Response:
        try:
            fields = await script_fields(request, origin)
            return private(JSONResponse(await run_in_threadpool(act, request, fields)))
        except ApiError as error:
            return private(refused(error))

    return Route(path, answer, methods=["POST"])


def refused(error: ApiError) -> Response:
    """Return the answer that says why a script's request was refused."""
    return JSONResponse({"error": str(error)}, 401 if isinstance(error, Unauthenticated) else 400)


async def script_fields(request: Request, origin: str) -> dict[str, str]:
    """Return the texts of a JSON object that a script of this site sent.

    Raises
    ------
    ApiError
        When another site sent it, or it is none.
    """
    if not is_from(request, origin):
        raise Forbidden(FOREIGN)
    body = await bounded_body(request, LARGEST_FORM)
    try:
        document = decoded_json(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or len(body) > LARGEST_FORM:
        raise ApiError("request: expected a small JSON object, found another")
    require_text(document)
    return {str(name): value for name, value in document.items() if isinstance(value, str)}
