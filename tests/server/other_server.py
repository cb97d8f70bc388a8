"""A server of somebody else: it says what it likes, and notes what it is sent."""

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send

from scorer.chain.records import Addresses


def addresses(number: int = 1) -> Addresses:
    """Addresses of contracts that are nowhere."""
    contracts = ("authority", "numeraire", "registry", "committee", "tournament", "burn_sink", "roller")
    named = {name: f"0x{number}{place}" + "0" * 38 for place, name in enumerate(contracts, start=1)}
    return Addresses.from_json({"chain_id": 31337, "block": 0, **named})


def with_another(real: Addresses, name: str, address: str) -> Addresses:
    """Addresses of which one is another."""
    return Addresses.from_json({**real.to_json(), name: address})


@dataclass
class OtherServer:
    """Answers tournament.json by some addresses, and GraphQL by the name of a root.

    Attributes
    ----------
    said
        The value of each root that is asked for; an error for any other.
    seen
        Method, path, authorization and body of each request.
    """

    addresses: Addresses
    said: dict[str, Any] = field(default_factory=dict)
    seen: list[tuple[str, str, str | None, bytes]] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        place = {"chain_id": self.addresses.chain_id, "tournament": self.addresses.tournament}
        more = {"deployment": self.addresses.to_json(), "server": self.addresses.authority, "number": 8}
        return {"name": "other", "kind": "classic", **place, **more}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        request = Request(scope, receive)
        body = await request.body()
        self.seen.append((request.method, request.url.path, request.headers.get("authorization"), body))
        answer: Any = PlainTextResponse("nothing here\n", 404)
        if request.url.path == "/tournament.json":
            answer = JSONResponse(self.document())
        elif request.method == "POST":
            query = json.loads(body)["query"]
            found = {name: value for name, value in self.said.items() if name in query}
            answer = JSONResponse({"data": found} if found else {"errors": [{"message": "expected less"}]})
        await answer(scope, receive, send)
