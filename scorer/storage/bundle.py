"""A round's bundle on disk: one folder a round, plain JSON and Parquet that other tools read."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.explain import ScoredRound
from scorer.evaluation.inputs import Positions, Published, RoundInputs, RoundResult, RoundTerms
from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.report import Report
from scorer.protocol.rules import Rules, RulesError, rules_from
from scorer.protocol.seal import SealVote
from scorer.protocol.tables import NEUTRAL_CHURN, Table, problem_with, table_file
from scorer.rewards.reward import MAX_REWARD_SCORE
from scorer.storage.folder import BundleError as BundleError
from scorer.storage.folder import T
from scorer.storage.schemas import DIGESTS
from scorer.storage.schemas import ENCRYPTED as ENCRYPTED
from scorer.storage.schemas import ENVELOPES as ENVELOPES
from scorer.storage.schemas import MANIFEST as MANIFEST
from scorer.storage.schemas import META_MODEL as META_MODEL
from scorer.storage.schemas import META_MODEL_DIGEST as META_MODEL_DIGEST
from scorer.storage.schemas import NAMES as NAMES
from scorer.storage.schemas import POSITIONS as POSITIONS
from scorer.storage.schemas import PUBLISHED as PUBLISHED
from scorer.storage.schemas import RELEASE as RELEASE
from scorer.storage.schemas import RELEASED as RELEASED
from scorer.storage.schemas import REPORT as REPORT
from scorer.storage.schemas import RULES as RULES
from scorer.storage.schemas import SCORES as SCORES
from scorer.storage.schemas import SELECTION as SELECTION
from scorer.storage.schemas import SIGNATURES as SIGNATURES
from scorer.storage.schemas import SUBMISSIONS as SUBMISSIONS
from scorer.storage.schemas import TAKEN as TAKEN
from scorer.storage.schemas import TARGETS as TARGETS
from scorer.storage.schemas import UNIVERSE as UNIVERSE
from scorer.storage.schemas import VERDICTS as VERDICTS
from scorer.storage.schemas import VOTE as VOTE
from scorer.storage.submission_files import SubmissionFiles, whole_number


def round_folder(root: Path, tournament: str, round_id: int) -> Path:
    """Return the folder of one round: ``<root>/<tournament>/<round>``."""
    return root / tournament.lower() / str(round_id)


@dataclass(frozen=True)
class Bundle(SubmissionFiles):
    """The files of one round by their meaning: what each holds, and how they fit together."""

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

    def write_selection(self, document: Mapping[str, Any]) -> None:
        """Write selection.json: whose stake is locked, and why others' is not."""
        self._write_json(SELECTION, document)

    def selection(self, parse: Callable[[Mapping[str, Any]], T]) -> T:
        """Return what `parse` makes of selection.json; an error names the file."""
        return self._parsed(SELECTION, lambda: parse(self._json(SELECTION)))

    @property
    def published_files(self) -> tuple[str, ...]:
        """The files that an operator publishes, with envelopes.bin where it is there."""
        return ENCRYPTED if self.has(ENVELOPES) else PUBLISHED

    @property
    def has_collected(self) -> bool:
        """True where the files are there that are written last of those: collected submissions are final."""
        return self.has(*self.published_files[2:])

    def write_release(self, content: bytes) -> None:
        """Write release.bin, for other members to read; see `scorer.storage.releases`."""
        self._write(RELEASE, content)

    def write_released(self, document: Mapping[str, Any]) -> None:
        """Write released.json, a member's own note on what it released and decrypted."""
        self._write_json(RELEASED, document)

    def released(self) -> dict[str, Any]:
        """Read released.json."""
        return self._object(RELEASED)

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
        """Return all targets, by name, in the order of `ids`; NaN for an id the file does not have."""
        return self._aligned(TARGETS, ids)

    def write_table(self, name: str, ids: tuple[str, ...], table: Table) -> None:
        """Write one of a round's further inputs, see `scorer.protocol.tables`."""
        self._write_table(
            table_file(name), dict(table) if name == NEUTRAL_CHURN else {"id": list(ids), **table}
        )

    def tables(self, rules: Rules, ids: tuple[str, ...], without: Container[str] = ()) -> dict[str, Table]:
        """Read the further inputs that `rules` need, in the order of `ids`; NaN for an id without a row.

        Those in `without` are left out.

        Raises
        ------
        BundleError
            When one is not there: names the file, and the path in the rules that needs it.
        """
        needs = {name: path for name, path in rules.needs.items() if name not in without}
        for name, path in needs.items():
            if not self.has(table_file(name)):
                raise self._error(
                    table_file(name), f"expected a table, which {path} in the rules needs, found none"
                )
        return {name: self._input_table(name, ids) for name in needs}

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
            raise self._error(table_file(name), f"expected {problem[0]}, found {problem[1]}")
        return table

    def _input_table(self, name: str, ids: tuple[str, ...]) -> Table:
        file = table_file(name)
        return self._columns(file) if name == NEUTRAL_CHURN else self._aligned(file, ids)

    def write_taken(self, document: Mapping[str, Any]) -> None:
        """Write taken.json, see `scorer.oracle.takeover`."""
        self._write_json(TAKEN, document)

    def taken(self) -> dict[str, Any]:
        """Read taken.json."""
        return self._object(TAKEN)

    def terms(self) -> RoundTerms:
        """Return the round's terms, as manifest.json states them."""
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

    def inputs(self, terms: RoundTerms | None = None) -> RoundInputs:
        """Return all that the scores depend on, terms and submitters as the bundle itself states them.

        Where there is no manifest yet, the terms are given.
        """
        submissions, rules = self.submissions(), self.rules()
        return RoundInputs(
            terms=terms or self.terms(),
            rules=rules,
            submissions=submissions,
            submitters={entry.model_id: entry.submitter for entry in submissions.entries if entry.submitter},
            targets=self.targets(submissions.universe),
            positions=self.positions(),
            tables=self.tables(rules, submissions.universe),
            refused=self.refused(),
        )

    def write(self, inputs: RoundInputs, result: RoundResult, *, has_published: bool = False) -> None:
        """Write the whole bundle. The report comes last: where it is, the rest is; see `write_inputs`."""
        self.write_inputs(inputs, has_published=has_published)
        self.write_result(inputs, result)

    def write_inputs(self, inputs: RoundInputs, *, has_published: bool = False) -> None:
        """Write all that the scores depend on but the terms, which the manifest states.

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
            self._write_signatures(replace(inputs.submissions, entries=entries))
        else:
            self.write_rules(inputs.rules)
            self.write_universe(universe)
            self.write_submissions(replace(inputs.submissions, entries=entries))
        self.write_refused(inputs.refused)
        self.write_targets(universe, {name: inputs.targets[name] for name in inputs.rules.targets})
        for name in inputs.rules.needs:
            self.write_table(name, universe, inputs.tables[name])
        self._write_table(POSITIONS, inputs.positions.columns())

    def write_result(self, inputs: RoundInputs, result: RoundResult) -> None:
        """Write what was computed from inputs that are written already, the report last."""
        ids = list(inputs.submissions.universe)
        self._write_table(META_MODEL, {"id": ids, "meta_model": result.meta_model})
        self._write_table(SCORES, result.scores)
        self._write_json(MANIFEST, result.manifest)
        self._write_json(REPORT, result.report.to_json())

    def write_meta_model(self, ids: tuple[str, ...], meta_model: NDArray[np.float64], digest: str) -> None:
        """Write meta_model.parquet, in the order of `ids`, and its digest in meta_model.json."""
        self._write_table(META_MODEL, {"id": list(ids), "meta_model": meta_model})
        self._write_json(META_MODEL_DIGEST, {"digest": digest})

    def meta_model_digest(self) -> str:
        """Read meta_model.json."""
        document = self._object(META_MODEL_DIGEST)
        return self._parsed(META_MODEL_DIGEST, lambda: to_hex(from_hex(document["digest"], 32)))

    def meta_model(self) -> NDArray[np.float64]:
        """Read meta_model.parquet, in the order of the file."""
        return self._columns(META_MODEL)["meta_model"]

    def meta_model_of(self, ids: tuple[str, ...]) -> NDArray[np.float64]:
        """Read meta_model.parquet in the order of `ids`; NaN for an id without a row."""
        return self._aligned(META_MODEL, ids)["meta_model"]

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
                None if volatility is None else whole_number(volatility["factor"]),
                scores,
            )
            scored.settled.total_payout  # noqa: B018 - refuses columns of other types now, by the file's name
            return scored

        return self._parsed(SCORES, build)

    def manifest(self) -> dict[str, Any]:
        """Read manifest.json."""
        manifest = self._object(MANIFEST)
        self._parsed(MANIFEST, lambda: DIGESTS.check(manifest["digests"]))
        return manifest

    def report_json(self) -> dict[str, Any]:
        """Read report.json as it stands."""
        return self._object(REPORT)

    def published(self) -> Published:
        """Return the whole bundle, as it can be verified."""
        inputs = self.inputs()
        self.report()
        self._existing(VERDICTS)
        with_ids = [table_file(name) for name in inputs.tables if name != NEUTRAL_CHURN]
        meta_model = () if inputs.submissions.is_withheld and not self.has(META_MODEL) else (META_MODEL,)
        tables = (UNIVERSE, TARGETS, POSITIONS, *meta_model, SCORES, *map(table_file, inputs.tables))
        forms = {file: self.form(file) for file in tables}
        return Published(
            inputs=inputs,
            ids={file: self._ids(file) for file in (UNIVERSE, TARGETS, *meta_model, *with_ids)},
            meta_model=self.meta_model() if meta_model else None,
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
        """Copy the files that the operator published."""
        self.copy(source, *source.published_files)


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
