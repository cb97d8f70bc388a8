"""Who may stake, by how steady its submissions are: churn, turnover, and a submission in the week before.

Gates decide on the operator's side which positions are locked; a submission that is gated out is scored all
the same. Churn and turnover are those of ``numerai_tools.signals`` 0.7.2.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from scorer.rounds.rules import Gates
from scorer.rounds.submissions import Submissions
from scorer.rounds.tables import NEUTRAL_CHURN, NEUTRALIZERS, SAMPLE_WEIGHTS, Table
from scorer.scoring import ScoringInputError, calculate_max_churn_and_turnover, to_ppm
from scorer.scoring.churn import calculate_mean_neutral_churn
from scorer.units import ONE

DAY: Final = 24 * 3600
ID_NAME: Final = "numerai_ticker"
"""What the functions of the scoring room call ids that are a universe's own."""


@dataclass(frozen=True)
class PublishedRound:
    """A round whose submissions are known, with its neutralizers and sample weights.

    Attributes
    ----------
    closed_at
        When submissions closed, Unix seconds.
    """

    closed_at: int
    submissions: Submissions
    tables: dict[str, Table] = field(repr=False)

    @cached_property
    def index(self) -> pd.Index:
        """The universe."""
        return pd.Index(self.submissions.universe, name=ID_NAME)

    @cached_property
    def neutralizers(self) -> pd.DataFrame:
        """By id."""
        return pd.DataFrame(dict(self.tables[NEUTRALIZERS]), index=self.index)

    @cached_property
    def sample_weights(self) -> "pd.Series[float]":
        """By id."""
        return pd.Series(self.tables[SAMPLE_WEIGHTS][SAMPLE_WEIGHTS], index=self.index)

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {model: row for row, model in enumerate(self.submissions.model_ids)}

    def has(self, model: int) -> bool:
        """Whether a model submitted."""
        return model in self._row_of

    def predictions(self, model: int) -> "pd.Series[float]":
        """A model's predictions by id."""
        return pd.Series(self.submissions.matrix[self._row_of[model]], index=self.index)


@dataclass(frozen=True)
class Verdict:
    """Whether a model may stake, and if not, why."""

    churn: float
    turnover: float
    reason: str | None

    @property
    def passes(self) -> bool:
        """Whether it may."""
        return self.reason is None


def judge(gates: Gates, model: int, current: PublishedRound, past: Sequence[PublishedRound]) -> Verdict:
    """Hold a model's submission against its last ones.

    Parameters
    ----------
    current
        The round to stake in, in which the model has submitted.
    past
        Earlier rounds, in any order.
    """
    recent = _recent(gates.submissions, model, current, past)
    if not recent or recent[0].closed_at < current.closed_at - gates.days * DAY:
        return Verdict(1.0, 1.0, f"expected a submission in the {gates.days} days before, found none")
    labels = {str(number): each for number, each in enumerate(recent)}
    try:
        churn, turnover = calculate_max_churn_and_turnover(
            current.predictions(model),
            current.neutralizers,
            current.sample_weights,
            {label: each.predictions(model) for label, each in labels.items()},
            {label: each.neutralizers for label, each in labels.items()},
            {label: each.sample_weights for label, each in labels.items()},
        )
    except ScoringInputError as error:
        return Verdict(1.0, 1.0, str(error))
    return Verdict(churn, turnover, _reason(gates, churn, turnover))


def _reason(gates: Gates, churn: float, turnover: float) -> str | None:
    for what, found, most in (("churn", churn, gates.max_churn), ("turnover", turnover, gates.max_turnover)):
        if not found < most / ONE:
            return f"expected a {what} below {most / 10_000:g} %, found {100 * found:.2f} %"
    return None


def _recent(
    count: int, model: int, current: PublishedRound, past: Iterable[PublishedRound]
) -> list[PublishedRound]:
    """The last rounds before `current` in which a model submitted, newest first."""
    earlier = [each for each in past if each.closed_at < current.closed_at and each.has(model)]
    return sorted(earlier, key=lambda each: -each.closed_at)[:count]


def neutral_churn_table(current: PublishedRound, past: Sequence[PublishedRound], submissions: int) -> Table:
    """The table neutral_churn of a round: each model's mean neutral churn against its last submissions.

    It rests on linear solves, and is therefore rounded to ppm. 1 where nothing can be compared.

    Parameters
    ----------
    submissions
        How many of the last ones count.
    """
    models = current.submissions.model_ids
    churns = np.array([_mean_churn(model, current, past, submissions) for model in models], dtype=np.float64)
    return {"model_id": np.array(models, dtype=np.int64), NEUTRAL_CHURN: to_ppm(churns) / ONE}


def _mean_churn(model: int, current: PublishedRound, past: Sequence[PublishedRound], count: int) -> float:
    labels = {str(n): each for n, each in enumerate(_recent(count, model, current, past))}
    try:
        return calculate_mean_neutral_churn(
            current.predictions(model),
            current.neutralizers,
            current.sample_weights,
            {label: each.predictions(model) for label, each in labels.items()},
            {label: each.neutralizers for label, each in labels.items()},
            {label: each.sample_weights for label, each in labels.items()},
        )
    except ScoringInputError:
        return 1.0
