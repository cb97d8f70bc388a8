"""ConsensusVerifier's constructor, rotate and receiveMessage; MemberSetSender.send"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ape
import pytest
from conftest import GRACE, HOME_CHAIN, SET_ID
from documents import ascending, set_hash, sign_rotation, signed
from eth_abi import decode, encode
from support import DAY, ZERO_ADDRESS, is_event, only

if TYPE_CHECKING:
    from conftest import Agents

SENDER = b"sender on the home chain"


def deploy(agents: Agents, project: Any, **changes: Any) -> Any:
    members = [member.address for member in ascending(agents.members)]
    known = {"home": (HOME_CHAIN, agents.home, GRACE, agents.gateway, SENDER), "setId": 1}
    chosen = {**known, "members": members, "quorum": 3} | changes
    return project.ConsensusVerifier.deploy(*chosen.values(), sender=agents.house.admin)


def test_a_verifier_needs_a_tournament_and_a_bounded_grace(agents: Agents, project: Any) -> None:
    with ape.reverts(project.ConsensusVerifier.GraceTooLong):
        deploy(agents, project, home=(1, agents.home, 181 * DAY, agents.gateway, SENDER))
    with ape.reverts(project.ConsensusVerifier.ZeroTournament):
        deploy(agents, project, home=(1, ZERO_ADDRESS, 0, agents.gateway, SENDER))


def test_a_set_is_ascending_and_has_a_quorum_of_two_thirds(agents: Agents, project: Any) -> None:
    members = [member.address for member in ascending(agents.members)]
    for wrong in (members[::-1], [members[0], *members], [ZERO_ADDRESS, *members]):
        with ape.reverts(project.ConsensusVerifier.NotAscending):
            deploy(agents, project, members=wrong, quorum=len(wrong))
    for quorum in (2, 5):
        with ape.reverts(project.ConsensusVerifier.QuorumOutOfRange, quorum=quorum, minimum=3, maximum=4):
            deploy(agents, project, quorum=quorum)
    with ape.reverts(project.ConsensusVerifier.QuorumOutOfRange):
        deploy(agents, project, members=[], quorum=0)
    with ape.reverts(project.ConsensusVerifier.OldMemberSet, setId=0, current=0):
        deploy(agents, project, setId=0)
    with ape.reverts(project.ConsensusVerifier.TooManyMembers, memberCount=65, maximum=64):
        many = [f"0x{number:040x}" for number in range(1, 66)]
        deploy(agents, project, members=many, quorum=65)


def rotation(
    agents: Agents, following: list[Any], set_id: int = SET_ID + 1, signers: Any = None
) -> list[Any]:
    """The arguments of `rotate`, signed by a quorum of the current set if not said otherwise."""
    previous, next_hash = bytes(agents.verifier.memberSet()), set_hash(following, 3)
    values = [HOME_CHAIN, agents.home, set_id, previous, next_hash]
    chosen = agents.members[:3] if signers is None else signers
    bits, signatures = signed(agents.members, chosen, lambda member: sign_rotation(values, member))
    current, others = ([each.address for each in ascending(part)] for part in (agents.members, following))
    return [set_id, current, 3, others, 3, bits, signatures]


def following(agents: Agents) -> list[Any]:
    """The current set with another fourth member."""
    return [*agents.members[:3], agents.house.alice]


def test_fewer_than_a_quorum_rotate_nothing(agents: Agents) -> None:
    with ape.reverts(agents.verifier.TooFewSigners):
        agents.verifier.rotate(
            *rotation(agents, following(agents), signers=agents.members[:2]), sender=agents.owner
        )


def test_a_rotation_that_names_others_is_forged(agents: Agents) -> None:
    arguments = rotation(agents, following(agents))
    stolen = [*agents.members[:3], agents.house.bob]
    arguments[3] = [each.address for each in ascending(stolen)]
    with ape.reverts(agents.verifier.WrongSigner):
        agents.verifier.rotate(*arguments, sender=agents.owner)


def test_a_rotation_is_not_repeated(agents: Agents) -> None:
    first = rotation(agents, following(agents))
    agents.verifier.rotate(*first, sender=agents.owner)
    with ape.reverts(agents.verifier.OtherMembers):
        agents.verifier.rotate(*first, sender=agents.owner)


def test_an_older_set_is_refused(agents: Agents) -> None:
    with ape.reverts(agents.verifier.OldMemberSet, setId=SET_ID, current=SET_ID):
        agents.verifier.rotate(*rotation(agents, following(agents), SET_ID), sender=agents.owner)


def test_what_a_former_set_signed_is_accepted_for_a_while(agents: Agents) -> None:
    document = agents.document(expiresAt=agents.house.now() + GRACE + 10 * DAY)
    following_set = following(agents)
    receipt = agents.verifier.rotate(*rotation(agents, following_set), sender=agents.owner)
    is_event(
        only(receipt, agents.verifier.MemberSetChanged),
        setId=SET_ID + 1, setHash=set_hash(following_set, 3), memberCount=4, quorum=3,
    )  # fmt: skip
    agents.verify(document)
    agents.verify(agents.document(memberSet=set_hash(following_set, 3)), members=following_set)
    agents.house.pass_to(agents.house.now() + GRACE)
    with ape.reverts(agents.verifier.UnknownMemberSet):
        agents.verify(document)


def message(agents: Agents, set_id: int, members: list[Any], quorum: int = 3) -> bytes:
    addresses = [each.address for each in ascending(members)]
    return encode(["uint64", "address[]", "uint256"], [set_id, addresses, quorum])


@pytest.mark.parametrize("who", ["stranger", "other sender"])
def test_only_the_home_chain_sends_sets(agents: Agents, who: str) -> None:
    payload = message(agents, SET_ID + 1, following(agents))
    caller = agents.house.bob if who == "stranger" else agents.gateway
    sender = SENDER if who == "stranger" else b"another"
    with ape.reverts(agents.verifier.ERC7786RecipientUnauthorizedGateway):
        agents.verifier.receiveMessage(bytes(32), sender, payload, sender=caller)


def test_a_message_from_home_changes_the_set_and_a_late_one_does_not_change_it_back(agents: Agents) -> None:
    newer = message(agents, SET_ID + 2, following(agents))
    agents.verifier.receiveMessage(bytes(32), SENDER, newer, sender=agents.gateway)
    assert bytes(agents.verifier.memberSet()) == set_hash(following(agents), 3)
    assert agents.verifier.memberSetId() == SET_ID + 2
    with ape.reverts(agents.verifier.OldMemberSet):
        late = message(agents, SET_ID + 1, agents.members)
        agents.verifier.receiveMessage(bytes(32), SENDER, late, sender=agents.gateway)


def test_attack_members_name_themselves_under_the_highest_number_to_stay_for_ever(agents: Agents) -> None:
    """The home chain has the last word, also below a number that members signed; theirs gets no grace."""
    captured = [*agents.members[:3], agents.house.bob]
    agents.verifier.rotate(*rotation(agents, captured, 2**64 - 1), sender=agents.owner)
    newer = message(agents, SET_ID + 1, following(agents))
    agents.verifier.receiveMessage(bytes(32), SENDER, newer, sender=agents.gateway)
    assert bytes(agents.verifier.memberSet()) == set_hash(following(agents), 3)
    assert agents.verifier.memberSetId() == SET_ID + 1
    with ape.reverts(agents.verifier.UnknownMemberSet):
        agents.verify(agents.document(memberSet=set_hash(captured, 3)), members=captured)
    with ape.reverts(agents.verifier.OldMemberSet, setId=SET_ID + 1, current=SET_ID + 1):
        agents.verifier.receiveMessage(bytes(32), SENDER, newer, sender=agents.gateway)


def test_the_home_chain_sends_what_the_committee_says_and_the_verifier_takes_it(
    agents: Agents, project: Any
) -> None:
    """By the bridge's own gateway, whose message is handed over here as its other end would."""
    house = agents.house
    chain = (80002).to_bytes(3, "big")
    to = b"\0\x01\0\0\x03" + chain + b"\x14" + bytes.fromhex(agents.verifier.address[2:])
    arguments = (house.authority, 80002, agents.owner, agents.agent)
    gateway = project.ChildGateway.deploy(*arguments, sender=house.admin)
    sender = project.MemberSetSender.deploy(house.committee, gateway, to, sender=house.admin)
    receipt = sender.send(sender=house.bob)
    event = only(receipt, sender.MemberSetSent)
    assert bytes(event.setHash) == set_hash(house.members, 2)
    (posted,) = receipt.events.filter(gateway.Posted)
    kinds = ["(uint256,address,address,bytes)"]
    ((_, by, recipient, payload),) = decode(kinds, bytes(posted.message))
    assert (by.lower(), recipient.lower()) == (sender.address.lower(), agents.verifier.address.lower())
    members = [member.address for member in ascending(house.members)]
    assert payload == encode(["uint64", "address[]", "uint256"], [house.committee.memberSetId(), members, 2])
