"""Reads that threads share: one reads while others wait, and the outcome is remembered for a while."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from scorer.server.errors import ApiError
from scorer.server.shared_reads import SharedReads


class Reader:
    """Notes what is read; waits until it may go on, and then does what it is told."""

    def __init__(self, result: Callable[[int], str] = str) -> None:
        self.read: list[int] = []
        self.began = threading.Event()
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.result = result

    def __call__(self, number: int) -> str:
        self.read.append(number)
        self.began.set()
        assert self.goes_on.wait(20)
        return self.result(number)


def missing(number: int) -> str:
    raise ApiError(f"round {number}: expected a bundle, found none")


def shared(reader: Reader, kept: int = 2, now: Callable[[], float] = lambda: 0.0) -> SharedReads[str]:
    return SharedReads(reader, kept, 60.0, now)


def asked_at_once(reads: SharedReads[str], reader: Reader, threads: int) -> list[object]:
    """What so many threads get that all ask while the first one reads."""

    def ask() -> object:
        try:
            return reads.get(7)
        except (ApiError, MemoryError) as error:
            return str(error)

    reader.goes_on.clear()
    with ThreadPoolExecutor(threads) as pool:
        asked = [pool.submit(ask)]
        assert reader.began.wait(20)
        asked += [pool.submit(ask) for _ in range(threads - 1)]
        reader.goes_on.set()
        return [future.result(20) for future in asked]


def test_who_asks_while_another_reads_waits_for_its_result() -> None:
    reader = Reader()
    assert asked_at_once(shared(reader), reader, 8) == ["7"] * 8
    assert reader.read == [7]


def test_who_asks_while_another_fails_waits_for_its_failure() -> None:
    reader = Reader(missing)
    assert asked_at_once(shared(reader), reader, 8) == ["round 7: expected a bundle, found none"] * 8
    assert reader.read == [7]


def test_reads_of_other_numbers_do_not_wait() -> None:
    reader = Reader()
    reads = shared(reader)
    reader.goes_on.clear()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(reads.get, 1)
        assert reader.began.wait(20)
        reads.read = str
        assert reads.get(2) == "2"
        reader.goes_on.set()
        assert slow.result(20) == "1"


def test_a_failure_is_the_answer_for_a_minute_and_then_it_is_read_again() -> None:
    now, reader = [0.0], Reader(missing)
    reads = shared(reader, now=lambda: now[0])
    for now[0] in (0.0, 1.0, 59.9):
        with pytest.raises(ApiError, match="round 7"):
            reads.get(7)
    assert reader.read == [7]
    reader.result = str
    now[0] = 60.0
    assert reads.get(7) == "7"
    assert reader.read == [7, 7]
    assert reads.get(7) == "7"


def test_results_are_kept_up_to_a_number_and_the_least_asked_for_go_first() -> None:
    reader = Reader()
    reads = shared(reader)
    for number in (1, 2, 1, 3, 1, 2):
        assert reads.get(number) == str(number)
    assert reader.read == [1, 2, 3, 2]


def test_failures_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scorer.server.shared_reads.MOST_FAILURES", 10)
    reads = shared(Reader(missing))
    for number in range(100):
        with pytest.raises(ApiError):
            reads.get(number)
    assert len(reads._failures) == 10


def test_what_nobody_expects_is_raised_once_and_remembered_by_nobody() -> None:
    def breaks(number: int) -> str:
        if len(reader.read) == 1:
            raise MemoryError("no room")
        return str(number)

    reader = Reader(breaks)
    answers = asked_at_once(shared(reader), reader, 4)
    assert answers == ["no room", "7", "7", "7"]
    assert reader.read == [7, 7]
