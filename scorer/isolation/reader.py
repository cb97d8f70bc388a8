"""The parent's side: asks for a child to read a file, waits, and checks what it says."""

import contextlib
import json
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from scorer.errors import CupelError
from scorer.isolation.answers import REFUSALS, IsolationError, IsolationReason, ReadResult, crashed, decoded
from scorer.isolation.child import NO_MEMORY, SIZE, Job
from scorer.isolation.limits import MIB, ReadLimits

GRACE: Final = 30.0
"""Seconds beyond a call's own after which a zygote that does not end its child is replaced."""
LONGEST_POLL: Final = 2**31 - 1
"""Milliseconds."""
CHUNK: Final = 2**18
ATTEMPTS: Final = 3
"""How many children or zygotes a call may lose to whoever kills them, the last one while no other runs."""
PROBE: Final = "scorer.isolation.child:read_nothing"
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
ReadFunction = Callable[..., ReadResult]
"""Takes the untrusted bytes, or a path, and further arguments; importable by its module and name."""


class IsolationUnavailable(CupelError, RuntimeError):
    """No child process can be had, or none that lives: the machine is at fault, not a file."""


class _ZygoteLost(Exception):
    """The zygote ended before it could say what became of a child."""


class _Killed(Exception):
    """A child was killed: by the system for want of memory, by somebody, or by the file that it read."""


class _Zygote:
    """A running zygote and the socket by which it is asked."""

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise IsolationUnavailable(
                "expected Linux, where strangers' files are read in a confined process, found "
                f"{sys.platform}; run the command in a container"
            )
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
                start_new_session=True,
            )

    def ask(self, job: Job, connection: int, status_to: int) -> None:
        try:
            socket.send_fds(self.control, [pickle.dumps(job)], [connection, status_to])
        except OSError:
            raise _ZygoteLost from None

    def close(self) -> None:
        self.control.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class PreparedRead:
    """A call in the form in which it is sent, made once for many files.

    Attributes
    ----------
    arguments
        Pickled.
    """

    reader: "IsolatedReader"
    job: Job
    arguments: bytes

    def __call__(self, payload: bytes | Path) -> ReadResult:
        """Read one file, see `IsolatedReader.run`."""
        return self.reader.carry_out(self.job, self._parts(payload))

    def attempt(self, payload: bytes | Path) -> ReadResult | IsolationError:
        """Read one file; its result, or why there is none."""
        try:
            return self(payload)
        except IsolationError as error:
            return error

    def _parts(self, payload: bytes | Path) -> list[bytes]:
        path = payload.absolute() if isinstance(payload, Path) else None
        content = payload if isinstance(payload, bytes) else b""
        return [part for each in (pickle.dumps(path), self.arguments, content) for part in _sized(each)]


def _sized(content: bytes) -> list[bytes]:
    return [len(content).to_bytes(SIZE, "big"), content]


