"""Webhooks: signed, retried with the same id, called once for a round, and never inside of this network."""

import hashlib
import hmac
import json
import socket
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from numerapi import base_api

from scorer.server.errors import ApiError
from scorer.server.outbound import Outbound
from scorer.server.webhooks import MOST_OF_ACCOUNT, MOST_TRIGGERS, Webhooks
from tests.server.site import Site, running_site, send
from tests.world import HOUR, World


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
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
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
        assert not came, "asked for, and made by a worker"
        assert site.services.webhooks.step() == 1
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
        site.services.webhooks.step()
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
        *("https://[::1", "https://" + "a" * 70 + ".example/", "https://a..b/"),
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


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does as it likes with a connection; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        listening.shutdown(socket.SHUT_RDWR)


def drips(connection: socket.socket) -> None:
    """Send a byte of a header, and another one, for ever: never so late that a socket's timeout ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"a")
        threading.Event().wait(0.05)


def test_a_server_that_drips_is_left_in_time() -> None:
    with raw_server(drips) as url:
        began = time.monotonic()
        found = Outbound(allows_private=True, seconds=0.5).post(url, b"{}", {})
        assert 0.4 < time.monotonic() - began < 5
    assert found == "no whole answer within 0.5 s"


@pytest.mark.parametrize(
    "answer", [b"", b"\x00\xff" * 99, b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200]
)
def test_whatever_a_server_answers_is_a_result(answer: bytes) -> None:
    with raw_server(lambda connection: connection.sendall(answer)) as url:
        assert Outbound(allows_private=True, seconds=2).post(url, b"{}", {})


def test_names_and_paths_in_other_letters_are_sent_in_ascii() -> None:
    seen: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        seen.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")

    with raw_server(answer) as url:
        assert Outbound(allows_private=True).post(f"{url}ä?b=é", b"{}", {}) is None
    assert seen[0].startswith(b"POST /%C3%A4?b=%C3%A9 HTTP/1.1")
    target = Outbound()._target("https://bücher.example/")
    assert (target.host, target.header) == ("xn--bcher-kva.example", "xn--bcher-kva.example")


def test_a_call_that_ends_its_worker_is_not_made_for_ever(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = site.key(site.account_of(1))
    site.client(key).set_submission_webhook("1", "http://127.0.0.1:9/")
    site.ask('mutation { triggerModelWebhook(modelId: "1") }', key)

    def dies(*_arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Webhooks, "_call", dies)
    for _ in range(9):
        site.world.anvil.advance_to(site.world.now + 2 * HOUR)
        with suppress(MemoryError):
            site.services.webhooks.step()
    monkeypatch.undo()
    site.world.anvil.advance_to(site.world.now + 2 * HOUR)
    site.services.webhooks.step()
    query = 'query { triggerLogs(modelId: "1") { state } }'
    assert ask(site, key, query)["triggerLogs"] == [{"state": "failed"}]


def test_an_account_asks_for_so_many_calls_an_hour(site: Site) -> None:
    key = site.key(site.account_of(1))
    site.client(key).set_submission_webhook("1", "http://127.0.0.1:9/")
    trigger = 'mutation { triggerModelWebhook(modelId: "1") }'
    for _ in range(MOST_TRIGGERS):
        assert "errors" not in site.ask(trigger, key)
    assert "in an hour" in site.ask(trigger, key)["errors"][0]["message"]
    site.world.anvil.advance_to(site.world.now + HOUR)
    assert "errors" not in site.ask(trigger, key)


def test_an_account_with_many_calls_leaves_room_for_others(site: Site) -> None:
    many, one = site.key(site.account_of(1)), site.key(site.account_of(2, "bob"))
    for model, key in (("1", many), ("2", one)):
        site.client(key).set_submission_webhook(model, "http://127.0.0.1:9/")
    for _ in range(MOST_OF_ACCOUNT + 5):
        site.ask('mutation { triggerModelWebhook(modelId: "1") }', many)
    trigger = site.ask('mutation { triggerModelWebhook(modelId: "2") }', one)["data"]["triggerModelWebhook"]
    due = site.services.webhooks._due()
    assert len(due) == MOST_OF_ACCOUNT + 1
    assert trigger in due[:2]


def test_a_secret_can_be_changed_and_changes_with_the_owner(site: Site) -> None:
    key = site.key(site.account_of(1))
    query = 'query { webhookSecret(modelId: "1") }'
    first = ask(site, key, query)["webhookSecret"]
    second = ask(site, key, 'mutation { rotateWebhookSecret(modelId: "1") }')["rotateWebhookSecret"]
    assert second == ask(site, key, query)["webhookSecret"] != first
    old, new = (site.world.participants[number].account for number in (0, 1))
    send(
        site.world, site.world.suite.registry.functions.transferFrom(old.address, new.address, 1), old.address
    )
    site.step()
    assert site.services.webhooks.secret_of(1) not in (first, second)


def test_the_webhook_of_a_former_owner_is_not_called(site: Site) -> None:
    key = site.key(site.account_of(1))
    with listener([200]) as (url, came):
        site.client(key).set_submission_webhook("1", url)
        site.ask('mutation { triggerModelWebhook(modelId: "1") }', key)
        old, new = (site.world.participants[number].account for number in (0, 1))
        transfer = site.world.suite.registry.functions.transferFrom(old.address, new.address, 1)
        send(site.world, transfer, old.address)
        site.world.open()
        site.step()
        assert site.services.webhooks.step() == 1
        site.services.webhooks.step()
    assert not came
    owner = site.key(site.account_of(2, "bob"))
    query = 'query { triggerLogs(modelId: "1") { state result } }'
    assert ask(site, owner, query)["triggerLogs"] == [{"state": "failed", "result": "no webhook any more"}]
