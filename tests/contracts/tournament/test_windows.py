"""What a deployment fixes about the times of its rounds, and when a lock window ends."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import DAY, LOCK_WINDOW, LOCKED, NANO, PPM, SHARE, VOIDED, WEEK, WINDOWS, House
from twins import deploy_tournament

NAMES = ("lockWindow", "leastLockWindow", "leastNotice", "fundingGrace")
RANGES = {
    "lockWindow": (10, 2 * DAY),
    "leastLockWindow": (1, LOCK_WINDOW),
    "leastNotice": (1, WEEK),
    "fundingGrace": (1, WEEK),
}


def deployed(house: House, project: Any, **changes: int) -> Any:
    windows = tuple((dict(zip(NAMES, WINDOWS, strict=True)) | changes).values())
    return deploy_tournament(house, project, windows=windows, cap=PPM, threshold=0)


def extended(close: int, resolve: int, paused: tuple[int, int]) -> int:
    """When the lock window of a round ends, written down once more."""
    end = close + min(LOCK_WINDOW, (resolve - close) // 4)
    if paused[0] >= end or paused[1] <= close:
        return end
    overlap = paused[1] - max(paused[0], close)
    return min(end + overlap, close + (resolve - close) // 2)


# windows


def test_a_deployment_says_its_windows(house: House) -> None:
    assert tuple(house.tournament.windows()) == WINDOWS


@pytest.mark.parametrize("name", RANGES)
def test_a_deployment_with_a_window_out_of_its_range_fails(house: House, project: Any, name: str) -> None:
    low, high = RANGES[name]
    for window in (low - 1, high + 1):
        with ape.reverts(project.Tournament.WindowOutOfRange, window=window, minimum=low, maximum=high):
            deployed(house, project, **{name: window})


@pytest.mark.parametrize("name", RANGES)
def test_a_deployment_may_have_windows_at_the_ends_of_their_ranges(
    house: House, project: Any, name: str
) -> None:
    for window in RANGES[name]:
        others = {"leastLockWindow": 1} if name == "lockWindow" else {}
        found = deployed(house, project, **others, **{name: window}).windows()
        assert getattr(found, name) == window


# lockEnd


@pytest.mark.parametrize("scoring", [60, 3_600, 4 * DAY - 1, 4 * DAY, 20 * DAY])
def test_a_lock_window_is_the_deployments_or_a_quarter_of_the_time_to_the_outcome(
    house: House, scoring: int
) -> None:
    round_id = house.open(scoring=scoring)
    assert house.tournament.lockEnd(round_id) == house.round(round_id).closeAt + min(DAY, scoring // 4)


@pytest.mark.parametrize("scoring", [4 * DAY, 12 * DAY, 20 * DAY])
@pytest.mark.parametrize(
    ("begins", "lasts"),
    [
        (-7 * DAY, 7 * DAY),
        (-7 * DAY + 1, 7 * DAY),
        (-DAY, DAY + 60),
        (-1, 7 * DAY),
        (0, 60),
        (3_600, 7 * DAY),
        (DAY - 1, 1),
        (DAY - 1, 7 * DAY),
        (DAY, 7 * DAY),
        (2 * DAY, 60),
    ],
)
@pytest.mark.parametrize("ended", [False, True])
def test_a_pause_extends_the_lock_windows_that_it_overlaps_by_the_overlap(
    house: House, scoring: int, begins: int, lasts: int, ended: bool
) -> None:
    house.stake(house.alice, NANO, SHARE | PPM)
    round_id = house.open(open_for=10 * DAY, scoring=scoring)
    r = house.round(round_id)
    from_, until = r.closeAt + begins, r.closeAt + begins + lasts
    house.at(from_)
    house.tournament.pause(lasts, sender=house.guardian)
    end = extended(r.closeAt, r.resolveAt, (from_, until))
    assert house.tournament.lockEnd(round_id) == end
    assert_ends_at(house, round_id, end, ended)


def assert_ends_at(house: House, round_id: int, end: int, ended: bool = False) -> None:
    """What locks and seals works until here and not after, voidRound from here on and not before."""
    t = house.tournament
    if end - 3 > house.now():
        house.at(end - 3)
        if t.pausedUntil() <= end - 3:
            t.lock(round_id, 0, b"\0", sender=house.operator)
            if ended:
                t.endLock(round_id, sender=house.operator)
        house.at(end - 1)
        with ape.reverts(t.TooEarly, timestamp=end - 1, notBefore=end):
            t.voidRound(round_id, sender=house.bob)
    house.at(max(end, house.now() + 1))
    is_locked = house.round(round_id).state == LOCKED
    calls = [("seal", [b"\0" * 32, 0, 0, b""])] if is_locked else [("lock", [1, b"\0"]), ("endLock", [])]
    for name, rest in calls:
        if t.paused():
            break
        with ape.reverts(t.TooLate, before=end):
            getattr(t, name)(round_id, *rest, sender=house.operator)
    t.voidRound(round_id, sender=house.bob)
    assert house.round(round_id).state == VOIDED


def test_a_pause_that_is_ended_early_extends_a_lock_window_by_what_it_lasted(house: House) -> None:
    house.stake(house.alice, NANO, SHARE | PPM)
    round_id = house.open()
    close = house.round(round_id).closeAt
    house.at(close + 100)
    house.tournament.pause(WEEK, sender=house.guardian)
    house.at(close + 1_100)
    house.tournament.unpause(house.tournament.pausedFrom(), sender=house.unpauser)
    assert house.tournament.lockEnd(round_id) == close + LOCK_WINDOW + 1_000
    assert_ends_at(house, round_id, close + LOCK_WINDOW + 1_000)


def test_a_lock_window_that_has_passed_stays_so_whatever_is_paused_later(house: House) -> None:
    round_id = house.open(open_for=DAY)
    close = house.round(round_id).closeAt
    house.at(close)
    house.tournament.pause(WEEK, sender=house.guardian)
    assert house.tournament.lockEnd(round_id) == close + LOCK_WINDOW + WEEK
    again = house.tournament.pausableFrom()
    assert again > close + LOCK_WINDOW + WEEK
    house.at(again)
    house.tournament.pause(WEEK, sender=house.guardian)
    assert house.tournament.lockEnd(round_id) <= house.now()
