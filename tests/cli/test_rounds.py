"""``cupel rounds``: what is open, what is at risk, what comes when."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from scorer.cli.rounds import closing_lines
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
    assert f"round {second}: open for 1 h more, until " in run("rounds", *chain)[1]
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


def test_what_opens_next_what_is_open_and_what_closed_last_is_said_from_the_time_on_the_chain(
    world: World,
) -> None:
    number = world.open()
    record = world.record(number)
    closes = datetime.fromtimestamp(record.close_at, UTC).strftime("%m-%d %H:%M:%S")
    opens = datetime.fromtimestamp(record.open_at, UTC).strftime("%m-%d %H:%M:%S")
    before, while_open = record.open_at - 130, record.close_at - 12_000
    assert list(closing_lines([record], before)) == [f"round {number}: opens in 2 min 10 s, at {opens} UTC"]
    early = replace(record, open_at=while_open)
    assert list(closing_lines([early], while_open)) == [
        f"round {number}: open for 3 h 20 min more, until {closes} UTC"
    ]
    older = replace(record, round_id=number + 7, close_at=record.close_at - 10)
    after = [record, older]
    assert list(closing_lines(after, record.close_at + 10)) == [f"round {number}: closed 10 s ago"]
    assert list(closing_lines(after, record.close_at)) == [f"round {number}: closed now"]
    assert list(closing_lines([], before)) == []
