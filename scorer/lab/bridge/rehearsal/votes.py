"""A vote of wrapped NMR on the first chain that changes a parameter of a tournament on the second."""

from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak
from web3.contract import Contract

from scorer.bridge.messages import interoperable
from scorer.chain.artifacts import artifact
from scorer.chain.binding import bound
from scorer.chain.bulk import read_view
from scorer.chain.calldata import calldata
from scorer.deployment.blueprint import blueprint
from scorer.lab.bridge.chains import ADMIN, ADMIN_DELAY, DAY, GUARDIAN, STRANGER, wei
from scorer.lab.bridge.rehearsal.context import BridgeRehearsal, refusal
from scorer.lab.bridge.rehearsal.rounds import BridgedTournament
from scorer.lab.in_process import tournament_document
from scorer.lab.rehearsal.context import expect
from scorer.lab.suite import BridgedToken
from scorer.protocol.rules import preset

SINGLE_CALL: Final = bytes(32)
"""The mode of ERC-7579 in which one call is made, and reverts where it fails."""
FOR: Final = 1
VOTES: Final = "50000"
DESCRIPTION: Final = "a proposal of Cupel"


def remote_admin_of_suite(rehearsal: BridgeRehearsal) -> tuple[str, int]:
    """Deploy the tournament's admin, which does what the Governor's messages say; with its delay."""
    chains = rehearsal.chains
    bridged = BridgedToken(chains.addresses.child.token, chains.addresses.child.burn_sink)
    document = tournament_document(chains.child, preset("classic"), bridged=bridged)
    authority = blueprint(document, str(chains.child.account(ADMIN).address)).addresses["authority"]
    governor = interoperable(chains.addresses.root.chain_id, chains.plan.root.addresses["governor"])
    sender = chains.on_child(ADMIN)
    made = artifact("RemoteAdmin")
    contract = sender.w3.eth.contract(abi=made["abi"], bytecode=made["bytecode"])
    receipt = sender.send(contract.constructor(authority, chains.addresses.child.gateway, governor))
    return str(receipt["contractAddress"]), ADMIN_DELAY


@dataclass(frozen=True)
class Proposal:
    """A proposal with one call of the Governor's own."""

    governor: Contract
    call: bytes

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments of propose, without the description."""
        return [self.governor.address], [0], [self.call]

    @property
    def hashed(self) -> tuple[Any, ...]:
        """The arguments of queue and execute."""
        return (*self.arguments, bytes(keccak(DESCRIPTION.encode())))


def vote(rehearsal: BridgeRehearsal, tournament: BridgedTournament, admin: str) -> None:
    """Wrap, delegate, propose, vote, wait, send the message, wait again, and let a stranger carry it out."""
    chains = rehearsal.chains
    governor, votes = chains.root_contract("governor"), chains.root_contract("voting_token")
    on_root, contract = chains.on_root(ADMIN), tournament.play.suite.tournament
    on_root.send(chains.root_end.token.functions.approve(votes.address, wei(VOTES)))
    on_root.send(votes.functions.depositFor(on_root.address, wei(VOTES)))
    on_root.send(votes.functions.delegate(on_root.address))
    # Votes count from the second after: those of this block could be of a loan that is paid back in it.
    chains.pass_time(60)
    getters = (contract.functions.cap, contract.functions.threshold, contract.functions.minPosition)
    cap, threshold, least = (read_view(getter()) for getter in getters)
    change = calldata(contract.functions.setParameters(cap // 2, threshold, least))
    proposal = Proposal(governor, _message(rehearsal, tournament, admin, change))
    guardian = chains.on_root(GUARDIAN)
    refused = refusal(guardian, governor.functions.propose(*proposal.arguments, DESCRIPTION))
    expect("the guardian's proposal", "GuardianCannotPropose", refused)
    _decide(rehearsal, proposal)
    expect("the message handed over", 1, chains.heimdall.sync())
    remote = bound(chains.child.w3, "RemoteAdmin", admin).functions.execute(contract.address, change)
    early = refusal(chains.on_child(STRANGER), remote)
    expect("carried out before the delay of the admin", "AccessManagerNotReady", early)
    chains.pass_time(ADMIN_DELAY + 1)
    chains.on_child(STRANGER).send(remote)
    expect("the cap by vote", cap // 2, read_view(contract.functions.cap()))
    again = refusal(chains.on_child(STRANGER), remote)
    expect("carried out twice", "NotAnnounced", again)
    expect("what a cancelled proposal can do", "", _cancelled(rehearsal, governor, proposal))


def _message(rehearsal: BridgeRehearsal, tournament: BridgedTournament, admin: str, change: bytes) -> bytes:
    """Return the Governor's call that has the admin over there announce a change to its authority."""
    chains, suite = rehearsal.chains, tournament.play.suite
    announce = calldata(suite.authority.get_function_by_name("schedule")(suite.tournament.address, change, 0))
    execution = bytes.fromhex(str(suite.authority.address)[2:]) + bytes(32) + announce
    executor = interoperable(chains.addresses.child.chain_id, admin)
    governor = chains.root_contract("governor")
    relay = governor.functions.relayCrosschain(
        chains.addresses.root.gateway, executor, SINGLE_CALL, execution
    )
    return calldata(relay)


def _decide(rehearsal: BridgeRehearsal, proposal: Proposal) -> None:
    chains, governor = rehearsal.chains, proposal.governor.functions
    sender = chains.on_root(ADMIN)
    sender.send(governor.propose(*proposal.arguments, DESCRIPTION))
    number = read_view(governor.hashProposal(*proposal.hashed))
    chains.pass_time(DAY + 1)
    sender.send(governor.castVote(number, FOR))
    chains.pass_time(2 * DAY + 1)
    sender.send(governor.queue(*proposal.hashed))
    refused = refusal(chains.on_root(STRANGER), governor.execute(*proposal.hashed))
    expect("executed before its delay", "GovernorUnmetDelay", refused)
    chains.pass_time(DAY + 1)
    chains.on_root(STRANGER).send(governor.execute(*proposal.hashed))


def _cancelled(rehearsal: BridgeRehearsal, governor: Contract, proposal: Proposal) -> str:
    """Let the guardian cancel a proposal after its vote; what is wrong afterwards."""
    chains = rehearsal.chains
    other = Proposal(governor, calldata(governor.functions.setProposalThreshold(1)))
    sender = chains.on_root(ADMIN)
    sender.send(governor.functions.propose(*other.arguments, DESCRIPTION))
    chains.on_root(GUARDIAN).send(governor.functions.cancel(*other.hashed))
    refused = refusal(sender, governor.functions.queue(*other.hashed))
    return "" if refused == "GovernorUnexpectedProposalState" and other != proposal else refused
