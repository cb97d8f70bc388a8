"""The commands as people type them."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from scorer.chain.endpoint import LOCAL_CHAIN_ID
from scorer.chain.records import RoundState
from scorer.cli import app
from scorer.encryption.keys import write_identities
from scorer.lab.encryption import local_identity
from scorer.protocol.rules import preset
from scorer.storage.bundle import Bundle
from tests.world import FIRST, IDS, World, begins, one_sealed, one_settled

runner = CliRunner()


NOTHING_DUE = (
    "nothing to do: no round is due at the last final block; a plan is due some seconds after its open_at, "
    "once that is final\n"
)


def run(*arguments: object, answer: str | None = None) -> tuple[int, str]:
    """Type a command, and what it asks for; its exit code and all it said."""
    result = runner.invoke(app, [str(argument) for argument in arguments], input=answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def write_deployment(world: World) -> Path:
    path = world.out / "deployment.json"
    path.write_text(json.dumps(world.suite.addresses.to_json()))
    return path


def write_config(world: World, member: int, **changes: object) -> Path:
    """The configuration of a member, with the operator's inbox too."""
    write_deployment(world)
    files = world.members[member].paths
    home = world.out / f"node-{member}"
    exchange = files.exchange or home / "exchange"
    for folder in (home, files.rounds, files.published, files.targets, exchange, world.out / "inbox"):
        folder.mkdir(parents=True, exist_ok=True)
    account = world.anvil.account(changes.pop("account", 3 + member))  # type: ignore[arg-type]
    (home / "key").write_text(account.key.hex())
    write_identities(home / "encryption.key", [local_identity(world.anvil.account(3 + member))])
    values = {"endpoint": world.anvil.url, "chain_id": LOCAL_CHAIN_ID, **changes}
    (home / "node.toml").write_text(
        f"""
[chain]
endpoint = "{values["endpoint"]}"
chain_id = {values["chain_id"]}
deployment = "../deployment.json"
tip_gwei = 1

[files]
rounds = "{files.rounds}"
published = "{files.published}"
targets = "{files.targets}"
exchange = "{exchange}"
inbox = "{world.out / "inbox"}"

[encryption]
file = "encryption.key"

[key]
file = "key"
"""
    )
    return home / "node.toml"


def test_operator_and_oracles_take_a_round_to_its_end(world: World) -> None:
    configs = [write_config(world, member) for member in range(3)]
    operator = write_config(world, 2, account=1)
    operator = operator.rename(operator.with_name("operator.toml"))
    (operator.parent / "operator-key").write_text(world.anvil.account(1).key.hex())
    operator.write_text(operator.read_text().replace('"key"', '"operator-key"'))
    configs[2] = write_config(world, 2)
    peers = [str(member.paths.rounds) for member in world.members]
    for config in configs:
        config.write_text(config.read_text().replace("[files]", f"[files]\npeers = {json.dumps(peers)}"))
    round_id = world.open()
    world.submit_all(round_id)
    world.anvil.advance_to(world.record(round_id).close_at)
    assert run("operator", "once", "--config", operator) == (
        0,
        f"round {round_id} lock:0: dry run: not sent\n",
    )
    code, said = run("operator", "once", "--config", operator, "--json")
    dry = json.loads(said)
    assert (code, dry["dry_run"], len(dry["results"])) == (0, True, 1)
    assert dry["results"][0] == {
        "tournament": None,
        "round": round_id,
        "action": "LockSlots",
        "subject": f"round {round_id} lock:0",
        "outcome": "dry run: not sent",
        "alarm": None,
    }
    code, said = run("operator", "once", "--config", operator, "--send")
    assert code == 0
    assert said.startswith(f"round {round_id} lock:0: block ")
    world.anvil.finalise()
    code, said = run("operator", "once", "--config", operator, "--send")
    assert said.startswith(f"round {round_id} endlock: block ")
    world.anvil.finalise()
    assert run("operator", "once", "--config", operator, "--send") == (
        0,
        NOTHING_DUE,
    )
    for config in configs:
        code, said = run("oracle", "once", "--config", config, "--send")
        assert code == 0, said
    assert said.startswith(f"round {round_id}: SealRound: block ")
    assert world.record(round_id).state == RoundState.SEALED
    world.resolve(round_id)
    for config in configs[:2]:
        code, said = run("oracle", "once", "--config", config, "--send", "--round", round_id)
        assert code == 0
        assert said.startswith(f"round {round_id}: Attest: block ")
        world.anvil.finalise()
    world.pass_challenge_window()
    code, said = run("oracle", "once", "--config", configs[0], "--send", "--json")
    acts = json.loads(said)["results"]
    assert (code, [act["round"] for act in acts]) == (0, [round_id] * len(acts))
    assert [act["action"] for act in acts].count("SettleChunk") == 1
    assert world.record(round_id).state == RoundState.SETTLED
    world.anvil.finalise()
    assert run("oracle", "once", "--config", configs[1]) == (0, "nothing to do: every round is over\n")
    code, said = run("oracle", "once", "--config", configs[1], "--json")
    assert (code, json.loads(said)) == (0, {"dry_run": True, "results": []})


