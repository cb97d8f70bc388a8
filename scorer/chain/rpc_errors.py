"""Classifies the errors of nodes by their words and codes, in one place.

The texts were read in the sources of geth (core/txpool/errors.go, core/error.go), bor
(params/protocol_params.go), Erigon (txnprovider/txpool/txpoolcfg/txpoolcfg.go), Nethermind
(TxPoolErrorMessages.cs, AcceptTxResult.cs), Besu (RpcErrorType.java) and reth (crates/rpc); those of
providers in clients and issues that list them: ponder-sh/ponder packages/utils/src/getLogsRetryHelper.ts,
erpc/erpc architecture/evm/error_normalizer.go, alloy-rs/alloy crates/json-rpc, safe-global/safe-eth-py
gnosis/eth/ethereum_client.py, INFURA/infura issue 237, latticexyz/mud issue 1522, wevm/viem issue 5082,
base/node issue 368. `tests/chain/test_rpc_errors.py` has the texts themselves.
"""

import re
from enum import StrEnum
from typing import Final

LONGEST_TEXT: Final = 2_000
"""Characters of an error that are looked at: what follows is of no use, and of any length."""


class Answer(StrEnum):
    """The outcome of a request or of a transaction that was sent."""

    NOT_SENT = "not sent"
    """No node was asked yet."""
    ACCEPTED = "accepted"
    KNOWN = "already known"
    NONCE_TOO_LOW = "nonce too low"
    NONCE_TOO_HIGH = "nonce too high"
    REPLACEMENT_UNDERPRICED = "replacement underpriced"
    TIP_TOO_LOW = "tip too low"
    CAP_BELOW_BASE_FEE = "fee cap below base fee"
    FEE_CAP_EXCEEDED = "endpoint's fee cap exceeded"
    INSUFFICIENT_FUNDS = "insufficient funds"
    GAS_TOO_HIGH = "gas limit too high"
    GAS_TOO_LOW = "gas limit too low"
    POOL_FULL = "transaction pool full"
    RATE_LIMITED = "rate limited"
    RANGE_TOO_LARGE = "range too large"
    HEADER_NOT_FOUND = "block not found"
    STATE_UNAVAILABLE = "state not available"
    NO_FINALISED_BLOCK = "no finalised block"
    METHOD_UNAVAILABLE = "method not available"
    UNAUTHORISED = "not authorised"
    MALFORMED = "malformed answer"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


