"""Webhooks: signed, retried with the same id, called once for a round, and never inside of this network."""

import hashlib
import hmac
import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from numerapi import base_api

from scorer.server.errors import ApiError
from scorer.server.outbound import Outbound
from tests.server.site import Site, running_site
from tests.world import World


@contextmanager
def listener(statuses: list[int]) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A server that answers with these statuses in turn, the last for ever; its URL, and what came."""
    came: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook?x=1", came
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def site(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with running_site(world, tmp_path / "server", calls_private=True) as running:
        monkeypatch.setattr(base_api, "API_TOURNAMENT_URL", running.url)
        yield running


def ask(site: Site, key: Any, query: str) -> Any:
    return site.ask(query, key)["data"]


def test_a_call_is_signed_logged_and_retried_with_the_same_id(site: Site) -> None:
    key = site.key(site.account_of(1))
    with listener([500, 204]) as (url, came):
        assert site.client(key).set_submission_webhook("1", url) is True
        trigger = ask(site, key, 'mutation { triggerModelWebhook(modelId: "1") }')["triggerModelWebhook"]
        assert site.services.webhooks.step() == 0, "not due yet"
        site.world.anvil.advance_to(site.world.now + 60)
        assert site.services.webhooks.step() == 1
        site.world.anvil.advance_to(site.world.now + 600)
        assert site.services.webhooks.step() == 0, "delivered"
    assert [json.loads(body)["triggerId"] for _, body in came] == [trigger, trigger]
    secret = ask(site, key, 'query { webhookSecret(modelId: "1") }')["webhookSecret"]
    for headers, body in came:
        message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        mac = hmac.new(b64decode(secret.removeprefix("whsec_")), message, hashlib.sha256).digest()
        assert headers["webhook-signature"] == "v1," + b64encode(mac).decode()
    (log,) = ask(site, key, 'query { triggerLogs(modelId: "1") { triggerId attempts state result } }')[
        "triggerLogs"
    ]
    assert log == {"triggerId": trigger, "attempts": 2, "state": "delivered", "result": None}


def test_a_round_that_opens_calls_every_webhook_once(site: Site) -> None:
    key = site.key(site.account_of(1))
    with listener([200]) as (url, came):
        site.client(key).set_submission_webhook("1", url)
        assert site.services.webhooks.step() == 0
        site.world.open()
        site.step()
        for _ in range(3):
            site.services.webhooks.step()
    (call,) = came
    assert json.loads(call[1])["roundNumber"] == 1
    assert json.loads(call[1])["modelId"] == "1"


def test_a_redirect_is_not_followed_and_a_removed_webhook_is_not_called(site: Site) -> None:
    key = site.key(site.account_of(1))
    with listener([302]) as (url, came):
        site.client(key).set_submission_webhook("1", url)
        site.ask('mutation { triggerModelWebhook(modelId: "1") }', key)
        site.client(key).set_submission_webhook("1", None)
        site.world.anvil.advance_to(site.world.now + 60)
        site.services.webhooks.step()
    assert len(came) == 1
    query = 'query { triggerLogs(modelId: "1") { state result } }'
    assert ask(site, key, query)["triggerLogs"] == [{"state": "failed", "result": "no webhook any more"}]
    answer = site.ask('mutation { triggerModelWebhook(modelId: "1") }', key)
    assert "expected a webhook" in answer["errors"][0]["message"]


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://example.org/",
            "https://example.org:8443/",
            "https://user@example.org/",
            "ftp://example.org",
        ),
        *("https://", "//example.org", "https://example.org\n.evil", "https://example.org:x/", "x" * 3000),
    ],
)
def test_a_url_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(ApiError, match="expected a URL such as https"):
        Outbound().check(url)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "[::1]"),
        *("[::ffff:127.0.0.1]", "[fe80::1]", "[fd00::1]", "100.64.0.1", "2130706433", "224.0.0.1"),
        *("[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[fec0::1]"),
        *("[::127.0.0.1]", "[::ffff:10.0.0.1]", "[::ffff:0:10.0.0.1]", "[2001:0:4136:e378::]"),
    ],
)
def test_no_address_of_this_network_is_called(host: str) -> None:
    assert Outbound().post(f"https://{host}/", b"{}", {}) == "an address that is not public"


def test_nobody_is_called_at_a_name_that_is_none() -> None:
    assert Outbound().post("https://no-such-host.invalid/", b"{}", {}) == "a name that does not resolve"
