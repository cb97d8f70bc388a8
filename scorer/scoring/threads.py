"""Runs work on blocks of submissions in threads."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController


class _OneBlasThread:
    """Keeps BLAS from starting threads while any block is scored; the last block restores its limits."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._limits: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                # The limits hold for the whole process, so that the first user sets them and the last one
                # restores them.
                self._limits = _loaded_libraries().limit(limits=1, user_api="blas")
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._limits is not None:
                self._limits.restore_original_limits()


@cache
def _loaded_libraries() -> ThreadpoolController:
    """Find the BLAS of numpy, once: the search takes as long as scoring a block."""
    return ThreadpoolController()


_one_blas_thread = _OneBlasThread()


def run_in_threads(work: Callable[[Iterator[int]], Any], starts: range, threads: int) -> None:
    """Run ``work`` in each thread; the threads share one iterator of block starts."""
    # One step of a range's iterator is atomic in CPython, so that no two threads get the same start.
    shared = iter(starts)
    with _one_blas_thread:
        if threads == 1 or len(starts) <= 1:
            work(shared)
            return
        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(work, shared) for _ in range(threads)]:
                # Raises here what a thread raised.
                done.result()


def usable_cores() -> int:
    """Count the cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