# Each is tried in this order, on text in lower case. A gap is bounded, so that no text makes the search slow.
_WORDS: Final = (
    # A provider's limit comes first: it is often wrapped around another node's words.
    (
        Answer.RATE_LIMITED,
        r"rate.?limit|rate exceeded|too many request|too many concurrent|"
        r"\bper[ -](second|sec|minute|hour|day)\b|/(second|sec|s)\b|\brps\b|capacity exceeded|"
        r"capacity limit|throttl|slow down|request count|"
        r"daily (request|limit|quota)|compute units|quota|usage limit|request limit reached|"
        r"requests? (exceeds? defined|are |is )?limit(ed)?\b(?! of \d+ blocks)|"
        r"credits? (are )?limited|out of credits|exceeded the (allowed )?(number of )?requests|"
        r"under too much load|try again later|retry (in|after) \d",
    ),
    (
        Answer.NO_FINALISED_BLOCK,
        r"(no|unknown) (finali[sz]ed|safe) block|"
        r"finali[sz]ed block (is )?(not (found|available)|unknown|missing)|"
        r"block not found: final|finali[sz]ed.{0,20}(is )?(not supported|unsupported)",
    ),
    (
        Answer.REPLACEMENT_UNDERPRICED,
        r"replacement.{0,40}underpriced|replacement ?not ?allowed|replacement fee too low|"
        r"fee too low to replace|could not replace existing|replaced by transaction with higher|"
        r"another transaction with same nonce",
    ),
    (
        Answer.POOL_FULL,
        r"txpool is full|sub-?pool is full|pool is full|pool overflow|account limit exceeded|\bspammer\b|"
        r"in-flight transaction limit|future transaction tries to replace|address already reserved",
    ),
    (
        Answer.KNOWN,
        r"already ?known|already imported|\bknown transaction|existing txn with same hash|"
        r"(transaction|tx) (with the same hash )?already (exists|in)|^(internal_error: )?mined$",
    ),
    (
        Answer.NONCE_TOO_HIGH,
        r"nonce (is )?too (high|distant|far)|nonce ?gap|gapped.nonce|nonce is too distant|"
        r"transaction with a lower nonce|nonce too far in future",
    ),
    (
        Answer.NONCE_TOO_LOW,
        r"nonce (is )?too low|oldnonce|old nonce|invalid nonce|nonce is below|nonce has already been used",
    ),
    (
        Answer.CAP_BELOW_BASE_FEE,
        r"less than block base fee|fee cap.{0,80}base ?fee|max ?fee ?per ?gas.{0,40}less|"
        r"below current base fee|below (the )?(block )?base fee",
    ),
    (
        Answer.FEE_CAP_EXCEEDED,
        r"exceeds the configured cap|transaction fee cap exceeded|tx fee.{0,80}exceeds",
    ),
    (
        Answer.TIP_TOO_LOW,
        r"gas tip cap.{0,90}minimum needed|tip.{0,40}too low|\bunderpriced|gas ?price.{0,60}below|"
        r"gas ?price.{0,40}too low|fee ?too ?low|priority fee.{0,60}(too low|below|minimum)",
    ),
    (
        Answer.INSUFFICIENT_FUNDS,
        r"insufficient ?(funds|balance|eth)|exceeds account balance|enough (funds|balance)|balance too low|"
        r"cause overdraft",
    ),
    (
        Answer.GAS_TOO_HIGH,
        r"gas required exceeds allowance|exceeds (the )?block gas limit|gas ?limit ?exceeded|"
        r"gas limit reached|gas limit.{0,60}(too high|exceeds)|intrinsic gas too high|transaction gas limit",
    ),
    (
        Answer.GAS_TOO_LOW,
        r"intrinsic ?gas|gas limit.{0,60}too low|insufficient gas for floor|out ?of ?gas|gas too low",
    ),
    (
        Answer.STATE_UNAVAILABLE,
        r"missing trie node|is missing from the db|state.{0,120}(not|n't) (yet )?available|state unavailable|"
        r"no state (available|found)|unknown state|historical state|maximum proof window|\bpruned|pruning|"
        r"archive (node|requests|data|mode)|archival",
    ),
    (
        Answer.METHOD_UNAVAILABLE,
        r"method.{0,80}(not (found|supported|available|enabled|allowed|(is )?whitelisted)|does not exist|"
        r"is disabled|unsupported|is unavailable)|unsupported method|not included in your (current )?plan",
    ),
    (
        Answer.HEADER_NOT_FOUND,
        r"(header|block).{0,90}(not (be )?found|could not be found|cannot be found|unknown|is not available)|"
        r"unknown (block|header)|(could not|cannot|failed to) find (the )?(block|header)|no header found|"
        r"beyond (the )?(current )?(head|latest)|after (the )?last (accepted )?block|stale block|"
        r"index(ing)? is in progress|block number out of range",
    ),
    (
        Answer.RANGE_TOO_LARGE,
        r"\branges?\b|too many (results|blocks|logs)|too (large|wide|big)\b|"
        r"more than [\d,]+ (results|logs|blocks)|response size|max results|exceeds capacity|"
        r"logs matched|limit the query|number of requested blocks|"
        r"blocks distance|"
        r"(limited to|limit of|at most|smaller than size|than) [\d,. -]+ ?(k )?(block|result|log)|"
        r"limited to a [\d,]+|query must be smaller|less number of addresses|query exceeds|time(d)?[ -]?out|"
        r"took too long|execution aborted|no backend is currently healthy",
    ),
    (
        Answer.UNAUTHORISED,
        r"unauthori[sz]ed|forbidden|(invalid|missing|unknown) (api|project|access|auth)|"
        r"authenticat|access denied",
    ),
    # Last, because limits of gas, of fees and of ranges are exceeded in the same words.
    (Answer.RATE_LIMITED, r"request limit|limit exceeded|exceeds? (the )?(defined )?limit|\b429\b|exhausted"),
)
_PATTERNS: Final = tuple((answer, re.compile(words)) for answer, words in _WORDS)
_CODES: Final = {
    -32001: Answer.UNKNOWN,
    -32005: Answer.RATE_LIMITED,
    -32007: Answer.RATE_LIMITED,
    -32012: Answer.RATE_LIMITED,
    -32016: Answer.RATE_LIMITED,
    -32090: Answer.RATE_LIMITED,
    -32601: Answer.METHOD_UNAVAILABLE,
    -32604: Answer.METHOD_UNAVAILABLE,
    -32614: Answer.RANGE_TOO_LARGE,
    -38004: Answer.RANGE_TOO_LARGE,
    -39001: Answer.HEADER_NOT_FOUND,
    -40100: Answer.UNAUTHORISED,
    429: Answer.RATE_LIMITED,
}
_WANTED: Final = re.compile(r"gas tip cap.{0,90}?minimum needed[: ]{1,9}(\d{1,78})")


def classify(code: object, message: str) -> Answer:
    """Return the meaning of a JSON-RPC error; words go before codes, which differ among providers."""
    text = " ".join(message[:LONGEST_TEXT].lower().split())
    for answer, pattern in _PATTERNS:
        if pattern.search(text):
            return answer
    return _CODES.get(code, Answer.UNKNOWN) if type(code) is int else Answer.UNKNOWN


def wanted_tip(message: str) -> int:
    """Return the least tip that a refusal names, wei per gas; 0 when it names none."""
    found = _WANTED.search(message[:LONGEST_TEXT])
    return int(found[1]) if found else 0
