"""Many calls of views at once, where an endpoint takes requests in batches.

A batch is no more than a shortcut. Endpoints take batches of different sizes, or none, and say so in
different ways: a refused batch is halved, and what an endpoint was found to take is kept for a while.
Whatever batches leave open is asked on its own, where errors are classified.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final, Literal
from weakref import WeakKeyDictionary

from eth_abi.codec import ABICodec
from eth_abi.exceptions import DecodingError
from eth_utils.abi import get_abi_output_types
from hexbytes import HexBytes
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint

from scorer.chain.calldata import calldata
from scorer.chain.errors import NoConnection, RateLimited
from scorer.chain.rpc_errors import Answer, classify

Tag = Literal["latest", "finalized"]
"""The name of a block that moves with the chain."""
PAGE: Final = 250
"""Requests in one batch, where an endpoint is not known to take fewer."""
KEPT: Final = 3600.0
"""Seconds after which an endpoint is offered large batches again."""
PAUSE: Final = 0.2
"""Seconds to wait where an endpoint limits requests, twice as long each time."""
MOST_PAUSES: Final = 4
REMEMBERED: Final = 2048
"""Answers of so many bytes are decoded once: 10 MB of them at most."""
RESPONSE_TOO_LARGE: Final = -32003
"""geth's error for the requests of a batch whose answers had no room any more."""


@dataclass(frozen=True)
class View:
    """A call that is tried and not sent, as `sender`."""

    call: ContractFunction
    sender: str | None = None

    def request(self, block: int | Tag) -> tuple[RPCEndpoint, list[Any]]:
        """Return the method and parameters of the JSON-RPC request at a block's number or tag."""
        fields = {"to": self.call.address, "data": Web3.to_hex(calldata(self.call))}
        named = fields | ({} if self.sender is None else {"from": self.sender})
        at = block if isinstance(block, str) else Web3.to_hex(block)
        return RPCEndpoint("eth_call"), [named, at]


@dataclass(frozen=True)
class _Limit:
    """The largest batch that an endpoint takes, until a monotonic time; 0: it takes none."""

    size: int
    until: float


_STRUCTURED: Final = ("tuple", "address")
"""Types of which each item of an array is converted."""
_LIMITS: Final[WeakKeyDictionary[JSONBaseProvider, _Limit]] = WeakKeyDictionary()


