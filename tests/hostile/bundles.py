"""Mutated files of a bundle, read under limits: nothing but a refusal in words may come of any.

``python -m tests.hostile.bundles --inputs 50000`` mutates that many inputs of each file. They are read in a
child process, some hundreds at a time, so that a reader that dies, hangs or eats memory is seen; a batch that
fails is told by its seed.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from scorer.isolation import IsolatedReader, IsolationError, ReadLimits, ReadResult
from scorer.rounds.evaluation import evaluate
from scorer.store.bundle import (
    MANIFEST,
    META_MODEL,
    NAMES,
    POSITIONS,
    REPORT,
    RULES,
    SCORES,
    SIGNATURES,
    SUBMISSIONS,
    TARGETS,
    UNIVERSE,
    Bundle,
    BundleError,
)
from tests.rounds.small_round import IDS, TARGET, SmallRound

MIB: Final = 2**20
BATCH: Final = 500
SLOWEST: Final = 2.0
"""Seconds that one input may take."""
LIMITS: Final = ReadLimits(memory=512 * MIB, cpu=600, wall=1200)
NUMBERS: Final = (b"-1", b"1.0", b"1e400", b"9" * 400, b"-0", b"NaN", b"true", b"null", b'"5"', b"[]", b"{}")
BRACKETS: Final = (b"[", b"{", b'"', b"]", b"}", b",", b":")
SIZES: Final = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f")
READERS: Final[dict[str, Callable[[Bundle], object]]] = {
    RULES: Bundle.rules,
    UNIVERSE: Bundle.universe,
    NAMES: Bundle.named_universe,
    SUBMISSIONS: lambda bundle: bundle.submissions().wrong_hashes(),
    SIGNATURES: lambda bundle: [each.signer(1, "0x" + "11" * 20, 5) for each in bundle.submissions().entries],
    TARGETS: lambda bundle: bundle.targets(IDS)[TARGET],
    POSITIONS: lambda bundle: bundle.positions().head,
    META_MODEL: Bundle.meta_model,
    SCORES: lambda bundle: list(bundle.scored_round().explain_all()),
    MANIFEST: lambda bundle: (bundle.terms(), bundle.scored_round()),
    REPORT: lambda bundle: bundle.report().hash(),
}
"""By file, what reads it first and furthest."""


def write_bundle(folder: Path) -> None:
    """A scored round with names for its ids."""
    inputs = SmallRound().inputs()
    bundle = Bundle(folder)
    bundle.write(inputs, evaluate(inputs))
    bundle.write_names(IDS, {"ticker": [None if row % 7 == 0 else f"t{row}" for row in range(len(IDS))]})


def mutated(content: bytes, stream: random.Random) -> bytes:
    """One input: bytes exchanged, put in, taken out or doubled, often where a file holds its structure."""
    changed = bytearray(content)
    for _ in range(stream.choice((1, 1, 1, 2, 8))):
        at = stream.randrange(len(changed) or 1)
        if stream.random() < 0.3:
            at = max(0, stream.choice((at % 200, len(changed) - 1 - at % 300)))
        size = stream.choice((1, 1, 2, 4, 8, 100))
        there = bytes(changed[at : at + size])
        replaced, by = stream.choice(
            (
                (1, stream.randbytes(1)),
                (0, stream.randbytes(size)),
                (size, b""),
                (0, there),
                (size, stream.choice(NUMBERS)),
                (0, stream.choice(BRACKETS) * stream.choice((1, 50))),
                (4, stream.choice(SIZES)),
            )
        )
        changed[at : at + replaced] = by
    return bytes(changed)


def read_batch(root: Path, file: str, first: int, count: int) -> ReadResult:
    """Read inputs of the seeds from `first` on; it runs in the child, and says what failed and how long."""
    original = (root / file).read_bytes()
    refused, slowest, failed = 0, 0.0, []
    for seed in range(first, first + count):
        bundle = _bundle(root, file, seed, original)
        began = time.perf_counter()
        try:
            READERS[file](bundle)
        except BundleError:
            refused += 1
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            failed.append(f"{file}, seed {seed}: {type(error).__name__}: {str(error)[:200]}")
        slowest = max(slowest, time.perf_counter() - began)
    return ReadResult({"refused": refused, "slowest": slowest, "failed": failed[:20]})


def _bundle(root: Path, file: str, seed: int, original: bytes) -> Bundle:
    if file == SUBMISSIONS:  # is opened by its name, so the parent has written it
        others = {each: (root / each).read_bytes() for each in (UNIVERSE, SIGNATURES)}
        return _InMemory(root / str(seed), strict=True, contents=others)
    return _InMemory(root, strict=True, contents={file: mutated(original, stream_of(file, seed))})


def stream_of(file: str, seed: int) -> random.Random:
    """The random numbers of one input."""
    return random.Random(f"{file}-{seed}")


@dataclass(frozen=True)
class _InMemory(Bundle):
    """A bundle some of whose files are not those on the disk: a child writes none."""

    contents: Mapping[str, bytes] = field(default_factory=dict)

    def _content(self, file: str) -> bytes:
        return self.contents[file] if file in self.contents else super()._content(file)


@dataclass
class Tally:
    """What came of one file's inputs."""

    inputs: int = 0
    refused: int = 0
    slowest: float = 0.0
    failed: tuple[str, ...] = ()


def tally(root: Path, file: str, inputs: int, reader: IsolatedReader) -> Tally:
    """Read many inputs of one file."""
    found = Tally()
    for first, count in _batches(inputs):
        found.inputs += count
        try:
            with _written(root, file, first, count):
                facts: Any = reader.run(read_batch, root, file, first, count, limits=LIMITS).facts
        except IsolationError as error:
            found.failed += (f"{file}, seeds {first} to {first + count - 1}: {error.text}",)
            continue
        found.refused += int(facts["refused"])
        found.slowest = max(found.slowest, float(facts["slowest"]))
        found.failed += tuple(facts["failed"])
    return found


@contextmanager
def _written(root: Path, file: str, first: int, count: int) -> Iterator[None]:
    """Inputs that are opened by their name, on the disk."""
    original, seeds = (root / file).read_bytes(), range(first, first + count) if file == SUBMISSIONS else ()
    for seed in seeds:
        (root / str(seed)).mkdir()
        (root / str(seed) / file).write_bytes(mutated(original, stream_of(file, seed)))
    yield
    for seed in seeds:
        shutil.rmtree(root / str(seed))


def _batches(inputs: int) -> Iterator[tuple[int, int]]:
    for first in range(0, inputs, BATCH):
        yield first, min(BATCH, inputs - first)


def main() -> int:
    """Print what came of each file; 0 where nothing but refusals and readings did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=50_000)
    parser.add_argument("--file", choices=sorted(READERS), action="append")
    given = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as root, IsolatedReader(workers=1) as reader:
        write_bundle(Path(root) / "5")
        for file in given.file or READERS:
            found = tally(Path(root) / "5", file, given.inputs, reader)
            print(
                f"{file}: {found.inputs} inputs, {found.refused} refused, {len(found.failed)} failed, "
                f"slowest {found.slowest:.2f} s",
                flush=True,
            )
            for each in found.failed[:10]:
                print(f"  {each}")
            bad += len(found.failed) + (found.slowest > SLOWEST)
    return 1 if bad else 0


if __name__ == "__main__":
    # A child finds the functions of this module by its name.
    sys.exit(import_module("tests.hostile.bundles").main())
