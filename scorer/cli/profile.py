"""A profile: what the environment says of a tournament, in a file that commands read when it says nothing."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scorer.errors import CupelError
from scorer.files import SecretExposed, read_secret, write_secret
from scorer.redaction import remember, shown_path

VARIABLE: Final = "CUPEL_PROFILE"
"""Names another profile; empty: none is read."""
NAMES: Final = (
    *("CUPEL_URL", "CUPEL_RPC_URL", "CUPEL_DEPLOYMENT", "CUPEL_KEYSTORE", "CUPEL_PASSWORD_FILE"),
    *("CUPEL_ROUNDS", "CUPEL_INBOX", "CUPEL_GATEWAY", "NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY"),
)
"""Variables that a profile may set."""
SECRETS: Final = ("NUMERAI_SECRET_KEY",)
_LINE: Final = re.compile(r"([A-Z_]+)=([^\s'\"\\$`]+)")
_PLAIN: Final = re.compile(r"[^\s'\"\\$`]+")


class ProfileError(CupelError):
    """A profile cannot be read or written; the message says why."""


def profile_path() -> Path | None:
    """Return the path of the profile, which need not be there; None where there can be none."""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return Path(chosen) if chosen else None
    try:
        home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    except RuntimeError:  # a container's user may have no home
        return None
    return home / "cupel" / "profile.env"


def read_profile(path: Path) -> dict[str, str]:
    """Read a profile.

    Raises
    ------
    ProfileError
        When others can read it, or a line is none of ``NAME=value``.
    """
    try:
        return read_secret(path, _parsed)
    except (OSError, SecretExposed, ValueError) as error:
        found = error.strerror if isinstance(error, OSError) else error
        raise ProfileError(f"{shown_path(path)}: expected a profile of cupel join, found {found}") from None


def _parsed(content: bytes) -> dict[str, str]:
    values = {}
    for number, line in enumerate(content.decode().splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None or found[1] not in NAMES:
            raise ValueError(f"another line {number} than NAME=value with one of {', '.join(NAMES)}")
        values[found[1]] = found[2]
    return values


def write_profile(path: Path, values: Mapping[str, str]) -> None:
    """Write a profile, which a shell can read too, for its owner alone.

    Raises
    ------
    ProfileError
        When a value has a space or a quote, which a shell would read otherwise.
    """
    for name, value in values.items():
        if not _PLAIN.fullmatch(value):
            raise ProfileError(f"{name}: expected a text without spaces and quotes, found one with them")
    lines = [f"{name}={values[name]}\n" for name in NAMES if name in values]
    write_secret(
        path, "# Written by cupel join; the environment and options stand above it.\n" + "".join(lines)
    )


def load_profile() -> None:
    """Set what the profile says in the environment of this process, as far as that says nothing.

    Raises
    ------
    ProfileError
        When there is a profile that cannot be used.
    """
    path = profile_path()
    # os.path.exists: where a home may not be looked into, as under systemd, there is no profile.
    if path is None or (VARIABLE not in os.environ and not os.path.exists(path)):  # noqa: PTH110
        return
    for name, value in read_profile(path).items():
        os.environ.setdefault(name, value)
    for name in SECRETS:
        if name in os.environ:
            remember(os.environ[name])
