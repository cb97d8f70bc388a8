"""Serves consensus documents, and cards that say what a model is and where its record is proven.

A card holds numbers, addresses and URLs alone: no name and no text that a user wrote, which an agent might
obey.
"""

from dataclasses import dataclass
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from scorer.server.consensus_documents import QUORUM_FILE, ConsensusDocuments, Document
from scorer.server.errors import ApiError
from scorer.server.services import Services

CARD: Final = "/.well-known/agent-card.json"
CARD_VERSION: Final = 1


def model_card(services: Services, model: int) -> Document:
    """Return the card of a model: what it is, and where its record is proven.

    Raises
    ------
    ApiError
        When no model has this number.
    """
    addresses = services.suite.addresses
    count = int(services.suite.registry.functions.modelCount().call())
    if not 0 < model <= count:
        raise ApiError(f"model: expected a number from 1 to {count}, found {model}")
    return {
        **_card(services),
        "kind": "model",
        "token": {"standard": "ERC-721", "contract": addresses.registry, "id": model},
        "record": {
            "command": f"cupel record {model} record.json --endpoint RPC --deployment deployment.json",
            "check": "cupel record verify record.json --endpoint RPC --deployment deployment.json",
            "scores": f"{services.url}/models/{model}",
        },
    }


def meta_model_card(services: Services) -> Document:
    """Return the card of the meta model of the tournament, and of this server's tools."""
    return {
        **_card(services),
        "kind": "meta model",
        "description": "The stake-weighted mean of the ranks that every staked submission of a round gives.",
        "documents": f"{services.url}/rounds/{{number}}/{QUORUM_FILE}",
        "record": {"rounds": f"{services.url}/rounds", "verify": f"{services.url}/rounds/{{number}}"},
        "tools": {"protocol": "MCP", "url": f"{services.url}/mcp"},
    }


def _card(services: Services) -> Document:
    addresses = services.suite.addresses
    return {
        "card_version": CARD_VERSION,
        "chain_id": addresses.chain_id,
        "tournament": addresses.tournament,
        "proves": "nothing by itself: documents by their signatures, records by the chain",
    }


@dataclass(frozen=True)
class ConsensusRoutes:
    """Answers requests for documents and cards; all are public."""

    services: Services
    documents: ConsensusDocuments

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/rounds/{number:int}/" + QUORUM_FILE, self.consensus),
            Route(CARD, self.meta_model),
            Route("/.well-known/models/{number:int}.json", self.model),
        ]

    async def consensus(self, request: Request) -> Response:
        """Answer with a round's document and the signatures of a quorum."""
        return await _json(self.documents.document, request.path_params["number"])

    async def meta_model(self, _: Request) -> Response:
        """Answer with the card of the meta model."""
        return await _json(meta_model_card, self.services)

    async def model(self, request: Request) -> Response:
        """Answer with the card of a model."""
        return await _json(model_card, self.services, request.path_params["number"])


async def _json(answer: Any, *arguments: Any) -> Response:
    try:
        return JSONResponse(await run_in_threadpool(answer, *arguments))
    except ApiError as error:
        return PlainTextResponse(f"{error}\n", 404)
