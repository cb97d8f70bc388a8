"""Amounts of coins as people read them."""

import pytest

from scorer.units import short_coins


@pytest.mark.parametrize(
    ("wei", "said"),
    [
        (0, "0"),
        (10**18, "1"),
        (36_513_000_000_000, "0.0000365"),
        (3_651_300_000, "0.00000000365"),
        (9_999_999_642_379_997_375_251, "9999.999642"),
        (10_000 * 10**18, "10000"),
        (1, "0.000000000000000001"),
    ],
)
def test_coins_are_said_in_plain_decimals_and_never_with_an_exponent(wei: int, said: str) -> None:
    assert short_coins(wei) == said
