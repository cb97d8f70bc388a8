"""OracleCommittee: constructor, addMember, removeMember, setQuorum, setEncryptionKey"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import DAY, NMR, ZERO_ADDRESS, House, is_event, only


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
def test_set_quorum_reverts_outside_two_thirds_and_all(house: House, quorum: int) -> None:
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


@pytest.mark.parametrize(
    ("count", "least"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (63, 42), (64, 43)]
)
def test_the_quorum_is_two_thirds_at_least(house: House, project: Any, count: int, least: int) -> None:
    members = [f"0x{i:040x}" for i in range(1, count + 1)]
    assert deploy(house, project, members=members, quorum=least).quorum() == least
    refusal = {"quorum": least - 1, "minimum": least, "maximum": count}
    with ape.reverts(project.OracleCommittee.QuorumOutOfRange, **refusal):
        deploy(house, project, members=members, quorum=least - 1)


def test_a_former_set_stays_as_it_was(house: House) -> None:
    house.committee.addMember(house.bob, 3, sender=house.admin)
    house.committee.removeMember(house.members[0], 2, sender=house.admin)
    first, second, third = (list(house.committee.membersOf(i)) for i in (1, 2, 3))
    assert first == house.members
    assert second == [*house.members, house.bob]
    assert third == second[1:] == list(house.committee.members())
    assert list(house.committee.membersOf(0)) == list(house.committee.membersOf(4)) == []
    assert [house.committee.quorumOf(i) for i in range(5)] == [0, 2, 3, 2, 0]


# setEncryptionKey

KEY, NEXT_KEY = bytes(31) + b"\x09", bytes(31) + b"\x0b"


def test_an_encryption_key_reverts_where_it_is_zero_or_known(house: House) -> None:
    with ape.reverts(house.committee.ZeroEncryptionKey):
        house.committee.setEncryptionKey(bytes(32), sender=house.members[0])
    house.committee.setEncryptionKey(KEY, sender=house.members[0])
    with ape.reverts(house.committee.SameEncryptionKey, key=KEY):
        house.committee.setEncryptionKey(KEY, sender=house.members[0])


def test_a_member_publishes_a_key_for_rounds_to_come(house: House) -> None:
    receipt = house.committee.setEncryptionKey(KEY, sender=house.members[1])
    is_event(only(receipt, house.committee.EncryptionKeySet), account=house.members[1], key=KEY)
    is_event(only(receipt, house.committee.MemberSetChanged), memberSetId=2, memberCount=3, quorum=2)
    assert bytes(house.committee.encryptionKeyOf(house.members[1])) == KEY
    assert keys_of(house, 1) == [bytes(32)] * 3
    assert keys_of(house, 2) == [bytes(32), KEY, bytes(32)]
    assert list(house.committee.members()) == house.members


def test_a_new_key_leaves_the_sets_of_open_rounds_alone(house: House) -> None:
    house.committee.setEncryptionKey(KEY, sender=house.members[0])
    house.committee.setEncryptionKey(NEXT_KEY, sender=house.members[0])
    assert [keys_of(house, each)[0] for each in (1, 2, 3)] == [bytes(32), KEY, NEXT_KEY]
    assert keys_of(house, 0) == keys_of(house, 4) == []


def test_an_account_has_its_key_ready_before_it_becomes_a_member(house: House) -> None:
    receipt = house.committee.setEncryptionKey(KEY, sender=house.bob)
    assert not receipt.events.filter(house.committee.MemberSetChanged)
    assert house.committee.memberSetId() == 1
    house.committee.addMember(house.bob, 3, sender=house.admin)
    assert keys_of(house, 2) == [*[bytes(32)] * 3, KEY]


def test_keys_stay_in_the_order_of_members_when_one_leaves(house: House) -> None:
    for member, key in zip(house.members, (KEY, NEXT_KEY, KEY), strict=True):
        house.committee.setEncryptionKey(key, sender=member)
    house.committee.removeMember(house.members[0], 2, sender=house.admin)
    assert keys_of(house, int(house.committee.memberSetId())) == [NEXT_KEY, KEY]


def keys_of(house: House, set_id: int) -> list[bytes]:
    return [bytes(key) for key in house.committee.encryptionKeysOf(set_id)]


# constructor

TERMS = (DAY, DAY, 500 * NMR, 50 * NMR, 500 * NMR, 100 * NMR, 3)


def deploy(house: House, project: Any, terms: Any = TERMS, members: Any = None, quorum: int = 2) -> Any:
    chosen = house.members if members is None else members
    return project.OracleCommittee.deploy(
        house.authority, house.token, house.sink, house.court, terms, chosen, quorum, sender=house.admin
    )


@pytest.mark.parametrize(
    ("field", "value", "error", "limits"),
    [
        (0, 7 * DAY + 1, "ChallengeWindowTooLong", (7 * DAY,)),
        (1, 29, "DisputePeriodOutOfRange", (30, 7 * DAY)),
        (1, 7 * DAY + 1, "DisputePeriodOutOfRange", (30, 7 * DAY)),
        (2, 100_000 * NMR + 1, "BondTooLarge", (100_000 * NMR,)),
        (3, 10_000 * NMR + 1, "BondTooLarge", (10_000 * NMR,)),
        (4, 500 * NMR + 1, "SlashAboveBond", (500 * NMR,)),
        (5, 500 * NMR + 1, "AbsenceSlashTooLarge", (500 * NMR,)),
        (6, 2, "AbsenceLimitTooSmall", (3,)),
    ],
)
def test_a_deployment_refuses_terms_beyond_their_limits(
    house: House, project: Any, field: int, value: int, error: str, limits: tuple[int, ...]
) -> None:
    terms = tuple(value if i == field else term for i, term in enumerate(TERMS))
    kind = getattr(project.OracleCommittee, error)
    names = [given.name for given in kind.abi.inputs]
    with ape.reverts(kind, **dict(zip(names, (value, *limits), strict=True))):
        deploy(house, project, terms)


def test_a_deployment_refuses_members_that_the_rules_refuse(house: House, project: Any) -> None:
    kind, m = project.OracleCommittee, house.members
    with ape.reverts(kind.AlreadyMember, member=m[0]):
        deploy(house, project, members=[m[0], m[0]])
    with ape.reverts(kind.ZeroMember):
        deploy(house, project, members=[ZERO_ADDRESS], quorum=1)
    with ape.reverts(kind.QuorumOutOfRange):
        deploy(house, project, quorum=1)
    with ape.reverts(kind.QuorumOutOfRange):
        deploy(house, project, members=[], quorum=0)
    with ape.reverts(kind.TooManyMembers, memberCount=65, maximum=64):
        deploy(house, project, members=[f"0x{i:040x}" for i in range(1, 66)], quorum=33)


def test_a_deployment_refuses_to_burn_into_nothing(house: House, project: Any) -> None:
    with ape.reverts(project.OracleCommittee.ZeroBurnSink):
        project.OracleCommittee.deploy(
            house.authority,
            house.token,
            ZERO_ADDRESS,
            house.court,
            TERMS,
            house.members,
            2,
            sender=house.admin,
        )


@pytest.mark.parametrize(
    "terms",
    [
        (0, 30, 0, 0, 0, 0, 3),
        (7 * DAY, 7 * DAY, 100_000 * NMR, 10_000 * NMR, 100_000 * NMR, 100_000 * NMR, 2**256 - 1),
    ],
)
def test_a_deployment_takes_terms_at_their_limits(house: House, project: Any, terms: Any) -> None:
    c = deploy(house, project, terms)
    found = (c.challengeWindow(), c.disputePeriod(), c.memberBond(), c.challengeBond(), c.slash())
    found += (c.absenceSlash(), c.absenceLimit())
    assert found == terms
    assert (c.token(), c.burnSink(), c.court(), c.authority()) == (
        house.token,
        house.sink,
        house.court,
        house.authority,
    )
    assert (list(c.members()), c.quorum(), c.memberSetId()) == (house.members, 2, 1)


# addTournament


def test_the_admin_alone_adds_a_tournament_and_once(house: House) -> None:
    committee = house.committee
    with ape.reverts(committee.AccessManagedUnauthorized, caller=house.operator):
        committee.addTournament(house.bob, sender=house.operator)
    receipt = committee.addTournament(house.bob, sender=house.admin)
    assert only(receipt, committee.TournamentAdded).tournament == house.bob
    assert committee.isTournament(house.bob)
    with ape.reverts(committee.AlreadyTournament, tournament=house.bob):
        committee.addTournament(house.bob, sender=house.admin)
