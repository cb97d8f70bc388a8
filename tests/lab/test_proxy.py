"""The endpoint that misbehaves does so when it is told to, and lets nothing pass when nothing may."""

import threading
from collections.abc import Iterator

import pytest
import requests

from scorer.lab.proxy import Forward, Proxy, Request, Response, proxy_of


@pytest.fixture
def far() -> Iterator[Proxy]:
    """A node behind the proxy: another one, that answers all by itself."""
    with proxy_of("http://127.0.0.1:9") as node:
        yield node.misbehave("eth_chainId", lambda _request, _forward: {"result": "0x1"})


def ask(url: str) -> object:
    request = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
    return requests.post(url, json=request, timeout=10).json()["result"]


def test_what_comes_while_nothing_may_pass_waits_and_is_answered(far: Proxy) -> None:
    answers: list[object] = []
    with proxy_of(far.url) as proxy:
        asking = threading.Thread(target=lambda: answers.append(ask(proxy.url)))
        with proxy.still():
            asking.start()
            asking.join(0.3)
            assert not answers
            assert far.asked == []
        asking.join(10)
    assert answers == ["0x1"]


def test_nothing_is_under_way_while_nothing_may_pass(far: Proxy) -> None:
    came, goes_on = threading.Event(), threading.Event()
    answers: list[object] = []

    def slow(_request: Request, _forward: Forward) -> Response:
        came.set()
        goes_on.wait(10)
        return {"result": "0x2"}

    far.misbehave("eth_chainId", slow)
    with proxy_of(far.url) as proxy:
        asking = threading.Thread(target=lambda: answers.append(ask(proxy.url)))
        asking.start()
        assert came.wait(10)
        releasing = threading.Timer(0.2, goes_on.set)
        releasing.start()
        with proxy.still():
            assert goes_on.is_set()
        asking.join(10)
        releasing.join()
    assert answers == ["0x2"]
