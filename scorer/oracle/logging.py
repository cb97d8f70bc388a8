"""Structured logs, one JSON object a line, without secrets."""

import re
import sys
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict

from scorer.chain.endpoint import host

SECRET_NAMES: Final = re.compile(r"key$|password|secret|private|raw|mnemonic|token$", re.IGNORECASE)
URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"',;)]+", re.IGNORECASE)
PATH: Final = re.compile(r"\burl: /\S*", re.IGNORECASE)
"""How urllib3 names what it could not reach: without the scheme, and with the key."""
LONG_HEX: Final = re.compile(r"\b(?:0x)?[0-9a-fA-F]{65,}\b")
HIDDEN: Final = "[hidden]"


def configure_logging(stream: TextIO | None = None) -> None:
    """Write every event of every logger to `stream`, standard error by default."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            without_secrets,
            structlog.processors.JSONRenderer(default=_plain),
        ],
        # Standard error as it is when something is written, for it may be another by then.
        logger_factory=lambda *_: structlog.PrintLogger(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


def without_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Hide what a name or a form gives away: keys, passwords, the paths of URLs, signed transactions."""
    return {name: HIDDEN if SECRET_NAMES.search(name) else _clean(value) for name, value in event.items()}


def clean(text: str) -> str:
    """A text without the paths of URLs, where a provider's key may be, and without signed transactions."""
    hosts = URL.sub(lambda found: host(found[0]), text)
    return LONG_HEX.sub(HIDDEN, PATH.sub(f"url: {HIDDEN}", hosts))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return without_secrets(None, "", value)
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value


def _plain(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
