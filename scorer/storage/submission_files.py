"""The files of a round that its submissions are: the universe, what was sent and signed, and what counts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from scorer.files import OWNER_ONLY
from scorer.protocol.documents import from_hex, shown, to_hex
from scorer.protocol.envelopes import Ciphertext, EnvelopeFile, EnvelopesError, write_envelopes
from scorer.protocol.predictions import PredictionFile, Predictions, PredictionsError, write_predictions
from scorer.protocol.submissions import Submission, Submissions
from scorer.storage.folder import BundleFolder
from scorer.storage.schemas import ENVELOPES, NAMES, SIGNATURES, SIGNED_ENTRY, SUBMISSIONS, UNIVERSE, VERDICTS
from scorer.submission.validity import Universe


@dataclass(frozen=True)
class SubmissionFiles(BundleFolder):
    """Reads and writes a round's universe and submissions."""

    def write_universe(self, ids: tuple[str, ...]) -> None:
        """Write universe.parquet."""
        self._write_table(UNIVERSE, {"id": list(ids)})

    def universe(self) -> tuple[str, ...]:
        """Return the round's ids, in the order of the file."""
        return self._ids(UNIVERSE)

    def write_names(self, ids: tuple[str, ...], names: Mapping[str, Sequence[str | None]]) -> None:
        """Write universe_names.parquet: what else the ids are called, a column a naming, in their order.

        An id without a name has an empty text there.
        """
        columns = {name: [text or "" for text in column] for name, column in names.items()}
        self._write_table(NAMES, {"id": list(ids), **columns})

    def named_universe(self) -> Universe:
        """Return the round's ids and their other names, if any were published.

        Raises
        ------
        BundleError
            When names are not text, or are not of exactly the universe's ids.
        """
        ids = self.universe()
        return Universe(ids, self._names(ids) if self.has(NAMES) else {})

    def _names(self, ids: tuple[str, ...]) -> dict[str, list[str | None]]:
        columns = {name: list(column) for name, column in self._table(NAMES).items()}
        for name, column in columns.items():
            if not all(text is None or isinstance(text, str) for text in column):
                raise self._error(NAMES, f"expected text in the column {name}, found other values")
        named = columns.pop("id", [])
        row_of = {name: row for row, name in enumerate(named)}
        if set(row_of) != set(ids) or len(named) != len(ids):
            raise self._error(
                NAMES,
                f"expected a row for each of the universe's {len(ids)} ids, "
                f"found {len(named)} rows, {len(set(row_of) & set(ids))} ids of the universe",
            )
        rows = [row_of[name] for name in ids]
        return {name: [column[row] or None for row in rows] for name, column in columns.items()}

    def write_submissions(self, submissions: Submissions) -> None:
        """Write submissions.npy or envelopes.bin, a row a model, and submissions.json, what was signed.

        Predictions that were sent encrypted are written too where one has them, for their owner alone.
        """
        if submissions.is_encrypted:
            rows = [entry.ciphertext for entry in submissions.entries if entry.ciphertext is not None]
            with self._writing(ENVELOPES) as file:
                write_envelopes(file, rows)
        if not (submissions.is_encrypted and submissions.is_withheld):
            self._write_predictions(submissions)
        self._write_signatures(submissions)

    def _write_predictions(self, submissions: Submissions) -> None:
        rows, mode = submissions.rows(), OWNER_ONLY if submissions.is_encrypted else 0o666
        with self._writing(SUBMISSIONS, mode) as file:
            write_predictions(file, rows, len(submissions.universe))

    def write_decrypted(self, submissions: Submissions) -> None:
        """Write submissions.npy of predictions that were sent encrypted, in a folder for its owner alone."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._write_predictions(submissions)

    def _write_signatures(self, submissions: Submissions) -> None:
        signatures = [
            {
                "model_id": entry.model_id,
                "content_hash": to_hex(entry.content_hash),
                "ciphertext_hash": to_hex(entry.ciphertext_hash),
                "submitter": entry.submitter,
                "signature": to_hex(entry.signature),
            }
            for entry in submissions.entries
        ]
        lines = ",\n".join(map(json.dumps, signatures))  # indented, it would take ten times as long
        self._write(SIGNATURES, f"[\n{lines}\n]\n".encode())

    def submitted(self) -> tuple[int, ...]:
        """Return the models that submitted, by submissions.json."""
        return tuple(entry["model_id"] for entry in self._signed())

    def _signed(self) -> list[dict[str, Any]]:
        """Return the entries of submissions.json, each with a whole number as its model."""
        signed = self._json(SIGNATURES)
        if not isinstance(signed, list):
            raise self._error(SIGNATURES, f"expected a list, found {type(signed).__name__}")
        return self._parsed(
            SIGNATURES, lambda: [{**e, "model_id": whole_number(e["model_id"])} for e in signed]
        )

    def submissions(self) -> Submissions:
        """Return all submissions, their content as found; `Submissions.wrong_hashes` says what was changed.

        Predictions stay in submissions.npy and are read when they are asked for. Where only envelopes.bin is
        there, they are withheld.
        """
        return self._submissions(is_withheld=self.has(ENVELOPES) and not self.has(SUBMISSIONS))

    def published_submissions(self) -> Submissions:
        """Return all submissions as the operator published them: without decrypted predictions."""
        return self._submissions(is_withheld=self.has(ENVELOPES))

    def signed_submissions(self) -> Submissions:
        """Return all submissions by submissions.json alone: what was signed, and not what was sent."""
        signed, ids = self._signed(), self.universe()
        rows = ((entry, None, None) for entry in signed)
        return self._parsed(
            SIGNATURES, lambda: Submissions(ids, tuple(_submission(*row) for row in rows), is_encrypted=True)
        )

    def _submissions(self, *, is_withheld: bool) -> Submissions:
        signed, ids, is_encrypted = self._signed(), self.universe(), self.has(ENVELOPES)
        rows: Iterable[Predictions | None] = repeat(None)
        if not is_withheld:
            rows = self._predictions(len(signed), len(ids)).rows()
        ciphertexts: Iterable[Ciphertext | None] = repeat(None)
        if is_encrypted:
            ciphertexts = self._envelopes(len(signed)).rows()

        def build() -> Submissions:
            return Submissions(ids, tuple(map(_submission, signed, rows, ciphertexts)), is_encrypted)

        return self._parsed(SIGNATURES, build)

    def _envelopes(self, models: int) -> EnvelopeFile:
        path = self._existing(ENVELOPES)
        try:
            return EnvelopeFile(path, models)
        except (EnvelopesError, OSError) as error:
            raise self._error(ENVELOPES, error) from None

    def _predictions(self, models: int, ids: int) -> PredictionFile:
        path = self._existing(SUBMISSIONS)
        try:
            file = PredictionFile(path)
        except (PredictionsError, OSError) as error:
            raise self._error(SUBMISSIONS, error) from None
        rows, columns = file.shape
        if not models and columns != ids:  # where there are models, their content hashes differ
            expected = f"{ids} columns, one for each id of {UNIVERSE}"
            raise self._error(SUBMISSIONS, f"expected {expected}, found {columns}")
        if rows != models:
            expected = f"{models} rows, one for each entry of {SIGNATURES}"
            raise self._error(SUBMISSIONS, f"expected {expected}, found {rows}")
        return file

    def write_refused(self, models: Iterable[int]) -> None:
        """Write verdicts.json: the models whose submission does not count."""
        self._write_json(VERDICTS, {"refused": sorted(models)})

    def refused(self) -> frozenset[int]:
        """Read from verdicts.json whose submission does not count; none where nobody judged them yet."""
        if not self.has(VERDICTS):
            return frozenset()
        document = self._json(VERDICTS)
        return self._parsed(VERDICTS, lambda: _refused(document))

    def submitters(self) -> dict[int, str]:
        """Return each model's claimed signer, by submissions.json alone; empty where nobody could sign."""
        signed = self._signed()
        return self._parsed(SIGNATURES, lambda: {e["model_id"]: str(e["submitter"]) for e in signed})


def whole_number(value: Any) -> int:
    """Return a whole number of a document, or refuse what is none."""
    if type(value) is not int or value < 0:
        raise ValueError(f"expected a whole number, found {shown(repr(value))}")
    return value


def _submission(
    entry: Mapping[str, Any], predictions: Predictions | None, ciphertext: Ciphertext | None
) -> Submission:
    SIGNED_ENTRY.check(entry)
    return Submission(
        model_id=entry["model_id"],
        predictions=predictions,
        content_hash=from_hex(entry["content_hash"], 32),
        submitter=entry["submitter"],
        signature=from_hex(entry["signature"]),
        ciphertext_hash=from_hex(entry["ciphertext_hash"], 32),
        ciphertext=ciphertext,
    )


def _refused(document: Mapping[str, Any]) -> frozenset[int]:
    models = frozenset(map(whole_number, document["refused"]))
    if document["refused"] != sorted(models):
        raise ValueError("expected the numbers of models, ascending and each once, found others")
    return models
