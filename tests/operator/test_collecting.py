"""Late, gated and ticker-named submissions on a real chain: what is scored, and whose stake is locked."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scorer.chain.records import RoundState
from scorer.lab.demo.files import write_submission
from scorer.operator.collection import Collection
from scorer.protocol.rules import NeutralChurn, preset
from scorer.protocol.tables import NEUTRAL_CHURN, Table, table_file
from scorer.storage.bundle import RULES, Bundle, BundleError, round_folder
from tests.chains import Chains
from tests.encrypted_world import encrypted_world
from tests.world import NMR, World, lent_world

LONG_IDS = tuple(f"id{number:03}" for number in range(120))


@pytest.fixture
def small(chains: Chains, tmp_path: Path) -> Iterator[World]:
    """A fresh tournament of four models."""
    with lent_world(chains, tmp_path, 4) as world:
        yield world


def gate_tables(count: int) -> dict[str, Table]:
    """Equal weights, and the market as the only neutralizer."""
    weights = np.full(count, count**-0.5)
    return {"sample_weights": {"sample_weights": weights}, "neutralizers": {"market": np.ones(count)}}


def decided(collection: Collection) -> tuple[list[int], list[int]]:
    """The models that stake, and those that are late."""
    return sorted(collection.staked), sorted(collection.late)


def heard(world: World) -> tuple[World, list[tuple[str, str]]]:
    """A world whose first member's alarms are heard."""
    alarms: list[tuple[str, str]] = []
    first, *others = world.members
    hearing = replace(first, raise_alarm=lambda reason, detail: alarms.append((reason.name, detail)))
    return replace(world, tournament=replace(world.tournament, members=(hearing, *others))), alarms


def scored(world: World, round_id: int) -> pd.DataFrame:
    """A settled round's scores, by model."""
    return pd.DataFrame(world.members[0].bundle(round_id).scores()).set_index("model_id")


def test_a_late_model_is_scored_and_its_stake_stays_idle(small: World) -> None:
    round_id = small.open()
    small.submit_all(round_id, range(1, 4))
    in_time = small.predictions(1, round_id).to_numpy()
    small.anvil.advance_to(small.record(round_id).close_at + 60)
    small.submit(round_id, 4)
    small.submit(round_id, 1, write_submission(small.predictions(1, 99), "csv"), label="late")
    small.anvil.advance_to(small.now + 60)
    small.close_and_seal(round_id)
    collection = small.operator.collector.collect(small.record(round_id))
    assert decided(collection) == ([1, 2, 3], [4])
    assert collection.submissions.matrix[0] == pytest.approx(in_time)
    assert small.idle()[3] == 100 * NMR
    small.settle(round_id)
    scores = scored(small, round_id)
    assert scores.position[4] == scores.payout[4] == scores.burn[4] == 0
    assert np.isfinite(scores.corr_target_20d2l[4])
    assert (scores.position[[1, 2, 3]] > 0).all()


def test_a_gated_model_does_not_count_and_its_position_comes_back_whole(small: World) -> None:
    first = replace(small, ids=LONG_IDS, tables=gate_tables(len(LONG_IDS)))
    before = first.open()
    first.submit_all(before, range(1, 4))
    first.close_and_seal(before)
    gated = first.rules.model_copy(update={"gates": preset("signals").gates})
    second, alarms = heard(replace(first, rules=gated))
    round_id = second.open()
    for steady in (1, 2):
        second.submit(round_id, steady, write_submission(second.predictions(steady, before), "csv"))
    second.submit_all(round_id, range(3, 5))
    second.close_and_seal(round_id)
    for member in second.members:
        assert member.bundle(round_id).refused() == {3, 4}
    reasons = {model: detail for _, detail in alarms for model in (3, 4) if f"model {model}:" in detail}
    assert {kind for kind, _ in alarms} == {"REFUSED_SUBMISSION"}
    assert "expected a churn below 15 %, found " in reasons[3]
    assert "expected a submission in the 7 days before, found none" in reasons[4]
    record = second.record(round_id)
    assert 0 < record.valid_at_risk < record.at_risk
    second.settle(round_id)
    scores = scored(second, round_id)
    assert (scores.position > 0).all()
    assert scores.reward_score[[3, 4]].tolist() == [0, 0]
    assert np.isfinite(scores.corr_target_20d2l[[1, 2]]).all()
    assert second.idle()[3] == 100 * NMR


