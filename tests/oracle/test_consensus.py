"""Consensus documents while a round runs: members sign the same, once, and none reads more than it may."""

import json
from collections.abc import Sequence

import pytest

from scorer.agents.document import Consensus
from scorer.agents.files import collect, read_body, read_signed
from scorer.agents.signing import QuorumConsensus
from scorer.encryption import Identity
from scorer.encryption.age import decrypt, parse
from scorer.isolation import SHARED_READER
from scorer.storage.schemas import CONSENSUS, CONSENSUS_BODY, CONSENSUS_FOR_SUBSCRIBERS
from tests.encrypted_world import encrypted_world, files_with_predictions, heard, one_sealed_in_secret
from tests.world import FIRST, World, begins


@pytest.fixture
def secret(world: World) -> World:
    """A world with encrypted submissions, in which members publish in folders of their own."""
    return encrypted_world(world)


def collected(world: World, round_id: int) -> QuorumConsensus | None:
    """What anybody collects from the folders that members publish."""
    folders = [member.paths.exchange_bundle(round_id).folder for member in world.members]
    record = world.record(round_id)
    members = world.suite.member_set(record.member_set_id, world.suite.w3.eth.block_number)
    place = world.suite.addresses.chain_id, world.members[0].paths.tournament, round_id
    return collect(folders, place, members.members, members.quorum, SHARED_READER).agreed


def documents(world: World, round_id: int) -> Sequence[Consensus | None]:
    """What each member signed."""
    paths = [member.paths.exchange_bundle(round_id).folder / CONSENSUS for member in world.members]
    read = [read_signed(path, SHARED_READER) for path in paths]
    return [None if signed is None else signed.consensus for signed in read]


def test_every_member_signs_the_same_document_right_after_the_seal(secret: World) -> None:
    world, alarms = heard(secret)
    round_id = world.sealed_round()
    world.cycle()
    found = collected(world, round_id)
    assert found is not None
    assert len({*documents(world, round_id)}) == 1
    assert len(list(found.signed_by())) == 3
    record, committee = world.record(round_id), world.suite.committee
    seal = committee.functions.sealOf(world.members[0].paths.tournament, round_id).call()
    assert found.consensus.seal == bytes(seal[0])
    assert found.consensus.expires_at == record.resolve_at
    assert record.close_at <= found.consensus.published_at < record.resolve_at
    assert not alarms


@begins(one_sealed_in_secret)
def test_the_root_is_public_at_once_and_the_body_with_the_meta_model(secret: World) -> None:
    round_id = FIRST
    secret.cycle()
    folder = secret.members[0].paths.exchange_bundle(round_id).folder
    assert (folder / CONSENSUS).exists()
    assert not (folder / CONSENSUS_BODY).exists()
    own = secret.members[0].paths.own_bundle(round_id).folder / CONSENSUS_BODY
    content = own.read_bytes()
    assert not list(files_with_predictions(secret, round_id, folder))
    secret.settle(round_id)
    assert (folder / CONSENSUS_BODY).read_bytes() == content
    found = collected(secret, round_id)
    assert found is not None
    body = read_body(folder / CONSENSUS_BODY, found.consensus)
    assert body.universe == secret.ids


@begins(one_sealed_in_secret)
def test_subscribers_alone_read_the_body_before_it_is_public(secret: World) -> None:
    subscriber = Identity.generate()
    member = secret.members[0]
    member.policy = member.policy.__class__(subscribers=(subscriber.public,))
    round_id = FIRST
    secret.cycle()
    folder = member.paths.exchange_bundle(round_id).folder
    own = (member.paths.own_bundle(round_id).folder / CONSENSUS_BODY).read_bytes()
    sealed = (folder / CONSENSUS_FOR_SUBSCRIBERS).read_bytes()
    assert json.loads(own)["seed"].encode() not in sealed
    assert decrypt(parse(sealed, len(own)), subscriber)[1] == own


@begins(one_sealed_in_secret)
def test_a_member_that_lost_its_bundle_signs_no_second_document(secret: World) -> None:
    round_id = FIRST
    secret.cycle()
    member = secret.members[0]
    own = member.paths.own_bundle(round_id).folder / CONSENSUS
    own.unlink()
    secret.cycle()
    assert not own.exists()


def test_a_member_that_signs_another_document_is_noticed(secret: World) -> None:
    world, alarms = heard(secret)
    round_id = world.sealed_round()
    world.cycle()
    folder = world.members[1].paths.exchange_bundle(round_id).folder / CONSENSUS
    document = json.loads(folder.read_text())
    folder.write_text(json.dumps(document | {"consensus": document["consensus"] | {"assets": 3}}))
    world.cycle()
    # Nobody signed this: it is no document at all.
    assert not alarms
    assert collected(world, round_id) is not None


@begins(one_sealed_in_secret)
def test_a_member_whose_files_are_of_another_seal_signs_no_other_document(secret: World) -> None:
    round_id = FIRST
    member = secret.members[0]
    member.paths.own_bundle(round_id).write_refused(frozenset({1}))
    secret.cycle()
    signed = documents(secret, round_id)
    assert signed[1] is not None
    assert {*signed} - {None} == {signed[1]}


def test_nothing_is_signed_before_the_seal(secret: World) -> None:
    round_id = secret.locked_round()
    secret.cycle(0)
    assert documents(secret, round_id) == [None] * 3
