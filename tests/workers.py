"""Tests in several processes that are copies of one: what they need is imported and collected once.

``pytest --workers N`` gives each of N processes whole files, in their order; see `pytest_runtestloop`.
"""

import os
import signal
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import StringIO
from itertools import groupby
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

import pytest
from _pytest.capture import FDCapture

from scorer.lab.processes import Fork

STOPPING: Final = 30.0
"""Seconds in which a worker that is told to stop has to end chains and servers."""
MORE: Final = "more"
"""What a worker sends when it has nothing to do: it is sent the next file's items, or none."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the number of processes."""
    parser.addoption("--workers", type=int, default=0, help="processes that share the files of tests")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the tests in copies of this process, and report here what they report."""
    options = session.config.option
    if options.workers < 1 or options.collectonly or session.testsfailed:
        return None
    items = session.items
    files = [(path, [*numbers]) for path, numbers in groupby(range(len(items)), lambda i: items[i].path)]
    base = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    with _started(session, min(options.workers, len(files)), base) as workers:
        while workers and not session.shouldfail and not session.shouldstop:
            for ready in wait([*workers]):
                assert isinstance(ready, Connection)
                _serve(session, ready, workers, files)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
    return True


class Worker:
    """A copy of this process, the test that it runs, and the folder of the file that it was given last."""

    def __init__(self, fork: Fork, crash: Path) -> None:
        self.fork, self.crash, self.test, self.folder = fork, crash, "no test", Path()

    def stop(self) -> None:
        """Wait until it has ended what its fixtures started, and kill it where it does not come to that."""
        until = time.monotonic() + STOPPING
        while time.monotonic() < until:
            if self.fork.has_ended():
                return
            time.sleep(0.02)
        self.fork.kill()

    def ended(self) -> None:
        """Raise where it ended before it was done."""
        if code := self.fork.wait():
            why = self.crash.read_text() if self.crash.exists() else ""
            raise pytest.Session.Interrupted(f"a worker ended with {code} while it ran {self.test}\n{why}")


Workers = dict[Connection, Worker]
Files = list[tuple[Path, list[int]]]
"""Files of tests, each with the places of its items in the session's."""


@contextmanager
def _started(session: pytest.Session, count: int, base: Path) -> Iterator[Workers]:
    workers: Workers = {}
    try:
        for number in range(count):
            here, there = Pipe()
            crash = base / f"crash-{number}.txt"
            folder = base / f"worker-{number}"
            folder.mkdir(mode=0o700)
            work = partial(_work, session, there, folder, [here, *workers])
            workers[here] = Worker(Fork.of(work, crash), crash)
            there.close()
        yield workers
    finally:
        for worker in workers.values():
            os.kill(worker.fork.pid, signal.SIGINT)
        for worker in workers.values():
            worker.stop()


def _serve(session: pytest.Session, connection: Connection, workers: Workers, files: Files) -> None:
    """Do what a worker asks for, or report what it reports."""
    hook, worker = session.config.hook, workers[connection]
    try:
        kind, content = connection.recv()
    except EOFError:
        del workers[connection]
        worker.ended()
        return
    if kind == MORE:
        connection.send(_next_items(worker, workers, files))
        return
    if kind == "pytest_runtest_logstart":
        worker.test = content["nodeid"]
    if kind == "pytest_runtest_logreport":
        content = {"report": hook.pytest_report_from_serializable(config=session.config, data=content)}
    if kind == "pytest_warning_recorded":
        hook.pytest_warning_recorded.call_historic(kwargs=content)
    else:
        getattr(hook, kind)(**content)


def next_file(own: Path, folders: Sequence[Path], files: Sequence[Path]) -> int:
    """Choose a file of a worker's own folder, else of one in which no worker is, else any; the first of each.

    What a folder's tests start from, such as a chain on which rounds are settled, each worker makes once.
    """
    of_own = (place for place, file in enumerate(files) if file.parent == own)
    of_nobody = (place for place, file in enumerate(files) if file.parent not in folders)
    return next(of_own, next(of_nobody, 0))


def _next_items(worker: Worker, workers: Workers, files: Files) -> list[int]:
    if not files:
        return []
    folders = [each.folder for each in workers.values()]
    path, items = files.pop(next_file(worker.folder, folders, [path for path, _ in files]))
    worker.folder = path.parent
    return items


def _work(session: pytest.Session, parent: Connection, folder: Path, others: list[Connection]) -> None:
    """Run what the parent gives; a worker's whole life."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    for other in others:
        other.close()
    plugins = session.config.pluginmanager
    _capture_apart(plugins.get_plugin("capturemanager"))
    # The parent's terminal is not ours to write on, but what compares values for messages asks for one.
    terminal: Any = plugins.get_plugin("terminalreporter")
    terminal._tw._file = StringIO()
    session.config._tmp_path_factory._basetemp = folder  # type: ignore[attr-defined]
    plugins.register(Reporter(session.config, parent))
    try:
        while numbers := _more(parent):
            items = [session.items[number] for number in numbers]
            # Which file is next is not known yet: what belongs to the session is kept for it, and no more.
            following: list[Any] = [*items[1:], session]
            for item, next_item in zip(items, following, strict=True):
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
    finally:
        session._setupstate.teardown_exact(None)


def _more(parent: Connection) -> list[int]:
    parent.send((MORE, None))
    numbers: list[int] = parent.recv()
    return numbers


def _capture_apart(manager: Any) -> None:
    """Give files of its own to what is captured here: of an inherited one all copies share the position.

    The objects stay the same, as modules may have kept them when they were imported.
    """
    for stream in (manager._global_capturing.out, manager._global_capturing.err):
        if isinstance(stream, FDCapture):
            with TemporaryFile() as own:
                os.dup2(own.fileno(), stream.tmpfile.fileno(), inheritable=False)


class Reporter:
    """Sends what pytest reports in a worker to the parent, whose plugins report it."""

    def __init__(self, config: pytest.Config, parent: Connection) -> None:
        self._config, self._parent = config, parent

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        self._send("pytest_runtest_logstart", nodeid=nodeid, location=location)

    def pytest_runtest_logfinish(self, nodeid: str, location: Any) -> None:
        self._send("pytest_runtest_logfinish", nodeid=nodeid, location=location)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._parent.send(("pytest_runtest_logreport", data))

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str, location: Any
    ) -> None:
        if when != "runtest":
            return  # recorded before there were workers: the parent has it
        # A warning's own class may be one that another process cannot make again.
        found, category = warning_message, warning_message.category
        text = f"{category.__name__}: {found.message}"
        plain = warnings.WarningMessage(UserWarning(text), UserWarning, found.filename, found.lineno)
        self._send(
            "pytest_warning_recorded",
            warning_message=plain, when=when, nodeid=nodeid, location=location,
        )  # fmt: skip

    def _send(self, kind: str, **content: Any) -> None:
        self._parent.send((kind, content))
