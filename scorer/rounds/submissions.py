"""A data scientist's predictions for one round: reading a file, refusing a bad one, aligning it."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from eth_hash.auto import keccak
from numpy.typing import NDArray

from scorer.rounds.digest import content_hashes
from scorer.rounds.merkle import merkle_root, submission_leaf
from scorer.rounds.predictions import PredictionRows, Predictions, float_array
from scorer.rounds.signature import SubmissionDigest

COLUMNS = ["id", "prediction"]
PARQUET_MAGIC = b"PAR1"
SHOWN = 3
"""How many offending ids a message names."""
SHOWN_CHARACTERS = 60
"""How much of an id or a value a message shows."""
ROWS_PER_ID: Final = 4
SPARE_ROWS: Final = 10_000
"""A file may name ids that the universe lacks, but not any number of them."""
BYTES_PER_ROW: Final = 256
LONGEST_ID: Final = 1_000
"""Bytes. Parquet says in a few bytes that an id of any length is repeated in every row."""


class SubmissionRefused(ValueError):
    """A submission cannot be used: which file, what was expected, what was found."""

    def __init__(self, name: str, expected: str, found: str) -> None:
        super().__init__(f"{name}: expected {expected}, found {found}")
        self.name = name
        self.expected = expected
        self.found = found


def _short(text: object) -> str:
    """What a file holds, fit for one line of a message."""
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in str(text))
    return shown if len(shown) <= SHOWN_CHARACTERS else shown[:SHOWN_CHARACTERS] + "..."


def _some(ids: Sequence[str]) -> str:
    return _counted([_short(each) for each in ids[:SHOWN]], len(ids))


def _counted(shown: Sequence[str], count: int) -> str:
    return f"{count} ({', '.join(shown)}{', ...' if count > len(shown) else ''})"


def _no_table(name: str, error: Exception) -> SubmissionRefused:
    reason = _short(str(error).splitlines()[0] if str(error) else type(error).__name__)
    return SubmissionRefused(name, "a CSV or Parquet file", f"content that is neither ({reason})")


def most_rows(ids: int) -> int:
    """How many rows a submission to a universe of so many ids may have."""
    return ROWS_PER_ID * ids + SPARE_ROWS


def most_bytes(ids: int) -> int:
    """How large a submission to a universe of so many ids may be, as a file and unpacked."""
    return BYTES_PER_ROW * most_rows(ids)


ChooseColumns = Callable[[Sequence[str]], tuple[str, str] | None]
"""The columns of ids and of predictions, of those that a file has; None where it has none such."""


def _id_and_prediction(columns: Sequence[str]) -> tuple[str, str] | None:
    return ("id", "prediction") if sorted(columns) == COLUMNS else None


@dataclass(frozen=True)
class Layout:
    """Which columns a file must have, as a function of those it has and in words."""

    choose: ChooseColumns
    expected: str

    def columns(self, columns: Sequence[str], name: str) -> tuple[str, str]:
        """The columns of ids and predictions, or a refusal."""
        chosen = self.choose(columns)
        if chosen is None:
            found = [_short(column) for column in columns[: 2 * SHOWN]]
            more = f" and {len(columns) - len(found)} more" if len(columns) > len(found) else ""
            raise SubmissionRefused(name, self.expected, f"{found}{more}")
        return chosen


ID_AND_PREDICTION: Final = Layout(_id_and_prediction, f"the columns {COLUMNS}")


@dataclass(frozen=True)
class SubmissionTable:
    """A file's two columns, row by row, as far as they could be read.

    Attributes
    ----------
    id_column
        What the file calls its ids.
    predictions
        NaN where the file has no value.
    """

    id_column: str
    ids: list[str]
    predictions: NDArray[np.float64]


def read_table(content: bytes, layout: Layout, name: str, *, ids: int) -> SubmissionTable:
    """Read a submission file, CSV in UTF-8 or Parquet, as far as its columns and types go.

    Parameters
    ----------
    ids
        How many the universe has: it bounds what is read, and what a small file may unpack to.

    Raises
    ------
    SubmissionRefused
        When it is empty, unreadable, too large, of other columns, or holds what is no number or no id.
    """
    if not content:
        raise SubmissionRefused(name, "a CSV or Parquet file", "an empty file")
    if len(content) > most_bytes(ids):
        raise _too_large(name, len(content), ids)
    read = _read_parquet if content.startswith(PARQUET_MAGIC) else _read_csv
    table = read(content, layout, name, ids)
    if "" in table.ids:
        raise SubmissionRefused(name, "an id in every row", f"{table.ids.count('')} rows without")
    return table


def _too_large(name: str, size: int, ids: int) -> SubmissionRefused:
    most = most_bytes(ids)
    return SubmissionRefused(name, f"at most {most} bytes for a universe of {ids} ids", f"{size}")


def _check_rows(rows: int, ids: int, name: str) -> None:
    if rows > most_rows(ids):
        raise SubmissionRefused(name, f"at most {most_rows(ids)} rows for a universe of {ids} ids", f"{rows}")


def _read_csv(content: bytes, layout: Layout, name: str, count: int) -> SubmissionTable:
    """Read text of two columns. Every character counts: an id such as NA or 007 is that text."""
    try:
        text = content.decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise _no_table(name, error) from None
    header = rows[0] if rows else []
    id_column, prediction = layout.columns(header, name)
    _check_rows(len(rows) - 1, count, name)
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            raise SubmissionRefused(
                name, f"{len(header)} values in every row", f"{len(row)} in row {number} below the header"
            )
    at, value_at = header.index(id_column), header.index(prediction)
    ids = [row[at] for row in rows[1:]]
    numbers = _numbers([row[value_at] for row in rows[1:]], ids, prediction, name)
    return SubmissionTable(id_column, ids, numbers)


def _number(text: str) -> float:
    """The float64 nearest to a decimal text, NaN for an empty one; ValueError for any other text."""
    # float() also takes 0_5 and digits of other scripts, which no other reader of CSV does.
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return float(text) if text else np.nan


def _numbers(texts: Sequence[str], ids: Sequence[str], column: str, name: str) -> NDArray[np.float64]:
    wrong: list[int] = []
    numbers = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        try:
            numbers[row] = _number(text)
        except ValueError:
            wrong.append(row)
    if wrong:
        shown = [f"{_short(texts[row])} for {_short(ids[row])}" for row in wrong[:SHOWN]]
        raise SubmissionRefused(
            name, f"numbers in the column {column}", f"other text: {_counted(shown, len(wrong))}"
        )
    return numbers


def _read_parquet(content: bytes, layout: Layout, name: str, count: int) -> SubmissionTable:
    """Read two of the columns that the file holds, whatever a library noted beside them about an index.

    What the file says of its size is looked at first: a few bytes unpack to gigabytes.
    """
    schema, metadata = _parsed(lambda: _opened(content), name)
    id_column, prediction = layout.columns(schema.names, name)
    wanted = [id_column, prediction]
    id_type, prediction_type = (schema.field(column).type for column in wanted)
    if not _is_numeric(prediction_type):
        raise SubmissionRefused(name, f"numbers in the column {prediction}", f"the type {prediction_type}")
    if not _is_text_or_whole(id_type):
        raise SubmissionRefused(name, f"text in the column {id_column}", f"the type {_value_type(id_type)}")
    rows, unpacked = _sizes(metadata, wanted)
    _check_rows(rows, count, name)
    if unpacked > most_bytes(count):
        raise _too_large(name, unpacked, count)
    table = _parsed(lambda: _two_columns(content, id_column, wanted), name)
    numbers = table.column(prediction).to_numpy(zero_copy_only=False).astype(np.float64)
    return SubmissionTable(id_column, _texts(table.column(id_column), id_column, name), numbers)


T = TypeVar("T")


def _parsed(parse: Callable[[], T], name: str) -> T:
    try:
        return parse()
    except Exception as error:  # noqa: BLE001 - every parser failure means the same: not a table
        raise _no_table(name, error) from None


def _opened(content: bytes) -> tuple[pa.Schema, pq.FileMetaData]:
    """What the file says of itself. The schema raises where it is broken, so it is read here."""
    file = pq.ParquetFile(io.BytesIO(content))
    return file.schema_arrow, file.metadata


def _two_columns(content: bytes, id_column: str, wanted: list[str]) -> pa.Table:
    """Ids stay references into what the file holds once, however often it repeats them."""
    file = pq.ParquetFile(io.BytesIO(content), read_dictionary=[id_column])
    return file.read(columns=wanted, use_threads=False)


def _sizes(metadata: pq.FileMetaData, wanted: Sequence[str]) -> tuple[int, int]:
    """Rows, and bytes unpacked, of flat columns: the most that any part of the file says."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    paths = [metadata.schema.column(number).path for number in range(metadata.num_columns)]
    chunks = [[group.column(paths.index(column)) for group in groups] for column in wanted]
    counts = [sum(chunk.num_values for chunk in column) for column in chunks]
    unpacked = sum(chunk.total_uncompressed_size for column in chunks for chunk in column)
    return max(metadata.num_rows, sum(group.num_rows for group in groups), *counts), unpacked


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text_or_whole(kind: pa.DataType) -> bool:
    value = _value_type(kind)
    is_text = pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)
    return bool(is_text or pa.types.is_integer(value))


