"""``cupel leaderboard``: ranks from bundles alone, and with the chain's dates and owners."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.test_cupel import run, write_deployment
from tests.world import FIRST, MODELS, NMR, World, begins, one_sealed, one_settled


def board(world: World, *options: object) -> pd.DataFrame:
    out = world.out / "board.csv"
    code, said = run("leaderboard", rounds_of(world), "--out", out, *options)
    assert code == 0, said
    return pd.read_csv(out)


def rounds_of(world: World) -> Path:
    return world.members[0].bundle(1).folder.parent


def on_chain(world: World) -> list[object]:
    return ["--endpoint", world.anvil.url, "--deployment", write_deployment(world)]


def test_models_are_ranked_by_their_mean_and_earn_what_the_chain_paid(world: World) -> None:
    before = world.idle()
    for _ in range(2):
        world.settle(world.sealed_round())
    found = board(world, "--by", "mmc_target_20d2l")
    assert found["rank"].tolist() == list(range(1, MODELS + 1))
    assert found["mmc_target_20d2l"].is_monotonic_decreasing
    assert set(found["rounds"]) == {2}
    for model, net in zip(found["model"].tolist(), found["net_nmr"].tolist(), strict=True):
        assert net == pytest.approx((world.idle()[model - 1] - before[model - 1]) / NMR, abs=1e-9)
    code, said = run("leaderboard", rounds_of(world), "--by", "mmc_target_20d2l", "--json")
    assert code == 0
    pd.testing.assert_frame_equal(pd.DataFrame(json.loads(said)), found)
    accounts = board(world, "--accounts", *on_chain(world))
    owners = {str(each.account.address) for each in world.participants}
    assert set(accounts["account"]) == owners
    season = board(world, "--season", 2023, *on_chain(world))
    assert set(season["tier"]) == {"novice"}
    assert set(season["qualified_rounds"]) == {2}
    assert board(world, "--on", "2023-12-31", *on_chain(world))["rounds"].tolist() == [2] * MODELS
    assert board(world, "--on", "2025-12-31", *on_chain(world)).empty


@begins(one_sealed)
def test_a_round_that_the_chain_did_not_settle_does_not_count_with_the_chain(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    world.cycle()
    assert len(board(world)) == MODELS
    code, said = run("leaderboard", rounds_of(world), *on_chain(world))
    assert code == 1
    assert "expected rounds that the chain has settled, found none" in said


@begins(one_settled)
def test_no_table_of_somebody_elses_is_written_over(world: World) -> None:
    out = world.out / "board.csv"
    for content in (
        "model,corr\n1,2\n",
        "rank,model\n",
        "account,tier\n",
        "rank,account,corr,mine\n",
        "notes\n",
    ):
        out.write_text(content)
        for command in ("leaderboard", "statement"):
            code, said = run(command, rounds_of(world), "--out", out)
            assert code == 1
            assert f"{out}: expected no file, or one that this command wrote" in said
            assert out.read_text() == content
    out.unlink()
    for _ in range(2):
        assert len(board(world)) == MODELS
        assert len(board(world, "--accounts", *on_chain(world)))


@pytest.mark.parametrize("option", [["--accounts"], ["--season", 2023], ["--on", "2023-12-31"]])
def test_what_only_the_chain_knows_is_refused_without_it(option: list[object], world: World) -> None:
    code, said = run("leaderboard", world.out, *option)
    assert code == 1
    assert "because only the chain knows dates and owners; found none" in said
