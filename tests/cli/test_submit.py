"""``cupel submit``: what reaches the operator's inbox is what the operator takes."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scorer.encryption.context import EnvelopeContext
from scorer.observation.encryption import round_context
from scorer.protocol.digest import content_hash
from scorer.protocol.rules import preset
from scorer.storage.bundle import Bundle, round_folder
from scorer.storage.inbox import ENVELOPE_SUFFIX, SIGNATURE_SUFFIX
from tests.cli.scientist import Scientist, scientist
from tests.encrypted_world import encrypted_world, files_with_predictions
from tests.world import IDS, World


@pytest.fixture
def world(world: World) -> World:
    """A world that takes encrypted submissions."""
    return encrypted_world(world)


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
    assert (code, "round 1: expected a round that takes submissions, found one that closed" in said) == (
        1,
        True,
    )
    assert "UTC); leave out --round for the one that is open, see cupel rounds --open" in said


def test_a_dry_run_checks_and_writes_nothing(owner: Scientist, world: World) -> None:
    code, said = owner.types("submit", predictions(world), "--model", 3, *places(world), "--dry-run")
    assert code == 0
    assert said.startswith("round 1, model 3: 60 predictions, valid; dry run: nothing was written\n")
    assert "have to show theirs" not in said
    assert not inbox(world).exists()


def test_who_submits_is_told_that_predictions_may_be_demanded(world: World) -> None:
    demanding = encrypted_world(world, demands=4, deposit="1.5")
    (world.out / "inbox").mkdir()
    demanding.open()
    owner = scientist(demanding, 10)
    command = ("submit", predictions(world), "--model", 3, *places(world), "--dry-run")
    code, said = owner.types(*command)
    assert code == 0, said
    assert "4 models drawn by payout may have to show theirs to be paid" in said
    assert json.loads(owner.types(*command, "--json")[1])["demands"] == 4


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
    assert (file.suffix, file.stat().st_size) == (ENVELOPE_SUFFIX, envelope_size(world))
    assert document["encrypted_to"] == 3
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
    assert entry.content_hash == content_hash(IDS, np.asarray(world.predictions(5, 1), dtype=np.float64))
    assert entry.predictions is None
    assert collection.staked == {3}
    assert list(files_with_predictions(world, 1, world.out / "inbox", world.out / "published")) == []


def envelope_size(world: World) -> int:
    place, keys = round_context(world.suite, 1), world.tournament.keys_of(1)
    return EnvelopeContext(place, 3, bytes(32), len(IDS), keys).size


def test_a_round_in_the_clear_takes_files_as_they_are_from_who_says_so(world: World) -> None:
    (world.out / "inbox").mkdir(exist_ok=True)
    clear = replace(world, rules=world.rules.model_copy(update={"secrecy": None}))
    clear.open()
    owner, good = scientist(clear, 10), predictions(clear)
    code, said = owner.types("submit", good, "--model", 3, *places(clear))
    assert (code, "round 1: expected --in-the-clear, as its rules say" in said) == (1, True)
    assert not inbox(clear).exists()
    code, said = owner.types("submit", good, "--model", 3, *places(clear), "--in-the-clear")
    assert (code, "in the clear: the operator reads it at once" in said) == (0, True)
    arrive_now(clear)
    clear.anvil.advance_to(clear.record(1).close_at)
    (entry,) = clear.operator.collector.collect(clear.record(1)).submissions.entries
    assert np.asarray(entry.predictions).tolist() == clear.predictions(3, 1).tolist()


def test_nothing_is_sent_in_the_clear_to_a_round_that_takes_encrypted_submissions(
    owner: Scientist, world: World
) -> None:
    code, said = owner.types("submit", predictions(world), "--model", 3, *places(world), "--in-the-clear")
    assert (code, "round 1, which takes encrypted ones alone" in said) == (1, True)
    assert not inbox(world).exists()


def test_without_the_rules_nobody_knows_who_would_read_it(owner: Scientist, world: World) -> None:
    other = Bundle(world.out / "other")
    other.write_universe(IDS)
    code, said = owner.types(
        "submit",
        predictions(world),
        *("--model", 3, "--universe", other.folder / "universe.parquet", "--inbox", world.out / "inbox"),
    )
    assert (code, "rules.json: expected the rules of round 1, which say whether" in said) == (1, True)


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