@begins(one_sealed)
def test_an_oracle_is_dry_without_the_option_to_send(world: World) -> None:
    round_id = FIRST
    world.resolve(round_id)
    code, said = run("oracle", "once", "--config", write_config(world, 0))
    assert (code, said) == (0, f"round {round_id}: Attest: dry run: not sent\n")


def test_an_endpoint_that_is_down_ends_with_one_clear_line(world: World) -> None:
    config = write_config(world, 0, endpoint="http://127.0.0.1:9")
    code, said = run("oracle", "once", "--config", config, "--send")
    assert code == 1
    assert said.startswith("cupel: endpoint 127.0.0.1:9: expected an answer")
    assert said.count("\n") == 1


def test_a_wrong_chain_id_ends_before_anything_is_sent(world: World) -> None:
    config = write_config(world, 0, chain_id=137)
    code, said = run("oracle", "once", "--config", config, "--send")
    assert code == 1
    assert "expected a deployment on chain 137, found one on 31337" in said
    deployment = json.loads((world.out / "deployment.json").read_text())
    (world.out / "deployment.json").write_text(json.dumps(deployment | {"chain_id": 137}))
    code, said = run("oracle", "once", "--config", config, "--send")
    assert code == 1
    assert "expected chain id 137 (as configured), found 31337; nothing was sent" in said


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("chain_id = 31337", "chain_id = -1", "chain.chain_id: expected greater than 0, found -1"),
        ("tip_gwei = 1", "tip = 1", "chain.tip: expected no field of this name, found"),
        ("[key]", "[keys]", "key: expected a value, found none"),
        ("endpoint = ", "endpoint = 7 #", "chain.endpoint: expected text, found a"),
        ("[chain]", "[chain", "expected a TOML file"),
    ],
)
def test_a_wrong_configuration_names_its_field(world: World, old: str, new: str, expected: str) -> None:
    config = write_config(world, 0)
    config.write_text(config.read_text().replace(old, new))
    code, said = run("oracle", "once", "--config", config)
    assert code == 1
    assert expected in said
    assert "default factory" not in said


@begins(one_settled)
def test_verify_agrees_with_the_chain_and_names_what_was_changed(world: World) -> None:
    round_id = FIRST
    folder = world.members[0].bundle(round_id).folder
    chain = ["--endpoint", world.anvil.url, "--deployment", write_deployment(world)]
    world.anvil.finalise()
    code, said = run("verify", folder, *chain)
    assert code == 0
    assert said.startswith(f"verify: round {round_id} agrees: 10 models")
    assert "with the chain; reward scores can be proven to the court" in said
    table = pd.read_parquet(folder / "scores.parquet")
    table["reward_score"] = table["reward_score"] + (table["model_id"] == 5)
    table.to_parquet(folder / "scores.parquet", index=False)
    code, said = run("verify", folder, *chain)
    assert code == 1
    assert f"round {round_id} DIFFERS: scores.parquet, model 5, reward_score: expected" in said


@begins(one_settled)
def test_verify_replays_a_saved_chain(world: World) -> None:
    round_id = FIRST
    write_deployment(world)
    world.anvil.save(world.out / "chain.json")
    folder = world.members[1].bundle(round_id).folder
    code, said = run("verify", folder, "--replay", world.out)
    assert code == 0
    assert "with the chain" in said


@begins(one_settled)
def test_verify_says_when_a_file_is_missing(world: World) -> None:
    round_id = FIRST
    folder = world.members[0].bundle(round_id).folder
    (folder / "targets.parquet").unlink()
    code, said = run("verify", folder)
    assert code == 1
    assert "targets.parquet: expected a file of a round's bundle, found none" in said


