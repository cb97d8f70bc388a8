"""Records as documents, and what a model's position became, without a chain."""

from dataclasses import replace
from typing import Any

import pytest
from eth_hash.auto import keccak

from scorer.agents.record import (
    ModelRecord,
    PositionOutcomeOnChain,
    RoundEntry,
    entry_of,
    feedback_of,
    record_problems,
    whose_of,
)
from tests.agents.documents import MEMBERS

OUTCOME = PositionOutcomeOnChain(
    round_id=3,
    is_settled=True,
    position=1_000,
    score=40_000,
    payout_factor=500_000,
    cap=50_000,
    reserved=600,
    total_payout=600,
    report=keccak(b"report"),
    seal=keccak(b"seal"),
)


def record(*entries: RoundEntry) -> ModelRecord:
    """A model's record of these rounds."""
    return ModelRecord(137, MEMBERS[0], MEMBERS[1], 5, MEMBERS[2], 900, keccak(b"block"), entries)


@pytest.mark.parametrize(
    ("changes", "payout", "burn"),
    [
        ({}, 20, 0),
        ({"score": -40_000}, 0, 20),
        ({"score": 900_000}, 50, 0),
        ({"reserved": 300}, 10, 0),
        ({"score": 0}, 0, 0),
        ({"is_settled": False}, 0, 0),
        ({"is_silent": True}, 0, 0),
    ],
)
def test_a_position_becomes_what_the_contract_makes_of_it(
    changes: dict[str, Any], payout: int, burn: int
) -> None:
    entry = entry_of(replace(OUTCOME, **changes))
    assert (entry.payout, entry.burn) == (payout, burn)


def test_a_record_written_is_read_again() -> None:
    stated = record(entry_of(OUTCOME), entry_of(replace(OUTCOME, round_id=4, is_settled=False)))
    assert ModelRecord.from_json(stated.to_json()) == stated
    assert stated.net == 20
    assert not list(record_problems(stated, stated))


def test_a_round_that_is_left_out_or_embellished_is_named() -> None:
    found = record(entry_of(OUTCOME), entry_of(replace(OUTCOME, round_id=4, score=-9_000)))
    left_out = record(found.rounds[0])
    assert any(path.startswith("rounds.1") for path in record_problems(left_out, found))
    better = record(found.rounds[0], replace(found.rounds[1], burn=0))
    assert [*record_problems(better, found)] == ["rounds.1.burn: expected 4, found 0"]


@pytest.mark.parametrize(
    "change",
    [{"record_version": 2}, {"rounds": [1]}, {"owner": "alice"}, {"model": -1}, {"note": "trust me"}],
)
def test_a_file_that_says_nonsense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError)):
        ModelRecord.from_json(record(entry_of(OUTCOME)).to_json() | change)


def test_rounds_stand_once_and_in_order() -> None:
    entry = entry_of(OUTCOME).to_json()
    with pytest.raises(ValueError, match="ascending"):
        ModelRecord.from_json(record().to_json() | {"rounds": [entry, entry]})


def test_feedback_says_the_score_in_units_of_ppm_with_the_evidence() -> None:
    url, evidence = "https://host/rounds/3", keccak(b"evidence")
    given = feedback_of(22, "0x697D0Fa6" + 32 * "0", 7, 3, 40_000, url, evidence)
    assert given.arguments == (22, 40_000, 6, "cupel", "697d0fa6/7/round-3", "", url, evidence)
    assert whose_of(given.tag2) == "697d0fa6/7"
