"""Moves the clock of Python processes by seconds that the environment names, to a day that a page needs."""

import os
import time

_NOW = time.time


def _moved() -> float:
    return _NOW() + float(os.environ.get("CLOCK_AHEAD", "0"))


time.time = _moved
