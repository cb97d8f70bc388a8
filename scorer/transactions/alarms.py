"""The callback by which a human is called, and the one that calls nobody."""

from collections.abc import Callable

AlarmCallback = Callable[[str, str], None]
"""Takes the name of a reason (`scorer.oracle.alarm_reasons.AlarmReason`), and the detail in words."""


def ignore_alarm(_kind: str, _detail: str) -> None:
    """Call nobody."""
