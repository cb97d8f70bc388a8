"""A parser with every fault, on which the fuzzing itself is tried."""

import os
import signal
from collections.abc import Sequence

from tests.hostile.target import Target


class Unfit(ValueError):
    """What the parser below refuses by."""


HELD: list[bytes] = []


def fragile(content: bytes) -> None:
    """A parser with every fault."""
    if content == b"die":
        os.abort()
    if content == b"raise":
        raise KeyError("x")
    if content == b"slow":
        signal.sigtimedwait([], 2.2)
    if content == b"large":
        HELD[:] = [b"1" * 600 * 2**20]
        HELD.clear()
    if content == b"hang":
        while True:
            pass
    if content == b"refuse":
        raise Unfit


def inputs() -> Sequence[bytes]:
    return [b"good", b"refuse", b"die", b"raise", b"slow", b"large", b"good"]


TARGETS = (Target("fragile", inputs, fragile, (Unfit,)),)
