"""The parent's handle on a zygote: starts it, asks it for a child, and exchanges one request and answer."""

import contextlib
import json
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

from scorer.errors import CupelError
from scorer.isolation.answers import IsolationError, IsolationReason, ReadResult, crashed, decoded
from scorer.isolation.child import NO_MEMORY, SIZE, Job
from scorer.isolation.limits import MIB, ReadLimits

GRACE: Final = 30.0
"""Seconds beyond a call's own after which a zygote that does not end its child is replaced."""
LONGEST_POLL: Final = 2**31 - 1
"""Milliseconds between two looks."""
CHUNK: Final = 2**18
KEPT_ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
OWN_ENVIRONMENT: Final = {
    # One thread: a fork copies no other. The system's allocator: others reserve gigabytes of address space.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
    # A child's memory comes in large pages and few requests: each first touch of a page is a fault.
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=268435456"
    ":glibc.malloc.trim_threshold=268435456:glibc.malloc.top_pad=16777216",
}
START: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from scorer.isolation.zygote import main; main(int(sys.argv[2]))"
)


class IsolationUnavailable(CupelError, RuntimeError):
    """No child process can be had, or none that lives: the machine is at fault, not a file."""


class ZygoteLost(Exception):
    """The zygote ended before it could say what became of a child."""


class ChildKilled(Exception):
    """A child was killed: by the system for want of memory, by somebody, or by the file that it read."""


class ZygoteProcess:
    """A running zygote and the socket by which it is asked."""

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise IsolationUnavailable(
                "expected Linux, where strangers' files are read in a confined process, found "
                f"{sys.platform}; run the command in a container"
            )
        # SEQPACKET keeps messages apart: each is one job with its descriptors.
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            paths = json.dumps([os.path.abspath(path) for path in sys.path])  # noqa: PTH100 - "" is the folder
            flags = ["-I", *(["-B"] if sys.dont_write_bytecode else [])]
            flags += ["-X", f"pycache_prefix={sys.pycache_prefix}"] if sys.pycache_prefix else []
            self.process = subprocess.Popen(  # noqa: S603 - this interpreter, our own words
                [sys.executable, *flags, "-c", START, paths, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
                | OWN_ENVIRONMENT,
                # Control-C in a terminal reaches all of its session; the zygote ends with its parent instead.
                start_new_session=True,
            )

    def ask(self, job: Job, connection: int, status_to: int) -> None:
        """Ask for a child that reads its request from a socket, and whose end is reported to a pipe."""
        try:
            socket.send_fds(self.control, [pickle.dumps(job)], [connection, status_to])
        except OSError:
            raise ZygoteLost from None

    def close(self) -> None:
        """End the zygote, and with it every child."""
        self.control.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def sized(content: bytes) -> list[bytes]:
    """Return a part of a request with its length before it."""
    return [len(content).to_bytes(SIZE, "big"), content]


def read_in_child(zygote: ZygoteProcess, job: Job, parts: Sequence[bytes]) -> ReadResult:
    """Send a prepared call to a new child, and return its answer.

    Raises
    ------
    IsolationError
        When the file is at fault.
    ChildKilled, ZygoteLost
        When the call may succeed in another child, or by another zygote.
    """
    deadline = time.monotonic() + job.limits.wall + GRACE
    ours, theirs = socket.socketpair()
    ended, status_to = os.pipe()
    with ours, os.fdopen(ended, "rb", buffering=0) as status:
        try:
            zygote.ask(job, theirs.fileno(), status_to)
        finally:
            # Our copies would keep both channels open beyond the child's end.
            theirs.close()
            os.close(status_to)
        content = _exchanged(ours, parts, job.limits.answer, deadline)
        return _judged(_status(status.fileno(), deadline), content, job.limits)


def _exchanged(channel: socket.socket, parts: Sequence[bytes], most: int, deadline: float) -> bytes | None:
    """Return a child's answer to a request; None for more than it may, where the channel is then closed."""
    with contextlib.suppress(OSError):  # a child that is gone: its status says why
        for part in parts:
            channel.settimeout(_left(deadline))
            channel.sendall(part)
        channel.shutdown(socket.SHUT_WR)
    content = bytearray()
    with contextlib.suppress(OSError):
        while len(content) <= most:
            channel.settimeout(_left(deadline))
            received = channel.recv(CHUNK)
            if not received:
                return bytes(content)
            content += received
    channel.close()
    return None if len(content) > most else bytes(content)


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())


def _status(descriptor: int, deadline: float) -> dict[str, Any]:
    """Read the zygote's report of a child's end."""
    poll = select.poll()  # not select, which takes no descriptor above 1,023
    poll.register(descriptor, select.POLLIN)
    content = os.read(descriptor, 4096) if poll.poll(min(LONGEST_POLL, 1_000 * _left(deadline))) else b""
    if not content:
        raise ZygoteLost
    status: dict[str, Any] = json.loads(content)
    return status


def _judged(status: dict[str, Any], content: bytes | None, limits: ReadLimits) -> ReadResult:
    """Return the answer of a child that ended so, or the error that it comes to."""
    code = status.get("code")
    if code is None:
        raise IsolationUnavailable(f"expected a process to read a file in, found: {status.get('error')}")
    if status["late"] or code == -signal.SIGXCPU:
        text = f"one that takes more than {limits.wall:g} s, or {limits.cpu:g} s of CPU, to read"
        raise IsolationError(IsolationReason.OUT_OF_TIME, text)
    if content is None:
        text = f"one from which more than {limits.answer} bytes are read"
        raise IsolationError(IsolationReason.ANSWER_TOO_LARGE, text)
    if code == NO_MEMORY:
        text = f"one that takes more than {limits.memory // MIB} MiB of memory to read"
        raise IsolationError(IsolationReason.OUT_OF_MEMORY, text)
    if code == -signal.SIGKILL:
        raise ChildKilled
    if code < 0:
        raise crashed(-code)
    return decoded(content)
