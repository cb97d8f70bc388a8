"""Asks a tournament's tools (MCP) for a consensus document. What comes back is checked, and never obeyed."""

import asyncio
from typing import Any, Final

from scorer.agents.signing import QuorumConsensus
from scorer.agents.template import AgentError
from scorer.protocol.documents import shown

TOOL: Final = "get_consensus"
PATIENCE: Final = 60.0
"""Seconds for an answer."""


def ask_consensus(url: str, round_id: int) -> QuorumConsensus:
    """Return the document of a round as the tool at a URL answers, in its one form.

    Raises
    ------
    AgentError
        When the tool refuses, does not answer, or answers with anything but a document of that round: other
        fields, such as words for the agent, are refused with it.
    """
    try:
        answer = asyncio.run(asyncio.wait_for(_called(url, round_id), PATIENCE))
    except ModuleNotFoundError:
        raise AgentError(
            "expected the package mcp, found none; install it with pip install 'cupel[mcp]'"
        ) from None
    except Exception as error:  # noqa: BLE001 - the SDK raises groups of whatever its transports raise
        raise AgentError(f"{url}: expected an answer of {TOOL}, found {type(error).__name__}") from None
    return document_in(answer, round_id)


async def _called(url: str, round_id: int) -> Any:
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async with Client(streamable_http_client(url)) as client:
        result = await client.call_tool(TOOL, {"round_number": round_id})
        return None if result.is_error else result.structured_content


def document_in(answer: Any, round_id: int) -> QuorumConsensus:
    """Return the document in an answer of the tool.

    Raises
    ------
    AgentError
        When there is none, or one of another round.
    """
    try:
        found = QuorumConsensus.from_json(answer["document"])
    except (LookupError, TypeError, ValueError) as error:
        raise AgentError(f"expected a consensus document in the answer, found {shown(error)}") from None
    if found.consensus.round_id != round_id:
        raise AgentError(f"expected round {round_id}, found round {found.consensus.round_id}")
    return found
