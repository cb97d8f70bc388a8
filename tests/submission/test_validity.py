"""The three tournaments' rules for submissions, held against numerai_tools' own functions."""

import io
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numerai_tools import submissions as reference
from numpy.typing import NDArray

from scorer.submission.reader import read_for
from scorer.submission.table import SubmissionRefused
from scorer.submission.validity import VALIDITY, Universe

IDS = tuple(f"T{number:03}" for number in range(150))
BLOOMBERG = tuple(None if number % 10 == 7 else f"{each} US" for number, each in enumerate(IDS))
Frame = pd.DataFrame
Spoil = Callable[[Frame, random.Random], Frame]


def universe(kind: str) -> Universe:
    if kind == "signals":
        return Universe(IDS, {"numerai_ticker": IDS, "bloomberg_ticker": BLOOMBERG})
    return Universe(IDS, {})


def csv(frame: Frame) -> bytes:
    return frame.to_csv(index=False).encode()


def good(kind: str, seed: int = 1, id_column: str | None = None) -> Frame:
    column = id_column or {"classic": "id", "signals": "numerai_ticker", "crypto": "symbol"}[kind]
    stream = random.Random(seed)
    ids = [each for each in (BLOOMBERG if column == "bloomberg_ticker" else IDS) if each is not None]
    stream.shuffle(ids)
    values = [round(stream.random(), 2) for _ in ids]
    return pd.DataFrame({column: ids, "prediction": values})


def of_reference(kind: str, frame: Frame) -> NDArray[np.float64]:
    """The incumbent's validation and cleaning, on the universe's own ids; AssertionError for a refusal."""
    frame = frame.copy()
    if kind == "classic":
        ids = pd.Series(IDS, name="id")
        column, values, kept, _ = reference.validate_submission_numerai(ids, frame)
        known = pd.DataFrame({"id": IDS})
        return reference.clean_submission(known, kept, column, values).to_numpy()
    if kind == "signals":
        known = pd.DataFrame({"numerai_ticker": IDS, "bloomberg_ticker": BLOOMBERG})
        column, values, _, kept, _ = reference.validate_submission_signals(known, frame)
        cleaned = reference.clean_submission(
            known, kept[[column, values]], column, values, dst_id_col="numerai_ticker", rank_and_fill=True
        )
        return cleaned.to_numpy()
    known = pd.DataFrame({"symbol": IDS})
    column, values, kept, _ = reference.validate_submission_crypto(known, frame)
    return reference.clean_submission(known, kept, column, values, rank_and_fill=True).to_numpy()


def drop_some(frame: Frame, stream: random.Random) -> Frame:
    return frame.iloc[: stream.choice([1, 99, 100, 101, 149])]


def repeat_one(frame: Frame, stream: random.Random) -> Frame:
    return pd.concat([frame, frame.iloc[[stream.randrange(len(frame))]]])


def add_stranger(frame: Frame, stream: random.Random) -> Frame:
    return pd.concat([frame, pd.DataFrame([["stranger", stream.random()]], columns=frame.columns)])


def add_two_equal_strangers(frame: Frame, stream: random.Random) -> Frame:
    return add_stranger(add_stranger(frame, stream), stream)


def put(value: float) -> Spoil:
    def change(frame: Frame, stream: random.Random) -> Frame:
        return frame.assign(
            prediction=np.where(
                np.arange(len(frame)) == stream.randrange(len(frame)), value, frame["prediction"]
            )
        )

    return change


def make_constant(frame: Frame, stream: random.Random) -> Frame:
    return frame.assign(prediction=stream.choice([0.0, 0.5, 1.0]))


def make_two_valued(frame: Frame, stream: random.Random) -> Frame:
    return frame.assign(prediction=(np.arange(len(frame)) % 2).astype(float))


def swap_columns(frame: Frame, stream: random.Random) -> Frame:
    return frame[[*frame.columns[::-1]]]


def rename_prediction(frame: Frame, stream: random.Random) -> Frame:
    return frame.rename(columns={"prediction": stream.choice(["signal", "probability", "score"])})


def rename_id(frame: Frame, stream: random.Random) -> Frame:
    return frame.rename(
        columns={frame.columns[0]: stream.choice(["id", "symbol", "cusip", "bloomberg_ticker"])}
    )


def add_column(frame: Frame, stream: random.Random) -> Frame:
    return frame.assign(**{stream.choice(["date", "data_type", "friday_date", "extra"]): "live"})


SPOILERS: dict[str, Spoil] = {
    "nothing": lambda frame, stream: frame,
    "drop some": drop_some,
    "repeat one": repeat_one,
    "stranger": add_stranger,
    "two equal strangers": add_two_equal_strangers,
    "NaN": put(float("nan")),
    "infinity": put(float("inf")),
    "zero": put(0.0),
    "one": put(1.0),
    "a hair below zero": put(-1e-9),
    "a hair above one": put(1 + 1e-9),
    "below zero": put(-0.01),
    "above one": put(1.01),
    "constant": make_constant,
    "two values": make_two_valued,
    "swap columns": swap_columns,
    "rename prediction": rename_prediction,
    "rename id": rename_id,
    "add column": add_column,
}


