"""A settled round taken apart, model by model: why each position earned what it earned."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.errors import CupelError
from scorer.evaluation.inputs import RoundTerms
from scorer.protocol.rules import Rules
from scorer.protocol.tables import BURN_HARDENING, ORIGINALITY, RETAINED
from scorer.rewards import (
    AttributionStep,
    PositionOutcome,
    Settlement,
    SettlementTerms,
    attribute,
    settle,
)
from scorer.units import nmr_text


class NotInRound(CupelError, ValueError):
    """A model neither submitted to a round nor had a position in it."""


@dataclass(frozen=True)
class Explanation:
    """The payout or burn of one position, and every reason; amounts in nano-NMR.

    ``steps`` add up to ``payout - burn``, to the last unit. A model ``is_silent`` whose predictions were
    demanded and not shown: it keeps its reward score, and is paid as for none.
    """

    round_id: int
    model_id: int
    position: int
    reward_score: int
    rate: int
    payout: int
    burn: int
    steps: tuple[AttributionStep, ...]
    is_silent: bool = False

    @property
    def net(self) -> int:
        """The change of the position."""
        return self.payout - self.burn

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as a document; amounts in NMR as decimal text."""
        return {
            "round": self.round_id,
            "model": self.model_id,
            "position": nmr_text(self.position),
            "steps": [{"reason": s.name, "detail": s.detail, "nmr": nmr_text(s.amount)} for s in self.steps],
            "reward_score_ppm": self.reward_score,
            "rate_ppm": self.rate,
            "payout": nmr_text(self.payout),
            "burn": nmr_text(self.burn),
            "net": nmr_text(self.net),
            "silent": self.is_silent,
        }


@dataclass(frozen=True)
class ScoredRound:
    """The part of a bundle that an explanation rests on: rules, terms and scores, all of which are public.

    Attributes
    ----------
    volatility
        The volatility factor in ppm; None without dynamic eras.
    scores
        The table scores.parquet.
    reserved
        nano-NMR that the pool had for the round, as the chain says; None: enough.
    silent
        The models whose predictions were demanded and not shown, as the chain says.
    """

    rules: Rules
    terms: RoundTerms
    volatility: int | None
    scores: Mapping[str, NDArray[Any]]
    reserved: int | None = None
    silent: frozenset[int] = frozenset()

    @cached_property
    def _reported(self) -> Settlement:
        """The payouts and burns of all positions, were nobody silent."""
        return settle(
            self.scores["position"],
            self.scores["reward_score"],
            factor=self.terms.payout_factor,
            cap=self.terms.cap,
            available=self.reserved,
        )

    @cached_property
    def settled(self) -> Settlement:
        """The payouts and burns of all positions."""
        return self._reported.without(self.silent, self.scores["model_id"])

    def explain(self, model: int) -> Explanation:
        """Take apart what one model earned.

        Raises
        ------
        NotInRound
            When the round has no row for it.
        """
        rows = np.flatnonzero(self.scores["model_id"] == model)
        if not len(rows):
            raise NotInRound(
                f"round {self.terms.round_id}: expected a model that submitted or had a position, found "
                f"model {model}"
            )
        return self._row(int(rows[0]))

    def explain_all(self, models: Collection[int] | None = None) -> Iterator[Explanation]:
        """Take apart what every model with a position earned, or those of `models`."""
        for row in np.flatnonzero(self.scores["position"] > 0).tolist():
            if models is None or self.scores["model_id"][row] in models:
                yield self._row(row)

    def _row(self, row: int) -> Explanation:
        multipliers, settled = self.rules.multipliers, self.settled
        model = int(self.scores["model_id"][row])
        outcome = PositionOutcome(
            position=int(self.scores["position"][row]),
            scores={factor: float(self.scores[factor][row]) for factor, _ in multipliers},
            originality=self._adjuster(ORIGINALITY, row),
            hardening=self._adjuster(BURN_HARDENING, row),
            retained=self._adjuster(RETAINED, row),
            reward_score=int(self.scores["reward_score"][row]),
            rate=int(self._reported.rates[row]),
            payout=int(settled.payouts[row]),
            burn=int(settled.burns[row]),
            is_silent=model in self.silent,
        )
        burn = self.rules.adjusters.burn
        terms = SettlementTerms(
            self.terms.payout_factor,
            self.terms.cap,
            self.volatility,
            None if burn is None else burn.multiplier,
        )
        return Explanation(
            round_id=self.terms.round_id,
            model_id=model,
            position=outcome.position,
            reward_score=outcome.reward_score,
            rate=int(settled.rates[row]),
            payout=outcome.payout,
            burn=outcome.burn,
            steps=attribute(outcome, multipliers, terms),
            is_silent=outcome.is_silent,
        )

    def _adjuster(self, column: str, row: int) -> int | None:
        return int(self.scores[column][row]) if column in self.scores else None
