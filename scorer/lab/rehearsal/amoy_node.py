"""A local chain with the manners of Polygon's test network, behind two endpoints that can fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import rlp  # type: ignore[import-untyped]

from scorer.chain.fees import GWEI
from scorer.lab.anvil import Anvil, run_anvil
from scorer.lab.drill.proxy import EVERY, Forward, NoAnswer, Proxy, Request, Response, error, proxy_of

CHAIN_ID: Final = 80_002
BLOCK_TIME: Final = 2
SLOTS_IN_EPOCH: Final = 2
"""A block is final four blocks, eight seconds, behind the head: Polygon says two to five seconds."""
BLOCK_GAS: Final = 60_000_000
LEAST_TIP: Final = 30 * GWEI
"""Polygon's nodes refuse tips under 25 gwei; a client that bids 30 passes both."""
REFUSED: Final = -32000
TYPED: Final = 0x7F
"""Largest first byte of a typed transaction (EIP-2718); a legacy one begins with a list."""


def tip_of(raw: bytes) -> int:
    """What a signed transaction offers the block's producer above the base fee at most, wei per gas."""
    if raw[0] > TYPED:
        fields: list[Any] = rlp.decode(raw)
        return int.from_bytes(fields[1], "big")
    fields = rlp.decode(raw[1:])
    return int.from_bytes(fields[2], "big")


@dataclass
class EndpointGates:
    """The endpoints of one chain, and whether they answer.

    Attributes
    ----------
    closing
        Whether they all close once one of them has passed a transaction on: the node took it, and nobody
        hears.
    refused
        How many transactions were refused for their tip.
    """

    proxies: tuple[Proxy, ...]
    closed: set[str] = field(default_factory=set)
    closing: bool = False
    refused: int = 0

    @property
    def urls(self) -> list[str]:
        """Of every endpoint."""
        return [proxy.url for proxy in self.proxies]

    def open(self) -> None:
        """From now on, all answer."""
        self.closing = False
        self.closed.clear()

    def watch(self) -> None:
        """Stand between everybody and the node."""
        for proxy in self.proxies:
            proxy.misbehave(EVERY, self._manner(proxy))

    def _manner(self, proxy: Proxy) -> Any:
        def answer(request: Request, forward: Forward) -> Response | None:
            if proxy.url in self.closed:
                raise NoAnswer
            return self._sent(request, forward) if request["method"] == "eth_sendRawTransaction" else None

        return answer

    def _sent(self, request: Request, forward: Forward) -> Response:
        tip = tip_of(bytes.fromhex(str(request["params"][0]).removeprefix("0x")))
        if tip < LEAST_TIP:
            self.refused += 1
            words = f"transaction underpriced: gas tip cap {tip}, minimum needed {LEAST_TIP}"
            return error(REFUSED, words)
        answer = forward(request)
        if self.closing:
            self.closed.update(self.urls)
            raise NoAnswer
        return answer


@dataclass(frozen=True)
class AmoyNode:
    """The chain itself, with a clock that can be moved, and the endpoints that everybody else uses."""

    anvil: Anvil
    gates: EndpointGates

    @property
    def now(self) -> int:
        """The latest block's timestamp, Unix seconds."""
        return int(self.anvil.w3.eth.get_block("latest")["timestamp"])

    def skip_to(self, timestamp: int) -> None:
        """Let time pass: the next blocks come at `timestamp`, and what happened before it is final."""
        self.anvil.advance_to(timestamp)


@contextmanager
def stand_in(accounts: int, block_time: float = BLOCK_TIME) -> Iterator[AmoyNode]:
    """Start the chain and two endpoints; all ends with the context."""
    with (
        run_anvil(
            chain_id=CHAIN_ID,
            accounts=accounts,
            block_time=block_time,
            slots_in_epoch=SLOTS_IN_EPOCH,
            block_gas=BLOCK_GAS,
        ) as anvil,
        proxy_of(anvil.url) as first,
        proxy_of(anvil.url) as second,
    ):
        gates = EndpointGates((first, second))
        gates.watch()
        yield AmoyNode(anvil, gates)
