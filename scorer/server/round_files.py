"""Routes of what a client needs to sign: the tournament's place, each round's rules, universe and members."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from scorer.oracle.exchange import PUBLIC
from scorer.protocol.documents import to_hex
from scorer.server.errors import ApiError
from scorer.server.served_names import MEMBERS, TOURNAMENT
from scorer.server.services import Services
from scorer.storage.bundle import NAMES, RULES, UNIVERSE

BEFORE_THE_OUTCOME: Final = (RULES, UNIVERSE, NAMES)
"""Files that the operator publishes when a round opens."""
SERVED: Final = PUBLIC | {*BEFORE_THE_OUTCOME}
AT_ONCE: Final = 8
"""Threads that look at once: a bundle or a chain that is slow holds them, and others need theirs."""


@dataclass(frozen=True)
class RoundFiles:
    """Answers requests for public files of rounds: those of a settled one are its whole public bundle."""

    services: Services
    looking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(f"/{TOURNAMENT}", self.tournament),
            Route("/rounds/{number:int}/" + MEMBERS, self.members),
            Route("/rounds/{number:int}/{file}", self.file),
        ]

    async def tournament(self, _: Request) -> Response:
        """Answer with the chain, the contract, and who signs receipts."""
        return JSONResponse(await run_in_threadpool(self.document))

    def document(self) -> dict[str, Any]:
        """Return what a client has to know of the tournament."""
        services = self.services
        return {
            "name": services.name,
            "kind": services.kind,
            "number": services.number,
            "chain_id": services.suite.addresses.chain_id,
            "tournament": services.suite.addresses.tournament,
            "deployment": services.suite.addresses.to_json(),
            "server": services.submissions.signer.address,
            "uploads": services.uploads.urls_begin,
        }

    async def members(self, request: Request) -> Response:
        """Answer with the keys to which submissions to a round that has opened are encrypted."""
        try:
            async with self.looking:
                document = await run_in_threadpool(self._members, request.path_params["number"])
        except ApiError as error:
            return PlainTextResponse(f"{error}\n", 404)
        return JSONResponse(document)

    def _members(self, number: int) -> dict[str, Any]:
        if self.services.queries.round(min(number, 2**31 - 1)) is None:
            raise ApiError("rounds: expected a round that has opened, found none")
        keys = self.services.submissions.window.members.keys(number)
        return {"threshold": keys.threshold, "keys": [to_hex(key) for key in keys.published]}

    async def file(self, request: Request) -> Response:
        """Answer with a file of a round that has opened."""
        number, file = request.path_params["number"], request.path_params["file"]
        async with self.looking:
            path = await run_in_threadpool(self._path, number, file)
        if path is None:
            return PlainTextResponse("rounds: expected a file of a round that has opened, found none\n", 404)
        return FileResponse(path, media_type="application/octet-stream")

    def _path(self, number: int, file: str) -> Path | None:
        """Return the path of a public file: of the bundle, once the round is settled and it is here."""
        if file not in SERVED:  # first: what costs something is done for names that can be there alone
            return None
        row = self.services.queries.round(min(number, 2**31 - 1))
        if row is None:
            return None
        found = self.services.bundles.path(number, file) if row.is_scored else None
        if found is None and file in BEFORE_THE_OUTCOME:
            found = self.services.published.folder(number) / file
        return found if found is not None and found.is_file() else None
