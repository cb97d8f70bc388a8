"""The weekly loop: what is left to do follows from what is there, so that any downtime is caught up.

Each call looks at the raw data, the versions, the plans and the published rounds, and does what is missing:
builds the live era of a session that is over, plans its round for the operator, writes the targets of rounds
whose horizon is over. It keeps no state but the files themselves.
"""

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, ValidationError

from scorer.data.benchmark import NAME, model_from
from scorer.data.build import BENCHMARKS, EXAMPLE, LIVE, MODEL, Build, Mapper, in_processes
from scorer.data.calendar import EraDate
from scorer.data.eras import EraBuilder
from scorer.data.faults import DataError
from scorer.data.layout import PREDICTION, sizes_of, write_sized
from scorer.data.manifest import (
    EraEntry,
    Manifest,
    Sign,
    file_digest,
    key_commitment,
    key_file_signer,
    write_manifest,
)
from scorer.data.obfuscation import Identifiers, load_key
from scorer.data.parts import FOLDER, EraPart, read_part, write_part
from scorer.data.recipe import Recipe, is_version, load_recipe
from scorer.data.revisions import Revision, revisions, touched
from scorer.data.rounds import Rebuilder
from scorer.data.sources.assemble import load_panel
from scorer.data.sources.document import described, load_document
from scorer.data.store import META, open_panel, recover_panel, save_panel
from scorer.files import write_whole
from scorer.protocol.digest import table_digest
from scorer.protocol.documents import parse_json
from scorer.protocol.fields import Section
from scorer.protocol.rules import Rules, load_rules
from scorer.protocol.schedule import RoundTimes, round_times
from scorer.redaction import shown_path
from scorer.storage.bundle import TARGETS, UNIVERSE, Bundle

SCHEDULE: Final = "schedule.json"
REVISIONS: Final = "revisions.csv"
SEEN: Final = ".panel.seen"
"""The raw data of the last look; a build of its own keeps another copy."""
AHEAD: Final = timedelta(days=14)


def _version(text: str) -> str:
    if not is_version(text):
        raise ValueError("expected a name such as v1.0")
    return text


class WeeklyDocument(Section):
    """The configuration of ``cupel data run``; paths begin at its own folder.

    Attributes
    ----------
    source, recipe, key, signing_key
        Files; see the parts of their names.
    versions, version
        The folder of all versions, and the one that live eras go with.
    rules, plans
        The rules of the rounds, and the operator's folder of plans.
    rounds, targets
        Folders of one tournament: published rounds by number, and where a member's own targets go.
    """

    version: Annotated[str, AfterValidator(_version)]
    source: str
    recipe: str
    key: str
    signing_key: str | None = None
    versions: str
    rules: str | None = None
    plans: str | None = None
    rounds: str | None = None
    targets: str | None = None


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
        done = [*self._revisions()]
        version = self.root / self.document.version
        if not version.exists():
            self._build().run()
            done.append(f"built {shown_path(version)}")
        live = self.rebuilder.eras[-1]
        done += self._live(live)
        done += self._plan(live)
        done += self._targets()
        return done

    def _build(self) -> Build:
        panel = self.rebuilder.panel
        return Build(self.recipe, self.key, panel, self.root, self.document.version, self.mapper, self.sign)

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
        part = read_part(draft, era.label)
        files = self._live_files(draft, part)
        shutil.rmtree(draft / FOLDER)
        shown = self._build().layout.era_of(part)
        entry = {part.label: EraEntry(LIVE, len(part.ids), part.digest, shown)}
        panel, key = self.rebuilder.panel.digest(), key_commitment(self.key)
        name = f"{self.document.version}.live.{era.label}"
        manifest = Manifest(
            self.recipe.name, name, self.recipe.hash(), panel, self.recipe.main_target, key, entry, files
        )
        write_manifest(draft, manifest, self.sign)
        draft.rename(target)
        yield f"built {shown_path(target)}, decided on {era.day}"

    def _live_files(self, draft: Path, part: EraPart) -> dict[str, str]:
        layout = self._build().layout
        document = parse_json((self.root / self.document.version / MODEL).read_bytes())
        predicted = model_from(document, layout.features).predict(part)
        digest = file_digest([(part.label, table_digest({"id": part.ids, PREDICTION: predicted}).hex())])
        self._sized(draft, "live.parquet", lambda file, notes: layout.write_eras(file, LIVE, [part], notes))
        files = {"live.parquet": file_digest([(part.label, part.digest)])}
        for name, column in ((f"live_{BENCHMARKS}", NAME), (f"live_{EXAMPLE}", PREDICTION)):
            rows = [(part, {column: predicted})]
            write = partial(_write_rows, layout.write_predictions, rows, column)
            self._sized(draft, name, write)
            files[name] = digest
        return files

    def _sized(self, draft: Path, name: str, write: Callable[..., None]) -> None:
        write_sized(draft / name, write, sizes_of(self.root, name))

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
        write_plan(folder, rules, times, self.rebuilder.of(era).table.ids)
        yield f"planned the round of era {era.label}, which opens at {_utc(times.open_at)}"

    def _targets(self) -> Iterator[str]:
        """Write the targets of published rounds whose horizon is over."""
        if self.document.rounds is None or self.document.targets is None:
            return
        for path in sorted((self.folder / self.document.rounds).glob(f"[0-9]*/{UNIVERSE}")):
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
                data.write(Bundle(target))
                differences = [str(each) for each in data.universe_differences(ids)]
                yield f"wrote the targets of round {path.parent.name}, of era {data.era.label}"
                yield from (f"round {path.parent.name}: {line}" for line in differences[:10])


