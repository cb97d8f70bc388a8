"""Polygon's PoS portal with its own contracts: a burn of a child token that is real on the first chain."""

from dataclasses import dataclass
from typing import Any, Final

import rlp
from eth_abi.abi import encode
from eth_hash.auto import keccak
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from scorer.bridge.checkpoints import newest_checkpoint
from scorer.bridge.proving import Prover
from scorer.bridge.receipts import encoded_receipt
from scorer.bridge.trie import hex_prefix, nibbles
from scorer.chain.artifacts import artifact
from scorer.chain.bulk import read_view
from scorer.chain.calldata import calldata
from scorer.deployment.blueprint import constructor_data
from scorer.deployment.create2 import FACTORY, create2_address
from scorer.lab.batch import BatchCall, BatchSender
from scorer.lab.bridge.chains import ADMIN, CREATION_GAS, HEIMDALL, STRANGER, BridgedChains, wei
from scorer.lab.bridge.heimdall import STATE_RECEIVER
from scorer.lab.bridge.rehearsal.context import BridgeRehearsal
from scorer.lab.plain_sender import Sender
from scorer.lab.rehearsal.context import expect

ERC20: Final = bytes(keccak(b"ERC20"))
TRANSFER: Final = bytes(keccak(b"Transfer(address,address,uint256)"))
SALT: Final = bytes(32)
LEGACY_PRICE: Final = 10**10


@dataclass(frozen=True)
class Portal:
    """The portal between the chains, with NMR mapped to a child token."""

    manager: Contract
    predicate: Contract
    child_token: Contract


def burn_through_the_portal(rehearsal: BridgeRehearsal) -> None:
    """Deposit NMR, let a twin sink burn it over there, prove the exit, and destroy it here."""
    chains = rehearsal.chains
    portal, token = _portal(chains), chains.root_end.token
    admin, child_admin = chains.on_root(ADMIN), chains.on_child(ADMIN)
    admin.send(token.functions.approve(portal.predicate.address, wei("1000")))
    amount = encode(["uint256"], [wei("1000")])
    admin.send(portal.manager.functions.depositFor(admin.address, token.address, amount))
    chains.heimdall.sync()
    init_code = _twin_code(chains, portal)
    address = create2_address(SALT, init_code)
    _create(chains, init_code, on_root=False)
    child_admin.send(portal.child_token.functions.transfer(address, wei("250")))
    sink = chains.child.w3.eth.contract(
        address=Web3.to_checksum_address(address), abi=artifact("TwinBurnSink")["abi"]
    )
    receipt = _send_legacy(child_admin, sink.functions.flush())
    chains.heimdall.checkpoint()
    exit_call = portal.manager.functions.exit(_exit_payload(chains, receipt))
    # Nothing is at the twin's address yet: the exit pays it all the same.
    chains.on_root(STRANGER).send(exit_call)
    expect("what the exit paid to the twin", wei("250"), read_view(token.functions.balanceOf(address)))
    _create(chains, init_code, on_root=True)
    before = read_view(token.functions.totalSupply())
    twin = chains.root.w3.eth.contract(
        address=Web3.to_checksum_address(address), abi=artifact("TwinBurnSink")["abi"]
    )
    chains.on_root(STRANGER).send(twin.functions.flush())
    expect("by how much the supply fell", wei("250"), before - read_view(token.functions.totalSupply()))
    locked = token.functions.balanceOf(portal.predicate.address)
    supply = portal.child_token.functions.totalSupply()
    expect("locked in the portal", read_view(supply), read_view(locked))


