"""Interim scores: one form, signed by members."""

from dataclasses import replace
from typing import Any

import pytest
from coincurve import PrivateKey
from eth_account import Account

from scorer.protocol.documents import parse_json
from scorer.protocol.interim_scores import InterimScores, SignedInterimScores

TOURNAMENT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
FOUND = InterimScores(
    31337, TOURNAMENT, 4, 3, 20, "2007-01-05", (2, 5, 9), {"corr_target": (120, None, -7)}, (12, 0, -1)
)


def signed(interim: InterimScores, number: int) -> SignedInterimScores:
    """The same, signed by a member."""
    key = bytes([number]) * 32
    signature = PrivateKey(key).sign_recoverable(interim.message, hasher=keccak)
    member = Account.from_key(key).address
    return SignedInterimScores(interim, member, signature[:64] + bytes([signature[64] + 27]))


def keccak(content: bytes) -> bytes:
    from eth_hash.auto import keccak as hashed

    return hashed(content)


def test_what_is_written_is_read_again_and_is_signed() -> None:
    import json

    one = signed(FOUND, 1)
    assert one.is_signed
    again = SignedInterimScores.from_json(parse_json(json.dumps(one.to_json()).encode()))
    assert again == one
    assert again.is_signed
    assert not replace(one, interim=replace(FOUND, day=4)).is_signed


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("models", [2, 2, 9], "ascending and each once"),
        ("models", [9, 5, 2], "ascending and each once"),
        ("models", [0, 5, 9], "ascending and each once"),
        ("models", [2, 5, 2**31], "ascending and each once"),
        ("models", [-1, 5, 9], "ascending and each once"),
        ("models", [True, 5, 9], "whole numbers as models"),
        ("day", 0, "a day from 1"),
        ("day", 21, "a day from 1"),
        ("days", 251, "a day from 1"),
        ("session", "5 January", "a date such as"),
        ("session", "2007-01-0x", "a date such as"),
        ("session", "2007-02-30", "a date such as"),
        ("session", "20070105", "a date such as"),
        ("scores", {"corr_target": [1, 2]}, "a score of each of 3 models"),
        ("scores", {"corr_target": "123"}, "a score of each of 3 models"),
        ("scores", {"corr_target": [1, 2, "3"]}, "whole numbers as corr_target"),
        ("reward_scores", [1, None, 3], "a reward score of every model"),
        ("reward_scores", [1, 2], "a score of each of 3 models"),
        ("reward_scores", [1, 2, 2**23], "reward_scores within 8388607 ppm"),
        ("scores", {"corr_target": [0, 0, -(10**9) - 1]}, "corr_target within 1000000000 ppm"),
        ("scores", {"c" * 81: [0, 0, 0]}, "a factor's name of at most 80 characters"),
        ("tournament", TOURNAMENT.lower(), "an address with its checksum"),
        ("more", 1, "expected no field but"),
    ],
)
def test_any_other_document_is_refused_by_name(field: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InterimScores.from_json(FOUND.to_json() | {field: value})
