"""Publishes the meta model of a sealed round: its digest at once, its body when the round's rules say.

The digest is in the manifest that the report names, too: whoever gets the body later sees whether it is the
one that was fixed before the outcome.
"""

from dataclasses import dataclass

from scorer.chain.records import RoundRecord
from scorer.evaluation.evaluate import meta_model_digest, meta_model_of
from scorer.evaluation.inputs import Positions
from scorer.oracle.paths import MemberPaths
from scorer.storage.bundle import META_MODEL_DIGEST, SUBMISSIONS, Bundle


@dataclass
class MetaModels:
    """Computes meta models of one member's tournament, each once."""

    paths: MemberPaths

    def is_due(self, record: RoundRecord) -> bool:
        """Say whether a sealed round's meta model is still to be computed, and can be."""
        own = self.paths.own_bundle(record.round_id)
        return record.is_sealed and own.has(SUBMISSIONS) and not own.has(META_MODEL_DIGEST)

    def write(self, record: RoundRecord, positions: Positions) -> None:
        """Write a round's meta model and its digest into our bundle, once we can read all that counts."""
        own: Bundle = self.paths.own_bundle(record.round_id)
        submissions, refused = own.submissions(), own.refused()
        # What we could not decrypt is NaN, whose hash is not the one that was signed.
        if not submissions.is_encrypted or set(submissions.wrong_hashes()) - refused:
            return
        meta_model = meta_model_of(submissions, refused, positions.by_model)
        own.write_meta_model(
            submissions.universe, meta_model, meta_model_digest(submissions.universe, meta_model)
        )
