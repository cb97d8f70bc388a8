"""Routes of what pages link to that is no page: statements, badges, ids, payouts and built files."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scorer.evaluation.statement import Receipt, StatementEntry, write_statement
from scorer.server.errors import ApiError
from scorer.server.pages.badges import BAD, GOOD, NEUTRAL, badge
from scorer.server.pages.formatting import percent
from scorer.server.pages.headers import IMAGE_POLICY, page_headers
from scorer.server.pages.model_page import read_account, read_model
from scorer.server.pages.public_routes import SOON, number_in
from scorer.server.pages.rendering import Rendered, asset, asset_type
from scorer.server.services import Services
from scorer.server.tables import RESULT

FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class FileAnswers:
    """Answers requests for files that pages name."""

    services: Services

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/rounds/current/ids.txt", self.ids),
            Route("/rounds/{number:int}/payouts.json", self.payouts),
            Route("/models/{number:int}/badge.svg", self.badge),
            Route("/models/{number:int}/statement.csv", self.model_statement),
            Route("/accounts/{key}/statement.csv", self.account_statement),
            Route("/assets/{name}", self.asset),
        ]

    async def ids(self, _: Request) -> Response:
        """Answer with the ids of the round that takes submissions, a line each."""
        try:
            text = await run_in_threadpool(self._ids)
        except ApiError as error:
            return Response(f"{error}\n", 404, media_type="text/plain")
        return Response(text, media_type="text/plain", headers={"Cache-Control": SOON})

    def _ids(self) -> str:
        row = self.services.submissions.window.row()
        return "".join(f"{name}\n" for name in self.services.published.universe(row.id, row.universe).ids)

    async def payouts(self, request: Request) -> Response:
        """Answer with every payout of a round as this server has it, for a browser that recomputes them."""
        number = number_in(request)
        query = sa.select(RESULT).where(RESULT.c.round == number, RESULT.c.payout.is_not(None))
        rows = await run_in_threadpool(self._rows, query.order_by(RESULT.c.model))
        names = ("position", "reward_score", "payout", "burn")
        found = [{"model": row.model, **{name: getattr(row, name) for name in names}} for row in rows]
        for row in found:
            row.update({name: str(row[name]) for name in ("position", "payout", "burn")})
        return JSONResponse(found, headers={"Cache-Control": SOON})

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with self.services.database.reading() as connection:
            return connection.execute(query).all()

    async def badge(self, request: Request) -> Response:
        """Answer with a model's rank or return as a picture."""
        kind = request.query_params.get("show", "rank")
        text = await run_in_threadpool(self._badge, number_in(request), kind)
        status = 404 if text is None else 200
        answer = Rendered.of(text or badge("cupel", "no such model"), None, status)
        headers = {"Content-Security-Policy": IMAGE_POLICY, "Cache-Control": "public, max-age=300"}
        return answer.response(request, headers, "image/svg+xml")

    def _badge(self, number: int, kind: str) -> str | None:
        facts = read_model(self.services, number)
        if facts is None:
            return None
        standing = facts.standing
        if standing is None:
            return badge(facts.model.name, "no round yet")
        if kind == "return":
            share = standing.net_364 / standing.at_risk_364 if standing.at_risk_364 else None
            colour = NEUTRAL if not share else GOOD if share > 0 else BAD
            return badge(facts.model.name, f"1 year {percent(share)}", colour)
        return badge(facts.model.name, f"rank {standing.rank}", GOOD)

    async def model_statement(self, request: Request) -> Response:
        """Answer with what a model earned, as CSV for taxes."""
        number = number_in(request)
        return await run_in_threadpool(self._statement, [number], f"model-{number}", request)

    async def account_statement(self, request: Request) -> Response:
        """Answer with what all models of an account earned, as CSV for taxes."""
        facts = await run_in_threadpool(read_account, self.services, request.path_params["key"])
        if facts is None:
            return Response("accounts: expected one that is here, found none\n", 404, media_type="text/plain")
        models = [model.id for model in facts.models]
        return await run_in_threadpool(self._statement, models, "account", request)

    def _statement(self, models: list[int], name: str, request: Request) -> Response:
        year = request.query_params.get("year", "")
        if year and not (year.isascii() and year.isdecimal() and len(year) == 4):
            return Response("year: expected four digits, found another text\n", 400, media_type="text/plain")
        out = io.StringIO()
        try:
            write_statement(self._entries(models, int(year) if year else None), out)
        except ApiError as error:
            return Response(f"{error}; try again in a minute\n", 503, media_type="text/plain")
        file = f"cupel-{name}{f'-{year}' if year else ''}.csv"
        headers = {**page_headers(), "Content-Disposition": f'attachment; filename="{file}"'}
        return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)

    def _entries(self, models: list[int], year: int | None) -> list[StatementEntry]:
        entries = []
        for result in reversed(self.services.queries.results_of(models)):
            if result.payout is None or not result.position:
                continue
            explanation = self.services.bundles.find_explanation(result.model, result.id)
            if explanation is None:
                continue
            receipt = None
            if result.transaction_hash is not None and result.settled_at is not None:
                receipt = Receipt(result.transaction_hash, None, result.settled_at)
            if year is not None and (receipt is None or receipt.settled_at.year != year):
                continue
            entries.append(StatementEntry(self.services.suite.addresses.tournament, explanation, receipt))
        return entries

    async def asset(self, request: Request) -> Response:
        """Answer with a built file, whose name changes with its content."""
        name = request.path_params["name"]
        found = await run_in_threadpool(asset, name)
        if found is None:
            return Response(
                "assets: expected a file of this release, found none\n", 404, media_type="text/plain"
            )
        headers = {"Cache-Control": FOREVER, "Content-Security-Policy": IMAGE_POLICY}
        return found.response(request, headers, asset_type(name))
