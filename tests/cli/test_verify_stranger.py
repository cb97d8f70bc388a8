"""A stranger's folder: whatever it holds, ``cupel verify`` and ``cupel explain`` end with a line in words."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorer.chain.records import RoundState
from scorer.evaluation.evaluate import evaluate
from scorer.storage.bundle import Bundle, round_folder
from scorer.storage.parquet import read_parquet, write_parquet
from tests.cli.test_cupel import run, write_deployment
from tests.small_round import ROUND, TOURNAMENT, SmallRound
from tests.world import FIRST, World, begins, one_settled


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inputs = SmallRound().inputs()
    found = round_folder(tmp_path, TOURNAMENT, ROUND)
    Bundle(found).write(inputs, evaluate(inputs))
    return found


def field(file: str, path: str, value: Any) -> Callable[[Path], object]:
    def apply(folder: Path) -> object:
        document = json.loads((folder / file).read_bytes())
        *parents, last = path.split(".")
        part = document
        for name in parents:
            part = part[name]
        part[last] = value
        return (folder / file).write_text(json.dumps(document))

    return apply


def without(file: str, name: str) -> Callable[[Path], object]:
    def apply(folder: Path) -> object:
        document = json.loads((folder / file).read_bytes())
        del document[name]
        return (folder / file).write_text(json.dumps(document))

    return apply


def content(file: str, text: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / file).write_bytes(text)


def sparse(file: str) -> Callable[[Path], object]:
    return lambda folder: os.truncate(_touched(folder / file), 2**40)


def _touched(path: Path) -> Path:
    path.touch()
    return path


def bomb(folder: Path) -> None:
    """Some 2 MB that say of themselves to be 12 GB of text."""
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(3_000_000, np.int32)), pa.array(["x" * 4_000]))
    pq.write_table(pa.table({"id": ids}), folder / "universe.parquet", compression="zstd", store_schema=False)


def renamed_for_pandas(folder: Path) -> None:
    """Payout and burn exchanged for whoever opens scores.parquet in pandas."""
    table = pa.Table.from_pandas(pd.read_parquet(folder / "scores.parquet"), preserve_index=False)
    notes = json.loads(table.schema.metadata[b"pandas"])
    payout, burn = notes["columns"][-2:]
    payout["name"], burn["name"] = "burn", "payout"
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(notes)}), folder / "scores.parquet")


def bomb_beside_room(folder: Path) -> None:
    bomb(folder)
    sparse("free.bin")(folder)


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a round of -1": (
        field("manifest.json", "round.round_id", -1),
        "whole number from 0 on as round_id, found -1",
    ),
    "a round in words": (field("manifest.json", "round.round_id", "five"), "as round_id, found 'five'"),
    "a chain that is a list": (field("manifest.json", "round.chain_id", []), "as chain_id, found []"),
    "a chain beyond 2**256": (
        field("manifest.json", "round.chain_id", 2**300),
        "expected a whole number from",
    ),
    "a tournament that is a number": (
        field("manifest.json", "round.tournament", 5),
        "as tournament, found 5",
    ),
    "a cap that is true": (field("manifest.json", "round.cap", True), "as cap, found True"),
    "no report hash": (without("report.json", "report_hash"), "report_hash: expected 0x"),
    "the text nothing": (field("report.json", "late", "nothing"), "late: expected nothing, found nothing"),
    "rules of 100,000 levels": (content("rules.json", b'{"a":' * 100_000), "at most 32 levels"),
    "TOML of 100,000 levels": (content("rules.json", b"a = " + b"[" * 100_000), "rules.json: expected JSON"),
    "names twice, 50,000 of them": (
        content("report.json", ("{" + ",".join(f'"n{n}":1' for n in range(50_000)) * 2 + "}").encode()),
        "report.json: expected JSON, found ",
    ),
    "a hash of 8 MB": (field("report.json", "scores_head", "0x" + "ab" * 4_000_000), "(8000004 characters)"),
    "a universe that unpacks to 12 GB": (bomb, "universe.parquet: expected a Parquet file, found malloc"),
    "a file that makes room for one that unpacks to 12 GB": (
        bomb_beside_room,
        "universe.parquet: expected a Parquet file, found malloc",
    ),
    "a universe of a terabyte that takes no room": (sparse("universe.parquet"), "MiB of memory to read"),
    "a terabyte of rules that takes no room": (sparse("rules.json"), "MiB of memory to read"),
    "names that pandas reads otherwise": (
        renamed_for_pandas,
        "scores.parquet, form: expected the Parquet file",
    ),
    "escapes for a terminal": (
        field("report.json", "\x1b[2J", "\x1b[31m"),
        r"\x1b[2J: expected nothing, found \x1b[31m",
    ),
    "a link": (
        lambda folder: (folder / "x").symlink_to("/etc/passwd"),
        "x: expected a regular file, found a link",
    ),
    "a pipe": (lambda folder: os.mkfifo(folder / "x"), "x: expected a regular file, found a pipe"),
    "another folder": (
        lambda folder: folder.rename(folder.with_name("6")),
        "expected 6, as its folder, found 5",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_whatever_a_folder_holds_it_is_refused_in_words(what: str, folder: Path) -> None:
    spoil, expected = HOSTILE[what]
    spoil(folder)
    (found,) = folder.parent.iterdir()
    code, said = run("verify", found)
    assert code == 1
    assert expected in said
    assert "Traceback" not in said
    assert len(said) < 3_000
    assert said.isascii()
    assert all(line.isprintable() for line in said.splitlines())


def test_what_no_digest_covers_is_named_beside_the_verdict(folder: Path) -> None:
    for name in ("payouts.csv", ".hidden", "features.parquet", "selection.json"):
        (folder / name).write_text("x")
    (folder / "more").mkdir()
    code, said = run("verify", folder)
    assert code == 0
    assert said.splitlines()[1] == (
        "verify: no digest covers .hidden, features.parquet, more/, payouts.csv, selection.json"
    )


def scores(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Path], object]:
    def apply(folder: Path) -> object:
        path = folder / "scores.parquet"
        return path.write_bytes(write_parquet(change(dict(read_parquet(path.read_bytes())))))

    return apply


EXPLAINED: dict[str, Callable[[Path], object]] = {
    "scores that pandas reads otherwise": renamed_for_pandas,
    "models in words": scores(lambda t: {**t, "model_id": tuple(map(str, t["model_id"]))}),
    "factors in words": scores(lambda t: {**t, "corr_target_20d2l": tuple(map(str, t["model_id"]))}),
    "scores beyond all bounds": scores(lambda t: {**t, "reward_score": t["reward_score"] * 0 + 2**62}),
    "no model": scores(lambda t: {n: c[:0] for n, c in t.items()}),
    "a factor that is infinite": scores(
        lambda t: {**t, "corr_target_20d2l": t["corr_target_20d2l"] + np.inf}
    ),
    "no scores": lambda folder: (folder / "scores.parquet").unlink(),
    "rules of 100,000 levels": content("rules.json", b'{"a":' * 100_000),
    "a round in words": field("manifest.json", "round.round_id", "five"),
    "a volatility in words": field("manifest.json", "volatility", "much"),
    "a cap beyond all bounds": field("manifest.json", "round.cap", 2**53 - 1),
    "a terabyte of scores that takes no room": sparse("scores.parquet"),
    "a terabyte of rules that takes no room": sparse("rules.json"),
}


COPIES = {
    "under another number": lambda folder: shutil.copytree(folder, folder.with_name("6")),
    "in a folder beside": lambda folder: shutil.copytree(folder, folder.parent.parent / "old" / folder.name),
    "with a zero before its number": lambda folder: shutil.copytree(folder, folder.with_name("05")),
}


@pytest.mark.parametrize("where", COPIES)
def test_a_round_is_not_counted_twice(where: str, folder: Path) -> None:
    COPIES[where](folder)
    for command in ("statement", "leaderboard"):
        code, said = run(command, folder.parent.parent)
        assert code == 1
        assert said.startswith("cupel: ")
        assert "round 5" in said


def test_a_folder_of_another_round_is_not_explained_as_this_one(folder: Path) -> None:
    folder.rename(folder.with_name("6"))
    code, said = run("explain", "--rounds", folder.parent, "--round", 6, "--model", 1)
    assert code == 1
    assert "expected the bundle of round 6, as its folder, found that of round 5" in said


@pytest.mark.parametrize("what", EXPLAINED)
def test_what_cannot_be_explained_is_said_in_words(what: str, folder: Path) -> None:
    EXPLAINED[what](folder)
    for arguments in (
        ("explain", folder, "--model", 1),
        ("statement", folder.parent),
        ("leaderboard", folder.parent),
    ):
        code, said = run(*arguments)
        assert "Traceback" not in said
        assert code in (0, 1)
        assert code == 0 or said.startswith("cupel: ")


@begins(one_settled)
def test_forged_results_in_the_folder_of_a_void_round_are_named(world: World, tmp_path: Path) -> None:
    good = FIRST
    void = world.open()
    world.anvil.advance_to(world.record(void).lock_until + 1)
    world.cycle()
    world.anvil.finalise()
    assert world.record(void).state == RoundState.VOIDED
    forged = Bundle(tmp_path / "x" / str(void))
    forged.copy(
        world.members[0].bundle(good), *(p.name for p in world.members[0].bundle(good).folder.iterdir())
    )
    field("manifest.json", "round.round_id", void)(forged.folder)
    scores(lambda t: {**t, "payout": t["payout"] * 0 + 10**12})(forged.folder)
    for name in ("submissions.npy", "submissions.json"):
        (forged.folder / name).unlink()
    chain = ["--endpoint", world.anvil.url, "--deployment", str(write_deployment(world))]
    code, said = run("verify", forged.folder, *chain)
    assert code == 1
    assert f"round {void} DIFFERS: scores.parquet: expected no results, since the round is void" in said


@begins(one_settled)
def test_several_endpoints_must_say_the_same(world: World) -> None:
    round_id = FIRST
    url, folder = world.anvil.url, world.members[0].bundle(round_id).folder
    deployment = ["--deployment", str(write_deployment(world))]
    both = ["--endpoint", url, "--endpoint", url.replace("127.0.0.1", "localhost")]
    code, said = run("verify", folder, *both, *deployment)
    assert code == 0
    assert said.splitlines()[0].endswith("(2 endpoints agree)")
    code, said = run("verify", folder, "--endpoint", url, "--endpoint", url, *deployment)
    assert code == 1
    assert "expected each --endpoint of another host, found one twice" in said
