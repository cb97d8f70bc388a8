"""Serves agents' tools from the folders of members, over HTTP on this machine."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import uvicorn
from starlette.applications import Starlette

from scorer.chain.endpoint import EndpointError
from scorer.chain.records import Addresses
from scorer.server.agent_consensus import CONSENSUS
from scorer.server.agent_server import AgentRoute, agent_server
from scorer.server.agent_tools import ToolSet
from scorer.server.consensus_documents import ConsensusDocuments, plain
from scorer.server.errors import ApiError

PATIENCE: Final = 120.0
MOST_BODY: Final = 2**20
NOT_HERE: Final = "expected a whole server for this, found one of consensus documents alone"


@dataclass(frozen=True)
class FolderApi:
    """Answers tools for consensus documents, and refuses the others: there is no database here."""

    addresses_from: ClassVar[str] = "the chain of this rehearsal"
    documents: ConsensusDocuments

    def ask(self, query: str, **variables: Any) -> Any:
        """Refuse to answer: only documents are here."""
        raise ApiError(f"{query[:20]} {sorted(variables)}: {NOT_HERE}")

    def tournament(self) -> dict[str, Any]:
        """Refuse to answer: only documents are here."""
        raise ApiError(NOT_HERE)

    def addresses(self) -> Addresses:
        """Return the contracts."""
        return self.documents.suite.addresses

    def rules(self, round_id: int) -> dict[str, Any]:
        """Refuse to answer: only documents are here."""
        raise ApiError(f"round {round_id}: {NOT_HERE}")

    def consensus(self, round_id: int) -> dict[str, Any]:
        """Return the document of a round with its signatures."""
        return plain(self.documents.document(round_id))


@contextmanager
def served_tools(documents: ConsensusDocuments) -> Iterator[str]:
    """Serve the tools in a thread; the URL that an agent's configuration names.

    Raises
    ------
    EndpointError
        When they are not there in time.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # As asyncio does where it binds itself: else a body waits 40 ms until its headers are acknowledged.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        api = FolderApi(documents)
        made = agent_server(lambda _: api, ToolSet(CONSENSUS))
        route = AgentRoute.of(made, url, None, MOST_BODY)
        app = Starlette(routes=[route.route], lifespan=route.running)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            _await(server, thread)
            yield f"{url}/mcp"
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


def _await(server: uvicorn.Server, thread: threading.Thread) -> None:
    until = time.monotonic() + PATIENCE
    while not server.started:
        if not thread.is_alive() or time.monotonic() > until:
            raise EndpointError("expected agents' tools on this machine, found that they did not start")
        time.sleep(0.01)
