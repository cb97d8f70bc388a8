"""OracleCommittee: postBond, releaseBond, collect"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import NMR, ZERO_ADDRESS, House, is_event, only
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
    expire,
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
    house.committee.releaseBond(MEMBER_BOND, member, sender=member)
    assert bonds(house) == [0, MEMBER_BOND, MEMBER_BOND]


def test_removal_does_not_free_a_bond(house: House, sealed: int) -> None:
    member = house.members[0]
    attest(house, house.report(sealed, SCORES), 0)
    house.committee.removeMember(member, 2, sender=house.admin)
    with ape.reverts(house.committee.VotesOpen, openVotes=1):
        house.committee.releaseBond(1, member, sender=member)


def test_a_bond_without_votes_is_free_for_members_and_others(house: House) -> None:
    """Nobody's leave is needed, so an absent or hostile admin keeps no bond."""
    member, before = house.members[0], house.token.balanceOf(house.alice)
    receipt = house.committee.releaseBond(MEMBER_BOND, house.alice, sender=member)
    is_event(only(receipt, house.committee.BondReleased), member=member, to=house.alice, amount=MEMBER_BOND)
    assert house.token.balanceOf(house.alice) == before + MEMBER_BOND
    assert bonds(house) == [0, MEMBER_BOND, MEMBER_BOND]
    house.committee.postBond(house.bob, NMR, sender=house.bob)
    house.committee.releaseBond(NMR, house.bob, sender=house.bob)
    assert_committee_holds_what_it_owes(house)


def test_what_is_left_after_a_slash_is_released(house: House, disputed: int, right: Any) -> None:
    attest(house, right, 0, 1, 3, 4)
    member = house.members[0]
    house.at(proposal(house, disputed).challengeUntil)
    house.committee.closeVotes(house.tournament, disputed, sender=house.alice)
    with ape.reverts(house.committee.InsufficientBond, bond=MEMBER_BOND - SLASH, amount=MEMBER_BOND):
        house.committee.releaseBond(MEMBER_BOND, member, sender=member)
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
