"""A JSON-RPC endpoint, checked before anything relies on it."""

from typing import Final

from web3 import Web3
from web3.middleware import AttributeDictMiddleware

from scorer.chain.errors import EndpointError
from scorer.chain.provider import Provider
from scorer.redaction import host

__all__ = ["LOCAL_CHAIN_ID", "EndpointError", "checked", "connect", "host", "host_of", "unchecked"]

LOCAL_CHAIN_ID: Final = 31_337
"""The chain id of development nodes. Each start of one is another chain."""


def connect(url: str, chain_id: int, *, timeout: float = 30) -> Web3:
    """Connect to `url` and make sure that it serves the chain `chain_id`.

    Parameters
    ----------
    timeout
        Seconds for one answer as a whole.

    Raises
    ------
    EndpointError
        When nobody answers there, or another chain does.
    """
    return checked(unchecked(url, timeout=timeout), url, chain_id)


def checked(w3: Web3, url: str, chain_id: int) -> Web3:
    """Check that an endpoint serves the chain `chain_id`, and return it. Raises as `connect` does."""
    found = w3.eth.chain_id
    if found != chain_id:
        raise EndpointError(
            f"endpoint {host(url)}: expected chain id {chain_id} (as configured), found {found}; "
            "nothing was sent"
        )
    return w3


def unchecked(url: str, *, timeout: float = 30) -> Web3:
    """Make an endpoint that is not asked anything yet.

    Of web3's middleware only the one that gives results attributes is kept. The others look for ENS names,
    prices and chain ids in each request, of which ours have none, and took most of a request's time.
    """
    return Web3(Provider(url, timeout), middleware=[AttributeDictMiddleware])


def host_of(w3: Web3) -> str:
    """Return the host of an endpoint."""
    return host(str(getattr(w3.provider, "endpoint_uri", "without a name")))
