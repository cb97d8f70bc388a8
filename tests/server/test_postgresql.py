"""The server on PostgreSQL: what differs from SQLite is how statements lock rows, and what sums are."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from numerapi import base_api

from scorer.server.submission_records import ACCEPTED, REFUSED
from tests.postgresql import postgres as postgres
from tests.server.site import Site, running_site
from tests.server.test_submissions import LATER, frame, hosted, listed
from tests.world import World

CREATE = 'mutation ($f: String!) { create_submission(filename: $f, tournament: 8, modelId: "1") { id } }'


@pytest.fixture
def site(world: World, tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with running_site(world, tmp_path / "server", database=postgres, calls_private=True) as running:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", running.url)
        yield running


def test_submissions_quotas_and_webhooks_work_on_postgresql(site: Site) -> None:
    client = hosted(site)
    made = [client.upload_predictions(model_id="1", df=frame(site, 1 + number)) for number in range(3)]
    assert [row["id"] for row in listed(site)] == made[::-1]
    client.set_submission_webhook("1", "http://127.0.0.1:9/")
    key = site.key(site.account_of(1))
    assert "errors" not in site.ask('mutation { triggerModelWebhook(modelId: "1") }', key)
    assert site.services.webhooks.step() == 2, "the trigger, and the round's opening"
    for name in ("first_name", "second_name"):
        assert "errors" not in site.ask(f'mutation {{ setModelName(modelId: "1", name: "{name}") }}', key)
        asked = site.ask('{ accountProfile(username: "alice") { models { id displayName } } }')
        names = {model["id"]: model["displayName"] for model in asked["data"]["accountProfile"]["models"]}
        assert names["1"] == name, "no answer of before is kept"
    board = site.ask("{ accountLeaderboard(limit: 9, offset: 0) { username nmrStaked } }")
    assert "errors" not in board
    site.world.anvil.advance_to(site.world.now + 3 * LATER)
    assert site.services.uploads.expire() == 0


def test_an_upload_is_used_by_one_of_many_requests_at_once(site: Site) -> None:
    client, key = hosted(site), site.key(site.account_of(1))
    granted = client._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    requests.put(granted["url"], data=frame(site).to_csv(index=False).encode(), timeout=10)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: site.ask(CREATE, key, f=granted["filename"]), range(6)))
    assert sum("errors" not in answer for answer in answers) == 1
    assert [row["state"] for row in listed(site)] == [ACCEPTED]


def test_one_of_many_processes_takes_a_submission_over(site: Site) -> None:
    hosted(site)
    records = site.services.submissions.records
    account = site.account_of(1)
    held = records.add("csv", model=1, round=1, account=account.id, filename="f", digest="0" * 64)
    site.world.anvil.advance_to(site.world.now + LATER)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: records.take_over(), range(6)))
    assert [one.id for rows in found for one, _ in rows] == [held.id]
    ((taken, _),) = (rows[0] for rows in found if rows)
    records.become(taken, REFUSED, "for a test")
    assert records.take_over() == []
