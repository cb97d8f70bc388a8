"""Build a version of a data set: eras by tasks, then files, a manifest, and the folder's name at last.

A version appears whole or not at all. Whatever ends a build leaves the versions before it as they are, and
the parts of the eras that were finished, from which the next call goes on.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import rfc8785
from threadpoolctl import threadpool_limits

from scorer.data.benchmark import MODEL
from scorer.data.calendar import EraDate, Split, era_dates, split_of
from scorer.data.faults import DataError
from scorer.data.feature_sets import FEATURES, features_document
from scorer.data.features import check_panel
from scorer.data.layout import Layout, of_another_size, sizes_of
from scorer.data.manifest import Manifest, Sign, key_commitment, read_manifest, write_manifest
from scorer.data.mappers import Mapper, in_processes
from scorer.data.meta_models import FILE as META_MODELS
from scorer.data.meta_models import past_meta_models, write_meta_models
from scorer.data.obfuscation import Identifiers
from scorer.data.objects import ObjectFolder, sizes_there
from scorer.data.panel import Panel
from scorer.data.parts import FOLDER, EraPart, fetch_parts, part_file, read_part, tasks
from scorer.data.recipe import Recipe, is_version
from scorer.data.rounds import Rebuilder
from scorer.data.store import save_panel, share_panel
from scorer.data.version_files import LIVE, TRAIN, VALIDATION, Entries, VersionFiles
from scorer.files import write_whole
from scorer.protocol.digest import json_digest
from scorer.redaction import shown, shown_path

JOB: Final = "job.json"


@dataclass(frozen=True)
class Build:
    """A version to be built.

    Attributes
    ----------
    root
        The folder of all versions.
    mapper
        Runs the tasks of eras.
    step
        Called with the name of each step before it.
    published
        Where versions are published; their sizes are taken too.
    shared
        Where machines of a cluster that share no folder read the panel and leave their eras.
    rounds
        Published rounds by number, whose meta models go into the version.
    """

    recipe: Recipe
    key: bytes = field(repr=False)
    panel: Panel = field(repr=False)
    root: Path
    version: str
    mapper: Mapper = field(default_factory=lambda: in_processes(1))
    sign: Sign | None = None
    step: Callable[[str], None] = lambda _: None
    published: ObjectFolder | None = None
    shared: ObjectFolder | None = None
    rounds: Path | None = None

    @property
    def target(self) -> Path:
        """Return the final folder of the version."""
        return self.root / self.version

    @property
    def draft(self) -> Path:
        """Return the folder of the version until it is whole."""
        return self.root / f".{self.version}.draft"

    @cached_property
    def identifiers(self) -> Identifiers:
        """Names of ids and features."""
        return Identifiers(self.recipe, self.key)

    @cached_property
    def eras(self) -> list[EraDate]:
        """All eras of the panel."""
        return era_dates(self.recipe, self.panel.sessions)

    @cached_property
    def splits(self) -> dict[int, Split]:
        """The split of each era."""
        return split_of(self.recipe, self.eras, len(self.panel.sessions))

    @cached_property
    def layout(self) -> Layout:
        """The columns of the files."""
        return Layout(self.recipe, tuple(name for name, _ in self.identifiers.columns()))

    def of(self, split: str) -> list[EraDate]:
        """Return the eras of a split."""
        return [era for era in self.eras if self.splits[era.number] == split]

    def run(self) -> Manifest:
        """Build the version, unless it is there; return its manifest.

        Raises
        ------
        DataError
            When the recipe does not fit the panel, or the version exists with another content.
        """
        self._check()
        panel = self.root / ".panel"
        digest = save_panel(self.panel, panel)
        if self.target.exists():
            found = self._existing(digest)
            self._tidy()
            return found
        self._start(digest)
        self.step("eras")
        # The products are small, and the tasks have all cores: more threads would wait for each other.
        with closing(self._built(panel, digest)) as built, threadpool_limits(1):
            written = self._write_files(built)
        self.step("manifest")
        manifest = self._manifest(digest, written)
        write_manifest(self.draft, manifest, self.sign)
        self._publish()
        return manifest

    def _built(self, panel: Path, digest: str) -> Generator[None]:
        """Have the eras built that have no part yet; yield as tasks end, while others run on."""
        wanted = [era for era in self.eras if self.splits[era.number] != "none"]
        if self.shared is None:
            found = tasks(self.recipe, self.key, panel.absolute(), self.draft.absolute(), wanted)
            shared = None
        else:
            shared = self.shared.under(f".drafts/{hashlib.sha256(self._job(digest)).hexdigest()}")
            found = tasks(self.recipe, self.key, share_panel(panel, self.shared), shared, wanted)
        for _ in self.mapper(found):
            self.step("era")
            yield
        if shared is not None:
            fetch_parts(shared, self.draft, wanted)
            shared.remove(FOLDER)

    def _job(self, panel: str) -> bytes:
        """Return the name of what the parts of a draft are made of: recipe, panel and key."""
        return rfc8785.dumps([self.recipe.hash(), panel, key_commitment(self.key)])

    def _check(self) -> None:
        if not is_version(self.version):
            raise DataError(f"version: expected a name such as v1.0, found {shown(self.version)}")
        if self.panel.calendar != self.recipe.calendar:
            raise DataError(
                f"recipe {self.recipe.name}: expected a panel of the calendar {self.recipe.calendar}, "
                f"found {self.panel.calendar}"
            )
        check_panel(self.recipe, set(self.panel.fields), set(self.panel.groups))

    def _existing(self, panel: str) -> Manifest:
        found = read_manifest(self.target)
        wanted = (self.recipe.hash(), panel, key_commitment(self.key))
        if (found.recipe, found.panel, found.key) != wanted:
            names = ("recipe", "panel", "key")
            given = (found.recipe, found.panel, found.key)
            other = [name for name, one, two in zip(names, given, wanted, strict=True) if one != two]
            raise DataError(
                f"{shown_path(self.target)}: expected a version of this recipe, panel and key, found one of "
                f"another {' and '.join(other)}; versions are never changed: name a new one"
            )
        return found

    def _start(self, panel: str) -> None:
        """Keep the draft of the same job, and clear one of another."""
        job, path = self._job(panel), self.draft / JOB
        if not path.is_file() or path.read_bytes() != job:
            shutil.rmtree(self.draft, ignore_errors=True)
            (self.draft / FOLDER).mkdir(parents=True)
            write_whole(path, job)

    def _manifest(self, panel: str, written: Entries) -> Manifest:
        return Manifest(
            self.recipe.name,
            self.version,
            self.recipe.hash(),
            panel,
            self.recipe.main_target,
            key_commitment(self.key),
            dict(sorted(written.eras.items())),
            written.files,
        )

    def _parts(self, split: str, built: Iterator[None]) -> Iterator[EraPart]:
        """Read the parts of a split, oldest first; wait for those that are still to be built."""
        for era in self.of(split):
            path = part_file(self.draft, era.label)
            if not path.is_file():
                any(path.is_file() for _ in built)
            yield read_part(self.draft, era.label)

    def _write_files(self, built: Iterator[None]) -> Entries:
        files = VersionFiles(self.layout, self.draft, self._sizes)
        document = features_document(self.recipe, self.identifiers)
        small = document["feature_sets"]["small"]
        self.step(TRAIN)
        written, model = files.write_train(self._parts(TRAIN, built), small)
        for split in (VALIDATION, LIVE):
            self.step(split)
            found = files.write_predicted(split, self._parts(split, built), model)
            written = Entries({**written.eras, **found.eras}, {**written.files, **found.files})
        for _ in built:
            pass  # The last task ends a moment after its last part.
        self.step("features")
        documents = self._write_json(FEATURES, document, json.dumps(document, indent=1))
        self.step("benchmark")
        fitted = model.document(small)
        documents |= self._write_json(MODEL, fitted, rfc8785.dumps(fitted).decode())
        models = past_meta_models(self.rounds, Rebuilder(self.recipe, self.identifiers, self.panel))
        documents |= write_meta_models(self.layout, models, self.draft, self._sizes(META_MODELS))
        return written.with_files(documents)

    def _write_json(self, name: str, document: Any, text: str) -> dict[str, str]:
        """Write a document as a text, of another size than any earlier version's; return its digest."""
        write_whole(self.draft / name, of_another_size(text, self._sizes(name)))
        return {name: json_digest(document).hex()}

    def _sizes(self, name: str) -> set[int]:
        """Return the sizes of the files of this name in all versions, here and where they are published."""
        return sizes_of(self.root, name) | self._published_sizes.get(name, set())

    @cached_property
    def _published_sizes(self) -> dict[str, set[int]]:
        """Sizes of published files by name, those of this version left out: it goes on where it stopped."""
        return {} if self.published is None else sizes_there(self.published, self.version)

    def _publish(self) -> None:
        """Give the folder its name, and take the parts and the job out of it."""
        self.step("publish")
        self.draft.rename(self.target)
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(descriptor)
        os.close(descriptor)
        self.step("tidy")
        self._tidy()

    def _tidy(self) -> None:
        """Remove what only the build needs, also after a build that was stopped just before this."""
        shutil.rmtree(self.target / FOLDER, ignore_errors=True)
        (self.target / JOB).unlink(missing_ok=True)
