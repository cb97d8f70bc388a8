"""ConsensusVerifier.verify, predicts"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ape
import pytest
from documents import HASHES, LEAVES, ascending, leaf, levels, proof, set_hash, sign
from eth_utils import keccak
from support import DAY

if TYPE_CHECKING:
    from conftest import Agents


def test_a_document_of_another_chain_is_refused(agents: Agents) -> None:
    with ape.reverts(agents.verifier.WrongChain, chainId=1, expected=137):
        agents.verify(agents.document(chainId=1))


def test_a_document_of_another_tournament_is_refused(agents: Agents) -> None:
    other = agents.house.alice.address
    with ape.reverts(agents.verifier.WrongTournament, tournament=other, expected=agents.home):
        agents.verify(agents.document(tournament=other))


def test_members_other_than_the_documents_are_refused(agents: Agents) -> None:
    document = agents.document()
    with ape.reverts(agents.verifier.OtherMembers):
        agents.verify(document, members=[*agents.members[:3], agents.house.alice])


def test_a_lowered_quorum_is_refused(agents: Agents) -> None:
    arguments = agents.arguments(agents.document(), agents.members[:2])
    arguments[2] = 2
    with ape.reverts(agents.verifier.OtherMembers):
        agents.verifier.verify(*arguments)


def test_a_set_that_nobody_named_is_refused(agents: Agents) -> None:
    strangers = list(agents.house.accounts[:4])
    unknown = set_hash(strangers, 3)
    with ape.reverts(agents.verifier.UnknownMemberSet, setHash=unknown, acceptedUntil=0):
        agents.verify(agents.document(memberSet=unknown), members=strangers)


def test_a_document_of_the_future_is_refused(agents: Agents) -> None:
    with ape.reverts(agents.verifier.NotPublishedYet):
        agents.verify(agents.document(publishedAt=agents.house.now() + DAY))


def test_an_expired_document_is_refused(agents: Agents) -> None:
    document = agents.document()
    agents.house.pass_to(document["expiresAt"])
    with ape.reverts(agents.verifier.Expired):
        agents.verify(document)


def test_a_document_that_never_expires_is_refused(agents: Agents) -> None:
    with ape.reverts(agents.verifier.LifetimeTooLong):
        agents.verify(agents.document(expiresAt=2**64 - 1))


def test_a_document_without_a_leaf_is_refused(agents: Agents) -> None:
    with ape.reverts(agents.verifier.NoAssets):
        agents.verify(agents.document(assets=0))


def test_signers_beyond_the_set_are_refused(agents: Agents) -> None:
    arguments = agents.arguments(agents.document())
    arguments[3] |= 1 << 4
    with ape.reverts(agents.verifier.SignersOutOfRange, signers=arguments[3], memberCount=4):
        agents.verifier.verify(*arguments)


@pytest.mark.parametrize("count", [0, 2])
def test_fewer_than_a_quorum_are_refused(agents: Agents, count: int) -> None:
    with ape.reverts(agents.verifier.TooFewSigners, signerCount=count, quorum=3):
        agents.verify(agents.document(), signers=agents.members[:count])


def test_signatures_of_another_length_are_refused(agents: Agents) -> None:
    arguments = agents.arguments(agents.document())
    arguments[4] += b"\0"
    with ape.reverts(agents.verifier.SignaturesLengthMismatch, length=196, expected=195):
        agents.verifier.verify(*arguments)


def test_one_member_is_no_quorum_however_often_it_signs(agents: Agents) -> None:
    document = agents.document()
    arguments = agents.arguments(document)
    arguments[4] = sign(document, ascending(agents.members)[0]) * 3
    with ape.reverts(agents.verifier.WrongSigner):
        agents.verifier.verify(*arguments)


@pytest.mark.parametrize(
    "field", ["roundId", "root", "seal", "metaModel", "assets", "publishedAt", "expiresAt"]
)
def test_a_forged_field_is_refused(agents: Agents, field: str) -> None:
    document = agents.document()
    arguments = agents.arguments(document)
    value = document[field]
    forged = document | {field: value + 1 if isinstance(value, int) else keccak(b"forged")}
    with ape.reverts(agents.verifier.WrongSigner):
        agents.verifier.verify(tuple(forged.values()), *arguments[1:])


def test_a_quorum_is_enough_and_all_are_too(agents: Agents) -> None:
    document = agents.document()
    digest = agents.verify(document)
    assert digest == bytes(agents.verifier.digestOf(tuple(document.values())))
    assert agents.verify(document, signers=agents.members) == digest
    assert agents.verify(document, signers=agents.members[1:]) == digest


def predicts(agents: Agents, index: int, siblings: list[bytes], values: Any = None) -> bool:
    document = tuple(agents.document().values())
    return bool(
        agents.verifier.predicts(document, LEAVES[index] if values is None else values, index, siblings)
    )


def test_every_leaf_is_in_the_document_and_nothing_else(agents: Agents) -> None:
    for index in range(len(LEAVES)):
        assert predicts(agents, index, proof(HASHES, index))
    assert not predicts(agents, 0, proof(HASHES, 1))
    assert not predicts(agents, 0, proof(HASHES, 0)[:-1])
    changed = leaf("AAA", 10, 500_000_001)
    assert not predicts(agents, 0, proof(HASHES, 0), changed)
    unsalted = leaf("AAA", 10, 500_000_000, bytes(32))
    assert not predicts(agents, 0, proof(HASHES, 0), unsalted)
    assert len(levels(HASHES)) == 4