def answers(w3: Web3, views: Sequence[View], block: int, *, most: int | None = None) -> list[bytes | None]:
    """Ask calls at `block` in batches; what each returned, in order, or None where the answer was not plain.

    Parameters
    ----------
    most
        Requests in one batch; None: `PAGE`. Fewer where each answer is long.
    """
    provider = w3.provider
    if not isinstance(provider, JSONBaseProvider):
        return [None] * len(views)
    results: dict[int, bytes | None] = {}
    left, pauses = list(range(len(views))), 0
    while left and pauses <= MOST_PAUSES and (size := min(_limit_of(provider), most or PAGE)):
        page, rest = left[:size], left[size:]
        responses = _asked(provider, [views[index].request(block) for index in page])
        if responses is None:
            break
        if not responses:
            # Half of one is 0: this endpoint takes no batches, and the loop ends.
            _keep_limit(provider, len(page) // 2)
            continue
        answered = dict(zip(page, responses, strict=True))
        postponed = [index for index, response in answered.items() if _is_postponed(response)]
        # Those that are postponed come as None, and are replaced when they are asked again.
        results |= {index: _result(response) for index, response in answered.items()}
        left = postponed + rest
        if postponed:
            _keep_limit(provider, max(len(page) - len(postponed), 1))
            time.sleep(PAUSE * 2**pauses)
            pauses += 1
    return [results.get(index) for index in range(len(views))]


def read_views(
    w3: Web3, calls: Sequence[ContractFunction], block: int, *, most: int | None = None
) -> list[Any]:
    """Read calls at `block`, in order, decoded; structs have their fields as attributes.

    Raises
    ------
    scorer.chain.errors.EndpointError, web3.exceptions.Web3Exception
        As a call on its own does.
    """
    if len(calls) == 1:
        return [read_view(calls[0], block)]
    answered = answers(w3, [View(call) for call in calls], block, most=most)
    return [
        read_view(call, block) if answer is None else _decoded(call, answer, block)
        for call, answer in zip(calls, answered, strict=True)
    ]


def read_view(call: ContractFunction, block: int | Tag = "latest") -> Any:
    """Read a call at a block's number or tag, decoded as `read_views` does; several outputs as a list.

    web3's ``ContractFunction.call`` takes twenty times as long: it looks the function up, checks the whole
    ABI and encodes the arguments anew, several times each.

    Raises
    ------
    scorer.chain.errors.EndpointError, web3.exceptions.Web3Exception
        When the endpoint does not answer, or answers otherwise than the ABI says; when the call reverts.
    """
    provider: Any = call.w3.provider
    answer = _result(provider.make_request(*View(call).request(block)))
    # Asked once more by web3 where the answer is no bytes: it names what is wrong.
    return call.call(block_identifier=block) if answer is None else _decoded(call, answer, block)


def _values(codec: ABICodec, types: tuple[str, ...], answer: bytes) -> tuple[Any, ...]:
    return codec.decode(types, answer)


_remembered = lru_cache(maxsize=4096)(_values)
"""Most rounds answer what they did a cycle before: decoding that anew was half of an idle cycle."""


def _decoded(call: ContractFunction, answer: bytes, block: int | Tag) -> Any:
    try:
        types = tuple(get_abi_output_types(call.abi))
        decode = _remembered if len(answer) <= REMEMBERED else _values
        values = decode(call.w3.codec, types, answer)
    except (DecodingError, ValueError, OverflowError):
        return call.call(block_identifier=block)  # web3 says what is wrong with it
    named = [_named(output, value) for output, value in zip(call.abi["outputs"], values, strict=True)]
    return named[0] if len(named) == 1 else named


def _named(output: Any, value: Any) -> Any:
    """Give a struct its fields as attributes, as `decode_tuples` of web3 does, and checksum addresses."""
    kind = output["type"]
    if kind.endswith("]"):
        item = output | {"type": kind[: kind.rindex("[")]}
        return [_named(item, member) for member in value] if kind.startswith(_STRUCTURED) else list(value)
    if kind == "tuple":
        parts = zip(output["components"], value, strict=True)
        return SimpleNamespace(**{part["name"]: _named(part, member) for part, member in parts})
    return Web3.to_checksum_address(value) if kind == "address" else value


def _limit_of(provider: JSONBaseProvider) -> int:
    known = _LIMITS.get(provider)
    return PAGE if known is None or known.until < time.monotonic() else known.size


def _keep_limit(provider: JSONBaseProvider, size: int) -> None:
    """Offer an endpoint no larger batches than `size` for a while."""
    _LIMITS[provider] = _Limit(size, time.monotonic() + KEPT)


def _asked(provider: JSONBaseProvider, page: list[tuple[RPCEndpoint, list[Any]]]) -> list[Any] | None:
    """Ask a batch; an empty list where all of it is refused, None where less would be refused too."""
    try:
        responses: Any = provider.make_batch_request(page)
    except (NoConnection, RateLimited):
        return None
    except Exception:  # noqa: BLE001 - of any transport; all are asked one by one then
        return []
    return responses if _is_whole(responses, len(page)) else []


def _is_whole(responses: Any, count: int) -> bool:
    """Check that there is one answer to each request: ids count upwards, and answers come sorted by them."""
    if not isinstance(responses, list) or len(responses) != count:
        return False
    ids = [response.get("id") if isinstance(response, dict) else None for response in responses]
    return isinstance(ids[0], int) and ids == list(range(ids[0], ids[0] + count))


def _is_postponed(response: Any) -> bool:
    """Check whether the request may be repeated in a smaller batch or a little later."""
    error = response.get("error")
    if not isinstance(error, dict):
        return False
    limited = classify(error.get("code"), str(error.get("message"))) == Answer.RATE_LIMITED
    return limited or error.get("code") == RESPONSE_TOO_LARGE


def _result(response: Any) -> bytes | None:
    result = response.get("result") if not response.get("error") else None
    try:
        return bytes(HexBytes(result)) if isinstance(result, str) else None
    except ValueError:
        return None
