"""The authorisation matrix of routes: who gets an answer from each, and who does not.

That of GraphQL's roots is in test_accounts.py, that of agents' tools in test_agents.py; each is complete.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from numerapi import base_api

from scorer.server.data_sets import DataSets
from scorer.server.pages.sessions import PLAIN_COOKIE, form_token
from scorer.server.pages.settings import PageSettings
from scorer.server.submission_records import ACCEPTED
from scorer.server.tables import METADATA
from tests.server.site import Site, running_site
from tests.server.test_fuzz import routes
from tests.server.test_session import validation
from tests.server.test_submissions import frame, inbox, listed, name_signer
from tests.world import World

EVERYBODY = {
    *("/schema.graphql", "/health", "/status", "/tournament.json", "/rounds/{number:int}/members.json"),
    *("/rounds/{number:int}/consensus.quorum.json", "/.well-known/agent-card.json"),
    "/.well-known/models/{number:int}.json",
    *("/rounds/{number:int}/{file}", "/rounds/current/ids.txt", "/rounds/{number:int}/payouts.json"),
    *("/models/{number:int}/badge.svg", "/models/{number:int}/statement.csv", "/assets/{name}"),
    *("/accounts/{key}/statement.csv", "/", "/rounds", "/rounds/{number:int}", "/leaderboard"),
    *("/leaderboard/accounts", "/models/{number:int}", "/models/{number:int}/rounds/{round:int}"),
    *(
        "/accounts/{key}",
        "/datasets",
        "/rules",
        "/rules/{hash}",
        "/formulas",
        "/members",
        "/meta-model",
        "/meta-model/{number:int}",
        "/data/{name:path}",
    ),
    *("/rounds/{number:int}/verify", "/embed/leaderboard", "/account", "/account/stake"),
}
"""Routes by GET that say to everybody what is public; `/account` says to strangers how to log in."""
ANY_METHOD = {"/mcp", "/"}
"""Routes whose tools and roots have a matrix of their own."""
SIGNED = {
    "PUT": {"/upload/{filename}"},
    "GET": {"/submission/{filename}", "/diagnosis/{filename}"},
}
"""Routes that need a URL which this server signed for this very file."""
OF_THE_SITE = {"/session", "/session/message"}
"""Routes by POST that begin a login, for a page of this site."""
LOGIN = {
    *("/account/upload", "/account/submit", "/account/profile", "/account/model", "/account/key"),
    *("/account/key/revoke", "/account/end", "/account/prepare", "/account/submissions/{id}"),
}
"""Routes by POST that change what is one's own."""
OWN = {"GET": {"/account/submissions/{id}"}}
"""Routes that show what is one's own, and nothing to others; see tests/web/test_own_files.py."""
ORGANISER = {"GET": {"/console"}, "POST": {"/console/invite", "/console/dry-run"}}


