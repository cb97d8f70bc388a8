"""The formulas of scores in words, as the functions that compute them say."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from scorer import scoring
from scorer.redaction import shown
from scorer.server.errors import ApiError

FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "alpha": scoring.alpha,
    "bmc": scoring.correlation_contribution,
    "corr": scoring.numerai_corr,
    "cwmm": scoring.corr_with_meta_model,
    "fnc": scoring.feature_neutral_corr,
    "mmc": scoring.correlation_contribution,
    "mpc": scoring.meta_portfolio_contribution,
    "tc": scoring.true_contribution,
}
"""The function of each score, by its name in rules documents."""


def formula_of(score: str) -> dict[str, str]:
    """Return what a score is, and where it is computed.

    Raises
    ------
    ApiError
        When there is no score of this name.
    """
    function = FUNCTIONS.get(score.lower().partition("_")[0])
    if function is None:
        raise ApiError(f"score: expected one of {', '.join(FUNCTIONS)}, found {shown(score)}")
    text = inspect.getdoc(function) or ""
    return {
        "score": score,
        "formula": text.partition("\nParameters\n")[0].strip(),
        "function": f"scorer.scoring.{function.__name__}",
    }
