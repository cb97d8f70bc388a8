"""OracleCommittee.attest while a report is disputed, and expire"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from states import state
from support import NANO, PPM, SHARE, ZERO_ADDRESS, ZERO_HASH, House, is_event, only
from voting import (
    ABSENCE_SLASH,
    ACCEPTED,
    CHALLENGE_BOND,
    CHALLENGE_WINDOW,
    DISPUTED,
    EXPIRED,
    MEMBER_BOND,
    NOTHING,
    OVERTURNED,
    SCORES,
    SLASH,
    UPHELD,
    WRONG_SCORES,
    assert_committee_holds_what_it_owes,
    attest,
    bonds,
    credits_of,
    empty_bond,
    expire,
    hash_of,
    is_final,
    proposal,
    veto,
    votes,
)


@state
def vetoed(house: House, accepted: int) -> int:
    """The round whose wrong report the first four of five members carried, vetoed."""
    veto(house, accepted)
    return accepted


# reverts


def test_reverts_for_others_than_members(house: House, disputed: int, right: Any) -> None:
    for outsider in (house.alice, house.bob, house.guardian):
        with ape.reverts(house.committee.NotMember, caller=outsider):
            house.committee.attest(house.tournament, right, sender=outsider)


def test_what_is_left_of_a_bond_is_enough(house: House, five: None) -> None:
    """Who was slashed for another round may still set this one right."""
    first, second, _ = three_rounds(house)
    for round_id in (first, second):
        attest(house, house.report(round_id, WRONG_SCORES), 0, 1, 2, 3)
        veto(house, round_id)
    attest(house, house.report(first, SCORES), 0, 1, 2, 3)
    assert bonds(house)[:4] == [MEMBER_BOND - SLASH] * 4
    attest(house, house.report(second, SCORES), 0, 1, 2, 3)
    assert proposal(house, second).status == OVERTURNED


def test_reverts_without_any_bond(house: House, five: None, sealed: int) -> None:
    member = house.members[4]
    empty_bond(house, sealed, member)
    attest(house, house.report(sealed, WRONG_SCORES), 0, 1, 2, 3)
    veto(house, sealed)
    with ape.reverts(house.committee.BondTooSmall, bond=0, minimum=1):
        attest(house, house.report(sealed, SCORES), 4)


def test_reverts_for_another_version(house: House, disputed: int, right: Any) -> None:
    with ape.reverts(house.committee.UnknownVersion, version=1, expected=2):
        attest(house, (right[0], 1, *right[2:]), 0)


def test_reverts_for_the_same_vote_again(house: House, disputed: int, right: Any) -> None:
    attest(house, right, 3)
    with ape.reverts(house.committee.AlreadyAttested, reportHash=hash_of(house, right)):
        attest(house, right, 3)


def test_reverts_once_the_dispute_expired(house: House, disputed: int, right: Any) -> None:
    until = proposal(house, disputed).disputeUntil
    house.at(until)
    with ape.reverts(house.committee.TooLate, timestamp=until, before=until):
        attest(house, right, 3)
    expire(house, disputed)
    with ape.reverts(house.committee.TooLate, before=until):
        attest(house, right, 3)


@pytest.mark.parametrize("upheld", [True, False])
def test_reverts_once_the_dispute_is_decided(
    house: House, disputed: int, right: Any, wrong: Any, upheld: bool
) -> None:
    decision, other = (wrong, right) if upheld else (right, wrong)
    attest(house, decision, 1, 2, 3, 4)
    for report in (decision, other):
        with ape.reverts(house.committee.AlreadyAccepted, reportHash=hash_of(house, decision)):
            attest(house, report, 0)


# counting


def test_begins_without_votes_and_counts_each_member_once(
    house: House, disputed: int, right: Any, wrong: Any
) -> None:
    assert bytes(house.committee.voteOf(house.tournament, disputed, house.members[0])) == ZERO_HASH
    attest(house, wrong, 0)
    attest(house, right, 0)
    assert (votes(house, wrong), votes(house, right)) == (0, 1)
    receipt = attest(house, wrong, 0)
    is_event(
        only(receipt, house.committee.Attested),
        tournament=house.tournament, roundId=disputed,
        member=house.members[0], reportHash=hash_of(house, wrong),
    )  # fmt: skip
    assert bytes(house.committee.voteOf(house.tournament, disputed, house.members[0])) == hash_of(
        house, wrong
    )


def test_fewer_than_the_quorum_of_the_first_vote_decide_nothing(
    house: House, disputed: int, right: Any
) -> None:
    house.committee.removeMember(house.members[0], 3, sender=house.admin)
    attest(house, right, 1, 3, 4)
    assert proposal(house, disputed).status == DISPUTED


def test_goes_on_past_the_deadline_of_the_round(house: House, right: Any, wrong: Any) -> None:
    deadline = house.round(right[0]).deadline
    house.at(deadline - 10)
    attest(house, wrong, 0, 1, 2, 3)
    house.at(deadline + 10)
    veto(house, right[0])
    attest(house, right, 0, 1, 3, 4)
    assert proposal(house, right[0]).status == OVERTURNED


def test_counts_until_the_last_second(house: House, disputed: int, right: Any) -> None:
    attest(house, right, 0, 1, 3)
    house.at(proposal(house, disputed).disputeUntil - 1)
    attest(house, right, 4)
    assert proposal(house, disputed).status == OVERTURNED


# upheld


def test_a_quorum_for_the_same_report_upholds_it(house: House, disputed: int, wrong: Any) -> None:
    attest(house, wrong, 0, 1, 2)
    assert not is_final(house, wrong)
    receipt = attest(house, wrong, 3)
    is_event(
        only(receipt, house.committee.ReportUpheld),
        tournament=house.tournament, roundId=disputed, reportHash=hash_of(house, wrong),
    )  # fmt: skip
    is_event(
        proposal(house, disputed), status=UPHELD, reportHash=hash_of(house, wrong), challenger=ZERO_ADDRESS
    )
    assert not is_final(house, wrong)
    house.pass_to(proposal(house, disputed).challengeUntil)
    assert is_final(house, wrong)
    assert house.committee.hasStandingReport(house.tournament, disputed)


def test_whoever_challenged_what_is_upheld_loses_the_bond_to_the_sink(
    house: House, disputed: int, wrong: Any
) -> None:
    attest(house, wrong, 0, 1, 2, 3)
    assert credits_of(house, house.bob, house.sink) == [0, CHALLENGE_BOND]
    assert bonds(house) == [MEMBER_BOND] * 5
    house.committee.collect(house.sink, sender=house.alice)
    assert house.token.balanceOf(house.sink) == CHALLENGE_BOND
    house.sink.flush(sender=house.alice)
    assert_committee_holds_what_it_owes(house)


def test_a_veto_of_what_is_upheld_costs_nothing(house: House, vetoed: int, wrong: Any) -> None:
    attest(house, wrong, 0, 1, 2, 3)
    assert proposal(house, vetoed).status == UPHELD
    assert credits_of(house, house.guardian, house.sink, ZERO_ADDRESS) == [0, 0, 0]
    assert_committee_holds_what_it_owes(house)


# overturned


def test_a_quorum_for_another_report_overturns_it(
    house: House, disputed: int, right: Any, wrong: Any
) -> None:
    attest(house, right, 0, 3, 4)
    receipt = attest(house, right, 1)
    is_event(
        only(receipt, house.committee.ReportOverturned),
        tournament=house.tournament, roundId=disputed, overturnedHash=hash_of(house, wrong),
        reportHash=hash_of(house, right), slashed=4 * SLASH,
    )  # fmt: skip
    is_event(
        proposal(house, disputed),
        status=OVERTURNED,
        reportHash=hash_of(house, right),
        challenger=ZERO_ADDRESS,
    )
    until = proposal(house, disputed).challengeUntil
    assert until == house.now() + CHALLENGE_WINDOW
    assert not is_final(house, right)
    house.pass_to(until)
    assert is_final(house, right)
    assert not is_final(house, wrong)
    assert house.committee.hasStandingReport(house.tournament, disputed)


def test_every_member_who_attested_what_is_overturned_is_slashed_once(
    house: House, disputed: int, right: Any
) -> None:
    """Also who voted for the right report in the end: they attested what they had not computed."""
    attest(house, right, 0, 1, 3)
    receipt = attest(house, right, 4)
    slashed = receipt.events.filter(house.committee.BondSlashed)
    assert [(event.member, event.amount) for event in slashed] == [(m, SLASH) for m in house.members[:4]]
    assert bonds(house) == [MEMBER_BOND - SLASH] * 4 + [MEMBER_BOND]


def test_who_had_changed_their_vote_before_acceptance_is_not_slashed(
    house: House, right: Any, wrong: Any
) -> None:
    attest(house, wrong, 4)
    attest(house, right, 4)
    attest(house, wrong, 0, 1, 2, 3)
    veto(house, right[0])
    attest(house, right, 0, 1, 3, 4)
    assert bonds(house) == [MEMBER_BOND - SLASH] * 4 + [MEMBER_BOND]


def test_the_challenger_gets_the_bond_and_half_of_what_those_lose_who_admit_it(
    house: House, disputed: int, right: Any
) -> None:
    attest(house, right, 0, 1, 3, 4)
    half = 3 * SLASH // 2  # member 2 carried it too, and stands by it
    assert credits_of(house, house.bob, house.sink) == [CHALLENGE_BOND + half, 4 * SLASH - half]
    assert_committee_holds_what_it_owes(house)
    before = house.token.balanceOf(house.bob)
    house.committee.collect(house.bob, sender=house.alice)
    house.committee.collect(house.sink, sender=house.alice)
    assert house.token.balanceOf(house.bob) == before + CHALLENGE_BOND + half
    assert house.token.balanceOf(house.sink) == 4 * SLASH - half
    assert_committee_holds_what_it_owes(house)


def test_after_a_veto_all_that_is_slashed_goes_to_the_sink(house: House, vetoed: int, right: Any) -> None:
    attest(house, right, 0, 1, 3, 4)
    assert credits_of(house, house.guardian, house.sink, ZERO_ADDRESS) == [0, 4 * SLASH, 0]
    assert_committee_holds_what_it_owes(house)


def three_rounds(house: House) -> list[int]:
    """Sealed at the same time, with a quarter of two stakes each; resolved."""
    for _ in range(2):
        house.stake(house.alice, NANO, SHARE | PPM // 4)
    rounds = [house.open() for _ in range(3)]
    for round_id in rounds:
        house.lock(round_id, [True, True])
        house.end_lock(round_id)
        house.seal(round_id)
    house.pass_to(house.round(rounds[-1]).resolveAt)
    return rounds


def test_a_slash_takes_no_more_than_is_left_of_the_bond(house: House, five: None) -> None:
    """Wrong in both votes of two rounds: four slashes of two fifths of the bond."""
    other = [[20_000, 20_000]]
    taken = []
    for round_id in three_rounds(house)[:2]:
        attest(house, house.report(round_id, WRONG_SCORES), 0, 1, 2, 3)
        veto(house, round_id)
    for round_id in house.rounds[-3:-1]:
        receipt = attest(house, house.report(round_id, other), 0, 1, 2, 3)
        taken.append(only(receipt, house.committee.ReportOverturned).slashed)
        receipt = house.committee.disprove(house.tournament, round_id, house.alice, sender=house.court)
        taken.append(only(receipt, house.committee.ReportDisproven).slashed)
    assert taken == [4 * SLASH, 4 * SLASH, 4 * (MEMBER_BOND - 2 * SLASH), 0]
    assert bonds(house) == [0, 0, 0, 0, MEMBER_BOND]
    assert_committee_holds_what_it_owes(house)


def test_a_slashed_member_votes_first_again_once_the_bond_is_whole(house: House, five: None) -> None:
    first, second, _ = three_rounds(house)
    attest(house, house.report(first, WRONG_SCORES), 0, 1, 2, 3)
    veto(house, first)
    attest(house, house.report(first, SCORES), 0, 1, 3, 4)
    with ape.reverts(house.committee.BondTooSmall, bond=MEMBER_BOND - SLASH, minimum=MEMBER_BOND):
        attest(house, house.report(second, SCORES), 0)
    house.committee.postBond(house.members[0], SLASH, sender=house.admin)
    attest(house, house.report(second, SCORES), 0)


# expire


def test_expire_reverts_without_a_dispute(house: House, accepted: int) -> None:
    for round_id, status in ((99, NOTHING), (accepted, ACCEPTED)):
        with ape.reverts(house.committee.WrongStatus, status=status, expected=DISPUTED):
            expire(house, round_id)


def test_expire_reverts_while_the_dispute_may_be_decided(house: House, disputed: int) -> None:
    until = proposal(house, disputed).disputeUntil
    house.at(until - 1)
    with ape.reverts(house.committee.TooEarly, timestamp=until - 1, notBefore=until):
        expire(house, disputed)


@pytest.mark.parametrize("upheld", [True, False])
def test_expire_reverts_once_the_dispute_was_decided(
    house: House, disputed: int, right: Any, wrong: Any, upheld: bool
) -> None:
    until = proposal(house, disputed).disputeUntil
    attest(house, wrong if upheld else right, 0, 1, 3, 4)
    house.at(until)
    status = UPHELD if upheld else OVERTURNED
    with ape.reverts(house.committee.WrongStatus, status=status, expected=DISPUTED):
        expire(house, disputed)


def test_expire_reverts_the_second_time(house: House, disputed: int) -> None:
    house.at(proposal(house, disputed).disputeUntil)
    expire(house, disputed)
    with ape.reverts(house.committee.WrongStatus, status=EXPIRED, expected=DISPUTED):
        expire(house, disputed)


def test_a_dispute_without_two_thirds_in_time_is_seen_to_be_expired(
    house: House, disputed: int, right: Any, wrong: Any
) -> None:
    """Nobody has to say so for it to be true."""
    attest(house, right, 0, 3, 4)
    attest(house, wrong, 1, 2)
    house.pass_to(proposal(house, disputed).disputeUntil)
    assert proposal(house, disputed).status == EXPIRED
    assert house.committee.hasExpired(house.tournament, disputed)
    assert not house.committee.hasStandingReport(house.tournament, disputed)
    assert not is_final(house, right)
    assert not is_final(house, wrong)
    assert bonds(house) == [MEMBER_BOND] * 5


def test_expire_burns_half_of_the_challengers_bond_and_a_part_of_absent_members(
    house: House, disputed: int, right: Any
) -> None:
    """The audit's M-2: two of five stayed away and voided a round at no cost."""
    attest(house, right, 0, 1, 4)
    house.at(proposal(house, disputed).disputeUntil)
    receipt = expire(house, disputed)
    is_event(
        only(receipt, house.committee.DisputeExpired),
        tournament=house.tournament, roundId=disputed, slashed=2 * ABSENCE_SLASH,
    )  # fmt: skip
    is_event(proposal(house, disputed), status=EXPIRED, challenger=ZERO_ADDRESS, openVotes=0)
    absent = MEMBER_BOND - ABSENCE_SLASH
    assert bonds(house) == [MEMBER_BOND, MEMBER_BOND, absent, absent, MEMBER_BOND]
    half = CHALLENGE_BOND // 2
    assert credits_of(house, house.bob, house.sink) == [half, half + 2 * ABSENCE_SLASH]
    assert_committee_holds_what_it_owes(house)


