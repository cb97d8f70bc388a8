"""Tools of an agent on its user's machine: a file goes nowhere but to the user's own gateway."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from scorer.protocol.documents import to_hex
from scorer.redaction import shown_path
from scorer.server.agent_api import AgentApi
from scorer.server.agent_consensus import CONSENSUS
from scorer.server.agent_documents import SUBMIT, UPLOAD
from scorer.server.agent_submission import EFFECT, confirmation, require_confirmation
from scorer.server.agent_tools import KEYED, PUBLIC, Document, ModelId, ToolSet
from scorer.server.errors import ApiError
from scorer.server.gateway_proof import LocalGateway
from scorer.server.signing_rounds import RoundReader
from scorer.submission.reader import check_submission, read_bounded

SUFFIXES: Final = (".csv", ".parquet")
FilePath = Annotated[str, Field(description="A CSV or Parquet file on this machine.", max_length=1_000)]


@dataclass(frozen=True)
class LocalFiles:
    """Checks files of predictions, and submits them through a gateway, which encrypts and signs.

    Attributes
    ----------
    rounds
        Reads the open round from the server.
    number
        By which clients call the tournament.
    gateway
        The gateway on this machine; None: nothing can be submitted.
    authorization
        The header with the user's API key.
    """

    rounds: RoundReader
    number: int
    gateway: LocalGateway | None
    authorization: str | None

    def tools(self) -> ToolSet:
        """Return the tools: those that submit only where there is a gateway."""
        reading = {**PUBLIC, **CONSENSUS, **KEYED, "check_file": self.check_file}
        replacing = {} if self.gateway is None else {"submit_file": self.submit_file}
        return ToolSet(reading, replacing=replacing)

    def check_file(self, _api: AgentApi, *, path: FilePath, model_id: ModelId) -> Document:
        """Check a file of predictions on this machine for the open round, as the operator will.

        Nothing is sent. `confirm` is the code that submit_file takes; show the rest to the user first.
        """
        return self._checked(path, model_id)[0]

    def submit_file(
        self,
        _api: AgentApi,
        *,
        path: FilePath,
        model_id: ModelId,
        confirm: Annotated[str, Field(description="The code of check_file.", pattern="^[0-9a-f]{64}$")],
    ) -> Document:
        """Submit a file that check_file found right, by the user's gateway. Only after the user agreed."""
        if self.gateway is None:
            raise ApiError("submit_file: expected a gateway, found none; start cupel mcp with --gateway")
        found, content = self._checked(path, model_id)
        require_confirmation(confirm, found["confirm"], "check_file")
        gateway = self.gateway.proven()
        asked: dict[str, Any] = {"f": Path(path).name[-100:], "t": self.number, "m": model_id}
        granted = gateway.query(UPLOAD, self.authorization, **asked)
        gateway.put(granted["url"], content)
        asked |= {"f": granted["filename"], "r": found["round"]}
        made = gateway.query(SUBMIT, self.authorization, **asked)
        return {"id": made["id"], "next": "list_submissions has its receipt"}

    def _checked(self, path: str, model_id: str) -> tuple[Document, bytes]:
        """Return what is to be said of a file, and its bytes."""
        file, terms = Path(path), self.rounds.current(int(model_id), "")
        if file.suffix.lower() not in SUFFIXES or not file.is_file():
            raise ApiError(
                f"{shown_path(file)}: expected a file of predictions, .csv or .parquet, found none"
            )
        content = read_bounded(file, len(terms.universe.ids))
        checked = check_submission(terms.rules.submissions, content, terms.universe, file.name)
        place = (terms.place.chain_id, terms.place.tournament, terms.place.round_id)
        document = {
            "round": terms.place.round_id,
            "model_id": model_id,
            "predictions": len(checked.values),
            "ids": checked.coverage.document(),
            "content_hash": to_hex(terms.content_hash(checked.values)),
            "is_encrypted": terms.members is not None,
            "effect": EFFECT,
            "confirm": confirmation(place, int(model_id), hashlib.sha256(content).hexdigest()),
        }
        return document, content
