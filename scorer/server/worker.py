"""Does what nobody waits for: follows the chain, finishes submissions, calls webhooks, makes diagnostics."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from scorer.errors import CupelError
from scorer.logs import get_logger
from scorer.server.follower import Follower
from scorer.server.services import Services

UNUSED_SECONDS: Final = 86_400
"""Age at which files of uploads that nothing names are removed."""
SELDOM: Final = 3_600.0
"""Seconds between looks for such files: to list an object store costs money."""
SOON: Final = 1.0
"""Seconds between looks at jobs that somebody waits for."""


@dataclass(frozen=True)
class WorkerTask:
    """A part of the work, which is done again and again, `interval` seconds apart."""

    name: str
    step: Callable[[], object]
    interval: float


@dataclass(frozen=True)
class Worker:
    """Does every task in a thread of its own: one that takes long, or fails, holds up no other."""

    tasks: Sequence[WorkerTask]

    @classmethod
    def of(cls, follower: Follower, services: Services, interval: float) -> "Worker":
        """Return the worker of a server, which looks at the chain every `interval` seconds."""
        soon = min(SOON, interval)
        return cls(
            (
                WorkerTask("follow", lambda: _follow(follower), interval),
                WorkerTask("finish", lambda: _finish(services), interval),
                WorkerTask("sweep", lambda: services.uploads.sweep(time.time() - UNUSED_SECONDS), SELDOM),
                WorkerTask("call", services.webhooks.step, soon),
                WorkerTask("diagnose", services.diagnoses.step, soon),
            )
        )

    def run(self, stop: threading.Event, steps: int | None = None) -> None:
        """Work until `stop` is set, or for some steps of every task.

        Threads do not keep the process: what one leaves half-way is taken up when its lease has ended.
        """
        threads = [
            threading.Thread(target=_repeat, args=(task, stop, steps), name=task.name, daemon=True)
            for task in self.tasks
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        finally:
            stop.set()


def _repeat(task: WorkerTask, stop: threading.Event, steps: int | None) -> None:
    left = steps
    while not stop.is_set() and left != 0:
        _step(task)
        left = None if left is None else left - 1
        if left != 0:
            stop.wait(task.interval)


def _step(task: WorkerTask) -> None:
    """Do a task once; an error ends the step, and is logged."""
    log = get_logger()
    try:
        task.step()
    except CupelError as error:
        log.warning("step failed", task=task.name, reason=str(error))
    except Exception:
        log.exception("defect", task=task.name)


def _follow(follower: Follower) -> None:
    progress = follower.step()
    get_logger().info(
        "followed", block=progress.block.number, scored=progress.scored, waiting=progress.waiting
    )


def _finish(services: Services) -> None:
    """Finish submissions that were left half-way, and remove uploads that were not used in time."""
    services.submissions.recover()
    services.uploads.expire()
