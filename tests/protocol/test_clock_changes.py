"""Windows on the days on which clocks change, over ten years and in several timezones."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from pydantic import TypeAdapter, ValidationError

from scorer.protocol.rules import preset
from scorer.protocol.schedule import (
    WEEKDAYS,
    CalendarError,
    Clock,
    Horizon,
    Schedule,
    check_windows,
    round_times,
)
from tests.cli.test_cupel import run

FIRST, LAST = date(2026, 1, 1), date(2035, 12, 31)


def schedule(timezone: str, opens: str, closes: str, days_open: int = 0, **changes: Any) -> Schedule:
    window = {"days": list(WEEKDAYS), "opens_at": opens, "closes_at": closes, "days_open": days_open}
    return Schedule.model_validate(
        {
            "calendar": "24/7",
            "timezone": timezone,
            "windows": [window],
            "resolve_hours": 1,
            "report_days": 14,
            **changes,
        }
    )


@pytest.mark.parametrize("name", ["classic", "signals", "crypto"])
def test_the_windows_of_the_presets_can_be_held_for_ten_years(name: str) -> None:
    found = preset(name).schedule
    assert found is not None
    check_windows(found, FIRST, LAST)


@pytest.mark.parametrize(
    ("timezone", "opens", "closes", "day"),
    [
        # Spring: 02:00 is 03:00 at once. What opens in the gap opens by the offset before, an hour later.
        ("Europe/Berlin", "02:00", "03:00", "Sunday 2026-03-29"),
        ("Europe/Berlin", "02:30", "03:15", "Sunday 2026-03-29"),
        ("Europe/Berlin", "02:30", "03:30", "Sunday 2026-03-29"),
        ("America/New_York", "02:15", "03:00", "Sunday 2026-03-08"),
        # Half an hour is skipped there, in October.
        ("Australia/Lord_Howe", "02:00", "02:30", "Sunday 2026-10-04"),
        ("Australia/Lord_Howe", "02:10", "02:35", "Sunday 2026-10-04"),
        # Midnight itself is skipped.
        ("Africa/Cairo", "00:00", "01:00", "Friday 2026-04-24"),
    ],
)
def test_a_window_without_length_is_refused_with_its_date(
    timezone: str, opens: str, closes: str, day: str
) -> None:
    with pytest.raises(CalendarError, match=f"the window of {day}: expected it to close after it opens"):
        check_windows(schedule(timezone, opens, closes), FIRST, LAST)


@pytest.mark.parametrize(
    ("timezone", "opens", "closes", "days_open"),
    [
        ("Europe/Berlin", "02:30", "04:00", 0),
        ("Europe/Berlin", "02:00", "03:30", 0),
        ("Asia/Kathmandu", "02:00", "03:00", 0),
        ("UTC", "02:00", "03:00", 0),
        ("Europe/Berlin", "23:00", "01:30", 1),
        ("America/New_York", "13:00", "12:00", 1),
        ("Australia/Lord_Howe", "01:30", "02:45", 0),
    ],
)
def test_a_window_that_only_becomes_shorter_or_longer_is_held(
    timezone: str, opens: str, closes: str, days_open: int
) -> None:
    check_windows(schedule(timezone, opens, closes, days_open), FIRST, LAST)


def test_a_day_without_a_change_before_it_is_not_refused_for_another() -> None:
    berlin = schedule("Europe/Berlin", "02:00", "03:00")
    check_windows(berlin, date(2026, 3, 1), date(2026, 3, 28))
    with pytest.raises(CalendarError, match="2026-03-29"):
        check_windows(berlin, date(2026, 3, 29), date(2026, 3, 29))
    check_windows(berlin, date(2026, 3, 30), date(2027, 3, 27))


def test_a_time_that_comes_twice_is_its_first_and_one_that_never_comes_is_later() -> None:
    autumn = round_times(
        schedule("Europe/Berlin", "02:30", "02:45"),
        Horizon(sessions=1, lag=0),
        date(2026, 10, 25),
        date(2026, 10, 25),
    )
    assert datetime.fromtimestamp(autumn[0].open_at, UTC).hour == 0  # 02:30 with summer time still
    assert autumn[0].close_at - autumn[0].open_at == 900
    spring = round_times(
        schedule("Europe/Berlin", "02:30", "04:00"),
        Horizon(sessions=1, lag=0),
        date(2026, 3, 29),
        date(2026, 3, 29),
    )
    assert datetime.fromtimestamp(spring[0].open_at, UTC).strftime("%H:%M") == "01:30"
    assert spring[0].close_at - spring[0].open_at == 1800


@pytest.mark.parametrize(
    ("windows", "day"),
    [
        ([("12:00", "14:00", 0), ("13:00", "15:00", 0)], "Thursday 2026-01-01"),
        ([("12:00", "14:00", 0), ("12:00", "14:00", 0)], "Thursday 2026-01-01"),
        ([("12:00", "12:30", 1)], "Thursday 2026-01-01"),
        ([("12:00", "11:00", 6)], "Thursday 2026-01-01"),
        ([("20:00", "03:30", 1), ("04:00", "05:00", 0), ("03:45", "03:50", 0)], None),
    ],
)
def test_windows_that_overlap_are_refused_with_the_date(
    windows: list[tuple[str, str, int]], day: str | None
) -> None:
    given = [
        {"days": list(WEEKDAYS), "opens_at": opens, "closes_at": closes, "days_open": days}
        for opens, closes, days in windows
    ]
    found = schedule("UTC", "01:00", "02:00", windows=given)
    if day is None:
        check_windows(found, FIRST, LAST)
        return
    with pytest.raises(CalendarError, match=f"the window of {day}: expected it to open when the window of"):
        check_windows(found, FIRST, LAST)


def test_windows_that_touch_only_where_clocks_change_are_refused_for_that_day() -> None:
    """In spring 02:30 comes at 03:30: the window that ends then is still open when the next one opens."""
    given = [
        {"days": ["sunday"], "opens_at": "01:00", "closes_at": "02:30", "days_open": 0},
        {"days": ["sunday"], "opens_at": "03:00", "closes_at": "05:00", "days_open": 0},
    ]
    with pytest.raises(CalendarError, match="the window of Sunday 2026-03-29: expected it to open when"):
        check_windows(schedule("Europe/Berlin", "01:00", "02:00", windows=given), FIRST, LAST)


def test_no_round_is_planned_in_a_window_that_cannot_be_held() -> None:
    with pytest.raises(CalendarError, match="2026-03-29"):
        round_times(
            schedule("Europe/Berlin", "02:00", "03:00"),
            Horizon(sessions=1, lag=0),
            date(2026, 3, 25),
            date(2026, 4, 1),
        )


def test_rules_check_refuses_windows_that_a_change_of_clocks_takes(tmp_path: Path) -> None:
    document = json.loads(preset("classic").canonical_json())
    document["schedule"]["timezone"] = "Europe/Berlin"
    document["schedule"]["windows"] = [
        {"days": ["sunday"], "opens_at": "02:00", "closes_at": "03:00", "days_open": 0}
    ]
    (tmp_path / "rules.toml").write_text(tomli_w.dumps(document))
    code, said = run("rules", "check", tmp_path / "rules.toml")
    assert code == 1
    assert "expected it to close after it opens, found" in said
    assert "-03-2" in said or "-03-3" in said
    document["schedule"]["windows"][0]["closes_at"] = "04:00"
    (tmp_path / "rules.toml").write_bytes(b"\xef\xbb\xbf" + tomli_w.dumps(document).encode())
    assert run("rules", "check", tmp_path / "rules.toml")[0] == 0


def test_the_end_of_a_day_has_one_spelling_under_every_version_of_python() -> None:
    """Python 3.13 reads 24:00 as 00:00 of the same day, which would be another window."""
    for clock in ("24:00", "24:30", "23:60", "12:5", "\uff11\uff12:00", "-1:00"):
        with pytest.raises(ValidationError):
            TypeAdapter(Clock).validate_python(clock)
    assert TypeAdapter(Clock).validate_python("23:59") == "23:59"
