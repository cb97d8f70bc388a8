"""Carries a blueprint out, one transaction at a time, and continues wherever it was interrupted."""

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
from scorer.deployment.reader import objections, read_state, roles_of
from scorer.deployment.steps import DeploymentStep, DeploymentStuck, steps
from scorer.errors import cause_text
from scorer.transactions.intents import OPEN
from scorer.transactions.journal import Journal
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node
from scorer.transactions.request import RequestKey, TransactionRequest
from scorer.transactions.signers import Signer
from scorer.transactions.state_machine import StopReason
from scorer.units import short_coins

JOURNAL: Final = "journal.sqlite"
TRANSFER_GAS: Final = 21_000
PATIENCE: Final = 600.0
"""Seconds without any progress after which a deployment gives up, to be started again."""


def _silent(_text: str) -> None:
    return


@dataclass(frozen=True)
class Builder:
    """Carries out one blueprint with one deployer's key.

    Attributes
    ----------
    folder
        The folder of the journal of signed transactions, in which the manifest is written too.
    report
        Called with a line of text for each step.
    poll
        Seconds between two looks at the chain.
    """

    w3: Web3
    blueprint: Blueprint
    signer: Signer
    folder: Path
    report: Callable[[str], None] = _silent
    poll: float = 0.5
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> dict[str, Any]:
        """Do all that is left, wait for confirmations, check the hand-over, and write the manifest.

        Raises
        ------
        DeploymentStuck
            When the chain contradicts the blueprint (nothing was sent), or the deployment cannot go on.
        scorer.transactions.journal.JournalError
            When another process is deploying from this folder.
        """
        try:
            return self._run()
        except (EndpointError, Web3Exception) as error:
            raise DeploymentStuck(
                f"expected an endpoint that answers, found {cause_text(error)}; start again: what was "
                "sent is not sent twice"
            ) from error

    def _run(self) -> dict[str, Any]:
        refuse_other_deployment(self.blueprint, self.folder)
        refuse_objections(self.w3, self.blueprint)
        require_funds(self.w3, self.blueprint)
        with Journal.open(self.folder / JOURNAL) as journal:
            manager = self._manager(journal)
            while True:
                self._build(manager)
                if self._is_deep(journal, manager) and not self._left():
                    break
            self._require_handed_over()
            manifest = make_manifest(self.w3, self.blueprint, journal)
        path = write_manifest(manifest, self.blueprint, self.folder)
        self.report(f"complete: {path}")
        return manifest

    def _manager(self, journal: Journal) -> TransactionManager:
        gas = self.blueprint.document.gas
        return TransactionManager(
            journal,
            Web3Node(self.w3),
            self.signer,
            self.blueprint.document.chain_id,
            gas.fees,
            most_gas=gas.most_gas,
            longest=PATIENCE,
            poll=self.poll,
            sleep=self.sleep,
        )

    def _left(self) -> tuple[DeploymentStep, ...]:
        return steps(self.blueprint, read_state(self.w3, self.blueprint))

    def _build(self, manager: TransactionManager) -> None:
        """Do all that is left, and look again, until nothing is left."""
        until = time.monotonic() + PATIENCE
        before: tuple[DeploymentStep, ...] = ()
        while left := self._left():
            if left == before:
                # An endpoint may answer from a state before its own receipts.
                _require_time(until, f"{left[0].title}: expected it done once it was mined, found it is not")
                self.sleep(self.poll)
            for number, step in enumerate(left):
                if left != before:
                    self.report(f"{step.title} ({len(left) - number} left)")
                self._do(manager, step)
            before = left

    def _do(self, manager: TransactionManager, step: DeploymentStep) -> None:
        if step.kind == "factory":
            return _put_factory(self.w3, self.signer, self.blueprint, self.poll, self.sleep)
        until = time.monotonic() + PATIENCE
        while True:
            known_at = self.w3.eth.block_number
            key = RequestKey.of(journal_scope(self.blueprint), step.key)
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
        """Wait for the newest transaction's confirmations; send those again that a reorganisation drops.

        False when one was dropped and is not mined yet: then the steps have to be computed again.
        """
        wanted = self.blueprint.document.gas.confirmations
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            manager.pump()
            intents = journal.intents(f"{journal_scope(self.blueprint)}:")
            blocks = [intent.block for intent in intents if intent.block]
            # A transaction's own block is its first confirmation.
            if self.w3.eth.block_number - max(blocks, default=0) + 1 >= wanted:
                return all(i.block or i.state not in OPEN for i in journal.open_intents(self.signer.address))
            self.sleep(self.poll)
        raise DeploymentStuck(f"expected {wanted} confirmations, found no new blocks; start again later")

    def _require_handed_over(self) -> None:
        """Read once more, at the very end, that the deployer holds no role."""
        if self.blueprint.hands_over and (held := roles_of(self.w3, self.blueprint)):
            raise DeploymentStuck(
                f"expected the deployer {self.blueprint.deployer} to hold no role, found {', '.join(held)}; "
                "let the admin revoke it before anybody relies on this deployment"
            )