def test_a_submission_can_be_checked_before_it_is_sent(tmp_path: Path) -> None:
    pd.DataFrame({"id": IDS}).to_parquet(tmp_path / "universe.parquet")
    good = pd.DataFrame({"id": IDS, "prediction": 0.5})
    good.to_csv(tmp_path / "good.csv", index=False)
    good.iloc[1:].to_csv(tmp_path / "bad.csv", index=False)
    universe = tmp_path / "universe.parquet"
    code, said = run("submission", "check", tmp_path / "good.csv", "--universe", universe)
    assert (code, said) == (0, f"{tmp_path / 'good.csv'}: valid, 60 predictions\n")
    code, said = run("submission", "check", tmp_path / "good.csv", "--universe", universe, "--json")
    document = json.loads(said)
    assert document.pop("ids")["found"] == 60
    assert document == {"file": str(tmp_path / "good.csv"), "valid": True, "predictions": 60}
    code, said = run("submission", "check", tmp_path / "bad.csv", "--universe", universe)
    assert code == 1
    assert "bad.csv: expected all 60 ids of the round, found missing ids: 1 (id000)" in said


def test_the_rules_beside_the_universe_decide_what_a_checked_file_may_hold(tmp_path: Path) -> None:
    ids = tuple(f"id{number:03}" for number in range(120))
    bundle = Bundle(tmp_path)
    bundle.write_universe(ids)
    bundle.write_rules(preset("classic").model_copy(update={"submissions": "signals", "secrecy": None}))
    bundle.write_names(ids, {"sedol": [f"S{number}" for number in range(120)]})
    values = [number / 120 for number in range(110)]
    named = pd.DataFrame({"sedol": [f"S{number}" for number in range(110)], "signal": values})
    named.to_csv(tmp_path / "good.csv", index=False)
    pd.DataFrame({"id": ids[:110], "prediction": values}).to_csv(tmp_path / "bad.csv", index=False)
    code, said = run(
        "submission", "check", tmp_path / "good.csv", "--universe", tmp_path / "universe.parquet"
    )
    assert (code, said.splitlines()) == (
        0,
        [
            f"{tmp_path / 'good.csv'}: valid, 120 predictions",
            "  110 of the universe's 120 ids were found; 10 were filled with 1/2: id110, id111, id112, ...",
        ],
    )
    code, said = run("submission", "check", tmp_path / "bad.csv", "--universe", tmp_path / "universe.parquet")
    assert code == 1
    assert "bad.csv: expected the columns [ticker or sedol" in said


def test_ids_that_were_lost_on_the_way_are_reported_loudly(tmp_path: Path) -> None:
    ids = tuple(f"{number:06}" for number in range(270))
    bundle = Bundle(tmp_path)
    bundle.write_universe(ids)
    bundle.write_rules(preset("classic").model_copy(update={"submissions": "signals", "secrecy": None}))
    lost = [name.lstrip("0") or "0" for name in ids[:150]] + list(ids[150:])
    values = [number / 270 for number in range(270)]
    file = tmp_path / "lost.csv"
    pd.DataFrame({"ticker": lost, "signal": values}).to_csv(file, index=False)
    universe = tmp_path / "universe.parquet"
    code, said = run("submission", "check", file, "--universe", universe)
    assert code == 0
    assert "WARNING: fewer than half of the universe's ids have a prediction of yours" in said
    assert "120 of the universe's 270 ids were found; 150 were filled with 1/2: 000000, 000001" in said
    assert "150 ids of the file are unknown and were ignored: 0, 1, 10, ..." in said
    assert "150 of the unknown ids differ from an id of the universe only by capitals" in said
    code, said = run("submission", "check", file, "--universe", universe, "--json")
    found = json.loads(said[said.index("{") : said.rindex("}") + 1])["ids"]
    assert (found["found"], found["filled"], found["unknown"], found["near_misses"]) == (120, 150, 150, 150)
    assert found["unknown_ids"] == ["0", "1", "10"]


@begins(one_sealed)
def test_an_operator_publishes_what_it_sealed_once_only(world: World) -> None:
    round_id = FIRST
    operator = world.operator
    again = operator.collector.collect(world.record(round_id))
    assert len(again.submissions.entries) == 10
