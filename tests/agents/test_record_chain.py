"""A model's record from a chain: what the round's bundle says, and what a stranger would embellish."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from eth_hash.auto import keccak

from scorer.agents.record import ModelRecord, record_problems
from scorer.agents.record_chain import RecordError, check_place, read_record
from tests.cli.test_cupel import run, write_deployment
from tests.world import World


def test_a_record_is_what_the_bundle_says_and_is_verified_by_the_chain_alone(
    world: World, tmp_path: Path
) -> None:
    round_id = world.sealed_round()
    world.settle(round_id)
    world.anvil.finalise()
    stated = read_record(world.suite, 1)
    (entry,) = stated.rounds
    scores = world.members[0].bundle(round_id).scores()
    row = scores["model_id"].tolist().index(1)
    found = (entry.position, entry.score, entry.payout, entry.burn)
    names = ("position", "reward_score", "payout", "burn")
    assert found == tuple(int(scores[name][row]) for name in names)
    assert entry.report == world.members[0].bundle(round_id).report().hash()

    file = tmp_path / "record.json"
    where = ["--endpoint", world.anvil.url, "--deployment", write_deployment(world)]
    assert run("record", 1, file, *where)[0] == 0
    assert ModelRecord.from_json(json.loads(file.read_text())).rounds == stated.rounds
    code, said = run("record", "verify", file, *where)
    assert code == 0, said
    assert "agrees with the chain" in said
    file.write_text(json.dumps(replace(stated, rounds=()).to_json()))
    code, said = run("record", "verify", file, *where)
    assert code == 1
    assert "rounds.0" in said


def test_a_record_of_another_chain_or_of_no_model_is_refused(world: World) -> None:
    world.anvil.finalise()
    stated = read_record(world.suite, 1)
    assert not list(record_problems(stated, read_record(world.suite, 1, stated.block)))
    with pytest.raises(RecordError, match="expected a record of"):
        check_place(world.suite, replace(stated, chain_id=1))
    with pytest.raises(RecordError, match="made up"):
        check_place(world.suite, replace(stated, block_hash=keccak(b"another")))
    with pytest.raises(RecordError, match="expected a model from 1 to 10"):
        read_record(world.suite, 11)
    with pytest.raises(RecordError, match="expected a final block"):
        read_record(world.suite, 1, stated.block + 10**6)
