"""Writes structured logs, one JSON object a line, without secrets."""

import re
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

from scorer.logs import structlog
from scorer.redaction import HIDDEN, clean

if TYPE_CHECKING:
    from structlog.typing import EventDict

SECRET_NAMES: Final = re.compile(r"key$|password|secret|private|raw|mnemonic|token$", re.IGNORECASE)
LARGEST_NUMBER: Final = 1 << 128
"""Wei and ids are smaller; a key as a number is not."""


def configure_logging(stream: TextIO | None = None) -> None:
    """Write every event of every logger to `stream`, standard error by default."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Before secrets are hidden: the text of an exception may hold them.
            structlog.processors.format_exc_info,
            without_secrets,
            structlog.processors.JSONRenderer(),
        ],
        # Standard error as it is when something is written, for it may be another by then.
        logger_factory=lambda *_: structlog.PrintLogger(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


def without_secrets(_logger: Any, _method: str, event: "EventDict") -> "EventDict":
    """Hide what a name or a form marks as secret, and every secret that this process was given."""
    return {
        clean(str(name)): HIDDEN if SECRET_NAMES.search(str(name)) else _clean(value)
        for name, value in event.items()
    }


def _clean(value: Any) -> Any:
    """Return a value as JSON holds it, without secrets; an object as its text."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return HIDDEN if abs(value) >= LARGEST_NUMBER else value
    if isinstance(value, dict):
        return without_secrets(None, "", value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    return clean("0x" + value.hex() if isinstance(value, bytes) else str(value))
