"""Submission files: good ones in every spelling give the same bits, bad ones are refused with the reason."""

import io
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.protocol.digest import content_hash
from scorer.protocol.merkle import merkle_root, submission_leaf
from scorer.protocol.submissions import Submission, Submissions
from scorer.submission.reader import read_for, read_submission
from scorer.submission.table import SubmissionRefused
from scorer.submission.validity import Universe

IDS = ["007", "NA", "a1", "b,2", 'c"3', "nan", "null", "ü", "1e5", "True"]
UNIVERSE = tuple(sorted(IDS))
PREDICTIONS = np.array([0.0, 1.0, 0.1, 1 / 3, 5e-324, 1 - 2**-53, 0.25, 0.7, 2.2250738585072014e-308, 1e-5])


def table(ids: Sequence[object] = UNIVERSE, predictions: object = PREDICTIONS) -> pd.DataFrame:
    return pd.DataFrame({"id": list(ids), "prediction": predictions})


def csv_bytes(frame: pd.DataFrame, **settings: object) -> bytes:
    text: str = frame.to_csv(**{"index": False, **settings})  # type: ignore[call-overload]
    return text.encode()


def parquet_bytes(frame: pd.DataFrame, **settings: object) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, **{"index": False, **settings})  # type: ignore[call-overload]
    return buffer.getvalue()


def arrow_bytes(**columns: object) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def bits(values: np.ndarray) -> list[str]:
    return [value.hex() for value in values.tolist()]


def read(content: bytes, universe: Sequence[str] = UNIVERSE) -> np.ndarray:
    return read_submission(content, universe, "7.csv")


def refusal(content: bytes, universe: Sequence[str] = UNIVERSE) -> str:
    with pytest.raises(SubmissionRefused) as refused:
        read(content, universe)
    assert refused.value.name == "7.csv"
    assert str(refused.value) == f"7.csv: {refused.value.reason}"
    return str(refused.value)


GOOD: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "CSV": csv_bytes,
    "CSV with all digits": lambda frame: csv_bytes(frame, float_format="%.1100f"),
    "CSV with CRLF": lambda frame: csv_bytes(frame, lineterminator="\r\n"),
    "CSV with CR": lambda frame: csv_bytes(frame, lineterminator="\r"),
    "CSV with a byte order mark": lambda frame: b"\xef\xbb\xbf" + csv_bytes(frame),
    "CSV all in quotes": lambda frame: csv_bytes(frame, quoting=1),
    "CSV with blank lines": lambda frame: csv_bytes(frame).replace(b"\n", b"\n\n"),
    "CSV with the columns swapped": lambda frame: csv_bytes(frame[["prediction", "id"]]),
    "Parquet": parquet_bytes,
    "Parquet with small row groups": lambda frame: parquet_bytes(frame, row_group_size=3),
    "Parquet of categories": lambda frame: parquet_bytes(frame.astype({"id": "category"})),
    "Parquet of nullable floats": lambda frame: parquet_bytes(frame.astype({"prediction": "Float64"})),
    "Parquet with the id as index": lambda frame: parquet_bytes(frame.set_index("id"), index=True),
    "Parquet of large strings": lambda frame: arrow_bytes(
        id=pa.array(list(frame["id"]), pa.large_string()), prediction=frame["prediction"].to_numpy()
    ),
}


@pytest.mark.parametrize("spelling", GOOD)
def test_a_good_file_gives_the_same_bits_in_every_spelling_and_row_order(spelling: str) -> None:
    expected = bits(PREDICTIONS)
    for seed in range(3):
        shuffled = table().sample(frac=1, random_state=seed) if seed else table()
        assert bits(read(GOOD[spelling](shuffled))) == expected


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_csv_and_parquet_give_bit_identical_arrays(values: list[float]) -> None:
    ids = tuple(f"id{row:02}" for row in range(len(values)))
    frame = table(ids, np.array(values) + 0.0).sample(frac=1, random_state=0)
    assert (
        bits(read(csv_bytes(frame), ids))
        == bits(read(parquet_bytes(frame), ids))
        == bits(np.array(values) + 0.0)
    )


def test_the_array_is_in_the_order_of_the_universe() -> None:
    content = b"id,prediction\nb,0.25\nc,0.5\na,0.125\n"
    assert read(content, ("a", "b", "c")).tolist() == [0.125, 0.25, 0.5]


