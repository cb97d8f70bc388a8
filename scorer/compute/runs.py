"""Starts the runs of models, and makes records of their ends."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from scorer.compute.codes import Code, CodeStore, GoodRun
from scorer.compute.configuration import ComputeConfig
from scorer.compute.decide import Key, ModelProgress, ModelVariant, ModelView, NodePolicy, Start, TakingRound
from scorer.compute.inputs import Inputs
from scorer.compute.job import JobResult, RunOutcome
from scorer.compute.jobs import checked, job_of
from scorer.compute.journal import ModelRound, RunJournal
from scorer.compute.node_metrics import ComputeMetrics
from scorer.compute.providers.protocol import JobProvider, JobState
from scorer.compute.record import RunRecord, sha256
from scorer.compute.rounds import NEWEST, RoundTermsHere
from scorer.compute.sections import ModelSection
from scorer.errors import CupelError
from scorer.logs import get_logger
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.oracle.failures import apart

KEPT_INPUTS: Final = 4
"""Newest rounds whose inputs are kept."""


@dataclass(frozen=True)
class StartedRun:
    """A run that was started.

    Attributes
    ----------
    known
        Its result, where nothing had to run for it.
    """

    start: Start
    key: str
    provider: str
    code: Code
    inputs: Inputs
    here: RoundTermsHere
    began_at: int
    known: JobResult | None = None


@dataclass
class Runs:
    """The runs of a node's models.

    Attributes
    ----------
    providers
        By name.
    is_rehearsal
        Whether the runs are tries on a round that is over: they make no code the last good one.
    """

    config: ComputeConfig
    chain_id: int
    policy: NodePolicy
    journal: RunJournal
    codes: CodeStore
    providers: Mapping[str, JobProvider]
    metrics: ComputeMetrics
    raise_alarm: RaiseAlarm
    is_rehearsal: bool = False
    _running: dict[str, StartedRun] = field(default_factory=dict)

    def models(self) -> list[ModelView]:
        """Return all models; a human is called for those whose code cannot be read."""
        return [self._view(section) for section in self.config.models]

    def _view(self, section: ModelSection) -> ModelView:
        try:
            code = self.codes.current(section, self.config.at(section.folder)).digest
        except (CupelError, OSError) as error:
            self.raise_alarm(AlarmReason.MODEL_FAILED, f"model {section.model}: {error}")
            code = ""
        good = self.codes.good(section.model)
        last = good.code if good is not None and self.codes.kept(good.code) is not None else None
        given = (section.model, code, last, good is not None, section.limits.seconds)
        return ModelView(*given, is_readable=bool(code))

    def progress(self, tournament: str, rounds: Sequence[TakingRound]) -> dict[Key, ModelProgress]:
        """Return what was done for every model in some rounds, and what runs for any other."""
        keys = {
            (tournament, record.round_id, section.model)
            for record in rounds
            for section in self.config.models
        }
        starts = (each.start for each in self._running.values())
        keys |= {(tournament, start.round.round_id, start.model_id) for start in starts}
        return {key: self.journal.of(*key).progress() for key in keys}

    def recover(self, tournament: str) -> None:
        """Make records of runs that a node before did not see the end of; their processes ended with it."""
        for round_id in self.journal.rounds(tournament)[:NEWEST]:
            for section in self.config.models:
                of_round = self.journal.of(tournament, round_id, section.model)
                for attempt in of_round.progress().attempts:
                    if attempt.outcome is None:
                        self._end_interrupted(of_round, section, tournament, round_id, attempt.number)

    def tidy(self, tournament: str, open_rounds: set[int]) -> None:
        """Remove inputs of older rounds, and code that no model runs or ran well last."""
        folder = self.config.root / "inputs" / tournament.lower()
        numbers = sorted(int(path.name) for path in folder.glob("[0-9]*"))
        for number in set(numbers[:-KEPT_INPUTS]) - open_rounds:
            shutil.rmtree(folder / str(number), ignore_errors=True)
        views = self.models()
        kept = {view.code for view in views} | {view.last_good for view in views if view.last_good}
        if all(view.is_readable for view in views):  # of one that cannot be read now, the code is not known
            self.codes.prune(kept | {each.start.code for each in self._running.values()})

    def _end_interrupted(
        self, of_round: ModelRound, section: ModelSection, tournament: str, round_id: int, number: int
    ) -> None:
        started = of_round.started(number)
        provider = self.providers.get(str(started.get("provider")))
        if provider is not None:
            provider.cancel(str(started.get("key")))
        at = int(started.get("at", 0))
        record = RunRecord(
            *(self.chain_id, tournament, round_id, section.model, number, ModelVariant(started["variant"])),
            provider=str(started.get("provider")),
            kind=str(section.kind),
            code=str(started["code"]),
            started_at=at,
            ended_at=at,
            outcome=RunOutcome.INTERRUPTED,
            reason="expected the end of the run, found that the node ended",
        )
        of_round.end(record, b"", b"")

    def start(self, start: Start, here: RoundTermsHere, inputs: Inputs, now: int) -> None:
        """Start a run, noted before it begins; a repeat is no run, and ends at once."""
        section = self.config.model(start.model_id)
        of_round = self.journal.of(start.round.tournament, start.round.round_id, start.model_id)
        place = f"{start.round.tournament[2:10].lower()}-{start.round.round_id}-{start.model_id}"
        key = f"{'try' if self.is_rehearsal else 'run'}-{place}-{start.number}"
        code = self.codes.kept(start.code)
        note = {"variant": start.variant.value, "code": start.code, "provider": section.provider}
        of_round.begin(start.number, {**note, "key": key, "at": now, "seconds": start.seconds})
        if code is None:
            code = Code(start.code, self.config.root)
        is_repeat = start.variant is ModelVariant.REPEAT
        known = self._repeated(start) if is_repeat else None
        running = StartedRun(start, key, section.provider, code, inputs, here, now, known)
        self._running[key] = running
        if is_repeat:
            self.collect(lambda: now)
            return
        job = job_of(self.config, section, key, code, here, inputs, float(start.seconds))
        self.providers[section.provider].submit(job)

    def _repeated(self, start: Start) -> JobResult:
        """Return the predictions of the last good run, as if they were made now."""
        good = self.codes.good(start.model_id)
        try:
            if good is None:
                raise FileNotFoundError
            output = self.journal.of(good.tournament, good.round_id, start.model_id).output(good.attempt)
        except OSError:
            return JobResult(RunOutcome.FAILED, "expected predictions of an earlier round, found none")
        return JobResult(RunOutcome.GOOD, "", output, exit_code=0)

    def collect(self, now: Callable[[], int]) -> None:
        """Make records of all runs that have ended."""
        for key, running in list(self._running.items()):
            with apart(f"the end of run {key}", self.raise_alarm):
                provider = self.providers[running.provider]
                if running.known is None and provider.status(key) is JobState.RUNNING:
                    continue
                result = running.known or provider.result(key)
                lost = JobResult(RunOutcome.UNAVAILABLE, "expected the run at its provider, found none")
                # Still running where its end cannot be written, as on a full disk: the next cycle tries.
                self._end(running, result or lost, now())
                del self._running[key]
                provider.forget(key)

    def _end(self, running: StartedRun, result: JobResult, now: int) -> None:
        """Check what came out, and keep the record."""
        outcome, reason, predictions = checked(running.here, result)
        start, section = running.start, self.config.model(running.start.model_id)
        record = RunRecord(
            *(self.chain_id, start.round.tournament, start.round.round_id, start.model_id, start.number),
            variant=start.variant,
            provider=running.provider,
            kind=str(section.kind),
            code=start.code,
            started_at=running.began_at,
            ended_at=now,
            outcome=outcome,
            lock=running.code.lock,
            inputs=running.inputs.digest,
            files=running.inputs.files,
            reason=reason,
            warning=self._warning(running, predictions),
            exit_code=result.exit_code,
            seconds=round(result.seconds, 3),
            peak_memory=result.peak_memory,
            output=sha256(result.output) if result.output else "",
            predictions=predictions,
            log=sha256(result.log) if result.log else "",
        )
        of_round = self.journal.of(start.round.tournament, start.round.round_id, start.model_id)
        of_round.end(record, result.output, result.log)
        self.metrics.runs.labels(outcome.name).inc()
        self._report(record)

    def _report(self, record: RunRecord) -> None:
        words = {"round": record.round_id, "model": record.model, "run": record.attempt}
        get_logger().info("ended", **words, outcome=record.outcome.name, seconds=record.seconds)
        place = f"round {record.round_id}, model {record.model}, run {record.attempt}"
        if record.warning:
            get_logger().warning("differs", **words, warning=record.warning)
        if record.outcome is RunOutcome.UNAVAILABLE:
            self.raise_alarm(AlarmReason.NO_SANDBOX, f"{place}: {record.reason}")
        elif record.outcome.is_fault_of_model:
            self.raise_alarm(AlarmReason.MODEL_FAILED, f"{place}: {record.outcome.value} {record.reason}")
        elif (
            record.variant is ModelVariant.CURRENT
            and record.outcome is RunOutcome.GOOD
            and not self.is_rehearsal
        ):
            good = (record.code, record.round_id, record.attempt, record.inputs, record.predictions)
            self.codes.remember(record.model, GoodRun(*good, record.tournament))

    def _warning(self, running: StartedRun, predictions: str) -> str:
        """Say where the same code on the same input predicted something else before."""
        good = self.codes.good(running.start.model_id)
        same = good is not None and (good.code, good.inputs) == (running.start.code, running.inputs.digest)
        if good is None or not same or not predictions or good.predictions == predictions:
            return ""
        return (
            f"expected the predictions 0x{good.predictions} of run {good.attempt}, of the same code on the "
            f"same input, found 0x{predictions}; does the model draw random numbers without a seed?"
        )
