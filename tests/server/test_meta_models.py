"""The meta model's own exposures: those that numpy computes, from files that the chain vouches for alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scorer.server.data_sets import DataSets
from scorer.server.exposures import meta_model_exposures
from scorer.storage.bundle import META_MODEL, Bundle, round_folder
from tests.chains import Chains
from tests.server.site import Site, running_site
from tests.world import IDS, World, lent_world, one_settled

ASK = "query ($r: Int!, $n: Int) { metaModelExposures(roundNumber: $r, limit: $n) { feature exposure } }"
WIDTH = 70
"""More features than are multiplied out at once."""


def features() -> pd.DataFrame:
    values = np.random.default_rng(5).integers(0, 5, (len(IDS), WIDTH)).astype(float)
    return pd.DataFrame(values, pd.Index(IDS, name="id"), [f"feature_{each:02}" for each in range(WIDTH)])


def write_live(root: Path, table: pd.DataFrame, era: str = "v1.0.live/0007") -> None:
    folder = root / era
    folder.mkdir(parents=True)
    (root / "v1.0").mkdir(exist_ok=True)
    table.assign(era="0007").to_parquet(folder / "live.parquet")


def expected(meta_model: Any, table: pd.DataFrame) -> dict[str, float]:
    return {name: float(np.corrcoef(meta_model, table[name])[0, 1]) for name in map(str, table)}


def bundle(site: Site) -> Bundle:
    rounds = site.world.members[0].paths.rounds
    return Bundle(round_folder(rounds, site.world.suite.addresses.tournament, 1))


@pytest.fixture
def settled(chains: Chains, tmp_path: Path) -> Iterator[Site]:
    """A server with one settled round, whose live era is among its data, with its ids in another order."""
    write_live(tmp_path / "data", features().iloc[::-1])
    write_live(tmp_path / "data", features().rename(index=lambda name: f"other{name}"), "v1.0.live/0008")
    write_live(tmp_path / "data", features().iloc[1:], "v1.0.live/0009")
    with (
        lent_world(chains, tmp_path, begin=one_settled) as world,
        running_site(world, tmp_path / "server", data=DataSets(tmp_path / "data")) as site,
    ):
        site.step()
        yield site


def test_exposures_are_pearson_correlations_the_largest_first() -> None:
    meta_model = pd.Series(np.random.default_rng(1).random(len(IDS)), IDS)
    table = features().assign(flat=1.0)
    found = meta_model_exposures(meta_model, table)
    wanted = expected(meta_model, features())
    assert {each.feature for each in found} == set(wanted), "a constant feature has none"
    assert all(abs(each.exposure - wanted[each.feature]) < 1e-12 for each in found)
    sizes = [abs(each.exposure) for each in found]
    assert sizes == sorted(sizes, reverse=True)


def test_the_features_are_those_of_the_live_era_with_the_round_s_ids(settled: Site) -> None:
    answer = settled.ask(ASK, r=1, n=WIDTH)["data"]["metaModelExposures"]
    wanted = expected(bundle(settled).meta_model_of(IDS), features())
    assert {row["feature"] for row in answer} == set(wanted)
    assert all(abs(row["exposure"] - wanted[row["feature"]]) < 1e-12 for row in answer)
    assert settled.ask(ASK, r=1, n=3)["data"]["metaModelExposures"] == answer[:3]


def test_the_features_of_the_round_s_own_bundle_are_taken_first(world: World, tmp_path: Path) -> None:
    write_live(tmp_path / "data", features())
    table = features().rename(columns=lambda name: f"own_{name}").iloc[:, :3]
    factors = (*world.rules.factors, world.rules.factors[0].model_copy(update={"score": "fnc"}))
    other = replace(world, rules=world.rules.model_copy(update={"factors": factors}))
    with running_site(other, tmp_path / "server", data=DataSets(tmp_path / "data")) as site:
        round_id = other.sealed_round()
        for member in other.members:
            known = round_folder(member.paths.targets, other.suite.addresses.tournament, round_id)
            Bundle(known).write_table("features", IDS, {str(name): table[name].to_numpy() for name in table})
        other.settle(round_id)
        site.step()
        site.step()
        answer = site.ask(ASK, r=1)["data"]["metaModelExposures"]
        wanted = expected(bundle(site).meta_model_of(IDS), table)
    assert {row["feature"] for row in answer} == set(wanted)
    assert all(abs(row["exposure"] - wanted[row["feature"]]) < 1e-12 for row in answer)


@pytest.mark.parametrize("kind", ["changed", "missing", "without features", "another round"])
def test_nothing_is_said_of_what_the_report_does_not_commit_to(
    settled: Site, tmp_path: Path, kind: str
) -> None:
    folder, number = bundle(settled), 1
    if kind == "changed":
        folder._write_table(META_MODEL, {"id": list(IDS), "meta_model": np.linspace(0, 1, len(IDS))})
    elif kind == "missing":
        (folder.folder / META_MODEL).unlink()
    elif kind == "without features":
        (tmp_path / "data" / "v1.0.live" / "0007" / "live.parquet").unlink()
    else:
        number = 2
    (error,) = settled.ask(ASK, r=number)["errors"]
    words = {"without features": "expected its features", "another round": "expected one that is settled"}
    assert words.get(kind, "expected its meta model in the bundle") in error["message"]
