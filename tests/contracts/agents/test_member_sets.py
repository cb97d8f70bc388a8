"""ConsensusVerifier's constructor, rotate and receiveMessage; MemberSetSender.send"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ape
import pytest
from conftest import FIRST_ROUND, GRACE, HOME_CHAIN, SET_ID
from documents import ascending, set_hash, sign_rotation, signed
from eth_abi import decode, encode
from support import DAY, ZERO_ADDRESS, is_event, only

if TYPE_CHECKING:
    from conftest import Agents

SENDER = b"sender on the home chain"


def deploy(agents: Agents, project: Any, **changes: Any) -> Any:
    members = [member.address for member in ascending(agents.members)]
    known = {"home": (HOME_CHAIN, agents.home, GRACE, agents.gateway, SENDER), "setId": 1, "firstRound": 1}
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


NEXT_ROUND = 9
"""The first round of the set that comes after the current one; the current one's first is FIRST_ROUND."""


def rotation(
    agents: Agents,
    following: list[Any],
    set_id: int = SET_ID + 1,
    signers: Any = None,
    first_round: int = NEXT_ROUND,
    members: list[Any] | None = None,
) -> list[Any]:
    """The arguments of `rotate`, signed by a quorum of the current set if not said otherwise."""
    known = agents.members if members is None else members
    previous, next_hash = bytes(agents.verifier.memberSet()), set_hash(following, 3)
    values = [HOME_CHAIN, agents.home, set_id, first_round, previous, next_hash]
    chosen = known[:3] if signers is None else signers
    bits, signatures = signed(known, chosen, lambda member: sign_rotation(values, member))
    current, others = ([each.address for each in ascending(part)] for part in (known, following))
    return [set_id, first_round, current, 3, others, 3, bits, signatures]


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
    arguments[4] = [each.address for each in ascending(stolen)]
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
        setId=SET_ID + 1, setHash=set_hash(following_set, 3), memberCount=4, quorum=3, firstRound=NEXT_ROUND,
    )  # fmt: skip
    agents.verify(document)
    theirs = agents.document(memberSet=set_hash(following_set, 3), roundId=NEXT_ROUND)
    agents.verify(theirs, members=following_set)
    agents.house.pass_to(agents.house.now() + GRACE)
    with ape.reverts(agents.verifier.UnknownMemberSet):
        agents.verify(document)


def refused_for(agents: Agents, round_id: int, members: list[Any]) -> None:
    """A document of a set that a quorum of it signed, for a round that is another set's."""
    document = agents.document(roundId=round_id, memberSet=set_hash(members, 3))
    with ape.reverts(agents.verifier.OtherSetsRound):
        agents.verify(document, members=members)


def test_attack_members_of_a_former_set_sign_for_a_round_that_is_not_theirs(agents: Agents) -> None:
    """Neither, in their grace, for one after theirs, nor, as members now, for one before."""
    newer = following(agents)
    agents.verifier.rotate(*rotation(agents, newer), sender=agents.owner)
    agents.verify(agents.document(roundId=NEXT_ROUND - 1))
    refused_for(agents, NEXT_ROUND, agents.members)
    refused_for(agents, FIRST_ROUND - 1, agents.members)
    refused_for(agents, NEXT_ROUND - 1, newer)
    later = agents.document(roundId=2**64 - 2, memberSet=set_hash(newer, 3))
    agents.verify(later, members=newer)


def test_attack_members_of_a_former_set_sign_for_a_later_round_after_a_message(agents: Agents) -> None:
    send(agents, SET_ID + 1, following(agents))
    agents.verify(agents.document(roundId=NEXT_ROUND - 1))
    refused_for(agents, NEXT_ROUND, agents.members)
    refused_for(agents, NEXT_ROUND - 1, following(agents))


