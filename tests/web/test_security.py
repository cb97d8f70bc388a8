"""What users and other sites write does no harm: escaped texts, strict policies, forms of this site alone."""

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import requests
from markupsafe import escape

from scorer.server.pages.badges import badge
from scorer.server.pages.formatting import safe_link
from scorer.server.pages.rendering import PageCache
from tests.server.site import Site
from tests.web.page_world import INJECTIONS, LINKS, login, page, token_of
from tests.web.test_pages import PAGES, links

LOADED_ON_CLICK = "connect-src 'self' https: http://127.0.0.1:* http://localhost:*"


def test_pages_forbid_what_they_do_not_need(shown: Site) -> None:
    for path in PAGES:
        headers = page(shown, path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        is_embedded = path.startswith("/embed")
        assert ("frame-ancestors 'none'" in policy) != is_embedded
        assert (headers.get("X-Frame-Options") == "DENY") != is_embedded
        assert (LOADED_ON_CLICK in policy) == path.endswith("/verify")


def test_answers_that_are_no_pages_keep_their_policy(shown: Site) -> None:
    answer = requests.get(shown.url + "/tournament.json", timeout=60)
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["X-Frame-Options"] == "DENY"
    status = requests.get(shown.url + "/status", timeout=60)
    assert status.json()["is_ready"] is True


@pytest.fixture
def described(shown: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The site while a model and an account have harmful texts, and no page is taken from memory."""
    monkeypatch.setattr(PageCache, "get", lambda *_: None)
    accounts = shown.services.accounts
    grace = shown.account_of(2)
    yield shown
    accounts.describe(grace, bio="", link_url="", link_text="")
    accounts.edit_model(2, bio="", link_url="", link_text="")


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_bio_is_text_whatever_it_says(described: Site, text: str) -> None:
    accounts = described.services.accounts
    stored = text.replace("\x00", "")  # no database takes it
    accounts.describe(described.account_of(2), bio=stored, link_text=stored, link_url="https://example.org/")
    accounts.edit_model(2, bio=stored, link_text=stored, link_url="https://example.org/?" + stored)
    for path in ("/accounts/grace-h", "/models/2"):
        answer = page(described, path)
        assert answer.status_code == 200
        found = links(answer.text)
        assert found.inline == []
        assert str(escape(stored)) in answer.text
        assert not any(target.lower().startswith(("javascript:", "data:")) for _, target in found.found)
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("url", LINKS)
def test_a_link_of_a_user_leads_to_a_web_page_or_nowhere(described: Site, url: str) -> None:
    described.services.accounts.describe(described.account_of(2), link_url=url, link_text="look")
    text = page(described, "/accounts/grace-h").text
    shown = [target for tag, target in links(text).found if tag == "a" and target == url]
    assert bool(shown) == (safe_link(url) is not None)
    assert links(text).inline == []


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_an_address_says_is_shown_as_text(shown: Site, text: str) -> None:
    for path in ("/leaderboard", "/leaderboard/accounts", "/embed/leaderboard"):
        for name in ("q", "sort", "page"):
            answer = requests.get(
                shown.url + path, params={name: text}, headers={"Accept": "text/html"}, timeout=60
            )
            # No database stores the character 0: an address that has it is refused before it is looked up.
            assert answer.status_code == (400 if "\x00" in text else 200), (path, name)
            assert links(answer.text).inline == []
    assert page(shown, f"/accounts/{quote(text, safe='')}").status_code in (400, 404)


def test_a_badge_has_names_as_text_only() -> None:
    for text in INJECTIONS:
        found = badge(text, text)
        assert "<script" not in found
        assert "<img" not in found
        assert "onload=alert" not in found.replace("&lt;svg/onload=alert", "")


def test_a_login_is_a_cookie_that_scripts_and_other_sites_do_not_get(shown: Site) -> None:
    session = login(shown)
    cookie = next(iter(session.cookies))
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "lax"
    own = session.get(shown.url + "/account", timeout=60)
    assert own.headers["Cache-Control"] == "no-store"
    assert cookie.value is not None
    assert cookie.value not in own.text
    assert "ada" in own.text


def test_a_server_with_tls_gives_its_cookie_to_its_own_host_alone(shown: Site) -> None:
    from dataclasses import replace

    from starlette.responses import Response

    from scorer.server.pages.sessions import BrowserSessions

    response = Response()
    BrowserSessions(replace(shown.services, url="https://cupel.example/t/7")).begin(response, "token")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("__Host-cupel=token;")
    assert "Secure" in cookie
    assert "Path=/;" in cookie
    assert "HttpOnly" in cookie


def test_forms_of_other_sites_and_other_logins_are_refused(shown: Site) -> None:
    session = login(shown)
    token = token_of(session.get(shown.url + "/account", timeout=60).text)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    url = shown.url + "/account/profile"

    def post(origin: str | None, csrf: str) -> int:
        headers = form | ({"Origin": origin} if origin else {})
        if origin is None:
            session.headers.pop("Origin", None)
        fields = {"csrf": csrf, "bio": "changed", "link_url": "", "link_text": ""}
        return session.post(url, data=fields, headers=headers, timeout=60).status_code

    before = shown.services.accounts.by_name("ada")
    assert before is not None
    assert post("https://evil.example", token) == 403
    assert post(shown.url, "0" * 64) == 403
    assert post(shown.url, token_of(login(shown).get(shown.url + "/account", timeout=60).text)) == 403
    assert post("null", token) == 403
    assert post(None, token) == 403
    unchanged = shown.services.accounts.by_name("ada")
    assert unchanged == before
    assert post(shown.url, token) == 200  # by way of a redirect
    changed = shown.services.accounts.by_name("ada")
    assert changed is not None
    assert changed.bio == "changed"
    shown.services.accounts.describe(
        changed, bio=before.bio, link_url=before.link_url, link_text=before.link_text
    )


def test_a_login_by_another_site_is_refused(shown: Site) -> None:
    body = json.dumps({"address": shown.world.participants[0].account.address})
    headers = {"Origin": "https://evil.example", "Content-Type": "application/json"}
    answer = requests.post(shown.url + "/session/message", data=body, headers=headers, timeout=60)
    assert answer.status_code == 400
    assert "page of this site" in answer.json()["error"]


def shown_after(text: str, name: str) -> str:
    found = re.search(rf"NUMERAI_{name}=(\w+)", text)
    assert found is not None
    return found[1]


def test_keys_are_made_shown_once_and_revoked_by_forms(shown: Site) -> None:
    session = login(shown)
    session.headers["Content-Type"] = "application/x-www-form-urlencoded"
    token = token_of(session.get(shown.url + "/account", timeout=60).text)
    fields = {"csrf": token, "name": "laptop", "read_user_info": "1"}
    made = session.post(shown.url + "/account/key", data=fields, timeout=60)
    public, secret = (shown_after(made.text, name) for name in ("PUBLIC_ID", "SECRET_KEY"))
    assert shown.services.keys.caller(f"Token {public}${secret}").account.username == "ada"
    again = session.get(shown.url + "/account", timeout=60).text
    assert secret not in again
    assert public in again
    session.post(shown.url + "/account/key/revoke", data={"csrf": token, "public_id": public}, timeout=60)
    assert public not in session.get(shown.url + "/account", timeout=60).text


def test_a_logout_ends_the_login_here_and_there(shown: Site) -> None:
    session = login(shown)
    kept = dict(session.cookies)
    session.headers["Content-Type"] = "application/x-www-form-urlencoded"
    token = token_of(session.get(shown.url + "/account", timeout=60).text)
    session.post(shown.url + "/account/end", data={"csrf": token}, timeout=60)
    assert "Log in" in requests.get(shown.url + "/account", cookies=kept, timeout=60).text
