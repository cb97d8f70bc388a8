"""Routes of logins and of one's own account. Every change comes by a form of this site."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from scorer.server import account_roots, upload_roots
from scorer.server.api_keys import SCOPES
from scorer.server.engine import decoded_json, require_text
from scorer.server.errors import ApiError, Forbidden, Unauthenticated
from scorer.server.graphql_route import bounded_body
from scorer.server.pages.headers import is_from
from scorer.server.pages.rendering import Page, Renderer, html, private
from scorer.server.pages.sessions import LARGEST_FORM, BrowserSessions, Visitor, read_form, require_form
from scorer.server.services import RequestContext, Services

FOREIGN: Final = (
    "request: expected one of a page of this site, found another; open the page here and try again"
)
SHOWN_SUBMISSIONS: Final = 20
Fields = Mapping[str, str]
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class AccountPages:
    """Answers requests of people who log in with a wallet."""

    renderer: Renderer
    sessions: BrowserSessions

    @property
    def services(self) -> Services:
        """The tournament's services."""
        return self.renderer.services

    def routes(self) -> list[Route]:
        """Return the routes."""
        forms = {
            "/account/profile": self._profile,
            "/account/model": self._model,
            "/account/key": self._key,
            "/account/key/revoke": self._revoke,
            "/account/end": self._end,
        }
        return [
            Route("/account", self.account, methods=["GET"]),
            Route("/account/stake", self.stake, methods=["GET"]),
            Route("/session/message", self._json(self._message), methods=["POST"]),
            Route("/session", self.log_in, methods=["POST"]),
            Route("/account/upload", self._json(self._grant), methods=["POST"]),
            Route("/account/submit", self._json(self._submit), methods=["POST"]),
            *(Route(path, self._form(act), methods=["POST"]) for path, act in forms.items()),
        ]

    async def account(self, request: Request) -> Response:
        """Answer with one's own page, or the one to log in."""
        text = await run_in_threadpool(self._account, request, {})
        return html(text, request)

    async def stake(self, request: Request) -> Response:
        """Answer with the page on which a wallet stakes."""
        text = await run_in_threadpool(self._stake, request)
        return html(text, request)

    def _account(self, request: Request, said: Mapping[str, Any]) -> str:
        visitor = self.sessions.visitor(request)
        if visitor is None:
            return self._text("login.html", {"is_private": self.services.accounts.is_private, **said})
        own = visitor.caller.account
        models = self.services.accounts.models_of(own)
        documents = self.services.submissions.records.documents_of([model.id for model in models])
        submissions = sorted(
            ((model, found) for model in models for found in documents[model.id]),
            key=lambda item: item[1]["insertedAt"],
            reverse=True,
        )
        return self._text(
            "own.html",
            {
                "own": own,
                "csrf": visitor.form_token,
                "models": models,
                "keys": self.services.keys.keys_of(own),
                "submissions": submissions[:SHOWN_SUBMISSIONS],
                "scopes": SCOPES,
                "server": self.services.submissions.signer.address,
                "is_organiser": own.wallet in self.services.page.organisers,
                "new_key": None,
                "error": None,
                **said,
            },
        )

    def _stake(self, request: Request) -> str:
        visitor = self.sessions.visitor(request)
        suite = self.services.suite
        wallet = visitor.wallet if visitor else None
        models = self.services.accounts.models_of(visitor.caller.account) if visitor else []
        facts = {"chainId": suite.addresses.chain_id, "name": self.services.name}
        facts |= {
            name: getattr(suite.addresses, name)
            for name in ("tournament", "registry", "numeraire", "committee")
        }
        facts["server"] = self.services.submissions.signer.address
        return self._text(
            "stake.html", {"facts": json.dumps(facts), "wallet": wallet, "models": models, "visitor": visitor}
        )

    def _text(self, template: str, data: Mapping[str, Any]) -> str:
        shared = {"cursor": self.services.queries.cursor(), "now": self.services.clock()}
        return self.renderer.text(Page(template, {**shared, **data}))

    async def log_in(self, request: Request) -> Response:
        """Answer a signed message with a cookie."""
        try:
            fields = await self._fields(request)
            document = await run_in_threadpool(self._log_in, fields)
        except ApiError as error:
            return private(JSONResponse({"error": str(error)}, 400))
        response = private(JSONResponse({"username": document["username"]}))
        self.sessions.begin(response, document["token"])
        return response

    def _log_in(self, fields: Fields) -> dict[str, Any]:
        context = RequestContext(self.services, None, "")
        named = {name: fields.get(name) or None for name in ("username", "invitation")}
        message, signature = fields.get("message", ""), fields.get("signature", "")
        wallet = self.services.accounts.by_wallet(_address_in(message))
        if wallet is None and named["username"] is None:
            raise ApiError(
                "username: expected a name for your new account, found none; type one, and sign again"
            )
        return account_roots.login(context, message, signature, **named)

    async def _fields(self, request: Request) -> dict[str, str]:
        """Return the texts of a JSON object that a script of this site sent."""
        if not is_from(request, self.renderer.origin):
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

    def _json(
        self, act: Callable[[Request, Fields], dict[str, Any]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                fields = await self._fields(request)
                return private(JSONResponse(await run_in_threadpool(act, request, fields)))
            except Unauthenticated as error:
                return private(JSONResponse({"error": str(error)}, 401))
            except ApiError as error:
                return private(JSONResponse({"error": str(error)}, 400))

        return answer

    def _message(self, _: Request, fields: Fields) -> dict[str, Any]:
        return {
            "message": self.services.login.message(fields.get("address", "")),
            "known": self.services.accounts.by_wallet(fields.get("address", "")) is not None,
        }

    def _grant(self, request: Request, fields: Fields) -> dict[str, Any]:
        context = self._checked(request, fields).context
        return upload_roots.submission_upload_auth(
            context, fields.get("filename", ""), self.services.number, fields.get("model"), here=True
        )

    def _submit(self, request: Request, fields: Fields) -> dict[str, Any]:
        context = self._checked(request, fields).context
        created = upload_roots.create_submission(
            context, fields.get("filename", ""), model_id=fields.get("model")
        )
        found = upload_roots.submissions(context, fields.get("model"))
        return next(document for document in found if document["id"] == created["id"])

    def _checked(self, request: Request, fields: Fields) -> Visitor:
        visitor = self.sessions.require(request)
        require_form(visitor, fields)
        return visitor

    def _form(
        self, act: Callable[[Visitor, Fields], Mapping[str, Any] | None]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return the handler of a form: it acts, and leads back to the account's page."""

        async def answer(request: Request) -> Response:
            try:
                if not is_from(request, self.renderer.origin):
                    raise Forbidden(FOREIGN)
                fields = await read_form(request)
                visitor = await run_in_threadpool(self._checked, request, fields)
                said = await run_in_threadpool(act, visitor, fields)
            except ApiError as error:
                status = 403 if isinstance(error, Forbidden | Unauthenticated) else 400
                text = await run_in_threadpool(self._account, request, {"error": str(error)})
                return html(text, request, status=status)
            if said:
                return html(await run_in_threadpool(self._account, request, said), request)
            response = private(RedirectResponse(f"{self.renderer.base}/account", 303))
            if act == self._end:
                self.sessions.end(request, response)
            return response

        return answer

    def _profile(self, visitor: Visitor, fields: Fields) -> None:
        self._describe(visitor, fields, None)

    def _model(self, visitor: Visitor, fields: Fields) -> None:
        model, name = fields.get("model", ""), fields.get("name", "")
        known = self.services.accounts.model_of(visitor.caller.account, model)
        if name and name != known.name:
            account_roots.set_model_name(visitor.context, model, name)
        self._describe(visitor, fields, model)

    def _describe(self, visitor: Visitor, fields: Fields, model: str | None) -> None:
        link = fields.get("link_url", "")
        account_roots.set_user_link(visitor.context, link, fields.get("link_text") or link, model)
        account_roots.set_user_bio(visitor.context, fields.get("bio", ""), model)

    def _key(self, visitor: Visitor, fields: Fields) -> Mapping[str, Any]:
        scopes = [scope for scope in SCOPES if fields.get(scope)]
        made = account_roots.create_api_token(visitor.context, fields.get("name", ""), scopes)
        return {"new_key": made}

    def _revoke(self, visitor: Visitor, fields: Fields) -> None:
        account_roots.revoke_api_token(visitor.context, fields.get("public_id", ""))

    def _end(self, _visitor: Visitor, _fields: Fields) -> None:
        return None


def _address_in(message: str) -> str:
    """Return the address on the second line of a message to sign; empty where there is none."""
    lines = message.split("\n", 2)
    return lines[1] if len(lines) > 1 else ""


def account_path(key: str) -> str:
    """Return the path of an account's public page."""
    return f"/accounts/{quote(key)}"
