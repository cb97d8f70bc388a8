"""Faults of nodes that a proxy may have, each seen on a real chain or provider."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import rlp
from eth_account import Account
from web3 import Web3

from scorer.lab.proxy import Fault, Forward, NoAnswer, Proxy, Request, Response, error

BURST, PAUSE = 150, 25
"""Requests that a provider takes in a row, and then refuses in a row."""
SERVER_ERROR: Final = -32000
LIMITED: Final = -32005
LAST_TYPE: Final = 0x7F
"""Largest first byte of a typed transaction (EIP-2718); a legacy one begins with a list."""


@dataclass(frozen=True)
class SignedBid:
    """A signed transaction as a node reads it before it takes it: tip and cap in wei per gas."""

    nonce: int
    tip: int
    cap: int
    gas: int
    data: bytes

    @classmethod
    def read(cls, raw: bytes) -> "SignedBid":
        """Decode a transaction of EIP-1559, or a legacy one, whose gas price is both tip and cap."""
        if raw[0] > LAST_TYPE:
            nonce, tip, gas, _, _, data, *_ = rlp.decode(raw)
            cap = tip
        else:
            _, nonce, tip, cap, gas, _, _, data, *_ = rlp.decode(raw[1:])
        return cls(_number(nonce), _number(tip), _number(cap), _number(gas), data)

    @classmethod
    def of(cls, request: Request) -> "SignedBid":
        """Decode what an ``eth_sendRawTransaction`` sends."""
        return cls.read(raw_transaction(request))


def _number(field: bytes) -> int:
    return int.from_bytes(field, "big")


def raw_transaction(request: Request) -> bytes:
    """Return the signed bytes of an ``eth_sendRawTransaction``."""
    return bytes.fromhex(str(request["params"][0]).removeprefix("0x"))


@dataclass
class RefusesLowTips:
    """A node, such as Polygon's bor, that takes no transaction with a tip under so many wei per gas."""

    least: int
    refused: int = 0

    def __call__(self, request: Request, _forward: Forward) -> Response | None:
        """Refuse a low tip, in bor's words."""
        tip = SignedBid.of(request).tip
        if tip >= self.least:
            return None
        self.refused += 1
        words = f"transaction underpriced: gas tip cap {tip}, minimum needed {self.least}"
        return error(SERVER_ERROR, words)


@dataclass
class HoldsBack:
    """A pool that mines nothing until it is outbid by a tenth on both fees, and refuses what bids less."""

    held: dict[tuple[str, int], SignedBid] = field(default_factory=dict)
    refused: int = 0
    replaced: int = 0

    def __call__(self, request: Request, _forward: Forward) -> Response | None:
        """Keep the first bid of a nonce waiting, and let a proper replacement through."""
        raw = raw_transaction(request)
        bid, sender = SignedBid.read(raw), str(Account.recover_transaction(raw))
        first = self.held.setdefault((sender, bid.nonce), bid)
        if first == bid:
            return {"result": Web3.to_hex(Web3.keccak(raw))}
        if bid.tip * 10 < first.tip * 11 or bid.cap * 10 < first.cap * 11:
            self.refused += 1
            return error(SERVER_ERROR, "replacement transaction underpriced")
        self.replaced += 1
        return None


def always_knows(request: Request, forward: Forward) -> Response:
    """Take a transaction, and say that it was known already."""
    forward(request)
    return error(SERVER_ERROR, "already known")


def takes_and_does_not_answer(request: Request, forward: Forward) -> Response:
    """Take a transaction, and lose the answer."""
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
    """Answer as a node that has just started, or whose finality lags."""
    return error(SERVER_ERROR, "No finalized block") if request["params"][0] == "finalized" else None


def names_another_hash(request: Request, forward: Forward) -> Response | None:
    """Answer as a node on a fork of its own: with another hash for what is final."""
    if request["params"][0] == "latest":
        return None
    answer = forward(request)
    return {"result": answer["result"] | {"hash": "0x" + "ab" * 32}}


def behind(blocks: int) -> Fault:
    """Return the fault of a node that is so many blocks behind, in all that is asked by a tag."""

    def lags(request: Request, forward: Forward) -> Response | None:
        if request["params"][0] not in ("latest", "finalized"):
            return None
        number = int(forward(request)["result"]["number"], 16)
        return forward({**request, "params": [hex(max(number - blocks, 0)), False]})

    return lags


def truncates_logs(request: Request, forward: Forward) -> Response:
    """Answer as an index that has not caught up: without the last log of several, and without a warning."""
    answer = forward(request)
    logs = answer.get("result") or []
    return {"result": logs[:-1]} if len(logs) > 1 else answer


def misbehaves(proxy: Proxy, fault: Fault, methods: Sequence[str]) -> None:
    """Let a fault answer several methods of a proxy from now on."""
    for method in methods:
        proxy.misbehave(method, fault)
