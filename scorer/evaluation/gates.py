"""Gates: submissions count only if they are steady by churn, turnover, and a submission in the week before.

Members apply gates before they seal a round; the position of a submission that does not pass returns whole.
Churn and turnover are those of ``numerai_tools.signals`` 0.7.2.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd

from scorer.protocol.rules import Gates
from scorer.protocol.submissions import Submissions
from scorer.protocol.tables import NEUTRAL_CHURN, NEUTRALIZERS, SAMPLE_WEIGHTS, Table
from scorer.scoring.churn_rates import (
    Comparison,
    RankedSubmissions,
    WeightedSubmissions,
    largest,
    mean_neutral_churn,
    ranked_submissions,
    weighted_submissions,
)
from scorer.scoring.errors import ScoringInputError
from scorer.scoring.neutral import matrix_of, neutral_rows
from scorer.scoring.ppm import to_ppm
from scorer.scoring.projection import Basis, make_basis
from scorer.units import ONE

DAY: Final = 24 * 3600
ID_NAME: Final = "numerai_ticker"
"""The name of a universe's own ids in the functions of the scoring room."""
SUBMISSIONS: Final = 5
"""So many of a model's last submissions its neutral churn is measured against, as in numerai-tools."""
MODELS_AT_ONCE: Final = 128
"""So many models' ranks and weights are held at a time, for the round and each round before it."""


@dataclass(frozen=True)
class PublishedRound:
    """A round whose submissions are known, with its neutralizers and sample weights.

    Attributes
    ----------
    closed_at
        When submissions closed, Unix seconds.
    left_out
        Models that nothing is compared with, although they submitted.
    """

    closed_at: int
    submissions: Submissions
    tables: dict[str, Table] = field(repr=False)
    left_out: frozenset[int] = frozenset()

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
        """Return whether a model submitted."""
        return model in self._row_of

    def is_readable(self, model: int) -> bool:
        """Return whether a model submitted what we can read: of some, too few members released keys."""
        return self.has(model) and not np.isnan(self.submissions.matrix[self._row_of[model]]).any()

    def is_comparable(self, model: int) -> bool:
        """Return whether a model submitted what can be compared with."""
        return model not in self.left_out and self.is_readable(model)

    def predictions(self, model: int) -> "pd.Series[float]":
        """Return a model's predictions by id."""
        return pd.Series(self.submissions.matrix[self._row_of[model]], index=self.index)

    def table(self, models: Sequence[int]) -> pd.DataFrame:
        """Return the predictions of models, ids by models."""
        rows = self.submissions.matrix[[self._row_of[model] for model in models]]
        return pd.DataFrame(rows.T, index=self.index, columns=list(models))

    @cached_property
    def basis(self) -> Basis:
        """The neutralizers on the ids in ascending order, ready to be taken out of any submission."""
        return make_basis(matrix_of("neutralizers", self.neutralizers.sort_index()))

    def neutral(self, ranked: RankedSubmissions, row: int) -> "pd.Series[float]":
        """Return a submission's gaussian ranks without the neutralizers' part, by id."""
        left = neutral_rows(ranked.row(row)[np.newaxis], self.basis)
        return pd.Series(left.rows[0], index=ranked.ids)


@dataclass(frozen=True)
class GateVerdict:
    """The answer whether a model may stake, and if not, why."""

    churn: float
    turnover: float
    reason: str | None

    @property
    def passes(self) -> bool:
        """True where the model may stake."""
        return self.reason is None


def judge(gates: Gates, model: int, current: PublishedRound, past: Sequence[PublishedRound]) -> GateVerdict:
    """Hold one model's submission against its last ones, see `judge_all`."""
    return judge_all(gates, [model], current, past)[model]


def judge_all(
    gates: Gates,
    models: Sequence[int],
    current: PublishedRound,
    past: Sequence[PublishedRound],
    latest: Mapping[int, int] | None = None,
) -> dict[int, GateVerdict]:
    """Hold models' submissions against their last ones, each on its own, whatever the others are.

    Parameters
    ----------
    current
        The round to stake in, in which all of `models` have submitted.
    past
        Earlier rounds, in any order.
    latest
        When the last earlier round closed in which a model submitted, readable or not, Unix seconds, by
        model; None: as `past` says.
    """
    found: dict[int, GateVerdict] = {}
    last = latest if latest is not None else _latest(models, current, past)
    for start in range(0, len(models), MODELS_AT_ONCE):
        block = models[start : start + MODELS_AT_ONCE]
        recent = {model: _recent(gates.submissions, model, current, past) for model in block}
        earlier = _Earlier.of(block, recent, current)
        found |= {model: _verdict(gates, model, recent[model], earlier, last.get(model)) for model in block}
    return found


