"""Times as people read them: moments in UTC, and spans in the largest units that count."""

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def utc_text(timestamp: int) -> str:
    """Return seconds since the epoch as date and time in UTC, such as ``2026-11-28 13:04:03``."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S")


def span_text(seconds: int) -> str:
    """Return seconds, at least 0, in their two largest units: ``2 d 3 h``, ``4 min 10 s``, ``0 s``."""
    parts = []
    for size, name in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"
