"""Diagnostics: exposures, the risk of features, and what scores were without them, as document and page."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from scorer.cli import app
from scorer.scoring import (
    correlation_contribution,
    exposure_dissimilarity,
    feature_exposures,
    gaussian,
    neutralize,
    numerai_corr,
    tie_kept_rank,
)
from scorer.server.diagnosis_report import report_page
from scorer.server.ratings import SCALES, ratings
from scorer.server.validation import ValidationSet
from tests.server.test_session import FEATURES, validation


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    validation(folder)
    return folder / "v1.0"


@pytest.fixture(scope="module")
def known(data: Path) -> ValidationSet:
    return ValidationSet.read(data)


@pytest.fixture(scope="module")
def predictions(known: ValidationSet) -> "pd.Series[float]":
    """Predictions that rest on the second feature above all, and a little on the fourth."""
    noise = np.random.default_rng(5).random(len(known.eras))
    return (0.5 * known.features[FEATURES[1]] + 0.1 * known.features[FEATURES[3]] + noise) / 4


@pytest.fixture(scope="module")
def document(known: ValidationSet, predictions: "pd.Series[float]") -> dict[str, Any]:
    return known.diagnose(np.asarray(predictions, "float64"))


def by_era(known: ValidationSet, score: Callable[[Any], Any]) -> "pd.Series[float]":
    return pd.Series({era: score(ids) for era, ids in known.eras.groupby(known.eras).groups.items()})


def test_exposures_and_their_risk_are_those_of_the_features(
    known: ValidationSet, predictions: "pd.Series[float]", document: dict[str, Any]
) -> None:
    first = document["exposures"][0]
    assert first["feature"] == FEATURES[1]
    name = FEATURES[1]
    frame: Any = predictions.to_frame()
    features: Any = known.features
    exposure = by_era(
        known, lambda ids: feature_exposures(frame.loc[ids], features.loc[ids, [name]]).iloc[0, 0]
    )
    payoff = by_era(
        known, lambda ids: numerai_corr(known.features.loc[ids, [name]], known.target.loc[ids]).iloc[0]
    )
    assert first["exposureMean"] == pytest.approx(exposure.mean(), abs=1e-12)
    assert first["payoffStd"] == pytest.approx(payoff.std(ddof=0), abs=1e-12)
    assert first["risk"] == pytest.approx(abs(exposure.mean()) * payoff.std(ddof=0), abs=1e-12)
    assert {row["feature"] for row in document["exposures"]} == set(FEATURES)
    assert [row["risk"] for row in document["exposures"]] == sorted(
        (row["risk"] for row in document["exposures"]), reverse=True
    )


@pytest.mark.parametrize("place", [0, -2, -1], ids=("one feature", "half of all", "all"))
def test_counterfactuals_are_the_scores_of_neutralised_predictions(
    known: ValidationSet, predictions: "pd.Series[float]", document: dict[str, Any], place: int
) -> None:
    found = document["counterfactuals"][place]
    names = found["features"] or FEATURES
    assert (found["share"], len(names)) == [(1.0, 1), (0.5, 5), (1.0, 5)][(0, -2, -1).index(place)]

    def neutral(ids: pd.Index) -> pd.DataFrame:
        ranks = gaussian(tie_kept_rank(predictions.loc[ids].to_frame()))
        return neutralize(ranks, known.features.loc[ids, names], found["share"])

    assert known.example is not None
    example = known.example
    corr = by_era(known, lambda ids: numerai_corr(neutral(ids), known.target.loc[ids]).iloc[0])
    mmc = by_era(
        known,
        lambda ids: correlation_contribution(neutral(ids), example.loc[ids], known.target.loc[ids]).iloc[0],
    )
    assert found["corrMean"] == pytest.approx(corr.mean(), abs=1e-12)
    assert found["mmcMean"] == pytest.approx(mmc.mean(), abs=1e-12)
    assert found["corrBefore"] == document["validationCorrMean"]
    assert found["fncBefore"] == document["validationFeatureNeutralCorrMean"]


def test_the_dissimilarity_is_zero_for_the_example_s_own_exposures(
    known: ValidationSet, predictions: "pd.Series[float]", document: dict[str, Any]
) -> None:
    assert known.example is not None
    own = known.diagnose(known.example.to_numpy())
    assert own["exposureDissimilarity"] == pytest.approx(0, abs=1e-12)
    example: Any = known.example
    frame: Any = predictions.to_frame()
    features: Any = known.features
    expected = by_era(
        known,
        lambda ids: exposure_dissimilarity(frame.loc[ids], example.loc[ids], features.loc[ids]).iloc[0],
    )
    assert document["exposureDissimilarity"] == pytest.approx(expected.mean(), abs=1e-12)


def test_a_constant_has_no_scores_and_no_exposures(known: ValidationSet) -> None:
    found = known.diagnose(np.full(len(known.eras), 0.5))
    assert {row["corrMean"] for row in found["counterfactuals"]} == {None}
    assert {row["exposureMean"] for row in found["exposures"]} == {None}
    assert "–" in report_page(found, "a constant")


def test_ratings_lie_between_the_poor_and_the_excellent_number(document: dict[str, Any]) -> None:
    for name, (poor, excellent) in SCALES.items():
        assert ratings({name: poor}) == {f"{name}Rating": 0.0}
        assert ratings({name: excellent}) == {f"{name}Rating": 1.0}
        assert ratings({name: (poor + excellent) / 2})[f"{name}Rating"] == pytest.approx(0.5)
        assert ratings({name: 2 * excellent - poor}) == {f"{name}Rating": 1.0}
        assert 0 <= document[f"{name}Rating"] <= 1
    assert ratings({"validationCorrMean": None}) == {}


class Tags(HTMLParser):
    """Notes a page's tags, and refuses any that is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen, self.open, self.text = list[str](), list[str](), ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_runs_nothing(document: dict[str, Any]) -> None:
    evil = "<script>alert(1)</script>"
    changed = {**document, "exposures": [{**document["exposures"][0], "feature": evil}]}
    page, tags = report_page(changed, f"of {evil}"), Tags()
    tags.feed(page)
    assert tags.open == []
    assert not {"script", "img", "link", "iframe"} & set(tags.seen)
    assert "http" not in page
    assert tags.seen.count("rect") == document["erasAcceptedCount"]
    assert tags.seen.count("polyline") == 2
    assert evil in tags.text
    assert f"{document['validationCorrSharpe']:.4f}" in tags.text


def test_the_command_says_the_same_and_writes_the_page(
    data: Path, predictions: "pd.Series[float]", document: dict[str, Any], tmp_path: Path
) -> None:
    file, page = tmp_path / "mine.csv", tmp_path / "mine.html"
    predictions.rename("prediction").to_frame().to_csv(file)
    asked = ["diagnose", str(file), "--data", str(data), "--html", str(page)]
    as_json = CliRunner().invoke(app, [*asked, "--json"])
    assert as_json.exit_code == 0, as_json.output
    assert json.loads(as_json.stdout) == document
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 0
    assert f"without {FEATURES[1]}" in shown.output
    assert page.read_text() == report_page(document, "Diagnostics of mine.csv")
    predictions.iloc[:9].rename("prediction").to_frame().to_csv(file)
    refused = CliRunner().invoke(app, asked)
    assert refused.exit_code == 1
    assert "expected at least 720 ids" in refused.output
