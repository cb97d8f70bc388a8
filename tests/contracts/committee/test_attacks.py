"""What somebody may try against a committee, by name"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ape
import pytest
from states import state
from support import DAY, NMR, PPM, SHARE, House
from twins import deploy_tournament
from voting import (
    ABSENCE_SLASH,
    ACCEPTED,
    CHALLENGE_BOND,
    CHALLENGE_WINDOW,
    DISPUTED,
    MEMBER_BOND,
    NEVER,
    NOTHING,
    OVERTURNED,
    SCORES,
    SLASH,
    UPHELD,
    WRONG_SCORES,
    attest,
    bonds,
    challenge,
    credits_of,
    empty_bond,
    final_from,
    hash_of,
    is_final,
    proposal,
    veto,
)

# reports that are not for this round


def test_attack_a_report_for_another_tournament_of_the_committee(
    house: House, project: Any, accepted: int, wrong: Any
) -> None:
    twin = deploy_tournament(house, project, threshold=1)
    house.pass_to(proposal(house, accepted).challengeUntil)
    own = house.committee.hashReport(twin, wrong)
    assert is_final(house, wrong)
    assert final_from(house.committee, twin, accepted, own) == NEVER
    assert final_from(house.committee, twin, accepted, hash_of(house, wrong)) == NEVER
    assert final_from(house.committee, house.tournament, accepted, own) == NEVER


def test_attack_a_report_for_a_tournament_that_is_none(house: House, right: Any) -> None:
    for nobody in (house.alice, house.token, house.registry):
        with ape.reverts():
            house.committee.attest(nobody, right, sender=house.members[0])


def test_attack_two_reports_final_for_one_round(house: House, disputed: int, right: Any, wrong: Any) -> None:
    attest(house, right, 0, 1, 3, 4)
    house.pass_to(proposal(house, disputed).disputeUntil + CHALLENGE_WINDOW)
    assert is_final(house, right)
    assert not is_final(house, wrong)


# votes


def test_attack_a_vote_of_the_first_ballot_counted_in_the_second(
    house: House, disputed: int, wrong: Any
) -> None:
    """Four attested the report before the challenge: one more vote must not uphold it."""
    attest(house, wrong, 3)
    assert proposal(house, disputed).status == DISPUTED


def test_attack_a_member_removed_in_mid_dispute_is_silenced(house: House, disputed: int, right: Any) -> None:
    """Whoever holds the admin's key cannot take votes out of a dispute that is open."""
    attest(house, right, 4)
    for member in (house.members[4], house.members[3]):
        count = len(house.committee.members()) - 1
        house.committee.removeMember(member, -(-2 * count // 3), sender=house.admin)
    attest(house, right, 0, 1)
    assert proposal(house, disputed).status == DISPUTED
    attest(house, right, 3)
    assert proposal(house, disputed).status == OVERTURNED


def test_attack_members_added_after_the_opening_outvote_the_others(
    house: House, accounts: Any, accepted: int, wrong: Any
) -> None:
    puppets = accounts[11:15]
    for i, puppet in enumerate(puppets):
        house.committee.addMember(puppet, -(-2 * (6 + i) // 3), sender=house.admin)
        house.committee.postBond(puppet, MEMBER_BOND, sender=house.admin)
    challenge(house, accepted)
    for puppet in puppets:
        with ape.reverts(house.committee.NotMember, caller=puppet):
            house.committee.attest(house.tournament, wrong, sender=puppet)
    assert proposal(house, accepted).memberSetId == 3


@pytest.mark.parametrize("change", [4, 5])
def test_attack_another_quorum_set_after_the_opening(
    house: House, right: Any, wrong: Any, change: int
) -> None:
    """Neither votes nor disputes of a round that is open take fewer, or more, than on its first day."""
    house.committee.setQuorum(change, sender=house.admin)
    attest(house, wrong, 0, 1, 2)
    assert proposal(house, right[0]).status == NOTHING
    attest(house, wrong, 3)
    challenge(house, right[0])
    attest(house, right, 0, 1, 4)
    assert proposal(house, right[0]).status == DISPUTED
    attest(house, right, 3)
    assert proposal(house, right[0]).status == OVERTURNED


@pytest.mark.parametrize("count", range(1, 65))
def test_no_honest_rest_is_as_many_as_a_quorum(count: int) -> None:
    """The audit's M-1: a quorum is never overturned by the others. Disputes correct errors, not lies."""
    quorum = -(-2 * count // 3)
    assert count - quorum < quorum


def test_attack_a_quorum_that_lies_and_is_challenged(house: House, accepted: int, right: Any) -> None:
    """Without the court: the liars stay away, the round is void, and staying away has cost them."""
    challenge(house, accepted)
    attest(house, right, 4)
    house.at(proposal(house, accepted).disputeUntil)
    house.committee.expire(house.tournament, accepted, sender=house.alice)
    assert bonds(house) == [MEMBER_BOND - ABSENCE_SLASH] * 4 + [MEMBER_BOND]
    assert house.committee.hasExpired(house.tournament, accepted)
    assert not is_final(house, house.report(accepted, WRONG_SCORES))


def test_attack_a_quorum_challenges_itself_for_the_bonds_of_who_tells_the_truth(
    house: House, five: None, accounts: Any, sealed: int
) -> None:
    """The second audit's M-1: what the truthful lose burns, and the liars pay half of their own slashes."""
    house.members.append(accounts[11])
    house.committee.addMember(house.members[5], 4, sender=house.admin)
    house.committee.postBond(house.members[5], MEMBER_BOND, sender=house.admin)
    round_id = house.run_to_sealed()
    house.pass_to(house.round(round_id).resolveAt)
    truth, lie = house.report(round_id, SCORES), house.report(round_id, WRONG_SCORES)
    attest(house, truth, 4, 5, 0, 1)
    challenge(house, round_id, house.bob)
    attest(house, truth, 4, 5)
    attest(house, lie, 0, 1, 2, 3)
    assert bonds(house) == [MEMBER_BOND - SLASH] * 2 + [MEMBER_BOND] * 2 + [MEMBER_BOND - SLASH] * 2
    assert credits_of(house, house.bob, house.sink) == [CHALLENGE_BOND + SLASH, 3 * SLASH]


def test_attack_a_tournament_names_another_set_and_frees_a_bond_that_a_dispute_holds(
    house: House, hostile_types: Any, accepted: int, right: Any
) -> None:
    """The second audit's L-4: bits of open votes stand for the members of one set, whatever is said later."""
    committee, liar, first = house.committee, house.members[1], house.members[0]
    challenge(house, accepted)
    hostile = hostile_types["TwoFacedTournament"].deploy(sender=house.admin)
    committee.addTournament(hostile, sender=house.admin)
    hostile.say(committee.memberSetId(), sender=house.admin)
    committee.postBond(first, 10 * MEMBER_BOND, sender=house.admin)
    for account in (first, house.members[4]):
        report = house.report(1, SCORES)
        committee.attest(hostile, report, sender=account)
        committee.removeMember(account, committee.quorum() - 1, sender=house.admin)
        hostile.say(committee.memberSetId(), sender=house.admin)
    house.at(house.now() + DAY)
    committee.closeVotes(hostile, 1, sender=house.bob)
    assert committee.openVotesOf(liar) == 1
    with ape.reverts(committee.VotesOpen, openVotes=1):
        committee.releaseBond(MEMBER_BOND, liar, sender=liar)
    committee.removeTournament(hostile, sender=house.admin)
    with ape.reverts(committee.UnknownTournament, tournament=hostile):
        committee.attest(hostile, house.report(1, WRONG_SCORES), sender=first)


def test_attack_blockers_vote_for_nonsense(house: House, accepted: int, right: Any) -> None:
    """The second audit's M-2: two of five kept three from deciding, and lost nothing for it."""
    challenge(house, accepted)
    attest(house, right, 0, 1, 2)
    attest(house, house.report(accepted, SCORES, totalBurn=1), 3)
    attest(house, house.report(accepted, SCORES, totalBurn=2), 4)
    house.at(proposal(house, accepted).disputeUntil)
    house.committee.expire(house.tournament, accepted, sender=house.alice)
    assert bonds(house) == [MEMBER_BOND] * 3 + [MEMBER_BOND - ABSENCE_SLASH] * 2


def test_attack_one_bond_backs_any_number_of_lies(house: House, five: None) -> None:
    """The audit's L-2: each lie of the same members costs its own slash."""
    for _ in range(2):
        house.stake(house.alice, 10**9, SHARE | PPM // 4)
    rounds = [house.open() for _ in range(2)]
    for round_id in rounds:
        house.lock(round_id, [True, True])
        house.end_lock(round_id)
        house.seal(round_id)
    house.pass_to(house.round(rounds[-1]).resolveAt)
    for round_id in rounds:
        attest(house, house.report(round_id, WRONG_SCORES), 0, 1, 2, 3)
        challenge(house, round_id)
    for round_id in rounds:
        attest(house, house.report(round_id, SCORES), 1, 2, 3, 4)
    assert bonds(house) == [MEMBER_BOND - 2 * SLASH] * 4 + [MEMBER_BOND]


def test_attack_a_vote_on_a_borrowed_bond(house: House, right: Any) -> None:
    """Post, vote and take it back: the vote holds the bond."""
    member = house.members[0]
    empty_bond(house, right[0], member)
    house.committee.postBond(member, MEMBER_BOND, sender=house.bob)
    attest(house, right, 0)
    with ape.reverts(house.committee.VotesOpen, openVotes=1):
        house.committee.releaseBond(MEMBER_BOND, house.bob, sender=member)


# bonds


@pytest.mark.parametrize("removed", [True, False])
def test_attack_the_bond_is_withdrawn_before_it_is_slashed(
    house: House, right: Any, wrong: Any, removed: bool
) -> None:
    """Even when everything happens at the last second that it can."""
    house.at(house.round(right[0]).deadline - 4)
    attest(house, wrong, 0, 1, 2, 3)
    if removed:
        house.committee.removeMember(house.members[0], 4, sender=house.admin)
    house.at(proposal(house, right[0]).challengeUntil - 1)
    challenge(house, right[0])
    attest(house, right, 1, 2, 3)
    house.at(proposal(house, right[0]).disputeUntil - 2)
    with ape.reverts(house.committee.VotesOpen, openVotes=1):
        house.committee.releaseBond(1, house.bob, sender=house.members[0])
    attest(house, right, 4)
    assert proposal(house, right[0]).status == OVERTURNED
    assert house.committee.bondOf(house.members[0]) == MEMBER_BOND - SLASH


def test_attack_the_admin_keeps_a_member_and_the_bond_for_ever(house: House, right: Any) -> None:
    """Kept, and re-added whenever removed: who leaves gets the bond back in time, and is not added again."""
    member = house.members[0]
    attest(house, right, 0)
    for _ in range(2):
        house.committee.removeMember(member, 3, sender=house.admin)
        house.committee.addMember(member, 4, sender=house.admin)
    house.at(house.round(right[0]).deadline)
    house.committee.closeVotes(house.tournament, right[0], sender=member)
    house.committee.leave(sender=member)
    until = house.committee.heldUntil(member)
    with ape.reverts(house.committee.MemberLeft, member=member):
        house.committee.addMember(member, 4, sender=house.admin)
    house.open(scoring=90 * DAY)
    house.at(until)
    house.committee.releaseBond(MEMBER_BOND, member, sender=member)
    assert house.committee.bondOf(member) == 0


# challenges


def test_attack_whoever_is_about_to_be_caught_is_his_own_challenger(
    house: House, accepted: int, right: Any
) -> None:
    """bob is behind the wrong report and hurries to challenge it: most of what is slashed burns."""
    challenge(house, accepted, house.bob)
    attest(house, right, 0, 1, 3, 4)
    lost = 4 * MEMBER_BOND - sum(bonds(house)[:4])
    assert lost == 4 * SLASH
    assert credits_of(house, house.bob)[0] - CHALLENGE_BOND == 3 * SLASH // 2


def test_attack_a_challenge_is_overtaken_by_another(house: House, accepted: int) -> None:
    """One bond, and one reward: who comes second pays nothing."""
    challenge(house, accepted, house.alice)
    before = house.token.balanceOf(house.bob)
    with ape.reverts(house.committee.WrongStatus, status=DISPUTED, expected=ACCEPTED):
        challenge(house, accepted, house.bob)
    assert house.token.balanceOf(house.bob) == before
    assert proposal(house, accepted).challenger == house.alice


def test_attack_a_veto_of_every_round(house: House, five: None, sealed: int) -> None:
    """A hostile guardian costs each round a second vote, once, and no stake or bond."""
    report = house.report(sealed, SCORES)
    attest(house, report, 0, 1, 2, 3)
    veto(house, sealed)
    attest(house, report, 0, 1, 2, 3)
    assert proposal(house, sealed).status == UPHELD
    with ape.reverts(house.committee.WrongStatus, status=UPHELD, expected=ACCEPTED):
        veto(house, sealed)
    house.pass_to(proposal(house, sealed).challengeUntil)
    assert is_final(house, report)
    house.tournament.beginSettlement(report, sender=house.bob)
    house.settle(sealed, SCORES)
    assert bonds(house) == [MEMBER_BOND] * 5


def test_attack_a_challenge_to_stall_every_round_costs_a_bond_each(
    house: House, five: None, sealed: int
) -> None:
    report = house.report(sealed, SCORES)
    attest(house, report, 0, 1, 2, 3)
    challenge(house, sealed)
    attest(house, report, 0, 1, 2, 3)
    assert credits_of(house, house.bob, house.sink) == [0, CHALLENGE_BOND]


# a hostile token


@dataclass
class Trap:
    """A committee whose bonds are paid in a token that calls back, and which is a member itself."""

    token: Any
    committee: Any
    house: House
    report: Any

    def attest(self, report: Any) -> None:
        """Three votes of four members: a quorum, and two thirds."""
        for member in self.house.members:
            self.committee.attest(self.house.tournament, report, sender=member)

    def act(self, method: Any, *arguments: Any) -> Any:
        """Call the committee as the token."""
        return self.token.act(self.committee, method.encode_input(*arguments), sender=self.house.bob)

    def arm(self, method: Any, *arguments: Any) -> None:
        self.token.arm(self.committee, method.encode_input(*arguments), sender=self.house.bob)

    def was_refused(self) -> None:
        """The call back was made, and met the guard."""
        assert self.token.called()
        assert not self.token.succeeded()
        guard = self.token.provider.web3.keccak(text="ReentrancyGuardReentrantCall()")[:4]
        assert bytes(self.token.returned()) == bytes(guard)


@state
def trap(house: House, project: Any, sealed: int, hostile_types: Any) -> Trap:
    token = hostile_types["HostileToken"].deploy(sender=house.bob)
    terms = (DAY, DAY, 5 * NMR, 3 * NMR, 4 * NMR, NMR, 3)
    committee = project.OracleCommittee.deploy(
        house.authority, token, house.sink, house.court, terms, [token, *house.members], 3, sender=house.admin
    )
    committee.addTournament(house.tournament, sender=house.admin)
    for account in (token, house.bob, house.alice):
        token.give(account, 100 * NMR, sender=house.bob)
    for member in (token, token, *house.members):
        committee.postBond(member, 5 * NMR, sender=house.bob)
    return Trap(token, committee, house, house.report(sealed, SCORES))


def test_attack_a_bond_released_twice_by_re_entrancy(trap: Trap) -> None:
    trap.arm(trap.committee.releaseBond, 5 * NMR, trap.token)
    before = trap.token.balanceOf(trap.committee)
    trap.act(trap.committee.releaseBond, 5 * NMR, trap.token)
    trap.was_refused()
    assert before - trap.token.balanceOf(trap.committee) == 5 * NMR
    assert trap.committee.bondOf(trap.token) == 5 * NMR


def test_attack_a_credit_collected_twice_by_re_entrancy(trap: Trap) -> None:
    committee, house, round_id = trap.committee, trap.house, trap.report[0]
    trap.attest(trap.report)
    trap.act(committee.challenge, house.tournament, round_id)
    house.at(committee.proposalOf(house.tournament, round_id).disputeUntil)
    committee.expire(house.tournament, round_id, sender=house.alice)
    before = trap.token.balanceOf(committee)
    trap.arm(committee.collect, trap.token)
    committee.collect(trap.token, sender=house.alice)
    trap.was_refused()
    assert before - trap.token.balanceOf(committee) == 3 * NMR // 2


def test_attack_a_challenge_within_the_payment_for_a_challenge(trap: Trap) -> None:
    committee, house, round_id = trap.committee, trap.house, trap.report[0]
    trap.attest(trap.report)
    trap.arm(committee.challenge, house.tournament, round_id)
    before = trap.token.balanceOf(committee)
    committee.challenge(house.tournament, round_id, sender=house.alice)
    trap.was_refused()
    assert trap.token.balanceOf(committee) - before == 3 * NMR
    assert committee.proposalOf(house.tournament, round_id).challenger == house.alice


def test_attack_a_bond_released_before_it_has_come_in(trap: Trap) -> None:
    trap.act(trap.committee.releaseBond, 5 * NMR, trap.token)
    trap.arm(trap.committee.releaseBond, 5 * NMR, trap.token)
    trap.committee.postBond(trap.token, 5 * NMR, sender=trap.house.bob)
    trap.was_refused()
    assert trap.committee.bondOf(trap.token) == 10 * NMR


def test_attack_a_vote_while_the_bond_is_on_its_way_holds_it(trap: Trap) -> None:
    """Allowed, as the bond is there at the end of the call or nothing happened."""
    trap.act(trap.committee.releaseBond, 5 * NMR, trap.token)
    trap.arm(trap.committee.attest, trap.house.tournament, trap.report)
    trap.committee.postBond(trap.token, 5 * NMR, sender=trap.house.bob)
    assert trap.token.succeeded()
    with ape.reverts(trap.committee.VotesOpen, openVotes=1):
        trap.act(trap.committee.releaseBond, 5 * NMR, trap.token)


def test_attack_a_token_that_refuses_a_payment_holds_up_no_decision(house: House, trap: Trap) -> None:
    """Votes move no token: a challenger who cannot be paid overturns or upholds nothing by it."""
    committee, round_id = trap.committee, trap.report[0]
    trap.attest(trap.report)
    committee.challenge(house.tournament, round_id, sender=house.alice)
    trap.token.arm(trap.committee, b"", sender=house.bob)
    trap.attest(house.report(round_id, WRONG_SCORES))
    assert committee.proposalOf(house.tournament, round_id).status == OVERTURNED
    assert not trap.token.called()
