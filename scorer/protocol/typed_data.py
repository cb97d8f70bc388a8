"""EIP-712 typed data of a tournament: digests, and who signed them.

Digests are written out: a round verifies thousands, and a general encoder takes a millisecond for each.
"""

from functools import lru_cache
from typing import Any, Final

from coincurve import PublicKey
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

DOMAIN_NAME: Final = "Cupel"
DOMAIN_VERSION: Final = "2"
DOMAIN_FIELDS: Final = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
SIGNATURE_SIZE: Final = 65
_GROUP_ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
"""The order of secp256k1 (SEC 2, section 2.4.1)."""
_DOMAIN_TYPE: Final = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)


def typed_message(chain_id: int, tournament: str, struct_hash: bytes) -> bytes:
    """Return the 66 bytes whose Keccak-256 is signed: EIP-712's prefix, domain, and a struct's hash."""
    # EIP-191: the first byte keeps signed data apart from transactions.
    return b"\x19\x01" + _domain_separator(chain_id, tournament) + struct_hash


def typed_document(
    chain_id: int, tournament: str, name: str, fields: tuple[tuple[str, str], ...], message: dict[str, Any]
) -> dict[str, Any]:
    """Return the same as the document that wallets take."""

    def typed(declared: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
        return [{"name": field, "type": kind} for field, kind in declared]

    return {
        "types": {"EIP712Domain": typed(DOMAIN_FIELDS), name: typed(fields)},
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": tournament,
        },
        "primaryType": name,
        "message": message,
    }


def word(number: int) -> bytes:
    """Return a uint of any size as the EVM encodes it, 32 bytes."""
    return number.to_bytes(32, "big")


def is_canonical(signature: bytes) -> bool:
    """Return whether this is the one spelling of a signature that OpenZeppelin's ECDSA accepts too.

    Anyone can turn a signature into another one by the same key: with the order less s for s, or 0 for 27.
    """
    s, v = int.from_bytes(signature[32:64], "big"), signature[64:]
    return len(signature) == SIGNATURE_SIZE and s <= _GROUP_ORDER // 2 and v in (b"\x1b", b"\x1c")


def signer_of(message: bytes, signature: bytes) -> str | None:
    """Return the checksummed address that signed a message's Keccak-256; None for what is no signature.

    Only 65 bytes with a low s and a v of 27 or 28 are a signature; every library reads those alike.
    """
    if not is_canonical(signature):
        return None
    try:
        r_s, recovery = signature[:64], bytes([signature[64] - 27])
        # No hasher: the library would otherwise hash the Keccak-256 once more, with SHA-256.
        key = PublicKey.from_signature_and_message(r_s + recovery, keccak(message), hasher=None)
        # Without the first byte, 04, which marks an uncompressed point. An address is the hash's last 20
        # bytes.
        return _checksum_address(keccak(key.format(compressed=False)[1:])[-20:])
    except Exception:  # noqa: BLE001 - libsecp256k1 raises bare exceptions for what is no signature
        return None


@lru_cache(maxsize=2**17)
def _checksum_address(address: bytes) -> str:
    """Return the address as chains spell it; cached, because the same submitters sign round after round."""
    return str(to_checksum_address(address))


@lru_cache(maxsize=64)
def _domain_separator(chain_id: int, tournament: str) -> bytes:
    address = bytes.fromhex(tournament.removeprefix("0x")).rjust(32, b"\0")
    name, version = keccak(DOMAIN_NAME.encode()), keccak(DOMAIN_VERSION.encode())
    return keccak(_DOMAIN_TYPE + name + version + word(chain_id) + address)
