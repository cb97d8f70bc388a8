"""The API as an agent's tools reach it: in the server itself, or over HTTP from its user's machine."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from scorer.server.engine import GraphqlEngine
from scorer.server.errors import ApiError
from scorer.server.round_files import TOURNAMENT, RoundFiles
from scorer.server.round_roots import rules_of
from scorer.server.services import RequestContext
from scorer.server.upstream import Upstream
from scorer.storage.bundle import RULES


class AgentApi(Protocol):
    """Answers what tools ask, with the rights of whoever asks."""

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the value of the one root of a GraphQL document.

        Raises
        ------
        ApiError
            When the server refuses.
        """
        ...

    def tournament(self) -> dict[str, Any]:
        """Return the document tournament.json."""
        ...

    def rules(self, round_id: int) -> dict[str, Any]:
        """Return the rules document of a round."""
        ...


@dataclass(frozen=True)
class ServerApi:
    """Answers in the server, by the same roots, limits and keys as a GraphQL request.

    Attributes
    ----------
    charge
        Counts the cost of an answer.
    """

    engine: GraphqlEngine
    context: RequestContext
    charge: Callable[[int], None]

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the value of the one root of a document; see `AgentApi.ask`."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        answer, cost = self.engine.answer_with_cost(body, self.context)
        self.charge(cost)
        for error in answer.get("errors") or ():
            raise ApiError(str(error["message"]))
        return next(iter(answer["data"].values()))

    def tournament(self) -> dict[str, Any]:
        """Return the document tournament.json."""
        return RoundFiles(self.context.services).document()

    def rules(self, round_id: int) -> dict[str, Any]:
        """Return the rules document of a round."""
        row = self.context.services.queries.round(min(round_id, 2**31 - 1))
        rules = None if row is None else rules_of(self.context.services, row)
        if rules is None:
            raise ApiError(f"round {round_id}: expected one whose rules are published, found none")
        document: dict[str, Any] = json.loads(rules.canonical_json())
        return document


@dataclass(frozen=True)
class RemoteApi:
    """Answers by asking a server over HTTP, with the user's key."""

    upstream: Upstream
    authorization: str | None

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the value of the one root of a document; see `AgentApi.ask`."""
        return self.upstream.query(query, self.authorization, **variables)

    def tournament(self) -> dict[str, Any]:
        """Return the document tournament.json."""
        return self._document(TOURNAMENT)

    def rules(self, round_id: int) -> dict[str, Any]:
        """Return the rules document of a round."""
        return self._document(f"rounds/{round_id}/{RULES}")

    def _document(self, path: str) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads(self.upstream.get(path))
        except ValueError:
            raise ApiError(f"{path}: expected JSON from the server, found something else") from None
        return document
