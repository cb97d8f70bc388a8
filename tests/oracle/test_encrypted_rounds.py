"""Rounds with encrypted submissions: who reads predictions, when, and what becomes of a round otherwise."""

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scorer.chain.records import RoundState
from scorer.evaluation.inputs import OnChain
from scorer.evaluation.own import OwnSubmission, verify_own
from scorer.evaluation.restate import restate
from scorer.evaluation.verify import differences
from scorer.isolation import SHARED_READER
from scorer.observation.observe import finalised_block, read_on_chain
from scorer.storage.bundle import (
    ENVELOPES,
    META_MODEL,
    META_MODEL_DIGEST,
    RELEASE,
    REPORT,
    SUBMISSIONS,
    VOTE,
)
from scorer.storage.verification import verify_bundle
from scorer.transactions.request import Reverted
from tests.encrypted_world import (
    encrypted_world,
    files_with_predictions,
    one_sealed_in_secret,
    one_settled_in_secret,
)
from tests.world import DAY, FIRST, NMR, World, begins


@pytest.fixture
def sealed(world: World) -> World:
    """A world with encrypted submissions."""
    return encrypted_world(world)


def test_a_whole_round_settles_and_pays_what_it_would_in_the_clear(world: World) -> None:
    secret = encrypted_world(world)
    numbers = [each.sealed_round() for each in (world, secret)]
    for number in numbers:
        world.resolve(number)
    world.cycle()
    world.pass_challenge_window()
    world.cycle()
    assert [world.record(number).state for number in numbers] == [RoundState.SETTLED] * 2
    member = world.members[0]
    clear, hidden = (member.bundle(number) for number in numbers)
    assert hidden.has(ENVELOPES, SUBMISSIONS, REPORT)
    assert not clear.has(ENVELOPES)
    for model in range(1, 11):
        expected = world.predictions(model, numbers[1]).to_numpy()
        row = hidden.submissions().matrix[model - 1]
        assert row.tolist() == expected.tolist()


@begins(one_settled_in_secret)
def test_no_file_of_the_operator_or_that_members_publish_holds_a_prediction(sealed: World) -> None:
    round_id = FIRST
    operator = sealed.operator
    exchanges = [member.paths.exchange for member in sealed.members]
    folders = [operator.inbox, operator.published, *(each for each in exchanges if each is not None)]
    assert list(files_with_predictions(sealed, round_id, *folders)) == []
    private = sealed.members[0].bundle(round_id).folder
    assert private / SUBMISSIONS in set(files_with_predictions(sealed, round_id, private))


@begins(one_sealed_in_secret)
def test_what_is_decrypted_is_for_its_member_alone(sealed: World) -> None:
    round_id = FIRST
    for member in sealed.members:
        folder = member.bundle(round_id).folder
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / SUBMISSIONS).stat().st_mode) == 0o600
        assert not any(path.name.endswith(".partial") for path in folder.iterdir())


def is_released_or_signed(world: World, round_id: int) -> bool:
    """Whether any member has published shares or a vote, or has decrypted anything."""
    exchanges = [member.paths.exchange_bundle(round_id) for member in world.members]
    shown = any(bundle.has(file) for bundle in exchanges for file in (RELEASE, VOTE))
    return shown or any(member.bundle(round_id).has(SUBMISSIONS) for member in world.members)


def test_nothing_is_released_or_signed_before_a_final_block_shows_that_the_lock_has_ended(
    sealed: World,
) -> None:
    """Else an operator and one member could read all predictions, and lock whom they like."""
    round_id = sealed.open()
    sealed.submit_all(round_id)
    sealed.anvil.advance_to(sealed.record(round_id).close_at)
    functions, collector = sealed.suite.tournament.functions, sealed.operator.collector
    collector.publish(round_id, collector.collect(sealed.record(round_id)))
    for state in (RoundState.OPEN, RoundState.LOCKING):
        if state == RoundState.LOCKING:
            sealed.operator_sender.send(functions.lock(round_id, 0, b"\xff"))
            sealed.anvil.finalise()
        for _ in range(2):
            sealed.cycle()
        assert sealed.record(round_id).state == state
        assert not is_released_or_signed(sealed, round_id)

    sealed.operator_sender.send(functions.endLock(round_id))
    for member in (*sealed.members, *sealed.members):
        member.cycle()  # mined, and not final
    assert not is_released_or_signed(sealed, round_id)

    sealed.anvil.finalise()
    sealed.cycle()
    assert all(member.paths.exchange_bundle(round_id).has(RELEASE) for member in sealed.members)
    with pytest.raises(Reverted, match="WrongState"):
        sealed.operator_sender.send(functions.lock(round_id, 2, b"\x03"))
    sealed.cycle()
    record = sealed.record(round_id)
    assert (record.state, record.at_risk) == (RoundState.SEALED, record.valid_at_risk)
    assert sealed.idle()[8:] == [100 * NMR] * 2


