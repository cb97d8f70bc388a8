"""The results of every method that is relied on: their shapes checked, and what nobody reads left out.

A result that passes here is of a form that web3's own formatters do not stumble over, and is an answer to
what was asked: the block of this number, the receipt of this transaction.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from eth_hash.auto import keccak

from scorer.chain.replies import Malformed, kind

Check = Callable[[Any], Any]
"""Gives a value back in its usual form, or raises `Malformed`."""
MOST_TOPICS: Final = 4
_HEX: Final = re.compile(r"0[xX][0-9a-fA-F]*")
_WORD: Final = 2**256
_COUNT: Final = 2**63
"""Numbers of blocks, of seconds, of nonces and of gas are below: a database holds no larger ones."""


def checked_result(method: str, params: Sequence[Any], result: Any) -> Any:
    """Check a method's result, and return it in its usual form; that of an unknown method as it came.

    Raises
    ------
    scorer.chain.replies.Malformed
        When it has another shape, or is an answer to another question.
    """
    check = _METHODS.get(method)
    if check is not None:
        result = check(result)
    verify = _ANSWERS.get(method)
    if verify is not None and result is not None and params:
        verify(params[0], result)
    return result


def _quantity(value: Any, below: int = _WORD) -> str:
    """Check a number, as hexadecimal text; some nodes send it as it is."""
    if isinstance(value, str) and 2 < len(value) <= 80 and _HEX.fullmatch(value):
        value = int(value, 16)
    if type(value) is not int or not 0 <= value < below:
        raise Malformed(f"expected a number below 2**{below.bit_length() - 1}, found {kind(value)}")
    return hex(value)


_count = partial(_quantity, below=_COUNT)


def _data(value: Any, size: int | None = None) -> str:
    """Check bytes, as hexadecimal text."""
    is_hex = isinstance(value, str) and len(value) % 2 == 0 and _HEX.fullmatch(value)
    if not is_hex or (size is not None and len(value) != 2 + 2 * size):
        raise Malformed(f"expected {'' if size is None else f'{size} '}bytes, found {kind(value)}")
    return "0x" + str(value[2:]).lower()


_hash = partial(_data, size=32)
_address = partial(_data, size=20)


def _false(value: Any) -> bool:
    if value is not False:
        raise Malformed(f"expected false, found {'true' if value is True else kind(value)}")
    return value


def _list(check: Check, most: int | None = None) -> Check:
    def checked(value: Any) -> list[Any]:
        if not isinstance(value, list) or (most is not None and len(value) > most):
            raise Malformed(f"expected a list{f' of at most {most}' if most else ''}, found {kind(value)}")
        return [check(each) for each in value]

    return checked


def _object(needed: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    """Make a check for objects of these members; an optional one that is null counts as missing."""

    def checked(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Malformed(f"expected an object, found {kind(value)}")
        found = {name: _member(name, check, value.get(name)) for name, check in needed.items()}
        given = {name: check for name, check in optional.items() if value.get(name) is not None}
        return found | {name: _member(name, check, value[name]) for name, check in given.items()}

    return checked


def _member(name: str, check: Check, value: Any) -> Any:
    try:
        return check(value)
    except Malformed as error:
        raise Malformed(f"{name}: {error}") from None


def _or_null(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


_LOG: Final = _object(
    {
        "address": _address,
        "topics": _list(_hash, MOST_TOPICS),
        "data": _data,
        "blockNumber": _count,
        "blockHash": _hash,
        "transactionHash": _hash,
        "transactionIndex": _count,
        "logIndex": _count,
    },
    {"removed": _false},  # true is for subscribers: a reorganisation took the log back
)
_TRANSACTION: Final = _object(
    {"hash": _hash, "input": _data},
    {
        "from": _address,
        "to": _address,
        "nonce": _count,
        "gas": _count,
        "value": _quantity,
        "blockNumber": _count,
        "blockHash": _hash,
    },
)


def _transaction(value: Any) -> Any:
    """Check a transaction's hash alone, or all of it, as was asked for."""
    return _hash(value) if isinstance(value, str) else _TRANSACTION(value)


