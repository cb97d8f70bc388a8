"""Routes of what pages link to that is no page: statements, badges, ids, payouts and built files."""

import asyncio
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from scorer.errors import CupelError
from scorer.evaluation.statement import Receipt, StatementEntry, write_statement
from scorer.server.errors import ApiError
from scorer.server.graphql_route import COST_OF_REQUEST
from scorer.server.pages.badges import BAD, GOOD, NEUTRAL, badge
from scorer.server.pages.formatting import percent
from scorer.server.pages.headers import IMAGE_POLICY, page_headers
from scorer.server.pages.model_page import read_account
from scorer.server.pages.public_routes import SOON, number_in
from scorer.server.pages.rendering import Rendered, asset, asset_type
from scorer.server.queries import Rows
from scorer.server.rate_limit import RateLimiter, address_of, refusal
from scorer.server.services import Services

FOREVER: Final = "public, max-age=31536000, immutable"
MOST_RESULTS: Final = 20_000
"""Lines of a statement: a year of daily rounds of 54 models."""
AT_ONCE: Final = 2
"""Statements that are made at once, so that threads are left for everybody else."""
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9998
PAYOUT: Final = ("position", "payout", "burn")
"""Amounts of a payout, which are sent as texts: a browser's numbers do not hold them."""


class _Refused(Exception):
    """A statement that is not made; the message says why."""


@dataclass(frozen=True)
class FileAnswers:
    """Answers requests for files that pages name.

    Attributes
    ----------
    limiter
        Is charged for what an answer costs; its routes are limited as all others are.
    """

    services: Services
    limiter: RateLimiter | None = None
    statements: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

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

    def _charge(self, request: Request, requests: int) -> None:
        if self.limiter is not None:
            self.limiter.charge(address_of(request), requests)

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
        text = await run_in_threadpool(self._payouts, request)
        return Response(text, media_type="application/json", headers={"Cache-Control": SOON})

    def _payouts(self, request: Request) -> str:
        rows = [row._asdict() for row in self.services.queries.payouts(number_in(request))]
        self._charge(request, sum(map(len, rows)) // COST_OF_REQUEST)
        return json.dumps([row | {name: str(row[name]) for name in PAYOUT} for row in rows])

    async def badge(self, request: Request) -> Response:
        """Answer with a model's rank or return as a picture."""
        kind = request.query_params.get("show", "rank")
        text = await run_in_threadpool(self._badge, number_in(request), kind)
        status = 404 if text is None else 200
        answer = Rendered.of(text or badge("cupel", "no such model"), None, status)
        headers = {"Content-Security-Policy": IMAGE_POLICY, "Cache-Control": "public, max-age=300"}
        return answer.response(request, headers, "image/svg+xml")

    def _badge(self, number: int, kind: str) -> str | None:
        model, standing = self.services.accounts.model(number), self.services.queries.standing(number)
        if model is None:
            return None
        if standing is None:
            return badge(model.name, "no round yet")
        if kind == "return":
            share = standing.net_364 / standing.at_risk_364 if standing.at_risk_364 else None
            colour = NEUTRAL if not share else GOOD if share > 0 else BAD
            return badge(model.name, f"1 year {percent(share)}", colour)
        return badge(model.name, f"rank {standing.rank}", GOOD)

    async def model_statement(self, request: Request) -> Response:
        """Answer with what a model earned, as CSV for taxes."""
        number = number_in(request)
        return await self._statement([number], f"model-{number}", request)

    async def account_statement(self, request: Request) -> Response:
        """Answer with what all models of an account earned, as CSV for taxes."""
        facts = await run_in_threadpool(read_account, self.services, request.path_params["key"])
        if facts is None:
            return PlainTextResponse("accounts: expected one that is here, found none\n", 404)
        return await self._statement([model.id for model in facts.models], "account", request)

    async def _statement(self, models: list[int], name: str, request: Request) -> Response:
        year = request.query_params.get("year", "")
        try:
            times = _times(year)
            async with self.statements:
                # Counted again: who waits here has meanwhile been charged for the statements before.
                refused = refusal(request, self.limiter)
                if refused is not None:
                    return refused
                text = await run_in_threadpool(self._text, models, times, request)
        except _Refused as error:
            return PlainTextResponse(f"{error}\n", 400)
        except CupelError as error:
            return PlainTextResponse(f"{error}; try again in a minute\n", 503)
        file = f"cupel-{name}{f'-{year}' if year else ''}.csv"
        headers = {**page_headers(), "Content-Disposition": f'attachment; filename="{file}"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    def _text(self, models: list[int], times: tuple[int, int] | None, request: Request) -> str:
        results = self.services.queries.earned(models, MOST_RESULTS + 1, times)
        if len(results) > MOST_RESULTS:
            raise _Refused(
                f"statement: expected at most {MOST_RESULTS} results, found more; ask for one year "
                "(?year=2026) or for one model, or run cupel statement"
            )
        out = io.StringIO()
        write_statement(self._entries(results, request), out)
        return out.getvalue()

    def _entries(self, results: Rows, request: Request) -> Iterator[StatementEntry]:
        """Yield the lines of a statement, reading each round once."""
        tournament = self.services.suite.addresses.tournament
        for round_id, of_round in groupby(results, lambda result: int(result.round)):
            self._charge(request, 1)
            scored = self.services.bundles.bundle(round_id).scored
            for result in of_round:
                yield StatementEntry(tournament, scored.explain(result.model), _receipt(result))

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


def _times(year: str) -> tuple[int, int] | None:
    """Return the Unix seconds at which a year begins and ends; None where no year is named."""
    if not year:
        return None
    if not (year.isascii() and year.isdecimal() and len(year) == 4 and FIRST_YEAR <= int(year) <= LAST_YEAR):
        raise _Refused(f"year: expected four digits, from {FIRST_YEAR} on, found another text")
    first, end = (int(datetime(int(year) + more, 1, 1, tzinfo=UTC).timestamp()) for more in (0, 1))
    return first, end


def _receipt(result: sa.Row[Any]) -> Receipt | None:
    if result.transaction_hash is None or result.settled_at is None:
        return None
    return Receipt(result.transaction_hash, None, result.settled_at)
