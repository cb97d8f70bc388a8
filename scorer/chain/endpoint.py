"""A JSON-RPC endpoint, checked before anything relies on it."""

import time
from typing import Any, Final

import requests
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3Exception
from web3.middleware import ExtraDataToPOAMiddleware, Web3Middleware
from web3.types import MakeRequestFn, RPCEndpoint, RPCResponse

from scorer.chain.answers import Answer, classify
from scorer.redaction import host as host

PAUSES: Final = (0.1, 0.2, 0.4, 0.8)
"""Seconds between the tries of a request that a provider limits."""
NEVER_REPEATED: Final = "eth_sendRawTransaction"


class BacksOff(Web3Middleware):
    """Asks once more, a little later, what a provider refused for being asked too much.

    Else a cycle of many requests would never come to its end at a provider that lets most of them pass. What
    is sent is never repeated here: that is the outbox's to decide.
    """

    def wrap_make_request(self, make_request: MakeRequestFn) -> MakeRequestFn:
        """As web3 asks of a middleware."""

        def patient(method: RPCEndpoint, params: Any) -> RPCResponse:
            for pause in () if method == NEVER_REPEATED else PAUSES:
                response = make_request(method, params)
                if not _is_limited(response):
                    return response
                time.sleep(pause)
            return make_request(method, params)

        return patient


def _is_limited(response: RPCResponse) -> bool:
    error = response.get("error")
    if not isinstance(error, dict):
        return False
    return classify(error.get("code"), str(error.get("message"))) == Answer.RATE_LIMITED


class EndpointError(Exception):
    """An endpoint cannot be used; the message says which, why, and what to do."""


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
    # No request is repeated behind our back: a repeated eth_sendRawTransaction answers "already known".
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
    w3.middleware_onion.inject(BacksOff, layer=0)
    return w3
