"""Counts what a node that runs models does, beside what every daemon counts."""

from typing import Final

from scorer.daemon.metrics import Metrics

SECONDS: Final = (1, 10, 60, 300, 900, 3_600, 14_400)


class ComputeMetrics(Metrics):
    """Counters and gauges of one node."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.runs = self._counter("compute_runs", "Runs of models by how they ended.", "outcome")
        self.submissions = self._counter(
            "compute_submissions", "Submissions that were handed in, stale or not.", "stale"
        )
        self.running = self._gauge("compute_running", "Models that run now.")
        self.missing = self._gauge("compute_missing", "Submissions that open rounds still lack.")
        self.time_left = self._gauge(
            "compute_time_left_seconds", "Time to the next close of a round that lacks one; -1 for none."
        )
