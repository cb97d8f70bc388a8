"""A report's hash against OracleCommittee.hashReport written out with an ABI encoder."""

from dataclasses import FrozenInstanceError, replace

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from scorer.protocol.digest import json_digest
from scorer.protocol.report import REPORT_VERSION, Report, evidence_hash

TYPE = (
    b"Report(uint256 chainId,address tournament,uint256 roundId,uint256 version,bytes32 scoresHead,"
    b"uint64 totalPayout,uint64 totalBurn,bytes32 evidenceHash)"
)
uint256, uint64 = st.integers(0, 2**256 - 1), st.integers(0, 2**64 - 1)
bytes32 = st.binary(min_size=32, max_size=32)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())

REPORT = Report(
    chain_id=137,
    tournament="0x5FbDB2315678afecb367f032d93F642f64180aa3",
    round_id=7,
    version=REPORT_VERSION,
    scores_head=b"\1" * 32,
    total_payout=2**64 - 1,
    total_burn=5,
    evidence_hash=b"\2" * 32,
)


@given(st.builds(Report, uint256, addresses, uint256, uint256, bytes32, uint64, uint64, bytes32))
def test_the_hash_is_that_of_the_encoded_fields_behind_the_type(report: Report) -> None:
    types = ["bytes32", "uint256", "address", "uint256", "uint256", "bytes32", "uint64", "uint64", "bytes32"]
    assert report.hash() == keccak(encode(types, [keccak(TYPE), *vars(report).values()]))


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 1},
        {"tournament": "0x5FbDB2315678afecb367f032d93F642f64180aa4"},
        {"round_id": 8},
        {"version": 1},
        {"scores_head": b"\3" * 32},
        {"total_payout": 0},
        {"total_burn": 6},
        {"evidence_hash": b"\3" * 32},
    ],
)
def test_every_field_counts_for_the_hash(change: dict[str, object]) -> None:
    assert replace(REPORT, **change).hash() != REPORT.hash()  # type: ignore[arg-type]


def test_the_spelling_of_the_address_does_not_count_for_the_hash() -> None:
    assert replace(REPORT, tournament=REPORT.tournament.lower()).hash() == REPORT.hash()


def test_a_report_reads_back_as_it_was_written() -> None:
    assert Report.from_json(REPORT.to_json()) == REPORT
    assert REPORT.to_json()["report_hash"] == "0x" + REPORT.hash().hex()
    assert REPORT.to_json()["total_payout"] == "18446744073709551615"


@pytest.mark.parametrize("text", ["1x" + "01" * 32, "0x" + "01" * 31, "0x" + "AB" * 32, "", "0x" + " " * 64])
def test_a_digest_in_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected 0x and 64 lower-case hex digits, found"):
        Report.from_json({**REPORT.to_json(), "scores_head": text})


def test_the_struct_for_the_contract_leaves_out_what_the_contract_knows() -> None:
    assert REPORT.to_contract() == (7, 2, b"\1" * 32, 2**64 - 1, 5, b"\2" * 32)


@given(bytes32)
def test_the_evidence_is_the_manifest_and_the_operands_as_the_evm_encodes_them(operands: bytes) -> None:
    manifest = {"manifest_version": 3, "refused": [5], "operands": "0x" + operands.hex()}
    encoded = encode(["bytes32", "bytes32"], [json_digest(manifest), operands])
    assert evidence_hash(manifest) == keccak(encoded)


@pytest.mark.parametrize("named", [{}, {"operands": "0x12"}, {"operands": None}, {"operands": 7}])
def test_the_operands_hash_is_zeros_where_a_manifest_names_none(named: dict[str, object]) -> None:
    manifest = {"manifest_version": 3, **named}
    assert evidence_hash(manifest) == keccak(json_digest(manifest) + bytes(32))
    assert evidence_hash(manifest) != evidence_hash({"manifest_version": 2})


def test_a_report_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        REPORT.total_burn = 7  # type: ignore[misc]
