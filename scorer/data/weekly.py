"""The weekly loop: what is left to do follows from what is there, so that any downtime is caught up.

Each call looks at the raw data, the versions, the plans and the published rounds, and does what is missing:
builds the live era of a session that is over, plans its round for the operator, writes the targets of rounds
whose horizon is over. It keeps no state but the files themselves.
"""

import csv
import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

from scorer.data.benchmark import MODEL, model_from, read_benchmark
from scorer.data.build import Build
from scorer.data.calendar import EraDate
from scorer.data.eras import EraBuilder
from scorer.data.faults import DataError
from scorer.data.interim_targets import interim_targets
from scorer.data.layout import sizes_of
from scorer.data.manifest import (
    Manifest,
    Sign,
    key_commitment,
    key_file_address,
    key_file_signer,
    write_manifest,
)
from scorer.data.mappers import Mapper, in_processes
from scorer.data.meta_models import FILE as META_MODELS
from scorer.data.meta_models import past_meta_models, write_meta_models
from scorer.data.obfuscation import Identifiers, load_key
from scorer.data.objects import ObjectFolder
from scorer.data.parts import FOLDER, EraPart, read_part, write_part
from scorer.data.plans import SCHEDULE, planned_rules, times_of, write_plan
from scorer.data.publishing import local_versions, publish, pull, versions
from scorer.data.recipe import Recipe, load_recipe
from scorer.data.revisions import Revision, revisions, touched
from scorer.data.rounds import Rebuilder
from scorer.data.sources.assemble import load_panel
from scorer.data.store import META, open_panel, recover_panel, save_panel
from scorer.data.version_files import LIVE, Entries, VersionFiles
from scorer.data.weekly_document import WeeklyDocument
from scorer.files import write_whole
from scorer.protocol.rules import load_rules
from scorer.redaction import shown_path
from scorer.storage.bundle import TARGETS, UNIVERSE, Bundle
from scorer.storage.interim_files import DAY, InterimDay, day_bundle, write_day

REVISIONS: Final = "revisions.csv"
SEEN: Final = ".panel.seen"
"""The raw data of the last look; a build of its own keeps another copy."""


