"""Schedules: windows, holidays, daylight-saving, overlapping rounds, against dates known from elsewhere."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from scorer.lab.devnet.simulator import NOTICE_DIVISOR
from scorer.protocol.rules import __file__ as rules_file
from scorer.protocol.rules import preset
from scorer.protocol.schedule import CalendarError, Horizon, RoundTimes, Schedule, round_times, sessions

PRESETS = sorted(path.stem for path in Path(rules_file).with_name("presets").glob("*.toml"))
TWENTY = Horizon(sessions=20, lag=2)
SIXTY = Horizon(sessions=60, lag=2)


def schedule_of(name: str = "classic") -> Schedule:
    found = preset(name).schedule
    assert found is not None
    return found


def changed(**fields: Any) -> Schedule:
    return Schedule.model_validate({**json.loads(schedule_of().model_dump_json()), **fields})


def rounds(first: date, last: date, schedule: Schedule | None = None) -> tuple[RoundTimes, ...]:
    return round_times(schedule or schedule_of(), TWENTY, first, last)


def utc(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%a %Y-%m-%d %H:%M")


def test_a_week_has_four_rounds_on_weekdays_and_one_at_the_weekend() -> None:
    found = rounds(date(2026, 5, 4), date(2026, 5, 10))
    assert [(utc(each.open_at), utc(each.close_at), each.session) for each in found] == [
        ("Tue 2026-05-05 12:00", "Tue 2026-05-05 13:00", date(2026, 5, 4)),
        ("Wed 2026-05-06 12:00", "Wed 2026-05-06 13:00", date(2026, 5, 5)),
        ("Thu 2026-05-07 12:00", "Thu 2026-05-07 13:00", date(2026, 5, 6)),
        ("Fri 2026-05-08 12:00", "Fri 2026-05-08 13:00", date(2026, 5, 7)),
        ("Sat 2026-05-09 12:00", "Sun 2026-05-10 14:00", date(2026, 5, 8)),
    ]


@pytest.mark.parametrize("name", PRESETS)
def test_every_round_can_be_opened_an_hour_after_the_session_that_it_is_about(name: str) -> None:
    """The contract asks for notice, as a part of the time for which a round may hold stakes."""
    rules, schedule = preset(name), schedule_of(name)
    assert rules.horizon is not None
    known = sessions(schedule.calendar, date(2024, 12, 20), date(2026, 12, 20))
    for each in round_times(schedule, rules.horizon, date(2025, 1, 2), date(2026, 3, 1)):
        opened = known.closes[known.days.index(each.session)] + 3600
        assert each.close_at - opened >= (each.deadline - each.close_at) // NOTICE_DIVISOR


def test_twenty_sessions_are_counted_over_holidays() -> None:
    """Memorial Day 2026-05-25 and Juneteenth 2026-06-19 are no sessions: 22 sessions later is 2026-06-22."""
    found = rounds(date(2026, 5, 20), date(2026, 5, 20))[0]
    assert found.session == date(2026, 5, 19)
    assert found.last_session == date(2026, 6, 22)
    assert utc(found.resolve_at) == "Wed 2026-06-24 20:00"
    assert found.deadline - found.resolve_at == 14 * 24 * 3600


def test_a_half_day_closes_early() -> None:
    """The day after Thanksgiving closes at 13:00 in New York."""
    found = sessions("XNYS", date(2026, 11, 23), date(2026, 11, 30))
    assert [utc(close) for close in found.closes] == [
        "Mon 2026-11-23 21:00",
        "Tue 2026-11-24 21:00",
        "Wed 2026-11-25 21:00",
        "Fri 2026-11-27 18:00",
        "Mon 2026-11-30 21:00",
    ]


def test_a_window_without_a_new_session_opens_no_round() -> None:
    """Thanksgiving is Thursday 2026-11-26: on Friday the last session is still Wednesday's."""
    opened = [utc(each.open_at)[:3] for each in rounds(date(2026, 11, 23), date(2026, 11, 29))]
    assert opened == ["Tue", "Wed", "Thu", "Sat"]


def test_the_session_before_the_first_day_is_remembered() -> None:
    """Asked for that Friday alone, the answer is the same: none."""
    assert rounds(date(2026, 11, 27), date(2026, 11, 27)) == ()


