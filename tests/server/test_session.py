"""A data scientist's session: every public method of numerapi, unchanged, through the gateway."""

import inspect
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
from numerapi import CryptoAPI, NumerAPI, SignalsAPI, base_api

from scorer.scoring import correlation_contribution, diagnostics, feature_neutral_corr, numerai_corr
from scorer.server.data_sets import DataSets
from tests.object_store import s3 as s3
from tests.object_store import s3_server as s3_server
from tests.postgresql import postgres as postgres
from tests.server.site import IN_THE_CLEAR, Site, running_gateway, running_site, send
from tests.server.test_submissions import frame, inbox
from tests.server.test_webhooks import listener
from tests.world import World

ERAS, IDS_AN_ERA = 6, 120
FEATURES = [f"feature_{number}" for number in range(5)]


def validation(folder: Path) -> pd.DataFrame:
    """A data set of one version, with example predictions; its validation eras."""
    generator, count = np.random.default_rng(3), ERAS * IDS_AN_ERA
    version = folder / "v1.0"
    version.mkdir(parents=True)
    table = pd.DataFrame(
        {
            "era": np.repeat([f"{era:04}" for era in range(1, ERAS + 1)], IDS_AN_ERA),
            **{name: generator.integers(0, 5, count).astype("int8") for name in FEATURES},
            "target": generator.choice([0.0, 0.25, 0.5, 0.75, 1.0], count),
        },
        index=pd.Index([f"n{number:05}" for number in generator.permutation(count)], name="id"),
    )
    table.to_parquet(version / "validation.parquet")
    table.to_parquet(version / "live.parquet")
    example = pd.DataFrame({"era": table["era"], "prediction": generator.random(count)}, index=table.index)
    example.to_parquet(version / "validation_example_preds.parquet")
    (version / "features.json").write_text(json.dumps({"feature_sets": {"small": FEATURES}}))
    return table


@pytest.fixture(params=["SQLite and a folder", "PostgreSQL and S3"])
def running(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Site]:
    """A server with data behind a gateway, one round settled, and another one open."""
    validation(tmp_path / "data")
    places = dict[str, Any]()
    if request.param == "PostgreSQL and S3":
        store = request.getfixturevalue("s3")
        places = {"database": request.getfixturevalue("postgres"), "objects": store.url}
    data = DataSets(tmp_path / "data")
    with running_site(world, tmp_path / "server", data=data, calls_private=True, **places) as site:
        world.settle(world.sealed_round())
        world.open()
        owner = world.participants[0].account
        withdraw = world.suite.tournament.functions.withdraw(1, 10**18, owner.address)
        send(world, withdraw, owner.address)
        site.step()
        site.step()
        with running_gateway(site, tmp_path / "receipts", IN_THE_CLEAR) as url:
            monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", url)
            yield site


