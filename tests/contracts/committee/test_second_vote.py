"""OracleCommittee.attest while a report is disputed, and expire"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import NANO, NMR, PPM, SHARE, ZERO_ADDRESS, ZERO_HASH, House, is_event, only
from voting import (
    ACCEPTED,
    CHALLENGE_BOND,
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
    challenge,
    credits_of,
    expire,
    hash_of,
    is_final,
    proposal,
    veto,
    votes,
)


@pytest.fixture
def vetoed(house: House, accepted: int) -> int:
    """The round whose wrong report the first three of five members carried, vetoed."""
    veto(house, accepted)
    return accepted


# reverts


def test_reverts_for_others_than_members(house: House, disputed: int, right: Any) -> None:
    for outsider in (house.alice, house.bob, house.guardian):
        with ape.reverts(house.committee.NotMember, caller=outsider):
            house.committee.attest(house.tournament, right, sender=outsider)


def test_reverts_without_the_whole_bond(house: House, disputed: int, right: Any) -> None:
    member = house.members[4]
    house.committee.releaseBond(NMR, member, sender=member)
    with ape.reverts(house.committee.BondTooSmall, bond=MEMBER_BOND - NMR, minimum=MEMBER_BOND):
        attest(house, right, 4)


def test_reverts_for_another_version(house: House, disputed: int, right: Any) -> None:
    with ape.reverts(house.committee.UnknownVersion, version=2, expected=1):
        attest(house, (right[0], 2, *right[2:]), 0)


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


def test_a_quorum_below_two_thirds_decides_nothing(house: House, disputed: int, right: Any) -> None:
    attest(house, right, 0, 3, 4)
    assert house.committee.quorum() == 3
    assert proposal(house, disputed).status == DISPUTED


def test_goes_on_past_the_deadline_of_the_round(house: House, right: Any, wrong: Any) -> None:
    deadline = house.round(right[0]).deadline
    house.at(deadline - 10)
    attest(house, wrong, 0, 1, 2)
    house.at(deadline + 10)
    veto(house, right[0])
    attest(house, right, 0, 1, 3, 4)
    assert proposal(house, right[0]).status == OVERTURNED


def test_counts_until_the_last_second(house: House, disputed: int, right: Any) -> None:
    attest(house, right, 0, 1, 3)
    house.at(proposal(house, disputed).disputeUntil - 1)
    attest(house, right, 4)
    assert proposal(house, disputed).status == OVERTURNED


def test_holds_the_bond_until_the_dispute_ends(house: House, disputed: int, right: Any) -> None:
    member, until = house.members[4], proposal(house, disputed).disputeUntil
    attest(house, right, 4)
    assert house.committee.bondedUntil(member) == until
    house.at(until - 1)
    with ape.reverts(house.committee.BondHeld, timestamp=until - 1, until=until):
        house.committee.releaseBond(1, member, sender=member)
    house.at(until)
    house.committee.releaseBond(MEMBER_BOND, member, sender=member)


# upheld


def test_two_thirds_for_the_same_report_uphold_it(house: House, disputed: int, wrong: Any) -> None:
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
    assert is_final(house, wrong)
    assert credits_of(house, house.guardian, house.sink, ZERO_ADDRESS) == [0, 0, 0]
    assert_committee_holds_what_it_owes(house)


# overturned


def test_two_thirds_for_another_report_overturn_it(
    house: House, disputed: int, right: Any, wrong: Any
) -> None:
    attest(house, right, 0, 3, 4)
    receipt = attest(house, right, 1)
    is_event(
        only(receipt, house.committee.ReportOverturned),
        tournament=house.tournament, roundId=disputed, overturnedHash=hash_of(house, wrong),
        reportHash=hash_of(house, right), slashed=3 * SLASH,
    )  # fmt: skip
    is_event(
        proposal(house, disputed),
        status=OVERTURNED,
        reportHash=hash_of(house, right),
        challenger=ZERO_ADDRESS,
    )
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
    assert [(event.member, event.amount) for event in slashed] == [(m, SLASH) for m in house.members[:3]]
    assert bonds(house) == [MEMBER_BOND - SLASH] * 3 + [MEMBER_BOND] * 2


def test_who_had_changed_their_vote_before_acceptance_is_not_slashed(
    house: House, right: Any, wrong: Any
) -> None:
    attest(house, wrong, 4)
    attest(house, right, 4)
    attest(house, wrong, 0, 1, 2)
    veto(house, right[0])
    attest(house, right, 0, 1, 3, 4)
    assert bonds(house) == [MEMBER_BOND - SLASH] * 3 + [MEMBER_BOND] * 2


def test_the_challenger_gets_the_bond_and_half_of_what_is_slashed(
    house: House, disputed: int, right: Any
) -> None:
    attest(house, right, 0, 1, 3, 4)
    half = 3 * SLASH // 2
    assert credits_of(house, house.bob, house.sink) == [CHALLENGE_BOND + half, half]
    assert_committee_holds_what_it_owes(house)
    before = house.token.balanceOf(house.bob)
    house.committee.collect(house.bob, sender=house.alice)
    house.committee.collect(house.sink, sender=house.alice)
    assert house.token.balanceOf(house.bob) == before + CHALLENGE_BOND + half
    assert house.token.balanceOf(house.sink) == half
    assert_committee_holds_what_it_owes(house)


def test_after_a_veto_all_that_is_slashed_goes_to_the_sink(house: House, vetoed: int, right: Any) -> None:
    attest(house, right, 0, 1, 3, 4)
    assert credits_of(house, house.guardian, house.sink, ZERO_ADDRESS) == [0, 3 * SLASH, 0]
    assert_committee_holds_what_it_owes(house)


def three_rounds(house: House) -> list[int]:
    """Sealed at the same time, with a quarter of two stakes each; resolved."""
    for _ in range(2):
        house.stake(house.alice, NANO, SHARE | PPM // 4)
    rounds = [house.open() for _ in range(3)]
    for round_id in rounds:
        house.lock(round_id, [True, True])
        house.seal(round_id)
    house.pass_to(house.round(rounds[-1]).resolveAt)
    return rounds


def test_a_slash_takes_no_more_than_is_left_of_the_bond(house: House, five: None) -> None:
    """Three wrong reports at once, each worth two fifths of the bond."""
    rights = []
    for round_id in three_rounds(house):
        rights.append(house.report(round_id, SCORES))
        attest(house, house.report(round_id, WRONG_SCORES), 0, 1, 2)
        challenge(house, round_id)
        attest(house, rights[-1], 0, 1, 3)
    slashed = [only(attest(house, right, 4), house.committee.ReportOverturned).slashed for right in rights]
    assert slashed == [3 * SLASH, 3 * SLASH, 3 * (MEMBER_BOND - 2 * SLASH)]
    assert bonds(house) == [0, 0, 0, MEMBER_BOND, MEMBER_BOND]
    assert credits_of(house, house.bob) == [3 * CHALLENGE_BOND + sum(slashed) // 2]
    assert_committee_holds_what_it_owes(house)


def test_a_slashed_member_votes_again_once_the_bond_is_whole(house: House, five: None) -> None:
    first, second, _ = three_rounds(house)
    attest(house, house.report(first, WRONG_SCORES), 0, 1, 2)
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


def test_expire_gives_the_challenger_the_bond_back(house: House, disputed: int) -> None:
    house.at(proposal(house, disputed).disputeUntil)
    receipt = expire(house, disputed)
    is_event(only(receipt, house.committee.DisputeExpired), tournament=house.tournament, roundId=disputed)
    is_event(proposal(house, disputed), status=EXPIRED, challenger=ZERO_ADDRESS)
    assert credits_of(house, house.bob, house.sink) == [CHALLENGE_BOND, 0]
    assert_committee_holds_what_it_owes(house)


def test_expire_after_a_veto_owes_nobody(house: House, vetoed: int) -> None:
    house.at(proposal(house, vetoed).disputeUntil)
    expire(house, vetoed)
    assert credits_of(house, house.guardian, house.sink, ZERO_ADDRESS) == [0, 0, 0]
    assert_committee_holds_what_it_owes(house)
