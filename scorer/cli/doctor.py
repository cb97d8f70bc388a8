"""``cupel doctor``: a line for each thing that commands depend on, and what to do where one is missing."""

import os
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Final

from scorer.cli.checklist import report_checks
from scorer.cli.common import JsonOption, print_json, user_errors
from scorer.cli.profile import KEY, SERVER, current_profile, profile_path
from scorer.cli.surroundings import Surroundings
from scorer.daemon.checks import Check
from scorer.server.upstream import Upstream, server_url

FOLDERS: Final = ("CUPEL_ROUNDS", "CUPEL_INBOX")


def doctor(as_json: JsonOption = False) -> None:
    """Check all that commands depend on, with a line for each and what to do.

    That is the profile, Python, packages, tools, disk, and what environment or profile name, a node that
    runs models (CUPEL_COMPUTE) included. Ends with 1 where something that was named is missing or wrong.
    What is optional and not there is only mentioned. Nothing is written or sent; no password is asked for.
    """
    with user_errors():
        checks = chain((profile_check(os.environ),), surroundings_of(os.environ).checks())
        if not as_json:
            report_checks(checks)
        print_json([{"name": each.name, "ok": each.ok, "detail": each.detail} for each in checks])


def profile_check(environment: Mapping[str, str]) -> Check:
    """Say which profile is in force, and in what the environment stands above it."""
    own = current_profile()
    if not own:
        detail = "none: cupel use FOLDER or cupel join URL writes one, and then no variables are needed"
        return Check("profile", ok=True, detail=detail)
    hidden = [name for name, value in own.items() if name not in KEY and environment.get(name) != value]
    above = f"; the environment stands above it in {', '.join(hidden)}" if hidden else ""
    return Check("profile", ok=True, detail=f"{profile_path()} sets {', '.join(own)}{above}")


def surroundings_of(environment: Mapping[str, str]) -> Surroundings:
    """Return what an environment names; an empty variable names nothing."""

    def path(name: str) -> Path | None:
        return Path(environment[name]) if environment.get(name) else None

    folders = {name: found for name in FOLDERS if (found := path(name)) is not None}
    return Surroundings(
        endpoint=environment.get("CUPEL_RPC_URL") or None,
        deployment=path("CUPEL_DEPLOYMENT"),
        keystore=path("CUPEL_KEYSTORE"),
        password_file=path("CUPEL_PASSWORD_FILE"),
        server=environment.get(SERVER) or environment.get("CUPEL_URL") or None,
        folders=folders,
        compute=path("CUPEL_COMPUTE"),
        ask_server=_identity,
    )


def _identity(url: str) -> tuple[int, str]:
    return Upstream(server_url(url)).identity().place
