"""The conditions of seasons, and their tiers: Numerai's documentation ("Grandmasters", 2026)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

GRANDMASTER: Final = "grandmaster"
MASTER: Final = "master"
EXPERT: Final = "expert"
RESEARCHER: Final = "researcher"
CONTRIBUTOR: Final = "contributor"
APPRENTICE: Final = "apprentice"
NOVICE: Final = "novice"


@dataclass(frozen=True)
class SeasonRules:
    """The conditions of a season, and its tiers.

    Attributes
    ----------
    qualified_rounds
        How many rounds with a stake it takes to be ranked.
    least_at_risk
        nano-NMR that an account must have at risk in a round for it to qualify.
    by_rank
        Tier by the last rank that gets it, best first.
    by_share
        Then, tier by the last share that gets it, of those who have none by rank, or of all ranked accounts
        where `share_of_all`.
    """

    qualified_rounds: int
    least_at_risk: int
    by_rank: Mapping[str, int]
    by_share: Mapping[str, float]
    share_of_all: bool


CLASSIC_SEASON: Final = SeasonRules(
    qualified_rounds=20,
    least_at_risk=10**9,
    by_rank=MappingProxyType({GRANDMASTER: 1, MASTER: 10, EXPERT: 100}),
    by_share=MappingProxyType({RESEARCHER: 1 / 3, CONTRIBUTOR: 2 / 3, APPRENTICE: 1.0}),
    share_of_all=False,
)
SIGNALS_SEASON: Final = SeasonRules(
    qualified_rounds=20,
    least_at_risk=10**9,
    by_rank=MappingProxyType({GRANDMASTER: 1, MASTER: 10}),
    by_share=MappingProxyType({EXPERT: 0.25, RESEARCHER: 0.5, CONTRIBUTOR: 0.75, APPRENTICE: 1.0}),
    share_of_all=True,
)
CRYPTO_SEASON: Final = SeasonRules(
    qualified_rounds=20,
    least_at_risk=10**8,
    by_rank=SIGNALS_SEASON.by_rank,
    by_share=SIGNALS_SEASON.by_share,
    share_of_all=True,
)
