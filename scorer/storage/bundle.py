"""A round's bundle on disk: one folder a round, plain JSON and Parquet that other tools read."""

import io
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scorer.errors import CupelError
from scorer.evaluation.explain import ScoredRound
from scorer.evaluation.inputs import Positions, Published, RoundInputs, RoundResult, RoundTerms
from scorer.protocol.documents import check_fields, check_types, from_hex, parse_json, shown, to_hex
from scorer.protocol.predictions import PredictionFile, Predictions, PredictionsError, write_predictions
from scorer.protocol.report import Report
from scorer.protocol.rules import Rules, RulesError, rules_from
from scorer.protocol.seal import SealVote
from scorer.protocol.submissions import Submission, Submissions
from scorer.protocol.tables import NEUTRAL_CHURN, Table, problem_with, table_file
from scorer.rewards.reward import MAX_REWARD_SCORE
from scorer.storage.parquet import NotCanonical, read_parquet, write_parquet
from scorer.submission.validity import Universe

RULES = "rules.json"
UNIVERSE = "universe.parquet"
NAMES = "universe_names.parquet"
SUBMISSIONS = "submissions.npy"
SIGNATURES = "submissions.json"
SELECTION = "selection.json"
VERDICTS = "verdicts.json"
VOTE = "vote.json"
LOCKED = "locked.json"
TARGETS = "targets.parquet"
POSITIONS = "positions.parquet"
META_MODEL = "meta_model.parquet"
SCORES = "scores.parquet"
MANIFEST = "manifest.json"
REPORT = "report.json"
TAKEN = "taken.json"
"""What a member noted about the published files that it took over; never in the folder of a bundle."""
PUBLISHED = (RULES, UNIVERSE, SUBMISSIONS, SIGNATURES)
"""What the operator publishes of a round before its members seal it."""
COLLECTED = (SUBMISSIONS, SIGNATURES)
"""These are written last: where they are, what was collected stands."""
MOST_JSON, MOST_TABLE = 2**28, 2**32
"""Bytes of a file in a bundle that a stranger may have written: room for some 700,000 models."""
LONGEST_MESSAGE = 600
"""Characters."""
T = TypeVar("T")
Column = tuple[str, ...] | NDArray[Any]


class BundleError(CupelError, ValueError):
    """A file of a bundle is missing or cannot be read; the message names it, in one short line."""

    def __init__(self, message: str) -> None:
        super().__init__(shown(message, LONGEST_MESSAGE))


def round_folder(root: Path, tournament: str, round_id: int) -> Path:
    """The folder of one round: ``<root>/<tournament>/<round>``."""
    return root / tournament.lower() / str(round_id)


