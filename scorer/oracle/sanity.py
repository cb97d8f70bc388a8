"""Checks that a report is sound enough to put our name to it; one that is not is refused, never adjusted."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.inputs import RoundTerms
from scorer.oracle.recompute import DISAGREES
from scorer.protocol.report import Report
from scorer.units import ONE

RECOMPUTE_TIMEOUT: Final = 3600.0
LARGEST_SCORE: Final = 2**23 - 1
"""The contracts take a score as int24."""
Scores = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class SanityLimits:
    """Bounds of what is usual; a human must look first at what is outside. Shares in ppm.

    Attributes
    ----------
    uncovered
        The share of the stake at risk that may be without a submission that counts.
    change
        The difference that the share of the stake paid or burned may have from the round before.
    fewer_models
        The share by which the number of staked models may have fallen or risen since the round before.
    accepted
        Hashes of reports, in hex, that a human has looked at: they pass these three.
    """

    uncovered: int = 200_000
    change: int = 100_000
    fewer_models: int = 500_000
    accepted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Summary:
    """The figures compared between rounds: shares of the stake at risk in ppm, and staked models."""

    paid: int
    burned: int
    models: int


def summary(scores: Scores) -> Summary:
    """Return a round in three numbers."""
    position = _total(scores["position"])
    return Summary(
        # Nothing is paid where nothing was at risk: 1 only spares the division by zero.
        paid=_total(scores["payout"]) * ONE // max(position, 1),
        burned=_total(scores["burn"]) * ONE // max(position, 1),
        models=int(np.count_nonzero(scores["position"])),
    )


def refusals(
    report: Report, terms: RoundTerms, scores: Scores, before: Summary | None, limits: SanityLimits
) -> tuple[str, ...]:
    """Return why a report must not be attested; empty when it may.

    Parameters
    ----------
    scores
        The table scores.parquet.
    before
        The summary of the round before; None for the first.
    """
    reasons = [*_conservation(report, terms, scores), *_caps(terms, scores)]
    accepted = {report_hash.removeprefix("0x").lower() for report_hash in limits.accepted}
    # Sums and caps are checked of every report: no human's word makes up for them.
    if report.hash().hex() not in accepted:
        reasons += [*_coverage(scores, limits), *_change(summary(scores), before, limits)]
    return tuple(reasons)


def _total(column: NDArray[Any]) -> int:
    return sum(column.tolist())


def _conservation(report: Report, terms: RoundTerms, scores: Scores) -> Iterator[str]:
    models = scores["model_id"].tolist()
    pairs = (
        ("conservation: stake at risk", terms.at_risk, _total(scores["position"])),
        ("conservation: total payout", report.total_payout, _total(scores["payout"])),
        ("conservation: total burn", report.total_burn, _total(scores["burn"])),
        ("conservation: rows a model", len(models), len(set(models))),
        ("conservation: round", terms.round_id, report.round_id),
    )
    for what, expected, found in pairs:
        if expected != found:
            yield f"{what}: expected {expected}, found {found}"


def _caps(terms: RoundTerms, scores: Scores) -> Iterator[str]:
    columns = (scores[name].tolist() for name in ("model_id", "position", "payout", "burn", "reward_score"))
    for model, position, payout, burn, score in zip(*columns, strict=True):
        most = position * terms.cap // ONE
        if max(payout, burn) > most:
            yield f"cap: model {model}: expected at most {most} nano-NMR, found {max(payout, burn)}"
        if payout and burn:
            yield f"cap: model {model}: expected a payout or a burn, found both"
        if abs(score) > LARGEST_SCORE:
            yield f"cap: model {model}: expected a score of 24 bits, found {score}"


def _coverage(scores: Scores, limits: SanityLimits) -> Iterator[str]:
    """Yield a refusal where too much stake is of models without a score."""
    # Scores are the columns of floats; amounts and multipliers are whole numbers.
    named = [name for name, column in scores.items() if column.dtype == np.float64]
    silent = np.ones(len(scores["model_id"]), dtype=bool)
    for name in named:
        silent &= np.isnan(scores[name])
    position = _total(scores["position"])
    uncovered = _total(scores["position"][silent]) * ONE // max(position, 1)
    if uncovered > limits.uncovered:
        yield (
            f"coverage: expected at most {limits.uncovered} ppm of the stake without a score, "
            f"found {uncovered}"
        )


def _change(now: Summary, before: Summary | None, limits: SanityLimits) -> Iterator[str]:
    if before is None:
        return
    for what in ("paid", "burned"):
        change = abs(getattr(now, what) - getattr(before, what))
        if change > limits.change:
            yield (
                f"change: expected the share {what} within {limits.change} ppm of the last round's "
                f"{getattr(before, what)}, found {getattr(now, what)}"
            )
    if abs(now.models - before.models) * ONE > limits.fewer_models * max(before.models, 1):
        yield (
            f"change: expected about as many staked models as last round's {before.models}, "
            f"found {now.models}"
        )


class NoVerdict(Exception):
    """A fresh process came to no verdict: that says nothing of the report, and is tried again."""


def recomputed_elsewhere(bundle: Path) -> str | None:
    """Recompute a bundle's report in a fresh process; return what is wrong, or None when it agrees.

    Raises
    ------
    NoVerdict
        When it neither agreed nor disagreed: it was killed, took too long, or could not begin.
    """
    command = [sys.executable, "-m", "scorer.oracle.recompute", str(bundle)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, in our own interpreter
            command, capture_output=True, text=True, timeout=RECOMPUTE_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoVerdict(f"recompute: expected a fresh process to end, found {error}") from None
    said = (done.stdout or done.stderr).strip().splitlines()
    last = said[-1] if said else "it said nothing"
    if done.returncode not in (0, DISAGREES):
        raise NoVerdict(f"recompute: expected a verdict of a fresh process, found {done.returncode}: {last}")
    return None if done.returncode == 0 else f"recompute: a fresh process expected another report: {last}"
