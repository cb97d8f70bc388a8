"""A data scientist's predictions for one round: reading a file, refusing a bad one, aligning it to the universe."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scorer.rounds.digest import content_hash
from scorer.rounds.merkle import merkle_root, submission_leaf
from scorer.rounds.signature import SubmissionDigest

COLUMNS = ["id", "prediction"]
PARQUET_MAGIC = b"PAR1"
SHOWN = 3
"""How many offending ids a message names."""


class SubmissionRefused(ValueError):
    """A submission cannot be used: which file, what was expected, what was found."""

    def __init__(self, name: str, expected: str, found: str) -> None:
        super().__init__(f"{name}: expected {expected}, found {found}")
        self.name = name
        self.expected = expected
        self.found = found


def _some(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:SHOWN])
    return f"{len(ids)} ({shown}{', ...' if len(ids) > SHOWN else ''})"


def _read_table(content: bytes, name: str) -> pd.DataFrame:
    if not content:
        raise SubmissionRefused(name, "a CSV or Parquet file", "an empty file")
    try:
        if content.startswith(PARQUET_MAGIC):
            return pd.read_parquet(io.BytesIO(content))
        # pandas' default parser is one last bit off for a third of all numbers.
        return pd.read_csv(
            io.BytesIO(content),
            dtype={"id": str},
            keep_default_na=False,
            na_values={"prediction": ["", "NaN", "nan"]},
            float_precision="round_trip",
        )
    except Exception as error:  # noqa: BLE001 - every parser failure means the same: not a table
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SubmissionRefused(
            name, "a CSV or Parquet file", f"content that is neither ({reason})"
        ) from None


def _check_columns(table: pd.DataFrame, name: str) -> None:
    if list(table.columns) != COLUMNS:
        raise SubmissionRefused(
            name, f"the columns {COLUMNS}", str([str(column) for column in table.columns])
        )
    if not pd.api.types.is_numeric_dtype(table["prediction"]) or pd.api.types.is_bool_dtype(
        table["prediction"]
    ):
        raise SubmissionRefused(
            name, "numbers in the column prediction", f"the type {table['prediction'].dtype}"
        )


def _check_ids(ids: pd.Series, universe: Sequence[str], name: str) -> None:
    if ids.isna().any():
        raise SubmissionRefused(name, "an id in every row", f"{int(ids.isna().sum())} rows without")
    duplicates = sorted(set(ids[ids.duplicated()].astype(str)))
    if duplicates:
        raise SubmissionRefused(name, "each id once", f"duplicate ids: {_some(duplicates)}")
    present = set(ids.astype(str))
    unknown = sorted(present.difference(universe))
    if unknown:
        raise SubmissionRefused(
            name, f"only the {len(universe)} ids of the round", f"unknown ids: {_some(unknown)}"
        )
    missing = sorted(set(universe).difference(present))
    if missing:
        raise SubmissionRefused(
            name, f"all {len(universe)} ids of the round", f"missing ids: {_some(missing)}"
        )


def _check_values(predictions: pd.Series, name: str) -> None:
    """`predictions` is indexed by id."""
    for wrong, found in (
        (predictions.isna(), "NaN"),
        (np.isinf(predictions), "infinity"),
        ((predictions < 0) | (predictions > 1), "values outside"),
    ):
        if wrong.any():
            ids = sorted(predictions.index[wrong])
            raise SubmissionRefused(name, "predictions within [0, 1]", f"{found} for ids: {_some(ids)}")


def read_submission(content: bytes, universe: Sequence[str], name: str) -> NDArray[np.float64]:
    """Read a submission file and align it to a round's universe.

    Parameters
    ----------
    content
        The file's bytes: CSV, or Parquet, with the columns ``id`` and ``prediction``.
    universe
        The round's ids, sorted.
    name
        What messages call the file.

    Returns
    -------
    NDArray[np.float64]
        Predictions within [0, 1] in the order of `universe`, shape (ids,).

    Raises
    ------
    SubmissionRefused
        When the file is empty or unreadable, has other columns, lacks, repeats or does not know an id, or holds
        NaN, infinity or a value outside [0, 1].
    """
    table = _read_table(content, name)
    _check_columns(table, name)
    _check_ids(table["id"], universe, name)
    predictions = pd.Series(table["prediction"].to_numpy(dtype=np.float64), index=table["id"].astype(str))
    _check_values(predictions, name)
    return predictions.loc[list(universe)].to_numpy()


@dataclass(frozen=True)
class Submission:
    """One model's signed submission.

    Attributes
    ----------
    predictions
        In the order of the universe, shape (ids,).
    submitter, signature
        The address that signed, and its 65 bytes.
    """

    model_id: int
    predictions: NDArray[np.float64]
    content_hash: bytes
    submitter: str
    signature: bytes

    def signer(self, chain_id: int, tournament: str, round_id: int) -> str | None:
        """Who signed this content for this round, or None."""
        digest = SubmissionDigest(chain_id, tournament, round_id, self.model_id, self.content_hash)
        return digest.signer(self.signature)


@dataclass(frozen=True)
class Submissions:
    """All submissions of a round, ascending by model.

    Attributes
    ----------
    universe
        The round's ids, sorted.
    """

    universe: tuple[str, ...]
    entries: tuple[Submission, ...]

    def __post_init__(self) -> None:
        models = [entry.model_id for entry in self.entries]
        if models != sorted(set(models)):
            raise ValueError(f"expected one submission a model, ascending, found the models {models}")

    @property
    def model_ids(self) -> tuple[int, ...]:
        """The models that submitted, ascending."""
        return tuple(entry.model_id for entry in self.entries)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """All predictions, shape (models, ids)."""
        if not self.entries:
            return np.empty((0, len(self.universe)))
        return np.stack([entry.predictions for entry in self.entries])

    @property
    def root(self) -> bytes:
        """The Merkle root that ``Tournament.seal`` commits to."""
        return merkle_root([submission_leaf(e.model_id, e.content_hash) for e in self.entries])

    def wrong_hashes(self) -> tuple[int, ...]:
        """The models whose predictions are not those that were signed."""
        return tuple(
            entry.model_id
            for entry in self.entries
            if content_hash(self.universe, entry.predictions) != entry.content_hash
        )
