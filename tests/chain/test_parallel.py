"""Endpoints are asked side by side, and none of them holds up the others."""

import threading
import time
from collections.abc import Callable

import pytest

from scorer.chain.parallel import Parallel


def after(seconds: float, value: int) -> Callable[[], int]:
    def question() -> int:
        time.sleep(seconds)
        return value

    return question


def test_answers_come_in_the_order_of_the_questions() -> None:
    asking: Parallel[str, int] = Parallel()
    assert list(asking.ask({"a": after(0.1, 1), "b": after(0, 2)}, 5).items()) == [("a", 1), ("b", 2)]


def test_whoever_is_late_is_left_out_and_not_asked_beside_itself() -> None:
    asking: Parallel[str, int] = Parallel()
    began = time.monotonic()
    assert asking.ask({"a": after(0.5, 1), "b": after(0, 2)}, 0.1) == {"b": 2}
    assert asking.ask({"a": after(0, 1), "b": after(0, 2)}, 5) == {"b": 2}
    assert time.monotonic() - began < 0.4
    time.sleep(0.5)
    assert asking.ask({"a": after(0, 1), "b": after(0, 2)}, 5) == {"a": 1, "b": 2}


def test_once_enough_have_answered_the_rest_has_a_moment_more() -> None:
    asking: Parallel[int, int] = Parallel()
    questions = {number: after(10, 0) for number in range(20)} | {20: after(0, 1), 21: after(0.1, 2)}
    began = time.monotonic()
    found = asking.ask(questions, 60, lambda answers: len(answers) > 0, grace=0.3)
    assert found == {20: 1, 21: 2}
    assert time.monotonic() - began < 0.6


def test_two_questions_in_a_row_are_both_asked() -> None:
    asking: Parallel[str, int] = Parallel()
    for number in range(200):
        assert asking.ask({"a": after(0, number)}, 5) == {"a": number}


def test_a_question_that_raises_has_no_answer_and_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def fail() -> int:
        raise ValueError

    asking: Parallel[str, int] = Parallel()
    began = time.monotonic()
    assert asking.ask({"a": fail, "b": after(0, 2)}, 5) == {"b": 2}
    assert time.monotonic() - began < 1
    assert asking.ask({"a": after(0, 1)}, 5) == {"a": 1}


def test_a_thread_that_hangs_does_not_keep_the_process() -> None:
    before = {*threading.enumerate()}  # whatever tests before this one left running
    asking: Parallel[str, int] = Parallel()
    asking.ask({"a": after(0.3, 1)}, 0.05)
    hanging = {*threading.enumerate()} - before
    assert hanging
    assert all(thread.daemon for thread in hanging)
