"""Whole numbers on the command line."""

import pytest
import typer

from scorer.cli.numbers import NUMBER, whole
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


def test_a_models_number_is_asked_for_in_words() -> None:
    code, said = run(
        "stake", "show", "ridge_light", "--endpoint", "http://127.0.0.1:1", "--deployment", "README.md"
    )
    assert code == 2
    assert "expected a whole number in digits" in said
