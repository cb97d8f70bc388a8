"""Members' keys and shares: lost, changed, late, silent, false; and what operators do with ciphertexts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scorer.chain.records import RoundState
from scorer.encryption import (
    Decryption,
    Envelope,
    EnvelopeState,
    Identity,
    ShareRelease,
    decrypt_round,
    encrypt_predictions,
    envelope_hash,
    parse_envelope,
    release_shares,
    statements,
)
from scorer.encryption.context import BOX_SIZE, HEADER_SIZE, EnvelopeContext
from scorer.encryption.errors import ShareFault
from scorer.lab.in_process import FIRST_MEMBER
from scorer.observation.encryption import round_context
from scorer.oracle.actions import Attest
from scorer.oracle.sealing import Sealing
from scorer.protocol.envelopes import write_envelopes
from scorer.protocol.signature import SubmissionDigest
from scorer.storage.bundle import ENVELOPES, RELEASE, SUBMISSIONS, VOTE, Bundle
from scorer.storage.inbox import submit
from scorer.storage.releases import SignedRelease, largest_release, read_release_file
from tests.encrypted_world import encrypted_world, heard, one_locked_in_secret
from tests.world import FIRST, IDS, World, begins

MOST = largest_release(10)
OLD, NEW = Identity(b"\x11" * 32), Identity(b"\x12" * 32)


@pytest.fixture
def secret(world: World) -> World:
    """A world with encrypted submissions."""
    return encrypted_world(world)


def with_keys(world: World, member: int, *identities: Identity) -> World:
    """A world of which one member's file holds these keys."""
    members = list(world.members)
    members[member] = replace(members[member], identities=identities)
    return replace(world, tournament=replace(world.tournament, members=tuple(members)))


def published_key(world: World, member: int, identity: Identity) -> None:
    """A member publishes another key."""
    sender = world.tournament.sender(FIRST_MEMBER + member)
    sender.send(world.suite.committee.functions.setEncryptionKey(identity.public))


def sealed_at_once(world: World, round_id: int, *there: int) -> None:
    """Some members release, vote, and once the others had their time seal."""
    for _ in range(2):
        world.cycle(*there)
    world.pass_half_of_the_lock_window(round_id)
    world.cycle(*there)


@begins(one_locked_in_secret)
def test_a_member_that_lost_its_key_takes_no_part_and_calls_for_help(secret: World) -> None:
    secret, alarms = heard(with_keys(secret, 0, NEW))
    round_id = FIRST
    sealed_at_once(secret, round_id, 0, 1, 2)
    assert secret.record(round_id).state == RoundState.SEALED
    assert {reason for member, reason, _ in alarms if member == 0} >= {"LOST_KEY"}
    assert {reason for member, reason, _ in alarms if member} == set()
    assert not secret.members[0].bundle(round_id).has(SUBMISSIONS)
    secret.settle(round_id)
    assert not secret.members[0].bundle(round_id).has("report.json")


def test_a_key_that_is_changed_in_mid_round_still_opens_the_round(secret: World) -> None:
    published_key(secret, 0, OLD)
    secret, alarms = heard(with_keys(secret, 0, OLD))
    round_id = secret.open()
    secret.submit_all(round_id)
    published_key(secret, 0, NEW)
    secret = with_keys(secret, 0, NEW, OLD)
    secret.close_and_seal(round_id)
    assert secret.record(round_id).state == RoundState.SEALED
    assert secret.members[0].bundle(round_id).has(SUBMISSIONS)
    following = secret.sealed_round()
    assert secret.record(following).member_set_id == secret.record(round_id).member_set_id + 1
    assert secret.members[0].bundle(following).has(SUBMISSIONS)
    assert alarms == []


def test_a_member_that_joins_late_reads_nothing_of_rounds_before(secret: World) -> None:
    round_id = secret.open()
    secret.submit_all(round_id)
    newcomer = secret.anvil.account(30)
    secret.admin.send(secret.suite.committee.functions.addMember(newcomer.address, 3))
    late = replace(
        secret.members[0],
        address=str(newcomer.address),
        identities=(NEW,),
        paths=replace(secret.members[0].paths, rounds=secret.out / "late", exchange=secret.out / "shown"),
    )
    alarms: list[str] = []
    late.raise_alarm = lambda reason, _: alarms.append(reason.name)
    secret.anvil.advance_to(secret.record(round_id).close_at)
    secret.tournament.lock_round(round_id)
    secret.cycle()
    late.cycle()
    assert not late.bundle(round_id).has(SUBMISSIONS)
    assert not late.paths.exchange_bundle(round_id).has(RELEASE)
    secret.cycle()
    assert secret.record(round_id).state == RoundState.SEALED
    assert alarms == []


