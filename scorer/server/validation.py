"""Diagnostics of validation predictions: scores era by era, and their summaries."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scorer.scoring import (
    correlation_contribution,
    diagnostics,
    feature_neutral_corr,
    numerai_corr,
    score_by_era,
)
from scorer.scoring.series import Diagnostics
from scorer.server.data_sets import VALIDATION_FILE
from scorer.server.errors import ApiError
from scorer.server.exposures import OWN, FeatureRisks, Variant, dissimilarity, variants, with_variants
from scorer.server.ratings import ratings

EXAMPLE: Final = "validation_example_preds.parquet"
FEATURES: Final = "features.json"
SET: Final = "small"
"""The features that predictions are neutralised by, and whose exposures are looked at."""


@dataclass(frozen=True)
class ValidationSet:
    """The validation eras of a version of a data set.

    Attributes
    ----------
    eras, target
        By id.
    features
        Those of the small set, by id.
    example
        The example predictions by id; None where the version has none.
    """

    eras: pd.Series
    target: pd.Series
    features: pd.DataFrame
    example: pd.Series | None

    @classmethod
    def read(cls, folder: Path) -> "ValidationSet":
        """Read the set of a version.

        Raises
        ------
        ApiError
            When the version has none, in the form of Classic's data.
        """
        try:
            names = json.loads((folder / FEATURES).read_bytes())["feature_sets"][SET]
            table = pd.read_parquet(folder / VALIDATION_FILE, columns=["era", "target", *names])
            if table.index.name != "id":
                table = pd.read_parquet(
                    folder / VALIDATION_FILE, columns=["id", "era", "target", *names]
                ).set_index("id")
        except (OSError, KeyError, ValueError) as error:
            raise ApiError(
                "diagnostics: expected a data set with validation eras in the form of Classic's, found "
                f"none ({type(error).__name__})"
            ) from None
        table = table[table["target"].notna()].sort_index()
        example = None
        if (folder / EXAMPLE).is_file():
            found = pd.read_parquet(folder / EXAMPLE)
            example = (found if found.index.name == "id" else found.set_index("id"))["prediction"]
            example = example.reindex(table.index)
        return cls(table["era"], table["target"].astype("float64"), table[names].astype("float64"), example)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, sorted, which predictions must have."""
        return tuple(map(str, self.eras.index))

    def diagnose(self, values: NDArray[np.float64]) -> dict[str, Any]:
        """Return the document of diagnostics of predictions in the order of the ids."""
        predictions = pd.DataFrame({OWN: values}, index=self.eras.index)
        risks = FeatureRisks.of(predictions, self.features, self.target, self.eras)
        chosen = variants(risks.ranked())
        scores = self._scores(with_variants(predictions, self.features, self.eras, chosen))
        by_era = {name: found[OWN].astype("float64") for name, found in scores.items()}
        by_era["validationFeatureCorrMax"] = risks.largest
        document = _document(by_era)
        if self.example is not None:
            found = dissimilarity(predictions, self.example, self.features, self.eras)
            document["exposureDissimilarity"] = found
        counterfactuals = [_counterfactual(scores, variant) for variant in chosen]
        return {**document, "exposures": risks.documents(), "counterfactuals": counterfactuals}

    def _scores(self, predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return scores by name: eras by columns of predictions."""

        def scored(score: Callable[..., pd.Series], *others: Any) -> pd.DataFrame:
            return score_by_era(score, self.eras, predictions, *others)

        found = {
            "validationCorr": scored(numerai_corr, self.target),
            "validationFeatureNeutralCorr": scored(feature_neutral_corr, self.features, self.target),
        }
        if self.example is not None:
            found["validationMmc"] = scored(correlation_contribution, self.example, self.target)
            found["examplePredsCorr"] = scored(_correlation, self.example)
        return found


def _counterfactual(scores: Mapping[str, pd.DataFrame], variant: Variant) -> dict[str, Any]:
    """Return what the scores of a variant were, beside those of the predictions as they are."""
    names = {"corr": "validationCorr", "mmc": "validationMmc", "fnc": "validationFeatureNeutralCorr"}
    document: dict[str, Any] = {
        "name": variant.name,
        "features": list(variant.features) if len(variant.features) == 1 else [],
        "share": variant.share,
    }
    for short, name in names.items():
        found = scores.get(name)
        for column, suffix in ((OWN, "Before"), (variant.name, "Mean")):
            value = None if found is None else _finite(found[column].astype("float64").mean())
            document[f"{short}{suffix}"] = value
    corr = scores["validationCorr"][variant.name].astype("float64")
    deviation = corr.std(ddof=0)
    document["corrSharpe"] = _finite(corr.mean() / deviation) if deviation else None
    return document


def _correlation(predictions: pd.DataFrame, other: pd.Series) -> pd.Series:
    return predictions.corrwith(other)


def _document(by_era: dict[str, "pd.Series[float]"]) -> dict[str, Any]:
    corr, mmc = by_era["validationCorr"], by_era.get("validationMmc")
    neutral, exposure = by_era["validationFeatureNeutralCorr"], by_era["validationFeatureCorrMax"]
    eras = [
        {"era": str(era), **_twins({name: _finite(series[era]) for name, series in by_era.items()})}
        for era in corr.index
    ]
    document = {
        "erasAcceptedCount": len(eras),
        "perEraDiagnostics": eras,
        **_summary("validationCorr", corr),
        **_summary("validationCorrV4", corr),
        "validationFeatureNeutralCorrMean": _finite(neutral.mean()),
        "validationFeatureNeutralCorrV3Mean": _finite(neutral.mean()),
        **_summary("validationFncV4", neutral),
        "validationFeatureCorrMax": _finite(exposure.max()),
    }
    found = _finished(corr)
    if found is not None:
        document |= {
            "validationMaxDrawdown": -found.max_drawdown,
            "validationAdjustedSharpe": _finite(found.adjusted_sharpe),
            "validationApy": _finite(found.apy),
            "validationAutocorr": _finite(found.autocorrelation),
        }
    if mmc is not None:
        document |= _summary("validationMmc", mmc) | _summary("validationCorrPlusMmc", corr + mmc)
        document["validationBmcMean"] = _finite(mmc.mean())
        correlation = _finite(by_era["examplePredsCorr"].mean())
        document |= dict.fromkeys(("examplePredsCorrMean", "validationCorrCorrWExamplePreds"), correlation)
    return document | ratings(document)


def _twins(row: dict[str, float | None]) -> dict[str, float | None]:
    """Return an era's scores under all names by which clients know them."""
    names = {
        "validationCorrV4": "validationCorr",
        "validationFeatureNeutralCorrV3": "validationFeatureNeutralCorr",
        "validationFncV4": "validationFeatureNeutralCorr",
        "validationBmc": "validationMmc",
    }
    return row | {twin: row[name] for twin, name in names.items() if name in row}


def _finished(scores: "pd.Series[float]") -> Diagnostics | None:
    return diagnostics(scores) if scores.notna().any() else None


def _summary(name: str, scores: "pd.Series[float]") -> dict[str, float | None]:
    """Return mean, standard deviation, sharpe and drawdown under the names that clients know."""
    found = _finished(scores)
    if found is None:
        return {}
    return {
        f"{name}Mean": _finite(found.mean),
        f"{name}Std": _finite(found.std),
        f"{name}Sharpe": _finite(found.sharpe),
        f"{name}MaxDrawdown": -found.max_drawdown,
    }


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
