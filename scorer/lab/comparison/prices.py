"""Real prices as a market of the comparison: the demo's strategies, week by week, in an order drawn anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from scorer.data.rounds import Rebuilder
from scorer.lab.comparison.market import LATE_ENTRANTS, Market, MarketRound, Singles
from scorer.lab.comparison.scores import standardised
from scorer.lab.dataset import load_dataset
from scorer.lab.demo.dataset import FOLDER, demo_rules
from scorer.lab.demo.strategies import Strategy, factors, regressions
from scorer.lab.demo.weeks import Week, predicted_weeks
from scorer.protocol.tables import SESSION_RETURNS
from scorer.rewards import realised_volatility
from scorer.submission.reader import read_submission

BEST: Final = "leader"
"""The strategy that is copied. It was named so before any of its scores were known."""
NOISE_MODELS: Final = ("noise_one", "noise_two", "noise_three")
WEEKS: Final = 138
"""The last weeks of the demo's prices, which have two years of known eras before them."""
BLOCK_WEEKS: Final = 13
"""Weeks that stay together when their order is drawn: longer than a position and than a stale copy is old."""
SPREAD: Final = 0.5
"""The deviation of the logarithm of deposits."""
_ANY_FEATURES: Final[Mapping[str, Sequence[str]]] = MappingProxyType({"all": (), "price": (), "risk": ()})
"""Feature sets without features: only the names of the strategies are asked for."""


@dataclass(frozen=True, eq=False)
class PriceHistory:
    """Past weeks with the predictions of strategies and their outcomes.

    Attributes
    ----------
    kinds
        ``skilled``, ``crowd`` or ``noise`` for each model, shape (models,). Model 0 is the best.
    predictions
        Of mean zero and deviation one, shape (weeks, models, ids); ids are the same assets in every week.
    targets
        Shape (weeks, ids).
    volatility
        Realised, per session, shape (weeks,).
    """

    kinds: NDArray[np.str_]
    predictions: Singles
    targets: NDArray[np.float64]
    volatility: NDArray[np.float64]


class PriceMarket(Market):
    """Weeks of real prices in a drawn order, with drawn deposits and entries.

    The order is that of a circular block bootstrap (Politis and Romano, 1992): blocks of `BLOCK_WEEKS`
    consecutive weeks, each of which begins anywhere, so that one market differs from another as much as
    one stretch of the past does from another.
    """

    def __init__(self, seed: int, *, history: PriceHistory, rounds: int) -> None:
        weeks, models, ids = history.predictions.shape
        super().__init__(seed, ids)
        self._draw_pool()
        self._history, self.kinds = history, history.kinds
        best = history.predictions[:, 0]
        self.persistence = float((best[1:] * best[:-1]).mean())
        self.deviations = np.ones(models)
        spread = np.exp(SPREAD * self.stream.standard_normal(models))
        self.deposits = spread / spread.sum()
        late = self.stream.random(models) < LATE_ENTRANTS
        self.enters = np.where(late, self.stream.integers(0, max(1, rounds // 2), models), 0)
        self.enters[0] = 0
        starts = self.stream.integers(0, weeks, -(-rounds // BLOCK_WEEKS))
        self._order = (starts[:, np.newaxis] + np.arange(BLOCK_WEEKS)).ravel() % weeks

    def play(self, number: int) -> MarketRound:
        """See `Market.play`."""
        week, history = self._order[number], self._history
        return MarketRound(history.predictions[week], history.targets[week], float(history.volatility[week]))


def load_history(weeks: int = WEEKS) -> PriceHistory:
    """Return the demo's last weeks; its strategies predict each from what was known then (minutes).

    Models that copy others, send broken files or stop are left out.
    """
    rebuilder = load_dataset(FOLDER)
    with Progress(disable=True) as progress:
        strategies, found = predicted_weeks(progress, rebuilder, demo_rules(rebuilder.recipe), weeks)
    kinds = kinds_of(strategies)
    known = [_known(week, list(kinds), rebuilder) for week in found]
    predictions, targets, volatility = zip(*known, strict=True)
    return PriceHistory(
        np.array(list(kinds.values())), np.stack(predictions), np.stack(targets), np.array(volatility)
    )


def kinds_of(strategies: Sequence[Strategy]) -> Mapping[str, str]:
    """Return the kind of each strategy that takes part, by name, the best first.

    What learns from the past counts as skilled, a fixed idea that everybody has read of as the crowd's.
    """
    names = {strategy.name for strategy in strategies}
    learnt = {BEST, "ridge_all", *regressions(_ANY_FEATURES)}
    kinds = {BEST: "skilled"}
    kinds |= dict.fromkeys(sorted(learnt & names - {BEST}), "skilled")
    kinds |= dict.fromkeys(sorted(names & {*factors(), "blend_momentum", "blend_opposites"}), "crowd")
    return kinds | dict.fromkeys(NOISE_MODELS, "noise")


def _known(
    week: Week, models: Sequence[str], rebuilder: Rebuilder
) -> tuple[Singles, NDArray[np.float64], float]:
    """Return a week's predictions, target and volatility, assets in the order of their names."""
    data = rebuilder.of(rebuilder.on(week.era.day))
    by_name = np.argsort([data.names[identifier] for identifier in week.universe])
    files = [read_submission(_there(week.files[name], name), week.universe, name) for name in models]
    returns = np.stack(list(data.inputs()[SESSION_RETURNS].values()))
    target = data.targets["target"][by_name]
    return standardised(np.stack(files)[:, by_name]), target, realised_volatility(returns)


def _there(content: bytes | None, name: str) -> bytes:
    if content is None:
        raise ValueError(f"{name}: expected a file in every week, found none in one")
    return content
