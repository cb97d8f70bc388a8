"""The base of providers: runs by key, each looked after by a thread of this process."""

import threading
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from scorer.compute.job import JobResult, ModelJob, RunOutcome
from scorer.compute.providers.attached import AttachedRun
from scorer.compute.providers.background import BackgroundRun
from scorer.compute.providers.protocol import JobState
from scorer.errors import CupelError

ENDING: Final = 20.0
"""Seconds that runs may take to end when they are cancelled."""


@dataclass
class LocalProvider:
    """Runs jobs that end with this process.

    Attributes
    ----------
    on_end
        Called when a run has ended, from a thread of its own.
    name
        The provider's name in configurations.
    """

    on_end: Callable[[], None] = lambda: None
    name: str = ""
    _runs: dict[str, BackgroundRun] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @abstractmethod
    def run_of(self, job: ModelJob) -> BackgroundRun:
        """Return the run of a job, not started yet."""

    def submit(self, job: ModelJob) -> None:
        """Start a job; one whose key is known is not started again."""
        with self._lock:
            if job.key in self._runs:
                return
            run: BackgroundRun
            try:
                run = self.run_of(job)
            except (CupelError, OSError) as error:
                run = AttachedRun((), job.limits, job.seconds)
                run.result = JobResult(RunOutcome.UNAVAILABLE, str(error))
            else:
                run.start()
            self._runs[job.key] = run
        if run.result is not None:
            self.on_end()

    def status(self, key: str) -> JobState:
        """Return the state of a job."""
        run = self._runs.get(key)
        if run is None:
            return JobState.UNKNOWN
        return JobState.RUNNING if run.result is None else JobState.ENDED

    def result(self, key: str) -> JobResult | None:
        """Return the end of a job; None while it runs, or where it is unknown."""
        run = self._runs.get(key)
        return None if run is None else run.result

    def logs(self, key: str) -> bytes:
        """Return what a job has printed so far."""
        run = self._runs.get(key)
        return b"" if run is None else run.log.content()

    def cancel(self, key: str) -> None:
        """End a job, and all that it started."""
        run = self._runs.get(key)
        if run is not None:
            run.cancel()
            run.join(ENDING)

    def forget(self, key: str) -> None:
        """Forget a job that has ended."""
        with self._lock:
            if self.status(key) == JobState.ENDED:
                del self._runs[key]

    def close(self) -> None:
        """End all jobs."""
        for run in list(self._runs.values()):
            run.cancel()
        for run in list(self._runs.values()):
            run.join(ENDING)
