"""Runs a command whose output and log come through pipes, within bounds of time, bytes and memory."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scorer.compute.job import JobLimits, JobResult, RunOutcome
from scorer.compute.providers.background import BackgroundRun, BoundedLog

PART: Final = 65_536
TICK: Final = 0.05
"""Seconds between two looks at time and memory."""
SHOWN: Final = 300
PASSED: Final = ("PATH", "HOME", "KUBECONFIG", "XDG_RUNTIME_DIR")
"""Variables that commands of ours need; what they run sees none of them."""


@dataclass
class AttachedRun(BackgroundRun):
    """A command that runs, and the thread that reads from it.

    Attributes
    ----------
    memory
        Returns the bytes that it holds, where they are to be looked at; None: something else limits them.
    explain
        Returns why it ended with an exit code other than 0, where the caller knows: such as for want of
        memory.
    release
        Called once it has ended, whatever came: removes what was made for it, and returns the most bytes that
        it held.
    stdin
        The file that is its standard input; None: it has none.
    """

    command: Sequence[str]
    limits: JobLimits
    seconds: float
    memory: Callable[[int], int] | None = None
    explain: Callable[[int], tuple[RunOutcome, str] | None] = lambda _code: None
    release: Callable[[], int] = lambda: 0
    stdin: Path | None = None

    def _release(self) -> int:
        return self.release()

    def _watched(self, began: float) -> JobResult:
        with Path(self.stdin or os.devnull).open("rb") as given:
            process = subprocess.Popen(  # noqa: S603 - a command of ours; what it runs is confined
                list(self.command),
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env={name: os.environ[name] for name in PASSED if name in os.environ},
            )
        reading = _Reading(process, self.log, self.limits)
        try:
            ended = reading.until(lambda held: self._over(began, process.pid, held))
        finally:
            _kill(process)
        code = process.wait()
        return self._result(ended, code, reading)

    def _over(self, began: float, pid: int, held: int) -> tuple[RunOutcome, str] | None:
        """Return why the command must end now, or None."""
        if self._cancelled.is_set():
            return RunOutcome.CANCELLED, "expected it to run on, found that it was cancelled"
        if time.monotonic() - began > self.seconds:
            return RunOutcome.OUT_OF_TIME, f"expected its end within {self.seconds:.0f} s, found none"
        if held > self.limits.output:
            found = f"expected at most {self.limits.output} bytes of predictions, found more"
            return RunOutcome.TOO_MUCH_OUTPUT, found
        if self.log.count > self.limits.log:
            found = f"expected at most {self.limits.log} bytes of log, found more"
            return RunOutcome.TOO_MUCH_OUTPUT, found
        if self.memory is not None and self.memory(pid) > self.limits.memory:
            return (
                RunOutcome.OUT_OF_MEMORY,
                f"expected at most {self.limits.memory} bytes of memory, found more",
            )
        return None

    def _result(self, ended: tuple[RunOutcome, str] | None, code: int, reading: "_Reading") -> JobResult:
        if ended is not None:
            return JobResult(*ended, exit_code=code)
        known = self.explain(code) if code else None
        if known is not None:
            return JobResult(*known, exit_code=code)
        if code != 0:
            return JobResult(
                RunOutcome.FAILED, f"expected exit code 0, found {_worded(code, self.log)}", exit_code=code
            )
        return JobResult(RunOutcome.GOOD, "", bytes(reading.output), exit_code=0)


class _Reading:
    """Reads both pipes of a process until it has ended."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: BoundedLog, limits: JobLimits) -> None:
        self._process, self._log, self._most = process, log, limits.output
        self.output = bytearray()

    def until(self, over: Callable[[int], tuple[RunOutcome, str] | None]) -> tuple[RunOutcome, str] | None:
        """Read until the end, or until `over` says why not."""
        with selectors.DefaultSelector() as selector:
            for stream in (self._process.stdout, self._process.stderr):
                if stream is not None:
                    selector.register(stream, selectors.EVENT_READ, stream is self._process.stdout)
            look = 0.0
            while selector.get_map():
                self._take(selector)
                # A flood of output must not keep from looking, nor looking slow down the reading.
                if time.monotonic() >= look or len(self.output) > self._most:
                    look = time.monotonic() + TICK
                    if (ended := over(len(self.output))) is not None:
                        return ended
        return self._await(over)

    def _take(self, selector: selectors.BaseSelector) -> None:
        """Read a part of each pipe that has one; an empty one is its end."""
        for key, _ in selector.select(TICK):
            part = os.read(key.fd, PART)
            if not part:
                selector.unregister(key.fileobj)
            elif key.data:
                self.output += part
            else:
                self._log.add(part)

    def _await(self, over: Callable[[int], tuple[RunOutcome, str] | None]) -> tuple[RunOutcome, str] | None:
        """Wait for the end of a process that closed its pipes before."""
        while self._process.poll() is None:
            if (ended := over(len(self.output))) is not None:
                return ended
            time.sleep(TICK)
        return None


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a process and its session; what it put into namespaces of its own ends with it."""
    if process.poll() is None:  # else its id may be another's by now
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _worded(code: int, log: BoundedLog) -> str:
    """Return an exit code with the last line that was printed, in printable characters."""
    lines = log.content().decode("utf-8", "replace").strip().splitlines()
    last = "".join(char if char.isprintable() else "?" for char in lines[-1][:SHOWN]) if lines else ""
    named = f"signal {-code if code < 0 else code - 128}" if code < 0 or 128 < code < 160 else str(code)
    return f"{named}: {last}" if last else named
