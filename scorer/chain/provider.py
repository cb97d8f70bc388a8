"""A web3 provider for endpoints that nobody vouches for: whatever they say becomes a result or a typed error.

Nothing else leaves it: an `EndpointError`, or web3's `ContractLogicError` for a call that reverts. Results
have the shapes that web3's formatters and our own code rely on.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from web3 import Web3
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from scorer.chain.errors import (
    BY_ANSWER,
    AnswerTooLarge,
    Busy,
    EndpointError,
    HeaderNotFound,
    MalformedAnswer,
    NoFinalisedBlock,
    RangeTooLarge,
    RateLimited,
    Refused,
    Unauthorised,
    Unreachable,
    shown,
)
from scorer.chain.replies import (
    Failure,
    Malformed,
    RpcResult,
    TooManyParts,
    answer_in,
    answers_in,
    document_of,
    refusal_in,
)
from scorer.chain.reverts import revert_of
from scorer.chain.rpc_errors import LONGEST_TEXT, Answer, classify
from scorer.chain.shapes import checked_result
from scorer.chain.transport import MOST_BYTES, Reply, Transport
from scorer.redaction import host

T = TypeVar("T")
PAUSES: Final = (0.1, 0.2, 0.4, 0.8)
"""Seconds between the tries of a request that may be answered a little later."""
LONGEST_PAUSES: Final = 5.0
"""Seconds in all that Retry-After can have one request wait; where more is asked for, `PAUSES` hold."""
# Its answer may be lost after the node took it. Whether to send again is for the state machine to decide.
NEVER_REPEATED: Final = "eth_sendRawTransaction"
CHAIN_ID: Final = "eth_chainId"
LATEST: Final = ("latest", "pending", "safe")
# Methods that execute a call, and so can report its revert.
_TRIED: Final = ("eth_call", "eth_estimateGas")
_NOT_FINALISED: Final = frozenset({Answer.HEADER_NOT_FOUND, Answer.NO_FINALISED_BLOCK, Answer.UNKNOWN})


class Provider(JSONBaseProvider):
    """An endpoint by HTTP.

    Parameters
    ----------
    timeout
        Seconds for one answer as a whole.
    most_bytes
        Of one answer.
    """

    # Else a contract's revert, which an endpoint can make up, would name a URL to be asked (EIP-3668).
    global_ccip_read_enabled = False

    def __init__(self, url: str, timeout: float = 30, most_bytes: int = MOST_BYTES) -> None:
        super().__init__()
        self.endpoint_uri = url
        self.until: float | None = None
        self._transport = Transport(url, timeout, most_bytes)
        self._chain_id: RPCResponse | None = None

    @property
    def timeout(self) -> float:
        """Seconds for one answer."""
        return self._transport.timeout

    def is_connected(self, show_traceback: bool = False) -> bool:  # noqa: ARG002 - as web3 asks for it
        """Check whether the endpoint answers at all."""
        try:
            self.make_request(RPCEndpoint(CHAIN_ID), [])
        except EndpointError:
            return False
        return True

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Ask, and once more a little later where that may help; what is sent is never repeated here.

        Raises
        ------
        EndpointError
            For whatever else than a result comes back.
        web3.exceptions.ContractLogicError
            For a call that reverts.
        """
        if method == CHAIN_ID and self._chain_id is not None:
            return self._chain_id  # web3 asks for it before every call, and it cannot change
        response = self._patiently(method, lambda: self._once(method, params))
        if method == CHAIN_ID:
            self._chain_id = response
        return response

    def make_batch_request(
        self, batch_requests: Sequence[tuple[RPCEndpoint, Any]]
    ) -> list[RPCResponse] | RPCResponse:
        """Ask all at once: the answers in order, an error in place of each that is none.

        Raises
        ------
        EndpointError
            When the batch as a whole is refused, or its answer is no answer to it.
        """
        if not batch_requests:
            return []
        return self._patiently("a batch", lambda: self._batch(batch_requests))

    def _batch(self, batch_requests: Sequence[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        self._require_time()
        encoded, ids = zip(*(self._encoded(method, params) for method, params in batch_requests), strict=True)
        reply = self._transport.post(b"[" + b",".join(encoded) + b"]")
        try:
            document = document_of(reply.body)
            refusal = refusal_in(document)
            if refusal is not None:
                raise self._refused("a batch", refusal, reply)
            self._require_success(reply)
            found = answers_in(document, ids)
        except Malformed as error:
            raise self._malformed("a batch", error, reply) from None
        asked = zip(batch_requests, ids, found, strict=True)
        return [self._one(method, params, number, answer) for (method, params), number, answer in asked]

    def _one(self, method: RPCEndpoint, params: Any, number: int, answer: RpcResult | Failure) -> RPCResponse:
        if isinstance(answer, Failure):
            words = shown(answer.message, self._transport.url)
            return RPCResponse(jsonrpc="2.0", id=number, error={"code": answer.code or 0, "message": words})
        try:
            value = checked_result(method, params, answer.value)
        except Malformed as error:
            return RPCResponse(jsonrpc="2.0", id=number, error={"code": 0, "message": str(error)})
        return RPCResponse(jsonrpc="2.0", id=number, result=value)

    def _patiently(self, method: str, ask: Callable[[], T]) -> T:
        waits = _Waits(method)
        while True:
            try:
                return ask()
            except EndpointError as error:
                pause = waits.after(error)
                if pause is None:
                    raise
                time.sleep(pause)

    def _once(self, method: str, params: Any) -> RPCResponse:
        self._require_time()
        request, request_id = self._encoded(method, params)
        reply = self._transport.post(request)
        try:
            answer = self._answer(method, reply, request_id)
            if isinstance(answer, Failure):
                return self._failed(method, params, answer, reply)
            value = checked_result(method, params, answer.value)
        except Malformed as error:
            raise self._malformed(method, error, reply) from None
        if value is None:
            self._require_tag(method, params)
        return RPCResponse(jsonrpc="2.0", id=request_id, result=value)

    def _encoded(self, method: str, params: Any) -> tuple[bytes, int]:
        """Encode a request; its bytes and its id, of which no other thread has the same."""
        number = next(self.request_counter)
        request = {"jsonrpc": "2.0", "method": method, "params": params or [], "id": number}
        return Web3.to_json(request).encode(), number

    def _answer(self, method: str, reply: Reply, request_id: int) -> RpcResult | Failure:
        """Read the answer of a reply: an error counts whatever the status, a result only with status 200."""
        document = document_of(reply.body)
        refusal = refusal_in(document)
        if refusal is not None and "result" not in document:
            return refusal
        self._require_success(reply, method)
        return answer_in(document, request_id)

    def _failed(self, method: str, params: Any, failure: Failure, reply: Reply) -> RPCResponse:
        """Convert an error to a revert, to null for an unknown transaction, or to an `EndpointError`."""
        revert = revert_of(failure.code, failure.message, failure.data) if method in _TRIED else None
        if revert is not None:
            raise revert
        # JSON-RPC says null for it, some nodes an error.
        if method == "eth_getTransactionReceipt" and "transaction not found" in failure.message.lower():
            return RPCResponse(jsonrpc="2.0", id=0, result=None)
        answer = self._meaning(failure, reply)
        if _asks_finalised(method, params) and answer in _NOT_FINALISED:
            raise self._without_finality(shown(failure.message, self._transport.url))
        raise self._refused(method, failure, reply)

    def _meaning(self, failure: Failure, reply: Reply) -> Answer:
        answer = classify(failure.code, f"{failure.message} {(failure.data or '')[:LONGEST_TEXT]}")
        by_status = _BY_STATUS.get(reply.status)
        return by_status.means if answer == Answer.UNKNOWN and by_status is not None else answer

    def _refused(self, what: str, failure: Failure, reply: Reply) -> EndpointError:
        answer = self._meaning(failure, reply)
        words = shown(failure.message or failure.data or "no words", self._transport.url)
        meant = "an error" if answer == Answer.UNKNOWN else answer.value
        text = f"{self._expected(what)}, found {meant}: {words}"
        if answer not in BY_ANSWER and reply.status in _BY_STATUS:
            return _BY_STATUS[reply.status](text, retry_after=reply.retry_after)
        return BY_ANSWER.get(answer, Refused)(text, answer=answer, retry_after=reply.retry_after)

    def _malformed(self, what: str, error: Malformed, reply: Reply) -> EndpointError:
        """Return the error of a malformed answer: of its status where that says more, else of its shape."""
        if reply.status != 200:
            return self._of_status(what, reply)
        of = AnswerTooLarge if isinstance(error, TooManyParts) else MalformedAnswer
        return of(f"{self._expected(what)}: {error}")

    def _require_success(self, reply: Reply, what: str = "a batch") -> None:
        if reply.status != 200:
            raise self._of_status(what, reply)

    def _of_status(self, what: str, reply: Reply) -> EndpointError:
        of = _BY_STATUS.get(reply.status, Unreachable)
        return of(f"{self._expected(what)}, found status {reply.status}", retry_after=reply.retry_after)

    def _require_tag(self, method: str, params: Any) -> None:
        """Require that a block which every chain has is not null; web3 checks numbered ones."""
        if _asks_finalised(method, params):
            raise self._without_finality("null")
        if method == "eth_getBlockByNumber" and params[0] in LATEST:
            raise HeaderNotFound(f"{self._expected(method)}: expected the {params[0]} block, found null")

    def _without_finality(self, words: str) -> NoFinalisedBlock:
        return NoFinalisedBlock(
            f"endpoint {host(self._transport.url)}: expected a finalised block, found none ({words}); wait "
            'if the node has just started, else use an endpoint that serves the tag "finalized": finality is '
            "never guessed from depth"
        )

    def _require_time(self) -> None:
        """Require that this endpoint has time left in this cycle."""
        if self.until is not None and time.monotonic() > self.until:
            raise Unreachable(
                f"endpoint {host(self._transport.url)}: expected all answers of a cycle in time, found them "
                "too slow, or without end; another endpoint is used"
            )

    def _expected(self, what: str) -> str:
        return f"endpoint {host(self._transport.url)}: expected an answer to {what}"


_BY_STATUS: Final[dict[int, type[EndpointError]]] = {
    401: Unauthorised,
    403: Unauthorised,
    # A proxy that waited too long for the node: a smaller range may be answered in time.
    408: RangeTooLarge,
    413: RangeTooLarge,
    425: Busy,
    429: RateLimited,
    503: Busy,
}


class _Waits:
    """The pauses before further tries of one request."""

    def __init__(self, method: str) -> None:
        self._pauses: Iterator[float] = iter(() if method == NEVER_REPEATED else PAUSES)
        self._left = LONGEST_PAUSES

    def after(self, error: EndpointError) -> float | None:
        """Return the seconds to wait; None when it is not to be tried again."""
        pause = next(self._pauses, None) if error.passes else None
        if pause is None:
            return None
        wanted = error.retry_after or 0
        # An endpoint may ask for an hour: what is more than the time that is left is not waited for.
        pause = wanted if pause < wanted <= self._left else pause
        self._left -= pause
        return pause


def _asks_finalised(method: str, params: Any) -> bool:
    return method == "eth_getBlockByNumber" and bool(params) and params[0] == "finalized"
