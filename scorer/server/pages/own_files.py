"""Routes of one's own submissions: sent by hand, signed by the server or by one's wallet, and looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scorer.server import upload_roots
from scorer.server.accounts import Account, NamedModel
from scorer.server.errors import ApiError, Forbidden
from scorer.server.own_check import OwnCheck, can_be_checked, check_own
from scorer.server.pages.headers import is_from
from scorer.server.pages.rendering import Page, Renderer, html
from scorer.server.pages.script_routes import FOREIGN, Fields, script_route
from scorer.server.pages.sessions import BrowserSessions, Visitor, read_form
from scorer.server.services import Services
from scorer.server.submission_records import ciphertext_hash
from scorer.storage.inbox import ENVELOPE_SUFFIX


@dataclass(frozen=True)
class OwnUploads:
    """The files that an account can send from its page.

    Attributes
    ----------
    row
        The round that takes submissions now; None without one, and `problem` says why.
    hosted
        Models for which this server signs.
    signed
        Models for which the account's own wallet signs, where the round takes them in the clear.
    elsewhere
        Models whose files this page cannot take.
    names_ids
        Whether a file calls ids as the round does, so that a browser can check them.
    """

    row: sa.Row[Any] | None
    problem: str | None
    is_encrypted: bool
    names_ids: bool
    hosted: tuple[NamedModel, ...]
    signed: tuple[NamedModel, ...]
    elsewhere: tuple[NamedModel, ...]


def uploads_of(services: Services, own: Account, models: Sequence[NamedModel]) -> OwnUploads:
    """Return what an account can send from its page now, and for which models."""
    window, server = services.submissions.window, services.submissions.signer.address
    row, problem, is_encrypted, names_ids = None, None, False, True
    try:
        row = window.row()
        rules = window.rules(row)
        is_encrypted, names_ids = rules.is_encrypted, rules.submissions in (None, "classic")
    except ApiError as error:
        row, problem = None, str(error)
    hosted = [model for model in models if model.submitter == server]
    wallets = [model for model in models if model.submitter == own.wallet and model not in hosted]
    signed = [] if is_encrypted else wallets
    elsewhere = [model for model in models if model not in hosted and model not in signed]
    return OwnUploads(
        row, problem, is_encrypted, names_ids, *(tuple(found) for found in (hosted, signed, elsewhere))
    )


@dataclass(frozen=True)
class OwnFiles:
    """Answers requests of people who send files from their page, or look at what they sent."""

    renderer: Renderer
    sessions: BrowserSessions

    @property
    def services(self) -> Services:
        """The tournament's services."""
        return self.renderer.services

    def routes(self) -> list[Route]:
        """Return the routes."""
        origin, path = self.renderer.origin, "/account/submissions/{id}"
        return [
            script_route("/account/upload", origin, self._grant),
            script_route("/account/prepare", origin, self._prepare),
            script_route("/account/submit", origin, self._submit),
            Route(path, self.submission, methods=["GET"]),
            Route(path, self.check, methods=["POST"]),
        ]

    def _grant(self, request: Request, fields: Fields) -> dict[str, Any]:
        context = self.sessions.require_own(request, fields).context
        number = self.services.number
        return upload_roots.submission_upload_auth(
            context, fields.get("filename", ""), number, fields.get("model"), here=True
        )

    def _prepare(self, request: Request, fields: Fields) -> dict[str, Any]:
        """Answer what a wallet has to sign of a file that was sent."""
        visitor = self.sessions.require_own(request, fields)
        return upload_roots.unsigned_submission(
            visitor.context, fields.get("filename", ""), fields.get("model")
        )

    def _submit(self, request: Request, fields: Fields) -> dict[str, Any]:
        context = self.sessions.require_own(request, fields).context
        filename, signature = fields.get("filename", ""), fields.get("signature")
        if signature:
            number, content = fields.get("round", ""), fields.get("content_hash", "")
            if not (number.isascii() and number.isdecimal() and len(number) < 10):
                raise ApiError("round: expected the number of a round, found another text")
            upload_roots.sign_upload(context, filename, int(number), content, signature)
        created = upload_roots.create_submission(context, filename, model_id=fields.get("model"))
        found = upload_roots.submissions(context, fields.get("model"))
        return next(document for document in found if document["id"] == created["id"])

    async def submission(self, request: Request) -> Response:
        """Answer with one of one's own submissions."""
        return await run_in_threadpool(self._page, request, None)

    async def check(self, request: Request) -> Response:
        """Answer with one of one's own submissions, and with its scores computed from its file."""
        try:
            if not is_from(request, self.renderer.origin):
                raise Forbidden(FOREIGN)
            fields = await read_form(request)
            await run_in_threadpool(self.sessions.require_own, request, fields)
        except ApiError:
            return html(await run_in_threadpool(self._missing), request, status=403)
        return await run_in_threadpool(self._checked, request)

    def _checked(self, request: Request) -> Response:
        visitor = self.sessions.visitor(request)
        row = None if visitor is None else self._row(visitor, request.path_params["id"])
        if row is None:
            return html(self._missing(), request, status=404)
        try:
            return self._page(request, check_own(self.services, row))
        except ApiError as error:
            return self._page(request, None, str(error), 400)

    def _row(self, visitor: Visitor, submission: str) -> sa.Row[Any] | None:
        models = [model.id for model in self.services.accounts.models_of(visitor.caller.account)]
        return self.services.submissions.records.newest(models, submission[:40])

    def _page(
        self, request: Request, found: OwnCheck | None, problem: str | None = None, status: int = 200
    ) -> Response:
        visitor = self.sessions.visitor(request)
        row = None if visitor is None else self._row(visitor, request.path_params["id"])
        if visitor is None or row is None:
            return html(self._missing(), request, status=404)
        services = self.services
        of_round = services.queries.round(row.round)
        document = services.submissions.records.document(row)
        data = {
            "row": row,
            "document": document,
            "model": services.accounts.models([row.model])[row.model],
            "of_round": of_round,
            "is_encrypted": row.inbox_file.endswith(ENVELOPE_SUFFIX),
            "ciphertext": ciphertext_hash(row).hex(),
            "can_be_checked": can_be_checked(row, of_round),
            "found": found,
            "problem": problem,
            "csrf": visitor.form_token,
        }
        return html(self._text("submission.html", data), request, status=status)

    def _missing(self) -> str:
        return self._text("missing.html", {"what": "page"})

    def _text(self, template: str, data: dict[str, Any]) -> str:
        shared = {"cursor": self.services.queries.cursor(), "now": self.services.clock()}
        return self.renderer.text(Page(template, {**shared, **data}))
