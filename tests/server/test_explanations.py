"""Explanations and bundles by URL: what the server says of a payout, anybody recomputes from its files."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from typer.testing import CliRunner

from scorer.cli import app
from scorer.storage.bundle import REPORT, SCORES, SUBMISSIONS, Bundle, round_folder
from scorer.storage.verification import READ
from tests.chains import Chains
from tests.encrypted_world import encrypted_world
from tests.server.site import Site, running_site
from tests.world import IDS, World, lent_world, one_settled

EXPLAIN = (
    "query ($m: String!, $r: Int!) { explanation(modelId: $m, roundNumber: $r) { roundNumber modelId "
    "position rewardScorePpm ratePpm payout burn net steps { reason detail nmr } } }"
)
RECORD = "query ($n: Int!) { roundRecord(number: $n) { number state rulesHash atRisk paid isScored url } }"


@pytest.fixture
def settled(chains: Chains, tmp_path: Path) -> Iterator[Site]:
    """A server of a world with one settled round."""
    with (
        lent_world(chains, tmp_path, begin=one_settled) as world,
        running_site(world, tmp_path / "server") as site,
    ):
        site.step()
        yield site


@pytest.fixture
def chain(settled: Site, tmp_path: Path) -> list[str]:
    """The options that name the chain."""
    deployment = tmp_path / "deployment.json"
    deployment.write_text(json.dumps(settled.world.suite.addresses.to_json()))
    return ["--endpoint", settled.world.anvil.url, "--deployment", str(deployment)]


def cupel(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result.output


def member_folder(site: Site) -> Path:
    rounds = site.world.members[0].paths.rounds
    return round_folder(rounds, site.world.suite.addresses.tournament, 1)


def test_the_server_explains_a_payout_as_the_bundle_does(settled: Site) -> None:
    scored = Bundle(member_folder(settled)).scored_round()
    for model in (1, 2):
        answer = settled.ask(EXPLAIN, m=str(model), r=1)["data"]["explanation"]
        expected: dict[str, Any] = scored.explain(model).to_json()
        assert answer["steps"] == expected["steps"]
        assert (answer["payout"], answer["burn"], answer["net"]) == (
            expected["payout"],
            expected["burn"],
            expected["net"],
        )
        assert answer["ratePpm"] == expected["rate_ppm"]


BUCKETS = (
    "query ($m: String!) { explanation(modelId: $m, roundNumber: 1) "
    "{ net buckets { number ids lowest highest nmr factors { factor nmr } } } }"
)


def nano(text: str) -> int:
    return int(Decimal(text) * 10**9)


def test_the_tenths_of_public_predictions_that_made_a_payout_add_up_to_it(settled: Site) -> None:
    for model in (1, 2):
        found = settled.ask(BUCKETS, m=str(model))["data"]["explanation"]
        tenths = found["buckets"]
        assert [each["number"] for each in tenths] == list(range(1, 11))
        assert sum(each["ids"] for each in tenths) == len(IDS)
        assert sum(nano(each["nmr"]) for each in tenths) == nano(found["net"])
        assert {each["factor"] for each in tenths[0]["factors"]} == {"corr_target_20d2l", "mmc_target_20d2l"}
        for each in tenths:
            assert sum(nano(factor["nmr"]) for factor in each["factors"]) == nano(each["nmr"])


def test_no_tenths_are_made_from_predictions_that_were_not_scored(settled: Site) -> None:
    path = member_folder(settled) / SUBMISSIONS
    rows = np.load(path)
    np.save(path, rows[::-1])
    found = settled.ask(BUCKETS, m="1")["data"]["explanation"]
    assert found["net"]
    assert found["buckets"] is None


def test_nothing_is_explained_that_the_chain_did_not_settle(settled: Site) -> None:
    settled.world.open()
    settled.step()
    for model, number in (("1", 2), ("1", 9), ("99", 1), ("1", -1), ("1", 2**31 - 1)):
        answer = settled.ask(EXPLAIN, m=model, r=number)
        assert "expected" in answer["errors"][0]["message"], (model, number)


def test_scores_that_were_changed_are_not_explained_by(settled: Site, tmp_path: Path) -> None:
    folder = member_folder(settled)
    (folder / SCORES).write_bytes((folder / "targets.parquet").read_bytes())
    assert "none whose report" in settled.ask(EXPLAIN, m="1", r=1)["errors"][0]["message"]
    assert requests.get(f"{settled.url}/rounds/1/{REPORT}", timeout=10).status_code == 404


def test_a_round_is_verified_and_explained_by_its_url(settled: Site, chain: list[str]) -> None:
    url = settled.ask(RECORD, n=1)["data"]["roundRecord"]["url"]
    assert url == f"{settled.url}/rounds/1"
    assert "round 1 agrees" in cupel("verify", url, *chain)
    by_url = json.loads(cupel("explain", url, "--model", "1", "--json", *chain))
    assert by_url == json.loads(cupel("explain", str(member_folder(settled)), "--model", "1", "--json"))
    assert "expected the files of a round, found none" in cupel("verify", f"{settled.url}/rounds/7", code=1)
    assert "expected an answer" in cupel("verify", "http://127.0.0.1:1/rounds/1", code=1)


def test_the_record_of_a_round_is_the_chain_s(settled: Site) -> None:
    record = settled.world.record(1)
    found = settled.ask(RECORD, n=0)["data"]["roundRecord"]
    assert found["number"] == 1
    assert (found["state"], found["isScored"]) == ("settled", True)
    assert found["rulesHash"] == "0x" + record.rules_hash.hex()
    assert float(found["paid"]) * 10**9 == record.paid


def test_other_files_of_a_member_are_not_served(settled: Site) -> None:
    folder = member_folder(settled)
    (folder / "release.json").write_text("{}")
    (folder / "journal.sqlite").write_text("secret")
    served = {
        path.name
        for path in folder.iterdir()
        if requests.get(f"{settled.url}/rounds/1/{path.name}", timeout=10).status_code == 200
    }
    assert served <= READ | {"vote.json", "names.json"}
    assert {SCORES, REPORT, SUBMISSIONS} <= served
    for name in ("..%2F1%2Freport.json", "%2e%2e/1/report.json", "release.json", "journal.sqlite"):
        assert requests.get(f"{settled.url}/rounds/1/{name}", timeout=10).status_code == 404


def test_decrypted_predictions_are_not_served_whatever_folder_is_named(world: World, tmp_path: Path) -> None:
    """The operator named a member's own folder by mistake."""
    secret = encrypted_world(world)
    with running_site(secret, tmp_path / "server", bundles=(secret.members[0].paths.rounds,)) as site:
        secret.settle(secret.sealed_round())
        site.step()
        site.step()
        assert Bundle(member_folder(site)).has(SUBMISSIONS)
        assert requests.get(f"{site.url}/rounds/1/{SCORES}", timeout=10).status_code == 200
        assert requests.get(f"{site.url}/rounds/1/{SUBMISSIONS}", timeout=10).status_code == 404
        found = site.ask(BUCKETS, m="1")["data"]["explanation"]
        assert (bool(found["net"]), found["buckets"]) == (True, None)
