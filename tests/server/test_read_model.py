"""The read model: it equals chain and bundles, however often the follower stops, and can be made anew."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from scorer.evaluation.standings import model_leaderboard, score_table
from scorer.observation.observe import finalised_block, read_on_chain
from scorer.server.chain_changes import KnownChain, read_changes
from scorer.server.database import Database, DatabaseError
from scorer.server.follower import OWNERS_A_STEP, Follower, Turns
from scorer.server.interim_results import InterimReader
from scorer.server.read_model import _shares_below, summarise
from scorer.server.results import BundleRefused, OutcomeReader, read_scored
from scorer.server.tables import (
    CURSOR,
    LANE,
    METADATA,
    MODEL,
    MODEL_PROFILE,
    MOVEMENT,
    READ_MODEL,
    RESULT,
    ROUND,
    ROUND_SCORE_SUMMARY,
    SCORE,
    STANDING,
)
from scorer.storage.bundle import SCORES, Bundle, round_folder
from tests.oracle.test_interim_scoring import interim_targets
from tests.postgresql import postgres as postgres
from tests.server.site import send
from tests.world import FIRST, MODELS, World, begins, one_settled


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "server" / "server.sqlite")
    opened.migrate()
    yield opened
    opened.close()


def bundles(world: World) -> Path:
    return world.members[0].paths.rounds


def follower_of(world: World, database: Database) -> Follower:
    roots = tuple(member.paths.exchange_bundle(0).folder.parent.parent for member in world.members)
    return Follower(
        world.suite,
        database,
        OutcomeReader(world.suite, (bundles(world),)),
        InterimReader(world.suite, roots),
    )


def bundle_of(world: World, round_id: int) -> Bundle:
    return Bundle(round_folder(bundles(world), str(world.suite.tournament.address), round_id))


def rows(database: Database, table: sa.Table) -> list[dict[str, Any]]:
    with database.reading() as connection:
        found = connection.execute(sa.select(table).order_by(*table.primary_key.columns))
        return [dict(row) for row in found.mappings()]


def content(database: Database) -> dict[str, list[dict[str, Any]]]:
    return {table.name: rows(database, table) for table in READ_MODEL}


def two_rounds(world: World) -> tuple[int, int]:
    """The round that was settled as the test began, and one that is sealed."""
    second = world.sealed_round()
    world.anvil.finalise()
    return FIRST, second


@begins(one_settled)
def test_scores_payouts_and_stakes_equal_bundle_and_chain(world: World, database: Database) -> None:
    first, second = two_rounds(world)
    progress = follower_of(world, database).step()
    assert (progress.scored, progress.waiting) == ((first,), ())
    scored = bundle_of(world, first).scored_round()
    results = {row["model"]: row for row in rows(database, RESULT) if row["round"] == first}
    on_chain = read_on_chain(world.suite, first, progress.block)
    for model in range(1, MODELS + 1):
        explanation, row = scored.explain(model), results[model]
        assert (row["payout"], row["burn"]) == (explanation.payout, explanation.burn)
        assert row["reward_score"] == explanation.reward_score == on_chain.settled[model]
    assert sum(row["payout"] for row in results.values()) == on_chain.paid
    values = {(row["model"], row["factor"]): row["value"] for row in rows(database, SCORE)}
    for factor, _ in scored.rules.multipliers:
        known = dict(zip(scored.scores["model_id"].tolist(), scored.scores[factor].tolist(), strict=True))
        assert {model: value for (model, name), value in values.items() if name == factor} == known
    waiting = {row["model"]: row for row in rows(database, RESULT) if row["round"] == second}
    assert sum(row["position"] for row in waiting.values()) == world.record(second).at_risk
    assert {row["payout"] for row in waiting.values()} == {None}
    assert [row["idle"] for row in rows(database, LANE)] == world.idle()


def test_models_belong_to_their_owners(world: World, database: Database) -> None:
    follower = follower_of(world, database)
    follower.step()
    owner, other = world.participants[0].account, world.participants[1].account
    registry = world.suite.registry.functions
    send(world, registry.transferFrom(owner.address, other.address, 1), owner.address)
    world.anvil.finalise()
    follower.step()
    models = {row["id"]: row for row in rows(database, MODEL)}
    block = finalised_block(world.suite).number
    assert len(models) == MODELS
    for model, row in models.items():
        assert row["owner"] == registry.ownerOf(model).call(block_identifier=block)
        assert row["submitter"] == registry.submitterOf(model).call(block_identifier=block)
    assert models[1]["owner"] == other.address


def test_deposits_are_all_there(world: World, database: Database) -> None:
    world.anvil.finalise()
    follower_of(world, database).step()
    moves = rows(database, MOVEMENT)
    assert {row["kind"] for row in moves} == {"deposit"}
    assert sum(row["amount"] for row in moves) == sum(world.idle())


@begins(one_settled)
def test_ranks_are_those_of_the_command_line(world: World, database: Database) -> None:
    first, _ = two_rounds(world)
    follower_of(world, database).step()
    table = score_table([(bundle_of(world, first).scored_round(), None)], {})
    expected = model_leaderboard(table, "reward_score")
    standings = {row["holder"]: row for row in rows(database, STANDING) if not row["is_account"]}
    for row in expected.to_dict("records"):
        standing = standings[str(row["model"])]
        assert standing["rank"] == row["rank"]
        assert standing["net_all"] == round(row["net_nmr"] * 1e9)
        assert np.isclose(standing["reward"], row["reward_score"])


def test_a_database_made_anew_equals_one_that_followed_step_by_step(
    world: World, database: Database, tmp_path: Path
) -> None:
    follower = follower_of(world, database)
    follower.step()
    first = world.sealed_round()
    follower.step()
    world.settle(first)
    follower.step()
    world.settle(world.sealed_round())
    void = world.locked_round()
    follower.step()
    world.pass_the_lock_window(void)
    world.cycle()
    running = world.sealed_round()
    for member in range(3):
        interim_targets(world, running, 1, member)
    world.cycle()
    world.open()
    world.anvil.finalise()
    for _ in range(2):
        follower.step()
    followed = content(database)
    assert all(followed.values()), {name: len(found) for name, found in followed.items()}
    follower.rebuild()
    assert content(database) == followed
    other = Database.open(tmp_path / "other.sqlite")
    other.migrate()
    follower_of(world, other).step()
    assert content(other) == followed
    other.close()


@begins(one_settled)
def test_a_bundle_that_comes_late_changes_nothing_but_the_time(
    world: World, database: Database, tmp_path: Path
) -> None:
    first, _ = two_rounds(world)
    folder, away = bundle_of(world, first).folder, tmp_path / "away"
    folder.rename(away)
    follower = follower_of(world, database)
    assert follower.step().waiting == (first,)
    assert not rows(database, SCORE)
    away.rename(folder)
    assert follower.step().scored == (first,)
    late = content(database)
    follower.rebuild()
    assert content(database) == late


@begins(one_settled)
def test_a_bundle_that_the_chain_does_not_vouch_for_is_refused(world: World, database: Database) -> None:
    first, _ = two_rounds(world)
    bundle = bundle_of(world, first)
    scores = {**bundle.scores()}
    scores["reward_score"] = scores["reward_score"] + 1
    bundle._write_table(SCORES, scores)
    with pytest.raises(BundleRefused, match="expected what the report commits to"):
        read_scored(bundle.folder)
    assert follower_of(world, database).step().waiting == (first,)
    assert not rows(database, SCORE)


@begins(one_settled)
def test_a_bundle_of_another_round_is_refused(world: World, database: Database) -> None:
    first = FIRST
    second = world.sealed_round()
    world.settle(second)
    shutil.rmtree(bundle_of(world, second).folder)
    shutil.copytree(bundle_of(world, first).folder, bundle_of(world, second).folder)
    world.anvil.finalise()
    assert follower_of(world, database).step().waiting == (second,)


@begins(one_settled)
def test_attack_a_member_s_folder_with_a_link_to_nowhere_hides_no_round_of_others(
    world: World, database: Database, tmp_path: Path
) -> None:
    """A file that its owner removes between two looks at the folder is the same."""
    first, _ = two_rounds(world)
    hostile = round_folder(tmp_path / "hostile", str(world.suite.tournament.address), first)
    shutil.copytree(bundle_of(world, first).folder, hostile)
    (hostile / "gone.json").symlink_to(hostile / "nowhere")
    (hostile / SCORES).unlink()
    (hostile / SCORES).symlink_to(hostile / "nowhere")
    follower = follower_of(world, database)
    roots = (tmp_path / "hostile", *follower.outcomes.roots)
    follower = replace(follower, outcomes=replace(follower.outcomes, roots=roots))
    assert follower.step().scored == (first,)


def test_another_chain_in_place_of_the_first_makes_the_read_model_anew(
    world: World, database: Database
) -> None:
    follower = follower_of(world, database)
    snapshot = world.anvil._request("evm_snapshot")
    world.open()
    world.anvil.finalise()
    follower.step()
    assert len(rows(database, ROUND)) == 1
    world.anvil._request("evm_revert", snapshot)
    for _ in range(30):
        world.anvil.finalise()
    follower.step()
    assert not rows(database, ROUND)
    assert len(rows(database, MODEL)) == MODELS


def test_an_endpoint_that_is_behind_changes_nothing(world: World, database: Database) -> None:
    follower = follower_of(world, database)
    world.open()
    snapshot = world.anvil._request("evm_snapshot")
    world.anvil.finalise()
    for _ in range(3):
        world.anvil.finalise()
    follower.step()
    before = content(database)
    world.anvil._request("evm_revert", snapshot)
    follower.step()
    assert content(database) == before


def test_a_step_that_dies_while_it_writes_leaves_the_step_before(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = follower_of(world, database)
    follower.step()
    before = content(database)
    first = world.sealed_round()
    world.anvil.finalise()
    block = finalised_block(world.suite)

    def dies(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scorer.server.read_model._write_lanes", dies)
    with pytest.raises(KeyboardInterrupt):
        follower.step()
    assert content(database) == before
    monkeypatch.undo()
    follower.step()
    assert [row["id"] for row in rows(database, ROUND)] == [first]
    assert rows(database, CURSOR)[0]["block"] == block.number


def test_a_database_of_another_tournament_is_refused(world: World, database: Database) -> None:
    follower_of(world, database).step()
    with database.writing() as connection:
        connection.execute(sa.update(CURSOR).values(tournament="0x" + "11" * 20))
    with pytest.raises(DatabaseError, match="cupel server rebuild"):
        follower_of(world, database).step()


def test_what_the_chain_says_has_the_registry_s_count(world: World) -> None:
    world.anvil.finalise()
    changes = read_changes(world.suite, finalised_block(world.suite), KnownChain())
    assert changes.models == len(changes.registered) == len(changes.owners) == MODELS


@pytest.mark.parametrize("resets", [False, True], ids=("seen by its submitter", "as it was"))
def test_an_owner_is_right_though_an_endpoint_leaves_the_transfer_out(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch, *, resets: bool
) -> None:
    """Logs say where to look, no more; and where nothing says so, every model has its turn."""
    owner, other = world.participants[0].account, world.participants[1].account
    registry = world.suite.registry.functions
    send(world, registry.setSubmitter(1, other.address), owner.address)
    world.anvil.finalise()
    follower = follower_of(world, database)
    follower.step()
    send(world, registry.transferFrom(owner.address, other.address, 1), owner.address)
    if not resets:
        send(world, registry.setSubmitter(1, owner.address), other.address)
    world.anvil.finalise()
    monkeypatch.setattr("scorer.server.chain_changes.event_logs", lambda *_: iter(()))
    follower.step()
    assert rows(database, MODEL)[0]["owner"] == other.address


def test_every_model_has_its_turn() -> None:
    turns, models = Turns(), list(range(1, 2 * OWNERS_A_STEP + 11))
    seen = [turns.next(models) for _ in range(3)]
    assert set().union(*seen) == set(models)
    assert {len(found) for found in seen} == {OWNERS_A_STEP}
    assert Turns().next([]) == []


def exercise_migrations(database: Database) -> None:
    """Up, compare with the declared tables, down, and up again."""
    database.migrate()
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    database.migrate("base")
    with database.reading() as connection:
        assert set(sa.inspect(connection).get_table_names()) <= {"alembic_version"}
    with pytest.raises(DatabaseError, match="cupel server init"):
        database.require_current()
    database.migrate()
    database.require_current()


def test_migrations_go_up_and_down_on_sqlite(tmp_path: Path) -> None:
    exercise_migrations(Database.open(tmp_path / "new.sqlite"))


def test_what_an_earlier_release_wrote_is_kept(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "old.sqlite")
    database.migrate("0001")
    model = "INSERT INTO model VALUES (1, '0xowner', '0xowner', 5)"
    columns = "(model, name, name_key, bio, link_url, link_text, webhook)"
    profile = f"INSERT INTO model_profile {columns} VALUES (1, 'a', 'a', '', '', '', 'https://a/')"
    with database.engine.begin() as connection:
        for statement in (model, profile):
            connection.execute(sa.text(statement))
    database.migrate()
    with database.reading() as connection:
        row = connection.execute(sa.select(MODEL_PROFILE)).one()
    assert (row.webhook, row.webhook_owner, row.webhook_salt) == ("https://a/", "0xowner", None)
    database.close()


def test_scores_of_an_earlier_release_are_summarised(tmp_path: Path) -> None:
    """Even and odd numbers of models, ties around the middle, and one model alone."""
    expected = {
        (1, "corr"): ([0.3, -0.1, 0.2], 0.2),
        (1, "mmc"): ([0.1, 0.4, 0.2, 0.3], 0.3),
        (2, "corr"): ([0.0, 0.0, 1.0, 1.0], 1.0),
        (2, "mmc"): ([0.0, 1.0, 1.0, 1.0], 1.0),
        (3, "corr"): ([-0.25], -0.25),
    }
    database = Database.open(tmp_path / "old.sqlite")
    database.migrate("0004")
    with database.engine.begin() as connection:
        for (round_id, factor), (values, _) in expected.items():
            below = _shares_below(np.array(values)).tolist()
            for model, (value, percentile) in enumerate(zip(values, below, strict=True)):
                row = {"model": model, "round": round_id, "factor": factor}
                connection.execute(sa.insert(SCORE).values(**row, value=value, percentile=percentile))
    database.migrate()
    migrated = {(row["round"], row["factor"]): row["median"] for row in rows(database, ROUND_SCORE_SUMMARY)}
    assert migrated == {key: median for key, (_, median) in expected.items()}
    with database.writing() as connection:
        connection.execute(sa.delete(ROUND_SCORE_SUMMARY))
        summarise(connection, [1, 2, 3])
    written = {(row["round"], row["factor"]): row["median"] for row in rows(database, ROUND_SCORE_SUMMARY)}
    assert written == migrated
    database.close()


@begins(one_settled)
def test_migrations_and_the_follower_work_on_postgresql(world: World, postgres: str, tmp_path: Path) -> None:
    exercise_migrations(Database.open(postgres))
    two_rounds(world)
    large, small = Database.open(postgres), Database.open(tmp_path / "small.sqlite")
    small.migrate()
    for database in (large, small):
        follower_of(world, database).step()
    assert content(large) == content(small)
    large.close()


def test_a_database_of_a_newer_release_is_refused(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="found 9999"):
        database.migrate()