def _texts(column: pa.ChunkedArray, id_column: str, name: str) -> list[str]:
    """A Parquet column of ids as text; whole numbers become their digits."""
    if column.null_count:
        raise SubmissionRefused(name, "an id in every row", f"{column.null_count} rows without")
    repeats_text = pa.types.is_dictionary(column.type) and not pa.types.is_integer(column.type.value_type)
    for chunk in column.chunks if repeats_text else []:
        longest = pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0
        if longest > LONGEST_ID:
            raise SubmissionRefused(
                name, f"ids of at most {LONGEST_ID} bytes in the column {id_column}", f"one of {longest}"
            )
    try:
        return [str(each) for each in column.to_pylist()]
    except UnicodeDecodeError as error:
        raise _no_table(name, error) from None


def _check_ids(ids: Sequence[str], universe: Sequence[str], name: str) -> None:
    present = set(ids)
    if len(present) != len(ids):
        repeated = sorted(each for each, count in Counter(ids).items() if count > 1)
        raise SubmissionRefused(name, "each id once", f"duplicate ids: {_some(repeated)}")
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


def _check_values(table: SubmissionTable, name: str) -> None:
    for wrong, found in (
        (np.isnan(table.predictions), "NaN"),
        (np.isinf(table.predictions), "infinity"),
        ((table.predictions < 0) | (table.predictions > 1), "values outside"),
    ):
        if wrong.any():
            ids = sorted(table.ids[row] for row in np.flatnonzero(wrong).tolist())
            raise SubmissionRefused(name, "predictions within [0, 1]", f"{found} for ids: {_some(ids)}")


