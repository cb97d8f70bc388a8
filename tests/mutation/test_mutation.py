import json
import subprocess
from pathlib import Path

import pytest

from tests.mutation.operators import Mutant, Node, enums_in, mutants_of
from tests.mutation.sample import code_lines, in_order_of_trial, quotas
from tests.mutation.survivors import entry, explained, problems

SOLC = Path(__file__).parent.parent.parent / "scripts" / "solc" / "solc-v0.8.30"
SOURCE = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

enum State { Off, On }

error Late(uint256 now_, uint256 limit);

contract Sample {
    uint256 public constant LIMIT = 2 days;
    State private state;

    modifier once() {
        _;
    }

    function act(uint256 a, uint256 b) external once returns (uint256 c) {
        // ä: places are counted in bytes
        if (a >= LIMIT) revert Late(a, LIMIT);
        if (a > b) c += b;
        state = State.On;
        assembly ("memory-safe") {
            c := mul(c, 2)
        }
    }
}
"""


@pytest.fixture(scope="module")
def tree() -> Node:
    given = {
        "language": "Solidity",
        "sources": {"Sample.sol": {"content": SOURCE}},
        "settings": {"outputSelection": {"*": {"": ["ast"]}}},
    }
    done = subprocess.run(
        ["node", str(SOLC), "--standard-json"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    found: Node = json.loads(done.stdout)["sources"]["Sample.sol"]["ast"]
    return found


@pytest.fixture(scope="module")
def mutants(tree: Node) -> list[Mutant]:
    return mutants_of("Sample.sol", SOURCE, tree, enums_in([tree]))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("uint256 public constant LIMIT = 2 days;", "uint256 public constant LIMIT = (2 days - 1);"),
        ("if (a >= LIMIT) revert Late(a, LIMIT);", "if (a > LIMIT) revert Late(a, LIMIT);"),
        ("if (a >= LIMIT) revert Late(a, LIMIT);", "if (false) revert Late(a, LIMIT);"),
        ("if (a >= LIMIT) revert Late(a, LIMIT);", "if (a >= LIMIT) revert Late(LIMIT, a);"),
        ("if (a > b) c += b;", "if (a > b) c -= b;"),
        ("if (a > b) c += b;", "if (a > b) {}"),
        ("if (a > b) c += b;", "if (true) c += b;"),
        ("state = State.On;", "state = State.Off;"),
        ("state = State.On;", "{}"),
        ("c := mul(c, 2)", "c := div(c, 2)"),
        ("c := mul(c, 2)", "c := mul(c, 3)"),
        ("c := mul(c, 2)", "{}"),
    ],
)
def test_a_fault_changes_what_its_operator_says(mutants: list[Mutant], before: str, after: str) -> None:
    assert (before, after) in {(mutant.before, mutant.after) for mutant in mutants}


def test_a_modifier_can_be_left_out(mutants: list[Mutant]) -> None:
    (mutant,) = (mutant for mutant in mutants if mutant.operator == "modifier")
    assert "external  returns" in mutant.after
    assert mutant.where == "Sample.act"


def test_everything_else_in_the_file_stays(mutants: list[Mutant]) -> None:
    for mutant in mutants:
        lines = zip(SOURCE.splitlines(), mutant.text.splitlines(), strict=True)
        changed = [(number, new) for number, (old, new) in enumerate(lines, 1) if old != new]
        assert [(number, new.strip()) for number, new in changed] == [(mutant.line, mutant.after)]


def test_a_mutant_is_named_by_what_it_changes_and_not_by_where_that_stands(tree: Node) -> None:
    names = [mutant.name for mutant in mutants_of("Sample.sol", SOURCE, tree, {})]
    assert len(set(names)) == len(names)


def test_files_take_part_by_their_weighted_lines_of_code() -> None:
    short = "// a comment\n\nuint256 constant A = 1;\n"
    assert code_lines(short) == 1
    found = quotas({"contracts/A.sol": short * 10, "contracts/Tournament.sol": short * 20}, 40)
    assert found == {"contracts/A.sol": 10, "contracts/Tournament.sol": 30}
    assert quotas({"a": short, "b": short * 1000}, 10) == {"a": 1, "b": 10}


def test_operators_take_turns(mutants: list[Mutant]) -> None:
    kinds = {mutant.operator for mutant in mutants}
    ordered = in_order_of_trial(mutants, 7)
    assert sorted(mutant.name for mutant in ordered) == sorted(mutant.name for mutant in mutants)
    assert {mutant.operator for mutant in ordered[: len(kinds)]} == kinds
    assert ordered == in_order_of_trial(reversed(mutants), 7)
    assert ordered != in_order_of_trial(mutants, 8)


def test_a_survivor_is_explained_or_reported() -> None:
    record = {"file": "A.sol", "where": "A.f", "before": "a;\nb;", "after": "{}", "nth": 2}
    survived, killed = record | {"verdict": "survived"}, record | {"verdict": "killed"}
    listed = explained(entry(record).replace('reason = ""', 'reason = "Equivalent."'))
    assert list(problems([survived], listed)) == []
    assert "survived without a reason" in next(problems([survived], set()))
    assert "does not survive" in next(problems([killed], listed))


def test_a_survivor_without_a_reason_is_refused() -> None:
    record = {"file": "A.sol", "where": "A.f", "before": "a;", "after": "{}", "nth": 1}
    with pytest.raises(SystemExit, match="expected a reason"):
        explained(entry(record))
