"""Reads how far models are, from a node's journal: also while it runs, and after it ended."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from scorer.compute.configuration import ComputeConfig
from scorer.compute.decide import ModelProgress
from scorer.compute.job import RunOutcome
from scorer.compute.journal import LOG, ModelRound, RunJournal
from scorer.daemon.config_errors import ConfigError

SHOWN: Final = 5
"""Newest rounds that are shown."""


@dataclass(frozen=True)
class ModelStatus:
    """The state of one model in one round.

    Attributes
    ----------
    state
        ``delivered``, ``signed``, ``running``, ``failed`` or ``waiting``.
    """

    round_id: int
    model: int
    state: str
    runs: int
    stale: bool
    detail: str

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        named = {"round": self.round_id, "model": self.model, "state": self.state}
        return {**named, "runs": self.runs, "stale": self.stale, "detail": self.detail}

    def __str__(self) -> str:
        """Return it as one line."""
        stale = ", stale" if self.stale else ""
        detail = f": {self.detail}" if self.detail else ""
        return f"round {self.round_id}, model {self.model}: {self.state}{stale}, {self.runs} runs{detail}"


def status_of(config: ComputeConfig, round_id: int | None = None) -> list[ModelStatus]:
    """Return the state of every model in a round, or in the newest ones, newest first."""
    journal, tournament = RunJournal(config.root / "runs"), config.addresses().tournament
    known = journal.rounds(tournament)
    wanted = known[:SHOWN] if round_id is None else [number for number in known if number == round_id]
    return [
        _status(number, section.model, journal.of(tournament, number, section.model))
        for number in wanted
        for section in config.models
    ]


def _status(round_id: int, model: int, of_round: ModelRound) -> ModelStatus:
    progress = of_round.progress()
    state, detail = _state(of_round, progress)
    stale = progress.is_signed and of_round.submission().stale
    return ModelStatus(round_id, model, state, len(progress.attempts), stale, detail)


def _state(of_round: ModelRound, progress: ModelProgress) -> tuple[str, str]:
    if progress.is_delivered:
        return "delivered", str((of_round.delivered() or {}).get("inbox", ""))
    if progress.is_signed:
        return "signed", f"handed in {progress.deliveries} times in vain" if progress.deliveries else ""
    if progress.running is not None:
        return "running", ""
    last = progress.attempts[-1] if progress.attempts else None
    record = None if last is None else of_round.record(last.number)
    if record is not None and record.outcome is not RunOutcome.GOOD:
        return "failed", f"{record.outcome.value} {record.reason}"
    return "waiting", ""


def log_of(config: ComputeConfig, model: int, round_id: int | None = None) -> bytes:
    """Return what a model printed in its last run that has ended.

    Raises
    ------
    scorer.daemon.config_errors.ConfigError
        When there is none.
    """
    journal, tournament = RunJournal(config.root / "runs"), config.addresses().tournament
    config.model(model)
    for folder in _runs(journal, tournament, model, round_id):
        return folder
    raise ConfigError(f"logs: expected a run of model {model} that has ended, found none")


def _runs(journal: RunJournal, tournament: str, model: int, round_id: int | None) -> Iterator[bytes]:
    for number in journal.rounds(tournament):
        if round_id in (None, number):
            of_round = journal.of(tournament, number, model)
            for attempt in reversed(of_round.numbers()):
                path = of_round.attempt(attempt) / LOG
                if path.is_file():
                    yield path.read_bytes()