def test_expire_costs_those_who_kept_more_than_half_from_deciding(
    house: House, disputed: int, right: Any, wrong: Any
) -> None:
    attest(house, right, 0, 1, 4)
    attest(house, wrong, 2, 3)
    house.at(proposal(house, disputed).disputeUntil)
    expire(house, disputed)
    blocked = MEMBER_BOND - ABSENCE_SLASH
    assert bonds(house) == [MEMBER_BOND, MEMBER_BOND, blocked, blocked, MEMBER_BOND]


def test_expire_costs_absent_members_alone_where_no_report_has_more_than_half(
    house: House, disputed: int, right: Any, wrong: Any
) -> None:
    attest(house, right, 0, 1)
    attest(house, wrong, 2, 3)
    house.at(proposal(house, disputed).disputeUntil)
    expire(house, disputed)
    assert bonds(house) == [MEMBER_BOND] * 4 + [MEMBER_BOND - ABSENCE_SLASH]


def test_expire_tells_of_no_slash_where_there_is_no_bond(house: House, accepted: int, right: Any) -> None:
    empty_bond(house, accepted, house.members[4])
    veto(house, accepted)
    attest(house, right, 0, 1, 2)
    house.at(proposal(house, accepted).disputeUntil)
    receipt = expire(house, accepted)
    slashed = receipt.events.filter(house.committee.BondSlashed)
    assert [(event.member, event.amount) for event in slashed] == [(house.members[3], ABSENCE_SLASH)]


def test_expire_after_a_veto_costs_absent_members_alone(house: House, vetoed: int, right: Any) -> None:
    attest(house, right, 0, 1, 4)
    house.at(proposal(house, vetoed).disputeUntil)
    expire(house, vetoed)
    assert credits_of(house, house.guardian, house.sink, ZERO_ADDRESS) == [0, 2 * ABSENCE_SLASH, 0]
    assert_committee_holds_what_it_owes(house)
