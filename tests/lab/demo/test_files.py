import io

import pandas as pd
import pytest

from scorer.data.rounds import Rebuilder
from scorer.lab.demo.dataset import Era
from scorer.lab.demo.files import (
    BrokenKind,
    FileFormat,
    broken_file,
    broken_kind_of,
    evenly_spread,
    write_submission,
)
from scorer.lab.demo.strategies import FeatureSets, Strategy, demo_strategies
from scorer.submission.reader import read_submission
from scorer.submission.table import SubmissionRefused

REASONS = {
    BrokenKind.UNREADABLE: "neither",
    BrokenKind.EMPTY: "an empty file",
    BrokenKind.MISSING_IDS: "missing ids",
    BrokenKind.DUPLICATE_IDS: "duplicate ids",
    BrokenKind.UNKNOWN_IDS: "unknown ids",
    BrokenKind.NAN: "NaN",
    BrokenKind.INFINITY: "infinity",
    BrokenKind.OUT_OF_RANGE: "values outside",
    BrokenKind.WRONG_COLUMNS: "forecast",
}


@pytest.fixture
def strategies(rebuilder: Rebuilder, sets: FeatureSets) -> tuple[Strategy, ...]:
    return demo_strategies(rebuilder.known[-9:], sets)


@pytest.mark.parametrize("kind", list(BrokenKind))
def test_a_broken_file_is_refused_for_what_is_wrong_with_it(kind: BrokenKind, eras: tuple[Era, ...]) -> None:
    ids = eras[0].ids
    with pytest.raises(SubmissionRefused, match=REASONS[kind]):
        read_submission(broken_file(kind, ids), list(ids), "broken.csv")


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_good_file_reads_back_as_it_was_predicted(file_format: FileFormat, eras: tuple[Era, ...]) -> None:
    era = eras[0]
    predicted = (0.9 * era.features["feature_beta_252"] + 0.05).rename("prediction")
    content = write_submission(predicted, file_format)
    assert read_submission(content, list(era.ids), f"good.{file_format}") == pytest.approx(
        predicted.to_numpy(), abs=1e-15
    )


def test_the_table_that_broken_files_start_from_is_itself_valid(eras: tuple[Era, ...]) -> None:
    ids = eras[0].ids
    read_submission(evenly_spread(ids).to_csv(index=False).encode(), list(ids), "good.csv")


def test_nine_weeks_in_a_row_show_every_kind() -> None:
    assert {broken_kind_of(number) for number in range(100, 109)} == set(BrokenKind)


def test_the_broken_model_never_sends_a_valid_file(
    eras: tuple[Era, ...], strategies: tuple[Strategy, ...]
) -> None:
    broken = next(strategy for strategy in strategies if strategy.sends_broken_files)
    for era in eras[-9:]:
        content = broken.submission(eras, era)
        assert content is not None
        with pytest.raises(SubmissionRefused):
            read_submission(content, list(era.ids), "broken.csv")


def test_every_other_model_sends_only_valid_files(
    eras: tuple[Era, ...], strategies: tuple[Strategy, ...]
) -> None:
    era = eras[39]
    for strategy in strategies:
        content = strategy.submission(eras[:34], era)
        if not strategy.sends_broken_files:
            assert content is not None
            read_submission(content, list(era.ids), strategy.name)


def test_a_parquet_model_sends_parquet(eras: tuple[Era, ...], strategies: tuple[Strategy, ...]) -> None:
    strategy = next(each for each in strategies if each.file_format == "parquet")
    content = strategy.submission((), eras[0])
    assert content is not None
    assert list(pd.read_parquet(io.BytesIO(content)).columns) == ["id", "prediction"]
