"""A local chain that behaves as Polygon's test network, behind two endpoints that can fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from scorer.chain.fees import GWEI
from scorer.lab.anvil import Anvil, run_anvil
from scorer.lab.faults import RefusesLowTips
from scorer.lab.proxy import EVERY, Fault, Forward, NoAnswer, Proxy, Request, Response, proxy_of

CHAIN_ID: Final = 80_002
BLOCK_TIME: Final = 2
SLOTS_IN_EPOCH: Final = 2
"""A block is final four blocks, eight seconds, behind the head: Polygon says two to five seconds."""
BLOCK_GAS: Final = 60_000_000
LEAST_TIP: Final = 30 * GWEI
"""Polygon's nodes refuse tips under 25 gwei; a client that bids 30 passes both."""


@dataclass
class EndpointGates:
    """The endpoints of one chain, and whether they answer.

    Attributes
    ----------
    closing
        Whether they all close once one of them has passed a transaction on: the node took it, and no answer
        comes.
    floor
        The fault that refuses low tips, and counts them.
    """

    proxies: tuple[Proxy, ...]
    closed: set[str] = field(default_factory=set)
    closing: bool = False
    floor: RefusesLowTips = field(default_factory=lambda: RefusesLowTips(LEAST_TIP))

    @property
    def urls(self) -> list[str]:
        """URLs of all endpoints."""
        return [proxy.url for proxy in self.proxies]

    def open(self) -> None:
        """Let all endpoints answer from now on."""
        self.closing = False
        self.closed.clear()

    def watch(self) -> None:
        """Stand between everybody and the node."""
        for proxy in self.proxies:
            proxy.misbehave(EVERY, self._fault_of(proxy))

    def _fault_of(self, proxy: Proxy) -> Fault:
        def answer(request: Request, forward: Forward) -> Response | None:
            if proxy.url in self.closed:
                raise NoAnswer
            return self._sent(request, forward) if request["method"] == "eth_sendRawTransaction" else None

        return answer

    def _sent(self, request: Request, forward: Forward) -> Response:
        if (refusal := self.floor(request, forward)) is not None:
            return refusal
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
def run_amoy_node(accounts: int, block_time: float = BLOCK_TIME) -> Iterator[AmoyNode]:
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
