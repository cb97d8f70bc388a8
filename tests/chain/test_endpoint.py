"""What is said of an endpoint that cannot be used."""

import pytest

from scorer.chain.endpoint import LOCAL_CHAIN_ID, EndpointError, connect, host
from scorer.chain.errors import RateLimited
from scorer.lab.anvil import Anvil
from scorer.lab.proxy import Fault, Forward, Request, Response, error, proxy_of


def test_an_endpoint_that_is_down_is_named_and_explained() -> None:
    with pytest.raises(EndpointError, match=r"endpoint 127\.0\.0\.1:9: expected an answer .* is the node up"):
        connect("http://127.0.0.1:9", 1, timeout=2)


def test_another_chain_is_refused_before_anything_is_sent(anvil: Anvil) -> None:
    with pytest.raises(
        EndpointError, match=rf"expected chain id 137 \(as configured\), found {LOCAL_CHAIN_ID}"
    ):
        connect(anvil.url, 137)
    assert anvil.w3.eth.block_number == 0


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://user:password@node.example/v3/secret-key", "node.example"),
        ("http://127.0.0.1:8545", "127.0.0.1:8545"),
        ("node.example/v3/secret-key", "node.example"),
        ("node.example?key=secret-key", "node.example"),
        ("wss://node.example#secret-key", "node.example"),
        ("http://[::1/secret-key", "[::1"),
        ("http://[::1]:8545/secret-key", "[::1]:8545"),
        ("", "an endpoint without a name"),
        ("/secret-key", "an endpoint without a name"),
    ],
)
def test_messages_keep_the_secrets_of_a_url_to_themselves(url: str, named: str) -> None:
    assert host(url) == named


@pytest.mark.parametrize("url", ["http://[::1/secret-key", "node.example/secret-key", "http:///secret-key"])
def test_what_is_no_url_is_refused_in_words_and_without_its_secrets(url: str) -> None:
    with pytest.raises(EndpointError, match="is the URL right") as refused:
        connect(url, 1, timeout=2)
    assert "secret" not in str(refused.value)


def refuses_first(count: int) -> Fault:
    """A provider that limits the first requests, and lets the others pass."""
    left = [count]

    def limits(request: Request, forward: Forward) -> Response | None:
        left[0] -= 1
        return error(-32005, "request rate limited") if left[0] >= 0 else None

    return limits


def test_what_a_provider_limits_is_asked_once_more_a_little_later(anvil: Anvil) -> None:
    with proxy_of(anvil.url) as proxy:
        w3 = connect(proxy.url, LOCAL_CHAIN_ID)
        proxy.misbehave("eth_blockNumber", refuses_first(4))
        assert w3.eth.block_number == 0
        assert proxy.asked.count("eth_blockNumber") == 5
        proxy.misbehave("eth_blockNumber", refuses_first(5))
        with pytest.raises(RateLimited, match="rate limited"):
            _ = w3.eth.block_number


def test_what_is_sent_is_never_repeated_behind_the_senders_back(anvil: Anvil) -> None:
    with proxy_of(anvil.url) as proxy:
        w3 = connect(proxy.url, LOCAL_CHAIN_ID)
        proxy.misbehave("eth_sendRawTransaction", refuses_first(1))
        with pytest.raises(RateLimited, match="rate limited"):
            w3.eth.send_raw_transaction(b"\x02")
        assert proxy.asked.count("eth_sendRawTransaction") == 1
