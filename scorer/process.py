"""Keeps what a process holds of secrets out of core dumps, of other processes, and of tracebacks."""

import ctypes
import resource
import sys
import threading
import traceback
from types import TracebackType
from typing import Final

from scorer.redaction import clean

PR_SET_DUMPABLE: Final = 4
"""From ``<linux/prctl.h>``."""


def forbid_core_dumps() -> None:
    """Have no core dump written of this process or its children, and no other user's process look into it.

    On Linux the process is not dumpable either: neither a debugger of the same user may attach to it, nor
    anybody but root read its memory or environment from ``/proc``. A program that it starts is dumpable
    again, and still leaves no core dump.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def clean_tracebacks() -> None:
    """Have an error that nobody caught printed without the secrets of this process, in every thread."""
    sys.excepthook = _print_cleaned
    threading.excepthook = lambda found: _print_cleaned(found.exc_type, found.exc_value, found.exc_traceback)


def _print_cleaned(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    sys.stderr.write(clean("".join(traceback.format_exception(kind, error, trace))))
