"""Whole numbers on the command line."""

import pytest
import typer

from scorer.cli.numbers import NUMBER, day, whole
from tests.cli.test_cupel import run


@pytest.mark.parametrize(
    "text",
    ["1_000", "+7", "-7", " 7", "7 ", "\uff17", "\u0667", "1e3", "7.0", "0x7", "", "seven", "9" * 20, "inf"],
)
def test_only_digits_are_a_whole_number(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected a whole number"):
        NUMBER(text)


def test_digits_are_read_within_their_bounds() -> None:
    assert [NUMBER("0"), NUMBER("007"), NUMBER("9223372036854775807")] == [0, 7, 2**63 - 1]
    assert whole(2, 5)("5") == 5
    for text in ("1", "6"):
        with pytest.raises(typer.BadParameter, match="from 2 to 5"):
            whole(2, 5)(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29",
        "2026-13-01",
        "2026-1-1",
        "\uff12026-01-01",
        "\u0662\u0660\u0662\u0666-01-01",
        "0001-01-01",
        "1969-12-31",
        "2201-01-01",
        "9999-12-31",
        "+2026-01-01",
        "2026-01-01 ",
        "2026-01-01T00:00",
        "26-01-01",
        "",
    ],
)
def test_what_is_no_date_is_refused_in_words(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected a date of the years 1970 to 2200, such as"):
        day(text)
    code, said = run("rules", "schedule", "classic", "--from", text)
    assert (code, "expected a date" in said) == (2, True)


@pytest.mark.parametrize("text", ["1970-01-01", "2036-02-29", "2038-01-19", "2100-02-28", "2200-12-31"])
def test_dates_are_read(text: str) -> None:
    assert day(text).isoformat() == text
    code, said = run("rules", "schedule", "crypto", "--from", text, "--days", 400)
    assert code == 0 or said.startswith("cupel: crypto: calendar 24/7: expected sessions from"), said


def test_a_models_number_is_asked_for_in_words() -> None:
    code, said = run(
        "stake", "show", "ridge_light", "--endpoint", "http://127.0.0.1:1", "--deployment", "README.md"
    )
    assert code == 2
    assert "expected a whole number in digits" in said
