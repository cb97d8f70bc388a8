"""Asks several endpoints at the same time, and waits for none of them longer than it takes."""

import queue
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
GRACE: Final = 3.0
"""Seconds that slower endpoints still have once enough of them have answered."""


@dataclass
class Parallel(Generic[K, T]):
    """Threads that ask, at most one for each endpoint.

    A thread that hangs keeps no cycle waiting, and no second one is started beside it: its request ends by
    itself, as each has a deadline.
    """

    _busy: set[K] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(
        self,
        questions: Mapping[K, Callable[[], T]],
        seconds: float,
        is_enough: Callable[[Mapping[K, T]], bool] = lambda _: False,
        grace: float = GRACE,
    ) -> dict[K, T]:
        """Ask questions at the same time; the answers that came in time, in the order of the questions.

        Parameters
        ----------
        questions
            By endpoint. They raise nothing; the answer of one that does all the same is missing.
        seconds
            Time to wait for all of them.
        is_enough
            True once the answers until now suffice: then the rest has `grace` seconds more.
        """
        answers: queue.SimpleQueue[tuple[K, list[T]]] = queue.SimpleQueue()
        waiting = {key for key, question in questions.items() if self._start(key, question, answers)}
        found: dict[K, T] = {}
        until = time.monotonic() + seconds
        while waiting:
            try:
                key, given = answers.get(timeout=max(until - time.monotonic(), 0))
            except queue.Empty:
                break
            if given:
                found[key] = given[0]
            waiting.discard(key)
            if is_enough(found):
                until = min(until, time.monotonic() + grace)
        return {key: found[key] for key in questions if key in found}

    def _start(
        self, key: K, question: Callable[[], T], answers: "queue.SimpleQueue[tuple[K, list[T]]]"
    ) -> bool:
        """Ask in a thread, unless an earlier question of the same endpoint is still open."""

        def run() -> None:
            given: list[T] = []
            try:
                given.append(question())
            finally:
                with self._lock:
                    self._busy.discard(key)
                # After the endpoint is free: whoever gets the answer may ask it again at once.
                answers.put((key, given))

        with self._lock:
            if key in self._busy:
                return False
            self._busy.add(key)
        # A daemon thread, as one that hangs must not keep the process from ending.
        threading.Thread(target=run, daemon=True).start()
        return True
