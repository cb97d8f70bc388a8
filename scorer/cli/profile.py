"""A profile: what the environment says of a tournament, in a file that commands read when it says nothing."""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scorer.errors import CupelError
from scorer.files import SecretExposed, read_secret, write_secret
from scorer.redaction import HIDDEN, clean, remember, shown_path

VARIABLE: Final = "CUPEL_PROFILE"
"""Names another profile; empty: none is read."""
SERVER: Final = "CUPEL_SERVER_URL"
"""Names the tournament's server. `CUPEL_URL`, the base URL of numerapi's scripts, may be a gateway's."""
KEY: Final = ("NUMERAI_PUBLIC_ID", "NUMERAI_SECRET_KEY")
"""The API key for that server."""
GATEWAY: Final = "CUPEL_GATEWAY"
FILE: Final = "profile.env"
"""The name of a profile, also of one that a tournament's folder has for `cupel use`."""
MANIFESTS: Final = ("manifest.json", "deployment.json")
"""The files that a deployment's folder may have its addresses in, the first that is there holding."""
NAMES: Final = (
    *(SERVER, "CUPEL_RPC_URL", "CUPEL_DEPLOYMENT", "CUPEL_KEYSTORE", "CUPEL_PASSWORD_FILE"),
    *("CUPEL_ROUNDS", "CUPEL_INBOX", GATEWAY, *KEY),
)
"""Variables that a profile may set."""
_LINE: Final = re.compile(r"([A-Z_]+)=(?:([A-Za-z0-9_@%+=:,./-]+)|'([^']+)')")
"""A line as `shlex.quote` writes it: what needs no quotes, or anything but a quote within them."""


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
    return home / "cupel" / FILE


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
        raise ProfileError(
            f"{shown_path(path)}: expected a profile of cupel use or join, found {found}"
        ) from None


def _parsed(content: bytes) -> dict[str, str]:
    values = {}
    for number, line in enumerate(content.decode().splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None or found[1] not in NAMES:
            raise ValueError(f"another line {number} than NAME=value with one of {', '.join(NAMES)}")
        values[found[1]] = found[2] or found[3]
    return values


def write_profile(path: Path, values: Mapping[str, str]) -> None:
    """Write a profile, which a shell can read too, for its owner alone.

    Values are quoted: some are a server's, and a shell would run what stands in them.

    Raises
    ------
    ProfileError
        When a value is empty, or has a quote or what cannot be printed, such as the end of a line.
    """
    for name, value in values.items():
        if not value or not value.isprintable() or "'" in value:
            raise ProfileError(f"{name}: expected a text of one line without quotes, found another")
    lines = [f"{name}={shlex.quote(values[name])}\n" for name in NAMES if name in values]
    write_secret(path, "# Written by cupel; the environment and options stand above it.\n" + "".join(lines))


def load_profile() -> None:
    """Set what the profile says in the environment of this process, as far as that says nothing.

    Not the API key, which is for one server, while a command may name another: see `known_keys`.

    Raises
    ------
    ProfileError
        When there is a profile that cannot be used.
    """
    for name, value in current_profile().items():
        if name not in KEY:
            os.environ.setdefault(name, value)
    if KEY[1] in os.environ:
        remember(os.environ[KEY[1]])


def current_profile() -> dict[str, str]:
    """Return what the profile says; nothing where there is none."""
    path = profile_path()
    # os.path.exists: where a home may not be looked into, as under systemd, there is no profile.
    if path is None or (VARIABLE not in os.environ and not os.path.exists(path)):  # noqa: PTH110
        return {}
    values = read_profile(path)
    remember(values.get(KEY[1]))
    return values


@dataclass(frozen=True)
class VariableValue:
    """A variable that commands read, and where its value comes from.

    Attributes
    ----------
    value
        None where neither environment nor profile has one.
    source
        ``environment``, ``profile`` or None.
    hides
        Whether the environment stands above another value of the profile.
    """

    name: str
    value: str | None
    source: str | None
    hides: bool = False

    @property
    def shown(self) -> str | None:
        """The value without what may be a secret in it: of a key nothing, of a URL its host."""
        if self.value is None:
            return None
        if self.name in KEY:
            return HIDDEN
        if "://" in self.value:
            return clean(self.value)
        return shown_path(self.value)


def settings_of(environment: Mapping[str, str], profile: Mapping[str, str]) -> tuple[VariableValue, ...]:
    """Return every variable that a profile may set, as commands read it: the environment stands above."""
    return tuple(_setting(name, environment.get(name), profile.get(name)) for name in NAMES)


def _setting(name: str, given: str | None, own: str | None) -> VariableValue:
    if given is None:
        return VariableValue(name, own, None if own is None else "profile")
    return VariableValue(name, given, "environment", hides=own not in (None, given))


@dataclass(frozen=True)
class ApiKey:
    """An API key.

    Attributes
    ----------
    server
        The URL of the server that it is for; None: of whichever its user names.
    """

    public_id: str
    secret: str = field(repr=False)
    server: str | None

    @property
    def authorization(self) -> str:
        """The header with it."""
        return f"Token {self.public_id}${self.secret}"

    def is_for(self, server: str) -> bool:
        """Return whether it may be sent to the server at a URL."""
        return self.server in (None, server)


def known_keys() -> tuple[ApiKey, ...]:
    """Return the API keys that are known here: the environment's, which stands above it, and the profile's.

    The profile's is for the profile's server, also where a shell read it into the environment. One of the
    environment is for the server that the environment names beside it, if it does.

    Raises
    ------
    ProfileError
        When there is a profile that cannot be used, or one has half a key, or one for no server.
    """
    profile = current_profile()
    given, own = ([values.get(name) or "" for name in KEY] for values in (os.environ, profile))
    found = []
    if any(given) and given != own:
        # What the environment says may have been set by `load_profile`.
        server = os.environ.get(SERVER)
        found.append(_key("environment", given, None if server == profile.get(SERVER) else server))
    if any(own) and SERVER not in profile:
        raise ProfileError(f"profile: expected {SERVER}, which an API key is for, beside it, found none")
    if any(own):
        found.append(_key("profile", own, profile[SERVER]))
    return tuple(found)


def _key(where: str, pair: list[str], server: str | None) -> ApiKey:
    if not all(pair):
        raise ProfileError(f"{where}: expected {' and '.join(KEY)}, found one of them")
    remember(pair[1])
    return ApiKey(pair[0], pair[1], None if server is None else server.rstrip("/"))