def read_submission(content: bytes, universe: Sequence[str], name: str) -> NDArray[np.float64]:
    """Read a submission file and align it to a round's universe.

    Parameters
    ----------
    content
        The file's bytes: CSV in UTF-8, or Parquet, with the columns ``id`` and ``prediction`` in any order
        and no other; rows in any order.
    universe
        The round's ids, sorted.
    name
        What messages call the file.

    Returns
    -------
    NDArray[np.float64]
        Predictions within [0, 1] in the order of `universe`, shape (ids,); 0.0 for -0.0.

    Raises
    ------
    SubmissionRefused
        When the file is empty or unreadable, has other columns, lacks, repeats or does not know an id, or
        holds NaN, infinity, a value outside [0, 1] or what is no number.
    """
    table = read_table(content, ID_AND_PREDICTION, name, ids=len(universe))
    _check_ids(table.ids, universe, name)
    _check_values(table, name)
    row_of = {each: row for row, each in enumerate(table.ids)}
    return table.predictions[[row_of[each] for each in universe]] + 0.0


@dataclass(frozen=True)
class Submission:
    """One model's signed submission.

    Attributes
    ----------
    predictions
        In the order of the universe, shape (ids,).
    submitter
        The address that is to have signed: as the sender says in what the operator publishes, as the chain
        says in a member's bundle; empty for a model that the chain does not know.
    signature
        65 bytes.
    """

    model_id: int
    predictions: Predictions
    content_hash: bytes
    submitter: str
    signature: bytes

    @property
    def signature_hash(self) -> bytes:
        """The Keccak-256 of the signature, which the round's Merkle root commits to."""
        return keccak(self.signature)

    @property
    def leaf(self) -> bytes:
        """The leaf of the round's Merkle tree that commits to this submission."""
        return submission_leaf(self.model_id, self.content_hash, self.signature_hash)

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

    @cached_property
    def matrix(self) -> PredictionRows:
        """All predictions, shape (models, ids), read a block at a time."""
        return PredictionRows([entry.predictions for entry in self.entries], len(self.universe))

    @property
    def root(self) -> bytes:
        """The Merkle root that ``Tournament.seal`` commits to."""
        return merkle_root([entry.leaf for entry in self.entries])

    def wrong_hashes(self) -> tuple[int, ...]:
        """The models whose predictions are not those that were signed; all are hashed once."""
        return self._wrong_hashes

    @cached_property
    def _wrong_hashes(self) -> tuple[int, ...]:
        whole = [entry for entry in self.entries if len(entry.predictions) == len(self.universe)]
        found = content_hashes(self.universe, (float_array(entry.predictions) for entry in whole))
        right = {e.model_id for e, content in zip(whole, found, strict=True) if content == e.content_hash}
        return tuple(model for model in self.model_ids if model not in right)
