"""``cupel submit``: what reaches the operator's inbox is what the operator takes."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scorer.protocol.rules import preset
from scorer.storage.bundle import Bundle, round_folder
from scorer.storage.inbox import SIGNATURE_SUFFIX
from tests.cli.scientist import Scientist, scientist
from tests.world import IDS, World


@pytest.fixture
def owner(world: World) -> Scientist:
    """The owner of the models 3, 6 and 9, with an open round."""
    (world.out / "inbox").mkdir(exist_ok=True)
    world.open()
    return scientist(world, 10)


def predictions(world: World, seed: int = 3, name: str = "mine.csv") -> Path:
    frame = world.predictions(seed, 1).rename("prediction").rename_axis("id").reset_index()
    path = world.out / name
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


def places(world: World) -> list[object]:
    return ["--rounds", world.out / "published", "--inbox", world.out / "inbox"]


def inbox(world: World) -> Path:
    return round_folder(world.out / "inbox", str(world.suite.tournament.address), 1)


def arrive_now(world: World) -> None:
    """Let what lies in the inbox have arrived by the chain's clock, which is not this machine's."""
    for file in inbox(world).iterdir():
        os.utime(file, (world.now, world.now))


def test_what_the_operator_would_refuse_is_refused_before_anything_is_written(
    owner: Scientist, world: World
) -> None:
    good = predictions(world)
    broken = world.out / "broken.csv"
    broken.write_text("id,prediction\nid000,0.5\n")
    for file, options, expected in (
        (broken, ["--model", 3], "broken.csv: expected all 60 ids of the round"),
        (good, ["--model", 2], "model 2: expected the key of its submitter"),
        (good, ["--model", 99], "model: expected a model from 1 to 10, found 99"),
        (good, ["--model", 3, "--round", 7], "round: expected a round from 1 to 1, found 7"),
    ):
        code, said = owner.types("submit", file, *options, *places(world))
        assert code == 1
        assert expected in said
    assert not inbox(world).exists()


def test_a_folder_that_is_not_there_is_named(owner: Scientist, world: World) -> None:
    good, nowhere = predictions(world), world.out / "nowhere"
    published = world.out / "published"
    code, said = owner.types("submit", good, "--model", 3, "--rounds", published, "--inbox", nowhere)
    assert (code, "nowhere: expected the operator's inbox, a folder, found none" in said) == (1, True)
    code, said = owner.types(
        "submit", good, "--model", 3, "--rounds", nowhere, "--inbox", world.out / "inbox"
    )
    assert (code, "expected universe.parquet of round 1 under it, found none" in said) == (1, True)
    code, said = owner.types("submit", good, "--model", 3, "--inbox", world.out / "inbox")
    assert (code, "expected --universe or --rounds, found neither" in said) == (1, True)


def test_a_folder_is_no_submission_and_an_inbox_must_take_files(owner: Scientist, world: World) -> None:
    code, said = owner.types("submit", world.out, "--model", 3, *places(world))
    assert (code, "directory" in said) == (2, True)
    inbox(world).parent.mkdir()
    inbox(world).write_text("in the way")
    code, said = owner.types("submit", predictions(world), "--model", 3, *places(world))
    assert code == 1, said
    assert f"cupel: {world.out / 'inbox'}: expected an inbox that takes files, found " in said


def test_another_rounds_folder_is_noticed_by_its_rules(owner: Scientist, world: World) -> None:
    other = Bundle(world.out / "other")
    other.write_universe(IDS)
    other.write_rules(preset("signals"))
    universe = other.folder / "universe.parquet"
    code, said = owner.types(
        "submit", predictions(world), "--model", 3, "--universe", universe, "--inbox", world.out / "inbox"
    )
    assert code == 1
    assert "rules.json: expected the rules of round 1, 0x" in said


def test_outside_of_the_window_nothing_is_taken_and_of_two_rounds_one_must_be_named(
    owner: Scientist, world: World
) -> None:
    good = predictions(world)
    world.open()
    code, said = owner.types("submit", good, "--model", 3, *places(world), "--dry-run")
    assert (code, "found 1, 2; name one with --round" in said) == (1, True)
    code, said = owner.types("submit", good, "--model", 3, *places(world), "--dry-run", "--round", 2)
    assert code == 0, said
    world.anvil.advance_to(world.record(2).close_at)
    code, said = owner.types("submit", good, "--model", 3, *places(world))
    assert (code, "expected one round that takes submissions now, found none" in said) == (1, True)
    code, said = owner.types("submit", good, "--model", 3, *places(world), "--round", 1)
    assert (code, "round 1: expected a round that takes submissions, found one that did" in said) == (1, True)


def test_a_dry_run_checks_and_writes_nothing(owner: Scientist, world: World) -> None:
    code, said = owner.types("submit", predictions(world), "--model", 3, *places(world), "--dry-run")
    assert code == 0
    assert said.startswith("round 1, model 3: 60 predictions, valid; dry run: nothing was written\n")
    assert not inbox(world).exists()


@pytest.mark.parametrize("name", ["mine.csv", "mine.parquet"])
def test_the_operator_takes_what_was_submitted_and_of_two_the_later(
    owner: Scientist, world: World, name: str
) -> None:
    code, said = owner.types("submit", predictions(world, 4, "first.csv"), "--model", 3, *places(world))
    assert code == 0, said
    arrive_now(world)
    world.anvil.advance_to(world.now + 10)
    code, said = owner.types("submit", predictions(world, 5, name), "--model", 3, *places(world), "--json")
    assert code == 0, said
    document = json.loads(said)
    file = Path(document["file"])
    assert file.suffix == Path(name).suffix
    assert file.with_name(file.stem + SIGNATURE_SUFFIX).is_file()
    for path in (file, file.with_name(file.stem + SIGNATURE_SUFFIX)):
        os.utime(path, (world.now, world.now))
    for path in set(inbox(world).iterdir()) - {file, file.with_name(file.stem + SIGNATURE_SUFFIX)}:
        os.utime(path, (world.now - 5, world.now - 5))
    world.anvil.advance_to(world.record(1).close_at)
    collection = world.operator.collector.collect(world.record(1))
    assert collection.refusals == ()
    (entry,) = collection.submissions.entries
    assert entry.model_id == 3
    assert f"0x{entry.content_hash.hex()}" == document["content_hash"]
    assert pd.Series(np.asarray(entry.predictions), index=list(IDS)).equals(world.predictions(5, 1))
    assert collection.staked == {3}


def test_a_submitter_signs_without_the_key_that_owns_the_stake(owner: Scientist, world: World) -> None:
    helper = scientist(world, 30)
    owner.sends("model", "submitter", 3, helper.address)
    good = predictions(world)
    code, said = owner.types("submit", good, "--model", 3, *places(world))
    assert (code, f"its submitter {helper.address}, found that of {owner.address}" in said) == (1, True)
    code, said = helper.types("submit", good, "--model", 3, *places(world))
    assert code == 0, said
    arrive_now(world)
    world.anvil.advance_to(world.record(1).close_at)
    assert world.operator.collector.collect(world.record(1)).staked == {3}
