"""EIP-712 signatures that bind a submission to its chain, tournament, round, model and content."""

from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak

from scorer.protocol.typed_data import is_canonical as is_canonical
from scorer.protocol.typed_data import signer_of, typed_document, typed_message, word

IN_THE_CLEAR: Final = bytes(32)
"""The ciphertext hash of a submission that is not encrypted."""
_FIELDS: Final = (
    ("roundId", "uint256"),
    ("modelId", "uint256"),
    ("contentHash", "bytes32"),
    ("ciphertextHash", "bytes32"),
)
_TYPE: Final = keccak(
    b"Submission(uint256 roundId,uint256 modelId,bytes32 contentHash,bytes32 ciphertextHash)"
)


@dataclass(frozen=True)
class SubmissionDigest:
    """The content that a submitter signs.

    Attributes
    ----------
    chain_id, tournament
        Where: a signature is worth nothing on another chain or in another tournament.
    round_id, model_id
        For which round, and as which model.
    content_hash
        32 bytes, see `scorer.protocol.digest.content_hash`.
    ciphertext_hash
        32 bytes, of the envelope in which the predictions are sent; `IN_THE_CLEAR` where they are sent as
        they are.
    """

    chain_id: int
    tournament: str
    round_id: int
    model_id: int
    content_hash: bytes
    ciphertext_hash: bytes = IN_THE_CLEAR

    def typed_data(self) -> dict[str, Any]:
        """Return the EIP-712 typed data, as wallets take it."""
        message = {
            "roundId": self.round_id,
            "modelId": self.model_id,
            "contentHash": self.content_hash,
            "ciphertextHash": self.ciphertext_hash,
        }
        return typed_document(self.chain_id, self.tournament, "Submission", _FIELDS, message)

    def sign(self, private_key: str | bytes) -> bytes:
        """Sign with a model's submitter key; 65 bytes."""
        # Most who import this module only check signatures; those who read strangers' files need neither.
        from eth_account import Account
        from eth_account.messages import encode_typed_data

        signable = encode_typed_data(full_message=self.typed_data())
        return bytes(Account.sign_message(signable, private_key).signature)

    def signer(self, signature: bytes) -> str | None:
        """Return the address that signed, with its checksum, or None when the signature is not one."""
        return signer_of(self._message(), signature)

    def digest(self) -> bytes:
        """Return the EIP-712 digest of `typed_data`, 32 bytes."""
        return keccak(self._message())

    def _message(self) -> bytes:
        struct = keccak(
            _TYPE + word(self.round_id) + word(self.model_id) + self.content_hash + self.ciphertext_hash
        )
        return typed_message(self.chain_id, self.tournament, struct)
