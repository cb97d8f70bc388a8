"""Moments as people read them: in UTC."""

from datetime import UTC, datetime

from scorer.units import span_text


def utc_text(timestamp: int) -> str:
    """Return seconds since the epoch as date and time in UTC, such as ``2026-11-28 13:04:03``."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S")


def relative_text(timestamp: int, now: int) -> str:
    """Return how far a moment is from `now`: ``in 3 h 20 min``, ``10 s ago``, or ``now``; both in seconds."""
    if timestamp == now:
        return "now"
    span = span_text(abs(timestamp - now))
    return f"in {span}" if timestamp > now else f"{span} ago"
