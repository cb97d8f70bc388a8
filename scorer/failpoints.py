"""Fail points: labelled places at which a process can be made to end as by a power cut; for tests only.

Off unless the environment says ``CUPEL_KILL_AT=<label>[@<part of a key>]``.
"""

import os
from typing import Final, NoReturn

VARIABLE: Final = "CUPEL_KILL_AT"
KILLED: Final = 137
"""The exit code of a process that ended at a fail point."""
LABELS: Final = (
    "planned",
    "tried",
    "before-sign-commit",
    "signed",
    "before-broadcast",
    "broadcast",
    "broadcast-recorded",
    "mined-seen",
    "mined-recorded",
    "final-seen",
    "final-recorded",
    "report-computed",
    "report-written",
    "submissions-collected",
    "submissions-published",
)


def _die() -> NoReturn:
    os._exit(KILLED)


def reach(label: str, key: str = "") -> None:
    """End the process at once if the environment names this place."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    at, _, part = wanted.partition("@")
    if at == label and part in key:
        _die()
