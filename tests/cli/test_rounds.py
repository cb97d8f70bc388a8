"""``cupel rounds``: what is open, what is at risk, what comes when."""

import json

from tests.cli.scientist import scientist
from tests.cli.test_cupel import run
from tests.world import HOUR, World


def test_rounds_are_listed_newest_first_with_their_times_and_what_is_at_risk(world: World) -> None:
    chain = scientist(world, 10).chain
    code, said = run("rounds", *chain, "--json")
    assert (code, json.loads(said)["rounds"]) == (0, [])
    first = world.sealed_round()
    second = world.open()
    code, said = run("rounds", *chain, "--json")
    rounds = json.loads(said)["rounds"]
    assert [(entry["round"], entry["phase"]) for entry in rounds] == [(second, "open"), (first, "sealed")]
    assert (rounds[1]["at_risk"], rounds[1]["payout_factor"]) == ("275", "1")
    assert (rounds[0]["at_risk"], rounds[0]["payout_factor"]) == ("0", None)
    assert world.record(second).close_at - world.record(second).open_at == HOUR
    code, said = run("rounds", *chain, "--open", "--json")
    assert [entry["round"] for entry in json.loads(said)["rounds"]] == [second]
    code, said = run("rounds", *chain, "--last", 1)
    assert code == 0
    assert [line.split("│")[1:3] for line in said.splitlines() if "│" in line] == [[" 2     ", " open  "]]
    world.settle(first)
    code, said = run("rounds", *chain, "--json")
    settled = json.loads(said)["rounds"][1]
    record = world.record(first)
    assert (settled["phase"], record.paid + record.burned > 0) == ("settled", True)


def test_an_endpoint_that_is_down_is_reported_in_one_line(world: World) -> None:
    chain = scientist(world, 10, "http://127.0.0.1:9").chain
    code, said = run("rounds", *chain)
    assert code == 1
    assert said.startswith("cupel: endpoint 127.0.0.1:9: expected an answer")
    assert said.count("\n") == 1
