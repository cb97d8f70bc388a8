"""The base of all errors that a user can fix, and words for those of libraries."""

import re
from collections.abc import Callable
from typing import Final


class CupelError(Exception):
    """An error that whoever runs a command can put right; any other is a defect of ours."""


_NO_URL: Final = "a URL without http:// or https:// in front of its host"
_NOBODY: Final = "nobody who answers there"
_LATE: Final = "no whole answer in that time"
_CUT: Final = "a connection that ended too early"
_WORDS: Final = {
    **dict.fromkeys(("LocationValueError", "InvalidSchema", "MissingSchema", "InvalidURL"), _NO_URL),
    **dict.fromkeys(("NewConnectionError", "ConnectTimeoutError", "ConnectionRefusedError"), _NOBODY),
    **dict.fromkeys(("TimeoutError", "Timeout", "ReadTimeout"), _LATE),
    **dict.fromkeys(("SSLError", "CertificateError"), "a certificate that is not trusted"),
    **dict.fromkeys(("ProtocolError", "ConnectionError"), _CUT),
    **dict.fromkeys(("JSONDecodeError", "UnicodeDecodeError"), "text that is no JSON"),
    **dict.fromkeys(("ProxyError", "ProxySchemeUnknown"), "a proxy that does not answer; see HTTPS_PROXY"),
}
"""Words for exceptions of libraries, by the names of their classes."""


def cause_text(error: BaseException) -> str:
    """Return what an exception means, in words: people who run commands know no classes of libraries."""
    if isinstance(error, CupelError):
        return str(error)
    for kind in type(error).__mro__:
        if kind.__name__ in _WORDS:
            return _WORDS[kind.__name__]
    reason = getattr(error, "strerror", None)
    return str(reason) if reason else f"something else ({type(error).__name__})"


_KINDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "dictionary": "a table of fields",
    "tuple": "a list",
    "list": "a list",
    "boolean": "true or false",
}


def _kind(found: re.Match[str]) -> str:
    return f"expected {_KINDS.get(found[1], f'a {found[1]}')}"


_PLAIN: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"^Value error, "), ""),
    (re.compile(r"^Input should be a valid (\w+)"), _kind),
    (re.compile(r"^Input should be "), "expected "),
    (re.compile(r"^Field required$"), "expected a value"),
    (re.compile(r"^String should match pattern "), "expected text that matches "),
    (re.compile(r"^(?:Tuple|List) should have at (least|most) (\d+) items? after validation, not \d+"),
     r"expected at \1 \2 in the list"),
    (re.compile(r"^String should have at (least|most) (\d+) characters?"), r"expected at \1 \2 characters"),
)  # fmt: skip


def field_text(message: str) -> str:
    """Return pydantic's message on a field in our words: what was expected."""
    for pattern, words in _PLAIN:
        message = pattern.sub(words, message)
    return message
