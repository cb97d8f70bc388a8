"""Thousands of models that enter and submit by shortcuts: they are not what is put to the test."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import requests
from eth_abi.abi import encode
from eth_utils.abi import function_abi_to_4byte_selector
from web3 import Web3
from web3.contract import Contract

from scorer.chain.endpoint import EndpointError
from scorer.lab.drill.local_tournament import ADMIN, OPERATOR, OWNER, LocalTournament
from scorer.operator.collection import Collection, write_collection
from scorer.operator.plans import SCHEDULE, TIMES
from scorer.protocol.digest import content_hashes, universe_digest
from scorer.protocol.rules import NO_TERMS
from scorer.protocol.signature import SubmissionDigest
from scorer.protocol.submissions import Submission, Submissions
from scorer.storage.bundle import Bundle
from scorer.units import nano_from_nmr, wei_from_nano

GAS = 500_000
BATCH = 50
"""Models that enter at a time: what they send fits into a few blocks."""
TWO = ("uint256", "uint256")


def enter(ground: LocalTournament, models: int, *, deposit: int, allocation: int) -> None:
    """Every model registers, deposits and allocates, NMR, by requests that anvil signs itself."""
    suite, owner = ground.suite, ground.anvil.account(OWNER).address
    amount = wei_from_nano(nano_from_nmr(deposit))
    ground.sender(ADMIN).send(suite.token.functions.transfer(owner, amount * models))
    ground.sender(OWNER).send(suite.token.functions.approve(suite.tournament.address, amount * models))
    ground.anvil.mines(at_once=False)
    for first in range(1, models + 1, BATCH):
        calls: list[dict[str, str]] = []
        for model in range(first, min(first + BATCH, models + 1)):
            calls.append(_call(owner, suite.registry, "register", ["address"], [owner]))
            calls.append(_call(owner, suite.tournament, "deposit", TWO, [model, amount]))
            calls.append(
                _call(owner, suite.tournament, "setAllocation", TWO, [model, nano_from_nmr(allocation)])
            )
        _ask(ground, calls)
        ground.anvil.finalise()
    ground.anvil.mines(at_once=True)


def _call(
    owner: str, contract: Contract, name: str, kinds: Sequence[str], arguments: Sequence[Any]
) -> dict[str, str]:
    """A transaction, encoded without the checks that take most of web3's time."""
    function: Any = contract.get_function_by_name(name)
    selector = function_abi_to_4byte_selector(function.abi)
    data = Web3.to_hex(selector + encode(kinds, arguments))
    return {"from": owner, "to": str(contract.address), "data": data, "gas": hex(GAS)}


def _ask(ground: LocalTournament, calls: Sequence[dict[str, str]]) -> None:
    """One request for many transactions, which anvil takes in any order."""
    owner = ground.anvil.account(OWNER).address
    nonce = ground.anvil.w3.eth.get_transaction_count(owner)
    asked = [
        {"jsonrpc": "2.0", "id": number, "method": "eth_sendTransaction"}
        | {"params": [call | {"nonce": hex(nonce + number)}]}
        for number, call in enumerate(calls)
    ]
    answers = requests.post(ground.anvil.url, json=asked, timeout=120).json()
    refused = [answer["error"] for answer in answers if "error" in answer]
    if refused:
        raise EndpointError(f"expected anvil to take {len(calls)} transactions, found {refused[0]}")


def open_round(
    ground: LocalTournament, times: tuple[int, int, int, int], ids: Sequence[str], models: int
) -> int:
    """Open a round whose submissions are published already; its number. Times in Unix seconds."""
    round_id = ground.suite.round_count(ground.anvil.w3.eth.block_number) + 1
    bundle = Bundle(ground.folder("published", round_id))
    bundle.write_rules(ground.rules)
    bundle.write_universe(tuple(ids))
    publish(ground, round_id, ids, models)
    commitments = ground.rules.hash(), NO_TERMS, universe_digest(ids)
    opening = ground.suite.tournament.functions.openRound(*times, commitments)
    ground.sender(OPERATOR).send(opening)
    return round_id


def plan_round(ground: LocalTournament, times: tuple[int, int, int, int], ids: Sequence[str]) -> Path:
    """Leave a round to the operator's daemon to open; the plan's folder."""
    folder = ground.out / "operator" / "plans" / str(times[0])
    bundle = Bundle(folder)
    bundle.write_rules(ground.rules)
    bundle.write_universe(tuple(ids))
    (folder / SCHEDULE).write_text(json.dumps(dict(zip(TIMES, times, strict=True))))
    return folder


def publish(ground: LocalTournament, round_id: int, ids: Sequence[str], models: int) -> None:
    """Publish every model's submission to a round, as if they had been collected."""
    submissions = _signed(ground, round_id, tuple(ids), models)
    collection = Collection(submissions, (), frozenset(submissions.model_ids))
    write_collection(Bundle(ground.folder("published", round_id)), collection)


def _signed(ground: LocalTournament, round_id: int, ids: tuple[str, ...], models: int) -> Submissions:
    account, addresses = ground.anvil.account(OWNER), ground.suite.addresses
    columns = [np.random.default_rng([model, round_id]).random(len(ids)) for model in range(1, models + 1)]
    entries = []
    for model, (column, content) in enumerate(
        zip(columns, content_hashes(ids, columns), strict=True), start=1
    ):
        digest = SubmissionDigest(addresses.chain_id, addresses.tournament, round_id, model, content)
        entries.append(Submission(model, column, content, str(account.address), digest.sign(account.key)))
    return Submissions(ids, tuple(entries))
