"""Sends tokens over a bridge, and proves logs, when a person asks for it."""

from collections.abc import Iterator
from dataclasses import replace

from hexbytes import HexBytes
from web3.contract.contract import ContractFunction
from web3.exceptions import TransactionNotFound

from scorer.bridge.checkpoints import newest_checkpoint
from scorer.bridge.contracts import RootEnd
from scorer.bridge.messages import interoperable
from scorer.bridge.observe import Observer
from scorer.bridge.proving import LogProof, Prover
from scorer.chain.bulk import read_view
from scorer.chain.endpoints import Pinned
from scorer.daemon.bridge_configuration import BridgeConfig
from scorer.daemon.bridge_node import BridgeDaemon
from scorer.daemon.config_errors import ConfigError
from scorer.transactions.intents import IntentState
from scorer.transactions.manager import TransactionManager
from scorer.transactions.node import Web3Node
from scorer.transactions.request import RequestKey, TransactionRequest, scope_of
from scorer.units import coins_text


def transfer(daemon: BridgeDaemon, receiver: str, amount: int, *, home: bool) -> Iterator[str]:
    """Send `amount` wei to an address on the other chain, and yield what was done.

    Raises
    ------
    scorer.transactions.request.Reverted
        When a contract refuses it: nothing was sent then.
    """
    observer = daemon.relayer.observer
    pinned = (daemon.child if home else daemon.root).pin()
    root, child = observer.root_end(pinned), observer.child_end(pinned)
    addresses = observer.addresses
    remote = addresses.root.chain_id if home else addresses.child.chain_id
    source = child.token if home else root.lockbox
    text = f"{coins_text(amount)} NMR to {receiver} on chain {remote}"
    if daemon.managers is None:
        yield f"dry run: would send {text}"
        return
    manager = replace(daemon.managers[1 if home else 0], node=Web3Node.at(pinned))
    if not home:
        yield from _approve(manager, root, amount, pinned)
    call = source.functions.crosschainTransfer(interoperable(remote, receiver), amount)
    yield f"{text}: {_deliver_numbered(manager, call, f'transfer:{receiver}:{amount}', pinned)}"


def _approve(manager: TransactionManager, root: RootEnd, amount: int, pinned: Pinned) -> Iterator[str]:
    """Let the lockbox take what is to be sent, where it may not yet."""
    lockbox = root.lockbox.address
    allowed = read_view(root.token.functions.allowance(manager.address, lockbox))
    if 0 < allowed < amount:
        # The NMR of 2017 changes no allowance but to or from zero.
        call = root.token.functions.approve(lockbox, 0)
        yield f"approval of before taken back: {_deliver_numbered(manager, call, 'approve:0', pinned)}"
    if allowed < amount:
        call = root.token.functions.approve(lockbox, amount)
        yield f"approval: {_deliver_numbered(manager, call, f'approve:{amount}', pinned)}"


def _deliver_numbered(
    manager: TransactionManager, call: ContractFunction, meaning: str, pinned: Pinned
) -> str:
    """Send what a person may ask for again: one that is under way is finished, and not sent twice."""
    scope = scope_of(manager.chain_id, manager.address)
    base = str(RequestKey.of(scope, meaning))
    state = manager.journal.numbered(base)
    key = RequestKey.of(scope, meaning, number=state.acknowledged)
    before = manager.journal.latest(str(key))
    if before is not None and before.state == IntentState.FINAL:
        # It was interrupted after that was mined and before it was reported.
        manager.journal.set_numbered(base, replace(state, title=meaning, acknowledged=state.acknowledged + 1))
        return "an earlier command had sent it; nothing more was sent, run again to send as much once more"
    delivery = manager.deliver(TransactionRequest.of(call, key, known_at=pinned.block.number))
    if delivery.is_mined:
        manager.journal.set_numbered(base, replace(state, title=meaning, acknowledged=state.acknowledged + 1))
    return delivery.note


def proof_of(config: BridgeConfig, transaction: bytes, log: int) -> LogProof:
    """Prove a log of a transaction on Polygon, by its place in the receipt.

    Raises
    ------
    ConfigError
        When there is no such transaction, or no such log in it.
    NotCheckpointed
        When its block is in no checkpoint yet.
    """
    observer = Observer(config.addresses())
    root, child = config.root.connections().pin(), config.child.connections().pin()
    try:
        receipt = child.w3.eth.get_transaction_receipt(HexBytes(transaction))
    except TransactionNotFound:
        raise ConfigError(
            f"transaction: expected one on chain {config.child.chain_id}, found none of 0x{transaction.hex()}"
        ) from None
    if log >= len(receipt["logs"]):
        raise ConfigError(f"--log: expected less than {len(receipt['logs'])}, found {log}")
    end = observer.root_end(root)
    newest = newest_checkpoint(
        lambda number: end.checkpoint(number, root.block.number), None, observer.addresses.step
    )
    prover = Prover(end, child.w3, newest, root.block.number, observer.addresses.step)
    return prover.prove(receipt["blockNumber"], transaction, receipt["logs"][log]["logIndex"])