def test_a_void_round_that_nobody_could_read_refuses_no_model_in_the_next(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady = pd.Series(np.random.default_rng(1).random(len(LONG_IDS)), index=list(LONG_IDS))
    monkeypatch.setattr(World, "predictions", lambda *_: steady)
    gated = small.rules.model_copy(update={"gates": preset("signals").gates})
    tables = gate_tables(len(LONG_IDS))
    world = encrypted_world(replace(small, ids=LONG_IDS, tables=tables, rules=gated))
    for expected in ({1, 2, 3, 4}, set()):  # nobody submitted before the first
        round_id = world.open()
        world.submit_all(round_id, range(1, 5))
        world.close_and_seal(round_id)
        assert world.members[0].bundle(round_id).refused() == expected
    unread = world.open()
    world.submit_all(unread, range(1, 5))
    world.anvil.advance_to(world.record(unread).close_at)
    world.tournament.lock_round(unread)
    near = [member.paths for member in world.members]
    for member in world.members:
        member.paths = replace(member.paths, peers=())
    world.cycle()
    world.pass_the_lock_window(unread)
    world.cycle()
    assert world.record(unread).state == RoundState.VOIDED
    for member, paths in zip(world.members, near, strict=True):
        member.paths = paths
    following = world.open()
    world.submit_all(following, range(1, 5))
    world.close_and_seal(following)
    assert world.members[0].bundle(following).refused() == frozenset()
    assert world.record(following).valid_at_risk == world.record(following).at_risk


def test_the_operator_publishes_the_churn_that_the_rules_ask_for(small: World) -> None:
    adjusters = small.rules.adjusters.model_copy(
        update={"neutral_churn": NeutralChurn(threshold="0.1", scale="10")}  # type: ignore[arg-type]
    )
    rules = small.rules.model_copy(update={"adjusters": adjusters})
    without = replace(small, ids=LONG_IDS, rules=rules)
    with pytest.raises(
        BundleError, match=r"expected a table, which adjusters.neutral_churn in the rules need"
    ):
        without.open()
    world = replace(without, tables=gate_tables(len(LONG_IDS)))
    before = world.open()
    world.submit_all(before, range(1, 4))
    world.close_and_seal(before)
    round_id = world.open()
    world.submit(round_id, 1, write_submission(world.predictions(1, before), "csv"))
    world.submit_all(round_id, range(2, 5))
    world.close_and_seal(round_id)
    published = world.operator.published_bundle(round_id)
    churn = published.table(NEUTRAL_CHURN, LONG_IDS)
    assert churn["model_id"].tolist() == [1, 2, 3, 4]
    assert churn["neutral_churn"][0] == 0
    assert (churn["neutral_churn"][1:3] > 0.5).all()
    assert churn["neutral_churn"][3] == 1
    for member in world.members:
        folder = round_folder(member.paths.targets, str(world.suite.tournament.address), round_id)
        Bundle(folder).copy(published, table_file(NEUTRAL_CHURN))
    world.settle(round_id)
    scores = scored(world, round_id)
    assert scores.retained[1] == 1_000_000
    assert (scores.retained[[2, 3, 4]] < 100_000).all()


def test_files_name_ids_by_tickers_where_the_rules_are_those_of_signals(small: World) -> None:
    tickers = [f"T{number} US" for number in range(119)]
    rules = preset("classic").model_copy(update={"submissions": "signals", "secrecy": None})
    world = replace(small, ids=LONG_IDS, rules=rules, names={"bloomberg_ticker": [*tickers, None]})
    round_id = world.open()
    for model in range(1, 4):
        signal = np.random.default_rng(model).random(110)
        file = pd.DataFrame({"bloomberg_ticker": tickers[:110], "signal": signal})
        world.submit(round_id, model, file.to_csv(index=False).encode())
    world.submit(round_id, 4)
    world.close_and_seal(round_id)
    collection = world.operator.collector.collect(world.record(round_id))
    assert collection.staked == {1, 2, 3}
    assert collection.submissions.matrix[:][:, 110:].tolist() == [[0.5] * 10] * 3
    assert [refusal.model_id for refusal in collection.refusals] == [4]
    assert "expected the columns [ticker or sedol" in collection.refusals[0].reason
    world.settle(round_id)
    assert (scored(world, round_id).position > 0).all()


def test_what_was_published_is_locked_whatever_the_inbox_holds_later(small: World) -> None:
    round_id = small.open()
    small.submit_all(round_id, range(1, 3))
    small.anvil.advance_to(small.record(round_id).close_at + 60)
    small.submit(round_id, 3)
    small.anvil.advance_to(small.now + 60)
    operator = small.operator
    operator.collector.publish(round_id, operator.collector.collect(small.record(round_id)))
    small.submit(round_id, 4)
    small.submit(round_id, 1, b"nonsense")
    small.close_and_seal(round_id)
    assert [idle == 100 * NMR for idle in small.idle()] == [False, False, True, True]
    again = operator.collector.collect(small.record(round_id))
    assert decided(again) == ([1, 2], [3])


def test_rules_that_are_not_those_of_the_chain_stop_the_collection(small: World) -> None:
    round_id = small.open()
    bundle = small.operator.published_bundle(round_id)
    bundle.write_rules(preset("crypto"))
    assert bundle.has(RULES)
    with pytest.raises(ValueError, match=r"expected rules of the hash 0x.*, found those of 0x"):
        small.operator.collector.collect(small.record(round_id))
