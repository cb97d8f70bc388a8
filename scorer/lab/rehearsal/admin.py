"""The admin of a deployment: OpenZeppelin's timelock, and what it does once it has taken over."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from scorer.chain.bulk import read_view
from scorer.chain.calldata import calldata
from scorer.chain.contracts import Suite
from scorer.lab.plain_sender import Sender
from scorer.transactions.request import Reverted

ARTIFACT: Final = Path("node_modules/@openzeppelin/contracts/build/contracts/TimelockController.json")
MINIMUM_DELAY: Final = 3600
"""Seconds between the timelock's announcement of a call and the call."""
NOBODY: Final = Web3.to_checksum_address("0x" + "00" * 20)
NONE: Final = bytes(32)


def deploy_timelock(sender: Sender, repository: Path) -> Contract:
    """A timelock for which `sender` proposes and executes; nobody can change it but itself."""
    artifact = json.loads((repository / ARTIFACT).read_text())
    contract = sender.w3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
    arguments = (MINIMUM_DELAY, [sender.address], [sender.address], NOBODY)
    receipt = sender.send(contract.constructor(*arguments))
    address: Any = receipt["contractAddress"]
    timelock: Contract = sender.w3.eth.contract(address=address, abi=artifact["abi"])
    return timelock


@dataclass(frozen=True)
class TimelockAdmin:
    """Announces a change of the tournament's parameters, to those it has, as the admin must: twice.

    The timelock announces to its own observers, and the authority with the delay of the admin's role.
    """

    suite: Suite
    sender: Sender
    timelock: Contract

    def _change(self) -> ContractFunction:
        functions = self.suite.tournament.functions
        terms = (
            read_view(functions.cap()),
            read_view(functions.threshold()),
            read_view(functions.minPosition()),
        )
        call: ContractFunction = functions.setParameters(*terms)
        return call

    def _through_authority(self, step: str) -> ContractFunction:
        arguments: list[Any] = [self.suite.tournament.address, calldata(self._change())]
        if step == "schedule":
            arguments.append(0)
        call: ContractFunction = self.suite.authority.get_function_by_name(step)(*arguments)
        return call

    def propose(self, step: str) -> None:
        """Announce at the timelock that the authority is to ``schedule`` or to ``execute`` the change."""
        call = self._through_authority(step)
        arguments = (self.suite.authority.address, 0, calldata(call), NONE, NONE, MINIMUM_DELAY)
        self.sender.send(self.timelock.functions.schedule(*arguments))

    def carry_out(self, step: str) -> None:
        """Do what was announced, once the timelock's delay has passed."""
        call = self._through_authority(step)
        arguments = (self.suite.authority.address, 0, calldata(call), NONE, NONE)
        self.sender.send(self.timelock.functions.execute(*arguments))

    def refusal(self, stranger: Sender) -> str | None:
        """The error with which the change is refused when `stranger` asks for it; None when it is not."""
        try:
            stranger.send(self._change())
        except Reverted as reverted:
            return reverted.name or str(reverted)
        return None

    def changes(self) -> int:
        """Count how often the parameters were set since the tournament was made, which sets them too."""
        first = self.suite.addresses.block
        return len(list(self.suite.tournament.events.ParametersSet().get_logs(from_block=first))) - 1
