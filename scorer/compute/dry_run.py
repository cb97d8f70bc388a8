"""A dry run: a model on the inputs of one round, twice, as a node would run it; nothing is signed or sent."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scorer.chain.endpoint import EndpointError
from scorer.compute.assembly import providers_of, source_of
from scorer.compute.codes import Code, CodeStore
from scorer.compute.configuration import ComputeConfig
from scorer.compute.inputs import Inputs, prepare_inputs
from scorer.compute.job import JobResult, ModelJob, RunOutcome
from scorer.compute.jobs import checked, job_of
from scorer.compute.live import pull_data
from scorer.compute.observation import ChainSnapshot, observed
from scorer.compute.providers.protocol import JobProvider, JobState
from scorer.compute.rounds import RoundTermsHere, TermsReader
from scorer.compute.sections import ModelSection
from scorer.daemon.config_errors import ConfigError
from scorer.daemon.site import Site

POLL: Final = 0.02
TIMES: Final = 2


@dataclass(frozen=True)
class ModelTrial:
    """The result of one dry run.

    Attributes
    ----------
    predictions
        The content hash of its predictions in hex; empty where they are not valid.
    """

    model: int
    round_id: int
    code: str
    inputs: str
    outcome: RunOutcome
    reason: str
    predictions: str
    seconds: float
    peak_memory: int
    log: bytes


def dry_runs(config: ComputeConfig, model: int, round_id: int | None) -> Iterator[ModelTrial]:
    """Run a model on a round, twice.

    Parameters
    ----------
    round_id
        The round; None: the newest one whose files are here.

    Raises
    ------
    scorer.errors.CupelError
        When there is no such round, or the model cannot be run at all.
    """
    section = config.model(model)
    seen = look(config)
    here, inputs = _round(config, seen, round_id)
    code = CodeStore(config.root).current(section, config.at(section.folder))
    provider = providers_of(config, lambda: None)[section.provider]
    provider.check()
    try:
        for number in range(1, TIMES + 1):
            yield _run(config, section, provider, code, here, inputs, number)
    finally:
        provider.close()


def look(config: ComputeConfig) -> ChainSnapshot:
    """Look at the chain once."""
    addresses = config.addresses()
    pinned = config.endpoints().pin()
    return observed(pinned, Site(addresses, addresses.tournament).checked(pinned))


def _round(config: ComputeConfig, seen: ChainSnapshot, round_id: int | None) -> tuple[RoundTermsHere, Inputs]:
    terms = TermsReader(source_of(config), config.submit.in_the_clear)
    data = None
    if config.rounds.data is not None and config.rounds.signer is not None:
        data = config.root / "data"
        pull_data(config.rounds.data, config.rounds.signer, data)
    wanted = sorted(seen.rounds.values(), key=lambda each: each.round_id, reverse=True)
    if round_id is not None:
        wanted = [each for each in wanted if each.round_id == round_id]
    why = "found none on the chain"
    for record in wanted:
        try:
            here = terms.terms(seen.suite, record, seen.block)
            return here, prepare_inputs(here, config.root / "inputs", data)
        except EndpointError:
            raise
        except Exception as error:  # noqa: BLE001 - an older round may do
            why = str(error)
    raise ConfigError(f"test: expected a round whose files are here, {why}")


def _run(
    config: ComputeConfig,
    section: ModelSection,
    provider: JobProvider,
    code: Code,
    here: RoundTermsHere,
    inputs: Inputs,
    number: int,
) -> ModelTrial:
    key = f"test-{time.time_ns()}-{number}"
    result = _awaited(provider, job_of(config, section, key, code, here, inputs, section.limits.seconds))
    outcome, reason, predictions = checked(here, result)
    named = (section.model, here.record.round_id, code.digest, inputs.digest)
    measured = (round(result.seconds, 3), result.peak_memory, result.log)
    return ModelTrial(*named, outcome, reason, predictions, *measured)


def _awaited(provider: JobProvider, job: ModelJob) -> JobResult:
    """Run a job to its end."""
    provider.submit(job)
    while provider.status(job.key) is JobState.RUNNING:
        time.sleep(POLL)
    result = provider.result(job.key)
    provider.forget(job.key)
    return result or JobResult(RunOutcome.UNAVAILABLE, "expected the run at its provider, found none")
