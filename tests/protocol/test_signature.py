"""Signatures: what they bind, and what is none. The EIP-712 digest is written out from first principles."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey, Signature

from scorer.protocol.signature import SubmissionDigest

KEY = b"\7" * 32
SIGNER = Account.from_key(KEY).address
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DIGEST = SubmissionDigest(
    chain_id=137,
    tournament="0x5FbDB2315678afecb367f032d93F642f64180aa3",
    round_id=7,
    model_id=3,
    content_hash=keccak(b"content"),
    ciphertext_hash=keccak(b"ciphertext"),
)
OTHERS: dict[str, SubmissionDigest] = {
    "chain": replace(DIGEST, chain_id=1),
    "tournament": replace(DIGEST, tournament="0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"),
    "round": replace(DIGEST, round_id=8),
    "model": replace(DIGEST, model_id=4),
    "ciphertext": replace(DIGEST, ciphertext_hash=keccak(b"other ciphertext")),
    "content": replace(DIGEST, content_hash=keccak(b"other content")),
}


def first_principles(digest: SubmissionDigest) -> bytes:
    """EIP-712: keccak(0x19 0x01 || domain separator || hash of the struct)."""
    domain_type = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    domain = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [keccak(domain_type), keccak(b"Cupel"), keccak(b"2"), digest.chain_id, digest.tournament],
        )
    )
    submission_type = (
        b"Submission(uint256 roundId,uint256 modelId,bytes32 contentHash,bytes32 ciphertextHash)"
    )
    submission = keccak(
        encode(
            ["bytes32", "uint256", "uint256", "bytes32", "bytes32"],
            [
                keccak(submission_type),
                digest.round_id,
                digest.model_id,
                digest.content_hash,
                digest.ciphertext_hash,
            ],
        )
    )
    return keccak(b"\x19\x01" + domain + submission)


def test_what_is_signed_is_the_eip_712_digest() -> None:
    expected = PrivateKey(KEY).sign_msg_hash(first_principles(DIGEST))
    assert DIGEST.sign(KEY) == expected.to_bytes()[:64] + bytes([27 + expected.v])


@pytest.mark.parametrize("what", OTHERS)
def test_every_field_is_part_of_the_digest(what: str) -> None:
    assert OTHERS[what].sign(KEY) == OTHERS[what].sign(KEY.hex()) != DIGEST.sign(KEY)
    signature = DIGEST.sign(KEY)
    recovered = Signature(signature[:64] + bytes([signature[64] - 27]))
    other_key = recovered.recover_public_key_from_msg_hash(first_principles(OTHERS[what]))
    assert OTHERS[what].signer(signature) == other_key.to_checksum_address()


def test_the_signer_is_recovered_with_its_checksum() -> None:
    assert DIGEST.signer(DIGEST.sign(KEY)) == SIGNER


@pytest.mark.parametrize("what", OTHERS)
def test_a_signature_for_something_else_is_anothers(what: str) -> None:
    assert OTHERS[what].signer(DIGEST.sign(KEY)) not in (SIGNER, None)


def test_the_spelling_of_the_tournament_does_not_matter() -> None:
    lower = replace(DIGEST, tournament=DIGEST.tournament.lower())
    assert lower.signer(DIGEST.sign(KEY)) == SIGNER


def test_a_signature_is_65_bytes_with_a_low_s() -> None:
    for model in range(20):
        signature = replace(DIGEST, model_id=model).sign(KEY)
        assert len(signature) == 65
        assert int.from_bytes(signature[32:64], "big") <= ORDER // 2
        assert signature[64] in (27, 28)


def test_the_mirrored_signature_with_a_high_s_is_none() -> None:
    signature = DIGEST.sign(KEY)
    high = (ORDER - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    mirrored = signature[:32] + high + bytes([55 - signature[64]])
    assert DIGEST.signer(mirrored) is None


@pytest.mark.parametrize("v", [0, 1, 26, 29, 35, 37, 255])
def test_another_spelling_of_v_is_no_signature(v: int) -> None:
    assert DIGEST.signer(DIGEST.sign(KEY)[:64] + bytes([v])) is None


@pytest.mark.parametrize("length", [0, 1, 32, 63, 64, 66, 130])
def test_another_length_is_no_signature(length: int) -> None:
    assert DIGEST.signer((DIGEST.sign(KEY) * 2)[:length]) is None


@pytest.mark.parametrize(
    "content",
    [
        bytes(65),
        b"\xff" * 65,
        bytes(64) + b"\x1b",
        b"\xff" * 32 + b"\1" * 32 + b"\x1b",
        ORDER.to_bytes(32, "big") + b"\1" * 32 + b"\x1b",
        b"\1" * 32 + bytes(32) + b"\x1b",
        bytes(32) + b"\1" * 32 + b"\x1c",
    ],
)
def test_garbage_is_no_signature(content: bytes) -> None:
    assert DIGEST.signer(content) is None


def test_one_changed_bit_is_another_signer_or_none() -> None:
    signature = DIGEST.sign(KEY)
    for byte in range(0, 65, 8):
        changed = bytearray(signature)
        changed[byte] ^= 1
        assert DIGEST.signer(bytes(changed)) != SIGNER