def _portal(chains: BridgedChains) -> Portal:
    root, child, polygon = chains.on_root(HEIMDALL), chains.on_child(HEIMDALL), chains.polygon
    manager = _proxied(chains, root, "RootChainManager")
    predicate = _proxied(chains, root, "ERC20Predicate")
    child_manager = _proxied(chains, child, "ChildChainManager")
    implementation = polygon["UChildERC20"].deploy(child)
    proxy = polygon["UChildERC20Proxy"].deploy(child, implementation.address)
    token = polygon["UChildERC20"].at(child.w3, str(proxy.address))
    child.send(token.functions.initialize("Numeraire (PoS)", "NMR", 18, child_manager.address))
    syncer = read_view(child_manager.functions.STATE_SYNCER_ROLE())
    child.send(child_manager.functions.grantRole(syncer, STATE_RECEIVER))
    role = read_view(predicate.functions.MANAGER_ROLE())
    heimdall = chains.heimdall
    for call in (
        predicate.functions.grantRole(role, manager.address),
        manager.functions.setStateSender(heimdall.state_sender.address),
        manager.functions.setCheckpointManager(heimdall.root_chain.address),
        manager.functions.registerPredicate(ERC20, predicate.address),
        manager.functions.setChildChainManagerAddress(child_manager.address),
        manager.functions.mapToken(chains.addresses.root.token, token.address, ERC20),
    ):
        root.send(call)
    heimdall.sync()
    return Portal(manager, predicate, token)


def _proxied(chains: BridgedChains, sender: Sender, name: str) -> Contract:
    """Deploy one of the portal's contracts behind its proxy, as Polygon does."""
    implementation = chains.polygon[name].deploy(sender)
    proxy = chains.polygon[f"{name}Proxy"].deploy(sender, implementation.address)
    started = calldata(implementation.functions.initialize(sender.address))
    sender.send(proxy.functions.updateAndCall(implementation.address, started))
    return chains.polygon[name].at(sender.w3, str(proxy.address))


def _twin_code(chains: BridgedChains, portal: Portal) -> bytes:
    """Return what creates the twin: the same on both chains, and so is its address."""
    arguments = (
        chains.addresses.root.chain_id,
        chains.addresses.root.token,
        portal.child_token.address,
        False,
    )
    code = bytes.fromhex(str(artifact("TwinBurnSink")["bytecode"])[2:])
    return code + constructor_data("TwinBurnSink", arguments)


def _create(chains: BridgedChains, init_code: bytes, *, on_root: bool) -> None:
    anvil = chains.root if on_root else chains.child
    call = BatchCall(FACTORY, SALT + init_code, CREATION_GAS)
    BatchSender.on(anvil).run((anvil.account(STRANGER), [call]))


def _send_legacy(sender: Sender, call: ContractFunction) -> Any:
    """Send a call as a transaction without a type: the portal on npm reads no other receipt."""
    w3 = sender.w3
    message: Any = {
        "to": call.address,
        "data": calldata(call),
        "gas": 300_000,
        "gasPrice": LEGACY_PRICE,
        "nonce": w3.eth.get_transaction_count(sender.account.address),
        "value": 0,
        "chainId": w3.eth.chain_id,
    }
    signed = sender.account.sign_transaction(message)
    sent = w3.eth.send_raw_transaction(signed.raw_transaction)
    return w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)


def _exit_payload(chains: BridgedChains, receipt: Any) -> bytes:
    """Return what RootChainManager.exit takes: the same proof as ours, in the portal's own encoding."""
    end, block = chains.root_end, int(chains.root.w3.eth.block_number)
    newest = newest_checkpoint(lambda number: end.checkpoint(number, block), None, chains.addresses.step)
    place = next(k for k, log in enumerate(receipt["logs"]) if bytes(log["topics"][0]) == TRANSFER)
    index = int(receipt["logs"][place]["logIndex"])
    prover = Prover(end, chains.child.w3, newest, block, chains.addresses.step)
    proof = prover.prove(receipt["blockNumber"], bytes(receipt["transactionHash"]), index)
    path = hex_prefix(nibbles(rlp.encode(proof.transaction_index)), is_leaf=False)
    nodes = rlp.encode([rlp.decode(node) for node in proof.receipt_proof])
    return bytes(
        rlp.encode(
            [
                _number(proof.checkpoint),
                b"".join(proof.block_proof),
                _number(proof.leaf.number),
                _number(proof.leaf.time),
                proof.leaf.transactions_root,
                proof.leaf.receipts_root,
                encoded_receipt(receipt),
                nodes,
                path,
                _number(proof.log_index),
            ]
        )
    )


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
