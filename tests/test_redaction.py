"""Secrets are kept out of messages."""

import json
from base64 import b64encode
from urllib.parse import quote

import pytest

from scorer.redaction import (
    HIDDEN,
    NAMELESS,
    censored,
    clean,
    described,
    host,
    looks_secret,
    remember,
    remember_url,
    shown,
)

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
ADDRESS = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
WORDS = "test test test test test test test test test test test junk"


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        "0x" + KEY,
        "0X" + KEY.upper(),
        f" {KEY}\n",
        KEY[:-1],
        KEY + "0",
        KEY[:42],
        f'"{KEY}"',
        f"key={KEY}",
        KEY + KEY,
        KEY[:20] + " " + KEY[20:42],
        KEY[:20] + "_" + KEY[20:42],
        "TAiDppEClz1iMUcbXbtiBP5RKWFwgnkq5GjQGj82Ixg=",
        "TAiD/pEClz1i/UcbXbti+P5RKWFw/nkq5GjQ/j82Ixg=",
        WORDS.replace(" ", "_"),
        WORDS.replace(" ", ","),
        WORDS,
        WORDS.upper(),
        WORDS.replace(" ", "\n"),
        "https://node.example/v3/0123456789abcdef0123456789abcdef",
        "https:/node.example/v3",
        "postgresql://user:password@host/name",
        "user:password@host",
        "0123456789abcdef0123456789abcdef",
        "AKIAIOSFODNN7EXAMPLE",
        int(KEY, 16),
        bytes.fromhex(KEY),
        [KEY],
        {"key": KEY},
        {KEY: 1},
        "a passphrase that goes on and on until nobody would take it for a value of any field",
    ],
)
def test_what_may_be_a_secret_is_described_and_not_shown(secret: object) -> None:
    said = shown(secret)
    assert said == described(secret)
    for part in (KEY[:20], KEY.upper()[:20], "junk", "password", "v3", "EXAMPLE", "0123", "nobody", "Clz1i"):
        assert part not in said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0x12", "'0x12'"),
        (ADDRESS, f"'{ADDRESS}'"),
        ("classic", "'classic'"),
        ("7 days", "'7 days'"),
        (31337, "31337"),
        (True, "True"),
        (1.5, "1.5"),
        (None, "None"),
        ("", "''"),
        ("2026-11-28", "'2026-11-28'"),
    ],
)
def test_what_is_no_secret_is_shown_as_it_is(value: object, said: str) -> None:
    assert shown(value) == said


def test_a_description_says_type_and_length() -> None:
    assert described("0x" + KEY) == "text of 66 characters"
    assert described(int(KEY, 16)) == "a whole number of 255 bits"
    assert described([1, 2]) == "a list of 2"
    assert described({"a": 1}) == "a table of 1 fields"
    assert described(1.5) == "a number"


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pa/ss@node.example/v3",
        f"https://{KEY}/",
        "postgresql://user:pa ss@host/name",
        "https://node.example:secret/",
    ],
)
def test_a_host_is_named_only_where_it_can_be_nothing_else(url: str) -> None:
    assert host(url) in (NAMELESS, "host")


def test_the_secrets_of_a_process_are_hidden_wherever_they_stand() -> None:
    remember(bytes.fromhex(KEY), "correct horse", "short")
    remember_url("postgresql+psycopg://cupel:battery/staple@127.0.0.1/journal")
    remember_url("https://node.example/v3/0123456789ab?token=abcdefabcdef")
    message = (
        f"key 0x{KEY} or {KEY.upper()} or {int(KEY, 16)}, correct horse, battery/staple, 0123456789ab, "
        "token abcdefabcdef, short of it"
    )
    said = clean(message)
    for secret in (KEY, KEY.upper(), str(int(KEY, 16)), "horse", "0123456789ab", "abcdefabcdef"):
        assert secret not in said
    assert "short of it" in said


def test_other_spellings_of_what_is_remembered_are_hidden_too() -> None:
    key, password = bytes(range(200, 232)), 'p@ss/"wort\\'
    remember(key)
    remember_url("postgresql://cupel:hunt%40er2%2Fx@127.0.0.1/journal")
    remember(password)
    spellings = [b64encode(key).decode(), repr(key), json.dumps(password), repr(password), quote(password)]
    said = clean(" ".join([*spellings, "hunt@er2/x"]))
    assert not [part for part in ("yMnK", "xc8", "wort", "er2") if part in said], said


def test_a_message_that_repeats_what_was_typed_is_censored() -> None:
    key = KEY[::-1]
    for secret in (key, f"0X{key.upper()}", WORDS, f"{key[:32]} {key[32:]}", "AKIAIOSFODNN7EXAMPLE"):
        assert censored(f"path '{secret}' does not exist") == f"path '{HIDDEN}' does not exist"
    for plain in (ADDRESS, "build/momentum_6_1_2026-11-28/rounds", "--max-fee-per-gas"):
        assert censored(f"path '{plain}' does not exist") == f"path '{plain}' does not exist"


def test_hashes_and_addresses_are_left_to_operators() -> None:
    message = f"transaction 0x{'ab' * 32} of {ADDRESS} at https://node.example:8545/v3/secret"
    assert clean(message) == f"transaction 0x{'ab' * 32} of {ADDRESS} at node.example:8545"
    assert not looks_secret(ADDRESS)
