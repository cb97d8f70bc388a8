"""A recomputation of a report in a fresh process, which runs beside our own computation of it."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scorer.evaluation.inputs import RoundTerms
from scorer.protocol.documents import to_hex
from scorer.protocol.report import Report


@dataclass(frozen=True)
class Recomputation:
    """A process that makes a report from the inputs in a bundle's folder, and prints its hash.

    It can only say that a report is right. Where it does not, whatever the reason, the finished bundle is
    recomputed once more, see `scorer.oracle.sanity.recomputed_elsewhere`.
    """

    process: "subprocess.Popen[str]"
    output: IO[str]

    @classmethod
    def begin(cls, folder: Path, terms: RoundTerms) -> "Recomputation | None":
        """Start on inputs that are in the folder, with terms that the manifest does not say yet.

        None where no process can be started.
        """
        command = [sys.executable, "-m", "scorer.oracle.recompute", str(folder), json.dumps(terms.to_json())]
        # A file and not a pipe: nobody reads before the end, and a full pipe would hold the process up.
        output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open for as long as the process
        try:
            process: subprocess.Popen[str] = subprocess.Popen(  # noqa: S603 - our own module, our own interpreter
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL, text=True
            )
        except OSError:
            output.close()
            return None
        return cls(process, output)

    def agrees(self, report: Report, timeout: float) -> bool:
        """Wait for the process, and say whether it came to the same report."""
        try:
            ended = self.process.wait(timeout) == 0
        except subprocess.TimeoutExpired:
            ended = False
        finally:
            self.stop()
        said = "" if not ended else self._said()
        return said == to_hex(report.hash())

    def _said(self) -> str:
        self.output.seek(0)
        return self.output.read().strip()

    def stop(self) -> None:
        """End the process if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def begun_beside(cache: dict[int, Recomputation], round_id: int, folder: Path, terms: RoundTerms) -> None:
    """Start the recomputation of a round, in place of any that was started before."""
    stop(cache, round_id)
    begun = Recomputation.begin(folder, terms)
    if begun is not None:
        cache[round_id] = begun


def stop(cache: dict[int, Recomputation], round_id: int) -> None:
    """End the recomputation of a round, if there is one."""
    begun = cache.pop(round_id, None)
    if begun is not None:
        begun.stop()
