"""OracleCommittee.disprove"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import NANO, VOIDED, House, is_event, only
from voting import (
    ABSENCE_SLASH,
    ACCEPTED,
    CHALLENGE_BOND,
    DISPROVEN,
    EXPIRED,
    MEMBER_BOND,
    NOTHING,
    SCORES,
    SLASH,
    assert_committee_holds_what_it_owes,
    attest,
    bonds,
    challenge,
    credits_of,
    expire,
    hash_of,
    is_final,
    proposal,
)


def disprove(house: House, round_id: int) -> Any:
    """The court finds for alice."""
    return house.committee.disprove(house.tournament, round_id, house.alice, sender=house.court)


@pytest.mark.parametrize("caller", ["admin", "guardian", "operator", "alice"])
def test_nobody_but_the_court_disproves(house: House, accepted: int, caller: str) -> None:
    account = getattr(house, caller)
    with ape.reverts(house.committee.NotCourt, caller=account, court=house.court):
        house.committee.disprove(house.tournament, accepted, account, sender=account)


def test_a_lying_quorum_that_is_disproven_loses_its_slash_each(
    house: House, accepted: int, wrong: Any
) -> None:
    receipt = disprove(house, accepted)
    is_event(
        only(receipt, house.committee.ReportDisproven),
        tournament=house.tournament, roundId=accepted, reportHash=hash_of(house, wrong),
        prover=house.alice, slashed=4 * SLASH,
    )  # fmt: skip
    assert bonds(house) == [MEMBER_BOND - SLASH] * 4 + [MEMBER_BOND]
    assert credits_of(house, house.alice, house.sink) == [2 * SLASH, 2 * SLASH]
    is_event(proposal(house, accepted), status=DISPROVEN, openVotes=0)
    assert_committee_holds_what_it_owes(house)


def test_a_court_that_takes_no_bonds_bars_the_report_all_the_same(
    house: House, disputed: int, right: Any, wrong: Any
) -> None:
    nobody = "0x" + "0" * 40
    receipt = house.committee.disprove(house.tournament, disputed, nobody, sender=house.court)
    is_event(only(receipt, house.committee.ReportDisproven), prover=nobody, slashed=0)
    assert bonds(house) == [MEMBER_BOND] * 5
    # The challenger was right.
    assert credits_of(house, house.bob, house.alice, house.sink) == [CHALLENGE_BOND, 0, 0]
    assert house.committee.creditOf(nobody) == 0
    is_event(proposal(house, disputed), status=DISPROVEN, openVotes=0)
    for report in (wrong, right):
        with ape.reverts(house.committee.AlreadyAccepted):
            attest(house, report, 4)
    assert not is_final(house, wrong)
    house.tournament.voidRound(disputed, sender=house.alice)
    assert_committee_holds_what_it_owes(house)


def test_what_is_disproven_never_settles_and_the_round_is_void_at_once(
    house: House, accepted: int, right: Any, wrong: Any
) -> None:
    disprove(house, accepted)
    house.pass_to(proposal(house, accepted).challengeUntil)
    assert not is_final(house, wrong)
    for report in (wrong, right):
        with ape.reverts(house.committee.AlreadyAccepted):
            attest(house, report, 4)
    house.tournament.voidRound(accepted, sender=house.alice)
    house.tournament.settle(*house.return_arguments(accepted), sender=house.alice)
    assert house.round(accepted).state == VOIDED
    assert house.idle() == [NANO, NANO]


def test_the_challenger_of_what_is_disproven_gets_the_bond_back(house: House, disputed: int) -> None:
    disprove(house, disputed)
    assert credits_of(house, house.bob, house.alice, house.sink) == [CHALLENGE_BOND, 2 * SLASH, 2 * SLASH]
    assert_committee_holds_what_it_owes(house)


def test_who_carried_it_in_either_vote_is_slashed_once(house: House, disputed: int, wrong: Any) -> None:
    attest(house, wrong, 1, 2, 3, 4)
    disprove(house, disputed)
    assert bonds(house) == [MEMBER_BOND - SLASH] * 5


def test_what_overturned_another_report_can_be_disproven_until_its_window_ends(
    house: House, disputed: int, right: Any
) -> None:
    attest(house, right, 1, 2, 3, 4)
    until = proposal(house, disputed).challengeUntil
    house.at(until - 1)
    disprove(house, disputed)
    assert proposal(house, disputed).status == DISPROVEN


def test_what_is_final_or_not_there_is_not_disproven(house: House, accepted: int) -> None:
    committee = house.committee
    with ape.reverts(committee.WrongStatus, status=NOTHING, expected=ACCEPTED):
        disprove(house, 99)
    until = proposal(house, accepted).challengeUntil
    house.at(until)
    with ape.reverts(committee.TooLate, timestamp=until, before=until):
        disprove(house, accepted)


@pytest.mark.parametrize("recorded", [True, False])
def test_an_expired_dispute_leaves_nothing_to_disprove(house: House, disputed: int, recorded: bool) -> None:
    house.at(proposal(house, disputed).disputeUntil)
    if recorded:
        expire(house, disputed)
    with ape.reverts(house.committee.WrongStatus, status=EXPIRED, expected=ACCEPTED):
        disprove(house, disputed)
    assert bonds(house) == [MEMBER_BOND - (ABSENCE_SLASH if recorded else 0)] * 5


def test_nothing_is_disproven_twice(house: House, accepted: int) -> None:
    disprove(house, accepted)
    with ape.reverts(house.committee.WrongStatus, status=DISPROVEN, expected=ACCEPTED):
        disprove(house, accepted)
    with ape.reverts(house.committee.WrongStatus, status=DISPROVEN, expected=ACCEPTED):
        challenge(house, accepted)


def test_a_report_of_another_round_stays(house: House, right: Any) -> None:
    attest(house, right, 0, 1, 2, 3)
    later = house.run_to_sealed()
    with ape.reverts(house.committee.WrongStatus, status=NOTHING, expected=ACCEPTED):
        disprove(house, later)
    assert is_final(house, house.report(right[0], SCORES))
