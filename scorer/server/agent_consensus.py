"""Agents' tools for consensus documents and records: each says how the user checks what it shows."""

from typing import Annotated, Final

from pydantic import Field

from scorer.agents.signing import QuorumConsensus, problems_with
from scorer.protocol.documents import to_hex
from scorer.server.agent_api import AgentApi
from scorer.server.agent_documents import SCORES
from scorer.server.agent_tools import MOST_ROWS, Document, ModelId, by_name
from scorer.server.errors import ApiError

CHECK_CONSENSUS: Final = (
    "cupel consensus verify document.json --endpoint $RPC --deployment deployment.json; on another chain the "
    "contract ConsensusVerifier does"
)
RoundNumber = Annotated[int, Field(description="The round's number.", ge=1, lt=2**31)]


def get_consensus(api: AgentApi, *, round_number: RoundNumber) -> Document:
    """Show a round's consensus document and the signatures of a quorum of its committee.

    The document names the meta model by a root; ranks and weights are in its body, which members give to
    subscribers at once and to everybody after the resolution. Check it before you rely on it.
    """
    return {"document": api.consensus(round_number), "check": CHECK_CONSENSUS}


def verify_consensus(
    api: AgentApi, *, round_number: RoundNumber, now: Annotated[int, Field(ge=0)]
) -> Document:
    """Check the signatures of a round's document against its own members, at a Unix time that you name.

    That these are the round's members, only the chain shows: the command does, at an endpoint of the user's.
    """
    try:
        found = QuorumConsensus.from_json(api.consensus(round_number))
    except (LookupError, TypeError, ValueError) as error:
        raise ApiError(f"consensus: expected a document with its signatures, found {error}") from None
    problems = [*problems_with(found, found.members, found.quorum, now)]
    if found.consensus.round_id != round_number:
        problems.append(f"expected round {round_number}, found round {found.consensus.round_id}")
    return {
        "digest": to_hex(found.consensus.digest),
        "problems": problems,
        "signed_by": [member for member, signer in found.signed_by() if signer == member],
        "check": CHECK_CONSENSUS,
    }


def get_record(
    api: AgentApi, *, model_id: ModelId, last_rounds: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 20
) -> Document:
    """Say how a model's record is written and proven from the chain alone, and list its latest scores.

    The server's own word proves nothing: the commands do, at an endpoint that the user trusts.
    """
    at = "--endpoint $RPC --deployment deployment.json"
    return {
        "write": f"cupel record {int(model_id)} record.json {at}",
        "verify": f"cupel record verify record.json {at}",
        "scores": api.ask(SCORES, m=model_id, n=last_rounds),
    }


CONSENSUS: Final = by_name(get_consensus, verify_consensus, get_record)
"""Tools without a key, which change nothing."""
