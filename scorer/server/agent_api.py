"""The API as an agent's tools reach it: in the server itself, or over HTTP from its user's machine."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from scorer.chain.records import Addresses
from scorer.server.consensus_documents import QUORUM_FILE, plain
from scorer.server.engine import GraphqlEngine
from scorer.server.errors import ApiError
from scorer.server.known_servers import require_contracts
from scorer.server.round_files import RoundFiles
from scorer.server.round_roots import rules_of
from scorer.server.served_names import TOURNAMENT
from scorer.server.services import RequestContext
from scorer.server.unsigned import addresses_of
from scorer.server.upstream import Upstream
from scorer.storage.bundle import RULES


class AgentApi(Protocol):
    """Answers what tools ask, with the rights of whoever asks.

    Attributes
    ----------
    addresses_from
        Says, for an agent and its user, where `addresses` come from.
    """

    addresses_from: ClassVar[str]

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

    def addresses(self) -> Addresses:
        """Return the contracts for transactions and typed data that a wallet is to sign."""
        ...

    def rules(self, round_id: int) -> dict[str, Any]:
        """Return the rules document of a round."""
        ...

    def consensus(self, round_id: int) -> dict[str, Any]:
        """Return the consensus document of a round, with its signatures."""
        ...


@dataclass(frozen=True)
class ServerApi:
    """Answers in the server, by the same roots, limits and keys as a GraphQL request.

    Attributes
    ----------
    charge
        Counts the cost of an answer.
    """

    addresses_from: ClassVar[str] = (
        "this server's own word: before you sign, compare them with what the operator announced elsewhere; "
        "cupel mcp --deployment does"
    )
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

    def addresses(self) -> Addresses:
        """Return the contracts that this server follows."""
        return self.context.services.suite.addresses

    def rules(self, round_id: int) -> dict[str, Any]:
        """Return the rules document of a round."""
        row = self.context.services.queries.round(min(round_id, 2**31 - 1))
        rules = None if row is None else rules_of(self.context.services, row)
        if rules is None:
            raise ApiError(f"round {round_id}: expected one whose rules are published, found none")
        document: dict[str, Any] = json.loads(rules.canonical_json())
        return document

    def consensus(self, round_id: int) -> dict[str, Any]:
        """Return the consensus document of a round, with its signatures."""
        return plain(self.context.services.consensus.document(min(round_id, 2**31 - 1)))


@dataclass(frozen=True)
class RemoteApi:
    """Answers by asking a server over HTTP, with the user's key.

    Attributes
    ----------
    own
        The contracts by the user's own deployment file, which a server must name too; None: there is no such
        file, and what the server names is shown, and put into nothing that is to be signed.
    """

    addresses_from: ClassVar[str] = "your own deployment file"
    upstream: Upstream
    authorization: str | None
    own: Addresses | None = None

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the value of the one root of a document; see `AgentApi.ask`."""
        return self.upstream.query(query, self.authorization, **variables)

    def tournament(self) -> dict[str, Any]:
        """Return the document tournament.json.

        Raises
        ------
        scorer.server.known_servers.ServerChanged
            When it names other contracts than the user's deployment file.
        """
        document = self._document(TOURNAMENT)
        if self.own is not None:
            require_contracts(self.upstream.url, self.own, addresses_of(document))
        return document

    def addresses(self) -> Addresses:
        """Return the contracts of the user's deployment file.

        Raises
        ------
        ApiError
            When there is none.
        scorer.server.known_servers.ServerChanged
            When the server names others.
        """
        if self.own is None:
            raise ApiError(
                "contracts: expected your own deployment file, since a server alone must not say where your "
                "signature counts, found none; start cupel mcp with --deployment, or after cupel join"
            )
        self.tournament()
        return self.own

    def rules(self, round_id: int) -> dict[str, Any]:
        """Return the rules document of a round."""
        return self._document(f"rounds/{round_id}/{RULES}")

    def consensus(self, round_id: int) -> dict[str, Any]:
        """Return the consensus document of a round, with its signatures."""
        return plain(self._document(f"rounds/{round_id}/{QUORUM_FILE}"))

    def _document(self, path: str) -> dict[str, Any]:
        try:
            document = json.loads(self.upstream.get(path))
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise ApiError(f"{path}: expected a JSON document from the server, found something else")
        return document
