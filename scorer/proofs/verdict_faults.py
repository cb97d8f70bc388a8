"""Whatever a round's seal says wrongly and a proof can show, and the arguments of the proofs at VerdictCourt.

Of submissions that do not count by the seal nothing is said: see docs/proofs.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak

from scorer.proofs.calls import SealedTree
from scorer.proofs.evidence import Evidence
from scorer.proofs.search import FalseClaim, ProofKind
from scorer.protocol.digest import prediction_bytes, universe_digest
from scorer.protocol.predictions import float_array
from scorer.protocol.rules import Rules
from scorer.protocol.submissions import IN_THE_CLEAR, Submission

_NO_LANE: Final = -1


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
        if entry.predictions is None:
            return False
        universe, row = self.sealed.submissions.universe, float_array(entry.predictions)
        if len(row) == len(universe) and ((row >= 0) & (row <= 1)).all():
            return False
        # Of others than were signed nothing can be proven.
        content = keccak(universe_digest(universe) + keccak(prediction_bytes(row)))
        return content == entry.content_hash

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
                if entry.predictions is None:
                    raise ValueError(f"model {fault.model}: expected its predictions, found none")
                content = prediction_bytes(float_array(entry.predictions))
                return *start, evidence.terms.to_contract(), submission, content
