"""Scores of submissions: the same bits on every machine, with the names of ``numerai_tools.scoring``.

The first group of functions takes numpy arrays and is what oracles run. The second takes pandas objects
under the names of ``numerai_tools.scoring`` and ``numerai_tools.signals`` 0.7.2, so that a data scientist
changes one import. docs/scoring.md has the formulas and the argument for exactness.
"""

from scorer.scoring.alignment import DEFAULT_MAX_FILTERED_INDEX_RATIO
from scorer.scoring.churn import (
    calculate_max_churn_and_turnover,
    calculate_mean_neutral_churn,
    churn,
    neutral_churn,
    neutral_churn_penalty,
    turnover,
)
from scorer.scoring.correlation import (
    contribution_scores,
    corr_with_meta_model,
    correlation_contribution,
    numerai_corr,
    stake_weight,
)
from scorer.scoring.engine import SubmissionScores, score_submissions
from scorer.scoring.errors import Reason, ScoringInputError
from scorer.scoring.exposure import exposure_dissimilarity, feature_exposures, max_feature_correlation
from scorer.scoring.meta_model import stake_weighted_meta_model
from scorer.scoring.neutral import (
    feature_neutral_corr,
    feature_neutral_scores,
    neutral_contribution,
    neutral_correlation,
    neutralize,
    tie_kept_rank__gaussianize__neutralize__variance_normalize,
)
from scorer.scoring.one_hot import one_hot_encode
from scorer.scoring.pairwise import Likeness, likeness
from scorer.scoring.parts import score_in_parts
from scorer.scoring.portfolio import alpha, generate_neutralized_weights, meta_portfolio_contribution
from scorer.scoring.portfolio_problem import Portfolio, PortfolioProblem, optimise
from scorer.scoring.ppm import to_ppm
from scorer.scoring.series import Diagnostics, diagnostics, score_by_era
from scorer.scoring.transforms import (
    RANK_METHOD_TYPE,
    S1,
    S2,
    center,
    correlation,
    filter_sort_index,
    filter_sort_index_many,
    filter_sort_top_bottom,
    filter_sort_top_bottom_concat,
    gaussian,
    min_max_normalize,
    orthogonalize,
    pearson_correlation,
    power,
    rank,
    rank_series,
    sharpe_ratio,
    spearman_correlation,
    standardize,
    tie_broken_rank,
    tie_broken_rank_correlation,
    tie_kept_rank,
    tie_kept_rank__gaussianize__pow_1_5,
    validate_indices,
    variance_normalize,
    weight_normalize,
)
from scorer.scoring.true_contribution import TrueContribution, true_contribution

__all__ = [
    "DEFAULT_MAX_FILTERED_INDEX_RATIO",
    "RANK_METHOD_TYPE",
    "S1",
    "S2",
    "Diagnostics",
    "Likeness",
    "Portfolio",
    "PortfolioProblem",
    "Reason",
    "ScoringInputError",
    "SubmissionScores",
    "TrueContribution",
    "alpha",
    "calculate_max_churn_and_turnover",
    "calculate_mean_neutral_churn",
    "center",
    "churn",
    "contribution_scores",
    "corr_with_meta_model",
    "correlation",
    "correlation_contribution",
    "diagnostics",
    "exposure_dissimilarity",
    "feature_exposures",
    "feature_neutral_corr",
    "feature_neutral_scores",
    "filter_sort_index",
    "filter_sort_index_many",
    "filter_sort_top_bottom",
    "filter_sort_top_bottom_concat",
    "gaussian",
    "generate_neutralized_weights",
    "likeness",
    "max_feature_correlation",
    "meta_portfolio_contribution",
    "min_max_normalize",
    "neutral_churn",
    "neutral_churn_penalty",
    "neutral_contribution",
    "neutral_correlation",
    "neutralize",
    "numerai_corr",
    "one_hot_encode",
    "optimise",
    "orthogonalize",
    "pearson_correlation",
    "power",
    "rank",
    "rank_series",
    "score_by_era",
    "score_in_parts",
    "score_submissions",
    "sharpe_ratio",
    "spearman_correlation",
    "stake_weight",
    "stake_weighted_meta_model",
    "standardize",
    "tie_broken_rank",
    "tie_broken_rank_correlation",
    "tie_kept_rank",
    "tie_kept_rank__gaussianize__neutralize__variance_normalize",
    "tie_kept_rank__gaussianize__pow_1_5",
    "to_ppm",
    "true_contribution",
    "turnover",
    "validate_indices",
    "variance_normalize",
    "weight_normalize",
]