def refused(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def public_methods(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


class Recorded:
    """A client that notes which of its methods were called."""

    def __init__(self, client: Any) -> None:
        self.client, self.called = client, set[str]()

    def __getattr__(self, name: str) -> Any:
        self.called.add(name)
        return getattr(self.client, name)


def test_a_session_through_every_method_of_numerapi(running: Site, tmp_path: Path) -> None:
    site, account = running, running.account_of(1)
    api: Any = Recorded(site.client(site.key(account)))
    api.set_global_data_dir(str(tmp_path / "downloads"))
    _reads(api, account.username)
    _profile(api)
    _submits(api, site, tmp_path)
    _diagnoses(api, tmp_path, site.services.diagnoses.step)
    _stakes(api)
    with listener([200]) as (url, came):
        assert api.set_submission_webhook("1", url) is True
        trigger = api.raw_query(
            "mutation ($modelId: String!) { triggerModelWebhook(modelId: $modelId) }", {"modelId": "1"}, True
        )["data"]["triggerModelWebhook"]
        site.services.webhooks.step()
        assert trigger in {json.loads(body)["triggerId"] for _, body in came}
    assert public_methods(NumerAPI) - api.called == set()


def _reads(api: Any, username: str) -> None:
    assert api.get_current_round() == 2
    assert [row["number"] for row in api.list_rounds()] == [2, 1]
    assert [row["number"] for row in api.get_competitions()] == [2, 1]
    assert api.list_rounds(status="resolved")[0]["number"] == 1
    assert api.check_round_open() is False, "the chain of tests is in the past"
    assert api.check_new_round() is False
    assert api.pipeline_status()["tournament"] == "classic"
    assert "v1.0/live.parquet" in api.list_datasets()
    assert pd.read_parquet(api.download_dataset("v1.0/live.parquet")).shape == (ERAS * IDS_AN_ERA, 7)
    account = api.get_account()
    assert account["username"] == username
    assert account["availableNmr"] >= 0
    assert api.get_models()["model_1"] == "1"
    assert api.models_of_account(username)["model_1"] == "1"
    assert api.modelid_to_modelname("1") == "model_1"
    (withdrawn,) = api.wallet_transactions()
    assert (withdrawn["type"], withdrawn["amount"]) == ("withdrawal", Decimal(1))
    assert api.public_user_profile("model_1")["username"] == "model_1"
    assert len(api.submission_scores("1")) == 2
    assert len(api.submission_scores("1", display_name="corr_target_20d2l", last_n_rounds=1)) == 1
    payouts = api.pending_model_payouts()
    assert {row["roundNumber"] for row in payouts["actual"]} == {1}
    assert [row["roundNumber"] for row in api.round_model_performances_v2("1")] == [1]
    assert len(api.intra_round_scores("1")) >= 0
    assert [row["roundNumber"] for row in api.round_model_performances("1")] == [1]
    (performance,) = api.daily_model_performances("model_1")
    assert performance["corrRep"] is not None
    board = api.get_leaderboard(limit=50)
    assert [row["rank"] for row in board] == list(range(1, 11))
    assert all(row["nmrStaked"] > 0 for row in board)
    assert api.get_leaderboard(limit=5, offset=1000) == []
    owners = api.get_account_leaderboard()
    assert username in {row["username"] for row in owners}


def _profile(api: Any) -> None:
    assert api.set_bio("1", "ridge") is True
    assert api.set_link("1", link_text="page", link="https://example.org/") is True
    assert api.public_user_profile("model_1")["bio"] == "ridge"


def _submits(api: Any, site: Site, folder: Path) -> None:
    path = folder / "predictions.csv"
    frame(site, 1, 2).to_csv(path, index=False)
    made = api.upload_predictions(str(path), model_id="1")
    again = api.upload_predictions(df=frame(site, 1, 3), model_id="1")
    assert {row["id"] for row in api.submission_ids("1")} == {made, again}
    assert len(inbox(site, 2)) == 2
    assert len(api.get_submission_filenames(model_id="1", round_num=2)) == 1
    back = api.download_submission(submission_id=made, dest_path=str(folder / "back.csv"))
    assert Path(back).read_bytes() == path.read_bytes()
    refused(lambda: api.upload_predictions(df=frame(site).iloc[:3], model_id="1"), "expected")
    refused(lambda: api.upload_predictions(df=frame(site), model_id="999"), "one of your models")


def _own_diagnostics(api: Any, job: str) -> None:
    """What the server says beyond numerapi's fields: counterfactuals, and a page."""
    query = (
        'query ($i: String) { diagnostics(modelId: "1", id: $i) { reportUrl exposures { feature risk } '
        "counterfactuals { name corrMean corrBefore } } }"
    )
    (row,) = api.raw_query(query, {"i": job}, True)["data"]["diagnostics"]
    assert {each["feature"] for each in row["exposures"]} == set(FEATURES)
    assert len(row["counterfactuals"]) == len(FEATURES) + 2
    page = requests.get(row["reportUrl"], timeout=10)
    assert "Diagnostics of model 1" in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert requests.get(row["reportUrl"].replace(job, "0" * len(job)), timeout=10).status_code == 403


def _diagnoses(api: Any, folder: Path, work: Callable[[], int]) -> None:
    table = pd.read_parquet(folder / "data" / "v1.0" / "validation.parquet")
    values = np.random.default_rng(9).random(len(table))
    predictions = pd.DataFrame({"id": table.index, "prediction": values})
    job = api.upload_diagnostics(df=predictions, model_id="1")
    assert api.diagnostics("1", job)[0]["status"] == "pending"
    assert work() == 1
    found = api.diagnostics("1", job)[0]
    assert (found["status"], found["erasAcceptedCount"]) == ("done", ERAS)
    _own_diagnostics(api, job)
    expected = _by_era(table, predictions.set_index("id"), numerai_corr, lambda part: (part["target"],))
    assert [era["validationCorr"] for era in found["perEraDiagnostics"]] == expected
    assert found["validationCorrMean"] == diagnostics(pd.Series(expected)).mean
    neutral = _by_era(
        table,
        predictions.set_index("id"),
        feature_neutral_corr,
        lambda part: (part[FEATURES].astype(float), part["target"]),
    )
    assert np.allclose([era["validationFeatureNeutralCorr"] for era in found["perEraDiagnostics"]], neutral)
    example = pd.read_parquet(folder / "data" / "v1.0" / "validation_example_preds.parquet")["prediction"]
    mmc = _by_era(
        table,
        predictions.set_index("id"),
        correlation_contribution,
        lambda part: (example.loc[part.index], part["target"]),
    )
    assert [era["validationMmc"] for era in found["perEraDiagnostics"]] == mmc
    broken = api.upload_diagnostics(df=predictions.iloc[:7], model_id="1")
    assert work() == 1
    assert api.diagnostics("1", broken)[0]["status"] == "failed"


def _by_era(table: pd.DataFrame, predictions: pd.DataFrame, score: Any, others: Any) -> list[float]:
    return [
        float(score(predictions.loc[part.index], *others(part)).iloc[0]) for _, part in table.groupby("era")
    ]


def _stakes(api: Any) -> None:
    assert api.stake_get("model_1") > 0
    refused(lambda: api.stake_drain("1"), "cupel stake")
    refused(lambda: api.stake_increase(1, "1"), "cupel stake")
    refused(lambda: api.stake_decrease(1, "1"), "cupel stake")
    refused(lambda: api.stake_change(1, "increase", "1"), "cupel stake")
    refused(lambda: api.stake_set(10**6, "1"), "cupel stake")
    assert api.v3_stake_config()["paused"] is False
    assert api.v3_stake_round("1")["resolved"] is True
    refused(lambda: api.v3_stake_auth("1", "0x1", "1"), "no authorisation")
    refused(lambda: api.v3_stake_claim("1", "1", "0x1"), "nothing is to be claimed")
    assert api.model_upload_data_versions() == {}
    assert api.model_upload_docker_images() == {}
    refused(lambda: api.model_upload(__file__, model_id="1"), "no code of yours")


@pytest.mark.parametrize(("kind", "client"), [("signals", SignalsAPI), ("crypto", CryptoAPI)])
def test_signals_and_crypto_clients_read_and_submit(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, client: type
) -> None:
    live = tmp_path / "data" / "v1.0"
    live.mkdir(parents=True)
    tickers = pd.DataFrame(
        {"numerai_ticker": ["AAPL US", "SAP GR"], "date": "2026-03-27", "data_type": "live"}
    )
    tickers.to_parquet(live / "live.parquet")
    with running_site(world, tmp_path / "server", kind=kind, data=DataSets(tmp_path / "data")) as site:
        world.settle(world.sealed_round())
        world.open()
        site.step()
        site.step()
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", site.url)
        monkeypatch.chdir(tmp_path)
        api = site.client(site.key(site.account_of(1)), client)
        assert len(api.get_leaderboard(limit=1)) == 1
        assert api.get_models()["model_1"] == "1"
        refused(lambda: api.upload_predictions(df=frame(site, 1, 2), model_id="1"), "cupel gateway")
        if kind == "signals":
            assert api.daily_model_performances("model_1")
            assert api.ticker_universe() == ["AAPL US", "SAP GR"]
        wrong = site.client(site.key(site.account_of(1)), NumerAPI)
        refused(lambda: wrong.list_rounds(), "each tournament has a URL of its own")
