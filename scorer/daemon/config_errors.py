"""Says what is wrong with a configuration, without showing what may be a secret."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pydantic import ValidationError

from scorer.errors import CupelError, field_text
from scorer.redaction import described, shown, shown_name


class ConfigError(CupelError, ValueError):
    """A configuration cannot be used; the message names the file, the field, and what was expected."""


MOST_PROBLEMS: Final = 20
"""Most problems in one message."""
SECRET_SECTIONS: Final = ("key", "relay", "journal", "encryption")
"""Sections of whose values messages show types alone."""
PLAIN_NAME: Final = re.compile(r"[a-z][a-z_]{0,31}")
PLAUSIBLE_NAME: Final = re.compile(
    r"account|address|file|key|mnemonic|pass|path|phrase|private|public|remote|secret|seed|store|url"
)
"""Words in names that somebody may take for a field's in those sections."""
NOT_DERIVED: Final = "default_factory_not_called"
"""The error that pydantic adds where a default rests on another field that is wrong, and named already."""


def problems(error: ValidationError, section: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield each wrong field, what was expected, and what was found."""
    errors = [detail for detail in error.errors(include_url=False) if detail["type"] != NOT_DERIVED]
    for detail in errors[:MOST_PROBLEMS]:
        problem: dict[str, Any] = {**detail, "loc": (*section, *detail["loc"])}
        message = field_text(problem["msg"])
        field = ".".join(map(shown_name, problem["loc"])) or "file"
        if problem["type"] == "missing":
            yield f"{field}: expected a value, found none"
        elif problem["type"] == "extra_forbidden":
            yield f"{_unknown(problem)}: expected no field of this name, found {described(problem['input'])}"
        elif ", found " in message:
            yield f"{field}: {message}"
        else:
            yield f"{field}: {message}, found {_shown(problem)}"


def _unknown(problem: Any) -> str:
    """Return the path of an undeclared field; its name may be a password that slipped before the ``=``."""
    *section, name = map(str, problem["loc"])
    is_word = PLAIN_NAME.fullmatch(name) and (not _is_secret(section) or PLAUSIBLE_NAME.search(name))
    return ".".join([*map(shown_name, section), name if is_word else described(name)])


def _shown(problem: Any) -> str:
    """Return what was found; of text, of sections with secrets in them, and of endpoints, its type alone.

    A short password looks like any other text, and may stand where a number belongs.
    """
    is_secret = isinstance(problem["input"], str) or _is_secret([str(part) for part in problem["loc"]])
    return described(problem["input"]) if is_secret else shown(problem["input"])


def _is_secret(path: Sequence[str]) -> bool:
    return any(section in SECRET_SECTIONS for section in path[:1]) or any("endpoint" in part for part in path)
