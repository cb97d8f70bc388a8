"""Registries of ERC-8004 on a local chain, and a model's feedback in them.

No implementation is published as a package: tests/contracts/erc8004 has one with the functions and events of
the EIP, which is compiled here.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from web3.contract import Contract
from web3.logs import DISCARD

from scorer.chain.artifacts import abi, artifact
from scorer.chain.contracts import Suite
from scorer.deployment.verification import SETTINGS, compile_input
from scorer.lab.agents.uniswap import deployed
from scorer.lab.plain_sender import Sender

SOURCE: Final = "tests/contracts/erc8004/Registries.sol"


@cache
def _compiled(repository: Path) -> dict[str, Any]:
    settings = SETTINGS | {"outputSelection": {SOURCE: {"*": ["abi", "evm.bytecode.object"]}}}
    sources = {SOURCE: {"content": (repository / SOURCE).read_text()}}
    document = {"language": "Solidity", "settings": settings, "sources": sources}
    return dict(compile_input(document, repository)["contracts"][SOURCE])


def _deployed(sender: Sender, repository: Path, name: str, *arguments: Any) -> Contract:
    found = _compiled(repository)[name]
    return deployed(sender, found["abi"], "0x" + found["evm"]["bytecode"]["object"], *arguments)


@dataclass(frozen=True)
class Registries:
    """Identity and reputation registry, and the link of a suite's models to agents."""

    identity: Contract
    reputation: Contract
    link: Contract

    @classmethod
    def deploy(cls, sender: Sender, repository: Path, suite: Suite) -> "Registries":
        """Deploy all three.

        Raises
        ------
        scorer.deployment.verification.VerificationError
            When the source does not compile.
        """
        identity = _deployed(sender, repository, "TestIdentityRegistry")
        reputation = _deployed(sender, repository, "TestReputationRegistry", identity.address)
        code = artifact("AgentLink")["bytecode"]
        link = deployed(sender, abi("AgentLink"), code, suite.addresses.registry, identity.address)
        return cls(identity, reputation, link)

    def register(self, owner: Sender, uri: str = "") -> int:
        """Make an agent of the sender's; its number."""
        receipt = owner.send(self.identity.get_function_by_signature("register(string)")(uri))
        return int(self.identity.events.Registered().process_receipt(receipt, DISCARD)[0]["args"]["agentId"])

    def given(self, agent: int, client: str) -> list[tuple[int, str]]:
        """Return value and second tag of each feedback of a client that counts, oldest first."""
        _, _, values, _, _, tags, _ = self.reputation.functions.readAllFeedback(
            agent, [client], "", "", False
        ).call()
        return list(zip(values, tags, strict=True))
