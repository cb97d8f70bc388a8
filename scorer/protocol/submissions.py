"""A round's submissions: what each model predicts, what was signed, and what the seal commits to."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from eth_hash.auto import keccak

from scorer.protocol.digest import content_hashes
from scorer.protocol.merkle import merkle_root, submission_leaf
from scorer.protocol.predictions import PredictionRows, Predictions, float_array
from scorer.protocol.signature import SubmissionDigest

IN_THE_CLEAR: Final = bytes(32)
"""The ciphertext hash of a submission that is not encrypted."""


@dataclass(frozen=True)
class Submission:
    """One model's signed submission.

    Attributes
    ----------
    predictions
        In the order of the universe, shape (ids,).
    submitter
        The address that is to have signed: as the sender says in what the operator publishes, as the chain
        says in a member's bundle; empty for a model that the chain does not know.
    signature
        65 bytes.
    """

    model_id: int
    predictions: Predictions
    content_hash: bytes
    submitter: str
    signature: bytes

    @property
    def signature_hash(self) -> bytes:
        """The Keccak-256 of the signature, which the round's Merkle root commits to."""
        return keccak(self.signature)

    def leaf(self, *, is_valid: bool) -> bytes:
        """The leaf of the round's Merkle tree that commits to this submission and to the verdict on it."""
        return submission_leaf(
            self.model_id, self.content_hash, IN_THE_CLEAR, self.signature_hash, is_valid=is_valid
        )

    def signer(self, chain_id: int, tournament: str, round_id: int) -> str | None:
        """Return the address that signed this content for this round, or None."""
        digest = SubmissionDigest(chain_id, tournament, round_id, self.model_id, self.content_hash)
        return digest.signer(self.signature)


@dataclass(frozen=True)
class Submissions:
    """All submissions of a round, ascending by model.

    Attributes
    ----------
    universe
        The round's ids, sorted.
    """

    universe: tuple[str, ...]
    entries: tuple[Submission, ...]

    def __post_init__(self) -> None:
        models = [entry.model_id for entry in self.entries]
        if models != sorted(set(models)):
            raise ValueError(f"expected one submission a model, ascending, found the models {models}")

    @property
    def model_ids(self) -> tuple[int, ...]:
        """The models that submitted, ascending."""
        return tuple(entry.model_id for entry in self.entries)

    @cached_property
    def matrix(self) -> PredictionRows:
        """All predictions, shape (models, ids), read a block at a time."""
        return PredictionRows([entry.predictions for entry in self.entries], len(self.universe))

    def root(self, refused: Container[int] = ()) -> bytes:
        """The Merkle root that ``Tournament.seal`` commits to.

        Parameters
        ----------
        refused
            The models whose submission does not count.
        """
        return merkle_root([e.leaf(is_valid=e.model_id not in refused) for e in self.entries])

    def not_signed_by(
        self, submitters: Mapping[int, str], chain_id: int, tournament: str, round_id: int
    ) -> tuple[int, ...]:
        """The models whose content or signature is not what their submitter signed for a round."""
        wrong = set(self.wrong_hashes())
        for entry in self.entries:
            signer = entry.signer(chain_id, tournament, round_id)
            if signer is None or signer != submitters.get(entry.model_id):
                wrong.add(entry.model_id)
        return tuple(sorted(wrong))

    def wrong_hashes(self) -> tuple[int, ...]:
        """The models whose predictions are not those that were signed; all are hashed once."""
        return self._wrong_hashes

    @cached_property
    def _wrong_hashes(self) -> tuple[int, ...]:
        whole = [entry for entry in self.entries if len(entry.predictions) == len(self.universe)]
        found = content_hashes(self.universe, (float_array(entry.predictions) for entry in whole))
        right = {e.model_id for e, content in zip(whole, found, strict=True) if content == e.content_hash}
        return tuple(model for model in self.model_ids if model not in right)
