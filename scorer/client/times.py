"""Moments as people read them: in UTC."""

from datetime import UTC, datetime


def utc_text(timestamp: int) -> str:
    """Return seconds since the epoch as date and time in UTC, such as ``2026-11-28 13:04:03``."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S")