@dataclass(frozen=True)
class _Earlier:
    """The weights of some models in a round, compared with those in the rounds before it that they need."""

    current: PublishedRound
    weights: WeightedSubmissions
    rows: dict[int, int]
    comparisons: dict[int, tuple[Comparison, dict[int, int]]]
    """By the identity of the earlier round: two may close at the same time."""

    @classmethod
    def of(
        cls, models: Sequence[int], recent: dict[int, list[PublishedRound]], current: PublishedRound
    ) -> "_Earlier":
        weights, rows = _weighted(current, models)
        comparisons = {}
        for each in {id(before): before for found in recent.values() for before in found}.values():
            needed = [model for model in models if any(before is each for before in recent[model])]
            before, rows_before = _weighted(each, needed)
            comparisons[id(each)] = Comparison(weights, before), rows_before
        return cls(current, weights, rows, comparisons)

    def against(self, model: int, recent: Sequence[PublishedRound]) -> Iterator[tuple[float, float] | None]:
        """Churn and turnover against each of the model's recent rounds, newest first."""
        # Raises where the submission itself cannot be compared, whatever came before it.
        self.weights.ranked.row(self.rows[model])
        for each in recent:
            comparison, rows_before = self.comparisons[id(each)]
            yield comparison.churn_and_turnover(self.rows[model], rows_before[model])


def _weighted(of: PublishedRound, models: Sequence[int]) -> tuple[WeightedSubmissions, dict[int, int]]:
    found = weighted_submissions(of.table(models), of.neutralizers, of.sample_weights)
    return found, {model: row for row, model in enumerate(models)}


def _verdict(
    gates: Gates, model: int, recent: Sequence[PublishedRound], earlier: _Earlier, latest: int | None
) -> GateVerdict:
    if latest is None or latest < earlier.current.closed_at - gates.days * DAY:
        return GateVerdict(1.0, 1.0, f"expected a submission in the {gates.days} days before, found none")
    if not recent:
        return GateVerdict(1.0, 1.0, "expected an earlier submission that could be read, found none")
    try:
        churn, turnover = largest(earlier.against(model, recent))
    except ScoringInputError as error:
        return GateVerdict(1.0, 1.0, str(error))
    return GateVerdict(churn, turnover, _reason(gates, churn, turnover))


def _reason(gates: Gates, churn: float, turnover: float) -> str | None:
    for what, found, most in (("churn", churn, gates.max_churn), ("turnover", turnover, gates.max_turnover)):
        # Not `>=`: a NaN must not pass.
        if not found < most / ONE:
            return f"expected a {what} below {most / 10_000:g} %, found {100 * found:.2f} %"
    return None


def _recent(
    count: int, model: int, current: PublishedRound, past: Iterable[PublishedRound]
) -> list[PublishedRound]:
    """Return the last rounds before `current` in which a model submitted what we can read, newest first."""
    before = [each for each in past if each.closed_at < current.closed_at and each.is_comparable(model)]
    return sorted(before, key=lambda each: -each.closed_at)[:count]


def _latest(models: Sequence[int], current: PublishedRound, past: Sequence[PublishedRound]) -> dict[int, int]:
    """Return when the last round before `current` closed in which each model submitted, by model."""
    before = sorted((each for each in past if each.closed_at < current.closed_at), key=lambda e: e.closed_at)
    return {model: each.closed_at for each in before for model in models if each.has(model)}


def neutral_churn_table(
    current: PublishedRound, past: Sequence[PublishedRound], submissions: int = SUBMISSIONS
) -> Table:
    """Return the table neutral_churn: each model's mean neutral churn against its last submissions.

    It rests on linear solves, and is therefore rounded to ppm. 1 where nothing can be compared, and for
    models that the current round leaves out.

    Parameters
    ----------
    submissions
        How many of the last ones count.
    """
    models = current.submissions.model_ids
    churns = np.array([_mean_churn(model, current, past, submissions) for model in models], dtype=np.float64)
    return {"model_id": np.array(models, dtype=np.int64), NEUTRAL_CHURN: to_ppm(churns) / ONE}


def _mean_churn(model: int, current: PublishedRound, past: Sequence[PublishedRound], count: int) -> float:
    if model in current.left_out:
        return 1.0
    try:
        return mean_neutral_churn(
            _neutral(current, model),
            (_neutral(before, model) for before in _recent(count, model, current, past)),
        )
    except ScoringInputError:
        return 1.0


def _neutral(of: PublishedRound, model: int) -> "pd.Series[float]":
    return of.neutral(ranked_submissions(of.table([model]), of.sample_weights), 0)
