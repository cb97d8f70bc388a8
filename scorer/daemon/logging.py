"""Writes structured logs without secrets: one JSON object a line, or on a terminal a line for people."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TextIO

from scorer.logs import structlog
from scorer.redaction import HIDDEN, clean

if TYPE_CHECKING:
    from structlog.typing import EventDict

SECRET_NAMES: Final = re.compile(r"key$|password|secret|private|raw|mnemonic|token$", re.IGNORECASE)
LARGEST_NUMBER: Final = 1 << 128
"""Wei and ids are smaller; a key as a number is not."""
_AS_JSON: Final = structlog.processors.JSONRenderer()


def configure_logging(stream: TextIO | None = None) -> None:
    """Write every event of every logger to `stream`, standard error by default.

    Where that is a terminal, a line for people is written in place of a JSON object.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Before secrets are hidden: the text of an exception may hold them.
            structlog.processors.format_exc_info,
            without_secrets,
            _Lines(stream),
        ],
        # Standard error as it is when something is written, for it may be another by then.
        logger_factory=lambda *_: structlog.PrintLogger(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


@dataclass(frozen=True)
class _Lines:
    """Turns events into lines, of the form that the stream is for."""

    stream: TextIO | None

    def __call__(self, logger: Any, method: str, event: "EventDict") -> str | bytes:
        # Standard error as it is now, for it may be another later.
        if (self.stream or sys.stderr).isatty():
            return line_for_people(event)
        return _AS_JSON(logger, method, event)


def line_for_people(event: Mapping[str, Any]) -> str:
    """Return an event as a line: time (UTC), level where it matters, what happened, and its parts.

    Nothing in it moves a cursor or changes a colour: names and reasons may be a stranger's.
    """
    rest = dict(event)
    time, level = str(rest.pop("timestamp", ""))[11:19], str(rest.pop("level", "info"))
    what, traceback = str(rest.pop("event", "")), str(rest.pop("exception", ""))
    words = [f"{time}Z", *([] if level in ("info", "debug") else [level.upper()]), what]
    line = " ".join(words) + "".join(f"  {name} {_for_people(value)}" for name, value in rest.items())
    return "\n".join(map(_printable, [line, *traceback.splitlines()]))


def _for_people(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_for_people(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(_for_people, value)) or "none"
    return "none" if value is None else str(value)


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


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
