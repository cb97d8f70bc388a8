"""OracleCommittee: postBond, releaseBond, collect"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import DAY, NANO, NMR, PPM, SHARE, ZERO_ADDRESS, House, is_event, only
from voting import (
    ABSENCE_SLASH,
    CHALLENGE_BOND,
    DISPUTE_PERIOD,
    MEMBER_BOND,
    SCORES,
    SLASH,
    assert_committee_holds_what_it_owes,
    attest,
    bonds,
    credits_of,
    empty_bond,
    expire,
    leave,
    proposal,
)

# postBond


def test_post_bond_reverts_for_nobody_or_nothing(house: House) -> None:
    with ape.reverts(house.committee.ZeroMember):
        house.committee.postBond(ZERO_ADDRESS, 1, sender=house.bob)
    with ape.reverts(house.committee.ZeroAmount):
        house.committee.postBond(house.members[0], 0, sender=house.bob)


def test_post_bond_reverts_without_the_tokens(house: House) -> None:
    house.token.approve(house.committee, 2**256 - 1, sender=house.guardian)
    with ape.reverts(house.token.ERC20InsufficientBalance):
        house.committee.postBond(house.members[0], 1, sender=house.guardian)


def test_anybody_posts_a_bond_for_anybody(house: House) -> None:
    before = house.token.balanceOf(house.bob)
    for account, had in ((house.members[0], MEMBER_BOND), (house.alice, 0)):
        receipt = house.committee.postBond(account, 7 * NMR, sender=house.bob)
        bonded = only(receipt, house.committee.BondPosted)
        is_event(bonded, member=account, amount=7 * NMR, **{"from": house.bob})
        assert house.committee.bondOf(account) == had + 7 * NMR
    assert house.token.balanceOf(house.bob) == before - 14 * NMR
    assert_committee_holds_what_it_owes(house)


# releaseBond


def test_release_bond_reverts_for_nothing_or_more_than_there_is(house: House) -> None:
    member = house.members[0]
    with ape.reverts(house.committee.ZeroAmount):
        house.committee.releaseBond(0, member, sender=member)
    with ape.reverts(house.committee.InsufficientBond, bond=MEMBER_BOND, amount=MEMBER_BOND + 1):
        house.committee.releaseBond(MEMBER_BOND + 1, member, sender=member)
    with ape.reverts(house.committee.InsufficientBond, bond=0, amount=1):
        house.committee.releaseBond(1, house.bob, sender=house.bob)


def test_release_bond_reverts_while_a_vote_is_open(house: House, sealed: int) -> None:
    member = house.members[0]
    attest(house, house.report(sealed, SCORES), 0)
    with ape.reverts(house.committee.VotesOpen, openVotes=1):
        house.committee.releaseBond(1, member, sender=member)
    house.at(house.round(sealed).deadline)
    house.committee.closeVotes(house.tournament, sealed, sender=house.alice)
    leave(house, member)
    house.committee.releaseBond(MEMBER_BOND, member, sender=member)
    assert bonds(house) == [0, MEMBER_BOND, MEMBER_BOND]


def test_removal_does_not_free_a_bond(house: House, sealed: int) -> None:
    member = house.members[0]
    attest(house, house.report(sealed, SCORES), 0)
    house.committee.removeMember(member, 2, sender=house.admin)
    with ape.reverts(house.committee.VotesOpen, openVotes=1):
        house.committee.releaseBond(1, member, sender=member)


def test_a_member_takes_back_what_is_above_the_least_bond_and_others_everything(house: House) -> None:
    member, before = house.members[0], house.token.balanceOf(house.alice)
    house.committee.postBond(member, NMR, sender=house.bob)
    with ape.reverts(house.committee.BondTooSmall, bond=MEMBER_BOND - 1, minimum=MEMBER_BOND):
        house.committee.releaseBond(NMR + 1, house.alice, sender=member)
    receipt = house.committee.releaseBond(NMR, house.alice, sender=member)
    is_event(only(receipt, house.committee.BondReleased), member=member, to=house.alice, amount=NMR)
    assert house.token.balanceOf(house.alice) == before + NMR
    assert bonds(house) == [MEMBER_BOND] * 3
    house.committee.postBond(house.bob, NMR, sender=house.bob)
    house.committee.releaseBond(NMR, house.bob, sender=house.bob)
    assert_committee_holds_what_it_owes(house)


# leave, assignRound


def test_nobody_but_members_leaves_and_nobody_but_tournaments_assigns_rounds(house: House) -> None:
    with ape.reverts(house.committee.NotMember, caller=house.bob):
        house.committee.leave(sender=house.bob)
    with ape.reverts(house.committee.UnknownTournament, tournament=house.operator):
        house.committee.assignRound(1, sender=house.operator)


def test_who_leaves_is_assigned_no_further_round_and_as_many_as_before_agree(
    house: House, five: None
) -> None:
    member = house.members[4]
    receipt = house.committee.leave(sender=member)
    assert only(receipt, house.committee.MemberRemoved).member == member
    assert list(house.committee.members()) == house.members[:4]
    assert house.committee.quorum() == 4
    house.committee.leave(sender=house.members[3])
    assert (len(house.committee.members()), house.committee.quorum()) == (3, 3)


@pytest.mark.parametrize("sealed_before", [False, True], ids=["open", "sealed"])
def test_a_bond_is_held_until_after_every_round_that_its_member_may_sign_for(
    house: House, sealed_before: bool
) -> None:
    """Before the seal, too: else the bond would be gone when the documents are signed."""
    house.stake(house.alice, NANO, SHARE | PPM)
    member = house.members[0]
    round_id = house.run_to_sealed() if sealed_before else house.open()
    house.committee.leave(sender=member)
    until = house.round(round_id).resolveAt + 30 * DAY
    assert house.committee.heldUntil(member) == until
    house.open(scoring=50 * DAY)
    house.at(until - 1)
    with ape.reverts(house.committee.BondHeld, timestamp=until - 1, until=until):
        house.committee.releaseBond(MEMBER_BOND, house.bob, sender=member)
    empty = bonds(house)[1]
    house.at(until)
    house.committee.releaseBond(MEMBER_BOND, house.bob, sender=member)
    assert bonds(house) == [0, empty, MEMBER_BOND]


def test_a_bond_is_held_for_a_while_where_no_round_was_opened(house: House) -> None:
    house.committee.leave(sender=house.members[0])
    assert house.committee.heldUntil(house.members[0]) == house.now() + 30 * DAY


def test_two_documents_cost_the_bond_of_who_left_meanwhile(house: House, sealed: int) -> None:
    member = house.members[0]
    house.committee.leave(sender=member)
    house.at(house.committee.heldUntil(member) - 1)
    empty_bond(house, sealed, member)
    assert bonds(house) == [0, MEMBER_BOND, MEMBER_BOND]
    assert_committee_holds_what_it_owes(house)


def test_whoever_the_admin_removes_is_held_as_long_and_free_of_it_as_a_member_again(house: House) -> None:
    committee, member = house.committee, house.members[0]
    round_id = house.open()
    committee.removeMember(member, 2, sender=house.admin)
    assert committee.heldUntil(member) == house.round(round_id).resolveAt + 30 * DAY
    committee.addMember(member, 2, sender=house.admin)
    assert committee.heldUntil(member) == 0
    with ape.reverts(committee.BondTooSmall):
        committee.releaseBond(1, member, sender=member)


def test_who_left_is_not_added_again(house: House) -> None:
    house.committee.leave(sender=house.members[0])
    with ape.reverts(house.committee.MemberLeft, member=house.members[0]):
        house.committee.addMember(house.members[0], 2, sender=house.admin)


def test_the_last_member_stays_and_is_held_no_longer(house: House) -> None:
    committee, last = house.committee, house.members[2]
    for member in house.members[:2]:
        committee.leave(sender=member)
    assert committee.quorum() == 1
    leave(house, last)
    assert list(committee.members()) == [last]
    committee.releaseBond(MEMBER_BOND, house.bob, sender=last)
    committee.addMember(house.bob, 1, sender=house.admin)
    assert list(committee.members()) == [house.bob]


def test_no_round_of_a_hostile_tournament_holds_a_bond_for_ever(
    house: House, sealed: int, hostile_types: Any
) -> None:
    """The longest that a bond is ever held: a round without an end, and a vote that nothing closes."""
    committee, member = house.committee, house.members[0]
    committee.addTournament(house.operator, sender=house.admin)
    committee.assignRound(2**64 - 1, sender=house.operator)
    opened = house.now()
    attest(house, house.report(sealed, SCORES), 0)
    committee.leave(sender=member)
    until = opened + (545 + 30) * DAY
    assert committee.heldUntil(member) == until
    house.at(until + 130 * DAY - 1)
    with ape.reverts(committee.VotesOpen, openVotes=1):
        committee.releaseBond(MEMBER_BOND, member, sender=member)
    house.at(until + 130 * DAY)
    committee.releaseBond(MEMBER_BOND, member, sender=member)
    committee.closeVotes(house.tournament, sealed, sender=house.alice)
    assert committee.openVotesOf(member) == 0
    assert_committee_holds_what_it_owes(house)


def test_what_is_left_after_a_slash_is_released(house: House, disputed: int, right: Any) -> None:
    attest(house, right, 0, 1, 3, 4)
    member = house.members[0]
    house.at(proposal(house, disputed).challengeUntil)
    house.committee.closeVotes(house.tournament, disputed, sender=house.alice)
    with ape.reverts(house.committee.InsufficientBond, bond=MEMBER_BOND - SLASH, amount=MEMBER_BOND):
        house.committee.releaseBond(MEMBER_BOND, member, sender=member)
    leave(house, member)
    house.committee.releaseBond(MEMBER_BOND - SLASH, member, sender=member)
    assert house.committee.bondOf(member) == 0
    assert_committee_holds_what_it_owes(house)


# closeVotes


def test_votes_stay_open_until_the_report_is_final(house: House, sealed: int) -> None:
    committee = house.committee
    with ape.reverts(committee.NoVotesOpen, roundId=sealed):
        committee.closeVotes(house.tournament, sealed, sender=house.alice)
    attest(house, house.report(sealed, SCORES), 0)
    deadline = house.round(sealed).deadline
    with ape.reverts(committee.TooEarly, notBefore=deadline):
        committee.closeVotes(house.tournament, sealed, sender=house.alice)
    attest(house, house.report(sealed, SCORES), 1)
    until = proposal(house, sealed).challengeUntil
    house.at(until - 1)
    with ape.reverts(committee.TooEarly, timestamp=until - 1, notBefore=until):
        committee.closeVotes(house.tournament, sealed, sender=house.alice)
    house.at(until)
    receipt = committee.closeVotes(house.tournament, sealed, sender=house.alice)
    is_event(only(receipt, committee.VotesClosed), tournament=house.tournament, roundId=sealed)
    assert [committee.openVotesOf(member) for member in house.members] == [0, 0, 0]
    with ape.reverts(committee.NoVotesOpen):
        committee.closeVotes(house.tournament, sealed, sender=house.alice)


def test_whoever_keeps_a_round_from_its_report_pays_where_more_than_half_agree(
    house: House, right: Any, wrong: Any
) -> None:
    attest(house, right, 0, 1, 2)
    attest(house, wrong, 3)
    house.at(house.round(right[0]).deadline)
    house.committee.closeVotes(house.tournament, right[0], sender=house.alice)
    assert bonds(house) == [MEMBER_BOND] * 3 + [MEMBER_BOND - ABSENCE_SLASH] * 2
    assert house.committee.creditOf(house.sink) == 2 * ABSENCE_SLASH
    assert_committee_holds_what_it_owes(house)


def test_a_round_without_a_report_costs_nobody_where_no_report_has_more_than_half(
    house: House, right: Any, wrong: Any
) -> None:
    attest(house, right, 0, 1)
    attest(house, wrong, 3)
    house.at(house.round(right[0]).deadline)
    house.committee.closeVotes(house.tournament, right[0], sender=house.alice)
    assert bonds(house) == [MEMBER_BOND] * 5


def test_a_dispute_holds_every_bond_until_it_is_on_record(house: House, disputed: int) -> None:
    committee, absent = house.committee, house.members[4]
    assert [committee.openVotesOf(member) for member in house.members] == [1] * 5
    house.at(proposal(house, disputed).disputeUntil + DISPUTE_PERIOD)
    with ape.reverts(committee.WrongStatus):
        committee.closeVotes(house.tournament, disputed, sender=house.alice)
    with ape.reverts(committee.VotesOpen, openVotes=1):
        committee.releaseBond(1, absent, sender=absent)
    expire(house, disputed)
    assert [committee.openVotesOf(member) for member in house.members] == [0] * 5
    leave(house, absent)
    committee.releaseBond(MEMBER_BOND - ABSENCE_SLASH, absent, sender=absent)


# collect


def test_collect_reverts_when_nothing_is_owed(house: House) -> None:
    with ape.reverts(house.committee.NothingOwed, account=house.bob):
        house.committee.collect(house.bob, sender=house.bob)


@pytest.mark.parametrize("caller", ["alice", "bob"])
def test_anybody_has_what_is_owed_sent_to_whom_it_is_owed(house: House, disputed: int, caller: str) -> None:
    house.at(proposal(house, disputed).disputeUntil)
    expire(house, disputed)
    before = house.token.balanceOf(house.bob)
    account = getattr(house, caller)
    assert house.committee.collect.call(house.bob, sender=account) == CHALLENGE_BOND // 2
    receipt = house.committee.collect(house.bob, sender=account)
    is_event(only(receipt, house.committee.CreditCollected), account=house.bob, amount=CHALLENGE_BOND // 2)
    assert house.token.balanceOf(house.bob) == before + CHALLENGE_BOND // 2
    assert credits_of(house, house.bob) == [0]
    with ape.reverts(house.committee.NothingOwed, account=house.bob):
        house.committee.collect(house.bob, sender=house.bob)
    assert_committee_holds_what_it_owes(house)
