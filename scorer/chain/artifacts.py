"""ABIs and bytecode of the contracts, as ``make abi`` exported them into the package."""

import json
from functools import cache
from importlib import resources
from typing import Any, Final

CONTRACTS: Final = (
    "AgentLink",
    "Authority",
    "BurnSink",
    "ChildGateway",
    "ConsensusGate",
    "ConsensusVerifier",
    "CrosschainBurnSink",
    "CrosschainNumeraire",
    "Demands",
    "Lockbox",
    "MemberSetSender",
    "MetaCourt",
    "ModelRegistry",
    "NmrBurnSink",
    "Numeraire",
    "NumeraireGovernor",
    "OracleCommittee",
    "PieceStore",
    "RemoteAdmin",
    "Roller",
    "RootGateway",
    "RoundResults",
    "ScoreCourt",
    "StagedCourt",
    "Tournament",
    "TwinBurnSink",
    "UniswapAccount",
    "VerdictCourt",
    "VotingNumeraire",
)

IN_BRIDGE: Final = frozenset(
    {
        "ChildGateway",
        "CrosschainBurnSink",
        "CrosschainNumeraire",
        "Lockbox",
        "NumeraireGovernor",
        "RemoteAdmin",
        "RootGateway",
        "RoundResults",
        "TwinBurnSink",
        "VotingNumeraire",
    }
)
"""Those whose source is in contracts/bridge."""

IN_AGENTS: Final = frozenset(
    {"AgentLink", "ConsensusGate", "ConsensusVerifier", "MemberSetSender", "UniswapAccount"}
)
"""Those whose source is in contracts/agents."""


def source_of(name: str) -> str:
    """Return the path of a contract's source in the repository."""
    folder = "bridge/" if name in IN_BRIDGE else "agents/" if name in IN_AGENTS else ""
    return f"contracts/{folder}{name}.sol"


@cache
def artifact(name: str) -> dict[str, Any]:
    """Return the artifact of one of `CONTRACTS`: ``{"abi": [...], "bytecode": "0x..."}``."""
    text = (resources.files("scorer.chain") / "artifacts" / f"{name}.json").read_text()
    return dict(json.loads(text))


def abi(name: str) -> list[dict[str, Any]]:
    """Return the ABI of one of `CONTRACTS`."""
    return list(artifact(name)["abi"])
