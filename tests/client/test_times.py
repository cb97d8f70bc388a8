"""Moments and spans as people read them."""

import pytest

from scorer.client.times import relative_text, utc_text
from scorer.units import span_text


def test_a_moment_is_named_in_utc() -> None:
    assert utc_text(1_795_870_843) == "2026-11-28 13:00:43"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (10, "10 s"), (250, "4 min 10 s"), (3_600, "1 h"), (3_601, "1 h"), (183_600, "2 d 3 h")],
)
def test_a_span_is_said_in_its_two_largest_units(seconds: int, said: str) -> None:
    assert span_text(seconds) == said


@pytest.mark.parametrize(
    ("timestamp", "said"),
    [
        (1_000, "now"),
        (1_010, "in 10 s"),
        (990, "10 s ago"),
        (13_000, "in 3 h 20 min"),
        (0, "16 min 40 s ago"),
    ],
)
def test_a_moment_is_named_from_now_on_or_back(timestamp: int, said: str) -> None:
    assert relative_text(timestamp, now=1_000) == said
