"""The zygote: a fresh interpreter that imports what reading needs, forks a child for each file, and waits.

It imports little of its own, starts no thread and reads nothing that a stranger wrote: a child gets its file
from the parent by a socket that the zygote only hands on.
"""

import codecs
import contextlib
import gc
import json
import os
import pickle
import selectors
import signal
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scorer.isolation.child import Job, find, run_child
from scorer.isolation.confinement import Confinement, address_space

LARGEST_JOB: Final = 65_536
DESCRIPTORS: Final = 2
CODECS: Final = ("utf-8-sig", "utf-16-be")
"""Codecs of CSV and of canonical JSON, which Python imports when they are first used: every child would."""
PATIENCE: Final = 3_600.0
"""Longest wait in seconds; a poll of months is refused by the system."""


@dataclass
class _Child:
    """A child that was not yet waited for, and where the parent hears of its end."""

    status_to: int
    deadline: float
    is_late: bool = False


@dataclass
class Zygote:
    """Forks on demand until its control socket ends."""

    control: socket.socket
    woken: int
    confinement: Confinement = field(default_factory=Confinement)
    children: dict[int, _Child] = field(default_factory=dict)

    def serve(self) -> None:
        """Take jobs and report ends until the parent is gone."""
        with selectors.PollSelector() as selector:
            selector.register(self.control, selectors.EVENT_READ)
            selector.register(self.woken, selectors.EVENT_READ)
            goes_on = True
            while goes_on:
                ready = [key.fileobj for key, _ in selector.select(self._patience())]
                if self.woken in ready:
                    os.read(self.woken, 4096)
                self._reap()
                self._stop_late()
                goes_on = self.control not in ready or self._take()
        for process in self.children:
            os.kill(process, signal.SIGKILL)

    def _patience(self) -> float | None:
        deadlines = [child.deadline for child in self.children.values() if not child.is_late]
        return min(PATIENCE, max(0.0, min(deadlines) - time.monotonic())) if deadlines else None

    def _take(self) -> bool:
        """Fork a child for one job; False where there is nobody left to ask."""
        message, descriptors, _, _ = socket.recv_fds(self.control, LARGEST_JOB, DESCRIPTORS)
        if not message:
            return False
        connection, status_to = descriptors
        job: Job = pickle.loads(message)  # noqa: S301 - the parent's own words
        with contextlib.suppress(Exception):  # the child fails likewise, and says so
            find(job.function)
        self._fork(job, connection, status_to)
        os.close(connection)
        return True

    def _fork(self, job: Job, connection: int, status_to: int) -> None:
        held = address_space()
        gc.freeze()  # a collection in the child would touch, and so copy, every object
        try:
            process = os.fork()
        except OSError as error:
            _report(status_to, {"error": error.strerror})
            return
        if process == 0:
            run_child(job, connection, self.confinement, held)
        self.children[process] = _Child(status_to, time.monotonic() + job.limits.wall)

    def _reap(self) -> None:
        for process in list(self.children):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                child = self.children.pop(process)
                code = os.waitstatus_to_exitcode(status)
                _report(child.status_to, {"code": code, "late": child.is_late})

    def _stop_late(self) -> None:
        now = time.monotonic()
        for process, child in self.children.items():
            if not child.is_late and now >= child.deadline:
                child.is_late = True
                os.kill(process, signal.SIGKILL)


def _report(descriptor: int, status: dict[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(descriptor, json.dumps(status).encode())
    os.close(descriptor)


def _be_ended_first() -> None:
    """Have a system that wants for memory end the children and the zygote, and not who asked for them."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def main(control: int) -> None:
    """Serve on an inherited socket."""
    _be_ended_first()
    for name in CODECS:
        codecs.lookup(name)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    # Only a signal with a handler is written to the descriptor that wakes the selector.
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    Zygote(socket.socket(fileno=control), woken).serve()
