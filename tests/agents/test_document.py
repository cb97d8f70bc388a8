"""Documents, leaves and signatures, without chain and files."""

from dataclasses import replace

import numpy as np
import pytest
from eth_abi.abi import encode
from eth_account.messages import encode_typed_data
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from scorer.agents.decide import ConsensusView, signs_now
from scorer.agents.document import Consensus, rotation_message, set_hash
from scorer.agents.leaves import WEIGHT_UNIT, Body, asset_of, body_of, seed_of, weights_of
from scorer.agents.signing import (
    QuorumConsensus,
    SignedConsensus,
    equivocations,
    problems_with,
    with_quorum,
)
from scorer.protocol.documents import to_hex
from scorer.protocol.submissions import Submission, Submissions
from tests.agents.documents import BODY, KEYS, MEMBERS, NOW, QUORUM, STRANGER, UNIVERSE, document, sign


def quorum_of(consensus: Consensus, keys: tuple[bytes, ...] = KEYS[:QUORUM]) -> QuorumConsensus:
    """The document with the signatures of these keys."""
    found = with_quorum([sign(key, consensus) for key in keys], MEMBERS, QUORUM)
    assert found is not None
    return found


def test_the_digest_is_that_of_a_general_encoder_of_typed_data() -> None:
    consensus = document()
    kinds = ["uint256", "address", "uint256", *["bytes32"] * 4, "uint32", "uint64", "uint64"]
    names = ["chainId", "tournament", "roundId", "memberSet", "seal", "metaModel", "root", "assets"]
    names += ["publishedAt", "expiresAt"]
    signable = encode_typed_data(
        {"name": "Cupel Consensus", "version": "1"},
        {"Consensus": [{"name": n, "type": k} for n, k in zip(names, kinds, strict=True)]},
        dict(zip(names, consensus.struct, strict=True)),
    )
    assert consensus.message == b"\x19" + signable.version + signable.header + signable.body


def test_a_set_has_one_hash_whatever_the_order_of_its_members() -> None:
    ascending = sorted(MEMBERS, key=lambda member: int(member, 16))
    assert set_hash(MEMBERS[::-1], 3) == set_hash(MEMBERS, 3)
    assert set_hash(MEMBERS, 3) == keccak(encode(["address[]", "uint256"], [ascending, 3]))
    assert set_hash(MEMBERS, 3) != set_hash(MEMBERS, 4)


def test_a_rotation_names_its_set_and_its_first_round() -> None:
    numbers = [(2, 7), (3, 7), (2, 8)]
    messages = {rotation_message(1, MEMBERS[0], *pair, bytes(32), keccak(b"next")) for pair in numbers}
    assert len(messages) == len(numbers)


def test_a_document_written_is_read_again() -> None:
    consensus = document()
    assert Consensus.from_json(consensus.to_json()) == consensus
    signed, quorum = sign(KEYS[0], consensus), quorum_of(consensus)
    assert SignedConsensus.from_json(signed.to_json()) == signed
    assert QuorumConsensus.from_json(quorum.to_json()) == quorum
    assert Body.from_json(BODY.to_json()) == BODY


@pytest.mark.parametrize(
    "change",
    [
        {"assets": 0},
        {"assets": 2**32},
        {"expires_at": NOW - 101},
        {"expires_at": NOW + 200 * 86_400},
        {"root": "0x00"},
        {"round_id": -1},
        {"round_id": True},
        {"tournament": "0x" + "ab" * 20},
        {"more": 1},
    ],
)
def test_a_document_that_says_nonsense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Consensus.from_json(document().to_json() | change)


def test_a_leaf_is_what_the_contract_hashes() -> None:
    leaf = BODY.leaves[0]
    encoded = encode(["bytes32", "uint32", "int64", "bytes32"], leaf.struct)
    assert leaf.weight < 0
    assert leaf.hash == keccak(keccak(encoded))
    assert leaf.asset == asset_of("id0")


@given(st.lists(st.integers(0, 20), min_size=1, max_size=50))
def test_weights_are_a_book_of_two_sides_in_the_order_of_the_meta_model(values: list[int]) -> None:
    meta_model = np.array(values, dtype=np.float64)
    body = body_of(Submissions(tuple(f"{i:02}" for i in range(len(values))), ()), (), meta_model)
    weights = weights_of(body.ranks)
    assert sum(abs(weight) for weight in weights) <= WEIGHT_UNIT
    assert abs(sum(weights)) <= len(weights)
    for one, other in zip(
        np.argsort(values, kind="stable"), np.argsort(values, kind="stable")[1:], strict=False
    ):
        assert weights[one] <= weights[other]


def test_a_guessed_salt_confirms_no_rank() -> None:
    """With the salt one tries all ranks in no time; without it, none of them gives the leaf."""
    leaf = BODY.leaves[2]
    ranks = [replace(leaf, rank=rank, weight=weights_of((rank,) * 5)[0]) for rank in range(2, 11)]
    guesses = [
        replace(each, salt=salt) for each in ranks for salt in (bytes(32), keccak(leaf.asset), BODY.seed)
    ]
    assert leaf.hash not in {guess.hash for guess in guesses}


