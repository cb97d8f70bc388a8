"""Many calls of views at once, where an endpoint takes requests in batches."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import requests
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.contract.contract import ContractFunction
from web3.types import RPCEndpoint

PAGE: Final = 100
"""Requests in one batch; providers that take batches take at least so many."""


@dataclass(frozen=True)
class View:
    """A call that is tried and not sent, as `sender`."""

    call: ContractFunction
    sender: str | None = None

    def request(self, block: int) -> tuple[RPCEndpoint, list[Any]]:
        """As JSON-RPC asks for it."""
        fields = {"to": self.call.address, "data": self.call._encode_transaction_data()}  # noqa: SLF001
        named = fields | ({} if self.sender is None else {"from": self.sender})
        return RPCEndpoint("eth_call"), [named, Web3.to_hex(block)]


def answers(w3: Web3, views: Sequence[View], block: int) -> list[bytes | None]:
    """What calls return at `block`, in order; None for each that was not answered plainly.

    A batch is no more than a shortcut: whatever it leaves open, a refusal or all of it where an endpoint
    takes none, is for the caller to ask on its own, where errors are told apart.
    """
    found: list[bytes | None] = []
    for start in range(0, len(views), PAGE):
        found += _page(w3, [view.request(block) for view in views[start : start + PAGE]])
    return found


def _page(w3: Web3, page: list[tuple[RPCEndpoint, list[Any]]]) -> Iterator[bytes | None]:
    responses: Any = None
    if isinstance(w3.provider, HTTPProvider):
        with suppress(requests.RequestException, ValueError):
            responses = w3.provider.make_batch_request(page)
    whole = isinstance(responses, list) and len(responses) == len(page)
    return map(_result, responses) if whole else iter([None] * len(page))


def _result(response: Any) -> bytes | None:
    result = response.get("result") if isinstance(response, dict) and "error" not in response else None
    return bytes(HexBytes(result)) if isinstance(result, str) else None
