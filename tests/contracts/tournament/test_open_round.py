"""Tournament.openRound"""

from __future__ import annotations

import ape
import pytest
from support import (
    COMMITMENTS,
    DAY,
    LEAST_LOCK_WINDOW,
    LEAST_NOTICE,
    NANO,
    OPEN,
    ZERO_HASH,
    House,
    is_event,
    only,
)

SHORTEST = (0, LEAST_NOTICE, LEAST_NOTICE + 4 * LEAST_LOCK_WINDOW, LEAST_NOTICE + 4 * LEAST_LOCK_WINDOW + 1)
"""The shortest round that can be opened, from now."""


def schedule(house: House, *offsets: int) -> tuple[int, int, int, int]:
    """(openAt, closeAt, resolveAt, deadline) counted from a moment at which the next transaction is mined."""
    now = house.now() + 100
    house.at(now)
    a, b, c, d = (now + offset for offset in offsets)
    return a, b, c, d


def test_reverts_for_others_than_the_operator(house: House) -> None:
    with ape.reverts(house.tournament.AccessManagedUnauthorized, caller=house.alice):
        house.tournament.openRound(*schedule(house, *SHORTEST), COMMITMENTS, sender=house.alice)


def test_reverts_while_paused(house: House) -> None:
    house.tournament.pause(DAY, sender=house.guardian)
    with ape.reverts(house.tournament.TournamentPaused):
        house.tournament.openRound(*schedule(house, *SHORTEST), COMMITMENTS, sender=house.operator)


@pytest.mark.parametrize(
    "offsets",
    [(-9, -1, 5, 6), (3, 3, 5, 6), (4, 3, 5, 6), (1, 5, 5, 6), (1, 5, 4, 6), (1, 2, 6, 6), (1, 2, 7, 6)],
)
def test_reverts_for_times_out_of_order_or_closed_already(house: House, offsets: tuple[int, ...]) -> None:
    times = schedule(house, *offsets)
    names = dict(zip(("openAt", "closeAt", "resolveAt", "deadline"), times, strict=True))
    with ape.reverts(house.tournament.ScheduleNotAscending, **names):
        house.tournament.openRound(*times, COMMITMENTS, sender=house.operator)


@pytest.mark.parametrize(
    ("offsets", "longest"),
    [
        ((90 * DAY + 1, 91 * DAY, 92 * DAY, 93 * DAY), 90),
        ((0, 90 * DAY + 1, 92 * DAY, 93 * DAY), 90),
        ((0, 1, 365 * DAY + 2, 366 * DAY), 365),
        ((0, 1, 2, 90 * DAY + 3), 90),
    ],
)
def test_reverts_for_a_period_above_its_maximum(house: House, offsets: tuple[int, ...], longest: int) -> None:
    with ape.reverts(house.tournament.PeriodTooLong, period=longest * DAY + 1, maximum=longest * DAY):
        house.tournament.openRound(*schedule(house, *offsets), COMMITMENTS, sender=house.operator)


@pytest.mark.parametrize(
    "offsets",
    [
        SHORTEST,
        (LEAST_NOTICE - 90 * DAY, *SHORTEST[1:]),
        (90 * DAY, 180 * DAY, 545 * DAY, 635 * DAY),
    ],
)
def test_accepts_times_at_their_limits(house: House, offsets: tuple[int, ...]) -> None:
    house.tournament.openRound(*schedule(house, *offsets), COMMITMENTS, sender=house.operator)
    assert house.round(1).state == OPEN


def shortest_notice(house: House, hold: int, missing: int = 0) -> tuple[int, int, int, int]:
    """Times of a round that holds stakes for `hold` seconds, announced as late as may be, or later."""
    close = max(hold // 192, LEAST_NOTICE) - missing
    return schedule(house, -1, close, close + hold * 365 // 455, close + hold)


@pytest.mark.parametrize("hold", [80, 192 * LEAST_NOTICE, 192 * (LEAST_NOTICE + 1), 7 * DAY, 455 * DAY])
def test_reverts_when_the_notice_is_too_short_for_the_time_that_stakes_are_held(
    house: House, hold: int
) -> None:
    least = max(hold // 192, LEAST_NOTICE)
    for missing in (1, least):
        times = shortest_notice(house, hold, missing)
        with ape.reverts(house.tournament.NoticeTooShort, notice=least - missing, minimum=least):
            house.tournament.openRound(*times, COMMITMENTS, sender=house.operator)


@pytest.mark.parametrize("hold", [80, 192 * LEAST_NOTICE, 192 * (LEAST_NOTICE + 1), 7 * DAY, 455 * DAY])
def test_opens_at_the_shortest_notice(house: House, hold: int) -> None:
    house.tournament.openRound(*shortest_notice(house, hold), COMMITMENTS, sender=house.operator)
    assert house.round(1).state == OPEN


def test_attack_a_round_opened_locked_and_sealed_before_anybody_sees_it(house: House) -> None:
    """Stakes cannot be locked in the second in which a round is opened, however short it is."""
    with ape.reverts(house.tournament.NoticeTooShort, notice=0, minimum=LEAST_NOTICE):
        house.tournament.openRound(*schedule(house, -1, 0, 60, 63), COMMITMENTS, sender=house.operator)


@pytest.mark.parametrize("scoring", [1, 3, 4 * LEAST_LOCK_WINDOW - 1])
def test_reverts_when_there_is_too_little_time_to_lock_and_seal(house: House, scoring: int) -> None:
    close = LEAST_NOTICE
    times = schedule(house, 0, close, close + scoring, close + 2 * scoring)
    with ape.reverts(house.tournament.LockWindowTooShort, window=scoring // 4, minimum=LEAST_LOCK_WINDOW):
        house.tournament.openRound(*times, COMMITMENTS, sender=house.operator)


def test_freezes_times_commitments_and_parameters(house: House) -> None:
    times = schedule(house, 10, 30, 100, 110)
    receipt = house.tournament.openRound(*times, COMMITMENTS, sender=house.operator)
    named = dict(zip(("openAt", "closeAt", "resolveAt", "deadline"), times, strict=True))
    opened = only(receipt, house.tournament.RoundOpened)
    is_event(opened, roundId=1, **named)
    assert tuple(opened.commitments) == COMMITMENTS
    house.tournament.setParameters(1, 2, 3, sender=house.admin)
    r = house.round(1)
    is_event(r, state=OPEN, cap=50_000, threshold=10_000 * NANO, minPosition=NANO // 100, **named)
    assert (r.rulesHash, r.termsHash, r.universe) == COMMITMENTS
    is_event(r, atRisk=0, validAtRisk=0, payoutFactor=0, nextSlot=0, submissionsRoot=ZERO_HASH)
    is_event(r, positionsHead=ZERO_HASH, scoresHead=ZERO_HASH)


def test_ids_count_from_one_and_rounds_overlap(house: House) -> None:
    for expected in (1, 2, 3):
        house.tournament.openRound(
            *schedule(house, 0, DAY, 2 * DAY, 3 * DAY), COMMITMENTS, sender=house.operator
        )
        assert house.tournament.roundCount() == expected
        assert house.round(expected).state == OPEN


def test_freezes_the_committees_member_set(house: House) -> None:
    before = house.open()
    house.committee.addMember(house.bob, 3, sender=house.admin)
    after = house.open()
    assert [house.round(each).memberSetId for each in (before, after)] == [1, 2]