def outcome(read: Callable[[], NDArray[np.float64]], refusal: type[Exception]) -> Any:
    try:
        return read().tolist()
    except refusal:
        return "refused"


@pytest.mark.parametrize("spoiler", SPOILERS)
@pytest.mark.parametrize("kind", VALIDITY)
def test_a_file_is_taken_as_the_incumbent_takes_it_and_gives_the_same_predictions(
    kind: str, spoiler: str
) -> None:
    for seed in range(8):
        frame = SPOILERS[spoiler](good(kind, seed), random.Random(seed))
        as_read = pd.read_csv(io.BytesIO(csv(frame)))
        expected = outcome(lambda f=as_read: of_reference(kind, f), AssertionError)  # type: ignore[misc]
        found = outcome(lambda f=frame: read_for(kind, csv(f), universe(kind), "f.csv"), SubmissionRefused)  # type: ignore[misc]
        if expected == "refused" or found == "refused":
            assert found == expected, (seed, frame.columns)
        else:
            assert found == pytest.approx(np.clip(expected, 0, 1), abs=1e-15)


def test_some_of_these_files_are_taken_and_some_refused() -> None:
    for kind in VALIDITY:
        outcomes = {
            isinstance(
                outcome(
                    lambda s=spoil, k=kind: read_for(k, csv(s(good(k), random.Random(1))), universe(k), "f"),  # type: ignore[misc]
                    SubmissionRefused,
                ),
                list,
            )
            for spoil in SPOILERS.values()
        }
        assert outcomes == {True, False}


def test_other_names_of_the_ids_are_mapped_and_those_without_get_a_half() -> None:
    frame = good("signals", id_column="bloomberg_ticker")
    found = read_for("signals", csv(frame), universe("signals"), "f.csv")
    expected = of_reference("signals", frame)
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-15)
    assert {found[row] for row, each in enumerate(BLOOMBERG) if each is None} == {0.5}


def test_two_ids_that_share_a_name_get_the_same_prediction() -> None:
    ids = tuple(f"id{number:03}" for number in range(120))
    shared = Universe(ids, {"ticker": [f"T{number // 2:03}" for number in range(240)][:120]})
    frame = pd.DataFrame({"ticker": [f"T{n:03}" for n in range(60)], "signal": np.arange(60) / 60})
    with pytest.raises(
        SubmissionRefused, match="expected at least 100 ids of the round's universe, found 60"
    ):
        read_for("signals", csv(frame), shared, "f.csv")
    wide = Universe(tuple(f"id{n:03}" for n in range(240)), {"ticker": [f"T{n // 2:03}" for n in range(240)]})
    frame = pd.DataFrame({"ticker": [f"T{n:03}" for n in range(120)], "signal": np.arange(120) / 120})
    found = read_for("signals", csv(frame), wide, "f.csv")
    assert found[::2].tolist() == found[1::2].tolist()
    assert (np.diff(found[::2]) > 0).all()


def test_a_column_of_ids_that_the_universe_does_not_have_is_refused_by_name() -> None:
    frame = good("signals").rename(columns={"numerai_ticker": "sedol"})
    with pytest.raises(
        SubmissionRefused,
        match="expected ids in one of the columns numerai_ticker, bloomberg_ticker, found the column sedol",
    ):
        read_for("signals", csv(frame), universe("signals"), "f.csv")


def test_parquet_and_csv_give_the_same_predictions() -> None:
    frame = good("crypto")
    parquet = frame.to_parquet(None, index=False)
    one, other = (read_for("crypto", content, universe("crypto"), "f") for content in (csv(frame), parquet))
    assert one.tobytes() == other.tobytes()


def test_without_a_kind_a_file_has_exactly_the_universe() -> None:
    frame = good("classic")
    assert read_for(None, csv(frame), universe("classic"), "f").tolist() == (
        frame.set_index("id")["prediction"].reindex(list(IDS)).tolist()
    )
    with pytest.raises(SubmissionRefused, match="unknown ids"):
        read_for(None, csv(add_stranger(frame, random.Random(1))), universe("classic"), "f")


def test_refusals_say_what_was_expected() -> None:
    with pytest.raises(SubmissionRefused) as refusal:
        read_for(
            "signals", csv(swap_columns(good("signals"), random.Random(1))), universe("signals"), "f.csv"
        )
    assert str(refusal.value) == (
        "f.csv: expected the columns "
        "[ticker or sedol or bloomberg_ticker or composite_figi or numerai_ticker] "
        "and [prediction or signal], in this order, found ['prediction', 'numerai_ticker']"
    )