def test_minus_zero_becomes_zero() -> None:
    found = read(b"id,prediction\na,-0.0\nb,-0\n", ("a", "b"))
    assert bits(found) == [(0.0).hex()] * 2
    assert bits(read(arrow_bytes(id=["a", "b"], prediction=[-0.0, 0.0]), ("a", "b"))) == [(0.0).hex()] * 2


def test_whole_numbers_are_predictions_when_within_the_bounds() -> None:
    assert read(b"id,prediction\na,0\nb,1\n", ("a", "b")).tolist() == [0.0, 1.0]
    assert read(arrow_bytes(id=["a", "b"], prediction=pa.array([0, 1], pa.int8())), ("a", "b")).tolist() == [
        0,
        1,
    ]


def test_single_precision_is_read_as_what_it_is() -> None:
    content = arrow_bytes(id=["a"], prediction=pa.array([0.1], pa.float32()))
    assert read(content, ("a",)).tolist() == [float(np.float32(0.1))]


def test_ids_that_are_whole_numbers_in_parquet_are_their_digits() -> None:
    assert read(arrow_bytes(id=[12, 7], prediction=[0.5, 0.25]), ("12", "7")).tolist() == [0.5, 0.25]


def test_a_leading_zero_of_an_id_counts() -> None:
    assert "unknown ids: 1 (7)" in refusal(arrow_bytes(id=[7], prediction=[0.5]), ("007",))
    assert read(b"id,prediction\n007,0.5\n", ("007",)).tolist() == [0.5]


def repeated(id_length: int, rows: int, **settings: object) -> bytes:
    """A Parquet file that says in a few bytes that an id is in every row."""
    ids = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["x" * id_length]))
    buffer = io.BytesIO()
    pq.write_table(
        pa.table({"id": ids, "prediction": np.zeros(rows)}), buffer, compression="zstd", **settings
    )
    return buffer.getvalue()


