"""Commands in the background: started with a log, known by their process id, stopped by it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

STOPPING: Final = 30.0
"""Seconds that a process has to finish what it has begun, before it is killed."""
POLL: Final = 0.05
DEAD_STATES: Final = ("Z", "X")


def cupel() -> str:
    """The ``cupel`` command of this installation."""
    return str(Path(sys.executable).parent / "cupel")


@dataclass(frozen=True)
class ProcessGroup:
    """Processes by name, each with ``<name>.pid`` and ``<name>.log`` in a folder.

    Whoever opens the same folder later can stop them. A number that another process has by now is left alone:
    beside it, the file holds when the process began.
    """

    folder: Path
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
        """Start a command in a session of its own: keys pressed at the terminal do not reach it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - commands of our own
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                start_new_session=True,
            )
        self.children[name] = process
        self._pid_file(name).write_text(f"{process.pid} {_began(process.pid)}\n")
        return process.pid

    def names(self) -> list[str]:
        """All that were started and not stopped, in the order in which they were started."""
        files = sorted(self.folder.glob("*.pid"), key=lambda path: path.stat().st_mtime_ns)
        return [path.stem for path in files]

    def log(self, name: str) -> Path:
        """Where a process writes."""
        return self.folder / f"{name}.log"

    def pid(self, name: str) -> int | None:
        """The id of a process that runs, None when it does not."""
        child = self.children.get(name)
        if child is not None and child.poll() is not None:
            return None
        try:
            number, _, began = self._pid_file(name).read_text().strip().partition(" ")
        except OSError:
            return None
        same = _state(int(number)) not in DEAD_STATES and _began(int(number)) == began
        return int(number) if same else None

    def stop(self, name: str, *, asked: bool = False) -> int | None:
        """Ask a process to end, wait until it has, and kill it if it does not.

        Parameters
        ----------
        asked
            Whether it was asked already.

        Returns
        -------
        int or None
            Its exit code, None when another process started it or it did not run.
        """
        pid = self.pid(name)
        if pid is not None:
            # A second one would end it at once.
            _signal(pid, 0 if asked else signal.SIGTERM)
            until = time.monotonic() + STOPPING
            while self.pid(name) is not None and time.monotonic() < until:
                time.sleep(POLL)
            # A launcher may have left the program that it launched.
            _signal(pid, signal.SIGKILL if self.pid(name) else signal.SIGTERM, group=True)
        self._pid_file(name).unlink(missing_ok=True)
        child = self.children.pop(name, None)
        return None if child is None else child.wait(STOPPING)

    def stop_all(self) -> dict[str, int | None]:
        """Ask everything to end, then wait for each, the last one that was started first; the exit codes."""
        names = list(reversed(self.names()))
        for pid in filter(None, map(self.pid, names)):
            _signal(pid, signal.SIGTERM)
        return {name: self.stop(name, asked=True) for name in names}

    def _pid_file(self, name: str) -> Path:
        return self.folder / f"{name}.pid"


def _signal(pid: int, number: int, *, group: bool = False) -> None:
    with suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, number)


def _status(pid: int) -> list[str] | None:
    """The fields of a process behind its name, as Linux tells them; None where it does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _state(pid: int) -> str:
    """One letter; X for a process that is gone."""
    fields = _status(pid)
    if fields is not None:
        return fields[0]
    try:
        os.kill(pid, 0)
    except OSError:
        return "X"
    return "X" if Path("/proc/self/stat").exists() else "S"


def _began(pid: int) -> str:
    """When a process began, in a unit of the system's; a dash where the system does not tell."""
    fields = _status(pid)
    return "-" if fields is None else fields[19]
