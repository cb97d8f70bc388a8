"""JSON-RPC answers, as an endpoint sends them to each method that is used."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import count
from random import Random
from typing import Any, Final, TypeVar
from zlib import crc32

from eth_typing import BlockNumber
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import Web3Exception
from web3.types import RPCResponse

from scorer.chain.bulk import _LIMITS
from scorer.chain.contracts import Suite
from scorer.chain.errors import EndpointError
from scorer.chain.logs import IncompleteLogs, round_events
from scorer.chain.provider import Provider
from scorer.chain.records import Addresses
from scorer.chain.transport import Reply
from scorer.transactions.node import BroadcastReply, Head, Web3Node
from tests.hostile.target import Target

T = TypeVar("T")
HASH: Final = "0x" + "ab" * 32
ADDRESS: Final = "0x" + "11" * 20
SECRET: Final = "0123456789abcdef"
LONGEST: Final = 1_000
"""Characters of a message."""
STATUS: Final = (200, 200, 200, 200, 200, 200, 200, 400, 429, 500)
LOG: Final[Mapping[str, Any]] = {
    "address": ADDRESS,
    "topics": [HASH, HASH],
    "data": "0x" + "00" * 64,
    "blockNumber": "0x5",
    "blockHash": HASH,
    "transactionHash": HASH,
    "transactionIndex": "0x0",
    "logIndex": "0x0",
    "removed": False,
}
RESULTS: Final[Sequence[Any]] = (
    "0x64",
    HASH,
    "0x" + "00" * 32 * 24,
    "0x" + f"{1:064x}" * 40,
    {"number": "0x5", "hash": HASH, "timestamp": "0x64", "baseFeePerGas": "0x7", "transactions": [HASH]},
    {"number": "0x5", "hash": HASH, "timestamp": "0x64", "nonce": [[]], "baseFeePerGas": None},
    {"reward": [["0x5"], None, []], "baseFeePerGas": ["0x7"], "gasUsedRatio": [0.5], "oldestBlock": "0x1"},
    [LOG, {**LOG, "logIndex": "0x1"}],
    [LOG, LOG],
    {
        **{name: LOG[name] for name in ("transactionHash", "blockNumber", "blockHash", "transactionIndex")},
        "status": "0x1",
        "gasUsed": "0x5208",
        "logs": [LOG],
        "from": ADDRESS,
        "to": ADDRESS,
    },
    None,
)
REASON: Final = "0x08c379a0" + f"{32:064x}{2:064x}" + "6e6f".ljust(64, "0")
ERRORS: Final[Sequence[Any]] = (
    {
        "code": 3,
        "message": "execution reverted",
        "data": "0x08c379a0" + f"{32:064x}{2:064x}" + "6e6f" + "0" * 60,
    },
    {"code": 3, "message": "execution reverted", "data": "0x12345678"},
    {"code": -32005, "message": "query timeout exceeded"},
    {"code": -32000, "message": "header not found"},
    {"code": 429, "message": "Too Many Requests", "data": {"backoff_seconds": 1}},
    "rate limited",
)


class Impatient(Provider):
    """A provider that asks once, and whose endpoint gives the same answer to everything."""

    def __init__(self) -> None:
        super().__init__(f"http://127.0.0.1:9/v3/{SECRET}")
        self.reply = Reply(200, b"")
        self._transport.post = self._same  # type: ignore[method-assign]
        self._chain_id = RPCResponse(jsonrpc="2.0", id=0, result="0x1")

    def _same(self, body: bytes) -> Reply:
        return self.reply

    def _patiently(self, method: str, ask: Callable[[], T]) -> T:
        self.request_counter = count()
        return ask()


@cache
def _addresses() -> Addresses:
    return Addresses.from_json(
        {
            "chain_id": 1,
            "block": 0,
            **{
                name: Web3.to_checksum_address(ADDRESS)
                for name in (
                    "numeraire",
                    "registry",
                    "burn_sink",
                    "authority",
                    "tournament",
                    "committee",
                    "roller",
                )
            },
        }
    )


def _logs(w3: Web3) -> object:
    return list(round_events(_suite(w3).tournament.events.PositionsLocked(), 1, 0, 9))


@cache
def _suite(w3: Web3) -> Suite:
    return Suite.at(w3, _addresses())


def _head(w3: Web3) -> None:
    head = Web3Node(w3).head()
    assert isinstance(head, Head)
    assert min(head.latest, head.timestamp, head.finalised, head.market.base_fee, head.market.tip) >= 0


def _broadcast(w3: Web3) -> None:
    assert isinstance(Web3Node(w3).broadcast(b"\x02"), BroadcastReply)


ASKS: Final[Sequence[Callable[[Web3], object]]] = (
    lambda w3: w3.eth.block_number + 0,
    lambda w3: w3.eth.get_balance(Web3.to_checksum_address(ADDRESS)) + 0,
    lambda w3: w3.eth.get_transaction_count(Web3.to_checksum_address(ADDRESS)) + 0,
    lambda w3: w3.eth.get_block(BlockNumber(5))["timestamp"] + 0,
    lambda w3: w3.eth.get_block("finalized")["hash"].hex(),
    lambda w3: bytes(w3.eth.get_code(Web3.to_checksum_address(ADDRESS))),
    lambda w3: w3.eth.fee_history(2, "latest", [50]),
    lambda w3: w3.eth.get_transaction_receipt(HexBytes(HASH))["blockNumber"] + 0,
    lambda w3: w3.eth.estimate_gas({"to": Web3.to_checksum_address(ADDRESS)}) + 0,
    lambda w3: Web3Node(w3).mined(bytes.fromhex(HASH[2:])),
    lambda w3: Web3Node(w3).nonces(ADDRESS, 5),
    lambda w3: _suite(w3).round_count(5),
    lambda w3: _suite(w3).round(1, 5),
    lambda w3: _suite(w3).rounds([1, 2, 3], 5),
    lambda w3: _suite(w3).proposal(1, 5),
    lambda w3: _suite(w3).vote(1, ADDRESS, 5),
    lambda w3: _suite(w3).committee_members(5),
    lambda w3: _suite(w3).models_by_lane(5),
    _logs,
    _head,
    _broadcast,
)
"""All that is asked of an endpoint; each raises for nonsense, or gives what is of the right kind."""


@cache
def _endpoint() -> tuple[Web3, Impatient]:
    """One for all inputs: binding contracts takes longer than asking."""
    provider = Impatient()
    return Web3(provider), provider


def ask(content: bytes) -> None:
    """Give an answer to one of the questions: which, its bytes decide."""
    number = crc32(content)
    w3, provider = _endpoint()
    provider.reply = Reply(STATUS[number % len(STATUS)], content)
    _LIMITS.clear()
    try:
        ASKS[number // len(STATUS) % len(ASKS)](w3)
    except EndpointError as error:
        if SECRET in str(error) or len(str(error)) > LONGEST:
            raise AssertionError(f"a message that must not be: {str(error)[:200]}") from None
        raise


def _seeds() -> Sequence[bytes]:
    answers: list[Any] = [{"jsonrpc": "2.0", "id": 0, "result": each} for each in RESULTS]
    answers += [{"jsonrpc": "2.0", "id": 0, "error": each} for each in ERRORS]
    answers += [[{"jsonrpc": "2.0", "id": number, "result": RESULTS[2]} for number in range(3)]]
    odd = [b"", b"[]", b"<html>", b'{"message":"Too Many"}', b'{"id":0,"result":' + b"[" * 10_000]
    return [*(json.dumps(each).encode() for each in answers), *odd]


VALUES: Final[Sequence[Any]] = (
    *(None, True, False, -1, 0, 1.5, 10**30, "", "0x", "0x0", "0xzz", "0X5", "x", " 0x5", "0x" + "f" * 64),
    *("0x" + "f" * 65, HASH, HASH[:-2], ADDRESS, [], {}, [[]], {"": None}, [None], "\ud800", "9" * 5_000),
    *(
        "replacement " * 5_000,
        "0x" + "00" * 32 * 10,
        "0x" + f"{2**64:064x}" * 20,
        [HASH] * 5,
        [LOG, LOG, LOG],
    ),
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in _places(each, (*path, key)))]


def _changed(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(value)
    copy = value.copy()
    copy[path[0]] = _changed(value[path[0]], path[1:], change)
    return copy


def _spoil_value(content: bytes, stream: Random) -> bytes:
    """Put another value in the place of one, or take a member away, or double an element."""
    try:
        document = json.loads(content)
        place = stream.choice(_places(document))
    except (ValueError, RecursionError):
        return content

    def change(value: Any) -> Any:
        if isinstance(value, dict) and value and stream.random() < 0.4:
            dropped = stream.choice(sorted(value))
            return {name: each for name, each in value.items() if name != dropped}
        if isinstance(value, list) and value and stream.random() < 0.4:
            return stream.choice((value * 2, value[::-1], value[1:], [value]))
        return stream.choice(VALUES)

    return json.dumps(_changed(document, place, change)).encode()[: 2**20]


def _nest(content: bytes, stream: Random) -> bytes:
    depth = stream.choice((10, 100, 900, 50_000))
    opened, closed = stream.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return b'{"jsonrpc":"2.0","id":0,"result":' + opened * depth + content[:100] + closed * depth + b"}"


TARGETS: Final = (
    Target(
        "json-rpc",
        _seeds,
        ask,
        (EndpointError, Web3Exception, IncompleteLogs),
        (),
        (_spoil_value, _spoil_value, _spoil_value, _spoil_value, _spoil_value, _nest),
    ),
)