def _write_rows(write: Callable[..., None], rows: object, column: str, file: object, notes: object) -> None:
    write(file, rows, [column], notes)


def _utc(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


def load_weekly(path: Path) -> WeeklyDocument:
    """Read the configuration.

    Raises
    ------
    DataError
        Names each wrong field.
    """
    try:
        return WeeklyDocument.model_validate(load_document(path, "a configuration in TOML"))
    except ValidationError as error:
        raise DataError(f"{shown_path(path)}: {described(error)}") from None


def planned_rules(rules: Rules, recipe: Recipe) -> Rules:
    """Return the rules with the recipe's hash in them.

    Raises
    ------
    DataError
        When they name another recipe, or score on a target that the recipe does not make.
    """
    if rules.data not in (None, recipe.hash()):
        raise DataError(f"rules {rules.name}: expected data = {recipe.hash()}, found {rules.data}")
    known = {"target", *(f"target_{target.name}" for target in recipe.targets)}
    unknown = [name for name in rules.targets if name not in known]
    if unknown:
        expected = ", ".join(sorted(known))
        raise DataError(f"rules {rules.name}: expected targets of {expected}, found {', '.join(unknown)}")
    return rules.model_copy(update={"data": recipe.hash()})


def times_of(rules: Rules, era: EraDate) -> RoundTimes | None:
    """Return the times of the first round that belongs to an era's session; None when the rules open none.

    Raises
    ------
    DataError
        When the rules have no schedule.
    """
    if rules.schedule is None:
        raise DataError(f"rules {rules.name}: expected a section schedule, found none")
    for times in round_times(rules.schedule, rules.horizon, era.day, era.day + AHEAD):
        if times.session == era.day:
            return times
    return None


def write_plan(folder: Path, rules: Rules, times: RoundTimes, ids: tuple[str, ...]) -> None:
    """Write a round's plan as the operator reads it; the schedule last, since a folder with it is a plan."""
    folder.mkdir(parents=True, exist_ok=True)
    bundle = Bundle(folder)
    bundle.write_rules(rules)
    bundle.write_universe(ids)
    document = {name: getattr(times, name) for name in ("open_at", "close_at", "resolve_at", "deadline")}
    write_whole(folder / SCHEDULE, json.dumps(document).encode())
