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

from scorer.server import account_roots
from scorer.server.api_keys import MANAGE_KEYS, SCOPES
from scorer.server.custody import held_models
from scorer.server.errors import ApiError, Forbidden, Unauthenticated
from scorer.server.pages.headers import is_from
from scorer.server.pages.own_files import uploads_of
from scorer.server.pages.rendering import Page, Renderer, html, private
from scorer.server.pages.script_routes import FOREIGN, Fields, refused, script_fields, script_route
from scorer.server.pages.sessions import BrowserSessions, Visitor, read_form
from scorer.server.services import RequestContext, Services

SHOWN_SUBMISSIONS: Final = 20


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
            script_route("/session/message", self.renderer.origin, self._message),
            Route("/session", self.log_in, methods=["POST"]),
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
                "uploads": uploads_of(self.services, own, models),
                "held": held_models(self.services.accounts, own, models),
                "facts": json.dumps(self._facts()),
                "is_organiser": own.wallet in self.services.page.organisers,
                "new_key": None,
                "error": None,
                **said,
            },
        )

    def _stake(self, request: Request) -> str:
        visitor = self.sessions.visitor(request)
        own, models = visitor.caller.account if visitor else None, []
        if own is not None:
            models = self.services.accounts.models_of(own)
            held = held_models(self.services.accounts, own, models)
            models = [model for model in models if model not in held]
        return self._text("stake.html", {"facts": json.dumps(self._facts()), "models": models})

    def _facts(self) -> dict[str, Any]:
        """Return what a wallet's script has to know of the tournament."""
        addresses, signer = self.services.suite.addresses, self.services.submissions.signer
        contracts = {name: getattr(addresses, name) for name in ("tournament", "registry", "numeraire")}
        place = {"chainId": addresses.chain_id, "name": self.services.name}
        return {**place, **contracts, "server": signer.address}

    def _text(self, template: str, data: Mapping[str, Any]) -> str:
        shared = {"cursor": self.services.queries.cursor(), "now": self.services.clock()}
        return self.renderer.text(Page(template, {**shared, **data}))

    async def log_in(self, request: Request) -> Response:
        """Answer a signed message with a cookie."""
        try:
            fields = await script_fields(request, self.renderer.origin)
            document = await run_in_threadpool(self._log_in, fields)
        except ApiError as error:
            return private(refused(error))
        response = private(JSONResponse({"username": document["username"]}))
        self.sessions.begin(response, document["token"])
        return response

    def _log_in(self, fields: Fields) -> Mapping[str, Any]:
        message, signature = fields.get("message", ""), fields.get("signature", "")
        if fields.get("public_id"):
            return self._link(f"Token {fields['public_id']}${fields.get('secret', '')}", message, signature)
        context = RequestContext(self.services, None, "")
        named = {name: fields.get(name) or None for name in ("username", "invitation")}
        wallet = self.services.accounts.by_wallet(_address_in(message))
        if wallet is None and named["username"] is None:
            raise ApiError(
                "username: expected a name for your new account, found none; type one, and sign again"
            )
        return account_roots.login(context, message, signature, **named)

    def _link(self, key: str, message: str, signature: str) -> Mapping[str, Any]:
        """Give the account of a key its wallet, and log it in."""
        context = RequestContext(self.services, key, "")
        account_roots.link_wallet(context, message, signature)
        own = context.account(MANAGE_KEYS)
        token, _ends = self.services.keys.log_in(own)
        return {"token": token, "username": own.username}

    def _message(self, _: Request, fields: Fields) -> dict[str, Any]:
        return {
            "message": self.services.login.message(fields.get("address", "")),
            "known": self.services.accounts.by_wallet(fields.get("address", "")) is not None,
        }

    def _form(
        self, act: Callable[[Visitor, Fields], Mapping[str, Any] | None]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return the handler of a form: it acts, and leads back to the account's page."""

        async def answer(request: Request) -> Response:
            try:
                if not is_from(request, self.renderer.origin):
                    raise Forbidden(FOREIGN)
                fields = await read_form(request)
                visitor = await run_in_threadpool(self.sessions.require_own, request, fields)
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
        shows = fields.get("shows_exposures") == "1"
        if shows != known.shows_exposures:
            self.services.accounts.edit_model(known.id, shows_exposures=shows)

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
