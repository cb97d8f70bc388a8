"""Signs the predictions of good runs, and hands in what was signed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.client.stakes import model_count
from scorer.compute.decide import Deliver, Key, ModelProgress, SignPredictions
from scorer.compute.delivery import SubmissionDelivery
from scorer.compute.journal import RunJournal, SignedSubmission
from scorer.compute.node_metrics import ComputeMetrics
from scorer.compute.rounds import TermsReader
from scorer.errors import CupelError
from scorer.logs import get_logger
from scorer.oracle.alarm_reasons import AlarmReason, RaiseAlarm
from scorer.protocol.signature import SubmissionDigest
from scorer.server.upstream import GatewayError


class Submitter(Protocol):
    """Signs submissions; see `scorer.client.signing_process`."""

    @property
    def address(self) -> str:
        """The checksummed address."""
        ...

    def sign_submission(self, digest: SubmissionDigest) -> bytes:
        """Return the signature of a submission, 65 bytes."""
        ...


@dataclass
class Submitting:
    """Takes predictions from a good run to the operator.

    Attributes
    ----------
    triggers
        Takes the id of the call that asked for a model, if one did.
    """

    journal: RunJournal
    terms: TermsReader
    signer: Submitter
    delivery: SubmissionDelivery
    metrics: ComputeMetrics
    raise_alarm: RaiseAlarm
    triggers: Callable[[int], str | None] = lambda _model: None
    _is_away: bool = False
    _looked: set[Key] = field(default_factory=set)

    def begin_cycle(self) -> None:
        """Try again what did not answer in the cycle before."""
        self._is_away = False

    def find_earlier(self, done: Mapping[Key, ModelProgress], now: int) -> bool:
        """Look once for submissions that this node knows nothing of, and note them; whether there were any.

        A node that lost its state, or runs on a machine that keeps none, submits nothing a second time.
        """
        found = False
        for key, progress in done.items():
            if key in self._looked or progress != ModelProgress():
                continue
            try:
                proof = self.delivery.find(*key)
            except (CupelError, OSError):
                return found  # it is looked for again, unless the model runs before
            self._looked.add(key)
            if proof is not None:
                self.journal.of(*key).deliver({**proof, "at": now})
                found = True
        return found

    def sign(self, action: SignPredictions, now: int) -> None:
        """Check predictions once more, encrypt them where the round asks, sign them, and keep that."""
        here = self.terms.known(action.round.round_id)
        if here is None:
            return
        model = action.model_id
        of_round = self.journal.of(action.round.tournament, action.round.round_id, model)
        record = of_round.record(action.number)
        made = here.terms.encode(model, of_round.output(action.number), f"run {action.number}")
        signature = self.signer.sign_submission(made.digest)
        stale = record is not None and record.variant.is_stale
        given = (made.digest, signature, made.file, made.content, action.number, stale)
        of_round.sign(SignedSubmission(*given))
        get_logger().info("signed", round=action.round.round_id, model=model, stale=stale)
        self.deliver(Deliver(action.round, model), now)

    def deliver(self, action: Deliver, now: int) -> None:
        """Hand in what was signed; a failure is noted, and tried again.

        What does not answer is asked once in a cycle: each answer that does not come holds everything up.
        """
        if self._is_away:
            return
        number, model = action.round.round_id, action.model_id
        of_round = self.journal.of(action.round.tournament, number, model)
        submission = of_round.submission()
        try:
            proof = self.delivery.deliver(submission, self.triggers(model))
        except (CupelError, OSError) as error:
            self._is_away = isinstance(error, GatewayError | OSError)
            of_round.tried(now, str(error))
            self.raise_alarm(AlarmReason.NOT_DELIVERED, f"round {number}, model {model}: {error}")
            return
        of_round.deliver({**proof, "at": now})
        self.metrics.submissions.labels(str(submission.stale).lower()).inc()
        get_logger().info("delivered", round=number, model=model, stale=submission.stale)
        if submission.stale:
            text = f"round {number}, model {model}: run {submission.attempt} was of an older version"
            self.raise_alarm(AlarmReason.STALE_SUBMISSION, text)


def submitters(suite: Suite, models: list[int], block: int) -> dict[int, str]:
    """Return who may sign for each model that is registered, as the chain has it."""
    count = model_count(suite, block)
    submitter_of = suite.registry.functions.submitterOf
    return {model: str(read_view(submitter_of(model), block)) for model in models if model <= count}