def _require_time(until: float, otherwise: str) -> None:
    if time.monotonic() > until:
        raise DeploymentStuck(otherwise)


def refuse_objections(w3: Web3, blueprint: Blueprint) -> None:
    """Raise `DeploymentStuck` with all objections to the blueprint."""
    if problems := list(objections(w3, blueprint)):
        raise DeploymentStuck("; ".join(problems) + "; nothing was sent")


def require_funds(w3: Web3, blueprint: Blueprint) -> None:
    """Raise `DeploymentStuck` when the deployer cannot pay for what is left."""
    due = appraise(w3, blueprint)
    if due.cost > due.balance:
        raise DeploymentStuck(
            f"deployer: expected {short_coins(due.cost)} coins for gas at current prices, "
            f"found {short_coins(due.balance)} at {blueprint.deployer}; nothing was sent"
        )


def appraise(w3: Web3, blueprint: Blueprint) -> DeploymentCost:
    """Return the cost of the steps that are left."""
    state = read_state(w3, blueprint)
    market = Web3Node(w3).head().market
    return quote(w3, blueprint, state, steps(blueprint, state), market, blueprint.document.gas.fees)


def _put_factory(
    w3: Web3, signer: Signer, blueprint: Blueprint, poll: float, sleep: Callable[[float], None]
) -> None:
    """Pay the factory's deployer the cost of its only transaction, and send that transaction.

    This needs no journal. The payment is made only while its effect is missing, with the first unused nonce,
    so that two payments exclude each other; the transaction itself is the same for everybody.
    """
    until = time.monotonic() + PATIENCE
    if _missing(w3) > 0:
        _broadcast(w3, _payment(w3, signer, blueprint, _missing(w3)))
    while not read_state(w3, blueprint).has_factory:
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


def _payment(w3: Web3, signer: Signer, blueprint: Blueprint, amount: int) -> bytes:
    bid = blueprint.document.gas.fees.bid(Web3Node(w3).head().market)
    if bid is None:
        raise DeploymentStuck("expected fees below gas.ceiling_gwei, found them above; start again later")
    nonce = w3.eth.get_transaction_count(Web3.to_checksum_address(signer.address), "latest")
    payment = {
        "chainId": blueprint.document.chain_id,
        "nonce": nonce,
        "to": FACTORY_DEPLOYER,
        "data": b"",
        "value": amount,
        "gas": TRANSFER_GAS,
        **bid.fields(),
    }
    return signer.sign(payment).raw


def _broadcast(w3: Web3, raw: bytes) -> None:
    """Send signed bytes. The node's answer is ignored: only the chain shows whether they were mined."""
    try:
        w3.provider.make_request(RPCEndpoint("eth_sendRawTransaction"), [Web3.to_hex(raw)])
    except EndpointError:
        return
