"""A server's receipt for a submission: whoever holds one can prove that a round leaves the submission out."""

from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak

from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.typed_data import signer_of, typed_document, typed_message, word

_FIELDS: Final = (
    ("roundId", "uint256"),
    ("modelId", "uint256"),
    ("contentHash", "bytes32"),
    ("ciphertextHash", "bytes32"),
    ("signatureHash", "bytes32"),
    ("receivedAt", "uint64"),
)
_TYPE: Final = keccak(f"Receipt({','.join(f'{kind} {name}' for name, kind in _FIELDS)})".encode())


@dataclass(frozen=True)
class SubmissionReceipt:
    """The statement that a signed submission is in the operator's inbox.

    Attributes
    ----------
    content_hash
        Of the predictions, 32 bytes.
    ciphertext_hash
        Of the envelope, 32 bytes; zeros where the submission is in the clear.
    signature_hash
        Keccak-256 of the submitter's signature, 32 bytes: it binds all that the submitter signed.
    received_at
        The time that counts, Unix seconds.
    """

    chain_id: int
    tournament: str
    round_id: int
    model_id: int
    content_hash: bytes
    ciphertext_hash: bytes
    signature_hash: bytes
    received_at: int

    def message(self) -> bytes:
        """Return the bytes whose Keccak-256 is signed: EIP-712's prefix, domain and struct."""
        numbers = word(self.round_id) + word(self.model_id)
        hashes = self.content_hash + self.ciphertext_hash + self.signature_hash
        struct = _TYPE + numbers + hashes + word(self.received_at)
        return typed_message(self.chain_id, self.tournament, keccak(struct))

    def signer(self, signature: bytes) -> str | None:
        """Return the address that signed the receipt, with its checksum, or None."""
        return signer_of(self.message(), signature)

    def typed_data(self) -> dict[str, Any]:
        """Return the EIP-712 typed data, as wallets take it."""
        hashes = (self.content_hash, self.ciphertext_hash, self.signature_hash)
        values = (self.round_id, self.model_id, *hashes, self.received_at)
        message = dict(zip((name for name, _ in _FIELDS), values, strict=True))
        return typed_document(self.chain_id, self.tournament, "Receipt", _FIELDS, message)

    def to_json(self) -> dict[str, Any]:
        """Return the receipt as a document; the inverse of `from_json`."""
        return {
            "chain_id": self.chain_id,
            "tournament": self.tournament,
            "round_id": self.round_id,
            "model_id": self.model_id,
            "content_hash": to_hex(self.content_hash),
            "ciphertext_hash": to_hex(self.ciphertext_hash),
            "signature_hash": to_hex(self.signature_hash),
            "received_at": self.received_at,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "SubmissionReceipt":
        """Read a receipt; KeyError or ValueError for another document."""
        names = ("content_hash", "ciphertext_hash", "signature_hash")
        hashes = {name: from_hex(document[name], 32) for name in names}
        return cls(**{**document, **hashes})
