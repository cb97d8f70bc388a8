"""Routes of the organiser's console, for accounts whose wallet the configuration names."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scorer.errors import CupelError
from scorer.server.errors import ApiError, Forbidden
from scorer.server.pages.committee import UNANSWERED, CommitteeReader
from scorer.server.pages.console import Console
from scorer.server.pages.headers import is_from
from scorer.server.pages.rendering import Page, Renderer, html
from scorer.server.pages.round_page import readable, settled_rounds
from scorer.server.pages.script_routes import FOREIGN, Fields
from scorer.server.pages.sessions import BrowserSessions, Visitor, read_form, require_form

Act = Callable[[Visitor, Fields], Mapping[str, Any]]


@dataclass(frozen=True)
class ConsolePages:
    """Answers requests of organisers; to everybody else the console is not there."""

    renderer: Renderer
    sessions: BrowserSessions
    console: Console
    committee: CommitteeReader

    def routes(self) -> list[Route]:
        """Return the routes."""
        forms: Mapping[str, Act] = {"/console/invite": self._invite, "/console/dry-run": self._dry_run}
        return [
            Route("/console", self.page, methods=["GET"]),
            *(Route(path, self._form(act), methods=["POST"]) for path, act in forms.items()),
        ]

    async def page(self, request: Request) -> Response:
        """Answer with the console."""
        try:
            visitor = await run_in_threadpool(self._organiser, request)
        except ApiError:
            return html(await run_in_threadpool(self._missing), request, status=404)
        return html(await run_in_threadpool(self._text, visitor, {}), request)

    def _organiser(self, request: Request) -> Visitor:
        visitor = self.sessions.require(request)
        if visitor.wallet is None or visitor.wallet not in self.renderer.services.page.organisers:
            raise Forbidden("console: expected an organiser, found another account")
        return visitor

    def _form(self, act: Act) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                visitor = await run_in_threadpool(self._organiser, request)
                fields = await self._fields(request, visitor)
            except ApiError:
                return html(await run_in_threadpool(self._missing), request, status=403)
            return await run_in_threadpool(self._acted, request, visitor, fields, act)

        return answer

    async def _fields(self, request: Request, visitor: Visitor) -> Fields:
        """Return the fields of a form that a page of this login made."""
        if not is_from(request, self.renderer.origin):
            raise Forbidden(FOREIGN)
        fields = await read_form(request)
        require_form(visitor, fields)
        return fields

    def _acted(self, request: Request, visitor: Visitor, fields: Fields, act: Act) -> Response:
        try:
            said, status = act(visitor, fields), 200
        except (CupelError, *UNANSWERED) as error:
            said, status = {"error": str(error)}, 400
        return html(self._text(visitor, {"proposed": fields.get("rules"), **said}), request, status=status)

    def _invite(self, visitor: Visitor, fields: Fields) -> Mapping[str, Any]:
        return {"code": self.console.invite(visitor.caller.account, fields.get("note", "").strip())}

    def _dry_run(self, visitor: Visitor, fields: Fields) -> Mapping[str, Any]:
        return {"runs": self.console.dry_run(visitor.caller.account, fields.get("rules", ""))}

    def _text(self, visitor: Visitor, said: Mapping[str, Any]) -> str:
        services, facts = self.renderer.services, self.console.facts()
        cursor = services.queries.cursor()
        rounds = settled_rounds(services, 20)
        shown = {
            "facts": facts,
            "csrf": visitor.form_token,
            "committee": None if cursor is None else self.committee.facts(rounds, cursor.block),
            "claims": None if cursor is None else self.console.claims(cursor.block),
            "oldest": services.submissions.records.oldest_unanswered(),
            "baselines": services.accounts.models(services.page.baselines),
            "cursor": cursor,
            "now": services.clock(),
            "code": None,
            "runs": None,
            "error": None,
            **said,
        }
        proposed = said.get("proposed") or ("" if facts.rules is None else readable(facts.rules))
        return self.renderer.text(Page("console.html", {**shown, "proposed": proposed}))

    def _missing(self) -> str:
        services = self.renderer.services
        data = {"what": "page", "cursor": services.queries.cursor(), "now": services.clock()}
        return self.renderer.text(Page("missing.html", data))