@begins(one_locked_in_secret)
def test_a_silent_member_holds_nothing_up(secret: World) -> None:
    round_id = FIRST
    sealed_at_once(secret, round_id, 0, 1)
    assert secret.record(round_id).state == RoundState.SEALED
    assert secret.members[1].bundle(round_id).refused() == frozenset()
    secret.resolve(round_id)
    assert any(isinstance(step.action, Attest) for step in secret.cycle(0))


@begins(one_locked_in_secret)
def test_a_member_that_was_down_reads_the_round_after_the_seal_and_reports_as_the_others(
    secret: World,
) -> None:
    round_id = FIRST
    sealed_at_once(secret, round_id, 0, 1)
    secret.resolve(round_id)
    secret.cycle(0, 1, 2)
    secret.cycle(2)
    reports = {member.bundle(round_id).report().hash() for member in secret.members}
    assert len(reports) == 1


@begins(one_locked_in_secret)
def test_fewer_than_a_quorum_that_pool_all_they_have_learn_nothing(secret: World) -> None:
    """One member of three, where two decide: it reads nothing of what it holds."""
    round_id = FIRST
    secret.cycle(0)
    bundle = secret.members[0].bundle(round_id)
    assert np.isnan(bundle.submissions().matrix[:]).all()
    place, keys = round_context(secret.suite, round_id), secret.tournament.keys_of(round_id)
    assert keys.threshold == 2
    envelopes = [
        parse_envelope(
            bytes(entry.ciphertext or b""),
            EnvelopeContext(place, entry.model_id, entry.content_hash, len(IDS), keys),
        )
        for entry in bundle.published_submissions().entries
    ]
    release, _ = release_shares(envelopes, 0, secret.members[0].identities[0])
    found = list(decrypt_round(envelopes, statements(envelopes, [release]), IDS))
    assert {each.state for each in found} == {EnvelopeState.UNDECIDED}
    assert all(each.key is None and each.predictions is None for each in found)
    assert not bundle.has("vote.json")


