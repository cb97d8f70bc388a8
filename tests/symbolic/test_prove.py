"""The proofs are counted, and none of them passes for another reason than being proved."""

import re
from pathlib import Path

import pytest

from tests.symbolic.prove import SLOTS, Proof, faults, read_report, written

REPOSITORY = Path(__file__).parent.parent.parent
UNPROVED = {REPOSITORY / "contracts" / "lib" / f"{name}.sol" for name in ("StagedCode", "HeardScores")}
"""They create contracts, or call them: tests/proofs tries them on a chain."""
PROVED = Proof("SumProof.check_it_adds", 0, 1.0, 0)


def test_nothing_is_wrong_when_every_proof_that_is_written_stands() -> None:
    assert faults([PROVED], {PROVED.name}) == []


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5], ids=["refuted", "timed out", "stuck", "vacuous", "broken"])
def test_a_proof_that_does_not_stand_is_a_fault(code: int) -> None:
    assert len(faults([Proof(PROVED.name, code, 1.0, 0)], {PROVED.name})) == 1


def test_a_proof_of_fewer_turns_than_a_loop_has_is_a_fault() -> None:
    assert len(faults([Proof(PROVED.name, 0, 1.0, 1)], {PROVED.name})) == 1


def test_a_proof_that_is_written_and_not_run_is_a_fault() -> None:
    assert faults([PROVED], {PROVED.name, "SumProof.check_more"}) == ["SumProof.check_more: not run"]


def test_a_proof_from_an_older_build_is_a_fault() -> None:
    assert len(faults([PROVED, Proof("OldProof.check_it", 0, 1.0, 0)], {PROVED.name})) == 1


def test_no_proof_at_all_is_a_fault() -> None:
    assert faults([], set())


def test_the_report_of_halmos_is_read_by_contract_and_name() -> None:
    result = {
        "name": "check_it_adds(uint256)",
        "exitcode": 0,
        "time": [1.0, 0.5, 0.5],
        "num_bounded_loops": 0,
    }
    failed = {"name": "check_more()", "exitcode": 5, "time": None, "num_bounded_loops": None}
    report = {"test_results": {"tests/symbolic/SumProof.t.sol:SumProof": [result, failed]}}
    assert read_report(report) == [PROVED, Proof("SumProof.check_more", 5, 0.0, 0)]


def test_every_function_of_the_libraries_is_named_by_a_proof() -> None:
    """But the private ones, which are proved through those that call them."""
    proofs = " ".join(written())
    for file in sorted({*(REPOSITORY / "contracts" / "lib").glob("*.sol")} - UNPROVED):
        functions = re.findall(r"function (?!_)(\w+)", file.read_text())
        assert functions, file
        for function in functions:
            assert function.removesuffix("OfCalldata").removesuffix("Of") in proofs, function


def test_chunks_are_as_long_as_the_tournament_allows() -> None:
    source = (REPOSITORY / "contracts" / "Tournament.sol").read_text()
    assert f"MAX_CHUNK_SLOTS = {SLOTS};" in source
