"""One's own score from one's own file and the public bundle, by ``cupel verify --model M``."""

from pathlib import Path

import pytest

from tests.cli.test_cupel import run, write_deployment
from tests.encrypted_world import encrypted_world, one_settled_in_secret
from tests.world import FIRST, World, begins

pytestmark = begins(one_settled_in_secret)

MODEL = 3


@pytest.fixture
def settled(world: World) -> tuple[World, int]:
    """A world with a settled round whose submissions are encrypted."""
    return encrypted_world(world), FIRST


def written(world: World, round_id: int, model: int) -> Path:
    """The file that a data scientist kept of what a model submitted."""
    frame = world.predictions(model, round_id).rename("prediction").rename_axis("id").reset_index()
    frame.to_csv(path := world.out / f"{model}.csv", index=False, float_format="%.17g")
    return path


def verified(world: World, round_id: int, *own: object) -> tuple[int, str]:
    public = world.members[0].paths.exchange_bundle(round_id).folder
    chain = ["--endpoint", world.anvil.url, "--deployment", str(write_deployment(world))]
    return run("verify", public, *chain, *own)


def test_ones_own_score_and_payout_follow_from_ones_own_file(settled: tuple[World, int]) -> None:
    world, round_id = settled
    file = written(world, round_id, MODEL)
    code, said = verified(world, round_id, "--model", MODEL, "--predictions", file)
    assert code == 0, said
    assert "factor scores are as its members say: predictions are withheld" in said
    assert f"model {MODEL}: your predictions give its content hash, corr_target_20d2l" in said
    assert "reward_score" in said


def test_the_file_of_another_model_is_none_of_ones_own(settled: tuple[World, int]) -> None:
    world, round_id = settled
    file = written(world, round_id, MODEL + 1)
    code, said = verified(world, round_id, "--model", MODEL, "--predictions", file)
    assert code == 1
    assert f"content hash of model {MODEL}" in said


def test_model_and_predictions_belong_together(settled: tuple[World, int]) -> None:
    world, round_id = settled
    code, said = verified(world, round_id, "--model", MODEL)
    assert code == 1
    assert "expected --model and --predictions together, found one of them" in said