@begins(one_locked_in_secret)
def test_a_round_of_which_too_few_release_is_void_and_stays_secret(secret: World) -> None:
    secret, alarms = heard(secret)
    round_id = FIRST
    for _ in range(3):
        secret.cycle(0)
    record = secret.record(round_id)
    secret.anvil.advance_to(record.close_at + (record.lock_until - record.close_at) * 3 // 4 + 1)
    secret.cycle(0)
    assert [reason for _, reason, _ in alarms if reason == "UNDECIDED"] == ["UNDECIDED"]
    assert secret.members[0].bundle(round_id).refused() == frozenset(range(1, 11))
    secret.pass_the_lock_window(round_id)
    secret.cycle(0)
    assert secret.record(round_id).state == RoundState.VOIDED
    assert not any(member.paths.exchange_bundle(round_id).has(RELEASE) for member in secret.members[1:])


@begins(one_locked_in_secret)
def test_a_member_that_released_at_another_positions_head_signs_nothing(secret: World) -> None:
    """The chain on which it released was final, and is no more: an operator may have read all predictions."""
    secret, alarms = heard(secret)
    round_id = FIRST
    bundle = secret.members[0].bundle(round_id)
    secret.cycle(0)
    bundle.write_released(bundle.released() | {"positions_head": "0x" + "07" * 32})
    secret.members[0].cache.forget_chain()
    for _ in range(2):
        secret.cycle()
    assert {reason for member, reason, _ in alarms if member == 0} == {"LOCKED_AFTER_RELEASE"}
    assert not bundle.has(VOTE)
    secret.pass_half_of_the_lock_window(round_id)
    secret.cycle(1, 2)
    assert secret.record(round_id).state == RoundState.SEALED
    secret.cycle(0)
    assert not bundle.has(VOTE)


@begins(one_locked_in_secret)
def test_an_operator_locks_nothing_more_once_it_has_ended_the_lock(secret: World) -> None:
    """A model that submitted without a stake, and deposits then, is left out."""
    round_id = FIRST
    head = secret.record(round_id).positions_head
    secret.operator.cycle()
    assert secret.record(round_id).positions_head == head


@begins(one_locked_in_secret)
def test_a_member_that_releases_wrong_keys_is_named_and_changes_nothing(
    secret: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, alarms = heard(secret)
    round_id = FIRST
    secret.cycle(0)
    with monkeypatch.context() as patched:
        patched.setattr("scorer.oracle.shares.release_shares", lying)
        secret.cycle(2)
    secret.cycle(1)
    secret.cycle(0)
    for _ in range(2):
        secret.cycle(0, 1)
    secret.pass_half_of_the_lock_window(round_id)
    secret.cycle(0, 1)
    assert secret.record(round_id).state == RoundState.SEALED
    named = [detail for member, reason, detail in alarms if reason == "WRONG_RELEASE" and member == 0]
    assert named
    assert f"member {secret.members[2].address} released wrong keys of 10 models" in named[0]


def lying(
    envelopes: Sequence[Envelope], place: int, identity: Identity
) -> tuple[ShareRelease, Mapping[int, ShareFault]]:
    """Release the keys of other boxes."""
    release, faults = release_shares(envelopes, place, identity)
    keys = [entry.box_key for entry in release.entries]
    moved = zip(release.entries, keys[1:] + keys[:1], strict=True)
    return replace(release, entries=tuple(replace(entry, box_key=key) for entry, key in moved)), faults


def published(world: World, round_id: int) -> Bundle:
    return world.operator.published_bundle(round_id)


def rows(bundle: Bundle) -> list[bytes]:
    return [bytes(entry.ciphertext or b"") for entry in bundle.published_submissions().entries]


def write_rows(bundle: Bundle, changed: list[bytes]) -> None:
    with (bundle.folder / ENVELOPES).open("wb") as file:
        write_envelopes(file, changed)


@begins(one_locked_in_secret)
def test_ciphertexts_that_an_operator_swaps_count_for_nobody_and_harm_no_other_model(secret: World) -> None:
    secret, alarms = heard(secret)
    round_id = FIRST
    first, second, *others = rows(published(secret, round_id))
    write_rows(published(secret, round_id), [second, first, *others])
    sealed_at_once(secret, round_id, 0, 1, 2)
    assert secret.record(round_id).state == RoundState.SEALED
    assert secret.members[0].bundle(round_id).refused() == {1, 2}
    texts = [detail for member, reason, detail in alarms if (member, reason) == (0, "REFUSED_SUBMISSION")]
    assert sorted({text.partition(", ")[2] for text in texts}) == [
        f"model {model}: expected the ciphertext that was signed, found another" for model in (1, 2)
    ]
    secret.settle(round_id)
    scores = secret.members[0].bundle(round_id).scores()
    assert scores["payout"][:2].tolist() == scores["burn"][:2].tolist() == [0, 0]


@begins(one_locked_in_secret)
def test_a_ciphertext_that_an_operator_drops_is_no_file_of_the_round(secret: World) -> None:
    secret, alarms = heard(secret)
    round_id = FIRST
    write_rows(published(secret, round_id), rows(published(secret, round_id))[1:])
    secret.cycle(0)
    assert {reason for _, reason, _ in alarms} == {"PUBLISHED_MISMATCH"}
    assert "envelopes.bin" in alarms[0][2]


def test_members_that_are_shown_other_ciphertexts_name_each_other(secret: World, tmp_path: Path) -> None:
    """The quorum that was shown the same seals that; who was shown another is named."""
    secret, alarms = heard(secret)
    round_id = secret.open()
    secret.submit_all(round_id)
    secret.anvil.advance_to(secret.record(round_id).close_at)
    collector = secret.operator.collector
    before = collector.collect(secret.record(round_id))
    other = tmp_path / "elsewhere"
    secret.anvil.advance_to(secret.record(round_id).close_at)
    secret.tournament.lock_round(round_id)
    shown = Bundle(other / published(secret, round_id).folder.relative_to(secret.operator.published))
    shown.copy(published(secret, round_id), *published(secret, round_id).published_files)
    changed = rows(shown)
    changed[0] = changed[0][:-1] + bytes([changed[0][-1] ^ 1])
    write_rows(shown, changed)
    secret.members[2].paths = replace(secret.members[2].paths, published=other)
    for _ in range(2):
        secret.cycle()
    assert len(before.submissions.entries) == 10
    assert {reason for member, reason, _ in alarms if member == 0} == {"PEERS_DIFFER"}
    assert (
        f"member {secret.members[2].address} was given other ciphertexts than we, or none, of 1 models (1)"
        in (next(detail for member, reason, detail in alarms if member == 0))
    )
    secret.pass_half_of_the_lock_window(round_id)
    secret.cycle(0, 1)
    assert secret.record(round_id).state == RoundState.SEALED
    assert secret.members[0].bundle(round_id).refused() == frozenset()


def test_a_release_of_a_stranger_or_for_another_round_is_none(secret: World) -> None:
    first = secret.locked_round()
    secret.cycle(0)
    theirs = secret.members[0].paths.exchange_bundle(first)
    file = read_release_file(theirs.folder, MOST)
    assert file is not None
    place, keys = round_context(secret.suite, first), secret.tournament.keys_of(first)
    members = tuple(secret.suite.committee_members(secret.suite.w3.eth.block_number))
    assert file.is_signed_by(members, place, keys)
    assert not file.is_signed_by(members, round_context(secret.suite, first + 1), keys)
    assert not replace(file, place=1).is_signed_by(members, place, keys)
    assert not replace(file, place=9).is_signed_by(members, place, keys)
    assert not replace(file, content=file.content[:-1]).is_signed_by(members, place, keys)


@pytest.mark.parametrize("content", [b"", b"\x00", bytes(66), b"\xff" * 200])
def test_what_is_no_release_is_passed_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / RELEASE).write_bytes(content)
    assert read_release_file(tmp_path, MOST) is None
    assert read_release_file(tmp_path / "nowhere", MOST) is None
    (tmp_path / RELEASE).write_bytes(SignedRelease(1, bytes(65), b"age").to_bytes())
    assert read_release_file(tmp_path, MOST) == SignedRelease(1, bytes(65), b"age")


def test_a_restarted_member_decrypts_nothing_twice_and_releases_the_same_file(secret: World) -> None:
    round_id = secret.sealed_round()
    member = secret.members[0]
    release = (member.paths.exchange_bundle(round_id).folder / RELEASE).stat()
    rows_before = (member.bundle(round_id).folder / SUBMISSIONS).stat()
    restarted = replace(member, cache=type(member.cache)())
    restarted.cycle()
    assert (member.paths.exchange_bundle(round_id).folder / RELEASE).stat() == release
    assert (member.bundle(round_id).folder / SUBMISSIONS).stat() == rows_before
    assert restarted.cache.decryption.decrypted[round_id].unreadable == {}


def test_what_is_taken_over_anew_after_the_seal_is_decrypted_anew(secret: World) -> None:
    round_id = secret.sealed_round()
    bundle = secret.members[0].bundle(round_id)
    assert bundle.refused() == frozenset()
    for name in (ENVELOPES, SUBMISSIONS):
        (bundle.folder / name).unlink()
    for _ in range(2):
        secret.cycle(0)
    assert bundle.has(ENVELOPES, SUBMISSIONS)
    assert not np.isnan(bundle.submissions().matrix[:]).any()


def test_members_wait_for_shares_from_the_end_of_the_lock_on_however_late_it_is(secret: World) -> None:
    """Else an operator that ends a lock late has a quorum sign that nobody's submission counts."""
    round_id = secret.open()
    secret.submit_all(round_id)
    record = secret.record(round_id)
    secret.anvil.advance_to(record.close_at)
    secret.operator.cycle()
    secret.anvil.finalise()
    secret.anvil.advance_to(record.close_at + (record.lock_until - record.close_at) * 3 // 4 + 1)
    secret.operator.cycle()
    secret.anvil.finalise()
    assert secret.record(round_id).state == RoundState.LOCKED
    near = [member.paths for member in secret.members]
    for member in secret.members:
        member.paths = replace(member.paths, peers=())  # what others publish arrives a cycle later
    secret.cycle()
    assert not any(member.bundle(round_id).has(VOTE) for member in secret.members)
    for member, paths in zip(secret.members, near, strict=True):
        member.paths = paths
    for _ in range(2):
        secret.cycle()
    record = secret.record(round_id)
    assert (record.state, record.valid_at_risk) == (RoundState.SEALED, record.at_risk)


def unreadable_envelope(world: World, round_id: int, model: int) -> None:
    """A signed envelope of the right form whose boxes open for nobody."""
    place, keys = round_context(world.suite, round_id), world.tournament.keys_of(round_id)
    values = np.asarray(world.predictions(model, round_id), dtype=np.float64)
    made = encrypt_predictions(world.ids, values, place, model, keys)
    content = bytearray(made.content)
    for box in range(len(keys.holders)):
        content[HEADER_SIZE + BOX_SIZE * (box + 1) - 1] ^= 1  # of the tag at its end
    digest = SubmissionDigest(
        place.chain_id,
        place.tournament,
        round_id,
        model,
        made.context.content_hash,
        envelope_hash(bytes(content)),
    )
    key = world.participants[model - 1].account.key
    submit(world.operator.inbox, digest, key, f"{model}.envelope", bytes(content), received_at=world.now)


def test_a_member_that_rewrites_its_release_does_not_keep_others_decrypting(
    secret: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    round_id = secret.open()
    secret.submit_all(round_id, range(1, 10))
    unreadable_envelope(secret, round_id, 10)
    secret.anvil.advance_to(secret.record(round_id).close_at)
    secret.tournament.lock_round(round_id)
    decrypted: list[int] = []

    def counted(*arguments: Any) -> Iterator[Decryption]:
        decrypted.append(1)
        return decrypt_round(*arguments)

    monkeypatch.setattr("scorer.oracle.round_decryption.decrypt_round", counted)
    junk = secret.members[2].paths.exchange_bundle(round_id).folder
    junk.mkdir(parents=True, exist_ok=True)

    def cycles_of_the_first(count: int) -> int:
        decrypted.clear()
        for number in range(count):
            (junk / RELEASE).write_bytes(bytes([number]) * 100)
            secret.cycle(0)
        return len(decrypted)

    secret.cycle(0, 1)
    assert cycles_of_the_first(12) <= len(secret.members) + 1
    record = secret.record(round_id)
    secret.anvil.advance_to(record.close_at + (record.lock_until - record.close_at) * 3 // 4 + 60)
    for _ in range(2):
        secret.cycle(0, 1)
    assert secret.record(round_id).state == RoundState.SEALED
    assert secret.members[0].bundle(round_id).refused() == {10}
    assert cycles_of_the_first(4) == 0


@begins(one_locked_in_secret)
def test_what_came_since_is_read_at_the_deadline_before_a_member_votes(
    secret: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many releases were rewritten, and however short ago everything was decrypted."""
    round_id = FIRST
    secret.cycle(0)
    found = secret.members[0].cache.decryption.decrypted
    record = secret.record(round_id)
    started = found[round_id].released.at
    deadline = started + (record.lock_until - started) * 3 // 4
    secret.anvil.advance_to(deadline - 20)
    found[round_id] = replace(found[round_id], attempts=100, at=deadline - 20)
    secret.cycle(1)
    secret.cycle(0)
    assert set(found[round_id].unreadable.values()) == {"undecided"}
    secret.anvil.advance_to(deadline + 1)
    secret.cycle(0)
    assert found[round_id].unreadable == {}


def test_a_release_on_more_envelopes_than_there_are_models_is_none(tmp_path: Path) -> None:
    (tmp_path / RELEASE).write_bytes(SignedRelease(1, bytes(65), bytes(MOST)).to_bytes())
    assert read_release_file(tmp_path, MOST) is None


@begins(one_locked_in_secret)
def test_of_a_release_only_what_is_about_our_envelopes_is_kept(secret: World) -> None:
    round_id = FIRST
    place, keys = round_context(secret.suite, round_id), secret.tournament.keys_of(round_id)
    envelopes = [
        parse_envelope(
            bytes(entry.ciphertext or b""),
            EnvelopeContext(place, entry.model_id, entry.content_hash, len(IDS), keys),
        )
        for entry in published(secret, round_id).published_submissions().entries
    ]
    release, _ = release_shares(envelopes, 0, secret.members[0].identities[0])
    kept = release.about(envelopes[:3])
    assert [entry.model_id for entry in kept.entries] == [1, 2, 3]
    assert kept.other_envelopes(envelopes[:3]) == ()


@begins(one_locked_in_secret)
def test_a_member_is_called_when_others_refuse_what_it_read(secret: World) -> None:
    secret, alarms = heard(secret)
    round_id = FIRST
    secret.cycle(0)
    judged = Sealing._reasons

    def refusing(self: Sealing, *arguments: Any) -> dict[int, str]:
        return judged(self, *arguments) | {7: "expected nothing, found a rival"}

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Sealing, "_reasons", refusing)
        for _ in range(2):
            secret.cycle(1, 2)
    secret.cycle(0)
    said = [detail for member, reason, detail in alarms if (member, reason) == (0, "OVERRULED")]
    assert said == [f"round {round_id}: other members refuse 1 models (7), which we would count"]
