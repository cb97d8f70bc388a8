"""What is fuzzed: a parser, files to begin with, and ways to spoil them."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from random import Random
from typing import Final

from tests.hostile.mutations import spoil

Mutation = Callable[[bytes, Random], bytes]
MODULES: Final = (
    "tests.hostile.submissions",
    "tests.hostile.rpc",
    "tests.hostile.configurations",
    "tests.hostile.bundles",
    "tests.hostile.interim",
    "tests.hostile.encryption",
)
"""Where targets are. A test of the fuzzing itself names another by the environment."""


@dataclass(frozen=True)
class Target:
    """One parser.

    Attributes
    ----------
    seeds
        Makes good files, and bad ones that once did harm; run once a process.
    parse
        Reads one input as the program does. Whatever it raises beside `refusals` counts as a traceback.
    refusals
        What it is documented to raise for input that it does not take.
    contained
        Those of the refusals that stand for the death of a child process: counted apart.
    mutations
        That know the structure of the input; bytes are spoiled in any case.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    parse: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    contained: tuple[type[Exception], ...] = ()
    mutations: Sequence[Mutation] = field(default=())

    @cached_property
    def corpus(self) -> Sequence[bytes]:
        """The seeds, made once."""
        return self.seeds()

    def generate(self, seed: int, index: int) -> bytes:
        """The input of that number: the seeds themselves first, then spoiled ones. Always the same."""
        if index < len(self.corpus):
            return self.corpus[index]
        stream = Random(f"{self.name}:{seed}:{index}")
        content = stream.choice(self.corpus)
        if self.mutations and stream.random() < 0.6:
            for _ in range(stream.choice((1, 1, 2, 3))):
                content = stream.choice(self.mutations)(content, stream)
            if stream.random() < 0.7:
                return content
        return spoil(content, stream, self.corpus)


def all_targets() -> dict[str, Target]:
    """Every target by its name."""
    modules = os.environ.get("CUPEL_HOSTILE_MODULES", ",".join(MODULES)).split(",")
    return {each.name: each for module in modules for each in import_module(module).TARGETS}
