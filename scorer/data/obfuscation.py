"""Keyed identifiers: what ids and features are called for those who do not have the key.

Identifiers are HMAC-SHA256 under subkeys of one secret key. They depend on the recipe's name, the date and
the name, not on the version of the files: whoever joins two versions finds the same ids. What this hides, and
what it does not, docs/data.md says and `scorer.data.attack` measures.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

from scorer.data.faults import DataError
from scorer.data.recipe import FeatureSpec, Recipe
from scorer.files import SecretExposed, read_secret, write_secret
from scorer.redaction import remember, shown_path

KEY_BYTES: Final = 32
ID_DIGITS: Final = 15
FEATURE_DIGITS: Final = 10
BLOCK: Final = 64
"""Bytes of a block of SHA-256."""


def new_key(path: Path) -> None:
    """Write a new secret key, in hex, to a file that only its owner can read; never over another file.

    Raises
    ------
    DataError
        When there is a file.
    """
    if path.exists():
        raise DataError(f"{shown_path(path)}: expected no file, found one; a lost key cannot be made again")
    write_key(path, secrets.token_bytes(KEY_BYTES))


def write_key(path: Path, key: bytes) -> None:
    """Write a key, in hex, to a file that only its owner can read.

    Raises
    ------
    DataError
        When the file holds another key.
    """
    if path.exists():
        if load_key(path) == key:
            return
        raise DataError(f"{shown_path(path)}: expected no file or this key, found another key")
    write_secret(path, key.hex() + "\n")


def load_key(path: Path) -> bytes:
    """Read a secret key of 32 bytes in hex.

    Raises
    ------
    DataError
        When it is no key, or others than its owner can read it.
    """
    try:
        return read_secret(path, key_from)
    except (OSError, SecretExposed, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{shown_path(path)}: expected a key of 64 hex digits, found {reason}") from None


def key_from(content: bytes) -> bytes:
    """Return the key of a file's content; ValueError when it is none."""
    try:
        key = bytes.fromhex(content.decode("ascii").strip().removeprefix("0x"))
    except ValueError:
        raise ValueError("another content") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"{2 * len(key)} digits")
    remember(key)
    return key


@dataclass(frozen=True)
class Mac:
    """HMAC-SHA256 with the key's two blocks hashed once, which makes a short message three times as fast."""

    key: bytes = field(repr=False)

    def hex(self, message: str, digits: int) -> str:
        """Return the first hex digits of a message's code."""
        return self.hexes("", [message], digits)[0]

    def hexes(self, start: str, messages: Iterable[str], digits: int) -> list[str]:
        """Return the first hex digits of the codes of messages that start alike."""
        inner, outer = _pads(self.key)
        inner = inner.copy()
        inner.update(start.encode())
        found = []
        for message in messages:
            one, two = inner.copy(), outer.copy()
            one.update(message.encode())
            two.update(one.digest())
            found.append(two.hexdigest()[:digits])
        return found


@lru_cache(maxsize=64)
def _pads(key: bytes) -> tuple[Any, Any]:
    padded = key.ljust(BLOCK, b"\0")
    return (
        hashlib.sha256(bytes(byte ^ 0x36 for byte in padded)),
        hashlib.sha256(bytes(byte ^ 0x5C for byte in padded)),
    )


@dataclass(frozen=True)
class Identifiers:
    """Names of ids and features under one key, as a recipe asks for them."""

    recipe: Recipe
    key: bytes = field(repr=False)

    def ids(self, day: date, names: Sequence[str]) -> tuple[str, ...]:
        """Return the id of each name in the era of a date.

        Raises
        ------
        DataError
            When two names get one id: one in 10**10 eras of 6,000 names.
        """
        if self.recipe.obfuscation.ids == "open":
            return tuple(names)
        mac = self._mac("id")
        era = day.isoformat() if self.recipe.obfuscation.ids == "era" else ""
        ids = tuple("n" + code for code in mac.hexes(f"{era}|", names, ID_DIGITS))
        if len(set(ids)) < len(ids):
            raise DataError(
                f"era of {day}: expected an id for each name, found one for two; take another key"
            )
        return ids

    def feature(self, spec: FeatureSpec) -> str:
        """Return the column of a feature."""
        if not self.recipe.obfuscation.features:
            return f"feature_{spec.name}"
        return "feature_" + self._mac("feature").hex(spec.name, FEATURE_DIGITS)

    def is_flipped(self, spec: FeatureSpec) -> bool:
        """Return whether the bins of a feature count from the other end."""
        return self.recipe.obfuscation.flips and int(self._mac("flip").hex(spec.name, 1), 16) % 2 == 1

    def columns(self) -> tuple[tuple[str, FeatureSpec], ...]:
        """Return the columns of features in the order of the files: by what they are called.

        Raises
        ------
        DataError
            When two features get one name.
        """
        return self._columns

    @cached_property
    def _columns(self) -> tuple[tuple[str, FeatureSpec], ...]:
        columns = [(self.feature(spec), spec) for spec in self.recipe.specs()]
        columns.sort(key=lambda column: column[0])
        if len({name for name, _ in columns}) < len(columns):
            raise DataError("features: expected a column for each, found one name for two; take another key")
        return tuple(columns)

    def _mac(self, purpose: str) -> Mac:
        return Mac(hmac.digest(self.key, f"{self.recipe.name}|{purpose}".encode(), "sha256"))
