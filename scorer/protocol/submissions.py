"""A round's submissions: what each model predicts, what was signed, and what the seal commits to."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property

from eth_hash.auto import keccak

from scorer.errors import CupelError
from scorer.protocol.digest import content_hashes
from scorer.protocol.envelopes import Ciphertext, envelope_hash
from scorer.protocol.merkle import merkle_root, submission_leaf
from scorer.protocol.predictions import PredictionRows, Predictions, float_array
from scorer.protocol.signature import IN_THE_CLEAR as IN_THE_CLEAR
from scorer.protocol.signature import SubmissionDigest


class PredictionsWithheld(CupelError):
    """Predictions are needed that the one who asks does not hold."""


@dataclass(frozen=True)
class Submission:
    """One model's signed submission.

    Attributes
    ----------
    predictions
        In the order of the universe, shape (ids,); None where one holds the ciphertext alone; NaN where the
        ciphertext is broken.
    submitter
        The address that is to have signed: as the sender says in what the operator publishes, as the chain
        says in a member's bundle; empty for a model that the chain does not know.
    signature
        65 bytes.
    ciphertext_hash
        32 bytes, of the envelope in which the predictions were sent; zeros where they were not encrypted.
    ciphertext
        The envelope itself; None where they were not encrypted, or one does not hold it.
    """

    model_id: int
    predictions: Predictions | None
    content_hash: bytes
    submitter: str
    signature: bytes
    ciphertext_hash: bytes = IN_THE_CLEAR
    ciphertext: Ciphertext | None = None

    @property
    def signature_hash(self) -> bytes:
        """The Keccak-256 of the signature, which the round's Merkle root commits to."""
        return keccak(self.signature)

    def leaf(self, *, is_valid: bool) -> bytes:
        """Return the leaf of the round's Merkle tree for this submission and the verdict on it."""
        return submission_leaf(
            self.model_id, self.content_hash, self.ciphertext_hash, self.signature_hash, is_valid=is_valid
        )

    def signer(self, chain_id: int, tournament: str, round_id: int) -> str | None:
        """Return the address that signed this content for this round, or None."""
        digest = SubmissionDigest(
            chain_id, tournament, round_id, self.model_id, self.content_hash, self.ciphertext_hash
        )
        return digest.signer(self.signature)


@dataclass(frozen=True)
class Submissions:
    """All submissions of a round, ascending by model.

    Attributes
    ----------
    universe
        The round's ids, sorted.
    is_encrypted
        Whether they were sent encrypted, as the round's rules ask.
    """

    universe: tuple[str, ...]
    entries: tuple[Submission, ...]
    is_encrypted: bool = False

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
        """All predictions, shape (models, ids), read a block at a time.

        Raises
        ------
        PredictionsWithheld
            When one holds the ciphertext of some alone.
        """
        return PredictionRows(self.rows(), len(self.universe))

    @property
    def is_withheld(self) -> bool:
        """True where one holds the ciphertext of some alone."""
        return any(entry.predictions is None for entry in self.entries)

    def rows(self) -> list[Predictions]:
        """Return the predictions of every model; raises as `matrix`."""
        return [_predictions(entry) for entry in self.entries]

    def root(self, refused: Container[int] = ()) -> bytes:
        """Return the Merkle root that ``Tournament.seal`` commits to.

        Parameters
        ----------
        refused
            The models whose submission does not count.
        """
        return merkle_root([e.leaf(is_valid=e.model_id not in refused) for e in self.entries])

    def not_signed_by(
        self, submitters: Mapping[int, str], chain_id: int, tournament: str, round_id: int
    ) -> tuple[int, ...]:
        """Return the models whose content, ciphertext or signature is not their submitter's for a round."""
        wrong = {*self.wrong_hashes(), *self.wrong_ciphertexts()}
        for entry in self.entries:
            signer = entry.signer(chain_id, tournament, round_id)
            if signer is None or signer != submitters.get(entry.model_id):
                wrong.add(entry.model_id)
        return tuple(sorted(wrong))

    def wrong_ciphertexts(self) -> tuple[int, ...]:
        """Return the models whose ciphertext is not the one that was signed; all are hashed once.

        Of ciphertexts that one does not have nothing is said.
        """
        return self._wrong_ciphertexts

    @cached_property
    def _wrong_ciphertexts(self) -> tuple[int, ...]:
        return tuple(
            entry.model_id
            for entry in self.entries
            if entry.ciphertext is not None
            and envelope_hash(bytes(entry.ciphertext)) != entry.ciphertext_hash
        )

    def wrong_hashes(self) -> tuple[int, ...]:
        """Return the models whose predictions are not those that were signed; all are hashed once.

        Of predictions that one does not have nothing is said.
        """
        return self._wrong_hashes

    @cached_property
    def _wrong_hashes(self) -> tuple[int, ...]:
        known = [(entry, entry.predictions) for entry in self.entries if entry.predictions is not None]
        whole = [(entry, values) for entry, values in known if len(values) == len(self.universe)]
        found = content_hashes(self.universe, (float_array(values) for _, values in whole))
        right = {
            e.model_id for (e, _), content in zip(whole, found, strict=True) if content == e.content_hash
        }
        return tuple(entry.model_id for entry, _ in known if entry.model_id not in right)


def _predictions(entry: Submission) -> Predictions:
    """Return a submission's predictions, which whoever scores must have."""
    if entry.predictions is None:
        raise PredictionsWithheld(
            f"model {entry.model_id}: expected its predictions, found its ciphertext alone; members of the "
            "committee have them"
        )
    return entry.predictions
