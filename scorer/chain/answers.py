"""What a node means by an error: its code and its words, told apart once and for all.

The words are those of geth and bor (core/txpool, internal/ethapi), erigon, anvil and of large providers; the
list began with that of safe-global/safe-eth-py, gnosis/eth/ethereum_client.py.
"""

import re
from enum import StrEnum
from typing import Any, Final

import requests
from web3.exceptions import BadResponseFormat, Web3RPCError


class Answer(StrEnum):
    """What became of a request or of a transaction that was sent."""

    NOT_SENT = "not sent"
    """No node was asked yet."""
    ACCEPTED = "accepted"
    KNOWN = "already known"
    NONCE_TOO_LOW = "nonce too low"
    REPLACEMENT_UNDERPRICED = "replacement underpriced"
    TIP_TOO_LOW = "tip too low"
    CAP_BELOW_BASE_FEE = "fee cap below base fee"
    FEE_CAP_EXCEEDED = "endpoint's fee cap exceeded"
    INSUFFICIENT_FUNDS = "insufficient funds"
    GAS_TOO_HIGH = "gas limit too high"
    GAS_TOO_LOW = "gas limit too low"
    RATE_LIMITED = "rate limited"
    NO_FINALISED_BLOCK = "no finalised block"
    RANGE_TOO_LARGE = "range too large"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


_WORDS: Final = (
    (Answer.KNOWN, r"already known|already imported|\bknown transaction|alreadyknown|already exists"),
    (Answer.NONCE_TOO_LOW, r"nonce too low|nonce is too low|oldnonce|invalid nonce"),
    (Answer.REPLACEMENT_UNDERPRICED, r"replacement transaction underpriced|replacement.*underpriced"),
    (Answer.TIP_TOO_LOW, r"gas tip cap.*minimum needed|tip.*too low|transaction underpriced|gas price below"),
    (Answer.CAP_BELOW_BASE_FEE, r"less than block base fee|fee cap.*base fee|max fee per gas less"),
    (Answer.FEE_CAP_EXCEEDED, r"exceeds the configured cap"),
    (Answer.INSUFFICIENT_FUNDS, r"insufficient funds|insufficient balance"),
    (
        Answer.GAS_TOO_HIGH,
        r"gas required exceeds allowance|exceeds block gas limit|gas limit.*(too high|exceeds)|"
        r"transaction gas limit",
    ),
    (Answer.GAS_TOO_LOW, r"intrinsic gas|gas limit.*too low|insufficient gas for floor|out of gas"),
    (Answer.RATE_LIMITED, r"rate limit|too many requests|request limit|capacity|throttl|\b429\b"),
    (
        Answer.NO_FINALISED_BLOCK,
        r"no finali[sz]ed block|finali[sz]ed block not found|block not found: final",
    ),
    (
        Answer.RANGE_TOO_LARGE,
        r"block range|range (too|is too)|too (large|wide|many results)|returned more than|limited to",
    ),
)
_CODES: Final = {
    -32005: Answer.RATE_LIMITED,
    -32016: Answer.RATE_LIMITED,
    429: Answer.RATE_LIMITED,
}


def classify(code: object, message: str) -> Answer:
    """What a JSON-RPC error means; its words go before its code, for codes differ between providers."""
    text = message.lower()
    for answer, pattern in _WORDS:
        if re.search(pattern, text):
            return answer
    return _CODES.get(code, Answer.UNKNOWN) if isinstance(code, int) else Answer.UNKNOWN


def classify_error(error: BaseException) -> Answer:
    """What an exception of a request means."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        limited = error.response.status_code == requests.codes.too_many_requests
        return Answer.RATE_LIMITED if limited else Answer.UNREACHABLE
    if isinstance(error, requests.RequestException | ConnectionError | TimeoutError | BadResponseFormat):
        return Answer.UNREACHABLE
    if isinstance(error, Web3RPCError):
        return classify(_code(error), str(error.message or error))
    return classify(None, str(error))


def wanted_tip(message: str) -> int:
    """The least tip that a refusal names, wei of gas; 0 when it names none."""
    found = re.search(r"gas tip cap.*minimum needed[: ]+(\d+)", message)
    return int(found[1]) if found else 0


def _code(error: Web3RPCError) -> object:
    response: Any = error.rpc_response
    body = response.get("error") if isinstance(response, dict) else None
    return body.get("code") if isinstance(body, dict) else None
