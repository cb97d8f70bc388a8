"""Many models at once: registered, staked, and submitting, in as few blocks as they fit into."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from web3 import Web3
from web3.contract.contract import ContractFunction

from scorer.chain.calldata import calldata
from scorer.chain.contracts import Suite
from scorer.chain.fees import FeePolicy, GasMarket
from scorer.lab.devnet.market import SyntheticMarket as SyntheticMarket
from scorer.protocol.digest import content_hash
from scorer.protocol.signature import SubmissionDigest
from scorer.storage.inbox import submit
from scorer.units import nano_from_nmr, wei_from_nano

MINING: Final = 60.0
"""Seconds until a crowd's transactions must be mined."""
REGISTERING, DEPOSITING, ALLOCATING = 200_000, 220_000, 120_000
"""Gas limits: an estimate would need the transactions before it to be mined."""


class CrowdRefused(Exception):
    """A transaction of a crowd was not mined, or reverted."""


@dataclass(frozen=True)
class Entrant:
    """A model, and the account that owns it and signs for it."""

    model_id: int
    account: LocalAccount


@dataclass(frozen=True)
class Bulk:
    """Sends many calls of one account without waiting for each."""

    w3: Web3
    fees: FeePolicy

    def send(self, account: LocalAccount, calls: Sequence[tuple[ContractFunction, int]]) -> list[bytes]:
        """Sign and send calls, each with its gas limit, under consecutive nonces; their hashes."""
        head = self.w3.eth.get_block("latest")
        bid = self.fees.bid(GasMarket(int(head.get("baseFeePerGas", 0))))
        if bid is None:
            raise CrowdRefused("expected fees below the ceiling, found them above")
        nonce = self.w3.eth.get_transaction_count(account.address, "latest")
        chain = self.w3.eth.chain_id
        hashes = []
        for offset, (call, gas) in enumerate(calls):
            transaction: Any = {
                "chainId": chain,
                "nonce": nonce + offset,
                "to": call.address,
                "data": calldata(call),
                "value": 0,
                "gas": gas,
                **bid.fields(),
            }
            signed = account.sign_transaction(transaction)
            hashes.append(bytes(self.w3.eth.send_raw_transaction(signed.raw_transaction)))
        return hashes

    def settle(self, hashes: Sequence[bytes]) -> None:
        """Wait until all are mined, and none of them reverted.

        Raises
        ------
        CrowdRefused
            When one reverted, or is not mined in time.
        """
        until = time.monotonic() + MINING
        for each in hashes:
            left = max(until - time.monotonic(), 1.0)
            receipt = self.w3.eth.wait_for_transaction_receipt(Web3.to_hex(each), left, poll_latency=0.1)
            if receipt["status"] != 1:
                raise CrowdRefused(f"expected a call that is executed, found {Web3.to_hex(each)} reverted")


@dataclass(frozen=True)
class StakingTerms:
    """How much each model of a crowd deposits, and puts at risk in each round, NMR."""

    deposit: str = "100"
    allocation: str = "5"


def enter(
    suite: Suite,
    bulk: Bulk,
    sponsor: LocalAccount,
    owners: Sequence[LocalAccount],
    count: int,
    terms: StakingTerms,
) -> list[Entrant]:
    """Register `count` models for `owners` in turn, pay their deposits from `sponsor`, and allocate.

    Raises
    ------
    CrowdRefused
        When the chain does not take one of the transactions.
    """
    first = suite.registry.functions.modelCount().call() + 1
    entrants = [
        Entrant(model, owners[(model - first) % len(owners)]) for model in range(first, first + count)
    ]
    deposit = wei_from_nano(nano_from_nmr(terms.deposit))
    tournament, register = suite.tournament.functions, suite.registry.functions.register
    calls = [(suite.token.functions.approve(suite.tournament.address, deposit * count), ALLOCATING)]
    calls += [(register(each.account.address), REGISTERING) for each in entrants]
    calls += [(tournament.deposit(each.model_id, deposit), DEPOSITING) for each in entrants]
    bulk.settle(bulk.send(sponsor, calls))
    allocation = nano_from_nmr(terms.allocation)
    hashes = [
        each
        for owner, models in _by_owner(entrants)
        for each in bulk.send(
            owner, [(tournament.setAllocation(model, allocation), ALLOCATING) for model in models]
        )
    ]
    bulk.settle(hashes)
    return entrants


def _by_owner(entrants: Sequence[Entrant]) -> Iterator[tuple[LocalAccount, list[int]]]:
    owners = {each.account.address: each.account for each in entrants}
    for address, account in owners.items():
        yield account, [each.model_id for each in entrants if each.account.address == address]


def submit_all(
    suite: Suite, market: SyntheticMarket, inbox: Path, round_id: int, entrants: Sequence[Entrant], at: int
) -> None:
    """Sign every entrant's predictions for a round, and lay them into the operator's inbox.

    Parameters
    ----------
    at
        When they are to have arrived, Unix seconds of the chain's clock.
    """
    ids = market.universe
    for entrant in entrants:
        predictions = market.predictions(round_id, entrant.model_id)
        digest = SubmissionDigest(
            suite.addresses.chain_id,
            str(suite.tournament.address),
            round_id,
            entrant.model_id,
            content_hash(ids, predictions),
        )
        file, content = f"{entrant.model_id}.csv", market.file(predictions)
        submit(inbox, digest, entrant.account.key, file, content, received_at=at)
