"""Write the files of a version that hold eras, in one pass over them, while later eras are still built."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scorer.data.benchmark import NAME as BENCHMARK
from scorer.data.benchmark import Benchmark, Fit
from scorer.data.layout import PREDICTION, Layout, PredictionsWriter, kept_file
from scorer.data.manifest import EraEntry, file_digest
from scorer.data.parts import EraPart
from scorer.protocol.digest import table_digest

TRAIN, VALIDATION, LIVE = "train", "validation", "live"
BENCHMARKS: Final = "benchmark_models.parquet"
EXAMPLE: Final = "example_preds.parquet"


@dataclass(frozen=True)
class Entries:
    """A manifest's entries of the files that were written: eras by label, digests of files by name."""

    eras: dict[str, EraEntry]
    files: dict[str, str]

    def with_files(self, files: Mapping[str, str]) -> "Entries":
        """Return this with more files."""
        return Entries(self.eras, {**self.files, **files})


@dataclass(frozen=True)
class VersionFiles:
    """Writes files into a folder.

    Attributes
    ----------
    sizes
        Returns the sizes that the file of a name must not have.
    """

    layout: Layout
    folder: Path
    sizes: Callable[[str], set[int]]

    def write_train(self, parts: Iterable[EraPart], features: Sequence[str]) -> tuple[Entries, Benchmark]:
        """Write the eras to train on, and return the benchmark model that they give for some features."""
        rows = [self.layout.features.index(name) for name in features]
        fit = Fit(rows, self.layout.recipe.main_target)
        return self._write_eras(TRAIN, parts, fit.add), fit.model()

    def write_predicted(self, split: str, parts: Iterable[EraPart], model: Benchmark) -> Entries:
        """Write eras, and beside them what the benchmark model predicts, twice: also as an example."""
        digests: list[tuple[str, str]] = []
        with (
            self._predictions(f"{split}_{BENCHMARKS}", BENCHMARK) as benchmarks,
            self._predictions(f"{split}_{EXAMPLE}", PREDICTION) as examples,
        ):

            def predict(part: EraPart) -> None:
                values = model.predict(part)
                digests.append((part.label, table_digest({"id": part.ids, PREDICTION: values}).hex()))
                benchmarks.add(part, values)
                examples.add(part, values)

            written = self._write_eras(split, parts, predict)
        names = (f"{split}_{BENCHMARKS}", f"{split}_{EXAMPLE}")
        return written.with_files(dict.fromkeys(names, file_digest(digests)))

    def _write_eras(self, split: str, parts: Iterable[EraPart], read: Callable[[EraPart], None]) -> Entries:
        """Write a file of eras, each of which is read as it passes: none has to be loaded again."""
        name, eras = f"{split}.parquet", {}

        def passing() -> Iterator[EraPart]:
            for part in parts:
                read(part)
                eras[part.label] = EraEntry(split, len(part.ids), part.digest, self.layout.era_of(part))
                yield part

        with kept_file(self.folder / name) as file:
            self.layout.write_eras(file, split, passing(), self.sizes(name))
        return Entries(eras, {name: file_digest([(label, era.digest) for label, era in eras.items()])})

    @contextmanager
    def _predictions(self, name: str, column: str) -> Iterator[PredictionsWriter]:
        """Open a file of predictions, and finish it after the block."""
        with kept_file(self.folder / name) as file:
            writer = PredictionsWriter(self.layout, file, column)
            yield writer
            writer.finish(self.sizes(name))
