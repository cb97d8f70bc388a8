"""Run the tasks of a build: in this process, in several of this machine, or over a Dask cluster."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from scorer.data.parts import Task, run_task

Mapper = Callable[[Sequence[Task]], Iterable[int]]
"""Runs tasks, in any order and place."""


def in_processes(workers: int) -> Mapper:
    """Return a mapper over processes of this machine; one worker stays in this process."""

    def run(found: Sequence[Task]) -> Iterator[int]:
        if workers <= 1 or len(found) <= 1:
            yield from map(run_task, found)
            return
        with ProcessPoolExecutor(workers, mp_context=get_context("forkserver")) as pool:
            yield from pool.map(run_task, found)

    return run


def over_dask(client: Any) -> Mapper:
    """Return a mapper over a Dask cluster, whose workers see the same folders."""

    def run(found: Sequence[Task]) -> Iterator[int]:
        yield from client.gather(client.map(run_task, found, pure=False))

    return run
