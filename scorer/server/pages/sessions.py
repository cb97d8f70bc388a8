"""Logins of browsers: a cookie that scripts cannot read, and a token that forms repeat."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from scorer.server.api_keys import SESSION_SECONDS, Caller
from scorer.server.engine import require_text
from scorer.server.errors import ApiError, Forbidden, Unauthenticated
from scorer.server.graphql_route import bounded_body
from scorer.server.rate_limit import address_of
from scorer.server.services import RequestContext, Services

SECURE_COOKIE: Final = "__Host-cupel"
"""A browser takes a cookie of this name from its own host alone, over TLS, for all paths."""
PLAIN_COOKIE: Final = "cupel"
"""The name on a server without TLS, as on a devnet or in a class's own network."""
LARGEST_FORM: Final = 64 * 2**10
MOST_FIELDS: Final = 40
TOKEN_FIELD: Final = "csrf"  # noqa: S105 - the name of a field


@dataclass(frozen=True)
class Visitor:
    """Somebody who has logged in with a browser."""

    caller: Caller
    context: RequestContext
    form_token: str

    @property
    def wallet(self) -> str | None:
        """The wallet of the account, or None."""
        return self.caller.account.wallet


@dataclass(frozen=True)
class BrowserSessions:
    """Finds, begins and ends the logins of browsers."""

    services: Services

    @property
    def _is_secure(self) -> bool:
        return urlsplit(self.services.url).scheme == "https"

    @property
    def _name(self) -> str:
        return SECURE_COOKIE if self._is_secure else PLAIN_COOKIE

    def visitor(self, request: Request) -> Visitor | None:
        """Return who a request is from; None for somebody who has not logged in."""
        token = request.cookies.get(self._name)
        if not token:
            return None
        header = f"Session {token}"
        try:
            caller = self.services.keys.caller(header)
        except Unauthenticated:
            return None
        return Visitor(caller, RequestContext(self.services, header, address_of(request)), form_token(token))

    def require(self, request: Request) -> Visitor:
        """Return who a request is from.

        Raises
        ------
        Unauthenticated
            When nobody has logged in.
        """
        visitor = self.visitor(request)
        if visitor is None:
            raise Unauthenticated("none; log in first")
        return visitor

    def require_own(self, request: Request, form: Mapping[str, str]) -> Visitor:
        """Return who a form is from, which a page of their login made.

        Raises
        ------
        Unauthenticated, Forbidden
            When nobody has logged in, or the form is of another page.
        """
        visitor = self.require(request)
        require_form(visitor, form)
        return visitor

    def begin(self, response: Response, token: str) -> None:
        """Give a browser the token of a login."""
        response.set_cookie(
            self._name,
            token,
            max_age=SESSION_SECONDS,
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite="lax",
        )

    def end(self, request: Request, response: Response) -> None:
        """End a browser's login, here and there."""
        token = request.cookies.get(self._name)
        if token:
            self.services.keys.log_out(f"Session {token}")
        response.delete_cookie(self._name, path="/", secure=self._is_secure, httponly=True, samesite="lax")


def form_token(token: str) -> str:
    """Return the text that forms of a login repeat: who knows it has read a page of that login."""
    return hmac.new(token.encode(), b"cupel form", "sha256").hexdigest()


def require_form(visitor: Visitor, form: Mapping[str, str]) -> None:
    """Refuse a form that no page of this login made.

    Raises
    ------
    Forbidden
        When its token is another.
    """
    if not hmac.compare_digest(form.get(TOKEN_FIELD, "").encode(), visitor.form_token.encode()):
        raise Forbidden("form: expected one of a page of this login, found another; load the page again")


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form.

    Raises
    ------
    ApiError
        When it is too large, or no form.
    """
    body = await bounded_body(request, LARGEST_FORM)
    if len(body) > LARGEST_FORM:
        raise ApiError(f"form: expected at most {LARGEST_FORM} bytes, found more")
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise ApiError("form: expected fields in UTF-8, found others") from None
    form = dict(fields)
    require_text(form)
    return form
