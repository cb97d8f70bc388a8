"""Tools of agents that upload and submit: what is confirmed is what was previewed, and nothing else."""

import hashlib
from typing import Annotated, Final

from pydantic import Field

from scorer.server.agent_api import AgentApi
from scorer.server.agent_consensus import CONSENSUS
from scorer.server.agent_documents import DIAGNOSE, STATUS, SUBMIT
from scorer.server.agent_tools import KEYED, PUBLIC, Document, ModelId, ToolSet, by_name, record_of
from scorer.server.errors import ApiError

Filename = Annotated[str, Field(description="The name that request_upload gave.", max_length=120)]
EFFECT: Final = "replaces what this model submitted to the round before; it cannot be taken back"


def confirmation(place: tuple[int, str, int], model: int, sha256: str) -> str:
    """Return the code that confirms one submission and no other, 64 hex digits.

    Parameters
    ----------
    place
        Chain, tournament and round.
    sha256
        Of the file, in hex.
    """
    chain_id, tournament, round_id = place
    parts = ("cupel submission", str(chain_id), tournament.lower(), str(round_id), str(model), sha256.lower())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def require_confirmation(given: str, expected: str, preview: str) -> None:
    """Refuse a code that confirms another submission.

    Parameters
    ----------
    preview
        The tool that gives the right one.

    Raises
    ------
    ApiError
        Names what the code is bound to.
    """
    if given != expected:
        raise ApiError(
            f"confirm: expected the code of {preview} for this chain, tournament, round, model and file, "
            f"found another; call {preview} again, and show the user what it says"
        )


def request_upload(
    api: AgentApi,
    *,
    model_id: ModelId,
    purpose: Annotated[
        str, Field(description="submission or diagnostics.", pattern="^(submission|diagnostics)$")
    ],
) -> Document:
    """Return a name and a URL to which the user sends a CSV or Parquet file by PUT: curl -T FILE URL.

    Predictions never pass through this conversation. In a round that encrypts, only a model that lets the
    server sign may upload here; others submit through cupel gateway on their machine.
    """
    root = "submissionUploadAuth" if purpose == "submission" else "diagnosticsUploadAuth"
    query = (
        f"query ($f: String!, $t: Int!, $m: String) {{ {root}(filename: $f, tournament: $t, modelId: $m) "
        "{ filename url } }"
    )
    granted: Document = api.ask(query, f="predictions.csv", t=_number(api), m=model_id)
    return {**granted, "next": "send the file by PUT, then check_upload"}


def check_upload(api: AgentApi, *, filename: Filename) -> Document:
    """Check a file that was sent as submitting would, and submit nothing: size, SHA-256, what is wrong."""
    found: Document = api.ask(STATUS, f=filename)
    return {**found, "filename": filename}


def run_diagnostics(api: AgentApi, *, filename: Filename, model_id: ModelId) -> Document:
    """Start diagnostics of validation predictions that were sent; get_diagnostics has them in a minute."""
    found: Document = api.ask(DIAGNOSE, f=filename, t=_number(api), m=model_id)
    return found


def preview_submission(api: AgentApi, *, filename: Filename, model_id: ModelId) -> Document:
    """Say what submitting a file that was sent would do, and give the code that confirm_submission takes.

    Show this to the user before confirming.
    """
    found, record = api.ask(STATUS, f=filename), record_of(api, 0)
    if found["problem"] is not None:
        raise ApiError(f"upload: expected a file that can be submitted, found: {found['problem']}")
    return {
        "round": record["number"],
        "closes": record["closeTime"],
        "model_id": model_id,
        "filename": filename,
        "size": found["size"],
        "sha256": found["sha256"],
        "effect": EFFECT,
        "confirm": confirmation(_place(api, record), int(model_id), found["sha256"]),
    }


def confirm_submission(
    api: AgentApi,
    *,
    filename: Filename,
    model_id: ModelId,
    confirm: Annotated[str, Field(description="The code of preview_submission.", pattern="^[0-9a-f]{64}$")],
) -> Document:
    """Submit the file that was previewed, and no other, to the round of the preview, and to no other.

    Only after the user agreed.
    """
    sha256, record = api.ask(STATUS, f=filename)["sha256"], record_of(api, 0)
    expected = confirmation(_place(api, record), int(model_id), sha256)
    require_confirmation(confirm, expected, preview_submission.__name__)
    # Another file may come, or the round end, from here on: the server compares both once more.
    named = {"f": filename, "t": _number(api), "m": model_id, "h": sha256, "r": int(record["number"])}
    return {"id": api.ask(SUBMIT, **named)["id"], "next": "list_submissions has its receipt"}


def _place(api: AgentApi, record: Document) -> tuple[int, str, int]:
    addresses = api.addresses()
    return addresses.chain_id, addresses.tournament, int(record["number"])


def _number(api: AgentApi) -> int:
    return int(api.tournament()["number"])


READING: Final = {**PUBLIC, **CONSENSUS, **KEYED, **by_name(check_upload)}
"""Tools of a server that change nothing."""
UPLOADING: Final = by_name(request_upload, run_diagnostics)
"""Tools that need a key which may upload: they begin something that touches no round."""
PREVIEWING: Final = by_name(preview_submission)
SUBMITTING: Final = by_name(confirm_submission)


def server_tools(*, submits: bool) -> ToolSet:
    """Return the tools of a server, with those that submit where it offers that."""
    if not submits:
        return ToolSet(READING, UPLOADING)
    return ToolSet({**READING, **PREVIEWING}, UPLOADING, SUBMITTING)
