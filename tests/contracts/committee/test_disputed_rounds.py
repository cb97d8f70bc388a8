"""Disputes to the end: what the stakers of the round get."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ape
from support import (
    DAY,
    GUARDIAN_ROLE,
    NANO,
    PPM,
    SETTLED,
    SHARE,
    VOIDED,
    ZERO_ADDRESS,
    House,
    only,
    restrict,
)
from twins import deploy_tournament, twin_of
from voting import (
    CHALLENGE_WINDOW,
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


def test_an_upheld_report_settles_once_its_window_has_passed(house: House, disputed: int, wrong: Any) -> None:
    """Two thirds of the members are believed, whatever they say, unless the court disproves them."""
    attest(house, wrong, 0, 1, 2, 3)
    until = proposal(house, disputed).challengeUntil
    house.at(until - 1)
    with ape.reverts(house.tournament.ReportNotFinal, roundId=disputed):
        house.tournament.beginSettlement(wrong, sender=house.bob)
    house.at(until)
    settle(house, wrong, WRONG_SCORES)
    assert house.idle() == after(WRONG_SCORES)


def test_an_overturned_report_settles_by_the_other_one(
    house: House, disputed: int, right: Any, wrong: Any
) -> None:
    attest(house, right, 0, 1, 3, 4)
    house.at(house.now() + CHALLENGE_WINDOW - 10)
    for report in (wrong, right):
        with ape.reverts(house.tournament.ReportNotFinal, roundId=disputed):
            house.tournament.beginSettlement(report, sender=house.bob)
    house.pass_to(proposal(house, disputed).challengeUntil)
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
    attest(house, wrong, 0, 1, 2, 3)
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
    house.pass_to(proposal(house, right[0]).challengeUntil)
    settle(house, right, SCORES)


def test_the_longest_dispute_and_two_pauses_end_before_the_grace(
    house: House, project: Any, accounts: Any
) -> None:
    """Accepted, disputed and overturned at the last seconds, and paused as long and as often as can be."""
    committee = project.OracleCommittee.deploy(
        house.authority, house.token, house.sink, ZERO_ADDRESS, (7 * DAY, 7 * DAY, 0, 0, 0, 0, 3),
        house.members, 2, sender=house.admin,
    )  # fmt: skip
    tournament = deploy_tournament(house, project, committee=committee)
    restrict(house.authority, committee, ["veto"], GUARDIAN_ROLE, house.admin)
    restrict(house.authority, tournament, ["pause"], GUARDIAN_ROLE, house.admin)
    slow = twin_of(replace(house, committee=committee), tournament)
    for _ in range(2):
        slow.stake(house.alice, NANO, SHARE | PPM)
    round_id = slow.run_to_sealed()
    wrong, right = slow.report(round_id, WRONG_SCORES), slow.report(round_id, SCORES)
    deadline = slow.round(round_id).deadline
    house.at(deadline - 2)
    attest(slow, wrong, 0, 1)
    house.at(proposal(slow, round_id).challengeUntil - 10)
    tournament.pause(7 * DAY, sender=house.guardian)
    house.at(proposal(slow, round_id).challengeUntil - 1)
    veto(slow, round_id)
    house.at(proposal(slow, round_id).disputeUntil - 2)
    attest(slow, right, 0, 1)
    house.at(proposal(slow, round_id).challengeUntil - 1)
    tournament.pause(7 * DAY, sender=house.guardian)
    house.pass_to(house.now() + 7 * DAY)
    assert house.now() > deadline + 27 * DAY
    with ape.reverts(tournament.ReportStands):
        tournament.voidRound(round_id, sender=house.alice)
    tournament.beginSettlement(right, sender=house.bob)
    slow.settle(round_id, SCORES)
    assert slow.round(round_id).state == SETTLED


def test_a_round_whose_dispute_expired_is_voided_while_paused(house: House, disputed: int) -> None:
    house.at(proposal(house, disputed).disputeUntil)
    house.tournament.pause(DAY, sender=house.guardian)
    house.tournament.voidRound(disputed, sender=house.alice)
    house.tournament.settle(*house.return_arguments(disputed), sender=house.alice)
    assert house.idle() == [NANO, NANO]
