"""A round that is scored in parts, on other processes or machines."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from functools import partial

import numpy as np

from scorer.scoring.engine import Submissions, SubmissionScores, score_submissions
from scorer.scoring.exact import Floats

LoadPart = Callable[[], Submissions]
"""Reads some of a round's submissions where they are scored: a picklable function without arguments."""


def score_in_parts(
    executor: Executor,
    parts: Iterable[LoadPart],
    target: Floats,
    meta_model: Floats | None = None,
    *,
    with_cwmm: bool = False,
    threads: int = 1,
) -> SubmissionScores:
    """Score submissions part by part on the workers of an executor; the same bits as in one piece.

    Every submission is scored on its own, so parts need nothing of each other.

    Parameters
    ----------
    executor
        Any executor of the standard library's interface: a process pool here, or the one that
        ``dask.distributed.Client.get_executor()`` returns for a cluster.
    parts
        Each loads (models, ids) submissions; the scores keep the order of the parts.
    target, meta_model, with_cwmm
        See `score_submissions`.
    threads
        In each worker.
    """
    score = partial(_score_part, target=target, meta_model=meta_model, with_cwmm=with_cwmm, threads=threads)
    found = list(executor.map(score, parts))
    return SubmissionScores(
        corr=np.concatenate([np.empty(0), *(scores.corr for scores in found)]),
        mmc=np.concatenate([np.empty(0), *(scores.mmc for scores in found)]),
        reasons=tuple(reason for scores in found for reason in scores.reasons),
        cwmm=_joined([scores.cwmm for scores in found]),
        gaussian_rank_correlation=_joined([scores.gaussian_rank_correlation for scores in found]),
    )


def _joined(parts: Sequence[Floats | None]) -> Floats | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None


def _score_part(
    load: LoadPart, target: Floats, meta_model: Floats | None, *, with_cwmm: bool, threads: int
) -> SubmissionScores:
    return score_submissions(load(), target, meta_model, with_cwmm=with_cwmm, threads=threads)