def test_rounds_of_a_set_that_was_never_sent_are_nobody_s(agents: Agents) -> None:
    """The current set's rounds end where the next one's began, whichever comes by the message."""
    send(agents, SET_ID + 2, following(agents), end=NEXT_ROUND - 1)
    agents.verify(agents.document(roundId=NEXT_ROUND - 2))
    refused_for(agents, NEXT_ROUND - 1, agents.members)
    refused_for(agents, NEXT_ROUND - 1, following(agents))


def test_attack_members_name_others_for_rounds_before_their_own(agents: Agents) -> None:
    early = rotation(agents, following(agents), first_round=FIRST_ROUND - 1)
    with ape.reverts(agents.verifier.RoundsBefore, firstRound=FIRST_ROUND - 1, minimum=FIRST_ROUND):
        agents.verifier.rotate(*early, sender=agents.owner)


def test_attack_members_end_their_rounds_late_and_the_home_chain_says_where(agents: Agents) -> None:
    late = rotation(agents, following(agents), first_round=NEXT_ROUND + 100)
    agents.verifier.rotate(*late, sender=agents.owner)
    agents.verify(agents.document(roundId=NEXT_ROUND))
    send(agents, SET_ID + 1, following(agents))
    refused_for(agents, NEXT_ROUND, agents.members)
    until = agents.verifier.termOf(set_hash(agents.members, 3)).until
    assert 0 < until - agents.house.now() <= GRACE


def test_attack_a_set_that_only_members_named_keeps_signing_in_the_next_one_s_time(agents: Agents) -> None:
    captured = [*agents.members[:3], agents.house.bob]
    agents.verifier.rotate(*rotation(agents, captured), sender=agents.owner)
    again = rotation(agents, agents.members, SET_ID + 2, members=captured, first_round=NEXT_ROUND + 1)
    agents.verifier.rotate(*again, sender=agents.owner)
    with ape.reverts(agents.verifier.UnknownMemberSet):
        document = agents.document(roundId=NEXT_ROUND, memberSet=set_hash(captured, 3))
        agents.verify(document, members=captured)


def test_the_same_members_under_another_number_keep_their_rounds(agents: Agents) -> None:
    """A member's new encryption key begins a set too."""
    send(agents, SET_ID + 1, agents.members)
    for round_id in (NEXT_ROUND - 1, NEXT_ROUND):
        agents.verify(agents.document(roundId=round_id))
    refused_for(agents, FIRST_ROUND - 1, agents.members)


def test_members_who_come_back_have_the_rounds_since_then(agents: Agents) -> None:
    send(agents, SET_ID + 1, following(agents))
    send(agents, SET_ID + 2, agents.members, previous=SET_ID + 1, end=NEXT_ROUND + 3)
    agents.verify(agents.document(roundId=NEXT_ROUND + 3))
    refused_for(agents, NEXT_ROUND + 2, agents.members)
    theirs = agents.document(roundId=NEXT_ROUND + 2, memberSet=set_hash(following(agents), 3))
    agents.verify(theirs, members=following(agents))


MESSAGE = ["uint64", "uint64", "uint64", "uint64", "address[]", "uint256"]


def message(
    set_id: int, members: list[Any], previous: int = SET_ID, end: int = NEXT_ROUND, first: int | None = None
) -> bytes:
    """A set that follows another whose rounds end at `end`, where its own begin if not said otherwise."""
    addresses = [each.address for each in ascending(members)]
    first_round = max(end, NEXT_ROUND) if first is None else first
    return encode(MESSAGE, [previous, end, set_id, first_round, addresses, 3])


def send(agents: Agents, set_id: int, members: list[Any], **how: Any) -> None:
    payload = message(set_id, members, **how)
    agents.verifier.receiveMessage(bytes(32), SENDER, payload, sender=agents.gateway)


