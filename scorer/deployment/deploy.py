"""Carries a plan out, one transaction at a time, and begins wherever it was interrupted."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from web3 import Web3
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from scorer.chain.errors import EndpointError
from scorer.deployment.blueprint import Blueprint
from scorer.deployment.create2 import FACTORY_COST, FACTORY_DEPLOYER, FACTORY_TRANSACTION
from scorer.deployment.manifest import journal_scope, make_manifest, refuse_other_deployment, write_manifest
from scorer.deployment.prices import DeploymentCost, quote
from scorer.deployment.reader import objections, roles_of, see
from scorer.deployment.steps import DeploymentStep, DeploymentStuck, steps
from scorer.transactions.intents import OPEN
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node
from scorer.transactions.request import RequestKey, TransactionRequest
from scorer.transactions.signers import Signer
from scorer.transactions.state_machine import StopReason

JOURNAL: Final = "journal.sqlite"
TRANSFER_GAS: Final = 21_000
PATIENCE: Final = 600.0
"""Seconds without any progress after which a deployment gives up, to be started again."""


def _silent(_text: str) -> None:
    return


@dataclass(frozen=True)
class Builder:
    """One deployer at work on one blueprint.

    Attributes
    ----------
    folder
        Where the journal of what was signed is, and where the manifest is written.
    tell
        Told each step.
    """

    w3: Web3
    plan: Blueprint
    signer: Signer
    folder: Path
    tell: Callable[[str], None] = _silent
    poll: float = 0.5
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> dict[str, Any]:
        """Do all that is left, wait until it lies deep enough, check the hand-over, and write the manifest.

        Raises
        ------
        DeploymentStuck
            When something speaks against the plan (nothing was sent), or it cannot go on.
        scorer.transactions.journal.JournalError
            When another process is deploying from this folder.
        """
        try:
            return self._run()
        except (EndpointError, Web3Exception) as error:
            raise DeploymentStuck(
                f"expected an endpoint that answers, found {type(error).__name__}; start again: what was "
                "sent is not sent twice"
            ) from error

    def _run(self) -> dict[str, Any]:
        refuse_other_deployment(self.plan, self.folder)
        refuse_objections(self.w3, self.plan)
        require_funds(self.w3, self.plan)
        with Journal.open(self.folder / JOURNAL) as journal:
            manager = self._manager(journal)
            while True:
                self._build(manager)
                if self._is_deep(journal, manager) and not self._left():
                    break
            self._require_handed_over()
            manifest = make_manifest(self.w3, self.plan, journal)
        path = write_manifest(manifest, self.plan, self.folder)
        self.tell(f"complete: {path}")
        return manifest

    def _manager(self, journal: Journal) -> TransactionManager:
        gas = self.plan.document.gas
        return TransactionManager(
            journal,
            Web3Node(self.w3),
            self.signer,
            self.plan.document.chain_id,
            gas.fees,
            most_gas=gas.most_gas,
            longest=PATIENCE,
            poll=self.poll,
            sleep=self.sleep,
        )

    def _left(self) -> tuple[DeploymentStep, ...]:
        return steps(self.plan, see(self.w3, self.plan))

    def _build(self, manager: TransactionManager) -> None:
        """Do all that is left, look again, and so on until nothing is."""
        until = time.monotonic() + PATIENCE
        before: tuple[DeploymentStep, ...] = ()
        while left := self._left():
            if left == before:
                # An endpoint may answer from a state before its own receipts.
                _require_time(until, f"{left[0].title}: expected it done once it was mined, found it is not")
                self.sleep(self.poll)
            for number, step in enumerate(left):
                if left != before:
                    self.tell(f"{step.title} ({len(left) - number} left)")
                self._do(manager, step)
            before = left

    def _do(self, manager: TransactionManager, step: DeploymentStep) -> None:
        if step.kind == "factory":
            return _put_factory(self.w3, self.signer, self.plan, self.poll, self.sleep)
        until = time.monotonic() + PATIENCE
        while True:
            known_at = self.w3.eth.block_number
            key = RequestKey.of(journal_scope(self.plan), step.key)
            request = TransactionRequest(str(key), step.to, step.data, known_at=known_at)
            delivery = manager.deliver(request)
            if delivery.is_mined:
                return None
            problem = f"{step.title}: expected it mined, found {delivery.note}; start again"
            if delivery.why != StopReason.WAITING:
                raise DeploymentStuck(problem)
            _require_time(until, problem)
            self.sleep(self.poll)

    def _is_deep(self, journal: Journal, manager: TransactionManager) -> bool:
        """Wait until the newest transaction has its confirmations; send again what a reorganisation drops."""
        wanted = self.plan.document.gas.confirmations
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            manager.pump()
            intents = journal.intents(f"{journal_scope(self.plan)}:")
            blocks = [intent.block for intent in intents if intent.block]
            if self.w3.eth.block_number - max(blocks, default=0) + 1 >= wanted:
                return all(i.block or i.state not in OPEN for i in journal.open_intents(self.signer.address))
            self.sleep(self.poll)
        raise DeploymentStuck(f"expected {wanted} confirmations, found no new blocks; start again later")

    def _require_handed_over(self) -> None:
        """The deployer holds nothing any more: asked once more, at the end of all."""
        if self.plan.hands_over and (held := roles_of(self.w3, self.plan)):
            raise DeploymentStuck(
                f"expected the deployer {self.plan.deployer} to hold no role, found {', '.join(held)}; "
                "let the admin revoke it before anybody relies on this deployment"
            )


def _require_time(until: float, otherwise: str) -> None:
    if time.monotonic() > until:
        raise DeploymentStuck(otherwise)


def refuse_objections(w3: Web3, plan: Blueprint) -> None:
    """Raise `DeploymentStuck` with all that speaks against the plan."""
    if problems := list(objections(w3, plan)):
        raise DeploymentStuck("; ".join(problems) + "; nothing was sent")


def require_funds(w3: Web3, plan: Blueprint) -> None:
    """Raise `DeploymentStuck` when the deployer cannot pay for what is left."""
    found = appraise(w3, plan)
    if found.cost > found.balance:
        raise DeploymentStuck(
            f"deployer: expected {found.cost / 1e18:.6f} coins for gas at current prices, "
            f"found {found.balance / 1e18:.6f} at {plan.deployer}; nothing was sent"
        )


def appraise(w3: Web3, plan: Blueprint) -> DeploymentCost:
    """What is left to do, and what it costs now."""
    seen = see(w3, plan)
    market = Web3Node(w3).head().market
    return quote(w3, plan, seen, steps(plan, seen), market, plan.document.gas.fees)


def _put_factory(
    w3: Web3, signer: Signer, plan: Blueprint, poll: float, sleep: Callable[[float], None]
) -> None:
    """Give the factory's deployer what its only transaction costs, and send that transaction.

    Needs no journal: the payment is made only once its effect is seen to be missing, with the first nonce
    that is not used, so that two payments exclude each other; the transaction is the same for everybody.
    """
    until = time.monotonic() + PATIENCE
    if _missing(w3) > 0:
        _broadcast(w3, _payment(w3, signer, plan, _missing(w3)))
    while not see(w3, plan).has_factory:
        _require_time(
            until,
            "expected the CREATE2 factory on the chain, found none: the endpoint may refuse transactions "
            "without a chain id (EIP-155); send the factory's transaction through another one",
        )
        if _missing(w3) <= 0:
            _broadcast(w3, FACTORY_TRANSACTION)
        sleep(poll)


def _missing(w3: Web3) -> int:
    return FACTORY_COST - w3.eth.get_balance(Web3.to_checksum_address(FACTORY_DEPLOYER))


def _payment(w3: Web3, signer: Signer, plan: Blueprint, amount: int) -> bytes:
    bid = plan.document.gas.fees.bid(Web3Node(w3).head().market)
    if bid is None:
        raise DeploymentStuck("expected fees below gas.ceiling_gwei, found them above; start again later")
    nonce = w3.eth.get_transaction_count(Web3.to_checksum_address(signer.address), "latest")
    payment = {
        "chainId": plan.document.chain_id,
        "nonce": nonce,
        "to": FACTORY_DEPLOYER,
        "data": b"",
        "value": amount,
        "gas": TRANSFER_GAS,
        **bid.fields(),
    }
    return signer.sign(payment).raw


def _broadcast(w3: Web3, raw: bytes) -> None:
    """Whatever the node says: what counts is what is on the chain afterwards."""
    try:
        w3.provider.make_request(RPCEndpoint("eth_sendRawTransaction"), [Web3.to_hex(raw)])
    except EndpointError:
        return
