"""``cupel demand`` and ``cupel answer``: who is drawn, what it costs, and what an answer brings to light."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scorer.chain.records import RoundState
from scorer.cli.prove import WRONG
from scorer.lab.false_report import FalseReport
from scorer.lab.in_process import ADMIN, FIRST_MEMBER
from scorer.proofs import pieces
from tests.chains import Chains
from tests.cli.scientist import Scientist, scientist
from tests.cli.test_cupel import run
from tests.cli.test_prove import blocks_every_second, public
from tests.demanding_world import (
    DEPOSIT,
    demand,
    demanding_world,
    draw,
    drawing_of,
    lent_demanding_world,
    mine,
    public_folder,
    tokens_of,
)
from tests.world import FIRST, World, lent_world

HONEST = 2


@pytest.fixture
def world(chains: Chains, tmp_path: Path) -> Iterator[World]:
    """A world whose first round has a public report, under which predictions may be demanded."""
    with lent_demanding_world(chains, tmp_path / "world") as world:
        yield world


@pytest.fixture
def stranger(world: World) -> Scientist:
    """Somebody with tokens, who is neither a member nor the owner of a model."""
    return scientist(world, ADMIN)


def file_of(world: World, model: int, path: Path, round_id: int = FIRST) -> Path:
    """Write the file that a model submitted."""
    series = world.predictions(model, round_id)
    pd.DataFrame({"id": series.index, "prediction": series.to_numpy()}).to_csv(path, index=False)
    return path


def shown(stranger: Scientist, *command: object) -> dict[str, Any]:
    code, said = stranger.types(*command, "--json")
    assert code == 0, said
    return dict(json.loads(said))


def test_a_dry_run_says_what_a_demand_costs_and_when_it_comes_back_and_sends_nothing(
    world: World, stranger: Scientist
) -> None:
    before, drawing = world.anvil.w3.eth.block_number, drawing_of(world, FIRST)
    code, said = stranger.types("demand", public_folder(world, FIRST))
    assert code == 0, said
    assert "round 1: not drawn yet; 4 draws fall on models by their payouts" in said
    assert f"a demand takes a deposit of 2 NMR, until {drawing.until[0]} (Unix time)" in said
    assert f"comes back if nobody shows the predictions until {drawing.until[1]}" in said
    assert "with --send: begin to draw; keep the seed" in said
    assert world.anvil.w3.eth.block_number == before


def test_no_key_is_needed_to_see_who_is_drawn(world: World, stranger: Scientist) -> None:
    drawing = draw(world, FIRST)
    code, said = run("demand", public_folder(world, FIRST), *stranger.chain)
    assert code == 0, said
    for drawn in drawing.models:
        assert f"model {drawn.model} is drawn (payout" in said
    code, said = run("demand", public_folder(world, FIRST), *stranger.chain, "--all", "--json")
    assert code == 0, said
    document = json.loads(said)
    assert [each["model"] for each in document["drawn"]] == [drawn.model for drawn in drawing.models]
    assert (document["is_placed"], document["deposit_nmr"], document["demands"]) == (True, "2", 4)
    (cost,) = document["costs"]
    assert cost["transactions"][0].startswith("allow the contract of demands to take")
    assert len(cost["transactions"]) == 1 + len(drawing.models)


def test_a_stranger_draws_and_demands_and_gets_the_deposit_back_for_silence(
    world: World, stranger: Scientist
) -> None:
    folder = public_folder(world, FIRST)
    world.admin.send(drawing_of(world, FIRST).demands.contract.functions.draw(*place(world)))
    mine(world, 130)
    sent = stranger.sends("demand", folder, "--send")
    titles = [done["title"] for done in sent["done"]]
    assert [title.split()[0] for title in titles] == ["keep", "say"]
    assert sent["is_placed"]
    assert not any(each["is_demanded"] for each in sent["drawn"])

    model = sent["drawn"][0]["model"]
    held = tokens_of(world, stranger.address)
    sent = stranger.sends("demand", folder, "--send", "--model", model)
    assert sent["drawn"][0]["is_demanded"]
    assert sent["drawn"][0]["payer"] == stranger.address
    assert held - tokens_of(world, stranger.address) == DEPOSIT * 10**9
    said = stranger.refused("demand", folder, "--send", "--model", model)
    assert "expected a model that is drawn and that nobody demanded" in said

    said = stranger.refused("demand", folder, "--send", "--reclaim")
    assert "TooEarly" in said
    world.anvil.advance_to(sent["answers_until"])
    stranger.sends("demand", folder, "--send", "--reclaim")
    assert tokens_of(world, stranger.address) == held
    assert "expected a deposit" in stranger.refused("demand", folder, "--send", "--reclaim")
    world.pass_challenge_window()
    world.cycle()
    assert world.record(FIRST).state == RoundState.SETTLED


def test_one_command_draws_and_demands_and_prints_one_document(world: World, stranger: Scientist) -> None:
    world.admin.send(drawing_of(world, FIRST).demands.contract.functions.draw(*place(world)))
    mine(world, 130)
    sent = stranger.sends("demand", public_folder(world, FIRST), "--send", "--all")
    assert all(each["is_demanded"] for each in sent["drawn"])
    assert [done["title"].split()[0] for done in sent["done"]] == ["allow", *["demand"] * len(sent["drawn"])]


def place(world: World) -> tuple[str, int]:
    return str(world.suite.tournament.address), FIRST


def test_what_cannot_be_demanded_is_refused_by_its_reason(world: World, stranger: Scientist) -> None:
    folder = public_folder(world, FIRST)
    drawing = draw(world, FIRST)
    other = next(model for model in range(1, 11) if model not in {each.model for each in drawing.models})
    said = stranger.refused("demand", folder, "--send", "--model", other)
    assert f"found {other}" in said
    world.anvil.advance_to(drawing.until[0])
    said = stranger.refused("demand", folder, "--send", "--all")
    assert (
        f"expected a time before {drawing.until[0]} (Unix time), until which models can be demanded" in said
    )


def test_under_rules_without_demands_there_is_nothing_to_demand(chains: Chains, tmp_path: Path) -> None:
    with lent_world(chains, tmp_path / "world") as world:
        round_id = world.sealed_round()
        world.resolve(round_id)
        world.cycle()
        world.post_evidence()
        folder = world.members[0].bundle(round_id).folder
        said = scientist(world, ADMIN).refused("demand", folder)
        assert "expected rules under which predictions may be demanded, found none" in said


def test_an_owner_shows_predictions_and_gets_most_of_the_deposit(
    world: World, stranger: Scientist, tmp_path: Path
) -> None:
    (drawn,) = demand(world, FIRST, 0)
    owner = scientist(world, account_of(world, drawn.model))
    folder, file = public_folder(world, FIRST), file_of(world, drawn.model, tmp_path / "mine.csv")
    mine_ = ("answer", folder, "--model", drawn.model, "--predictions", file)
    document = shown(stranger, *mine_)
    assert (document["is_demanded"], document["owner_nmr"], document["sender_nmr"]) == (True, "1.5", "0.5")
    assert document["cost"]["gas"] > 0
    held = tokens_of(world, owner.address)
    sent = owner.sends(*mine_, "--send")
    assert [done["title"] for done in sent["done"]] == [f"show the predictions of model {drawn.model}"]
    assert tokens_of(world, owner.address) - held == DEPOSIT * 10**9
    assert shown(stranger, *mine_)["is_demanded"] is False
    assert "nobody demands the predictions" in owner.refused(*mine_, "--send")
    assert drawing_of(world, FIRST).models[0].is_answered


def test_an_answer_that_no_pool_takes_is_staged_first(
    world: World, stranger: Scientist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (drawn,) = demand(world, FIRST, 0)
    monkeypatch.setattr(pieces, "POOL_BYTES", 2_000)
    file = file_of(world, drawn.model, tmp_path / "mine.csv")
    command = ("answer", public_folder(world, FIRST), "--model", drawn.model, "--predictions", file, "--send")
    titles = [done["title"] for done in stranger.sends(*command)["done"]]
    assert [title.split()[0] for title in titles] == ["stage", "show"]
    assert drawing_of(world, FIRST).models[0].is_answered


def account_of(world: World, model: int) -> int:
    """Return the number of the account that owns a model."""
    address = world.participants[model - 1].account.address
    return next(number for number in range(20) if world.anvil.account(number).address == address)


def test_a_watching_owner_is_told_that_predictions_are_demanded(
    world: World, stranger: Scientist, tmp_path: Path
) -> None:
    (drawn,) = demand(world, FIRST, 0)
    folder = public_folder(world, FIRST)
    mine_ = ("--model", drawn.model, "--predictions", file_of(world, drawn.model, tmp_path / "mine.csv"))
    code, said = run("watch", folder.parent, *mine_, *stranger.chain)
    assert code == 0, said
    assert f"the predictions of model {drawn.model} are DEMANDED" in said
    stranger.sends("answer", folder, *mine_, "--send")
    code, said = run("watch", folder.parent, *mine_, *stranger.chain)
    assert (code, "DEMANDED" in said) == (0, False), said


def test_other_predictions_than_were_signed_answer_nothing(
    world: World, stranger: Scientist, tmp_path: Path
) -> None:
    (drawn,) = demand(world, FIRST, 0)
    other = 1 if drawn.model != 1 else 2
    file = file_of(world, other, tmp_path / "other.csv")
    command = ("answer", public_folder(world, FIRST), "--model", drawn.model, "--predictions", file, "--send")
    assert "name the file that you submitted last" in stranger.refused(*command)


def test_an_answer_makes_an_overpaid_score_provable_by_anybody(chains: Chains, tmp_path: Path) -> None:
    """Two members pay one model alone, and too much: nobody can say so before its predictions are shown."""
    with lent_world(chains, tmp_path / "world") as plain:
        world = demanding_world(plain)
        round_id = world.sealed_round()
        world.resolve(round_id)
        world.cycle(HONEST)
        honest = world.members[HONEST].bundle(round_id)
        columns = honest.scores()
        scores = dict(zip(columns["model_id"].tolist(), columns["reward_score"].tolist(), strict=True))
        liar = min(scores, key=lambda model: scores[model])
        false = FalseReport.of(honest, dict.fromkeys(scores, -1) | {liar: 50_000})
        false.attest(world.suite, [world.tournament.sender(FIRST_MEMBER + each) for each in (0, 1)])
        false.post(world.suite, world.tournament.sender(ADMIN))
        world.anvil.finalise()

        folder = public(world, round_id, tmp_path, withheld=True)
        stranger = scientist(world, ADMIN)
        code, said = stranger.types("prove", folder)
        assert (code, "nothing is wrong" in said, "(0 scores computed)" in said) == (0, True, True), said

        (drawn,) = demand(world, round_id, folder=folder)
        assert drawn.model == liar
        owner = scientist(world, account_of(world, liar))
        file = file_of(world, liar, tmp_path / "mine.csv", round_id)
        owner.sends("answer", folder, "--model", liar, "--predictions", file, "--send")
        code, said = stranger.types("prove", folder)
        assert code == WRONG, said
        assert f"WRONG: model {liar} has the reward score 50000 ppm" in said
        code, said = stranger.types("watch", folder.parent)
        assert (code, f"WRONG: model {liar}" in said) == (WRONG, True), said
        with blocks_every_second(world):
            sent = stranger.sends("prove", folder, "--send")
        assert sent["report"] == "disproven"
