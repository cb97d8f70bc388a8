"""Keeps keys, passwords, and the parts of URLs that may hold them out of messages.

A message repeats a value only where that can be no secret (`shown`); any other is described by its type and
length. Texts of other programs, such as exceptions of libraries, pass through `clean`, which also hides every
secret that this process was given (`remember`).
"""

import json
import re
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from datetime import date, time
from pathlib import PurePath
from typing import Final
from urllib.parse import quote, unquote

HIDDEN: Final = "[hidden]"
NAMELESS: Final = "an endpoint without a name"
LONGEST_SHOWN: Final = 64
"""Characters of a text that may be shown unchanged."""
SHORTEST_REMEMBERED: Final = 6
"""Characters: a shorter secret would match parts of ordinary words."""
_ADDRESS_DIGITS: Final = 40
_HEX_RUN: Final = re.compile(r"[0-9a-fA-F]{41,}")
"""More digits than an address has: a key, also one that lost a few."""
_LONG_HEX: Final = re.compile(r"(?:0[xX])?[0-9a-fA-F]{65,}")
"""More digits than a hash has: a signed transaction, a public key."""
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:/{1,2}\S|\S:\S*@\S", re.IGNORECASE)
_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>`]+", re.IGNORECASE)
_PATH: Final = re.compile(r"\burl: /\S*", re.IGNORECASE)
"""A path as urllib3 names it in errors: without the scheme, and with the key."""
_TOKEN: Final = re.compile(r"(?=[A-Za-z_+=-]*[0-9])(?=[0-9_+=-]*[A-Za-z])[A-Za-z0-9_+=-]{20,}")
"""Letters and digits in one long word, as the keys of providers are."""
_AUTHORITY: Final = re.compile(r"(?:\[[0-9a-fA-F:.]+\]?|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
_WORDS: Final = re.compile(r"\s*(?:[a-z]{3,8}[\s,_-]+){11,}[a-z]{3,8}\s*", re.IGNORECASE)
"""Twelve words or more, as in the phrases that wallets make keys of."""
_PHRASE: Final = re.compile(r"\b(?:[a-z]{3,8}[\s,_-]+){11,}[a-z]{3,8}\b", re.IGNORECASE)
_BASE64: Final = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{43}=(?!=)")
"""Base64 of 32 bytes."""
_SPLIT_HEX: Final = re.compile(r"(?:0[xX])?[0-9a-fA-F]+(?:[\s_:-][0-9a-fA-F]+)*")
_LONE_TOKEN: Final = re.compile(rf"(?<![\w/.+=-]){_TOKEN.pattern}(?![\w/.+=-])")
"""A `_TOKEN` that is no part of a path."""

_remembered: set[str] = set()
_lock = threading.Lock()


def described(value: object) -> str:
    """Describe a value without any of its content, such as ``text of 66 characters``."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, str | PurePath):
        return f"text of {len(str(value))} characters"
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    if isinstance(value, Mapping):
        return f"a table of {len(value)} fields"
    if isinstance(value, list | tuple | set | frozenset):
        return f"a list of {len(value)}"
    return {float: "a number", date: "a date", time: "a time"}.get(type(value), f"a {type(value).__name__}")


def looks_secret(text: str) -> bool:
    """Return whether a text may be a key, a phrase of words, a URL, or hold a password."""
    return is_like_a_key(text) or bool(_TOKEN.search(_without_addresses(text)))


def is_like_a_key(text: str) -> bool:
    """Return whether a text holds more hex digits than an address, 32 bytes in base64, a URL, or 12 words."""
    return bool(
        _HEX_RUN.search(text)
        or _SCHEME.search(text)
        or _WORDS.fullmatch(text)
        or _BASE64.search(text)
        or any(_has_many_digits(digits) for digits in _SPLIT_HEX.finditer(text))
    )


def shown(value: object) -> str:
    """Return a value for a message: unchanged where it can be no secret, else described."""
    if (
        value is None
        or isinstance(value, bool | float)
        or (isinstance(value, int) and value.bit_length() <= LONGEST_SHOWN)
    ):
        return repr(value)
    if isinstance(value, str) and len(value) <= LONGEST_SHOWN and not looks_secret(value):
        return repr(value)
    return described(value)


def shown_name(name: object) -> str:
    """Return a field's name for a message: described where it may be a secret."""
    text = str(name)
    is_plain = len(text) <= LONGEST_SHOWN and text.isprintable() and not looks_secret(text)
    return text if is_plain else described(text)


def hides_a_key(path: PurePath | str) -> bool:
    """Return whether a path may be a key or a URL; folders may have long names in hex."""
    text, name = str(path), PurePath(path).name
    split = _SPLIT_HEX.fullmatch(name)
    return bool(
        _SCHEME.search(text)
        or _WORDS.fullmatch(text)
        or _HEX_RUN.search(name)
        or _BASE64.fullmatch(text)
        or (split is not None and _has_many_digits(split))
    )


def shown_path(path: PurePath | str) -> str:
    """Return a path for a message: described where it may be a key or a URL."""
    return f"a path of {len(str(path))} characters" if hides_a_key(path) else str(path)


def host(url: str) -> str:
    """Return an endpoint's host, which names it in messages: the rest of a URL may hold secrets."""
    _, is_whole, rest = url.partition("://")
    authority, *behind = re.split(r"[/?#\\]", rest if is_whole else url, maxsplit=1)
    name = authority.rpartition("@")[2]
    if not _AUTHORITY.fullmatch(name) or _HEX_RUN.search(name):
        return NAMELESS
    # A password with a slash in it: the text before the slash is user and password, not host and port.
    is_cut = "@" in "".join(behind) and ":" in name and "@" not in authority
    return NAMELESS if is_cut else name


def remember(*secrets: str | bytes | None) -> None:
    """Make `clean` hide these texts from now on, keys also in other spellings."""
    with _lock:
        for secret in secrets:
            _remembered.update(_spellings(secret))


def remember_url(url: str) -> None:
    """Make `clean` hide all of a URL but its host: user, password, long parts of path and query."""
    rest = url.partition("://")[2]
    authority, _, behind = rest.partition("/")
    credentials = authority.rpartition("@")[0]
    parts = [credentials, *credentials.split(":", 1)[1:], *re.split(r"[/?#&=]", behind)]
    remember(*(part for part in parts if part == credentials or len(part) >= 2 * SHORTEST_REMEMBERED))
    remember(*credentials.split(":", 1)[1:])


def clean(text: str) -> str:
    """Return a text without the secrets of this process, the paths of URLs, and signed transactions."""
    hosts = _URL.sub(lambda found: host(found[0]), _without_remembered(text))
    return _LONG_HEX.sub(HIDDEN, _PATH.sub(f"url: {HIDDEN}", hosts))


def censored(text: str) -> str:
    """Return a message that repeats somebody's input, without all that may be a secret in it.

    Unlike `clean`, it hides hashes too, as a private key looks like one.
    """
    censored_text = _SPLIT_HEX.sub(lambda found: HIDDEN if _has_many_digits(found) else found[0], clean(text))
    for pattern in (_HEX_RUN, _BASE64, _PHRASE):
        censored_text = pattern.sub(HIDDEN, censored_text)
    return _LONE_TOKEN.sub(lambda token: token[0] if _is_address(token[0]) else HIDDEN, censored_text)


def _has_many_digits(found: re.Match[str]) -> bool:
    return len(re.sub(r"0[xX]|[^0-9a-fA-F]", "", found[0])) > _ADDRESS_DIGITS


def _is_address(text: str) -> bool:
    return _without_addresses(text) == ""


def _spellings(secret: str | bytes | None) -> Iterable[str]:
    if isinstance(secret, bytes):
        return _of_bytes(secret) if len(secret) >= 16 else ()
    if not secret or len(secret) < SHORTEST_REMEMBERED:
        return ()
    in_urls = (unquote(secret), quote(secret), quote(secret, safe=""))
    return secret, *in_urls, json.dumps(secret)[1:-1], repr(secret)[1:-1]


def _of_bytes(secret: bytes) -> Iterable[str]:
    """Yield the spellings of a key: in hex, as a number, in base64, and as Python prints it."""
    digits = secret.hex()
    in_base64 = (encode(secret).decode().rstrip("=") for encode in (b64encode, urlsafe_b64encode))
    return digits, digits.upper(), str(int.from_bytes(secret, "big")), *in_base64, repr(secret)[2:-1]


def _without_remembered(text: str) -> str:
    with _lock:
        found = [secret for secret in _remembered if secret in text]
    for secret in sorted(found, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _without_addresses(text: str) -> str:
    return re.sub(rf"\b0x[0-9a-fA-F]{{{_ADDRESS_DIGITS}}}\b", "", text)