def test_an_end_of_the_lock_that_the_chain_forgets_releases_nothing(sealed: World) -> None:
    round_id = sealed.open()
    sealed.submit_all(round_id)
    sealed.anvil.advance_to(sealed.record(round_id).close_at)
    sealed.operator.cycle()
    sealed.anvil.finalise()
    sealed.operator.cycle()
    assert sealed.record(round_id).state == RoundState.LOCKED
    sealed.anvil.reorganise(1)
    sealed.anvil.finalise()
    for _ in range(2):
        sealed.cycle()
    assert sealed.record(round_id).state == RoundState.LOCKING
    assert not is_released_or_signed(sealed, round_id)
    sealed.tournament.seal_round(round_id)
    assert sealed.record(round_id).state == RoundState.SEALED


def public_bundle(world: World, round_id: int, member: int = 0) -> Path:
    """The folder that a member publishes of a round."""
    return world.members[member].paths.exchange_bundle(round_id).folder


def chain_of(world: World, round_id: int) -> OnChain:
    return read_on_chain(world.suite, round_id, finalised_block(world.suite))


@begins(one_settled_in_secret)
def test_the_public_bundle_and_a_members_prove_the_same_report(sealed: World) -> None:
    round_id = FIRST
    chain = chain_of(sealed, round_id)
    public, private = public_bundle(sealed, round_id), sealed.members[0].bundle(round_id).folder
    assert not (public / SUBMISSIONS).exists()
    found = [verify_bundle(folder, chain, SHARED_READER) for folder in (public, private)]
    assert [each.count for each in found] == [0, 0], [each.first for each in found]
    assert "factor scores are as its members say" in found[0].agreement
    assert "factor scores" not in found[1].agreement
    assert found[0].not_covered == (RELEASE, VOTE)  # an age file, and what the seal on the chain rests on


@begins(one_settled_in_secret)
def test_ones_own_score_reward_and_payout_follow_to_the_bit_from_the_public_bundle(sealed: World) -> None:
    round_id = FIRST
    chain, public = chain_of(sealed, round_id), public_bundle(sealed, round_id)
    for model in (1, 10):
        own = OwnSubmission(model, np.asarray(sealed.predictions(model, round_id), dtype=np.float64))
        found = verify_bundle(public, chain, SHARED_READER, own)
        assert found.count == 0, found.first
        assert found.own[0].startswith(f"model {model}: your predictions give its content hash, corr_")
        assert "mmc_target_20d2l" in found.own[0]
        assert len(found.own) == 1
    other = OwnSubmission(1, np.asarray(sealed.predictions(2, round_id), dtype=np.float64))
    found = verify_bundle(public, chain, SHARED_READER, other)
    assert (found.count, "content hash of model 1" in found.first[0]) == (1, True)


@begins(one_settled_in_secret)
def test_a_false_factor_score_falls_to_its_own_data_scientist_alone(sealed: World) -> None:
    """Members who lie consistently, in scores, manifest and report, are found out by whom they cheat."""
    round_id = FIRST
    private = sealed.members[0].bundle(round_id)
    published = private.published()
    lied = dict(published.scores)
    lied["corr_target_20d2l"] = lied["corr_target_20d2l"].copy()
    lied["corr_target_20d2l"][2] += 0.01
    withheld = replace(
        published, inputs=replace(published.inputs, submissions=private.published_submissions()), scores=lied
    )
    result = restate(withheld)
    claim = replace(withheld, scores=result.scores, manifest=result.manifest, report=result.report.to_json())
    assert list(differences(claim)) == []
    model = int(lied["model_id"][2])
    own = OwnSubmission(model, np.asarray(sealed.predictions(model, round_id), dtype=np.float64))
    (difference,) = verify_own(claim, own).differences
    assert difference.where == f"scores.parquet, model {model}, corr_target_20d2l"
    assert list(differences(replace(claim, inputs=published.inputs))) != []


def test_the_meta_model_is_public_when_the_rules_say(world: World) -> None:
    for when, expected in (("at the seal", True), ("at the resolution", False)):
        secret = encrypted_world(world, meta_model=when)
        round_id = secret.sealed_round()
        secret.cycle()
        bundle = secret.members[0].paths.exchange_bundle(round_id)
        assert (bundle.has(META_MODEL_DIGEST), bundle.has(META_MODEL)) == (True, expected)
        digest = bundle.meta_model_digest()
        secret.settle(round_id)
        assert bundle.manifest()["digests"]["meta_model"] == digest
        assert bundle.has(META_MODEL)


def test_predictions_are_public_at_the_resolution_where_the_rules_say(world: World) -> None:
    secret = encrypted_world(world, predictions="at the resolution")
    round_id = secret.sealed_round()
    bundle = secret.members[0].paths.exchange_bundle(round_id)
    assert not bundle.has(SUBMISSIONS)
    secret.settle(round_id)
    found = verify_bundle(bundle.folder, chain_of(secret, round_id), SHARED_READER)
    assert (found.count, "factor scores" in found.agreement) == (0, False), found.first


def test_predictions_are_public_so_many_days_after_the_resolution(world: World) -> None:
    secret = encrypted_world(world, predictions="after days", days=3)
    round_id = secret.sealed_round()
    secret.settle(round_id)
    bundle = secret.members[0].paths.exchange_bundle(round_id)
    for days, is_public in ((2, False), (2, True)):
        secret.anvil.advance_to(secret.now + days * DAY)
        secret.anvil.finalise()
        secret.cycle()
        assert bundle.has(SUBMISSIONS) == is_public
