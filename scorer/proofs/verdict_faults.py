"""Whatever a round's seal says wrongly and a proof can show, and the arguments of the proofs at VerdictCourt.

Of submissions that do not count by the seal nothing is said: see docs/proofs.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from scorer.proofs.calls import SealedTree
from scorer.proofs.evidence import Evidence
from scorer.proofs.search import FalseClaim, ProofKind
from scorer.protocol.digest import content_of, prediction_bytes
from scorer.protocol.predictions import float_array
from scorer.protocol.rules import Rules
from scorer.protocol.submissions import IN_THE_CLEAR, Submission

_NO_LANE: Final = -1
_ONE_BITS: Final = 0x3FF0000000000000
"""The float64 1: all that is no number within [0, 1] has larger bits, and so has -0.0."""


@dataclass(frozen=True)
class VerdictCase:
    """A round's seal, and what the chain and the rules say of the submissions that count by it.

    Attributes
    ----------
    submitters
        Who could sign for each model when submissions closed.
    place
        Chain id, tournament and round, as signatures name them.
    """

    sealed: SealedTree
    rules: Rules
    submitters: Mapping[int, str]
    place: tuple[int, str, int]

    def faults(self) -> list[FalseClaim]:
        """Return one fault of each submission that counts and provably must not, ascending by model."""
        return [
            FalseClaim(kind, _NO_LANE, entry.model_id, 1, 0)
            for entry in self.sealed.submissions.entries
            if entry.model_id not in self.sealed.refused
            for kind in list(self._kinds(entry))[:1]
        ]

    def _kinds(self, entry: Submission) -> Iterator[ProofKind]:
        """Yield why a submission must not count, what is cheapest to prove first."""
        submitter = self.submitters.get(entry.model_id)
        if submitter is None or entry.signer(*self.place) != submitter:
            yield ProofKind.SIGNER
        if (entry.ciphertext_hash != IN_THE_CLEAR) != self.rules.is_encrypted:
            yield ProofKind.FORM
        if self._is_out_of_form(entry):
            yield ProofKind.PREDICTIONS

    def _is_out_of_form(self, entry: Submission) -> bool:
        """Say whether the predictions that were signed, where we have them, are not what they must be."""
        content = self._content(entry)
        if content is None or _is_in_form(content, len(self.sealed.submissions.universe)):
            return False
        # Of others than were signed nothing can be proven.
        return content_of(self.sealed.submissions.universe, content) == entry.content_hash

    def _content(self, entry: Submission) -> bytes | None:
        """Return the bytes of a submission's predictions; None where nobody showed them."""
        strange = self.sealed.strange.get(entry.model_id)
        if strange is not None or entry.predictions is None:
            return strange
        return prediction_bytes(float_array(entry.predictions))

    def arguments(self, fault: FalseClaim, evidence: Evidence) -> tuple[Any, ...]:
        """Return the arguments of VerdictCourt's function of the fault's kind."""
        start = evidence.report.tournament, evidence.report.to_contract()
        submission = self.sealed.submission(fault.model)
        (entry,) = (each for each in self.sealed.submissions.entries if each.model_id == fault.model)
        match fault.kind:
            case ProofKind.SIGNER:
                return *start, submission, entry.signature
            case ProofKind.FORM:
                return *start, submission, self.rules.canonical_json()
            case _:
                content = self._content(entry)
                if content is None:
                    raise ValueError(f"model {fault.model}: expected its predictions, found none")
                return *start, evidence.terms.to_contract(), submission, content


def _is_in_form(content: bytes, ids: int) -> bool:
    """Say whether bytes are one prediction for each id, all within [0, 1], as SealReader does."""
    return len(content) == 8 * ids and bool((np.frombuffer(content, ">u8") <= _ONE_BITS).all())
