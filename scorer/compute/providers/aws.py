"""The provider ``aws``: a job is a job of AWS Batch on Fargate, in a subnet from which no way leads out.

A job has no role. Its files come by a URL that reads one object, and go by two that write one each; the
model, which runs as nobody, sees none of them. ``cupel compute deploy aws`` writes the template.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from scorer.compute.inside.batch_job import NO_OUTPUT, NOT_SENT, TOO_MUCH
from scorer.compute.job import JobResult, ModelJob, RunOutcome
from scorer.compute.providers.aws_jobs import LOG, OUTPUT, AwsJobs, JobStatus
from scorer.compute.providers.background import KEPT, BackgroundRun
from scorer.compute.providers.local import LocalProvider
from scorer.compute.providers.protocol import ProviderUnavailable

KILLED: Final = 137
"""The exit code of what the kernel ended."""
GAP: Final = 100
"""Bytes of the line between the beginning and the end of a log."""


@dataclass
class AwsProvider(LocalProvider):
    """Runs each job as one of AWS Batch.

    Attributes
    ----------
    poll
        Seconds between two looks at a job.
    """

    name: str = "aws"
    jobs: AwsJobs = field(default_factory=lambda: AwsJobs("", ""))
    poll: float = 5.0

    def check(self) -> str:
        """Return what it runs with; raises `ProviderUnavailable` without the queue, or in another account."""
        return self.jobs.check()

    def run_of(self, job: ModelJob) -> "BatchRun":
        """Return the run of a job; the same job again is the one that runs already."""
        return BatchRun(self.jobs, job, self.poll, on_end=self.on_end)

    def cancel(self, key: str) -> None:
        """End a job, also one that an earlier node left."""
        super().cancel(key)
        if key not in self._runs:
            with suppress(ProviderUnavailable):
                for job_id in self.jobs.running(f"{key}-"):
                    self.jobs.end(job_id)


@dataclass
class BatchRun(BackgroundRun):
    """A job at AWS, and the thread that looks after it."""

    jobs: AwsJobs
    job: ModelJob
    poll: float

    def _watched(self, began: float) -> JobResult:
        name, job_id = self.jobs.submit(self.job)
        try:
            status = self._ended(job_id, began)
            if isinstance(status, JobResult):
                self.jobs.end(job_id)
                return status
            with suppress(ProviderUnavailable):  # a container that never began printed nothing
                self.log.add(self.jobs.content(name, LOG, 2 * KEPT + GAP) or b"")
            return self._result(name, status)
        finally:
            self.jobs.remove(name)

    def _ended(self, job_id: str, began: float) -> JobStatus | JobResult:
        """Look at the job until its end, or until it must end; an answer that fails is asked for again."""
        while time.monotonic() - began <= self.job.seconds:
            with suppress(ProviderUnavailable):
                if (status := self.jobs.status(job_id)).has_ended:
                    return status
            if self._cancelled.wait(self.poll):
                return JobResult(RunOutcome.CANCELLED, "expected it to run on, found that it was cancelled")
        reason = f"expected its end within {self.job.seconds:.0f} s, found none"
        return JobResult(RunOutcome.OUT_OF_TIME, reason)

    def _result(self, name: str, status: JobStatus) -> JobResult:
        code = status.exit_code
        if status.state == "FAILED":
            return JobResult(*_failure(code, status.reason), exit_code=code)
        most = self.job.limits.output
        output = self.jobs.content(name, OUTPUT, most)
        if output is None:
            reason = f"expected predictions of at most {most} bytes, found more"
            return JobResult(RunOutcome.TOO_MUCH_OUTPUT, reason, exit_code=code)
        return JobResult(RunOutcome.GOOD, "", output, exit_code=0)


def _failure(code: int | None, reason: str) -> tuple[RunOutcome, str]:
    """Return how a job failed: without an exit code it was no fault of the model."""
    shown = "".join(char if char.isprintable() else "?" for char in reason[:200])
    if code is None:
        return RunOutcome.UNAVAILABLE, f"expected a container, found: {shown}"
    if code == NOT_SENT:
        return RunOutcome.UNAVAILABLE, "expected the bucket to take what the job made, found that it did not"
    if code == TOO_MUCH:
        return RunOutcome.TOO_MUCH_OUTPUT, "expected a bounded log, found more"
    if code == NO_OUTPUT:
        return RunOutcome.FAILED, "expected /out/predictions.parquet of a bounded size, found none"
    if code == KILLED:
        return RunOutcome.OUT_OF_MEMORY, "expected it to end by itself, found it killed: for memory, or time"
    return RunOutcome.FAILED, f"expected exit code 0, found {code}"
