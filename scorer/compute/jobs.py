"""Makes jobs of models and rounds, and checks what comes out of them."""

from scorer.compute.codes import Code
from scorer.compute.configuration import ComputeConfig
from scorer.compute.inputs import Inputs
from scorer.compute.job import JobResult, ModelJob, ModelKind, RunOutcome
from scorer.compute.rounds import RoundTermsHere
from scorer.compute.sections import ModelSection
from scorer.submission.reader import check_submission
from scorer.submission.table import SubmissionRefused, most_bytes


def job_of(
    config: ComputeConfig,
    section: ModelSection,
    key: str,
    code: Code,
    here: RoundTermsHere,
    inputs: Inputs,
    seconds: float,
) -> ModelJob:
    """Return the job that runs a model's code on a round's inputs."""
    record = here.record
    variables = {
        "CUPEL_ROUND": str(record.round_id),
        "CUPEL_MODEL": str(section.model),
        "CUPEL_CLOSE_AT": str(record.close_at),
    }
    return ModelJob(
        key,
        inputs.folder,
        code.folder,
        config.at(section.python),
        # As it was run when it was good: the configuration may say another entry by now.
        ModelKind(code.kind),
        code.entry,
        seconds,
        section.limits.of(most_bytes(len(here.terms.universe.ids))),
        variables,
        image=section.image,
        rootfs=None if section.rootfs is None else config.at(section.rootfs),
    )


def checked(here: RoundTermsHere, result: JobResult) -> tuple[RunOutcome, str, str]:
    """Return how a run ended once its predictions were looked at, why, and their content hash in hex."""
    if result.outcome is not RunOutcome.GOOD:
        return result.outcome, result.reason, ""
    terms = here.terms
    try:
        found = check_submission(
            terms.rules.submissions, result.output, terms.universe, "predictions.parquet"
        )
    except SubmissionRefused as refused:
        return RunOutcome.REFUSED, str(refused), ""
    return RunOutcome.GOOD, "", terms.content_hash(found.values).hex()