@pytest.mark.parametrize("settings", [{}, {"store_schema": False}, {"row_group_size": 1_000}])
def test_a_small_file_of_many_rows_is_refused_before_it_is_unpacked(
    settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = repeated(40, 1_000_000, **settings)
    assert len(content) < 1_000_000
    monkeypatch.delattr("pyarrow.parquet.ParquetFile.iter_batches")
    assert refusal(content).endswith("expected at most 10040 rows for a universe of 10 ids, found 1000000")


def test_a_long_id_in_many_rows_is_refused_before_it_is_repeated() -> None:
    assert "expected ids of at most 1000 bytes in the column id, found one of 1001" in refusal(
        repeated(1_001, 10_000)
    )
    assert "expected at most 2570240 bytes for a universe of 10 ids, found " in refusal(
        repeated(3_000_000, 2)
    )


def test_a_text_of_too_many_bytes_or_rows_is_refused() -> None:
    assert "expected at most 2570240 bytes" in refusal(b"id,prediction\n" + b" " * 2_570_240)
    many = b"id,prediction\n" + b"a,0.5\n" * 10_041
    assert "expected at most 10040 rows for a universe of 10 ids, found 10041" in refusal(many)


def test_columns_that_do_not_count_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"t{number}" for number in range(100)]
    values = np.linspace(0, 1, 100)
    content = arrow_bytes(
        ticker=ids, date=pa.array([[{"a": 1}]] * 100), signal=values, data_type=["live"] * 100
    )
    read_columns: list[list[str]] = []
    real = pq.ParquetFile.iter_batches

    def noted(file: pq.ParquetFile, *, columns: list[str], **settings: object) -> Iterator[pa.RecordBatch]:
        read_columns.append(columns)
        return real(file, columns=columns, **settings)  # type: ignore[no-any-return]

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", noted)
    read_for("signals", content, Universe(tuple(sorted(ids)), {}), "7.parquet")
    assert read_columns == [["ticker", "signal"]]


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.struct([("a", pa.string())]), pa.float64()])
def test_ids_that_are_no_text_are_refused_before_they_are_unpacked(
    kind: pa.DataType, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = arrow_bytes(id=pa.nulls(2, kind), prediction=[0.5, 0.5])
    monkeypatch.delattr("pyarrow.parquet.ParquetFile.iter_batches")
    assert "expected text in the column id, found the type " in refusal(content)


def test_ids_in_categories_of_whole_numbers_are_their_digits() -> None:
    frame = pd.DataFrame({"id": pd.Categorical([12, 7]), "prediction": [0.5, 0.25]})
    assert read(parquet_bytes(frame), ("12", "7")).tolist() == [0.5, 0.25]


EXPECTED_NUMBERS = "expected numbers in the column prediction, found "
EXPECTED_BOUNDS = "expected predictions within [0, 1], found "
EXPECTED_COLUMNS = "expected the columns ['id', 'prediction'], found "


def with_prediction(text: str) -> bytes:
    return f"id,prediction\na,0.5\nb,{text}\n".encode()


BAD_CSV: list[tuple[bytes, str]] = [
    (b"", "expected a CSV or Parquet file, found an empty file"),
    (b"\n", EXPECTED_COLUMNS + "[]"),
    (bytes(range(128, 256)), "expected a CSV or Parquet file, found content that is neither ("),
    ("id,prediction\na,0.5\n".encode("utf-16"), "found content that is neither ("),
    (b'id,prediction\n"a,0.5\n', "found content that is neither (unexpected end of data)"),
    (b"id,forecast\na,0.5\nb,0.5\n", EXPECTED_COLUMNS + "['id', 'forecast']"),
    (b"a,0.5\nb,0.5\n", EXPECTED_COLUMNS + "['a', '0.5']"),
    (b"id;prediction\na;0.5\n", EXPECTED_COLUMNS + "['id;prediction']"),
    (b"id\na\nb\n", EXPECTED_COLUMNS + "['id']"),
    (b",id,prediction\n0,a,0.5\n1,b,0.5\n", EXPECTED_COLUMNS + "['', 'id', 'prediction']"),
    (b"id,prediction,prediction\na,0.5,0.5\n", EXPECTED_COLUMNS + "['id', 'prediction', 'prediction']"),
    (b"id,id\na,b\n", EXPECTED_COLUMNS + "['id', 'id']"),
    (b"ID,Prediction\na,0.5\n", EXPECTED_COLUMNS + "['ID', 'Prediction']"),
    (b"x" * 500 + b"\n1\n", "xxx...'"),
    (b"c," * 20 + b"c\n", "and 15 more"),
    (
        b"id,prediction\n0,a,0.5\n1,b,0.5\n",
        "expected 2 values in every row, found 3 in row 1 below the header",
    ),
    (b"id,prediction\na,0.5\nb\n", "expected 2 values in every row, found 1 in row 2 below the header"),
    (b"id,prediction\na,0.5,\nb,0.5,\n", "expected 2 values in every row, found 3 in row 1"),
    (b"id,prediction\n", "expected all 2 ids of the round, found missing ids: 2 (a, b)"),
    (b"id,prediction\na,0.5\n", "expected all 2 ids of the round, found missing ids: 1 (b)"),
    (b"id,prediction\na,0.5\na,0.5\nb,0.5\n", "expected each id once, found duplicate ids: 1 (a)"),
    (
        b"id,prediction\na,0.5\nb,0.5\nc,0.5\n",
        "expected only the 2 ids of the round, found unknown ids: 1 (c)",
    ),
    (b"id,prediction\na,0.5\nb ,0.5\n", "found unknown ids: 1 (b )"),
    (b"id,prediction\na,0.5\n,0.5\n", "expected an id in every row, found 1 rows without"),
    (b"id,prediction\na,0.5\nb\0,0.5\n", "found unknown ids: 1 (b\\x00)"),
    (with_prediction(""), EXPECTED_BOUNDS + "NaN for ids: 1 (b)"),
    (with_prediction("NaN"), EXPECTED_BOUNDS + "NaN for ids: 1 (b)"),
    (with_prediction("-nan"), EXPECTED_BOUNDS + "NaN for ids: 1 (b)"),
    (with_prediction("inf"), EXPECTED_BOUNDS + "infinity for ids: 1 (b)"),
    (with_prediction("-Infinity"), EXPECTED_BOUNDS + "infinity for ids: 1 (b)"),
    (with_prediction("1e999"), EXPECTED_BOUNDS + "infinity for ids: 1 (b)"),
    (with_prediction("1.0000000000000002"), EXPECTED_BOUNDS + "values outside for ids: 1 (b)"),
    (with_prediction("-5e-324"), EXPECTED_BOUNDS + "values outside for ids: 1 (b)"),
    (with_prediction("9" * 400), EXPECTED_BOUNDS + "infinity for ids: 1 (b)"),
    (with_prediction("1" * 30), EXPECTED_BOUNDS + "values outside for ids: 1 (b)"),
    (with_prediction("50%"), EXPECTED_NUMBERS + "other text: 1 (50% for b)"),
    (with_prediction("True"), EXPECTED_NUMBERS + "other text: 1 (True for b)"),
    (with_prediction("null"), EXPECTED_NUMBERS + "other text: 1 (null for b)"),
    (with_prediction("0_1"), EXPECTED_NUMBERS + "other text: 1 (0_1 for b)"),
    (with_prediction("０"), EXPECTED_NUMBERS + "other text: 1 (０ for b)"),
    (with_prediction("0x1p-1"), EXPECTED_NUMBERS + "other text: 1 (0x1p-1 for b)"),
    (with_prediction('"0,5"'), EXPECTED_NUMBERS + "other text: 1 (0,5 for b)"),
    (with_prediction("x" * 1000), EXPECTED_NUMBERS + "other text: 1 (" + "x" * 60 + "... for b)"),
    (with_prediction('"a\nb"'), EXPECTED_NUMBERS + "other text: 1 (a\\nb for b)"),
]


@pytest.mark.parametrize(("content", "reason"), BAD_CSV)
def test_a_bad_csv_is_refused_with_what_was_expected_and_found(content: bytes, reason: str) -> None:
    message = refusal(content, ("a", "b"))
    assert reason in message
    assert "\n" not in message
    assert len(message) < 400


AB = ["a", "b"]
BAD_PARQUET: list[tuple[bytes, str]] = [
    (b"PAR1", "expected a CSV or Parquet file, found content that is neither ("),
    (b"PAR1" + bytes(100) + b"PAR1", "found content that is neither ("),
    (arrow_bytes(id=AB, prediction=[0.5, 0.5])[:-20], "found content that is neither ("),
    (arrow_bytes(id=AB, forecast=[0.5, 0.5]), EXPECTED_COLUMNS + "['id', 'forecast']"),
    (arrow_bytes(id=AB), EXPECTED_COLUMNS + "['id']"),
    (
        arrow_bytes(id=AB, prediction=[0.5, 0.5], era=["1", "1"]),
        EXPECTED_COLUMNS + "['id', 'prediction', 'era']",
    ),
    (
        parquet_bytes(table(AB, [0.5, 0.5]).sample(frac=1, random_state=1), index=True),
        EXPECTED_COLUMNS + "['id', 'prediction', '__index_level_0__']",
    ),
    (arrow_bytes(id=AB, prediction=[True, False]), EXPECTED_NUMBERS + "the type bool"),
    (arrow_bytes(id=AB, prediction=["0.5", "0.5"]), EXPECTED_NUMBERS + "the type string"),
    (arrow_bytes(id=AB, prediction=pa.array([None, None])), EXPECTED_NUMBERS + "the type null"),
    (arrow_bytes(id=AB, prediction=[[0.5], [0.5]]), EXPECTED_NUMBERS + "the type list<"),
    (
        arrow_bytes(id=AB, prediction=pa.array([1, 0], pa.timestamp("s"))),
        EXPECTED_NUMBERS + "the type timestamp",
    ),
    (arrow_bytes(id=AB, prediction=[0.5, None]), EXPECTED_BOUNDS + "NaN for ids: 1 (b)"),
    (parquet_bytes(table(AB, pd.array([0.5, None], "Float64"))), EXPECTED_BOUNDS + "NaN for ids: 1 (b)"),
    (arrow_bytes(id=AB, prediction=pa.array([0, None], pa.int64())), EXPECTED_BOUNDS + "NaN for ids: 1 (b)"),
    (arrow_bytes(id=AB, prediction=[0.5, np.nan]), EXPECTED_BOUNDS + "NaN for ids: 1 (b)"),
    (arrow_bytes(id=AB, prediction=[0.5, -np.inf]), EXPECTED_BOUNDS + "infinity for ids: 1 (b)"),
    (arrow_bytes(id=AB, prediction=[0.5, 1.5]), EXPECTED_BOUNDS + "values outside for ids: 1 (b)"),
    (arrow_bytes(id=AB, prediction=pa.array([0, 2**63], pa.uint64())), EXPECTED_BOUNDS + "values outside"),
    (arrow_bytes(id=["a", None], prediction=[0.5, 0.5]), "expected an id in every row, found 1 rows without"),
    (arrow_bytes(id=["a", ""], prediction=[0.5, 0.5]), "expected an id in every row, found 1 rows without"),
    (
        arrow_bytes(id=[1.0, 2.0], prediction=[0.5, 0.5]),
        "expected text in the column id, found the type double",
    ),
    (
        arrow_bytes(id=[b"a", b"b"], prediction=[0.5, 0.5]),
        "expected text in the column id, found the type binary",
    ),
    (arrow_bytes(id=[1, 2], prediction=[0.5, 0.5]), "found unknown ids: 2 (1, 2)"),
    (arrow_bytes(id=["a"], prediction=[0.5]), "found missing ids: 1 (b)"),
    (arrow_bytes(id=["a", "a", "b"], prediction=[0.5, 0.5, 0.5]), "found duplicate ids: 1 (a)"),
    (arrow_bytes(id=["a", "b", "c"], prediction=[0.5, 0.5, 0.5]), "found unknown ids: 1 (c)"),
    (
        arrow_bytes(id=pa.array([], pa.string()), prediction=pa.array([], pa.float64())),
        "missing ids: 2 (a, b)",
    ),
]


@pytest.mark.parametrize(("content", "reason"), BAD_PARQUET)
def test_a_bad_parquet_file_is_refused_with_what_was_expected_and_found(content: bytes, reason: str) -> None:
    message = refusal(content, ("a", "b"))
    assert reason in message
    assert "\n" not in message


def test_a_message_names_three_offending_ids_and_counts_them_all() -> None:
    universe = tuple(f"id{row:02}" for row in range(10))
    message = refusal(b"id,prediction\nid00,0.5\n", universe)
    assert message.endswith("missing ids: 9 (id01, id02, id03, ...)")


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise_anything_but_a_refusal(content: bytes) -> None:
    for start in (b"", b"PAR1", b"id,prediction\n"):
        with pytest.raises(SubmissionRefused, match=re.escape("7.csv: expected ")):
            read(start + content)


@settings(max_examples=50)
@given(st.text(max_size=20))
def test_no_text_in_a_cell_raises_anything_but_a_refusal(text: str) -> None:
    for row in (f"{text},0.5", f"a,{text}"):
        with pytest.raises(SubmissionRefused):
            read(f"id,prediction\n{row}\n".encode(errors="surrogatepass"))


def entry(model: int, predictions: np.ndarray, universe: Sequence[str] = ("a", "b")) -> Submission:
    return Submission(model, predictions, content_hash(universe, predictions), "0x00", b"")


def test_submissions_are_held_ascending_and_once_a_model() -> None:
    one, two = entry(1, np.array([0.1, 0.2])), entry(2, np.array([0.3, 0.4]))
    assert Submissions(("a", "b"), (one, two)).model_ids == (1, 2)
    for wrong in ((two, one), (one, one)):
        with pytest.raises(ValueError, match="expected one submission a model, ascending, found the models"):
            Submissions(("a", "b"), wrong)


def test_all_predictions_are_one_matrix_a_row_a_model() -> None:
    one, two = entry(1, np.array([0.1, 0.2])), entry(2, np.array([0.3, 0.4]))
    assert Submissions(("a", "b"), (one, two)).matrix[:].tolist() == [[0.1, 0.2], [0.3, 0.4]]
    assert Submissions(("a", "b"), ()).matrix.shape == (0, 2)


@pytest.mark.parametrize("refused", [(), (1,), (2,), (1, 2)])
def test_the_root_commits_to_every_model_its_content_its_signature_and_its_verdict(
    refused: tuple[int, ...],
) -> None:
    one, two = entry(1, np.array([0.1, 0.2])), entry(2, np.array([0.3, 0.4]))
    leaves = [
        submission_leaf(
            each.model_id,
            each.content_hash,
            bytes(32),
            keccak(each.signature),
            is_valid=each.model_id not in refused,
        )
        for each in (one, two)
    ]
    assert Submissions(("a", "b"), (one, two)).root(refused) == merkle_root(leaves)
    assert Submissions(("a", "b"), ()).root(refused) == bytes(32)


def test_all_submissions_count_where_none_is_refused() -> None:
    one = entry(1, np.array([0.1, 0.2]))
    assert Submissions(("a", "b"), (one,)).root() == Submissions(("a", "b"), (one,)).root({2})


def test_predictions_other_than_those_hashed_are_told_by_model() -> None:
    one, two = entry(1, np.array([0.1, 0.2])), entry(2, np.array([0.3, 0.4]))
    changed = Submission(2, np.array([0.3, 0.5]), two.content_hash, "0x00", b"")
    assert Submissions(("a", "b"), (one, two)).wrong_hashes() == ()
    assert Submissions(("a", "b"), (one, changed)).wrong_hashes() == (2,)
    assert Submissions(("a", "c"), (one, two)).wrong_hashes() == (1, 2)