class IsolatedReader:
    """Reads untrusted files, each in a child process of its own, some at once. Threads may share it.

    The zygote is started with the first file, replaced when it dies, and ended by `close` or with this
    process, whatever that dies of.

    Parameters
    ----------
    limits
        Of each call that names no others.
    workers
        How many files are read at once; without it, as many as there are cores.
    """

    def __init__(self, limits: ReadLimits = ReadLimits(), workers: int | None = None) -> None:  # noqa: B008
        self.limits = limits
        self.workers = workers or os.cpu_count() or 1
        if workers is None and hasattr(os, "sched_getaffinity"):
            self.workers = len(os.sched_getaffinity(0))
        self._slots = threading.BoundedSemaphore(self.workers)
        self._last = threading.Lock()
        self._lock = threading.Lock()
        self._running: _Zygote | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def forget(self) -> None:
        """Leave the zygote to the process that this one was forked from; a later call starts another."""
        inherited, self._running = self._running, None
        self._slots = threading.BoundedSemaphore(self.workers)
        self._last = threading.Lock()
        self._lock = threading.Lock()
        if inherited is not None:
            inherited.control.close()

    def close(self) -> None:
        """End the zygote, and with it every child. A later call starts another."""
        with self._lock:
            running, self._running = self._running, None
        if running is not None:
            running.close()

    def run(
        self,
        function: ReadFunction,
        payload: bytes | Path,
        *arguments: Any,
        limits: ReadLimits | None = None,
    ) -> ReadResult:
        """Call ``function(payload, *arguments)`` in a child process.

        Parameters
        ----------
        function
            Of a module's top level. The exceptions by which it refuses a file are declared with `refuses`.
        payload
            The untrusted bytes, or the path of an untrusted file or folder, which the child opens.
        arguments
            Anything that can be pickled; ours, not a stranger's.

        Raises
        ------
        IsolationError
            When there is no answer: the only exception that a file can cause.
        IsolationUnavailable
            When the machine gives no process, or ends each.
        """
        return self.prepare(function, *arguments, limits=limits)(payload)

    def prepare(
        self, function: ReadFunction, *arguments: Any, limits: ReadLimits | None = None
    ) -> PreparedRead:
        """A call of `run` for many files, whose arguments are pickled once."""
        job = Job(f"{function.__module__}:{function.__qualname__}", limits or self.limits)
        return PreparedRead(self, job, pickle.dumps(arguments, protocol=pickle.HIGHEST_PROTOCOL))

    def map(
        self,
        function: ReadFunction,
        payloads: Iterable[bytes | Path],
        *arguments: Any,
        limits: ReadLimits | None = None,
    ) -> Iterator[ReadResult | IsolationError]:
        """Call `run` for each of many files, several at once; results or errors in the files' order.

        Few payloads are taken ahead of what was yielded, so that they may be read from disk one by one.
        """
        call = self.prepare(function, *arguments, limits=limits)
        waiting: deque[Future[ReadResult | IsolationError]] = deque()
        with ThreadPoolExecutor(self.workers) as pool:
            for payload in payloads:
                waiting.append(pool.submit(call.attempt, payload))
                if len(waiting) > 2 * self.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def carry_out(self, job: Job, parts: Sequence[bytes]) -> ReadResult:
        """Have a child carry out a prepared call, as soon as fewer than `workers` others are under way."""
        try:
            with self._slots:
                found = self._attempted(job, parts, ATTEMPTS - 1)
            if found is not None:
                return found
            with self._alone():
                return self._attempted_alone(job, parts)
        except OSError as error:
            raise IsolationUnavailable(
                f"expected a process to read a file in, found: {error.strerror}"
            ) from None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """All slots: what now ends for want of memory had all that is left to children."""
        with self._last, contextlib.ExitStack() as slots:
            for _ in range(self.workers):
                slots.enter_context(self._slots)
            yield

    def _attempted(self, job: Job, parts: Sequence[bytes], times: int) -> ReadResult | None:
        """What a child answers; None where each was ended, or its zygote."""
        for _ in range(times):
            zygote = self._zygote()
            try:
                return _asked(zygote, job, parts)
            except _Killed:
                continue
            except _ZygoteLost:
                self._replace(zygote)
        return None

    def _attempted_alone(self, job: Job, parts: Sequence[bytes]) -> ReadResult:
        """The last attempt; where a reader of nothing lives, the file is at fault if even that is killed."""
        found = self._attempted(job, parts, 1)
        if found is not None:
            return found
        parts = [part for each in (pickle.dumps(None), pickle.dumps(()), b"") for part in _sized(each)]
        if self._attempted(Job(PROBE, job.limits), parts, 1) is None:
            raise IsolationUnavailable(
                f"expected a process to read a file in, found {ATTEMPTS} that were ended"
            )
        raise crashed(signal.SIGKILL)

    def _zygote(self) -> _Zygote:
        with self._lock:
            if self._running is None:
                self._running = _Zygote()
            return self._running

    def _replace(self, lost: _Zygote) -> None:
        with self._lock:
            if self._running is lost:
                self._running = None
        lost.process.kill()
        lost.close()


def _asked(zygote: _Zygote, job: Job, parts: Sequence[bytes]) -> ReadResult:
    """One call by one child, from the request to its end."""
    deadline = time.monotonic() + job.limits.wall + GRACE
    ours, theirs = socket.socketpair()
    ended, status_to = os.pipe()
    with ours, os.fdopen(ended, "rb", buffering=0) as status:
        try:
            zygote.ask(job, theirs.fileno(), status_to)
        finally:
            theirs.close()
            os.close(status_to)
        content = _exchanged(ours, parts, job.limits.answer, deadline)
        return _judged(_status(status.fileno(), deadline), content, job.limits)


def _exchanged(channel: socket.socket, parts: Sequence[bytes], most: int, deadline: float) -> bytes | None:
    """What a child answers to a request; None for more than it may, where the channel is then closed."""
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
    """What the zygote says of a child's end."""
    poll = select.poll()  # not select, which takes no descriptor above 1,023
    poll.register(descriptor, select.POLLIN)
    content = os.read(descriptor, 4096) if poll.poll(min(LONGEST_POLL, 1_000 * _left(deadline))) else b""
    if not content:
        raise _ZygoteLost
    status: dict[str, Any] = json.loads(content)
    return status


def _judged(status: dict[str, Any], content: bytes | None, limits: ReadLimits) -> ReadResult:
    """The answer of a child that ended so, or the error that it comes to."""
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
        raise _Killed
    if code < 0:
        raise crashed(-code)
    return decoded(content)


class InProcessReader:
    """Reads in this process, without limits: for a file of one's own, where the system has no isolation."""

    def prepare(
        self, function: ReadFunction, *arguments: Any, limits: ReadLimits | None = None
    ) -> Callable[[bytes | Path], ReadResult]:
        """As `IsolatedReader.prepare`; `limits` are not kept."""
        del limits

        def read(payload: bytes | Path) -> ReadResult:
            try:
                return function(payload, *arguments)
            except getattr(function, REFUSALS, ()) as refusal:
                raise IsolationError(IsolationReason.REFUSED, str(refusal)) from None

        return read


SHARED_READER: Final = IsolatedReader()
"""One for the process: its zygote takes a second to start, which it does with the first file."""
os.register_at_fork(after_in_child=SHARED_READER.forget)
