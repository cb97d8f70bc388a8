"""Errors of real nodes and providers are understood."""

import time
from pathlib import Path

import pytest

from scorer.chain.rpc_errors import Answer, classify, wanted_tip

TABLE = Path(__file__).with_name("node_errors.tsv")
"""Errors as nodes and providers word them; `scorer.chain.rpc_errors` says where they were read."""


def errors() -> list[tuple[str, int | None, str]]:
    lines = TABLE.read_text().splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return [(answer, int(code) if code else None, words) for answer, code, words in rows]


@pytest.mark.parametrize(("answer", "code", "words"), errors())
def test_a_nodes_words_are_understood(answer: str, code: int | None, words: str) -> None:
    assert classify(code, words) == Answer[answer]


@pytest.mark.parametrize("code", [True, [], {}, "429", 1.5, 10**400])
def test_a_code_that_is_no_code_says_nothing(code: object) -> None:
    assert classify(code, "") == Answer.UNKNOWN


@pytest.mark.parametrize(
    "word",
    [
        "replacement ",
        "gas limit ",
        "fee cap ",
        "tip ",
        "block ",
        "method ",
        "state ",
        "limited to 1,",
        "x",
        "\n",
    ],
)
def test_an_error_of_any_length_is_understood_in_no_time(word: str) -> None:
    text = word * (1_000_000 // len(word))
    began = time.process_time()
    classify(-32000, text)
    wanted_tip(f"gas tip cap {text}")
    assert time.process_time() - began < 0.1


def test_what_matters_is_found_in_the_beginning_of_a_long_error() -> None:
    assert classify(-32000, "nonce too low" + " " * 10_000_000) == Answer.NONCE_TOO_LOW


def test_the_tip_that_a_node_wants_is_read_from_its_words() -> None:
    assert wanted_tip("gas tip cap 1, minimum needed 25000000000") == 25 * 10**9
    assert wanted_tip("intrinsic gas too low: gas 21000, minimum needed 53000") == 0
    assert wanted_tip("no") == 0
    assert wanted_tip("gas tip cap 1, minimum needed " + "9" * 100_000) < 10**78
