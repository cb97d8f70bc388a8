"""A JSON-RPC endpoint, checked before anything relies on it."""

from urllib.parse import urlsplit

import requests
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3Exception
from web3.middleware import ExtraDataToPOAMiddleware
from web3.types import RPCEndpoint


class EndpointError(Exception):
    """An endpoint cannot be used; the message says which, why, and what to do."""


def host(url: str) -> str:
    """What messages call an endpoint: its host, without the path that may hold a secret key."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or url


def connect(url: str, chain_id: int, *, timeout: float = 30) -> Web3:
    """Connect to `url` and make sure that it serves the chain `chain_id`.

    Parameters
    ----------
    timeout
        Seconds for one request.

    Raises
    ------
    EndpointError
        When nobody answers there, or another chain does.
    """
    return checked(unchecked(url, timeout=timeout), url, chain_id)


def checked(w3: Web3, url: str, chain_id: int) -> Web3:
    """The endpoint, once it has said that it serves the chain `chain_id`. Raises as `connect` does."""
    try:
        found = w3.eth.chain_id
    except (requests.RequestException, Web3Exception, OSError, ValueError) as error:
        raise EndpointError(
            f"endpoint {host(url)}: expected an answer to eth_chainId, found {type(error).__name__}; "
            "is the node up, and is the URL right?"
        ) from None
    if found != chain_id:
        raise EndpointError(
            f"endpoint {host(url)}: expected chain id {chain_id} (as configured), found {found}; "
            "nothing was sent"
        )
    return w3


def unchecked(url: str, *, timeout: float = 30) -> Web3:
    """An endpoint that was not asked anything yet."""
    # A request is never repeated behind our back: a repeated eth_sendRawTransaction answers "already known".
    # web3 asks for the chain id before every call: an answer that cannot change is kept.
    provider = HTTPProvider(
        url,
        request_kwargs={"timeout": timeout},
        exception_retry_configuration=None,
        cache_allowed_requests=True,
        cacheable_requests={RPCEndpoint("eth_chainId")},
    )
    w3 = Web3(provider)
    w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    return w3
