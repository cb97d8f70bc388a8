"""EIP-712 signatures that bind a submission to its chain, tournament, round, model and content."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from coincurve import PublicKey
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

SIGNATURE_SIZE: Final = 65
_GROUP_ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""Of secp256k1 (SEC 2, section 2.4.1)."""
_DOMAIN_TYPE: Final = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_SUBMISSION_TYPE: Final = keccak(b"Submission(uint256 roundId,uint256 modelId,bytes32 contentHash)")


def is_canonical(signature: bytes) -> bool:
    """Whether this is the one spelling of a signature that OpenZeppelin's ECDSA accepts too.

    Anyone can turn a signature into another one by the same key: with the order less s for s, or 0 for 27.
    """
    s, v = int.from_bytes(signature[32:64], "big"), signature[64:]
    return len(signature) == SIGNATURE_SIZE and s <= _GROUP_ORDER // 2 and v in (b"\x1b", b"\x1c")


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
        """The address that signed, with its checksum, or None when the signature is not one.

        Only 65 bytes with a low s and a v of 27 or 28 are a signature; every library reads those alike.
        """
        if not is_canonical(signature):
            return None
        try:
            r_s, recovery = signature[:64], bytes([signature[64] - 27])
            key = PublicKey.from_signature_and_message(r_s + recovery, self.digest(), hasher=None)
            return _checksum_address(keccak(key.format(compressed=False)[1:])[-20:])
        except Exception:  # noqa: BLE001 - libsecp256k1 raises bare exceptions for what is no signature
            return None

    def digest(self) -> bytes:
        """What is signed: the EIP-712 digest of `typed_data`, 32 bytes.

        Written out, because a round verifies thousands and a general encoder takes a millisecond for each.
        """
        submission = keccak(
            _SUBMISSION_TYPE
            + self.round_id.to_bytes(32, "big")
            + self.model_id.to_bytes(32, "big")
            + self.content_hash
        )
        return keccak(b"\x19\x01" + _domain_separator(self.chain_id, self.tournament) + submission)


@lru_cache(maxsize=2**17)
def _checksum_address(address: bytes) -> str:
    """The address as chains spell it; cached, because the same submitters sign round after round."""
    return str(to_checksum_address(address))


@lru_cache(maxsize=64)
def _domain_separator(chain_id: int, tournament: str) -> bytes:
    address = bytes.fromhex(tournament.removeprefix("0x")).rjust(32, b"\0")
    return keccak(_DOMAIN_TYPE + keccak(b"Cupel") + keccak(b"1") + chain_id.to_bytes(32, "big") + address)