def test_an_unplanned_closure_is_no_session() -> None:
    """2025-01-09 was a day of mourning for President Carter."""
    assert date(2025, 1, 9) not in sessions("XNYS", date(2025, 1, 2), date(2025, 1, 31)).days


def test_windows_in_local_time_move_with_daylight_saving() -> None:
    """New York changes to summer time on 2026-03-08: noon there is 17:00 UTC before and 16:00 after."""
    windows = [{"days": ["wednesday"], "opens_at": "12:00", "closes_at": "13:00", "days_open": 0}]
    local = changed(timezone="America/New_York", windows=windows)
    found = rounds(date(2026, 3, 2), date(2026, 3, 15), local)
    assert [utc(each.open_at) for each in found] == ["Wed 2026-03-04 17:00", "Wed 2026-03-11 16:00"]
    assert all(each.close_at - each.open_at == 3600 for each in found)


def test_a_window_over_the_change_of_the_clocks_closes_by_the_new_one() -> None:
    windows = [{"days": ["saturday"], "opens_at": "12:00", "closes_at": "12:00", "days_open": 1}]
    local = changed(timezone="America/New_York", windows=windows)
    spring, autumn = (rounds(day, day, local)[0] for day in (date(2026, 3, 7), date(2026, 10, 31)))
    assert spring.close_at - spring.open_at == 23 * 3600
    assert autumn.close_at - autumn.open_at == 25 * 3600


def test_windows_in_utc_do_not_move_but_closes_of_the_exchange_do() -> None:
    before, after = (
        rounds(date(2026, 1, 13), date(2026, 1, 13))[0],
        rounds(date(2026, 2, 10), date(2026, 2, 10))[0],
    )
    assert (before.last_session, after.last_session) == (date(2026, 2, 12), date(2026, 3, 12))
    assert utc(before.resolve_at) == "Sat 2026-02-14 21:00"
    assert utc(after.resolve_at) == "Sat 2026-03-14 20:00"


@pytest.mark.parametrize(("horizon", "most"), [(TWENTY, 24), (SIXTY, 64)])
def test_rounds_overlap_as_numerai_says_they_do(horizon: Horizon, most: int) -> None:
    """Its positions come back after 24 rounds of 20 sessions, and after 64 of 60 (docs.numer.ai, 2026)."""
    found = round_times(schedule_of(), horizon, date(2026, 1, 1), date(2026, 12, 31))
    open_at_once = [
        sum(other.open_at <= each.open_at < other.resolve_at for other in found) for each in found
    ]
    assert max(open_at_once) == most


def test_a_round_of_twenty_sessions_resolves_after_a_month_and_one_of_sixty_after_three() -> None:
    for horizon, shortest, longest in ((TWENTY, 31, 37), (SIXTY, 88, 97)):
        found = round_times(schedule_of(), horizon, date(2026, 1, 1), date(2026, 12, 31))
        days = [(each.resolve_at - each.close_at) / 86_400 for each in found]
        assert shortest <= min(days) <= max(days) <= longest


def test_crypto_has_a_session_every_day() -> None:
    found = round_times(schedule_of("crypto"), TWENTY, date(2026, 12, 22), date(2026, 12, 26))
    assert [each.session for each in found] == [date(2026, 12, day) for day in (21, 22, 23, 24, 25)]
    assert all(each.last_session - each.session == timedelta(days=22) for each in found)


def test_every_round_resolves_after_it_closes_and_in_order() -> None:
    found = rounds(date(2024, 1, 1), date(2026, 12, 31))
    assert all(each.open_at < each.close_at < each.resolve_at < each.deadline for each in found)
    for one, other in pairwise(found):
        assert one.session < other.session
        assert one.close_at <= other.open_at
        assert one.resolve_at < other.resolve_at


def test_the_calendar_knows_the_sessions_of_the_demos_prices() -> None:
    found = sessions("XNYS", date(2003, 1, 2), date(2007, 12, 31)).days
    assert len(found) == 1258
    # Two days of mourning, a Good Friday, and a New Year on a Saturday, which is not made up for.
    for closed in (date(2004, 6, 11), date(2007, 1, 2), date(2005, 3, 25)):
        assert closed not in found
    assert date(2004, 12, 31) in found


def test_an_unknown_calendar_is_refused_by_its_name() -> None:
    with pytest.raises(CalendarError, match="calendar XXXX: expected sessions from"):
        rounds(date(2026, 5, 4), date(2026, 5, 10), changed(calendar="XXXX"))
