"""Wrong words of people who use the commands for the first time, and what they are told."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from scorer.chain.records import RoundState
from scorer.cli.common import console
from scorer.client.phases import not_settled_yet
from scorer.evaluation.evaluate import evaluate
from scorer.storage.bundle import Bundle, round_folder
from scorer.storage.parquet import read_parquet, write_parquet
from tests.cli.scientist import scientist
from tests.cli.test_cupel import run, write_deployment
from tests.small_round import ROUND, TOURNAMENT, SmallRound
from tests.world import World

NOBODY = ["--endpoint", "http://127.0.0.1:9"]
CHAIN = [*NOBODY, "--deployment", "README.md", "--keystore", "none.json"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A round of another deployment than any world's."""
    inputs = SmallRound().inputs()
    found = round_folder(tmp_path, TOURNAMENT, ROUND)
    Bundle(found).write(inputs, evaluate(inputs))
    return found


def addresses(tmp_path: Path) -> Path:
    names = ("authority", "numeraire", "registry", "committee", "tournament", "burn_sink", "roller")
    file = tmp_path / "deployment.json"
    file.write_text(json.dumps({**dict.fromkeys(names, TOURNAMENT), "chain_id": 31337, "block": 1}))
    return file


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["stake", "deposit", 1, "-5"], "a number cannot be negative here"),
        (["stake", "deposit", 1, "-5.5"], "a number cannot be negative here"),
        (["stake", "allocate", 1, 40, "%", *CHAIN], "write a share in one word, such as 40%"),
        (["rounds", "--rpc", "http://x"], "--endpoint"),
        (["stake", "deposit", "ridge_light", 5], "models have numbers, and no names"),
        (["explain", "--model", "momentum"], "cupel stake show --owner ADDRESS"),
    ],
)
def test_what_was_meant_is_said_beside_what_is_wrong(typed: list[object], expected: str) -> None:
    code, said = run(*typed)
    assert (code, expected in " ".join(said.split())) == (2, True), said


def test_a_deployment_file_in_place_of_a_manifest_is_answered_with_the_manifest(tmp_path: Path) -> None:
    file = tmp_path / "devnet.toml"
    file.write_text("name = 'devnet'\n")
    code, said = run("rounds", *NOBODY, "--deployment", file)
    assert code == 1
    assert "give the manifest.json or deployment.json that cupel deployment deploy wrote" in said
    assert "line 1 column" not in said


@pytest.mark.parametrize("url", ["127.0.0.1:8545", "localhost:8545", "http://"])
def test_a_url_without_its_scheme_is_answered_with_how_to_write_it(url: str, tmp_path: Path) -> None:
    code, said = run("rounds", "--endpoint", url, "--deployment", addresses(tmp_path))
    assert code == 1
    assert "found a URL without http:// or https:// in front of its host" in said


def test_a_folder_of_rounds_is_answered_with_one_of_them(folder: Path) -> None:
    code, said = run("verify", folder.parent)
    words = "".join(said.split())
    assert code == 2
    assert "give one of them".replace(" ", "") in words
    assert str(folder) in words


def test_all_differences_are_named_on_request_and_in_a_document(folder: Path) -> None:
    report = json.loads((folder / "report.json").read_bytes())
    report["total_payout"] = str(int(report["total_payout"]) + 1)
    (folder / "report.json").write_text(json.dumps(report))
    code, said = run("verify", folder)
    first, count = said.splitlines()[:2]
    assert (code, first.startswith(f"verify: round {ROUND} DIFFERS: ")) == (1, True)
    code, listed = run("verify", folder, "--all")
    named = [line for line in listed.splitlines() if " DIFFERS: " in line]
    assert (code, named[0]) == (1, first)
    assert count.startswith(f"verify: {len(named)} difference{'s' * (len(named) > 1)} in all")
    code, document = run("verify", folder, "--json")
    assert (code, json.loads(document)["agrees"], len(json.loads(document)["first"])) == (
        1,
        False,
        len(named),
    )


def test_changed_targets_are_answered_with_how_to_find_the_ids(folder: Path) -> None:
    path = folder / "targets.parquet"
    columns = dict(read_parquet(path.read_bytes()))
    path.write_bytes(
        write_parquet({name: column[::-1] if name != "id" else column for name, column in columns.items()})
    )
    code, said = run("verify", folder)
    assert (code, "targets.parquet, digest of column" in said) == (1, True)
    assert "--against another copy of the bundle" in said


