"""Ratings of diagnostics from 0 to 1: where a number lies between a poor and an excellent one."""

from collections.abc import Mapping
from typing import Any, Final

SCALES: Final[Mapping[str, tuple[float, float]]] = {
    "validationCorrMean": (0.0, 0.04),
    "validationCorrSharpe": (0.0, 1.5),
    "validationCorrStd": (0.06, 0.02),
    "validationMaxDrawdown": (-0.5, -0.05),
    "validationFeatureNeutralCorrMean": (0.0, 0.03),
    "validationFeatureNeutralCorrV3Mean": (0.0, 0.03),
    "validationFeatureCorrMax": (0.4, 0.1),
    "validationMmcMean": (0.0, 0.02),
    "validationMmcSharpe": (0.0, 1.2),
    "validationMmcStd": (0.05, 0.015),
    "validationCorrPlusMmcMean": (0.0, 0.06),
    "validationCorrPlusMmcSharpe": (0.0, 1.5),
    "validationCorrPlusMmcStd": (0.1, 0.03),
}
"""The poor and the excellent number of each field that has a rating: a convention of ours."""


def ratings(document: Mapping[str, Any]) -> dict[str, float]:
    """Return the rating of every number of a document that has one, by the field's name."""
    return {
        f"{name}Rating": min(1.0, max(0.0, (document[name] - poor) / (excellent - poor)))
        for name, (poor, excellent) in SCALES.items()
        if document.get(name) is not None
    }