@dataclass(frozen=True, eq=False)
class Weekly:
    """One look at everything; see the module.

    Attributes
    ----------
    now
        Unix seconds: a session counts when its close is over by then.
    """

    document: WeeklyDocument
    folder: Path
    now: int
    mapper: Mapper = field(default_factory=lambda: in_processes(1))
    note: Callable[[str], None] = lambda _: None

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe."""
        return load_recipe(self.folder / self.document.recipe)

    @cached_property
    def key(self) -> bytes:
        """The key of identifiers."""
        return load_key(self.folder / self.document.key)

    @property
    def sign(self) -> Sign | None:
        """Signs manifests, if there is a key for that."""
        path = self.document.signing_key
        return None if path is None else key_file_signer(self.folder / path)

    @property
    def root(self) -> Path:
        """The folder of versions."""
        return self.folder / self.document.versions

    @cached_property
    def rebuilder(self) -> Rebuilder:
        """Eras of the sessions that are over."""
        panel = load_panel(self.folder / self.document.source).panel
        return Rebuilder(self.recipe, Identifiers(self.recipe, self.key), panel).as_of(self.now)

    def run(self) -> list[str]:
        """Do what is left to do; return a line for each thing done."""
        done = [*self._pull(), *self._revisions()]
        version = self.root / self.document.version
        if not version.exists():
            self._build().run()
            done.append(f"built {shown_path(version)}")
        live = self.rebuilder.eras[-1]
        done += self._live(live)
        done += self._publish()
        done += self._plan(live)
        done += self._targets()
        return done

    @property
    def _store(self) -> ObjectFolder | None:
        url = self.document.publish
        return None if url is None else ObjectFolder(url)

    def _pull(self) -> Iterator[str]:
        """Bring what a machine before this one published: sizes of files must differ from its."""
        if self._store is not None:
            key = self.document.signing_key
            signer = None if key is None else key_file_address(self.folder / key)
            for name in versions(self._store):
                if pull(self._store, name, self.root, signer, unsigned=key is None):
                    yield f"pulled {name} from {self.document.publish}"

    def _publish(self) -> Iterator[str]:
        if self._store is not None:
            for name in local_versions(self.root, self.document.version):
                if publish(self.root / name, self._store, name):
                    yield f"published {name} at {self.document.publish}"

    @property
    def _rounds(self) -> Path | None:
        return None if self.document.rounds is None else self.folder / self.document.rounds

    def _build(self) -> Build:
        return Build(
            self.recipe,
            self.key,
            self.rebuilder.panel,
            self.root,
            self.document.version,
            self.mapper,
            self.sign,
            rounds=self._rounds,
        )

    def _revisions(self) -> Iterator[str]:
        """Report where the raw data differs from the last look, with the eras that this touches."""
        stored, new = self.root / SEEN, self.rebuilder.panel
        recover_panel(stored)
        if (stored / META).is_file():
            found = list(revisions(open_panel(stored), new))
            if found:
                self._note_revisions(found)
                eras = [era.label for era in touched(self.recipe, self.rebuilder.eras, found)]
                span = f", from {eras[0]} to {eras[-1]}" if eras else ""
                what = f"{len(found)} values of the raw data were revised"
                yield f"{what}, which touches {len(eras)} eras{span}; see {REVISIONS}"
        self.root.mkdir(parents=True, exist_ok=True)
        save_panel(new, stored)

    def _note_revisions(self, found: Sequence[Revision]) -> None:
        """Add lines to the file of revisions."""
        path, text = self.root / REVISIONS, io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        if path.is_file():
            text.write(path.read_text())
        else:
            rows.writerow(["day", "name", "field", "before", "after"])
        rows.writerows([each.day, each.name, each.field, each.before, each.after] for each in found)
        write_whole(path, text.getvalue().encode())

    def _live(self, era: EraDate) -> Iterator[str]:
        """Write the files of the live era, in a folder of its own beside the version's."""
        lives = self.root / f"{self.document.version}.live"
        target, draft = lives / era.label, lives / f".{era.label}.draft"
        if target.exists():
            return
        shutil.rmtree(draft, ignore_errors=True)
        (draft / FOLDER).mkdir(parents=True)
        builder = EraBuilder.around(self.recipe, self.rebuilder.identifiers, self.rebuilder.panel, [era])
        write_part(draft, builder.build(era))
        written = self._live_files(draft, read_part(draft, era.label))
        shutil.rmtree(draft / FOLDER)
        panel, key = self.rebuilder.panel.digest(), key_commitment(self.key)
        name, rules = f"{self.document.version}.live.{era.label}", self.recipe
        eras, files = written.eras, written.files
        manifest = Manifest(rules.name, name, rules.hash(), panel, rules.main_target, key, eras, files)
        write_manifest(draft, manifest, self.sign)
        draft.rename(target)
        yield f"built {shown_path(target)}, decided on {era.day}"

    def _live_files(self, draft: Path, part: EraPart) -> Entries:
        layout, sizes = self._build().layout, partial(sizes_of, self.root)
        model = model_from(self._benchmark, layout.features)
        written = VersionFiles(layout, draft, sizes).write_predicted(LIVE, [part], model)
        found = past_meta_models(self._rounds, self.rebuilder)
        return written.with_files(write_meta_models(layout, found, draft, sizes(META_MODELS)))

    @cached_property
    def _benchmark(self) -> Any:
        """The document of the version's benchmark model."""
        return read_benchmark(self.root / self.document.version / MODEL)

    def _plan(self, era: EraDate) -> Iterator[str]:
        """Prepare the round of the live era, unless its window is over."""
        if self.document.plans is None or self.document.rules is None:
            return
        folder = self.folder / self.document.plans / era.label
        if (folder / SCHEDULE).is_file():
            return
        rules = planned_rules(load_rules(self.folder / self.document.rules), self.recipe)
        times = times_of(rules, era)
        if times is None or times.close_at <= self.now:
            return
        write_plan(folder, rules, times, self.rebuilder.of(era))
        yield f"planned the round of era {era.label}, which opens at {_utc(times.open_at)}"

    def _targets(self) -> Iterator[str]:
        """Write the targets of published rounds whose horizon is over, and interim ones of others."""
        if self._rounds is None or self.document.targets is None:
            return
        for path in sorted(self._rounds.glob(f"[0-9]*/{UNIVERSE}")):
            target = self.folder / self.document.targets / path.parent.name
            if (target / TARGETS).is_file():
                continue
            try:
                ids = Bundle(path.parent).universe()
                data = self.rebuilder.of(self.rebuilder.with_ids(ids))
            except DataError as error:
                yield f"round {path.parent.name}: {error}"
                continue
            if data.is_known:
                target.mkdir(parents=True, exist_ok=True)
                data.write(Bundle(target), data.benchmark_input(self._benchmark))
                differences = [str(each) for each in data.universe_differences(ids)]
                yield f"wrote the targets of round {path.parent.name}, of era {data.era.label}"
                yield from (f"round {path.parent.name}: {line}" for line in differences[:10])
            else:
                yield from self._interim_targets(path.parent.name, target, data.era)

    def _interim_targets(self, round_name: str, folder: Path, era: EraDate) -> Iterator[str]:
        """Write the targets of a round whose horizon still runs, as they are after the last session."""
        found = interim_targets(self.rebuilder, era)
        if found is None:
            return
        bundle = day_bundle(folder, found.day)
        if not bundle.has(DAY):
            bundle.folder.mkdir(parents=True, exist_ok=True)
            found.data.write(bundle, found.data.benchmark_input(self._benchmark))
            write_day(bundle, InterimDay(found.day, found.days, found.session.isoformat()))
            yield f"wrote the interim targets of round {round_name}, session {found.day} of {found.days}"


def _utc(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
