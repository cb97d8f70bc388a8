"""Reputation and seasons: averages over a year, weighed by stake, and tiers by rank."""

from datetime import date, timedelta

import pandas as pd
import pytest

from scorer.rewards.reputation import (
    account_reputation,
    account_round_scores,
    model_reputation,
    season,
)
from scorer.rewards.season_rules import CLASSIC_SEASON, CRYPTO_SEASON, SIGNALS_SEASON

NMR = 10**9
Row = tuple[int, date, int, str, int, float | None]


def table(*rows: Row) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["round", "resolved", "model", "account", "at_risk", "mmc"]).astype(
        {"mmc": "float64"}
    )


MAY = date(2026, 5, 31)


def test_a_model_is_ranked_by_its_mean_over_the_year_before() -> None:
    found = model_reputation(
        table(
            (1, date(2025, 5, 31), 1, "a", 0, 9.0),
            (2, date(2025, 6, 1), 1, "a", 0, 0.02),
            (3, MAY, 1, "a", 0, 0.04),
            (4, date(2026, 6, 1), 1, "a", 0, 9.0),
            (3, MAY, 2, "b", 0, 0.05),
        ),
        "mmc",
        MAY,
    )
    assert found.index.tolist() == [2, 1]
    assert found.tolist() == pytest.approx([0.05, 0.03])


def test_a_round_without_a_score_neither_helps_nor_hurts() -> None:
    found = model_reputation(table((1, MAY, 1, "a", 0, 0.02), (2, MAY, 1, "a", 0, None)), "mmc", MAY)
    assert found.tolist() == [0.02]


def test_an_accounts_models_count_by_their_stakes() -> None:
    found = account_round_scores(
        table((1, MAY, 1, "a", 3 * NMR, 0.04), (1, MAY, 2, "a", NMR, -0.02), (1, MAY, 3, "a", 0, 9.0)), "mmc"
    )
    assert found["mmc"].tolist() == pytest.approx([(3 * 0.04 - 0.02) / 4])
    assert found["at_risk"].tolist() == [4 * NMR]


def test_without_any_stake_a_single_model_counts_and_several_do_not() -> None:
    found = account_round_scores(
        table((1, MAY, 1, "one", 0, 0.04), (1, MAY, 2, "two", 0, 0.04), (1, MAY, 3, "two", 0, 0.06)), "mmc"
    )
    assert found[["account", "mmc"]].to_numpy().tolist() == [["one", 0.04]]


def test_a_stake_on_a_model_without_a_score_does_not_count() -> None:
    found = account_round_scores(table((1, MAY, 1, "a", 9 * NMR, None), (1, MAY, 2, "a", NMR, 0.04)), "mmc")
    assert found["mmc"].tolist() == [0.04]
    assert found["at_risk"].tolist() == [NMR]


def test_an_accounts_reputation_is_the_mean_of_its_rounds_whatever_their_stakes() -> None:
    found = account_reputation(
        table((1, MAY, 1, "a", 1000 * NMR, 0.02), (2, MAY, 1, "a", NMR, 0.06), (2, MAY, 2, "b", NMR, 0.05)),
        "mmc",
        MAY,
    )
    assert found.index.tolist() == ["b", "a"]
    assert found.tolist() == pytest.approx([0.05, 0.04])


def a_season(accounts: dict[str, float], rounds: int = 25, at_risk: int = NMR) -> list[Row]:
    """Every account with the same score in every round."""
    return [
        (number, date(2026, 1, 1) + timedelta(days=number), model, account, at_risk, score)
        for number in range(1, rounds + 1)
        for model, (account, score) in enumerate(accounts.items(), start=1)
    ]


def test_a_missed_round_counts_as_zero() -> None:
    rows = [row for row in a_season({"steady": 0.02, "lazy": 0.03}) if row[3] == "steady" or row[0] > 5]
    found = season(table(*rows), "mmc", 2026, CLASSIC_SEASON)
    assert found["season_score"].to_dict() == pytest.approx({"lazy": 0.03 * 20 / 25, "steady": 0.02})
    assert found["qualified_rounds"].to_dict() == {"lazy": 20, "steady": 25}


def test_fewer_than_twenty_qualified_rounds_make_a_novice_however_good() -> None:
    rows = [row for row in a_season({"steady": 0.02, "late": 0.9}) if row[3] == "steady" or row[0] > 6]
    found = season(table(*rows), "mmc", 2026, CLASSIC_SEASON)
    assert found.index.tolist() == ["steady", "late"]
    assert found["tier"].tolist() == ["grandmaster", "novice"]
    assert found["rank"].tolist() == [1, 0]


def test_a_round_with_less_than_one_nmr_at_risk_does_not_qualify() -> None:
    rows = a_season({"rich": 0.02}) + a_season({"poor": 0.9}, at_risk=NMR - 1)
    found = season(table(*rows), "mmc", 2026, CLASSIC_SEASON)
    poor = found.loc["poor"].to_dict()
    assert poor == {"season_score": 0.0, "qualified_rounds": 0, "rank": 0, "tier": "novice"}
    crypto = season(table(*rows), "mmc", 2026, CRYPTO_SEASON)
    assert crypto.loc["poor", "tier"] == "grandmaster"


def test_other_years_are_other_seasons() -> None:
    rows = table(*a_season({"a": 0.02}))
    assert season(rows, "mmc", 2025, CLASSIC_SEASON).empty
    assert season(rows, "mmc", 2026, CLASSIC_SEASON)["qualified_rounds"].tolist() == [25]


def many(count: int) -> pd.DataFrame:
    return table(*a_season({f"account{n:03}": 1.0 - n / 1000 for n in range(count)}, rounds=20))


def test_classic_tiers_are_by_rank_and_then_by_thirds_of_the_rest() -> None:
    tiers = season(many(130), "mmc", 2026, CLASSIC_SEASON)["tier"].tolist()
    assert tiers[0] == "grandmaster"
    assert set(tiers[1:10]) == {"master"}
    assert set(tiers[10:100]) == {"expert"}
    assert tiers[100:] == ["researcher"] * 10 + ["contributor"] * 10 + ["apprentice"] * 10


def test_signals_tiers_are_by_quarters_of_all() -> None:
    tiers = season(many(80), "mmc", 2026, SIGNALS_SEASON)["tier"].tolist()
    assert tiers[:20] == ["grandmaster"] + ["master"] * 9 + ["expert"] * 10
    assert tiers[20:] == ["researcher"] * 20 + ["contributor"] * 20 + ["apprentice"] * 20


def test_equal_scores_share_a_rank() -> None:
    found = season(table(*a_season({"a": 0.02, "b": 0.02, "c": 0.01})), "mmc", 2026, CLASSIC_SEASON)
    assert found["rank"].tolist() == [1, 1, 3]
    assert found["tier"].tolist() == ["grandmaster", "grandmaster", "master"]
