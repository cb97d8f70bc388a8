"""Feature exposures of predictions and of meta models, their risk, and what the scores were without them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scorer.scoring import (
    exposure_dissimilarity,
    feature_exposures,
    gaussian,
    neutralize,
    numerai_corr,
    score_by_era,
    tie_kept_rank,
)
from scorer.server.meta_models import MetaModelExposure

OWN: Final = "own"
"""The column of the predictions as they are."""
MOST_FEATURES: Final = 20
"""Features that are listed, the most dangerous first."""
MOST_SINGLE: Final = 5
"""Features without each of which the scores are computed."""
SHARES: Final = (0.5, 1.0)
"""Shares of all features' exposures without which the scores are computed."""
AT_ONCE: Final = 64
"""Features that are multiplied out at once: all thousands of a data set would not fit in memory."""


def meta_model_exposures(meta_model: pd.Series, features: pd.DataFrame) -> list[MetaModelExposure]:
    """Return the exposures of a meta model, the largest in size first, and equal ones by name.

    `scorer.server.meta_models.MetaModelExposures.exposures` has those of a settled round.

    Parameters
    ----------
    meta_model
        By id, without NaN.
    features
        The same ids by features, without NaN; a constant feature has no exposure, and is left out.
    """
    frame, found = meta_model.to_frame("meta_model"), list[MetaModelExposure]()
    for start in range(0, features.shape[1], AT_ONCE):
        block = features.iloc[:, start : start + AT_ONCE].astype("float64")
        exposures = feature_exposures(frame, block).iloc[0].dropna()
        found += [MetaModelExposure(str(name), float(value)) for name, value in exposures.items()]
    return sorted(found, key=lambda each: (-abs(each.exposure), each.feature))


def exposures_by_id(
    ids: Sequence[str], meta_model: NDArray[np.float64], features: dict[str, NDArray[Any]] | pd.DataFrame
) -> list[MetaModelExposure]:
    """Return `meta_model_exposures` of values in the order of `ids`, shape (ids,) each."""
    index = list(ids)
    return meta_model_exposures(pd.Series(meta_model, index), pd.DataFrame(features, index))


@dataclass(frozen=True)
class FeatureRisks:
    """The exposures of predictions to features, era by era, and what these features paid.

    A feature's risk is the size of the mean exposure to it, times the standard deviation of its own CORR
    from era to era: how much of the scores' swings would come from it alone.

    Attributes
    ----------
    exposures, payoffs
        Eras by features: correlation of the predictions with the feature, and the feature's own CORR.
    """

    exposures: pd.DataFrame
    payoffs: pd.DataFrame

    @classmethod
    def of(
        cls, predictions: pd.DataFrame, features: pd.DataFrame, target: pd.Series, eras: pd.Series
    ) -> "FeatureRisks":
        """Measure the exposures of one column of predictions."""
        groups = eras.groupby(eras).groups.items()
        found = {
            era: feature_exposures(predictions.loc[ids], features.loc[ids]).iloc[0] for era, ids in groups
        }
        return cls(pd.DataFrame(found).T, score_by_era(numerai_corr, eras, features, target))

    @property
    def largest(self) -> "pd.Series[float]":
        """The size of the largest exposure, by era."""
        return self.exposures.abs().max(axis=1)

    def ranked(self) -> list[str]:
        """Return the features, the most dangerous first; equals in the order of their names."""
        risks = self._risks()
        return sorted(risks.index, key=lambda name: (-risks[name], name))

    def _risks(self) -> "pd.Series[float]":
        risks: pd.Series[float] = (self.exposures.mean().abs() * self.payoffs.std(ddof=0)).fillna(0.0)
        return risks

    def documents(self) -> list[dict[str, Any]]:
        """Return the most dangerous features with their numbers."""
        risks, columns = self._risks(), (self.exposures, self.payoffs)
        return [
            {
                "feature": name,
                "risk": float(risks[name]),
                **_moments("exposure", columns[0][name]),
                **_moments("payoff", columns[1][name]),
            }
            for name in self.ranked()[:MOST_FEATURES]
        ]


def _moments(name: str, values: "pd.Series[float]") -> dict[str, float | None]:
    numbers = values.mean(), values.std(ddof=0)
    mean, deviation = (float(number) if np.isfinite(number) else None for number in numbers)
    return {f"{name}Mean": mean, f"{name}Std": deviation}


@dataclass(frozen=True)
class Variant:
    """Predictions that were neutralised: what they are called, by which features, and by how much."""

    name: str
    features: Sequence[str]
    share: float


def variants(ranked: Sequence[str]) -> list[Variant]:
    """Return the variants of predictions that are scored beside them, from features by their danger."""
    single = [Variant(f"without {name}", (name,), 1.0) for name in ranked[:MOST_SINGLE]]
    return [*single, *(Variant(f"without {share:.0%} of all features", ranked, share) for share in SHARES)]


def with_variants(
    predictions: pd.DataFrame, features: pd.DataFrame, eras: pd.Series, chosen: Sequence[Variant]
) -> pd.DataFrame:
    """Return predictions with a column for each variant: gaussian ranks, neutralised era by era."""
    columns = {OWN: predictions.iloc[:, 0]}
    groups = list(eras.groupby(eras).groups.values())
    ranks = pd.concat([gaussian(tie_kept_rank(predictions.loc[ids])) for ids in groups])
    for variant in chosen:
        parts = [
            neutralize(ranks.loc[ids], features.loc[ids, list(variant.features)], variant.share).iloc[:, 0]
            for ids in groups
        ]
        columns[variant.name] = pd.concat(parts)
    return pd.DataFrame(columns).reindex(predictions.index)


def dissimilarity(
    predictions: pd.DataFrame, example: pd.Series, features: pd.DataFrame, eras: pd.Series
) -> float | None:
    """Return how unlike an example's the exposures are, the mean of eras; None where no era can say."""
    found = [
        float(exposure_dissimilarity(predictions.loc[ids], example.loc[ids], features.loc[ids]).iloc[0])
        for ids in eras.groupby(eras).groups.values()
    ]
    finite = [value for value in found if np.isfinite(value)]
    return sum(finite) / len(finite) if finite else None
