"""EIP-712 signatures that bind a submission to its chain, tournament, round, model and content."""

from dataclasses import dataclass
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data


@dataclass(frozen=True)
class SubmissionDigest:
    """What a submitter signs.

    Attributes
    ----------
    chain_id, tournament
        Where: a signature is worth nothing on another chain or in another tournament.
    round_id, model_id
        For which round, and as which model.
    content_hash
        32 bytes, see `scorer.rounds.digest.content_hash`.
    """

    chain_id: int
    tournament: str
    round_id: int
    model_id: int
    content_hash: bytes

    def typed_data(self) -> dict[str, Any]:
        """The EIP-712 typed data, as wallets take it."""
        return {
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                "Submission": [
                    {"name": "roundId", "type": "uint256"},
                    {"name": "modelId", "type": "uint256"},
                    {"name": "contentHash", "type": "bytes32"},
                ],
            },
            "domain": {
                "name": "Cupel",
                "version": "1",
                "chainId": self.chain_id,
                "verifyingContract": self.tournament,
            },
            "primaryType": "Submission",
            "message": {
                "roundId": self.round_id,
                "modelId": self.model_id,
                "contentHash": self.content_hash,
            },
        }

    def _message(self) -> SignableMessage:
        return encode_typed_data(full_message=self.typed_data())

    def sign(self, private_key: str | bytes) -> bytes:
        """Sign with a model's submitter key; 65 bytes."""
        return bytes(Account.sign_message(self._message(), private_key).signature)

    def signer(self, signature: bytes) -> str | None:
        """The address that signed, or None when the signature is not one."""
        try:
            return str(Account.recover_message(self._message(), signature=signature))
        except Exception:  # noqa: BLE001 - eth-account raises many types for bytes that are not a signature
            return None
