"""A void round is verified by what was published of it: nobody scored it, so there is no report."""

from pathlib import Path

import pytest

from scorer.chain.records import RoundState
from scorer.storage.bundle import Bundle, round_folder
from tests.cli.test_cupel import run, write_deployment
from tests.world import FIRST, World, begins, one_sealed


@pytest.fixture
def void_round(world: World) -> int:
    """Sealed, and given up at its deadline without a report."""
    round_id = world.sealed_round()
    world.anvil.advance_to(world.record(round_id).deadline + 1)
    while not world.record(round_id).is_over:
        world.cycle(0)
    assert world.record(round_id).state == RoundState.VOIDED
    return round_id


def published(world: World, round_id: int) -> Path:
    return round_folder(world.out / "published", str(world.suite.tournament.address), round_id)


def verified(world: World, folder: Path) -> tuple[int, str]:
    chain = ["--endpoint", world.anvil.url, "--deployment", str(write_deployment(world))]
    return run("verify", folder, *chain)


def test_a_void_round_agrees_when_everything_returned_whole(world: World, void_round: int) -> None:
    code, said = verified(world, published(world, void_round))
    agrees = "void, 10 submissions, 2 of 2 chunks returned whole, with the chain"
    assert (code, said.splitlines()) == (
        0,
        [
            f"verify: round {void_round} agrees: {agrees}",
            "verify: no digest covers selection.json",
        ],
    )


def test_a_submission_that_was_exchanged_afterwards_is_named(world: World, void_round: int) -> None:
    bundle = Bundle(published(world, void_round))
    other = world.sealed_round()
    bundle.copy(Bundle(published(world, other)), "submissions.npy", "submissions.json")
    code, said = verified(world, bundle.folder)
    assert code == 1
    assert "verdict on model 1: expected a refusal: expected the signature of" in said


def test_rules_that_the_round_was_not_opened_with_are_named(world: World, void_round: int) -> None:
    from scorer.protocol.rules import preset

    bundle = Bundle(published(world, void_round))
    bundle.write_rules(preset("signals"))
    code, said = verified(world, bundle.folder)
    assert code == 1
    assert "rules.json, digest" in said


@begins(one_sealed)
def test_positions_that_did_not_return_yet_are_named(world: World) -> None:
    round_id = FIRST
    world.anvil.advance_to(world.record(round_id).deadline + 1)
    world.operator_sender.send(world.suite.tournament.functions.voidRound(round_id))
    world.anvil.finalise()
    code, said = verified(world, published(world, round_id))
    assert code == 1
    assert "chunks returned or settled: expected 2, found 0" in said
