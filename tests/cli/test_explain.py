"""``cupel explain`` and ``cupel statement``: what they say adds up to the chain's own balances."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from scorer.lab.demo.files import write_submission
from scorer.storage.bundle import round_folder
from scorer.storage.parquet import read_parquet, write_parquet
from tests.cli.test_cupel import run, write_deployment
from tests.encrypted_world import encrypted_world
from tests.world import FIRST, IDS, MODELS, NMR, World, begins, one_sealed


def on_chain(world: World) -> list[object]:
    return ["--endpoint", world.anvil.url, "--deployment", write_deployment(world)]


def rounds_of(world: World) -> Path:
    return world.members[0].bundle(1).folder.parent


def nets(text: str) -> dict[int, int]:
    """Net nano-NMR by model of a statement; every line is checked on the way."""
    found: dict[int, int] = {}
    lines = list(csv.DictReader(io.StringIO(text)))
    for line in lines[:-1]:
        net = int(Decimal(line["net_nmr"]) * NMR)
        assert net == int(sum(Decimal(cell) for name, cell in line.items() if name.endswith("(NMR)")) * NMR)
        found[int(line["model"])] = found.get(int(line["model"]), 0) + net
    assert sum(found.values()) == int(Decimal(lines[-1]["net_nmr"]) * NMR)
    return found


def settle_rounds(world: World, count: int) -> None:
    for _ in range(count):
        world.settle(world.sealed_round())


def test_statements_and_explanations_add_up_to_the_chains_balances(world: World) -> None:
    before = world.idle()
    settle_rounds(world, 2)
    world.anvil.finalise()
    code, text = run("statement", rounds_of(world), *on_chain(world))
    assert code == 0
    expected = {model: world.idle()[model - 1] - before[model - 1] for model in range(1, MODELS + 1)}
    assert nets(text) == expected
    assert any(net > 0 for net in expected.values())
    assert any(net < 0 for net in expected.values())
    for model in expected:
        documents = [
            json.loads(run("explain", rounds_of(world) / str(number), "--model", model, "--json")[1])
            for number in (1, 2)
        ]
        steps = [Decimal(step["nmr"]) for document in documents for step in document["steps"]]
        assert int(sum(steps) * NMR) == expected[model]


def test_a_statement_names_the_transaction_that_settled_each_position(world: World) -> None:
    settle_rounds(world, 1)
    world.anvil.finalise()
    out = world.out / "taxes.csv"
    code, said = run(
        "statement", rounds_of(world), "--model", 3, "--year", 2023, "--out", out, *on_chain(world)
    )
    assert code == 0
    assert said.startswith(f"{out}: 1 positions, net ")
    line = next(csv.DictReader(out.open()))
    receipt = world.anvil.w3.eth.get_transaction_receipt(line["transaction"])  # type: ignore[arg-type]
    assert receipt["to"] == world.suite.tournament.address
    assert receipt["blockNumber"] == int(line["block"])
    assert line["settled_at"].startswith("2023-11-1")
    assert run("statement", rounds_of(world), "--year", 2024, *on_chain(world))[1].count("\n") == 2


@begins(one_sealed)
def test_a_round_that_is_not_settled_is_not_explained_by_the_chain(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    world.cycle()
    folder = rounds_of(world) / str(round_id)
    code, said = run("explain", folder, "--model", 1, *on_chain(world))
    assert (code, said) == (
        1,
        f"cupel: {folder}: expected a settled round, found one that is scoring; "
        "cupel rounds shows when it is settled\n",
    )
    assert run("explain", folder, "--model", 1)[0] == 0
    assert run("statement", rounds_of(world), *on_chain(world))[1].count("\n") == 2


def test_a_bundle_that_was_not_settled_so_is_refused(world: World) -> None:
    settle_rounds(world, 1)
    world.anvil.finalise()
    scores = rounds_of(world) / "1" / "scores.parquet"
    table = read_parquet(scores.read_bytes())
    scores.write_bytes(write_parquet({**table, "reward_score": np.asarray(table["reward_score"]) // 2}))
    code, said = run("statement", rounds_of(world), *on_chain(world))
    assert code == 1
    assert "round 1: expected a bundle that pays and burns" in said
    assert "cupel verify names what differs" in said


def test_a_table_is_printed_for_people(world: World) -> None:
    settle_rounds(world, 1)
    code, said = run("explain", rounds_of(world) / "1", "--model", 1)
    assert code == 0
    for word in ("round 1, model 1", "position", "corr_target_20d2l", "payout factor", "cap", "rate"):
        assert word in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--year", 2023], "cupel: expected --endpoint and --deployment, or --replay, with --year"),
        (["--endpoint", "http://127.0.0.1:9"], "cupel: expected --endpoint and --deployment together"),
        ([], "expected folders of scored rounds, found none"),
    ],
)
def test_a_statement_without_what_it_needs_ends_with_one_clear_line(
    arguments: list[object], message: str, tmp_path: Path
) -> None:
    code, said = run("statement", tmp_path, *arguments)
    assert code == 1
    assert message in said
    assert said.count("\n") == 1


def test_a_round_is_found_by_its_number_under_a_folder(world: World) -> None:
    settle_rounds(world, 1)
    by_folder = run("explain", rounds_of(world) / "1", "--model", 3, "--json")
    own = world.out / "members" / "ada"
    named = ["explain", "--model", 3, "--json", "--round", 1, "--rounds"]
    assert run(*named, own) == by_folder
    assert run(*named, own, *on_chain(world)) == by_folder
    code, said = run(*named, world.out / "members")
    assert code == 1
    assert "expected one folder of round 1 with scores, found" in said
    code, said = run("explain", "--model", 3, "--round", 2, "--rounds", own)
    assert (code, "expected one folder of round 2 with scores, found none" in said) == (1, True)
    for mixture in (["--round", 1], ["--rounds", own], [rounds_of(world) / "1", "--round", 1], []):
        code, said = run("explain", "--model", 3, *mixture)
        assert code == 1
        assert "expected a round's folder, or --rounds and --round, found another mixture" in said


def nano(text: str) -> int:
    return int(Decimal(text) * NMR)


def submitted(world: World, model: int) -> Path:
    """The file that a model submitted to round 1."""
    path = world.out / f"submitted-{model}.csv"
    path.write_bytes(write_submission(world.predictions(model, 1), "csv"))
    return path


def test_the_tenths_that_made_a_payout_add_up_to_it(world: World) -> None:
    settle_rounds(world, 1)
    for model in (1, 2, 3):
        found = json.loads(run("explain", rounds_of(world) / "1", "--model", model, "--buckets", "--json")[1])
        tenths = found["buckets"]
        assert [each["bucket"] for each in tenths] == list(range(1, 11))
        assert sum(each["ids"] for each in tenths) == len(IDS)
        assert sum(nano(each["nmr"]) for each in tenths) == nano(found["net"])
        for each in tenths:
            assert sum(map(nano, each["factors"].values())) == nano(each["nmr"])
    code, said = run("explain", rounds_of(world) / "1", "--model", 1, "--buckets")
    assert (code, "by rank of the predictions" in said) == (0, True)
    assert "buckets" not in json.loads(run("explain", rounds_of(world) / "1", "--model", 1, "--json")[1])


def test_where_a_round_encrypts_one_s_own_file_says_it_and_no_other_does(world: World) -> None:
    secret = encrypted_world(world)
    settle_rounds(secret, 1)
    shown = secret.members[0].paths.exchange
    assert shown is not None
    folder = round_folder(shown, secret.suite.addresses.tournament, 1)
    code, said = run("explain", folder, "--model", 1, "--buckets")
    assert (code, "expected the predictions of model 1, found none" in said) == (1, True)
    code, said = run("explain", folder, "--model", 1, "--predictions", submitted(secret, 2))
    assert (code, "expected of submissions, 1 what was scored" in said) == (1, True)
    own = json.loads(run("explain", folder, "--model", 1, "--predictions", submitted(secret, 1), "--json")[1])
    assert sum(nano(each["nmr"]) for each in own["buckets"]) == nano(own["net"])
    member = secret.members[0].bundle(1).folder
    assert json.loads(run("explain", member, "--model", 1, "--buckets", "--json")[1]) == own


@pytest.mark.parametrize("file", ["targets", "meta_model"])
def test_tenths_are_not_made_from_files_that_the_manifest_does_not_name(world: World, file: str) -> None:
    settle_rounds(world, 1)
    path = rounds_of(world) / "1" / f"{file}.parquet"
    table = read_parquet(path.read_bytes())
    columns = {
        name: values if name == "id" else np.roll(np.asarray(values), 1) for name, values in table.items()
    }
    path.write_bytes(write_parquet(columns))
    code, said = run("explain", rounds_of(world) / "1", "--model", 1, "--buckets")
    assert (code, f"expected of {file}" in said) == (1, True)
