"""The gateway: unchanged numerapi submits for a model whose key never leaves the data scientist's machine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from numerapi import base_api

from scorer.operator.inbox_files import read_signature
from scorer.protocol.digest import content_hash
from scorer.protocol.signature import SubmissionDigest
from scorer.server.gateway import Gateway, gateway_application
from scorer.server.upstream import GatewayError, Upstream
from tests.server.loopback import served
from tests.server.site import Site, wallet_of
from tests.server.site import site as site
from tests.server.test_submissions import frame, inbox, listed
from tests.world import IDS


@pytest.fixture
def gateway(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A gateway with the key of model 1's owner, at which numerapi is pointed, in an open round."""
    site.world.open()
    site.step()
    wallet = wallet_of(site.world.participants[0].account)

    def make(url: str) -> Any:
        return gateway_application(Gateway(Upstream(site.url), wallet, url, tmp_path / "receipts"))

    with served(make, by_url=True) as url:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", url)
        yield url


@pytest.mark.usefixtures("gateway")
def test_numerapi_submits_through_the_gateway_with_the_owner_s_signature(site: Site, tmp_path: Path) -> None:
    client = site.client(site.key(site.account_of(1)))
    made = client.upload_predictions(model_id="1", df=frame(site))
    (file,) = inbox(site)
    owner = site.world.participants[0].account
    suite = site.world.suite.addresses
    expected = content_hash(IDS, frame(site)["prediction"].to_numpy())
    digest = SubmissionDigest(suite.chain_id, suite.tournament, 1, 1, expected)
    assert digest.signer(read_signature(file).signature) == owner.address
    receipt = json.loads((tmp_path / "receipts" / f"{made}.receipt.json").read_text())
    assert receipt == listed(site)[0]["receipt"]


@pytest.mark.usefixtures("gateway")
def test_all_else_is_the_server_s_answer(site: Site) -> None:
    key = site.key(site.account_of(1))
    through = site.client(key)
    asked = [through.get_account(), through.list_rounds(), through.get_models(), through.get_leaderboard()]
    base_api.API_TOURNAMENT_URL = site.url
    assert [
        through.get_account(),
        through.list_rounds(),
        through.get_models(),
        through.get_leaderboard(),
    ] == asked


@pytest.mark.usefixtures("gateway")
def test_a_broken_file_never_leaves_the_machine(site: Site) -> None:
    client = site.client(site.key(site.account_of(1)))
    with pytest.raises(ValueError, match="expected"):
        client.upload_predictions(model_id="1", df=frame(site).iloc[:5])
    assert not listed(site)
    assert not list(site.services.uploads.blobs.drafts.glob("*"))


@pytest.mark.usefixtures("gateway")
def test_a_model_of_another_key_is_refused_by_the_server(site: Site) -> None:
    owners = [participant.account.address for participant in site.world.participants]
    other = next(number for number, owner in enumerate(owners, start=1) if owner != owners[0])
    client = site.client(site.key(site.account_of(other, "bob")))
    with pytest.raises(ValueError, match="the submitter of model"):
        client.upload_predictions(model_id=str(other), df=frame(site))
    assert not inbox(site)


def test_a_page_of_another_name_gets_no_answer(gateway: str) -> None:
    body = {"query": "query { tournaments { name } }"}
    answer = requests.post(gateway, json=body, headers={"Host": "evil.example:80"}, timeout=10)
    assert "from this machine" in answer.json()["errors"][0]["message"]
    assert requests.post(gateway, json=body, timeout=10).json()["data"]["tournaments"]
    assert requests.put(f"{gateway}/upload/unknown.csv", data=b"x", timeout=10).status_code == 404


def test_a_server_that_is_none_is_refused_at_once(site: Site, tmp_path: Path) -> None:
    wallet = wallet_of(site.world.participants[0].account)
    with pytest.raises(GatewayError, match="expected a file of the server"):
        Gateway(Upstream(f"{site.url}/nowhere"), wallet, "http://127.0.0.1:1", tmp_path)
    with pytest.raises(GatewayError, match="expected an answer"):
        Gateway(Upstream("http://127.0.0.1:1"), wallet, "http://127.0.0.1:1", tmp_path)