@dataclass(frozen=True)
class Bundle:
    """Reads and writes the files of one round. Every file appears whole or not at all.

    Attributes
    ----------
    strict
        Whether a table must be canonical Parquet and no file a link, as in a bundle that a stranger may have
        written: then nothing but Python reads its bytes, and as others do. Without it, tables that any
        library wrote are read too, such as one's own targets.
    """

    folder: Path
    strict: bool = False

    def has(self, *files: str) -> bool:
        """Whether all of `files` are there."""
        return all((self.folder / file).is_file() for file in files)

    def write_rules(self, rules: Rules) -> None:
        """Write rules.json, the canonical JSON whose SHA-256 is the rules hash."""
        self._write(RULES, rules.canonical_json())

    def rules(self) -> Rules:
        """Read rules.json."""
        document = self._json(RULES)
        try:
            return rules_from(document, str(self.folder / RULES))
        except RulesError as error:
            raise BundleError(str(error)) from None

    def write_universe(self, ids: tuple[str, ...]) -> None:
        """Write universe.parquet."""
        self._write_table(UNIVERSE, {"id": list(ids)})

    def universe(self) -> tuple[str, ...]:
        """The round's ids, in the order of the file."""
        return self._ids(UNIVERSE, self._table(UNIVERSE, "id"))

    def write_names(self, ids: tuple[str, ...], names: Mapping[str, Sequence[str | None]]) -> None:
        """Write universe_names.parquet: what else the ids are called, a column a naming, in their order.

        An id without a name has an empty text there.
        """
        columns = {name: [each or "" for each in column] for name, column in names.items()}
        self._write_table(NAMES, {"id": list(ids), **columns})

    def named_universe(self) -> Universe:
        """The round's ids and their other names, if any were published.

        Raises
        ------
        BundleError
            When names are not text, or are not of exactly the universe's ids.
        """
        ids = self.universe()
        return Universe(ids, self._names(ids) if self.has(NAMES) else {})

    def _names(self, ids: tuple[str, ...]) -> dict[str, list[str | None]]:
        path = self.folder / NAMES
        columns = {name: list(column) for name, column in self._table(NAMES).items()}
        for name, column in columns.items():
            if not all(each is None or isinstance(each, str) for each in column):
                raise BundleError(f"{path}: expected text in the column {name}, found other values")
        named = columns.pop("id", [])
        row_of = {each: row for row, each in enumerate(named)}
        if set(row_of) != set(ids) or len(named) != len(ids):
            raise BundleError(
                f"{path}: expected a row for each of the universe's {len(ids)} ids, "
                f"found {len(named)} rows, {len(set(row_of) & set(ids))} ids of the universe"
            )
        return {name: [column[row_of[each]] or None for each in ids] for name, column in columns.items()}

    def write_selection(self, document: Mapping[str, Any]) -> None:
        """Write selection.json: whose stake is locked, and why others' is not."""
        self._write_json(SELECTION, document)

    def selection(self, parse: Callable[[Mapping[str, Any]], T]) -> T:
        """What `parse` makes of selection.json; what it raises names the file."""
        return self._parsed(SELECTION, lambda: parse(self._json(SELECTION)))

    def write_submissions(self, submissions: Submissions) -> None:
        """Write submissions.npy, a row a model, and submissions.json, what was signed and by whom."""
        rows = [entry.predictions for entry in submissions.entries]
        self._write_with(SUBMISSIONS, lambda file: write_predictions(file, rows, len(submissions.universe)))
        self._write_signatures(submissions)

    def _write_signatures(self, submissions: Submissions) -> None:
        signatures = [
            {
                "model_id": entry.model_id,
                "content_hash": to_hex(entry.content_hash),
                "submitter": entry.submitter,
                "signature": to_hex(entry.signature),
            }
            for entry in submissions.entries
        ]
        lines = ",\n".join(
            map(json.dumps, signatures)
        )  # an entry a line; indented, it takes ten times as long
        self._write(SIGNATURES, f"[\n{lines}\n]\n".encode())

    def submitted(self) -> tuple[int, ...]:
        """The models that have a row in submissions.npy, by submissions.json."""
        return tuple(entry["model_id"] for entry in self._signed())

    def _signed(self) -> list[dict[str, Any]]:
        """The entries of submissions.json, each with a whole number as its model."""
        signed = self._json(SIGNATURES)
        if not isinstance(signed, list):
            raise BundleError(f"{self.folder / SIGNATURES}: expected a list, found {type(signed).__name__}")
        return self._parsed(SIGNATURES, lambda: [{**e, "model_id": _whole(e["model_id"])} for e in signed])

    def submissions(self) -> Submissions:
        """All submissions, their content as found; `Submissions.wrong_hashes` says what was changed.

        Predictions stay in submissions.npy and are read when they are asked for.
        """
        signed, ids = self._signed(), self.universe()
        rows = self._predictions(len(signed), len(ids)).rows()

        def build() -> Submissions:
            return Submissions(ids, tuple(map(_submission, signed, rows)))

        return self._parsed(SIGNATURES, build)

    def _predictions(self, models: int, ids: int) -> PredictionFile:
        path = self._existing(SUBMISSIONS)
        try:
            found = PredictionFile(path)
        except (PredictionsError, OSError) as error:
            raise BundleError(f"{path}: {error}") from None
        if not models and found.shape[1] != ids:  # with models, content hashes tell
            raise BundleError(
                f"{path}: expected {ids} columns, one for each id of {UNIVERSE}, found {found.shape[1]}"
            )
        if found.shape[0] != models:
            raise BundleError(
                f"{path}: expected {models} rows, one for each entry of {SIGNATURES}, found {found.shape[0]}"
            )
        return found

    def write_refused(self, models: Iterable[int]) -> None:
        """Write verdicts.json: the models whose submission does not count."""
        self._write_json(VERDICTS, {"refused": sorted(models)})

    def refused(self) -> frozenset[int]:
        """The models whose submission does not count, by verdicts.json; none where nobody judged them yet."""
        if not self.has(VERDICTS):
            return frozenset()
        document = self._json(VERDICTS)
        return self._parsed(VERDICTS, lambda: _refused(document))

    def write_locked(self, positions_head: bytes) -> None:
        """Write locked.json, by which an operator says that a round is locked, up to which positions head."""
        self._write_json(LOCKED, {"positions_head": to_hex(positions_head)})

    def locked(self) -> bytes:
        """Read locked.json."""
        document = self._json(LOCKED)
        return self._parsed(LOCKED, lambda: from_hex(document["positions_head"], 32))

    def write_vote(self, vote: SealVote) -> None:
        """Write vote.json, for other members to read."""
        self._write_json(VOTE, vote.to_json())

    def vote(self) -> SealVote:
        """Read vote.json."""
        document = self._json(VOTE)
        return self._parsed(VOTE, lambda: SealVote.from_json(document))

    def write_targets(self, ids: tuple[str, ...], targets: Mapping[str, NDArray[np.float64]]) -> None:
        """Write targets.parquet, a column a target."""
        self._write_table(TARGETS, {"id": list(ids), **targets})

    def targets(self, ids: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
        """All targets, by name, in the order of `ids`; NaN for an id the file does not have."""
        return self._aligned(TARGETS, ids)

    def _aligned(self, file: str, ids: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
        """The float64 columns of a file beside its ids, in the order of `ids`."""
        table = self._table(file)
        rows = {each: row for row, each in enumerate(self._ids(file, table))}
        if len(rows) != len(table["id"]):
            raise BundleError(f"{self.folder / file}: expected each id once, found duplicates")
        there = [rows[each] for each in ids if each in rows]
        at = [row for row, each in enumerate(ids) if each in rows]
        columns = {}
        for name in table:
            if name != "id":
                columns[name] = np.full(len(ids), np.nan)
                columns[name][at] = self._floats(file, name, table[name])[there]
        return columns

    def write_table(self, name: str, ids: tuple[str, ...], table: Table) -> None:
        """Write one of a round's further inputs, see `scorer.protocol.tables`."""
        self._write_table(
            table_file(name), dict(table) if name == NEUTRAL_CHURN else {"id": list(ids), **table}
        )

    def tables(self, rules: Rules, ids: tuple[str, ...]) -> dict[str, Table]:
        """Read the further inputs that `rules` need, in the order of `ids`; NaN for an id without a row.

        Raises
        ------
        BundleError
            When one is not there: names the file, and the path in the rules that needs it.
        """
        for name, path in rules.needs.items():
            if not self.has(table_file(name)):
                raise BundleError(
                    f"{self.folder / table_file(name)}: expected a table, which {path} in the rules needs, "
                    "found none"
                )
        return {name: self._input_table(name, ids) for name in rules.needs}

    def table(self, name: str, ids: tuple[str, ...]) -> Table:
        """Read one further input in the order of `ids`.

        Raises
        ------
        BundleError
            When it is missing, or is not what its name promises.
        """
        table = self._input_table(name, ids)
        problem = problem_with(name, table, ids)
        if problem is not None:
            raise BundleError(f"{self.folder / table_file(name)}: expected {problem[0]}, found {problem[1]}")
        return table

    def _input_table(self, name: str, ids: tuple[str, ...]) -> Table:
        file = table_file(name)
        return self._columns(file) if name == NEUTRAL_CHURN else self._aligned(file, ids)

    def write_taken(self, document: Mapping[str, Any]) -> None:
        """Write taken.json, see `scorer.oracle.takeover`."""
        self._write_json(TAKEN, document)

    def taken(self) -> dict[str, Any]:
        """Read taken.json."""
        return self._parsed(TAKEN, lambda: {**self._json(TAKEN)})

    def submitters(self) -> dict[int, str]:
        """Who is to have signed for each model, by submissions.json alone; empty where nobody could."""
        signed = self._signed()
        return self._parsed(SIGNATURES, lambda: {e["model_id"]: str(e["submitter"]) for e in signed})

    def terms(self) -> RoundTerms:
        """The round's terms, as manifest.json states them."""
        manifest = self.manifest()
        return self._parsed(MANIFEST, lambda: RoundTerms.from_json(manifest["round"]))

    def set_aside(self) -> Path:
        """Move the whole folder beside itself, where nothing looks for it, and keep it; where it is now."""
        names = (self.folder.with_name(f"{self.folder.name}.aside-{number}") for number in count(1))
        return self.folder.rename(next(name for name in names if not name.exists()))

    def positions(self) -> Positions:
        """Read positions.parquet."""
        columns = self._columns(POSITIONS)
        return self._parsed(POSITIONS, lambda: Positions.from_columns(columns))

    def inputs(self) -> RoundInputs:
        """All that the scores depend on, terms and submitters as the bundle itself states them."""
        submissions, rules = self.submissions(), self.rules()
        return RoundInputs(
            terms=self.terms(),
            rules=rules,
            submissions=submissions,
            submitters={entry.model_id: entry.submitter for entry in submissions.entries if entry.submitter},
            targets=self.targets(submissions.universe),
            positions=self.positions(),
            tables=self.tables(rules, submissions.universe),
            refused=self.refused(),
        )

    def write(self, inputs: RoundInputs, result: RoundResult, *, has_published: bool = False) -> None:
        """Write the whole bundle. The report comes last: where it is, the rest is.

        The submitters are those that counted, `RoundInputs.submitters`, not those that the senders named.

        Parameters
        ----------
        has_published
            Whether rules, universe and submissions are here as the operator published them, and `inputs` were
            read from them: then only what the operator could not know is written.
        """
        universe = inputs.submissions.universe
        entries = tuple(
            replace(entry, submitter=inputs.submitters.get(entry.model_id, ""))
            for entry in inputs.submissions.entries
        )
        if has_published:
            self._write_signatures(Submissions(universe, entries))
        else:
            self.write_rules(inputs.rules)
            self.write_universe(universe)
            self.write_submissions(Submissions(universe, entries))
        self.write_refused(inputs.refused)
        self.write_targets(universe, {name: inputs.targets[name] for name in inputs.rules.targets})
        for name in inputs.rules.needs:
            self.write_table(name, universe, inputs.tables[name])
        self._write_table(POSITIONS, inputs.positions.columns())
        self._write_table(META_MODEL, {"id": list(universe), "meta_model": result.meta_model})
        self._write_table(SCORES, result.scores)
        self._write_json(MANIFEST, result.manifest)
        self._write_json(REPORT, result.report.to_json())

    def meta_model(self) -> NDArray[np.float64]:
        """Read meta_model.parquet, in the order of the file."""
        table = self._table(META_MODEL, "id", "meta_model")
        return self._floats(META_MODEL, "meta_model", table["meta_model"])

    def scores(self) -> dict[str, NDArray[Any]]:
        """Read scores.parquet, column by column."""
        return self._columns(SCORES)

    def scored_round(self) -> ScoredRound:
        """Read what an explanation of payouts and burns rests on: rules, terms and scores, all public."""
        rules, manifest, scores = self.rules(), self.manifest(), self.scores()

        def build() -> ScoredRound:
            needed = ("model_id", "position", *(name for name, _ in rules.multipliers), "reward_score")
            for name in needed:
                if name not in scores:
                    raise ValueError(f"expected the column {name}, found {', '.join(scores)}")
            _check_scores(scores)
            volatility = manifest.get("volatility")
            scored = ScoredRound(
                rules,
                RoundTerms.from_json(manifest["round"]),
                None if volatility is None else _whole(volatility["factor"]),
                scores,
            )
            scored.settled.total_payout  # noqa: B018 - refuses columns of other types now, by the file's name
            return scored

        return self._parsed(SCORES, build)

    def manifest(self) -> dict[str, Any]:
        """Read manifest.json."""
        manifest: dict[str, Any] = self._parsed(MANIFEST, lambda: {**self._json(MANIFEST)})
        self._parsed(MANIFEST, lambda: _checked_manifest(manifest))
        return manifest

    def report_json(self) -> dict[str, Any]:
        """Read report.json as it stands."""
        return self._parsed(REPORT, lambda: {**self._json(REPORT)})

    def published(self) -> Published:
        """The whole bundle, as it can be verified."""
        inputs = self.inputs()
        self.report()
        self._existing(VERDICTS)
        with_ids = [table_file(name) for name in inputs.tables if name != NEUTRAL_CHURN]
        tables = (UNIVERSE, TARGETS, POSITIONS, META_MODEL, SCORES, *map(table_file, inputs.tables))
        forms = {file: self.form(file) for file in tables}
        return Published(
            inputs=inputs,
            ids={
                UNIVERSE: self.universe(),
                TARGETS: self._ids(TARGETS, self._table(TARGETS)),
                META_MODEL: self._ids(META_MODEL, self._table(META_MODEL, "id", "meta_model")),
                **{file: self._ids(file, self._table(file)) for file in with_ids},
            },
            meta_model=self.meta_model(),
            scores=self.scores(),
            manifest=self.manifest(),
            report=self.report_json(),
            forms={file: form for file, form in forms.items() if form is not None},
        )

    def report(self) -> Report:
        """Read report.json."""
        document = self.report_json()
        report = self._parsed(REPORT, lambda: Report.from_json(document))
        self._parsed(REPORT, report.hash)
        return report

    def copy_published(self, source: "Bundle") -> None:
        """Take over what the operator published."""
        self.copy(source, *PUBLISHED)

    def copy(self, source: "Bundle", *files: str) -> None:
        """Take over some files of another bundle."""
        for file in files:
            with source._existing(file).open("rb") as original:  # noqa: SLF001 - another bundle
                self._write_with(file, partial(shutil.copyfileobj, original))

    def _existing(self, file: str) -> Path:
        path = self.folder / file
        if not path.is_file():
            raise BundleError(f"{path}: expected a file of a round's bundle, found none")
        return path

    def _write(self, file: str, content: bytes) -> None:
        self._write_with(file, lambda written: written.write(content))

    def _write_with(self, file: str, write: Callable[[BinaryIO], object]) -> None:
        """Have `write` fill a file that then appears whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f".{file}.partial"
        with unfinished.open("wb") as written:
            write(written)
            written.flush()
            os.fsync(written.fileno())
        unfinished.replace(self.folder / file)
        self._keep()

    def _keep(self) -> None:
        """Names are kept by the folder: without it, a file that is written last could be there first."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _write_json(self, file: str, document: Any) -> None:
        self._write(file, (json.dumps(document, indent=1) + "\n").encode())

    def _write_table(self, file: str, columns: Mapping[str, Any]) -> None:
        self._write(file, write_parquet(columns))

    def _json(self, file: str) -> Any:
        content = self._content(file)
        try:
            return parse_json(content)
        except ValueError as error:
            raise BundleError(f"{self.folder / file}: expected JSON, found {error}") from None

    def _parsed(self, file: str, parse: Callable[[], T]) -> T:
        """What `parse` makes of a file's content; a BundleError that names the file where it cannot."""
        try:
            return parse()
        except BundleError:
            raise
        except KeyError as error:
            raise BundleError(f"{self.folder / file}: expected {error.args[0]!r}, found none") from None
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise BundleError(f"{self.folder / file}: {error}") from None

    def _table(self, file: str, *columns: str) -> dict[str, Column]:
        """A Parquet file's columns as they are in the file; exactly `columns` where any are given."""
        found = self._read_table(file)
        if columns and sorted(found) != sorted(columns):
            raise BundleError(
                f"{self.folder / file}: expected the columns {sorted(columns)}, found {shown(sorted(found))}"
            )
        return found

    def _read_table(self, file: str) -> dict[str, Column]:
        content = self._content(file)
        try:
            return read_parquet(content)
        except NotCanonical as error:
            if self.strict:
                raise BundleError(
                    f"{self.folder / file}: {error}; other readers may read it in another way"
                ) from None
        try:
            table = pq.read_table(io.BytesIO(content), use_threads=False)
            return dict(zip(_once(table.column_names), map(_column, table.columns), strict=True))
        except Exception as error:  # noqa: BLE001 - pyarrow raises many types for a file that is not Parquet
            raise BundleError(f"{self.folder / file}: expected a Parquet file, found {error}") from None

    def form(self, file: str) -> str | None:
        """How a table is written, if not in the one way in which all readers read the same."""
        try:
            columns = list(read_parquet(self._content(file)))
        except NotCanonical as error:
            return str(error).removeprefix("expected a canonical Parquet file, found ")
        return "one whose ids are not its first column" if "id" in columns[1:] else None

    def _content(self, file: str) -> bytes:
        """The bytes of a file, which is no link where a bundle may be a stranger's."""
        path = self._existing(file)
        if not self.strict:
            return path.read_bytes()
        most = MOST_JSON if file.endswith(".json") else MOST_TABLE
        with opened(path) as found:
            size = os.fstat(found.fileno()).st_size
            if size > most:
                raise BundleError(f"{path}: expected at most {most} bytes, found {size}")
            return found.read(size)  # not most: Python sets aside at once what it is asked to read

    def _ids(self, file: str, table: Mapping[str, Column]) -> tuple[str, ...]:
        ids = table.get("id")
        if not isinstance(ids, tuple):
            raise BundleError(f"{self.folder / file}: expected a column id of text, found none")
        return ids

    def _floats(self, file: str, name: str, column: Column) -> NDArray[np.float64]:
        if isinstance(column, tuple) or column.dtype != np.float64:
            found = "text" if isinstance(column, tuple) else column.dtype
            raise BundleError(f"{self.folder / file}: expected float64 in the column {name}, found {found}")
        return column

    def _columns(self, file: str) -> dict[str, NDArray[Any]]:
        return {name: np.asarray(column) for name, column in self._table(file).items()}


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file that somebody else may have put there: no link, and nothing that waits for a writer.

    Raises
    ------
    BundleError
        When it is no regular file.
    """
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - closed below
    except FileNotFoundError:
        raise BundleError(f"{path}: expected a file of a round's bundle, found none") from None
    except OSError as error:
        raise BundleError(f"{path}: expected a regular file, found {error.strerror}") from None
    with file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise BundleError(f"{path}: expected a regular file, found another kind")
        yield file


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _once(names: Sequence[str]) -> Sequence[str]:
    if len(set(names)) != len(names):
        raise ValueError(f"columns that have one name: {shown(sorted(names))}")
    return names


def _column(column: pa.ChunkedArray) -> Column:
    """Text without gaps as a tuple; anything else as numpy holds it."""
    if column.null_count == 0 and (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return tuple(column.to_pylist())
    found: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return found


def _check_scores(scores: Mapping[str, NDArray[Any]]) -> None:
    """Refuse scores of other types than an evaluation writes, which an explanation takes apart."""
    whole = {"model_id": np.int64, "reward_score": np.int64}
    for name, column in scores.items():
        if column.dtype != whole.get(name, column.dtype) or column.dtype.kind not in "fiu":
            raise ValueError(f"expected numbers in the column {name}, found {column.dtype}")
        if np.isinf(column).any():
            raise ValueError(f"expected finite numbers in the column {name}, found infinity")
    rewards = scores["reward_score"]
    if ((rewards < -MAX_REWARD_SCORE) | (rewards > MAX_REWARD_SCORE)).any():
        raise ValueError(f"expected reward scores of at most {MAX_REWARD_SCORE} ppm, found others")


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"expected a whole number, found {shown(repr(value))}")
    return value


def _submission(entry: Mapping[str, Any], predictions: Predictions) -> Submission:
    check_fields(entry, {"model_id": int, "content_hash": str, "submitter": str, "signature": str})
    return Submission(
        model_id=entry["model_id"],
        predictions=predictions,
        content_hash=from_hex(entry["content_hash"], 32),
        submitter=entry["submitter"],
        signature=from_hex(entry["signature"]),
    )


def _refused(document: Mapping[str, Any]) -> frozenset[int]:
    check_fields(document, {"refused": list})
    models = frozenset(_whole(each) for each in document["refused"])
    if document["refused"] != sorted(models):
        raise ValueError("expected the numbers of models, ascending and each once, found others")
    return models


def _checked_manifest(manifest: Mapping[str, Any]) -> None:
    """Refuse a manifest that lacks what a verification reads, or has another type there.

    Further fields are for the verification to name.
    """
    check_types(
        manifest,
        {"manifest_version": int, "round": dict, "digests": dict, "refused": list},
        {"volatility": dict},
    )
    texts = dict.fromkeys(("rules", "universe", "positions", "meta_model", "scores"), str)
    check_types(
        manifest["digests"],
        {**texts, "submissions": dict, "signatures": dict, "targets": dict},
        {"tables": dict},
    )
