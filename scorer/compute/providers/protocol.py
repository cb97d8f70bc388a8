"""The protocol of providers."""

from enum import StrEnum
from typing import Protocol

from scorer.compute.job import JobResult, ModelJob
from scorer.errors import CupelError


class JobState(StrEnum):
    """The state of a job at its provider."""

    UNKNOWN = "unknown"
    RUNNING = "running"
    ENDED = "ended"


class ProviderUnavailable(CupelError):
    """A provider cannot run anything here; the message says what to do."""


class JobProvider(Protocol):
    """Runs jobs apart from this process, each once by its key, with no network and no key.

    `check` raises `ProviderUnavailable`, or `scorer.compute.sandbox.bubblewrap.SandboxUnavailable`, where it
    can run nothing. `result` is there once a job has ended, until it is forgotten.
    """

    name: str

    def check(self) -> str:
        """Return in words what it runs with."""
        ...

    def submit(self, job: ModelJob) -> None:
        """Start a job; one whose key is known is not started again."""
        ...

    def status(self, key: str) -> JobState:
        """Return the state of a job."""
        ...

    def result(self, key: str) -> JobResult | None:
        """Return the end of a job; None while it runs, or where it is unknown."""
        ...

    def logs(self, key: str) -> bytes:
        """Return what a job has printed so far."""
        ...

    def cancel(self, key: str) -> None:
        """End a job, and all that it started."""
        ...

    def forget(self, key: str) -> None:
        """Forget a job that has ended."""
        ...

    def close(self) -> None:
        """End all jobs."""
        ...
