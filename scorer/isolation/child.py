"""The child process: reads one file under limits, answers, ends."""

import os
import pickle
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from scorer.isolation.answers import (
    IMPORTS,
    REFUSALS,
    IsolationReason,
    ReadResult,
    encoded,
    encoded_failure,
)
from scorer.isolation.confinement import Confinement
from scorer.isolation.landlock import Landlock, package_of
from scorer.isolation.limits import ReadLimits

SIZE: Final = 8
NO_MEMORY: Final = 77
"""The exit status of a child that had no memory left, be it to say so."""


@dataclass(frozen=True)
class Job:
    """The job for which a zygote forks a child.

    Attributes
    ----------
    function
        ``module:name``.
    """

    function: str
    limits: ReadLimits


def find(function: str) -> Callable[..., Any]:
    """Return the function of that name; its module and those that it declares are imported."""
    module, _, name = function.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    for needed in getattr(found, IMPORTS, ()):
        import_module(needed)
    return found


def read_nothing(content: bytes) -> ReadResult:
    """Count the bytes of a file without reading it: an answer shows that a child can live here."""
    return ReadResult({"bytes": len(content)})


def look_around(_content: bytes) -> ReadResult:
    """Try what the kernel keeps a child from: a socket, and a file that every user may read."""
    return ReadResult({"filter": _is_denied(socket.socket), "files": _is_denied(lambda: open("/etc/passwd"))})  # noqa: PTH123


def _is_denied(act: Callable[[], object]) -> bool:
    try:
        act()
    except PermissionError:
        return True
    return False


def run_child(job: Job, connection: int, confinement: Confinement, held: int) -> None:
    """Read the request from a connected socket, answer on it, and end. It never returns.

    Parameters
    ----------
    held
        Bytes of address space at the fork.
    """
    status = 1
    try:
        channel = _alone_with(connection)
        confinement.enter(job.limits, held)
        status = _answer(job, channel, confinement.files)
    except MemoryError:
        status = NO_MEMORY
    finally:
        # Not sys.exit: what the zygote would do at its end must not run in a child.
        os._exit(status)


def _alone_with(connection: int) -> socket.socket:
    """Keep one descriptor of all that were inherited, beside standard ones that lead nowhere."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(connection, 3)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return socket.socket(fileno=3)


def _answer(job: Job, channel: socket.socket, files: Landlock) -> int:
    try:
        parts = _outcome(job, channel, files)
    except MemoryError:
        return NO_MEMORY
    for part in parts:
        channel.sendall(part)
    return 0


def _outcome(job: Job, channel: socket.socket, files: Landlock) -> list[memoryview]:
    refusals: tuple[type[Exception], ...] = ()
    try:
        function = find(job.function)
        refusals = getattr(function, REFUSALS, ())
        payload, arguments = _request(channel)
        # After the request, which names the one file that may be opened.
        files.enter([*package_of("scorer"), *package_of(job.function), *_given(payload)])
        return encoded(function(payload, *arguments))
    except MemoryError:
        raise
    except refusals as refusal:
        return encoded_failure(IsolationReason.REFUSED, str(refusal))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent gets it
        return encoded_failure(IsolationReason.DEFECT, _described(error))


def _given(payload: Any) -> list[Path]:
    return [payload] if isinstance(payload, Path) else []


def _request(channel: socket.socket) -> tuple[Any, tuple[Any, ...]]:
    """Read the parent's request: trusted, so it may be pickled. A file's bytes are taken as they are."""
    with channel.makefile("rb") as file:
        path = pickle.loads(_sized(file.read))  # noqa: S301 - by the parent, not by a file
        arguments = pickle.loads(_sized(file.read))  # noqa: S301
        content = _sized(file.read)
        return (content if path is None else path), arguments


def _sized(read: Callable[[int], bytes]) -> bytes:
    size = int.from_bytes(read(SIZE), "big")
    content = read(size)
    if len(content) != size:
        raise EOFError("the parent ended before its request did")
    return content


def _described(error: Exception) -> str:
    """Return an exception of ours with the place where it was raised, the innermost last."""
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append(f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}")  # noqa: PTH119
        trace = trace.tb_next
    message = (str(error).splitlines() or [""])[0][:300]
    return f"one at which its reader failed: {type(error).__name__}: {message} ({' '.join(places[-4:])})"