@pytest.fixture
def site(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A server of a private tournament with an organiser, who owns model 1, and an open round."""
    validation(tmp_path / "data")
    organiser = str(world.participants[0].account.address)
    page, data = PageSettings(organisers=(organiser,)), DataSets(tmp_path / "data")
    with running_site(world, tmp_path / "server", page=page, data=data) as running:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", running.url)
        name_signer(running, 1, 2)
        world.open()
        running.step()
        yield running


def browser(site: Site, model: int, username: str = "alice") -> tuple[requests.Session, str]:
    """A login of the owner of a model, and the text that its forms repeat."""
    token, _ = site.services.keys.log_in(site.account_of(model, username))
    session = requests.Session()
    session.headers.update({"Cookie": f"{PLAIN_COOKIE}={token}", "Origin": site.url})
    return session, form_token(token)


def post(session: requests.Session, site: Site, path: str, **fields: str) -> requests.Response:
    """Send a form, or what a script of a page sends, which has the same fields."""
    is_json = path in ("/account/upload", "/account/submit")
    data: Any = json.dumps(fields) if is_json else fields
    kind = {"Content-Type": "application/json" if is_json else "application/x-www-form-urlencoded"}
    return session.post(site.url + path, data=data, headers=kind, timeout=30, allow_redirects=False)


def test_the_matrix_of_routes_is_complete(site: Site) -> None:
    known = {("GET", path) for path in EVERYBODY} | {("POST", path) for path in OF_THE_SITE | LOGIN}
    for matrix in (SIGNED, OWN, ORGANISER):
        known |= {(method, path) for method, paths in matrix.items() for path in paths}
    found = {
        (method, route.path)
        for route in routes(site)
        if route.path not in ANY_METHOD
        for method in (route.methods or {"GET"}) - {"HEAD"}
    }
    assert found == known - {("GET", "/")}
    assert {route.path for route in routes(site)} == {path for _, path in known} | ANY_METHOD


def state(site: Site) -> list[list[tuple[Any, ...]]]:
    """Everything in the database but logins, which come and go."""
    with site.services.database.reading() as connection:
        return [
            sorted(map(tuple, connection.execute(table.select())), key=repr)
            for table in METADATA.sorted_tables
            if table.name not in ("session", "login_nonce")
        ]


FIELDS = {
    "model": "1",
    "filename": "x.csv",
    "name": "gold",
    "bio": "b",
    "note": "n",
    "rules": "{}",
    "public_id": "x",
}


@pytest.mark.parametrize("path", sorted(LOGIN | ORGANISER["POST"]))
def test_nothing_is_changed_without_a_login_or_by_another_site_s_form(site: Site, path: str) -> None:
    own, token = browser(site, 1)
    before = state(site)
    stranger = requests.Session()
    stranger.headers["Origin"] = site.url
    foreign, _ = browser(site, 1)
    foreign.headers["Origin"] = "https://evil.example"
    answers = {
        "no login": post(stranger, site, path, csrf=token, **FIELDS),
        "another login's form": post(own, site, path, csrf=form_token("x"), **FIELDS),
        "no form": post(own, site, path, **FIELDS),
        "another site": post(foreign, site, path, csrf=token, **FIELDS),
    }
    assert {who: answer.status_code for who, answer in answers.items() if answer.status_code < 400} == {}
    assert state(site) == before


def test_the_console_is_there_for_organisers_alone(site: Site) -> None:
    other, token = browser(site, 2, "bob")
    before = state(site)
    assert other.get(site.url + "/console", timeout=30).status_code == 404
    assert requests.get(site.url + "/console", timeout=30).status_code == 404
    for path in ORGANISER["POST"]:
        assert post(other, site, path, csrf=token, note="n", rules="{}").status_code == 403
    assert state(site) == before
    own, own_token = browser(site, 1)
    assert own.get(site.url + "/console", timeout=30).status_code == 200
    assert post(own, site, "/console/invite", csrf=own_token, note="n").status_code == 200


def test_a_login_changes_what_is_its_own_alone(site: Site) -> None:
    own, token = browser(site, 1)
    key = site.key(site.account_of(2, "bob"))
    granted = site.client(site.key(site.account_of(1)))._upload_auth(
        "submission_upload_auth", "p.csv", 8, "1"
    )
    assert requests.put(granted["url"], data=frame(site).to_csv(index=False), timeout=30).status_code == 200
    other, other_token = browser(site, 2, "bob")
    before = state(site)
    refused = [
        post(own, site, "/account/model", csrf=token, model="2", name="gold"),
        post(own, site, "/account/key/revoke", csrf=token, public_id=key.public_id),
        post(own, site, "/account/upload", csrf=token, model="2", filename="p.csv"),
        post(other, site, "/account/submit", csrf=other_token, model="1", filename=granted["filename"]),
        post(other, site, "/account/submit", csrf=other_token, model="2", filename=granted["filename"]),
    ]
    assert [answer.status_code for answer in refused] == [400] * len(refused)
    assert state(site) == before
    assert not inbox(site)
    made = post(own, site, "/account/submit", csrf=token, model="1", filename=granted["filename"])
    assert (made.status_code, made.json()["state"]) == (200, ACCEPTED)


def test_a_signed_url_is_good_for_its_method_route_and_file_alone(site: Site) -> None:
    client = site.client(site.key(site.account_of(1)))
    granted = client._upload_auth("submission_upload_auth", "p.csv", 8, "1")
    client.upload_predictions(model_id="1", df=frame(site))
    (row,) = listed(site)
    download = "query { submissionDownloadAuth { url } }"
    read = site.ask(download, site.key(site.account_of(1)))["data"]["submissionDownloadAuth"]["url"]
    assert requests.get(read, timeout=30).status_code == 200
    query = read.partition("?")[2]
    sending = granted["url"].partition("?")[2]
    for method, url in (
        ("GET", f"{site.url}/submission/{row['filename']}"),
        ("GET", f"{site.url}/submission/{granted['filename']}?{query}"),
        ("GET", f"{site.url}/submission/{granted['filename']}?{sending}"),
        ("GET", f"{site.url}/diagnosis/{row['filename']}?{query}"),
        ("PUT", f"{site.url}/upload/{row['filename']}?{query}"),
        ("PUT", f"{site.url}/upload/{granted['filename']}"),
        ("PUT", f"{site.url}/upload/{row['filename']}?{sending}"),
    ):
        answer = requests.request(method, url, data=b"x", timeout=30)
        assert answer.status_code == 403, (method, url)
    assert requests.put(read, data=b"x", timeout=30).status_code == 405
