"""A simulation: the same seed gives the same report, skill gains, and what is reported adds up."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from scorer.cli import app
from scorer.lab.market import binned
from scorer.lab.simulation.population import KINDS, make_population
from scorer.lab.simulation.report import PICTURES, summary, write_report
from scorer.lab.simulation.rounds import SyntheticSource
from scorer.lab.simulation.run import BOTH, ERAS, HARDENED, PLAIN, Simulation, simulate, variant_of
from scorer.lab.simulation.sources import make_source
from scorer.protocol.rules import preset

ROUNDS, MODELS, IDS = 60, 120, 250


def run(name: str = "classic", seed: int = 1, rounds: int = ROUNDS) -> Simulation:
    rules = preset(name)
    return simulate(rules, make_source(rules, "synthetic", rounds=rounds, models=MODELS, ids=IDS, seed=seed))


@pytest.fixture(scope="module")
def found() -> Simulation:
    return run()


@pytest.fixture(scope="module")
def document(found: Simulation) -> dict[str, Any]:
    return summary(found)


def test_the_same_seed_gives_the_same_report_and_another_one_another(document: dict[str, Any]) -> None:
    assert summary(run()) == document
    assert summary(run(seed=2)) != document


def test_a_population_has_every_kind_in_its_share() -> None:
    kinds = make_population(1000, 1).kinds.tolist()
    assert {kind: kinds.count(kind) for kind in KINDS} == {
        name: round(1000 * kind.share) for name, kind in KINDS.items()
    }
    assert set(make_population(len(KINDS), 1).kinds.tolist()) == set(KINDS)
    with pytest.raises(ValueError, match="expected at least 7 models, one of each kind, found 6"):
        make_population(6, 1)


def test_skill_gains_and_the_crowd_loses(document: dict[str, Any]) -> None:
    returns = {
        kind: row["return_on_deposit_percent"] for kind, row in document["variants"][PLAIN]["kinds"].items()
    }
    assert returns["skilled"] > 5
    assert returns["crowd"] < returns["noise"] < returns["skilled"]


def test_skill_gains_weight_in_the_meta_model(document: dict[str, Any]) -> None:
    weights = document["meta_model"]["weights"]
    assert weights["skilled"]["last"] > weights["skilled"]["first"]
    assert document["meta_model"]["corr_stake_weighted"] > document["meta_model"]["corr_equal_weighted"]


def test_burn_hardening_costs_copycats_and_leaves_the_original_alone(document: dict[str, Any]) -> None:
    plain, hardened = (document["variants"][name]["kinds"] for name in (PLAIN, HARDENED))
    assert hardened["copycat"]["return_on_deposit_percent"] < plain["copycat"]["return_on_deposit_percent"]
    assert hardened["copycat"]["burned_nmr"] > 1.1 * plain["copycat"]["burned_nmr"]
    assert hardened["noise"]["burned_nmr"] == pytest.approx(plain["noise"]["burned_nmr"], rel=0.01)


def test_dynamic_eras_dampen_a_crisis(document: dict[str, Any]) -> None:
    plain, dynamic = (document["variants"][name] for name in (PLAIN, ERAS))
    assert dynamic["deviation_of_a_crisis_round_nmr"] < 0.8 * plain["deviation_of_a_crisis_round_nmr"]
    assert plain["net_in_crisis_nmr"] < 0
    assert dynamic["net_in_crisis_nmr"] > plain["net_in_crisis_nmr"]


def test_every_variant_adds_up(found: Simulation, document: dict[str, Any]) -> None:
    deposits = sum(found.deposits.tolist()) / 1e9
    for name, variant in document["variants"].items():
        final = sum(row["final_nmr"] for row in variant["kinds"].values())
        assert final == pytest.approx(deposits + variant["paid_nmr"] - variant["burned_nmr"])
        assert len(found.ledgers[name].paid) == ROUNDS
    assert found.weights.sum(axis=1) == pytest.approx(np.ones(ROUNDS))


def test_a_crisis_is_a_stretch_in_the_second_half(found: Simulation) -> None:
    assert np.flatnonzero(found.is_crisis).tolist() == list(range(33, 39))


@pytest.mark.parametrize(("name", "variant"), [("classic", PLAIN), ("classic-adjusted", BOTH)])
def test_the_chosen_variant_is_that_of_the_rules(name: str, variant: str) -> None:
    assert variant_of(preset(name)) == variant


@pytest.mark.parametrize(
    "name", ["cupel", "classic-adjusted", "classic-atomic-60", "signals", "crypto-atomic"]
)
def test_every_preset_can_be_simulated(name: str) -> None:
    found = summary(run(name, rounds=12))
    assert found["variants"][found["chosen_variant"]]["paid_nmr"] > 0


def test_a_round_depends_on_seed_and_number_alone() -> None:
    rules, population = preset("classic"), make_population(50, 3)
    stakes = population.deposits
    sources = [SyntheticSource(population, rules, rounds=5, ids=100, seed=3) for _ in range(2)]
    first, second = (source.play(0, stakes) for source in sources)
    assert np.array_equal(first.predictions, second.predictions)
    assert np.array_equal(first.returns, second.returns)
    assert not np.array_equal(first.predictions, sources[0].play(1, stakes).predictions)


def test_a_target_has_the_tournaments_bins() -> None:
    target = binned(np.random.default_rng(1).standard_normal(1000))
    values, counts = np.unique(target, return_counts=True)
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == {
        0.0: 50,
        0.25: 200,
        0.5: 500,
        0.75: 200,
        1.0: 50,
    }


def test_a_report_is_written_with_all_its_pictures(found: Simulation, tmp_path: Path) -> None:
    write_report(found, tmp_path)
    text = (tmp_path / "report.md").read_text()
    for file, _ in PICTURES:
        assert (tmp_path / file).read_bytes().startswith(b"\x89PNG")
        assert f"]({file})" in text
    assert json.loads((tmp_path / "report.json").read_text())["rules"] == "classic"
    for kind in KINDS:
        assert f"| {kind} |" in text


def cupel(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_the_command_simulates_a_document_of_ones_own(tmp_path: Path) -> None:
    rules = tmp_path / "mine.toml"
    rules.write_bytes(preset("classic").canonical_json())
    small = ("--rounds", 10, "--models", 20, "--ids", 100)
    code, said = cupel("simulate", "--rules", rules, "--out", tmp_path / "sim", *small)
    assert code == 0
    assert "simulate: 10 rounds, 20 models" in said
    written = json.loads((tmp_path / "sim" / "report.json").read_text())
    typed = ["simulate", "--rules", str(rules), "--out", str(tmp_path / "sim"), *map(str, small), "--json"]
    assert json.loads(CliRunner().invoke(app, typed).stdout) == written


def test_the_demos_real_weeks_can_be_simulated(tmp_path: Path) -> None:
    code, _ = cupel("simulate", "--data", "demo", "--rounds", 10, "--out", tmp_path)
    assert code == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["rounds"], report["models"]) == (10, 45)
    kinds = report["variants"]["plain"]["kinds"]
    assert kinds["copycat"]["models"] == 1 + 3
    assert kinds["always_half"]["return_on_deposit_percent"] == 0
    assert kinds["broken_file"]["paid_nmr"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rules", "nothing"], "expected the name of a preset"),
        (["--data", "other"], "expected synthetic or demo with --data, found 'other'"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_one_line(
    arguments: list[object], message: str, tmp_path: Path
) -> None:
    code, said = cupel("simulate", "--out", tmp_path, *arguments)
    assert code == 1
    assert message in said
