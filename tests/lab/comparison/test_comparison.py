"""A comparison of attackers against rules: its scores are the real ones, its figures add up, copies lose."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from scorer.cli import app
from scorer.lab.comparison.attackers import RULE_ROWS, WHAT_THEY_DO
from scorer.lab.comparison.market import KINDS, SignalMarket
from scorer.lab.comparison.play import play_market
from scorer.lab.comparison.rules import CLASSIC, candidates, rates
from scorer.lab.comparison.scores import BlockScores, ranked, scored, standardised
from scorer.lab.comparison.table import MEASURES, cell
from scorer.protocol.rules import Rules, preset
from scorer.scoring.engine import score_submissions
from scorer.scoring.meta_model import stake_weighted_meta_model

SHIPPED = "cupel"
ROUNDS = 40
Found = dict[str, dict[str, float]]


def rules() -> dict[str, Rules]:
    return candidates(preset(SHIPPED))


def play_seed(seed: int) -> Found:
    return play_market(rules(), SignalMarket(seed, models=60, ids=300, rounds=ROUNDS), ROUNDS)


@pytest.fixture(scope="module")
def found() -> Found:
    return play_seed(1)


def test_scores_are_those_of_real_rounds() -> None:
    market = SignalMarket(3, models=30, ids=400, rounds=10)
    played = market.play(0)
    predictions = played.predictions.astype(np.float64)
    stakes = (market.deposits * 1e15).astype(np.uint64)
    meta_model = stake_weighted_meta_model(predictions, stakes)
    expected = score_submissions(predictions, played.target, meta_model, with_cwmm=True)
    rows = ranked(played.predictions)
    weights = (market.deposits / market.deposits.sum()).astype(np.float32)[np.newaxis]
    meta = weights @ rows.uniform
    ours = scored(rows, played.target, meta, ranked(standardised(meta)).gaussian)
    assert expected.cwmm is not None
    assert expected.gaussian_rank_correlation is not None
    for mine, real in (
        (ours.corr, expected.corr),
        (ours.mmc[0], expected.mmc),
        (ours.gaussian_rank_correlation[0], expected.gaussian_rank_correlation),
        (ours.cwmm[0], expected.cwmm),
    ):
        assert mine == pytest.approx(real, abs=3e-4)


def test_ranks_count_every_id_once() -> None:
    rows = ranked(np.random.default_rng(1).standard_normal((70, 1000)).astype(np.float32))
    assert (np.sort(rows.uniform, axis=1) == ((np.arange(1000) + 0.5) / 1000).astype(np.float32)).all()
    assert (rows.powered**2).sum(axis=1) == pytest.approx(np.ones(70), abs=1e-5)


def test_a_market_depends_on_its_seed_alone_and_has_every_kind() -> None:
    first, second = (SignalMarket(4, models=20, ids=100, rounds=5) for _ in range(2))
    assert np.array_equal(first.play(0).predictions, second.play(0).predictions)
    assert set(first.kinds) == set(KINDS)
    assert first.kinds[0] == "skilled"
    assert first.deposits.sum() == pytest.approx(1.0)
    with pytest.raises(ValueError, match="expected at least 5 models, one of each kind, found 4"):
        SignalMarket(1, models=4, ids=100, rounds=5)


def test_what_a_model_is_lasts_from_round_to_round() -> None:
    market = SignalMarket(5, models=40, ids=1000, rounds=10)
    before = standardised(market.play(0).predictions[0])
    after = standardised(market.play(1).predictions[0])
    assert before @ after / 1000 == pytest.approx(market.persistence, abs=0.08)


def test_the_candidates_share_the_cap_and_the_shipped_rules_come_first() -> None:
    found = rules()
    assert list(found)[:2] == [SHIPPED, CLASSIC]
    assert {document.stake.cap for document in found.values()} == {preset(SHIPPED).stake.cap}
    assert found[SHIPPED] == preset(SHIPPED)
    assert candidates(preset(CLASSIC))[CLASSIC] == preset(CLASSIC)


def test_rates_are_rewards_within_the_cap_with_every_adjuster() -> None:
    one = np.array([0.02, -0.02])
    scores = BlockScores(
        corr=one, mmc=one, gaussian_rank_correlation=np.array([0.5, 0.5]), cwmm=np.array([1.0, 1.0])
    )
    documents = rules()
    assert rates(documents[CLASSIC], scores, 0.02).tolist() == [0.05, -0.05]
    assert rates(documents["classic + burn hardening"], scores, 0.02).tolist() == [0.05, -0.1]
    plain, dynamic = documents[SHIPPED], documents[f"{SHIPPED} + dynamic eras"]
    assert rates(dynamic, scores, 0.04)[0] == pytest.approx(rates(plain, scores, 0.04)[0] / 2, abs=1e-6)


def test_every_participant_is_counted_under_every_rule(found: Found) -> None:
    assert list(found) == list(rules())
    assert set(RULE_ROWS) <= set(WHAT_THEY_DO)
    for figures in found.values():
        assert set(figures) == {*WHAT_THEY_DO, *MEASURES}
        assert np.isfinite(list(figures.values())).all()


def test_the_same_seed_gives_the_same_figures_and_another_one_others(found: Found) -> None:
    assert play_seed(1) == found
    assert play_seed(2) != found


def test_a_copy_of_everybody_earns_what_all_earn_together(found: Found) -> None:
    """P3 of docs/rules.md."""
    for figures in found.values():
        assert figures["basket"] == pytest.approx(figures["gross_payout"] - figures["burned"], abs=1e-9)


def test_copies_of_the_meta_model_and_hedges_do_not_pay_under_the_shipped_rules(found: Found) -> None:
    shipped, classic = found[SHIPPED], found[CLASSIC]
    assert abs(shipped["copy_of_meta_model"]) < 0.01
    assert abs(shipped["noisy_copy"]) < 0.2 * shipped["skilled"]
    assert shipped["hedged_pair"] < 0 <= classic["hedged_pair"] + 0.01
    assert shipped["skilled"] > 0


def cupel(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_the_command_writes_figures_with_intervals(tmp_path: Path) -> None:
    small = ("--rounds", 10, "--models", 20, "--ids", 100, "--seeds", 2)
    code, said = cupel("simulate", "--compare", "--out", tmp_path / "compare", *small)
    assert code == 0
    assert "compare: 2 markets of 10 rounds and 20 models" in said
    content: dict[str, Any] = json.loads((tmp_path / "compare" / "compare.json").read_text())
    assert content["shipped"] == SHIPPED
    for kinds in content["rules"].values():
        for figure in kinds.values():
            assert figure["low"] <= figure["return"] <= figure["high"]
    page = (tmp_path / "compare" / "compare.md").read_text()
    assert all(kind.replace("_", " ") in page for kind in WHAT_THEY_DO)
    # Each for light pages and for dark ones.
    assert len(list((tmp_path / "compare").glob("*.png"))) == 4


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--rules", "signals", "expected rules of corr and mmc alone with --compare"),
        ("--data", "real", "expected synthetic or demo with --data, found 'real'"),
    ],
)
def test_what_cannot_be_compared_is_refused(option: str, value: str, message: str, tmp_path: Path) -> None:
    code, said = cupel("simulate", "--compare", option, value, "--out", tmp_path / "x")
    assert code == 1
    assert message in said


def test_a_cell_shows_a_mean_and_the_reach_of_its_interval() -> None:
    assert cell({"return": 12.345, "low": 11.0, "high": 13.69}) == "12.3 ± 1.3"
    assert cell({"return": -0.0001, "low": -0.1, "high": 0.1}) == "0.00 ± 0.10"