_BLOCK: Final = _object(
    {"number": _count, "hash": _hash, "timestamp": _count},
    {
        # A chain from before EIP-1559 has none, and some nodes send null for that.
        "baseFeePerGas": _quantity,
        "transactions": _list(_transaction),
        # What proofs of logs rest on.
        "transactionsRoot": _hash,
        "receiptsRoot": _hash,
    },
)
_RECEIPT: Final = _object(
    {
        "transactionHash": _hash,
        "blockNumber": _count,
        "blockHash": _hash,
        "status": partial(_quantity, below=2),
        "gasUsed": _count,
        "logs": _list(_LOG),
    },
    {
        "transactionIndex": _count,
        "cumulativeGasUsed": _count,
        "contractAddress": _address,
        "from": _address,
        "to": _address,
        "effectiveGasPrice": _quantity,
        "logsBloom": partial(_data, size=256),
        "type": _count,
    },
)


def _receipt(value: Any) -> Any:
    """Check a receipt; None for that of a waiting transaction, on which nothing relies."""
    if isinstance(value, dict) and (value.get("blockNumber") is None or value.get("blockHash") is None):
        return None
    return _RECEIPT(value)


def _fee_history(value: Any) -> dict[str, Any]:
    """Check the tips alone; some nodes say null or nothing for a block without transactions."""
    rewards = _object({}, {"reward": _list(_or_null(_list(_quantity)))})(value).get("reward", [])
    return {"reward": [row for row in rewards if row]}


def _require_block(asked: Any, block: Mapping[str, Any]) -> None:
    # A tag such as "latest" asks for no number.
    is_number = isinstance(asked, str) and _HEX.fullmatch(asked)
    if is_number and block["number"] != hex(int(asked, 16)):
        raise Malformed(f"expected block {int(asked, 16)}, found block {int(block['number'], 16)}")


def _require_hash(asked: Any, block: Mapping[str, Any]) -> None:
    _require_same("the block of the hash that was asked for", asked, block["hash"])


def _require_receipt(asked: Any, receipt: Mapping[str, Any]) -> None:
    _require_same("the receipt of this transaction", asked, receipt["transactionHash"])


def _require_sent(raw: Any, found: str) -> None:
    _require_same("the hash of what was sent", "0x" + keccak(bytes.fromhex(str(raw)[2:])).hex(), found)


def _require_same(what: str, asked: Any, found: str) -> None:
    if str(asked).lower() != found:
        raise Malformed(f"expected {what}, found another")


_METHODS: Final[Mapping[str, Check]] = {
    "eth_blockNumber": _count,
    "eth_call": _data,
    "eth_chainId": _count,
    "eth_estimateGas": _count,
    "eth_feeHistory": _fee_history,
    "eth_gasPrice": _quantity,
    "eth_getBalance": _quantity,
    "eth_getBlockByHash": _or_null(_BLOCK),
    "eth_getBlockByNumber": _or_null(_BLOCK),
    "eth_getCode": _data,
    "eth_getLogs": _list(_LOG),
    "eth_getStorageAt": _data,
    "eth_getTransactionByHash": _or_null(_TRANSACTION),
    "eth_getTransactionCount": _count,
    "eth_getTransactionReceipt": _or_null(_receipt),
    "eth_maxPriorityFeePerGas": _quantity,
    "eth_sendRawTransaction": _hash,
}
_ANSWERS: Final[Mapping[str, Callable[[Any, Any], None]]] = {
    "eth_getBlockByHash": _require_hash,
    "eth_getBlockByNumber": _require_block,
    "eth_getTransactionReceipt": _require_receipt,
    "eth_sendRawTransaction": _require_sent,
}
