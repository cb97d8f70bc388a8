"""Processes of a local tournament: commands in the background, and copies of this process."""

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Final

import psutil

STOPPING: Final = 30.0
"""Seconds that a process has to finish what it has begun, before it is killed."""
POLL: Final = 0.05
SAME_START: Final = 2.0
"""Seconds between two readings of one process's start, at most."""


def cupel() -> str:
    """Return the path of the ``cupel`` command of this installation."""
    return str(Path(sys.executable).parent / "cupel")


@dataclass(frozen=True)
class ProcessGroup:
    """Commands by name, each with ``<name>.pid`` and ``<name>.log`` in a folder.

    Whoever opens the same folder later can stop them. Beside the process id, the file holds when the process
    began: an id that another process has by now is left alone.
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
        began = psutil.Process(process.pid).create_time()
        self._pid_file(name).write_text(f"{process.pid} {began}\n")
        return process.pid

    def names(self) -> list[str]:
        """Return all that were started and not stopped, in the order in which they were started."""
        files = sorted(self.folder.glob("*.pid"), key=lambda path: path.stat().st_mtime_ns)
        return [path.stem for path in files]

    def running(self) -> list[str]:
        """Return those of `names` that still run."""
        return [name for name in self.names() if self.pid(name) is not None]

    def log(self, name: str) -> Path:
        """Return the file that a process writes to."""
        return self.folder / f"{name}.log"

    def pid(self, name: str) -> int | None:
        """Return the id of a process that runs, None when it does not."""
        process = self._process(name)
        return None if process is None else process.pid

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
        process = self._process(name)
        if process is not None:
            # A second SIGTERM would end it at once.
            if not asked:
                _signal(process.pid, SIGTERM)
            # Not psutil's own wait: to it, another's child that nobody has collected still runs.
            until = time.monotonic() + STOPPING
            while self.pid(name) is not None and time.monotonic() < until:
                time.sleep(POLL)
            # A launcher may have left the program that it launched.
            _signal(process.pid, SIGKILL if self.pid(name) else SIGTERM, group=True)
        self._pid_file(name).unlink(missing_ok=True)
        child = self.children.pop(name, None)
        return None if child is None else child.wait(STOPPING)

    def stop_all(self) -> dict[str, int | None]:
        """Ask everything to end, then wait, beginning with what was started last; the exit codes."""
        names = list(reversed(self.names()))
        for pid in filter(None, map(self.pid, names)):
            _signal(pid, SIGTERM)
        return {name: self.stop(name, asked=True) for name in names}

    def _process(self, name: str) -> psutil.Process | None:
        """Return the process of a name, if it runs and its id is not another one's by now."""
        child = self.children.get(name)
        if child is not None and child.poll() is not None:
            return None
        try:
            number, _, began = self._pid_file(name).read_text().strip().partition(" ")
            process = psutil.Process(int(number))
            # The system's clock may have been set since, by less than it takes to give an id out again.
            is_same = abs(process.create_time() - float(began)) < SAME_START
            return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, psutil.NoSuchProcess):
            return None

    def _pid_file(self, name: str) -> Path:
        return self.folder / f"{name}.pid"


def _signal(pid: int, number: int, *, group: bool = False) -> None:
    with suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, number)


@dataclass(frozen=True)
class Fork:
    """A copy of this process, which is ready at once: it need import nothing."""

    pid: int

    @classmethod
    def of(cls, work: Callable[[], None], crash: Path) -> "Fork":
        """Run `work` in a copy that ends with it; an exception's traceback is written to `crash`."""
        sys.stdout.flush()
        if pid := os.fork():
            return cls(pid)
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - a copy must not go on as its parent
            crash.write_text(traceback.format_exc())
        finally:
            os._exit(code)

    def wait(self) -> int:
        """Wait for the end; the exit code, or minus the signal that ended it."""
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def has_ended(self) -> bool:
        """Collect a copy that has ended, if it has: afterwards `wait` cannot be called."""
        return os.waitpid(self.pid, os.WNOHANG)[0] != 0

    def kill(self) -> None:
        """End it at once."""
        os.kill(self.pid, SIGKILL)
        self.wait()

    def memory(self) -> int:
        """Return the bytes it holds; those it shares are its parent's."""
        held = psutil.Process(self.pid).memory_info()
        return int(held.rss - held.shared)


def stop_forks(forks: Mapping[str, Fork]) -> dict[str, int]:
    """Ask copies to end, all at once, and wait for them; the exit codes by name."""
    for fork in forks.values():
        os.kill(fork.pid, SIGTERM)
    return {name: fork.wait() for name, fork in forks.items()}
