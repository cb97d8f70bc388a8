"""A call wakes the node when the operator or the server signed it, once; it is never believed."""

import hashlib
import hmac
import json
import socket
import time
from base64 import b64encode
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from eth_account import Account

from scorer.chain.contracts import Suite
from scorer.chain.endpoint import unchecked
from scorer.compute import webhook
from scorer.compute.webhook import MOST_BODY, QUESTIONS, TOLERANCE, WakeUp, served_webhook
from scorer.lab.in_process import OPERATOR
from scorer.lab.proxy import proxy_of
from scorer.operator.waking import NotWoken, wake
from scorer.protocol.wake_up import ID, SIGNATURE, TIMESTAMP, wake_up_headers
from tests.waiting import eventually
from tests.world import World

BODY = json.dumps({"triggerId": "abc", "modelId": "1"}).encode()
NOW = 1_800_000_000
SECRET = "whsec_" + b64encode(b"s" * 32).decode()


class Calls:
    """A node that can be woken, and how often it was."""

    def __init__(self, suite: Suite, secret: str | None = None) -> None:
        self.count = 0
        self.wake_up = WakeUp(suite, (1, 2), self._woken, secret, clock=lambda: float(NOW))

    def _woken(self) -> None:
        self.count += 1


def signed(key: bytes, identity: str = "one", at: int = NOW, body: bytes = BODY) -> dict[str, str]:
    return wake_up_headers(key, identity, at, body)


def by_server(
    identity: str = "one", at: int = NOW, body: bytes = BODY, secret: bytes = b"s" * 32
) -> dict[str, str]:
    """Headers as the server's webhooks have them, and as `standardwebhooks` makes them."""
    digest = hmac.new(secret, f"{identity}.{at}.".encode() + body, hashlib.sha256).digest()
    return {ID: identity, TIMESTAMP: str(at), SIGNATURE: "v1," + b64encode(digest).decode()}


@pytest.fixture
def operator(world: World) -> bytes:
    return bytes(world.anvil.account(OPERATOR).key)


def test_the_operator_s_signature_wakes_the_node_and_names_the_trigger(world: World, operator: bytes) -> None:
    calls = Calls(world.suite)
    assert calls.wake_up.take(signed(operator), BODY).status == 202
    assert calls.count == 1
    assert [calls.wake_up.trigger_of(model) for model in (1, 1, 2)] == ["abc", None, None]


def test_a_call_without_a_model_is_for_all_of_them(world: World, operator: bytes) -> None:
    calls = Calls(world.suite)
    body = b'{"triggerId": "abc"}'
    assert calls.wake_up.take(signed(operator, body=body), body).status == 202
    assert [calls.wake_up.trigger_of(model) for model in (1, 2, 3)] == ["abc", "abc", None]


def test_the_same_call_counts_once(world: World, operator: bytes) -> None:
    calls = Calls(world.suite)
    assert calls.wake_up.take(signed(operator), BODY).status == 202
    assert calls.wake_up.take(signed(operator), BODY).status == 409
    assert calls.wake_up.take(signed(operator, "two"), BODY).status == 202
    assert calls.count == 2


