"""Scores of submissions: the same bits on every machine, with the names of ``numerai_tools.scoring``.

`score_submissions` and `stake_weighted_meta_model` take numpy arrays and are what oracles run; the other
functions take pandas objects and change only the import of a data scientist's code.
"""

from scorer.scoring.correlation import correlation_contribution, numerai_corr, stake_weight
from scorer.scoring.engine import SubmissionScores, score_submissions
from scorer.scoring.errors import Reason, ScoringInputError
from scorer.scoring.meta_model import stake_weighted_meta_model
from scorer.scoring.ppm import to_ppm

__all__ = [
    "Reason",
    "ScoringInputError",
    "SubmissionScores",
    "correlation_contribution",
    "numerai_corr",
    "score_submissions",
    "stake_weight",
    "stake_weighted_meta_model",
    "to_ppm",
]
