"""The means of a model's scores up to each of its rounds, as a profile shows them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scorer.server.formats import time_text
from scorer.server.queries import Queries
from scorer.server.round_roots import Document

Means = Sequence[float | None]


def by_score(means: Mapping[str, float]) -> dict[str, float]:
    """Return means by the name of the score; of several targets, the first in the alphabet."""
    found: dict[str, float] = {}
    for factor in sorted(means):
        found.setdefault(factor.partition("_")[0], means[factor])
    return found


def running_means(scores: Mapping[int, float], rounds: Iterable[int]) -> list[float | None]:
    """Return the mean of the scores up to each round; None before the first."""
    total, count, mean, found = 0.0, 0, None, list[float | None]()
    for round_id in rounds:
        value = scores.get(round_id)
        if value is not None:
            total, count = total + value, count + 1
            mean = total / count
        found.append(mean)
    return found


def means_by_score(scores: Mapping[str, Mapping[int, float]], rounds: Sequence[int]) -> dict[str, Means]:
    """Return running means by the name of the score, of the factors that `by_score` would choose each time.

    Parameters
    ----------
    scores
        By factor and round.
    """
    found: dict[str, Means] = {}
    for factor in sorted(scores, reverse=True):
        name, means = factor.partition("_")[0], running_means(scores[factor], rounds)
        others = found.get(name, means)
        found[name] = [other if mean is None else mean for mean, other in zip(means, others, strict=True)]
    return found


def daily_performances(queries: Queries, model: int) -> list[Document]:
    """Return a model's mean scores up to each of its rounds, newest first, under all names of clients."""
    scores, times = defaultdict[str, dict[int, float]](dict), dict[int, int]()
    rows: list[Any] = list(queries.daily_scores_of(model))
    for round_id, factor, value, resolve_at in rows:
        scores[factor][round_id] = value
        times[round_id] = resolve_at
    means, nothing = means_by_score(scores, list(times)), [None] * len(times)
    columns = (means.get(name, nothing) for name in ("corr", "mmc", "fnc", "tc", "alpha"))
    return [_day(*values) for values in zip(times.values(), *columns, strict=True)][::-1]


def _day(
    at: int, corr: float | None, mmc: float | None, fnc: float | None, tc: float | None, alpha: float | None
) -> Document:
    return {
        "date": time_text(at),
        "corrRep": corr,
        "corr20dRep": corr,
        "corr60Rep": corr,
        "mmcRep": mmc,
        "mmc20dRep": mmc,
        "fncRep": fnc,
        "fncV3Rep": fnc,
        "tcRep": tc,
        "icRep": alpha,
    }
