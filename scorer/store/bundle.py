"""A round's bundle on disk: one folder a round, plain JSON and Parquet that other tools read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scorer.rounds.evaluation import Positions, RoundInputs, RoundResult, RoundTerms
from scorer.rounds.report import Report
from scorer.rounds.rules import Rules, load_rules
from scorer.rounds.submissions import Submission, Submissions
from scorer.rounds.verify import Published

RULES = "rules.json"
UNIVERSE = "universe.parquet"
SUBMISSIONS = "submissions.parquet"
SIGNATURES = "submissions.json"
TARGETS = "targets.parquet"
POSITIONS = "positions.parquet"
META_MODEL = "meta_model.parquet"
SCORES = "scores.parquet"
MANIFEST = "manifest.json"
REPORT = "report.json"
PUBLISHED = (RULES, UNIVERSE, SUBMISSIONS, SIGNATURES)
"""What the operator publishes once a round is sealed."""


class BundleError(ValueError):
    """A file of a bundle is missing or cannot be read; the message names it."""


def round_folder(root: Path, tournament: str, round_id: int) -> Path:
    """The folder of one round: ``<root>/<tournament>/<round>``."""
    return root / tournament.lower() / str(round_id)


@dataclass(frozen=True)
class Bundle:
    """Reads and writes the files of one round. Every file appears whole or not at all."""

    folder: Path

    def has(self, *files: str) -> bool:
        """Whether all of `files` are there."""
        return all((self.folder / file).is_file() for file in files)

    def write_rules(self, rules: Rules) -> None:
        """Write rules.json, the canonical JSON whose SHA-256 is the rules hash."""
        self._write(RULES, rules.canonical_json())

    def rules(self) -> Rules:
        """Read rules.json."""
        return load_rules(self._existing(RULES))

    def write_universe(self, ids: tuple[str, ...]) -> None:
        """Write universe.parquet."""
        self._write_table(UNIVERSE, {"id": list(ids)})

    def universe(self) -> tuple[str, ...]:
        """The round's ids, in the order of the file."""
        return tuple(self._table(UNIVERSE, "id")["id"].astype(str))

    def write_submissions(self, submissions: Submissions) -> None:
        """Write submissions.parquet, a column a model, and submissions.json, what was signed and by whom."""
        columns: dict[str, Any] = {"id": list(submissions.universe)}
        columns |= {str(entry.model_id): entry.predictions for entry in submissions.entries}
        self._write_table(SUBMISSIONS, columns)
        signatures = [
            {
                "model_id": entry.model_id,
                "content_hash": "0x" + entry.content_hash.hex(),
                "submitter": entry.submitter,
                "signature": "0x" + entry.signature.hex(),
            }
            for entry in submissions.entries
        ]
        self._write_json(SIGNATURES, signatures)

    def submissions(self) -> Submissions:
        """Read all submissions. Their content is as found; `Submissions.wrong_hashes` tells what was changed."""
        signatures = self._json(SIGNATURES)
        table = self._table(SUBMISSIONS, "id", *(str(entry["model_id"]) for entry in signatures))
        entries = tuple(
            Submission(
                model_id=entry["model_id"],
                predictions=table[str(entry["model_id"])].to_numpy(dtype=np.float64),
                content_hash=bytes.fromhex(entry["content_hash"][2:]),
                submitter=entry["submitter"],
                signature=bytes.fromhex(entry["signature"][2:]),
            )
            for entry in signatures
        )
        return Submissions(tuple(table["id"].astype(str)), entries)

    def write_targets(self, ids: tuple[str, ...], targets: Mapping[str, NDArray[np.float64]]) -> None:
        """Write targets.parquet, a column a target."""
        self._write_table(TARGETS, {"id": list(ids), **targets})

    def targets(self, ids: tuple[str, ...]) -> dict[str, NDArray[np.float64]]:
        """All targets, by name, in the order of `ids`; NaN for an id the file does not have."""
        table = self._table(TARGETS, "id")
        table.index = pd.Index(table["id"].astype(str))
        if table.index.has_duplicates:
            raise BundleError(f"{self.folder / TARGETS}: expected each id once, found duplicates")
        names = [name for name in table.columns if name != "id"]
        return {name: table[name].reindex(list(ids)).to_numpy(dtype=np.float64) for name in names}

    def positions(self) -> Positions:
        """Read positions.parquet."""
        return Positions.from_columns(self._columns(POSITIONS))

    def inputs(self) -> RoundInputs:
        """All that the scores depend on, terms and submitters as the bundle itself states them."""
        submissions = self.submissions()
        return RoundInputs(
            terms=RoundTerms.from_json(self.manifest()["round"]),
            rules=self.rules(),
            submissions=submissions,
            submitters={entry.model_id: entry.submitter for entry in submissions.entries},
            targets=self.targets(submissions.universe),
            positions=self.positions(),
        )

    def write(self, inputs: RoundInputs, result: RoundResult) -> None:
        """Write the whole bundle. The report comes last: where it is, the rest is."""
        universe = inputs.submissions.universe
        self.write_rules(inputs.rules)
        self.write_universe(universe)
        self.write_submissions(inputs.submissions)
        self.write_targets(universe, inputs.targets)
        self._write_table(POSITIONS, inputs.positions.columns())
        self._write_table(META_MODEL, {"id": list(universe), "meta_model": result.meta_model})
        self._write_table(SCORES, result.scores)
        self._write_json(MANIFEST, result.manifest)
        self._write_json(REPORT, result.report.to_json())

    def meta_model(self) -> NDArray[np.float64]:
        """Read meta_model.parquet, in the order of the file."""
        return self._table(META_MODEL, "id", "meta_model")["meta_model"].to_numpy(dtype=np.float64)

    def scores(self) -> dict[str, NDArray[Any]]:
        """Read scores.parquet, column by column."""
        return self._columns(SCORES)

    def manifest(self) -> dict[str, Any]:
        """Read manifest.json."""
        return dict(self._json(MANIFEST))

    def report_json(self) -> dict[str, Any]:
        """Read report.json as it stands."""
        return dict(self._json(REPORT))

    def published(self) -> Published:
        """The whole bundle, as it can be verified."""
        return Published(self.inputs(), self.meta_model(), self.scores(), self.manifest(), self.report_json())

    def report(self) -> Report:
        """Read report.json."""
        return Report.from_json(self.report_json())

    def copy_published(self, source: "Bundle") -> None:
        """Take over what the operator published."""
        for file in PUBLISHED:
            self._write(file, source._existing(file).read_bytes())  # noqa: SLF001 - another bundle

    def _existing(self, file: str) -> Path:
        path = self.folder / file
        if not path.is_file():
            raise BundleError(f"{path}: expected a file of a round's bundle, found none")
        return path

    def _write(self, file: str, content: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{file}.partial"
        partial.write_bytes(content)
        partial.replace(self.folder / file)

    def _write_json(self, file: str, document: Any) -> None:
        self._write(file, (json.dumps(document, indent=1) + "\n").encode())

    def _write_table(self, file: str, columns: Mapping[str, Any]) -> None:
        self._write(file, pd.DataFrame(dict(columns)).to_parquet(None, index=False))

    def _json(self, file: str) -> Any:
        path = self._existing(file)
        try:
            return json.loads(path.read_bytes())
        except ValueError as error:
            raise BundleError(f"{path}: expected JSON, found {error}") from None

    def _table(self, file: str, *columns: str) -> pd.DataFrame:
        path = self._existing(file)
        try:
            table = pd.read_parquet(path)
        except Exception as error:  # noqa: BLE001 - pyarrow raises many types for a file that is not Parquet
            raise BundleError(f"{path}: expected a Parquet file, found {error}") from None
        missing = [column for column in columns if column not in table.columns]
        if missing:
            raise BundleError(f"{path}: expected the columns {list(columns)}, found none named {missing}")
        return table

    def _columns(self, file: str) -> dict[str, NDArray[Any]]:
        table = self._table(file)
        return {str(name): table[name].to_numpy() for name in table.columns}
