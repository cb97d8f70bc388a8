"""The registries of ERC-8004, as far as feedback is given and read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractLogicError

from scorer.agents.record import TAG, Feedback
from scorer.chain.bulk import read_view
from scorer.errors import CupelError


def _function(name: str, inputs: str, outputs: str = "") -> dict[str, Any]:
    """Return a function's entry of an ABI, from the types of its parameters."""
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view" if outputs else "nonpayable",
        "inputs": [{"name": f"input{place}", "type": kind} for place, kind in enumerate(inputs.split())],
        "outputs": [{"name": f"output{place}", "type": kind} for place, kind in enumerate(outputs.split())],
    }


REPUTATION: Final = [
    _function("giveFeedback", "uint256 int128 uint8 string string string string bytes32"),
    _function(
        "readAllFeedback",
        "uint256 address[] string string bool",
        "address[] uint64[] int128[] uint8[] string[] string[] bool[]",
    ),
    _function("getIdentityRegistry", "", "address"),
]
"""The functions of a reputation registry that are called."""
IDENTITY: Final = [
    _function("ownerOf", "uint256", "address"),
    _function("getApproved", "uint256", "address"),
    _function("isApprovedForAll", "address address", "bool"),
]
"""The functions of an identity registry that are called."""


class RegistryError(CupelError, ValueError):
    """A registry answers with what no registry of ERC-8004 does."""


@dataclass(frozen=True)
class Given:
    """A feedback in a registry.

    Attributes
    ----------
    value
        In units of 10**-decimals.
    """

    value: int
    decimals: int
    is_revoked: bool

    def says(self, feedback: Feedback) -> bool:
        """Return True where it says the same as another one, and counts."""
        return not self.is_revoked and (self.value, self.decimals) == (
            feedback.value,
            feedback.value_decimals,
        )


@dataclass(frozen=True)
class ReputationRegistry:
    """A reputation registry and its identity registry, at one block's state."""

    w3: Web3
    address: str

    @property
    def contract(self) -> Contract:
        """The reputation registry."""
        return self.w3.eth.contract(Web3.to_checksum_address(self.address), abi=REPUTATION)

    @property
    def identity(self) -> Contract:
        """The identity registry that it names."""
        address = str(read_view(self.contract.functions.getIdentityRegistry()))
        return self.w3.eth.contract(Web3.to_checksum_address(address), abi=IDENTITY)

    def given(self, agent_id: int, client: str) -> dict[str, list[Given]]:
        """Return the feedback with our tag that a client gave to an agent, by second tag, oldest first.

        Raises
        ------
        RegistryError
            When the registry answers with lists that do not fit together.
        """
        call = self.contract.functions.readAllFeedback(agent_id, [client], TAG, "", True)
        lists = read_view(call)
        if len({len(each) for each in lists}) != 1:
            found = ", ".join(str(len(each)) for each in lists)
            raise RegistryError(f"{self.address}: expected lists of one length as feedback, found {found}")
        given: dict[str, list[Given]] = {}
        for whose, _, value, decimals, first, second, is_revoked in zip(*lists, strict=True):
            # Not every registry filters as it is asked to.
            if whose.lower() == client.lower() and first == TAG:
                given.setdefault(second, []).append(Given(value, decimals, is_revoked))
        return given

    def owner_of(self, agent_id: int) -> str | None:
        """Return the owner of an agent; None for an agent that is none."""
        try:
            return str(read_view(self.identity.functions.ownerOf(agent_id)))
        except ContractLogicError:
            return None

    def controllers(self, agent_id: int, account: str) -> Iterator[str]:
        """Yield what an account is to an agent, whose own accounts give it no feedback: often nothing."""
        functions, owner = self.identity.functions, self.owner_of(agent_id)
        if owner == account:
            yield "its owner"
        if read_view(functions.isApprovedForAll(owner, account)):
            yield "an operator of its owner"
        if str(read_view(functions.getApproved(agent_id))) == account:
            yield "approved for it"
