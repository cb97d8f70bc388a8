"""How nodes misbehave: manners that a proxy may take on, each seen on a real chain or provider."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from web3 import Web3

from scorer.chain.fees import GWEI
from scorer.lab.drill.proxy import Forward, Manner, NoAnswer, Proxy, Request, Response, error

LEAST_TIP: Final = 25 * GWEI
"""Under which Polygon's bor takes no transaction (params/protocol_params.go)."""
BURST, PAUSE = 150, 25
"""Requests that a provider takes in a row, and then refuses in a row."""
SERVER_ERROR: Final = -32000
LIMITED: Final = -32005


@dataclass(frozen=True)
class SignedBid:
    """What a node reads of signed bytes before it takes them."""

    nonce: int
    tip: int
    cap: int
    gas: int

    @classmethod
    def of(cls, request: Request) -> "SignedBid":
        """Of an ``eth_sendRawTransaction``."""
        import rlp  # type: ignore[import-untyped]

        fields: list[Any] = rlp.decode(bytes.fromhex(request["params"][0][4:]))
        return cls(*(int.from_bytes(each, "big") for each in fields[1:5]))


def refuses_low_tips(request: Request, _forward: Forward) -> Response | None:
    """Bor: no tip under 25 gwei."""
    bid = SignedBid.of(request)
    if bid.tip >= LEAST_TIP:
        return None
    said = f"transaction underpriced: gas tip cap {bid.tip}, minimum needed {LEAST_TIP}"
    return error(SERVER_ERROR, said)


@dataclass
class HoldsBack:
    """A pool that mines nothing until it is outbid by a tenth on both fees, and refuses what bids less."""

    held: dict[tuple[str, int], SignedBid] = field(default_factory=dict)
    refused: int = 0
    replaced: int = 0

    def __call__(self, request: Request, _forward: Forward) -> Response | None:
        """Keep the first bid of a nonce waiting, and let a proper replacement through."""
        bid, raw = SignedBid.of(request), bytes.fromhex(request["params"][0][2:])
        sender = _sender(raw)
        first = self.held.setdefault((sender, bid.nonce), bid)
        if first == bid:
            return {"result": Web3.to_hex(Web3.keccak(raw))}
        if bid.tip * 10 < first.tip * 11 or bid.cap * 10 < first.cap * 11:
            self.refused += 1
            return error(SERVER_ERROR, "replacement transaction underpriced")
        self.replaced += 1
        return None


def _sender(raw: bytes) -> str:
    from eth_account import Account

    return str(Account.recover_transaction(raw))


def always_knows(request: Request, forward: Forward) -> Response:
    """Takes a transaction, and says that it had it already."""
    forward(request)
    return error(SERVER_ERROR, "already known")


def takes_and_does_not_answer(request: Request, forward: Forward) -> Response:
    """Takes a transaction, and the answer is lost."""
    forward(request)
    raise NoAnswer


@dataclass
class RateLimits:
    """A provider that refuses whatever comes after too many requests, for a while, with HTTP 200."""

    asked: int = 0
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, _request: Request, _forward: Forward) -> Response | None:
        """Count, and refuse."""
        with self.lock:
            self.asked += 1
            limited = self.asked % (BURST + PAUSE) >= BURST
            self.refused += limited
        return error(LIMITED, "daily request count exceeded, request rate limited") if limited else None


@dataclass
class CapsFees:
    """A node that takes no transaction that may cost more than so many wei (``--rpc.txfeecap``)."""

    most: int
    refused: int = 0

    def __call__(self, request: Request, _forward: Forward) -> Response | None:
        """Refuse what may cost too much."""
        bid = SignedBid.of(request)
        if bid.gas * bid.cap <= self.most:
            return None
        self.refused += 1
        return error(
            SERVER_ERROR, f"tx fee ({bid.gas * bid.cap / 1e18:.2f} ether) exceeds the configured cap"
        )


def has_no_finalised_block(request: Request, _forward: Forward) -> Response | None:
    """As a node says that has just started, or whose finality lags."""
    return error(SERVER_ERROR, "No finalized block") if request["params"][0] == "finalized" else None


def names_another_hash(request: Request, forward: Forward) -> Response | None:
    """A node on a fork of its own: another hash for what is final."""
    if request["params"][0] == "latest":
        return None
    answer = forward(request)
    return {"result": answer["result"] | {"hash": "0x" + "ab" * 32}}


def behind(blocks: int) -> Manner:
    """A node that is so many blocks behind, in all that is asked by a tag."""

    def lags(request: Request, forward: Forward) -> Response | None:
        if request["params"][0] not in ("latest", "finalized"):
            return None
        number = int(forward(request)["result"]["number"], 16)
        return forward({**request, "params": [hex(max(number - blocks, 0)), False]})

    return lags


def truncates_logs(request: Request, forward: Forward) -> Response:
    """An index that has not caught up: the last log of several is missing, and no word of it."""
    answer = forward(request)
    found = answer.get("result") or []
    return {"result": found[:-1]} if len(found) > 1 else answer


def misbehaves(proxy: Proxy, manner: Callable[..., Any], methods: Sequence[str]) -> None:
    """From now on, a proxy answers these methods so."""
    for method in methods:
        proxy.misbehave(method, manner)
