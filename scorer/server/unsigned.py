"""Calls and typed data for a user's wallet to sign: nothing here has a key."""

from collections.abc import Mapping
from typing import Any, Final

from web3 import Web3

from scorer.chain.accounts import KeyTextError, require_address
from scorer.chain.contracts import Suite
from scorer.chain.records import Addresses
from scorer.client.amounts import allocation_of, amount_of
from scorer.protocol.documents import from_hex, to_hex
from scorer.protocol.signature import IN_THE_CLEAR, SubmissionDigest
from scorer.server.errors import ApiError
from scorer.units import WEI_PER_NANO

ACTIONS: Final = ("deposit", "withdraw", "allocate", "submitter")
LAST_MODEL: Final = 2**32


def addresses_of(tournament: Mapping[str, Any]) -> Addresses:
    """Return the contracts that the document tournament.json names.

    Raises
    ------
    ApiError
        When it names none, or two tournaments.
    """
    try:
        found = Addresses.from_json(tournament["deployment"])
        is_one = (tournament["chain_id"], tournament["tournament"]) == (found.chain_id, found.tournament)
    except (KeyError, ValueError, TypeError):
        is_one = False
    if not is_one:
        raise ApiError("tournament.json: expected the addresses of one tournament's contracts, found others")
    return found


def unsigned_calls(
    addresses: Addresses, action: str, model: int, value: str, account: str | None
) -> list[dict[str, Any]]:
    """Return the transactions of an action on a model's stake, in their order, without signature and fees.

    Parameters
    ----------
    value
        NMR for deposit and withdraw; NMR or a share such as ``40%`` for allocate; an address for submitter.
    account
        The address that is paid by withdraw.

    Raises
    ------
    ApiError, scorer.client.amounts.AmountError
        When the action, the model or the value is none.
    """
    if not 0 < model < LAST_MODEL:
        raise ApiError(f"model: expected a model's number, found {model}")
    suite = Suite.at(Web3(), addresses)
    stakes, token = suite.tournament.functions, suite.token.functions
    if action == "deposit":
        wei = amount_of(value) * WEI_PER_NANO
        approve = _call(
            addresses, suite.token, token.approve(addresses.tournament, wei), f"allow {value} NMR"
        )
        deposit = stakes.deposit(model, wei)
        return [approve, _call(addresses, suite.tournament, deposit, f"stake {value} NMR on model {model}")]
    if action == "withdraw":
        call = stakes.withdraw(model, amount_of(value) * WEI_PER_NANO, _address(account, "account"))
        return [_call(addresses, suite.tournament, call, f"withdraw {value} NMR of model {model}")]
    if action == "allocate":
        call = stakes.setAllocation(model, allocation_of(value).encoded)
        return [_call(addresses, suite.tournament, call, f"put {value} of model {model} at risk a round")]
    if action == "submitter":
        call = suite.registry.functions.setSubmitter(model, _address(value, "value"))
        return [_call(addresses, suite.registry, call, f"let {value} submit for model {model}")]
    raise ApiError(f"action: expected one of {', '.join(ACTIONS)}, found another")


def _call(addresses: Addresses, contract: Any, call: Any, what: str) -> dict[str, Any]:
    return {
        "what": what,
        "chainId": addresses.chain_id,
        "to": contract.address,
        "value": "0x0",
        "data": contract.encode_abi(call.fn_name, args=call.args),
    }


def _address(text: str | None, name: str) -> str:
    try:
        return str(require_address(text or ""))
    except KeyTextError as error:
        raise ApiError(f"{name}: {error}") from None


def submission_typed_data(
    addresses: Addresses, model: int, round_id: int, content_hash: str, ciphertext_hash: str | None
) -> dict[str, Any]:
    """Return the EIP-712 typed data that a model's submitter signs for a submission.

    Raises
    ------
    ApiError
        When a hash is none.
    """
    try:
        content = from_hex(content_hash, 32)
        ciphertext = IN_THE_CLEAR if ciphertext_hash is None else from_hex(ciphertext_hash, 32)
    except ValueError:
        raise ApiError("hash: expected 32 bytes in hex, found another text") from None
    digest = SubmissionDigest(addresses.chain_id, addresses.tournament, round_id, model, content, ciphertext)
    document: dict[str, Any] = digest.typed_data()
    message = document["message"]
    hashes = {name: to_hex(message[name]) for name in ("contentHash", "ciphertextHash")}
    return {**document, "message": {**message, **hashes}}