def test_changed_targets_are_named_with_their_values_beside_another_copy(
    folder: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own" / folder.name
    shutil.copytree(folder, own)
    path = folder / "targets.parquet"
    columns = dict(read_parquet(path.read_bytes()))
    name = next(name for name in columns if name != "id")
    changed = np.array(columns[name])
    changed[3] = 1 - changed[3] if changed[3] != 0.5 else 0.0
    path.write_bytes(write_parquet(columns | {name: changed}))
    code, said = run("verify", folder, "--against", own)
    values = f"{name} of {columns['id'][3]}: {changed[3]:g} here, {columns[name][3]:g} in {own}"
    assert (code, f"verify: {values}\n" in said) == (1, True), said
    assert "verify: 1 target differs from" in said
    found = json.loads(run("verify", folder, "--against", own, "--json")[1])
    assert [gap["where"] for gap in found["targets"]] == [f"{name} of {columns['id'][3]}"]
    assert f"no target differs from {folder}" in run("verify", folder, "--against", folder)[1]


def test_an_output_folder_that_cannot_be_made_is_refused_in_words() -> None:
    code, said = run("demo", "--out", "/proc/x")
    assert code == 1
    assert said.startswith("cupel: /proc/x: expected a folder that can be written")


def test_a_round_of_another_deployment_is_called_that(folder: Path, world: World) -> None:
    chain = ["--endpoint", world.anvil.url, "--deployment", write_deployment(world)]
    world.settle(world.sealed_round())
    own = world.members[0].bundle(1).folder
    elsewhere = json.loads(write_deployment(world).read_text()) | {"tournament": world.suite.roller.address}
    other = world.out / "other.json"
    other.write_text(json.dumps(elsewhere))
    assert run("verify", own, *chain)[0] == 0
    for command in (["leaderboard", folder.parent], ["explain", folder, "--model", 1]):
        code, said = run(*command, *chain)
        assert code == 1
        assert "found another deployment's round" in said
        assert "CUPEL_DEPLOYMENT" in said


def test_a_round_that_is_not_settled_yet_is_not_called_wrong(world: World) -> None:
    chain = ["--endpoint", world.anvil.url, "--deployment", write_deployment(world)]
    number = world.sealed_round()
    world.resolve(number)
    world.cycle()
    own = world.members[0].bundle(number).folder
    code, said = run("verify", own, *chain)
    assert code == 1
    assert said.startswith(f"verify: round {number} agrees so far, but is scoring; cupel rounds shows")
    assert "DIFFERS" not in said
    code, said = run("explain", own, "--model", 1, *chain)
    assert code == 1
    assert "expected a settled round, found one that is scoring; cupel rounds shows" in said
    settled = replace(world.record(number), state=RoundState.SETTLED)
    assert not_settled_yet(settled, world.now).startswith("settled in a block that is not final yet")
    assert not_settled_yet(replace(settled, state=RoundState.NONE), world.now) == "never opened"


def test_no_rounds_are_said_to_be_none_and_a_narrow_terminal_loses_no_word(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = scientist(world, 10).chain
    assert run("rounds", *chain) == (0, "no rounds yet: the operator opens the first\n")
    number = world.open()
    monkeypatch.setattr(console(), "_width", 60)
    code, said = run("rounds", *chain)
    assert code == 0
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= 60
    *_, row, closing = said.splitlines()
    assert [str(number), "open"] == row.split()[:2]
    assert closing.startswith(f"round {number}: open for ")
    world.anvil.advance_to(world.record(number).close_at + 250)
    assert run("rounds", *chain, "--open")[1].startswith("no round takes submissions now")


@pytest.mark.parametrize(
    ("command", "key"),
    [(["rules", "check", "cupel"], "rules_hash"), (["rules", "schedule", "cupel"], "open_at")],
)
def test_what_is_reported_is_a_document_on_request(command: list[object], key: str) -> None:
    code, said = run(*command, "--json")
    found = json.loads(said)
    assert (code, key in (found[0] if isinstance(found, list) else found)) == (0, True)


def test_no_colour_is_written_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    written = {}
    for wish in ("", "1"):
        monkeypatch.setenv("NO_COLOR", wish)
        terminal = Console(file=io.StringIO(), force_terminal=True, color_system="standard")
        terminal.print("[red]x[/red]")
        written[wish] = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[31m" in written[""]
    assert "\x1b[31m" not in written["1"]