@pytest.mark.parametrize("who", ["stranger", "other sender"])
def test_only_the_home_chain_sends_sets(agents: Agents, who: str) -> None:
    payload = message(SET_ID + 1, following(agents))
    caller = agents.house.bob if who == "stranger" else agents.gateway
    sender = SENDER if who == "stranger" else b"another"
    with ape.reverts(agents.verifier.ERC7786RecipientUnauthorizedGateway):
        agents.verifier.receiveMessage(bytes(32), sender, payload, sender=caller)


def test_a_message_from_home_changes_the_set_and_a_late_one_does_not_change_it_back(agents: Agents) -> None:
    newer = message(SET_ID + 2, following(agents))
    agents.verifier.receiveMessage(bytes(32), SENDER, newer, sender=agents.gateway)
    assert bytes(agents.verifier.memberSet()) == set_hash(following(agents), 3)
    assert agents.verifier.memberSetId() == SET_ID + 2
    assert agents.verifier.homeSetId() == SET_ID + 2
    with ape.reverts(agents.verifier.OtherPredecessor, previousId=SET_ID, expected=SET_ID + 2):
        send(agents, SET_ID + 1, agents.members)
    with ape.reverts(agents.verifier.OldMemberSet, setId=SET_ID + 2, current=SET_ID + 2):
        send(agents, SET_ID + 2, agents.members, previous=SET_ID + 2)


def test_attack_members_name_themselves_under_the_highest_number_to_stay_for_ever(agents: Agents) -> None:
    """The home chain has the last word, also below a number that members signed; theirs gets no grace."""
    captured = [*agents.members[:3], agents.house.bob]
    agents.verifier.rotate(*rotation(agents, captured, 2**64 - 1), sender=agents.owner)
    newer = message(SET_ID + 1, following(agents))
    agents.verifier.receiveMessage(bytes(32), SENDER, newer, sender=agents.gateway)
    assert bytes(agents.verifier.memberSet()) == set_hash(following(agents), 3)
    assert agents.verifier.memberSetId() == SET_ID + 1
    with ape.reverts(agents.verifier.UnknownMemberSet):
        agents.verify(agents.document(memberSet=set_hash(captured, 3)), members=captured)
    with ape.reverts(agents.verifier.OtherPredecessor, previousId=SET_ID, expected=SET_ID + 1):
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
    sender = project.MemberSetSender.deploy(house.tournament, gateway, to, sender=house.admin)
    house.open()
    house.committee.setQuorum(3, sender=house.admin)
    set_id = house.committee.memberSetId()
    assert [sender.firstRound(each) for each in (1, set_id, set_id + 1)] == [1, 2, 2]
    receipt = sender.send(set_id - 1, set_id, sender=house.bob)
    event = only(receipt, sender.MemberSetSent)
    assert (bytes(event.setHash), event.firstRound) == (set_hash(house.members, 3), 2)
    (posted,) = receipt.events.filter(gateway.Posted)
    kinds = ["(uint256,address,address,bytes)"]
    ((_, by, recipient, payload),) = decode(kinds, bytes(posted.message))
    assert (by.lower(), recipient.lower()) == (sender.address.lower(), agents.verifier.address.lower())
    members = [member.address for member in ascending(house.members)]
    assert payload == encode(MESSAGE, [set_id - 1, 2, set_id, 2, members, 3])


def test_a_sender_finds_the_first_round_of_every_set_and_sends_no_other(agents: Agents, project: Any) -> None:
    house = agents.house
    sender = project.MemberSetSender.deploy(house.tournament, house.bob, b"", sender=house.admin)
    begun = house.committee.memberSetId()
    for quorum in (3, 2, 3):
        house.open()
        house.open()
        house.committee.setQuorum(quorum, sender=house.admin)
    assert [sender.firstRound(begun + number) for number in range(5)] == [1, 3, 5, 7, 7]
    for pair in ((0, 1), (begun, begun), (begun, begun + 4)):
        with ape.reverts(sender.NoSuchSets):
            sender.send(*pair, sender=house.bob)
