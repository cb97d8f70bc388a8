"""VotingNumeraire, NumeraireGovernor, RemoteAdmin: votes, delays, the guardian, and what a stranger can do"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ape
import pytest
from eth_utils import keccak
from polygon import CHILD_CHAIN, interoperable, message
from states import state
from support import DAY, NMR, ZERO_ADDRESS, is_event, only

if TYPE_CHECKING:
    from conftest import Bridge

VOTING_DELAY, VOTING_PERIOD, BASE_DELAY, ADMIN_DELAY = 2 * DAY, 3 * DAY, 2 * DAY, 4 * DAY
FLOOR, THRESHOLD = 500 * NMR, 100 * NMR
PENDING, ACTIVE, CANCELED, DEFEATED, SUCCEEDED, QUEUED, EXPIRED, EXECUTED = range(8)
WORDS = "a proposal"


@dataclass
class Votes:
    bridge: Bridge
    token: Any
    governor: Any
    remote: Any

    def proposal(self, call: bytes, target: Any = None) -> tuple[Any, ...]:
        return [target or self.governor], [0], [call]

    def hashed(self, call: bytes, target: Any = None) -> tuple[Any, ...]:
        return (*self.proposal(call, target), keccak(text=WORDS))

    def passed(self, call: bytes, target: Any = None) -> int:
        """A proposal that alice made and voted for, after the vote."""
        house = self.bridge.house
        # Votes are counted as of a second before.
        house.at(house.now() + 10)
        self.governor.propose(*self.proposal(call, target), WORDS, sender=house.alice)
        number = int(self.governor.hashProposal(*self.hashed(call, target)))
        house.at(house.now() + VOTING_DELAY + 1)
        self.governor.castVote(number, 1, sender=house.alice)
        house.at(house.now() + VOTING_PERIOD + 1)
        house.evm.mine()
        return number


@state
def votes(bridge: Bridge, project: Any) -> Votes:
    """Alice has 1,000 votes. The governor is admin, behind a delay, and so is its arm over there."""
    house, admin = bridge.house, bridge.house.admin
    token = project.VotingNumeraire.deploy(house.token, sender=admin)
    terms = (VOTING_DELAY, VOTING_PERIOD, THRESHOLD, 10, FLOOR, BASE_DELAY, house.guardian)
    governor = project.NumeraireGovernor.deploy(token, house.authority, terms, sender=admin)
    named = interoperable(CHILD_CHAIN, governor.address)
    remote = project.RemoteAdmin.deploy(house.authority, bridge.child, named, sender=admin)
    for holder in (governor, remote):
        house.authority.grantRole(0, holder, ADMIN_DELAY, sender=admin)
    house.token.approve(token, 2**256 - 1, sender=house.alice)
    token.depositFor(house.alice, 1_000 * NMR, sender=house.alice)
    token.invoke_transaction("delegate", house.alice, sender=house.alice)
    return Votes(bridge, token, governor, remote)


def test_wrapped_tokens_vote_by_time_and_unwrap_at_any_time(votes: Votes) -> None:
    house, token = votes.bridge.house, votes.token
    assert (token.CLOCK_MODE(), votes.governor.CLOCK_MODE()) == ("mode=timestamp",) * 2
    assert token.clock() == house.now()
    assert token.getVotes(house.alice) == 1_000 * NMR
    before = house.token.balanceOf(house.alice)
    token.withdrawTo(house.alice, 400 * NMR, sender=house.alice)
    assert (token.getVotes(house.alice), token.totalSupply()) == (600 * NMR, 600 * NMR)
    assert house.token.balanceOf(house.alice) == before + 400 * NMR
    assert token.decimals() == 18
    assert token.nonces(house.alice) == 0


def test_a_quorum_is_never_less_than_the_floor(votes: Votes) -> None:
    """A tenth of the little that is wrapped would be a quorum of one."""
    house = votes.bridge.house
    house.at(house.now() + 10)
    house.evm.mine()
    assert votes.governor.quorum(house.now() - 5) == FLOOR == votes.governor.quorumFloor()
    votes.token.depositFor(house.alice, 9_000 * NMR, sender=house.alice)
    house.at(house.now() + 10)
    house.evm.mine()
    assert votes.governor.quorum(house.now() - 5) == 1_000 * NMR


@pytest.mark.parametrize(
    ("place", "value", "error"), [(0, DAY - 1, "VotingDelayTooShort"), (4, 0, "NoQuorumFloor")]
)
def test_terms_that_would_let_the_first_who_wraps_decide_are_refused(
    votes: Votes, project: Any, place: int, value: int, error: str
) -> None:
    terms = [VOTING_DELAY, VOTING_PERIOD, THRESHOLD, 10, FLOOR, BASE_DELAY, ZERO_ADDRESS]
    terms[place] = value
    with ape.reverts(getattr(project.NumeraireGovernor, error)):
        project.NumeraireGovernor.deploy(
            votes.token, votes.bridge.house.authority, tuple(terms), sender=votes.bridge.house.admin
        )


def test_no_vote_can_shorten_the_notice_below_a_day(votes: Votes) -> None:
    call = votes.governor.setVotingDelay.encode_input(DAY - 1)
    votes.passed(call)
    house = votes.bridge.house
    votes.governor.queue(*votes.hashed(call), sender=house.bob)
    house.at(house.now() + BASE_DELAY + 1)
    with ape.reverts(votes.governor.VotingDelayTooShort, votingDelay=DAY - 1, minimum=DAY):
        votes.governor.execute(*votes.hashed(call), sender=house.bob)


def test_the_guardian_cancels_and_never_proposes(votes: Votes) -> None:
    house, call = votes.bridge.house, votes.governor.setProposalThreshold.encode_input(1)
    votes.token.depositFor(house.guardian, 200 * NMR, sender=house.alice)
    votes.token.invoke_transaction("delegate", house.guardian, sender=house.guardian)
    house.at(house.now() + 10)
    with ape.reverts(votes.governor.GuardianCannotPropose, guardian=house.guardian):
        votes.governor.propose(*votes.proposal(call), WORDS, sender=house.guardian)
    number = votes.passed(call)
    votes.governor.queue(*votes.hashed(call), sender=house.bob)
    with ape.reverts(votes.governor.GovernorUnableToCancel, account=house.bob):
        votes.governor.cancel(*votes.hashed(call), sender=house.bob)
    votes.governor.cancel(*votes.hashed(call), sender=house.guardian)
    assert votes.governor.state(number) == CANCELED


def test_a_vote_acts_as_the_admin_after_the_admins_delay(votes: Votes) -> None:
    """Whatever its own base delay is: the longer one counts."""
    house = votes.bridge.house
    call = house.tournament.setParameters.encode_input(10_000, 1, 0)
    number = votes.passed(call, house.tournament)
    assert votes.governor.state(number) == SUCCEEDED
    votes.governor.queue(*votes.hashed(call, house.tournament), sender=house.bob)
    house.at(house.now() + ADMIN_DELAY - 10)
    with ape.reverts(votes.governor.GovernorUnmetDelay):
        votes.governor.execute(*votes.hashed(call, house.tournament), sender=house.bob)
    house.at(house.now() + 20)
    votes.governor.execute(*votes.hashed(call, house.tournament), sender=house.bob)
    assert house.tournament.cap() == 10_000


def test_a_vote_for_the_other_chain_is_a_message(votes: Votes) -> None:
    bridge, house = votes.bridge, votes.bridge.house
    executor = interoperable(CHILD_CHAIN, votes.remote.address)
    call = votes.governor.relayCrosschain.encode_input(bridge.root.address, executor, bytes(32), b"payload")
    votes.passed(call)
    votes.governor.queue(*votes.hashed(call), sender=house.bob)
    house.at(house.now() + BASE_DELAY + 1)
    receipt = votes.governor.execute(*votes.hashed(call), sender=house.bob)
    content = message(1, votes.governor.address, votes.remote.address, bytes(32) + b"payload")
    is_event(only(receipt, bridge.root.Posted), message=content)
    with ape.reverts(votes.governor.GovernorOnlyExecutor, account=house.bob):
        votes.governor.relayCrosschain(bridge.root, executor, bytes(32), b"", sender=house.bob)


def announcing(votes: Votes, call: bytes, sender: Any = None) -> bytes:
    """The message by which the arm over there announces a call to its authority."""
    authority, target = votes.bridge.house.authority, votes.bridge.house.tournament
    data = authority.schedule.encode_input(target, call, 0)
    execution = bytes(32) + bytes.fromhex(authority.address[2:]) + bytes(32) + data
    return message(1, str(sender or votes.governor.address), votes.remote.address, execution)


def test_what_was_voted_is_announced_there_and_carried_out_by_anybody_once(votes: Votes) -> None:
    house = votes.bridge.house
    call = house.tournament.setParameters.encode_input(20_000, 1, 0)
    with ape.reverts(votes.remote.NotAnnounced):
        votes.remote.execute(house.tournament, call, sender=house.bob)
    votes.bridge.down(announcing(votes, call))
    with ape.reverts(house.authority.AccessManagerNotReady):
        votes.remote.execute(house.tournament, call, sender=house.bob)
    house.at(house.now() + ADMIN_DELAY + 1)
    votes.remote.execute(house.tournament, call, sender=house.bob)
    assert house.tournament.cap() == 20_000
    with ape.reverts(votes.remote.NotAnnounced):
        votes.remote.execute(house.tournament, call, sender=house.bob)


def test_what_the_arm_may_do_at_once_is_not_what_anybody_may_do(votes: Votes, bridge: Bridge) -> None:
    """A role without a delay needs no announcement: a stranger must not be able to use it."""
    house = bridge.house
    house.authority.grantRole(2, votes.remote, 0, sender=house.admin)
    call = house.tournament.pause.encode_input(DAY)
    with ape.reverts(votes.remote.NotAnnounced):
        votes.remote.execute(house.tournament, call, sender=house.bob)


def test_nobody_but_the_governor_speaks_to_the_arm(votes: Votes) -> None:
    house = votes.bridge.house
    call = house.tournament.setParameters.encode_input(20_000, 1, 0)
    votes.bridge.down(announcing(votes, call, sender=house.bob))
    house.at(house.now() + ADMIN_DELAY + 1)
    with ape.reverts(votes.remote.NotAnnounced):
        votes.remote.execute(house.tournament, call, sender=house.bob)
    with ape.reverts(votes.remote.ERC7786RecipientUnauthorizedGateway, gateway=house.bob):
        votes.remote.receiveMessage(bytes(32), b"", b"", sender=house.bob)
    assert votes.remote.authority() == house.authority


def test_what_nobody_can_vote_on(votes: Votes) -> None:
    """Messages, caps and ends of the bridge have no function to change them, and idle stake always leaves."""
    bridge = votes.bridge
    for contract in (bridge.root, bridge.child, bridge.lockbox, bridge.token, bridge.sink):
        for name in (
            "setCap",
            "setRemote",
            "setLink",
            "upgradeTo",
            "recover",
            "withdraw",
            "transferOwnership",
        ):
            assert not hasattr(contract, name)
