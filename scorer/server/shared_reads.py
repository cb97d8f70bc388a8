"""Expensive reads that many ask for: one reads while the others wait, and the outcome of it is remembered."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from scorer.server.errors import ApiError

T = TypeVar("T")
MOST_FAILURES: Final = 1_000


@dataclass
class SharedReads(Generic[T]):
    """Calls a function for a number once, whatever the number of threads that ask for it.

    Attributes
    ----------
    read
        The function. An `ApiError` is the answer for a while; whatever else it raises is not remembered.
    kept
        Results that are kept; the one that nobody asked for the longest goes first.
    remembered
        Seconds for which a failure is the answer.
    clock
        Seconds that never go back.
    """

    read: Callable[[int], T]
    kept: int
    remembered: float
    clock: Callable[[], float] = time.monotonic
    _results: OrderedDict[int, T] = field(default_factory=OrderedDict, repr=False)
    _failures: OrderedDict[int, tuple[float, str]] = field(default_factory=OrderedDict, repr=False)
    _running: set[int] = field(default_factory=set, repr=False)
    _changed: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def get(self, number: int) -> T:
        """Return the result for a number: the one that is kept, another thread's, or a new one.

        Raises
        ------
        ApiError
            When the function raised it now or shortly before.
        """
        with self._changed:
            self._changed.wait_for(lambda: number not in self._running)
            if number in self._results:
                self._results.move_to_end(number)
                return self._results[number]
            self._refuse_again(number)
            self._running.add(number)
        try:
            return self._read(number)
        finally:
            with self._changed:
                self._running.discard(number)
                self._changed.notify_all()

    def _refuse_again(self, number: int) -> None:
        until, message = self._failures.get(number, (0.0, ""))
        if message and self.clock() < until:
            raise ApiError(message)

    def _read(self, number: int) -> T:
        try:
            result = self.read(number)
        except ApiError as error:
            failure = (self.clock() + self.remembered, str(error))
            self._keep(self._failures, number, failure, MOST_FAILURES)
            raise
        self._keep(self._results, number, result, self.kept)
        return result

    def _keep(self, known: OrderedDict[int, Any], number: int, value: object, most: int) -> None:
        with self._changed:
            known[number] = value
            known.move_to_end(number)
            while len(known) > most:
                known.popitem(last=False)
