"""What is said of an endpoint that cannot be used."""

import pytest

from scorer.chain.anvil import CHAIN_ID, Anvil
from scorer.chain.endpoint import EndpointError, connect, host


def test_an_endpoint_that_is_down_is_named_and_explained() -> None:
    with pytest.raises(EndpointError, match=r"endpoint 127\.0\.0\.1:9: expected an answer .* is the node up"):
        connect("http://127.0.0.1:9", 1, timeout=2)


def test_another_chain_is_refused_before_anything_is_sent(anvil: Anvil) -> None:
    with pytest.raises(EndpointError, match=rf"expected chain id 137 \(as configured\), found {CHAIN_ID}"):
        connect(anvil.url, 137)
    assert anvil.w3.eth.block_number == 0


def test_messages_keep_the_secrets_of_a_url_to_themselves() -> None:
    assert host("https://user:password@node.example/v3/secret-key") == "node.example"
