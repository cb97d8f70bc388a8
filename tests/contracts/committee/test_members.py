"""OracleCommittee: constructor, addMember, removeMember, setQuorum"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import DAY, ZERO_ADDRESS, House, is_event, only


@pytest.mark.parametrize("caller", ["alice", "operator", "guardian"])
def test_only_the_admin_changes_members_and_quorum(house: House, caller: str) -> None:
    account, committee = getattr(house, caller), house.committee
    with ape.reverts(committee.AccessManagedUnauthorized, caller=account):
        committee.addMember(house.bob, 3, sender=account)
    with ape.reverts(committee.AccessManagedUnauthorized, caller=account):
        committee.removeMember(house.members[0], 2, sender=account)
    with ape.reverts(committee.AccessManagedUnauthorized, caller=account):
        committee.setQuorum(3, sender=account)


def test_add_member_reverts_for_nobody_or_a_member(house: House) -> None:
    with ape.reverts(house.committee.ZeroMember):
        house.committee.addMember(ZERO_ADDRESS, 3, sender=house.admin)
    with ape.reverts(house.committee.AlreadyMember, member=house.members[1]):
        house.committee.addMember(house.members[1], 3, sender=house.admin)


def test_remove_member_reverts_for_others(house: House) -> None:
    with ape.reverts(house.committee.NotMember, caller=house.bob):
        house.committee.removeMember(house.bob, 2, sender=house.admin)


@pytest.mark.parametrize("quorum", [0, 1, 4])
def test_set_quorum_reverts_outside_more_than_half_and_all(house: House, quorum: int) -> None:
    with ape.reverts(house.committee.QuorumOutOfRange, quorum=quorum, minimum=2, maximum=3):
        house.committee.setQuorum(quorum, sender=house.admin)


def test_the_quorum_has_to_fit_the_new_number_of_members(house: House) -> None:
    with ape.reverts(house.committee.QuorumOutOfRange, quorum=2, minimum=3, maximum=4):
        house.committee.addMember(house.bob, 2, sender=house.admin)
    with ape.reverts(house.committee.QuorumOutOfRange, quorum=3, minimum=2, maximum=2):
        house.committee.removeMember(house.members[0], 3, sender=house.admin)


def test_adds_a_member(house: House) -> None:
    receipt = house.committee.addMember(house.bob, 3, sender=house.admin)
    assert only(receipt, house.committee.MemberAdded).member == house.bob
    is_event(only(receipt, house.committee.MemberSetChanged), memberSetId=2, memberCount=4, quorum=3)
    assert house.committee.isMember(house.bob)
    assert list(house.committee.members()) == [*house.members, house.bob]
    assert house.committee.quorum() == 3


@pytest.mark.parametrize("index", [0, 1, 2])
def test_removes_a_member(house: House, index: int) -> None:
    receipt = house.committee.removeMember(house.members[index], 2, sender=house.admin)
    assert only(receipt, house.committee.MemberRemoved).member == house.members[index]
    is_event(only(receipt, house.committee.MemberSetChanged), memberSetId=2, memberCount=2, quorum=2)
    rest = {member.address for i, member in enumerate(house.members) if i != index}
    assert set(house.committee.members()) == rest
    assert not house.committee.isMember(house.members[index])


def test_a_change_of_quorum_begins_a_new_member_set(house: House) -> None:
    receipt = house.committee.setQuorum(3, sender=house.admin)
    is_event(only(receipt, house.committee.MemberSetChanged), memberSetId=2, memberCount=3, quorum=3)
    assert (house.committee.quorum(), house.committee.memberSetId()) == (3, 2)


def test_the_last_member_can_be_replaced_but_not_removed(house: House) -> None:
    for member in house.members[:2]:
        quorum = len(house.committee.members()) - 1
        house.committee.removeMember(member, quorum, sender=house.admin)
    with ape.reverts(house.committee.QuorumOutOfRange):
        house.committee.removeMember(house.members[2], 1, sender=house.admin)
    house.committee.addMember(house.bob, 2, sender=house.admin)
    house.committee.removeMember(house.members[2], 1, sender=house.admin)
    assert list(house.committee.members()) == [house.bob]


def test_a_deployment_refuses_what_the_rules_refuse(house: House, project: Any, accounts: Any) -> None:
    kind, m = project.OracleCommittee, house.members

    def deploy(window: int, members: list[Any], quorum: int) -> None:
        kind.deploy(house.authority, window, members, quorum, sender=house.admin)

    with ape.reverts(kind.ChallengeWindowTooLong, window=14 * DAY + 1, maximum=14 * DAY):
        deploy(14 * DAY + 1, m, 2)
    with ape.reverts(kind.AlreadyMember):
        deploy(DAY, [m[0], m[0]], 2)
    with ape.reverts(kind.ZeroMember):
        deploy(DAY, [ZERO_ADDRESS], 1)
    with ape.reverts(kind.QuorumOutOfRange):
        deploy(DAY, m, 1)
    with ape.reverts(kind.QuorumOutOfRange):
        deploy(DAY, [], 0)
    with ape.reverts(kind.TooManyMembers, memberCount=65, maximum=64):
        deploy(DAY, [f"0x{i:040x}" for i in range(1, 66)], 33)