def submissions(*rows: list[float]) -> Submissions:
    """Submissions of models from 1 on."""
    entries = tuple(
        Submission(model, np.array(row), keccak(bytes([model])), MEMBERS[0], b"")
        for model, row in enumerate(rows, 1)
    )
    return Submissions(UNIVERSE, entries)


def test_salts_change_with_any_prediction_that_counts_and_with_no_other() -> None:
    row = [0.1, 0.2, 0.3, 0.4, 0.5]
    seed = seed_of(submissions(row, row), ())
    assert seed != seed_of(submissions(row, [*row[:4], 0.6]), ())
    assert seed != seed_of(submissions(row, row), (2,))
    assert seed_of(submissions(row, row), (2,)) == seed_of(submissions(row, row[::-1]), (2,))


def test_attack_the_public_salts_of_a_round_open_the_next_where_every_model_predicts_the_same() -> None:
    """The seed was one of predictions alone: who had last round's body could try the ranks of this one."""
    row = [0.1, 0.2, 0.3, 0.4, 0.5]
    first, second = (
        Submissions(UNIVERSE, (Submission(1, np.array(row), keccak(b"content"), MEMBERS[0], signature),))
        for signature in (b"of round 1", b"of round 2")
    )
    assert seed_of(first, ()) != seed_of(second, ())


@pytest.mark.parametrize(
    "body", [{"ranks": [2] * 4}, {"ranks": [1] * 5}, {"universe": list("ABCBA")}, {"seed": "0x"}]
)
def test_a_body_that_fits_no_universe_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Body.from_json(BODY.to_json() | body)


def test_a_quorum_is_collected_from_whatever_order() -> None:
    consensus = document()
    found = with_quorum([sign(key, consensus) for key in KEYS[::-1][:QUORUM]], MEMBERS, QUORUM)
    assert found is not None
    assert all(member == signer for member, signer in found.signed_by())
    assert not list(problems_with(found, MEMBERS, QUORUM, NOW))


def test_forged_repeated_and_foreign_signatures_make_no_quorum() -> None:
    consensus = document()
    good = [sign(key, consensus) for key in KEYS[:2]]
    forged = sign(STRANGER, consensus, MEMBERS[2])
    stranger = sign(STRANGER, consensus)
    other = sign(KEYS[2], document(round_id=8))
    other_set = sign(KEYS[2], document(member_set=bytes(32)))
    for more in ([], [forged], [stranger], good, [other], [other_set]):
        assert with_quorum([*good, *more], MEMBERS, QUORUM) is None


def test_sub_quorum_expired_and_forged_documents_are_named_as_such() -> None:
    found = quorum_of(document())
    fewer = replace(found, signers=found.signers & (found.signers - 1), signatures=found.signatures[65:])
    assert any(
        "signatures of 3 members, found 2" in text for text in problems_with(fewer, MEMBERS, QUORUM, NOW)
    )
    assert any("expired" in text for text in problems_with(found, MEMBERS, QUORUM, NOW + 100))
    forged = replace(found, consensus=document(root=bytes(32)))
    assert any("expected a signature of" in text for text in problems_with(forged, MEMBERS, QUORUM, NOW))
    lowered = replace(found, quorum=2)
    assert any("their quorum" in text for text in problems_with(lowered, MEMBERS, QUORUM, NOW))
    other = quorum_of(document())
    assert any("member set" in text for text in problems_with(other, MEMBERS[:3], 2, NOW))


def test_two_documents_of_one_member_are_found_whoever_hands_them_in() -> None:
    first, second = document(), document(root=keccak(b"another"))
    pair = sign(KEYS[0], first), sign(KEYS[0], second)
    again = sign(KEYS[0], document(root=keccak(b"third")))
    found = list(equivocations([sign(KEYS[1], second), *pair, again, sign(KEYS[1], second)]))
    assert found == [pair]
    forged = sign(STRANGER, second, MEMBERS[2])
    assert not list(equivocations([sign(KEYS[2], first), forged, sign(KEYS[2], document(round_id=8))]))


@pytest.mark.parametrize("field", ["is_sealed", "is_resolved", "is_member", "has_signed", "is_readable"])
def test_a_document_is_signed_once_and_only_by_a_member_that_can_read_a_sealed_round(field: str) -> None:
    ready = ConsensusView(
        is_sealed=True, is_resolved=False, is_member=True, has_signed=False, is_readable=True
    )
    assert signs_now(ready)
    assert not signs_now(replace(ready, **{field: not getattr(ready, field)}))


def test_signers_of_a_file_are_places_of_members() -> None:
    document_json = quorum_of(document()).to_json()
    for change in ({"signers": [0, 0, 1]}, {"signers": [0, 1, 9]}, {"signatures": to_hex(b"")}):
        with pytest.raises(ValueError, match="expected"):
            QuorumConsensus.from_json(document_json | change)
