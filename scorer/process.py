"""Keeps a process's secrets out of core dumps, other processes and tracebacks."""

import ctypes
import logging
import resource
import sys
import threading
import traceback
import warnings
from types import TracebackType
from typing import Final, TextIO

from scorer.redaction import clean

PR_SET_DUMPABLE: Final = 4
"""From ``<linux/prctl.h>``."""


def forbid_core_dumps() -> None:
    """Forbid core dumps of this process and its children, and other users' looks into it.

    On Linux the process is not dumpable either: neither a debugger of the same user may attach to it, nor
    anybody but root read its memory or environment from ``/proc``. A program that it starts is dumpable
    again, and still leaves no core dump.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def clean_tracebacks() -> None:
    """Print uncaught errors without the secrets of this process, wherever they are raised.

    That includes every thread, and errors that Python cannot raise, such as those in finalisers. Logs and
    warnings of libraries are cleaned too.
    """
    sys.excepthook = _print_cleaned
    threading.excepthook = lambda found: _print_cleaned(found.exc_type, found.exc_value, found.exc_traceback)
    sys.unraisablehook = lambda found: _print_cleaned(found.exc_type, found.exc_value, found.exc_traceback)
    logging.raiseExceptions = False  # a record that cannot be formatted would be printed with what is in it
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_CleanFormatter())
    warnings.showwarning = _show_cleaned


class _CleanFormatter(logging.Formatter):
    """Formats a record, with its traceback, without the secrets of this process."""

    def format(self, record: logging.LogRecord) -> str:
        return clean(super().format(record))


def _show_cleaned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    text = warnings.formatwarning(message, category, filename, lineno, line)
    (file or sys.stderr).write(clean(text))


def _print_cleaned(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    sys.stderr.write(clean("".join(traceback.format_exception(kind, error, trace))))