@pytest.mark.parametrize("late", [-TOLERANCE - 1, TOLERANCE + 1])
def test_an_old_call_and_one_from_the_future_are_refused(world: World, operator: bytes, late: int) -> None:
    calls = Calls(world.suite)
    assert calls.wake_up.take(signed(operator, at=NOW + late), BODY).status == 400
    assert calls.wake_up.take(signed(operator, at=NOW + late // 2), BODY).status == 202


CHANGES: list[tuple[dict[str, str], bytes]] = [
    ({}, BODY + b" "),
    ({ID: "two"}, BODY),
    ({TIMESTAMP: str(NOW + 1)}, BODY),
    ({SIGNATURE: ""}, BODY),
    ({SIGNATURE: "v1k,AAAA"}, BODY),
    ({SIGNATURE: "v1k,!"}, BODY),
    ({SIGNATURE: "v1," + "A" * 88}, BODY),
]


@pytest.mark.parametrize(("changed", "body"), CHANGES)
def test_whatever_is_changed_afterwards_is_refused(
    world: World, operator: bytes, changed: dict[str, str], body: bytes
) -> None:
    for headers in (signed(operator), by_server()):
        calls = Calls(world.suite, SECRET)
        assert calls.wake_up.take({**headers, **changed}, body).status == 401
        assert calls.count == 0


def test_an_account_that_may_not_open_rounds_wakes_nobody(world: World) -> None:
    calls = Calls(world.suite)
    assert calls.wake_up.take(signed(bytes(world.participants[0].account.key)), BODY).status == 401
    assert calls.wake_up.take(signed(bytes(Account.create().key)), BODY).status == 401


def test_the_server_s_webhook_wakes_the_node_that_knows_its_secret(world: World) -> None:
    assert Calls(world.suite, SECRET).wake_up.take(by_server(), BODY).status == 202
    assert Calls(world.suite, SECRET).wake_up.take(by_server(secret=b"t" * 32), BODY).status == 401
    assert Calls(world.suite).wake_up.take(by_server(), BODY).status == 401


@pytest.mark.parametrize("body", [b"[]", b"no", b"\xff", b"[" * 10_000])
def test_a_body_that_is_no_object_is_refused(world: World, operator: bytes, body: bytes) -> None:
    assert Calls(world.suite).wake_up.take(signed(operator, body=body), body).status == 400


@pytest.mark.parametrize(
    "headers", [{}, {ID: "x"}, {ID: "x", TIMESTAMP: "soon"}, {ID: "x" * 81, TIMESTAMP: str(NOW)}]
)
def test_a_call_without_the_standard_s_headers_is_refused(world: World, headers: dict[str, str]) -> None:
    assert Calls(world.suite).wake_up.take(headers, BODY).status == 400


def test_strangers_who_sign_with_ever_new_keys_cost_few_questions_at_the_chain(world: World) -> None:
    with proxy_of(world.anvil.url) as proxy:
        calls = Calls(Suite.at(unchecked(proxy.url), world.suite.addresses))
        for number in range(2 * QUESTIONS):
            calls.wake_up.take(signed(bytes(Account.create().key), str(number)), BODY)
        assert proxy.asked.count("eth_call") == QUESTIONS


def test_calls_arrive_by_post_and_no_large_one_is_read(world: World, operator: bytes) -> None:
    woken: list[Any] = []
    wake_up = WakeUp(world.suite, (1,), lambda: woken.append(1))
    with served_webhook(wake_up, "127.0.0.1", 0) as port:
        url, now = f"http://127.0.0.1:{port}/hook", int(time.time())
        answer = requests.post(url, data=BODY, headers=signed(operator, at=now), timeout=10)
        assert (answer.status_code, len(woken)) == (202, 1)
        assert requests.post(url, data=BODY, timeout=10).status_code == 400
        large = b"x" * (MOST_BODY + 1)
        assert (
            requests.post(
                url, data=large, headers=signed(operator, "two", now, large), timeout=10
            ).status_code
            == 413
        )
        assert requests.get(url, timeout=10).status_code == 501
    assert len(woken) == 1


def test_the_operator_s_own_call_is_taken_once_and_a_stranger_s_is_not(world: World, operator: bytes) -> None:
    woken: list[Any] = []
    wake_up = WakeUp(world.suite, (1,), lambda: woken.append(1))
    with served_webhook(wake_up, "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}/"
        wake(url, operator)
        assert len(woken) == 1
        assert wake_up.trigger_of(1) is not None
        with pytest.raises(NotWoken, match="found status 401"):
            wake(url, bytes(Account.create().key))
    with pytest.raises(NotWoken, match="found ConnectionError"):
        wake(url, operator)
    assert len(woken) == 1


def test_callers_who_send_a_byte_at_a_time_lose_their_places(
    world: World, operator: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "LONGEST_CALL", 0.3)
    wake_up = WakeUp(world.suite, (1,), lambda: None)
    with served_webhook(wake_up, "127.0.0.1", 0) as port, ExitStack() as stack:
        for _ in range(webhook.MOST_AT_ONCE):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            slow.sendall(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{")
        assert slow.recv(1) == b""  # cut, long before each read's own time
        eventually(lambda: _is_woken(f"http://127.0.0.1:{port}/", operator), "a place", 10)


def _is_woken(url: str, operator: bytes) -> bool:
    try:
        wake(url, operator)
    except NotWoken:
        return False
    return True
