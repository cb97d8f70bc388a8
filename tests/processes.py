"""Processes of Python whose environment a test chooses."""

import os
from typing import Final

COMPILED: Final = "PYTHONPYCACHEPREFIX"


def compiled_once() -> dict[str, str]:
    """Return the variable by which a process finds what is compiled: else it compiles all that it imports."""
    return {COMPILED: os.environ[COMPILED]} if COMPILED in os.environ else {}
