"""``cupel rules``: what an operator types before anything is frozen on a chain."""

import json
from pathlib import Path

import pytest

from scorer.protocol.rules import preset
from tests.cli.test_cupel import run


def test_a_valid_document_is_shown_with_its_factors_needs_and_hash() -> None:
    code, said = run("rules", "check", "signals")
    assert code == 0
    assert said.splitlines() == [
        "0.3 x alpha on target_60d2l",
        "0.8 x mpc on target_60d2l",
        "needs neutralizers.parquet (factors.0.score = alpha)",
        "needs sample_weights.parquet (factors.0.score = alpha)",
        "reward scores cannot be proven to a contract: score = alpha, score = mpc",
        f"signals: valid, rules hash 0x{preset('signals').hash().hex()}",
    ]


def test_rules_whose_scores_a_court_computes_are_said_to_be_provable() -> None:
    code, said = run("rules", "check", "cupel")
    assert code == 0
    assert "reward scores can be proven to a contract" in said


def demanding(name: str) -> bytes:
    """Return a preset's rules with demands."""
    encrypted = b'"submissions":"encrypted"}'
    return preset(name).canonical_json().replace(encrypted, encrypted[:-1] + b',"demands":3,"deposit":"2.5"}')


def test_rules_that_name_demands_are_said_to_make_predictions_public(tmp_path: Path) -> None:
    document = tmp_path / "mine.json"
    document.write_bytes(demanding("cupel"))
    code, said = run("rules", "check", document)
    assert code == 0
    assert "may make the predictions of 3 models public" in said
    assert "deposits 2.5 NMR" in said
    assert "nothing can be demanded" not in said
    shown = json.loads(run("rules", "check", document, "--json")[1])
    assert (shown["demands"], shown["deposit"]) == (3, "2.5")


def test_of_rules_whose_scores_cannot_be_proven_nothing_can_be_demanded(tmp_path: Path) -> None:
    document = tmp_path / "mine.json"
    document.write_bytes(demanding("signals"))
    code, said = run("rules", "check", document)
    assert code == 0
    assert "nothing can be demanded under these rules" in said


def test_rules_without_demands_say_nothing_of_them() -> None:
    assert "public" not in run("rules", "check", "cupel")[1]


def test_an_invalid_document_is_refused_by_its_path_in_one_line(tmp_path: Path) -> None:
    document = tmp_path / "mine.json"
    document.write_bytes(preset("classic").canonical_json().replace(b'"cap":"0.05"', b'"cap":"5"'))
    code, said = run("rules", "check", document)
    assert (code, said) == (
        1,
        f"cupel: {document}: stake.cap: expected from 0.000001 to 1, found '5'\n",
    )


def test_the_rounds_to_come_are_listed_over_a_holiday() -> None:
    code, said = run("rules", "schedule", "classic", "--from", "2026-11-23", "--days", 7)
    assert code == 0
    rows = [line for line in said.splitlines() if ":00" in line]
    assert len(rows) == 4
    assert "Mon 11-23" in rows[0]
    assert "11-24 12:00" in rows[0]
    assert "Fri 11-27" in rows[3]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b'"XNYS"', b'"XXXX"'), "calendar XXXX: expected sessions from"),
        ((b'"version":1}', b'"version":3}'), "version: expected 1 or 2, found 3"),
    ],
)
def test_a_schedule_that_cannot_be_computed_is_refused_in_one_line(
    change: tuple[bytes, bytes], message: str, tmp_path: Path
) -> None:
    document = tmp_path / "mine.json"
    document.write_bytes(preset("classic").canonical_json().replace(*change))
    code, said = run("rules", "schedule", document, "--from", "2026-05-04")
    assert code == 1
    assert message in said
    assert said.count("\n") == 1
