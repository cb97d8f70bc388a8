"""Readers of untrusted files: many calls at once, each in a child of its own, with attempts after a kill."""

import contextlib
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from scorer.isolation.answers import REFUSALS, IsolationError, IsolationReason, ReadResult, crashed
from scorer.isolation.child import Job
from scorer.isolation.limits import ReadLimits
from scorer.isolation.zygote_process import (
    ChildKilled,
    IsolationUnavailable,
    ZygoteLost,
    ZygoteProcess,
    read_in_child,
    sized,
)

ATTEMPTS: Final = 3
"""Children or zygotes that a call may lose to whoever kills them, the last one while no other runs."""
PROBE: Final = "scorer.isolation.child:read_nothing"
ReadFunction = Callable[..., ReadResult]
"""Takes the untrusted bytes, or a path, and further arguments; importable by its module and name."""


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
        return [part for field in (pickle.dumps(path), self.arguments, content) for part in sized(field)]


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
        self._running: ZygoteProcess | None = None

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
        """Prepare a call of `run` for many files, whose arguments are pickled once."""
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
                result = self._attempted(job, parts, ATTEMPTS - 1)
            if result is not None:
                return result
            with self._alone():
                return self._attempted_alone(job, parts)
        except OSError as error:
            raise IsolationUnavailable(
                f"expected a process to read a file in, found: {error.strerror}"
            ) from None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold all slots: what ends now for want of memory had all that is left to children."""
        # One call at a time: two that hold a part of the slots each would wait for the rest for ever.
        with self._last, contextlib.ExitStack() as slots:
            for _ in range(self.workers):
                slots.enter_context(self._slots)
            yield

    def _attempted(self, job: Job, parts: Sequence[bytes], times: int) -> ReadResult | None:
        """Return a child's answer; None where all of them, or their zygotes, were killed."""
        for _ in range(times):
            zygote = self._zygote()
            try:
                return read_in_child(zygote, job, parts)
            except ChildKilled:
                continue
            except ZygoteLost:
                self._replace(zygote)
        return None

    def _attempted_alone(self, job: Job, parts: Sequence[bytes]) -> ReadResult:
        """Make the last attempt; where a reader of nothing lives, a file that is killed again is at fault."""
        result = self._attempted(job, parts, 1)
        if result is not None:
            return result
        parts = [part for field in (pickle.dumps(None), pickle.dumps(()), b"") for part in sized(field)]
        if self._attempted(Job(PROBE, job.limits), parts, 1) is None:
            raise IsolationUnavailable(
                f"expected a process to read a file in, found {ATTEMPTS} that were ended"
            )
        raise crashed(signal.SIGKILL)

    def _zygote(self) -> ZygoteProcess:
        with self._lock:
            if self._running is None:
                self._running = ZygoteProcess()
            return self._running

    def _replace(self, lost: ZygoteProcess) -> None:
        with self._lock:
            if self._running is lost:
                self._running = None
        lost.process.kill()
        lost.close()


class InProcessReader:
    """Reads in this process, without limits: for a file of one's own, where the system has no isolation."""

    def prepare(
        self, function: ReadFunction, *arguments: Any, limits: ReadLimits | None = None
    ) -> Callable[[bytes | Path], ReadResult]:
        """Prepare a call like `IsolatedReader.prepare`; `limits` are not kept."""
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
