"""Tournament.beginSettlement"""

from __future__ import annotations

import ape
import pytest
from states import state
from support import DAY, FUNDING_GRACE, NANO, PPM, SEALED, SETTLING, SHARE, UNIT, House, is_event, only

SCORES = [[40_000, -20_000, 90_000]]


@state
def sealed(house: House) -> int:
    for _ in range(3):
        house.stake(house.alice, 100 * NANO, SHARE | PPM)
    return house.run_to_sealed()


def test_reverts_while_paused(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    house.finalise(report)
    house.tournament.pause(DAY, sender=house.guardian)
    with ape.reverts(house.tournament.TournamentPaused):
        house.tournament.beginSettlement(report, sender=house.bob)


def test_reverts_for_a_round_that_is_not_sealed(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    unsealed = house.open()
    with ape.reverts(house.tournament.WrongState, roundId=unsealed, state=1, expected=SEALED):
        house.tournament.beginSettlement((unsealed, *report[1:]), sender=house.bob)
    house.begin(report)
    with ape.reverts(house.tournament.WrongState, roundId=sealed, state=SETTLING, expected=SEALED):
        house.tournament.beginSettlement(report, sender=house.bob)


def test_reverts_before_the_outcome_is_known(house: House, sealed: int) -> None:
    resolve = house.round(sealed).resolveAt
    house.at(resolve - 1)
    with ape.reverts(house.tournament.TooEarly, timestamp=resolve - 1, notBefore=resolve):
        house.tournament.beginSettlement(house.report(sealed, SCORES), sender=house.bob)


def test_reverts_for_another_version(house: House, sealed: int) -> None:
    house.finalise(house.report(sealed, SCORES))
    with ape.reverts(house.tournament.UnknownVersion, version=1, expected=2):
        house.tournament.beginSettlement(house.report(sealed, SCORES, version=1), sender=house.bob)


@pytest.mark.parametrize("valid", [300 * NANO, 100 * NANO, 19, 0])
def test_reverts_above_the_cap_on_all_that_is_validly_at_risk(house: House, valid: int) -> None:
    """Even an accepted report cannot pay more than the cap allows, be ever so much locked beside."""
    for _ in range(3):
        house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed(valid=valid)
    most = valid // 20
    report = house.report(round_id, SCORES, totalPayout=most + 1)
    house.finalise(report)
    with ape.reverts(house.tournament.PayoutAboveCap, totalPayout=most + 1, maximum=most):
        house.tournament.beginSettlement(report, sender=house.bob)


@pytest.mark.parametrize("valid", [100 * NANO, 19, 0])
def test_a_report_may_pay_the_whole_cap_on_what_is_validly_at_risk(house: House, valid: int) -> None:
    house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed(valid=valid)
    house.begin(house.report(round_id, [[0]], totalPayout=valid // 20))
    is_event(house.round(round_id), state=SETTLING, reserved=valid // 20)


def test_reverts_while_the_report_can_be_challenged(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    house.attest(report)
    house.at(house.committee.proposalOf(house.tournament, sealed).challengeUntil - 1)
    with ape.reverts(house.tournament.ReportNotFinal, roundId=sealed):
        house.tournament.beginSettlement(report, sender=house.bob)


def test_reverts_below_the_quorum(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    house.attest(report, members=1)
    with ape.reverts(house.tournament.ReportNotFinal, roundId=sealed):
        house.tournament.beginSettlement(report, sender=house.bob)


@pytest.mark.parametrize(
    "change",
    [{"scoresHead": b"\1" * 32}, {"totalPayout": 1}, {"totalBurn": 0}, {"evidenceHash": b"\2" * 32}],
)
def test_reverts_for_any_report_but_the_final_one(
    house: House, sealed: int, change: dict[str, object]
) -> None:
    house.finalise(house.report(sealed, SCORES))
    with ape.reverts(house.tournament.ReportNotFinal, roundId=sealed):
        house.tournament.beginSettlement(house.report(sealed, SCORES, **change), sender=house.bob)


def test_reverts_for_the_report_of_another_round(house: House, sealed: int) -> None:
    house.finalise(house.report(sealed, SCORES))
    house.deposit(1, 300 * NANO, house.alice)
    other = house.run_to_sealed()
    house.at(house.round(other).resolveAt)
    with ape.reverts(house.tournament.ReportNotFinal, roundId=other):
        house.tournament.beginSettlement(house.report(sealed, SCORES, roundId=other), sender=house.bob)


def test_reserves_the_payouts_from_the_pool(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    pool, owed = house.tournament.pool(), house.tournament.liabilities()
    receipt = house.begin(report)
    payout = 4 * NANO + 5 * NANO
    is_event(
        only(receipt, house.tournament.SettlementBegan),
        roundId=sealed, reportHash=house.committee.hashReport(house.tournament, report), reserved=payout,
    )  # fmt: skip
    is_event(
        house.round(sealed),
        state=SETTLING, reserved=payout, totalPayout=payout, totalBurn=2 * NANO, scoresHead=report[2],
        settlementBeganAt=receipt.timestamp,
    )  # fmt: skip
    assert (house.tournament.pool(), house.tournament.reserved()) == (pool - payout, payout)
    assert house.tournament.liabilities() == owed
    house.assert_books_balance()


def underfunded(house: House) -> tuple[int, tuple[object, ...]]:
    """A round whose report pays more than the pool holds, and that report."""
    house.tournament.setParameters(PPM, 2**64 - 1, 0, sender=house.admin)
    for _ in range(3):
        house.stake(house.bob, 600 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed()
    report = house.report(round_id, [[0, 0, 0, PPM, PPM, PPM]])
    assert house.tournament.pool() < report[3] == 1_800 * NANO
    return round_id, report


def test_a_pool_has_the_whole_grace_however_late_its_report_is_final(house: House, sealed: int) -> None:
    """The second audit's L-1: the grace was over before a late report was final."""
    round_id, report = underfunded(house)
    deadline = house.round(round_id).deadline
    house.pass_to(deadline - 10)
    house.finalise(report)
    until = house.now() + FUNDING_GRACE
    assert until > deadline + FUNDING_GRACE
    house.at(until - 1)
    with ape.reverts(house.tournament.PoolShort, until=until):
        house.tournament.beginSettlement(report, sender=house.alice)
    house.at(until)
    house.tournament.beginSettlement(report, sender=house.alice)
    assert house.round(round_id).reserved < report[3]


def test_attack_a_stranger_begins_before_the_pool_is_filled(house: House, sealed: int) -> None:
    """Whoever funds the pool has a while once a report is final; a full pool settles at once."""
    round_id, report = underfunded(house)
    house.finalise(report)
    pool, until = house.tournament.pool(), house.now() + FUNDING_GRACE
    for moment in (house.now() + 1, until - 1):
        house.at(moment)
        with ape.reverts(house.tournament.PoolShort, pool=pool, totalPayout=1_800 * NANO, until=until):
            house.tournament.beginSettlement(report, sender=house.alice)
    house.tournament.fundPool((1_800 * NANO - pool) * UNIT, sender=house.admin)
    house.tournament.beginSettlement(report, sender=house.bob)
    assert house.round(round_id).reserved == 1_800 * NANO


def test_a_pool_that_is_full_settles_as_soon_as_the_report_is_final(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    house.finalise(report)
    assert house.now() < house.round(sealed).deadline
    house.tournament.beginSettlement(report, sender=house.bob)
    assert house.round(sealed).state == SETTLING


def test_reserves_what_there_is_when_the_pool_stays_short(house: House, sealed: int) -> None:
    round_id, report = underfunded(house)
    pool = house.tournament.pool()
    house.finalise(report)
    house.at(house.round(round_id).deadline + FUNDING_GRACE)
    house.tournament.beginSettlement(report, sender=house.bob)
    is_event(house.round(round_id), reserved=pool, totalPayout=1_800 * NANO)
    assert (house.tournament.pool(), house.tournament.reserved()) == (0, pool)
    house.assert_books_balance()


def test_a_report_accepted_in_time_may_settle_after_the_deadline(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    house.at(house.round(sealed).deadline - 10)
    for member in house.members[:2]:
        house.committee.attest(house.tournament, report, sender=member)
    house.at(house.committee.proposalOf(house.tournament, sealed).challengeUntil)
    house.tournament.beginSettlement(report, sender=house.bob)
    assert house.round(sealed).state == SETTLING
