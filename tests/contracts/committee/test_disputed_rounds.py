"""Disputes to the end: what the stakers of the round get."""

from __future__ import annotations

from typing import Any

import ape
from support import DAY, NANO, PPM, SETTLED, VOIDED, House, only
from voting import (
    SCORES,
    WRONG_SCORES,
    assert_committee_holds_what_it_owes,
    attest,
    challenge,
    expire,
    proposal,
    veto,
)


def settle(house: House, report: Any, scores: list[list[int]]) -> None:
    house.tournament.beginSettlement(report, sender=house.bob)
    house.settle(report[0], scores)
    assert house.round(report[0]).state == SETTLED
    house.assert_books_balance()
    assert_committee_holds_what_it_owes(house)


def after(scores: list[list[int]]) -> list[int]:
    """What the two stakes of 1 NMR, whole at risk, come back as."""
    return [NANO + NANO * score // PPM for score in scores[0]]


def test_an_upheld_report_settles_at_once(house: House, disputed: int, wrong: Any) -> None:
    """Two thirds of the members are believed, whatever they say."""
    attest(house, wrong, 0, 1, 2, 3)
    assert house.now() < proposal(house, disputed).challengeUntil
    settle(house, wrong, WRONG_SCORES)
    assert house.idle() == after(WRONG_SCORES)


def test_an_overturned_report_settles_by_the_other_one(
    house: House, disputed: int, right: Any, wrong: Any
) -> None:
    attest(house, right, 0, 1, 3, 4)
    with ape.reverts(house.tournament.ReportNotFinal, roundId=disputed):
        house.tournament.beginSettlement(wrong, sender=house.bob)
    settle(house, right, SCORES)
    assert house.idle() == after(SCORES)


def test_nothing_settles_while_a_report_is_disputed(
    house: House, accepted: int, right: Any, wrong: Any
) -> None:
    house.at(proposal(house, accepted).challengeUntil - 1)
    challenge(house, accepted)
    house.at(proposal(house, accepted).disputeUntil - 10)
    for report in (wrong, right):
        with ape.reverts(house.tournament.ReportNotFinal, roundId=accepted):
            house.tournament.beginSettlement(report, sender=house.bob)


def test_an_expired_dispute_lets_the_round_be_voided_long_before_its_deadline(
    house: House, disputed: int, right: Any, wrong: Any
) -> None:
    attest(house, right, 0, 3, 4)
    until, deadline = proposal(house, disputed).disputeUntil, house.round(disputed).deadline
    assert until < deadline
    house.at(until - 1)
    with ape.reverts(house.tournament.TooEarly, timestamp=until - 1, notBefore=deadline):
        house.tournament.voidRound(disputed, sender=house.alice)
    house.at(until)
    receipt = house.tournament.voidRound(disputed, sender=house.alice)
    assert only(receipt, house.tournament.RoundVoided).roundId == disputed
    house.tournament.settle(*house.return_arguments(disputed), sender=house.alice)
    assert house.round(disputed).state == VOIDED
    assert house.idle() == [NANO, NANO]
    house.assert_books_balance()
    expire(house, disputed)
    house.committee.collect(house.bob, sender=house.bob)
    assert_committee_holds_what_it_owes(house)


def test_an_expired_dispute_settles_by_no_report(house: House, disputed: int, right: Any, wrong: Any) -> None:
    house.pass_to(proposal(house, disputed).disputeUntil)
    for report in (right, wrong):
        with ape.reverts(house.tournament.ReportNotFinal, roundId=disputed):
            house.tournament.beginSettlement(report, sender=house.bob)


def test_a_dispute_past_the_deadline_keeps_the_round_from_being_voided(
    house: House, right: Any, wrong: Any
) -> None:
    deadline = house.round(right[0]).deadline
    house.at(deadline - 10)
    attest(house, wrong, 0, 1, 2)
    house.at(proposal(house, right[0]).challengeUntil - 1)
    veto(house, right[0])
    until = proposal(house, right[0]).disputeUntil
    assert until > deadline
    house.at(until - 10)
    with ape.reverts(house.tournament.ReportStands, roundId=right[0], voidableAt=deadline + 30 * DAY):
        house.tournament.voidRound(right[0], sender=house.alice)
    attest(house, right, 0, 1, 3, 4)
    house.at(until + 1)
    with ape.reverts(house.tournament.ReportStands):
        house.tournament.voidRound(right[0], sender=house.alice)
    settle(house, right, SCORES)


def test_a_round_whose_dispute_expired_is_voided_while_paused(house: House, disputed: int) -> None:
    house.at(proposal(house, disputed).disputeUntil)
    house.tournament.pause(DAY, sender=house.guardian)
    house.tournament.voidRound(disputed, sender=house.alice)
    house.tournament.settle(*house.return_arguments(disputed), sender=house.alice)
    assert house.idle() == [NANO, NANO]
