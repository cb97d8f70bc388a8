"""Tokens go over and come home; a guardian pauses; the day's bound holds; proofs are forged and replayed."""

from dataclasses import replace
from typing import Any, Final

from eth_abi.abi import encode

from scorer.bridge.checkpoints import newest_checkpoint
from scorer.bridge.messages import interoperable
from scorer.bridge.proving import LogProof, Prover
from scorer.bridge.views import PostedMessage
from scorer.chain.bulk import read_view
from scorer.failpoints import KILLED
from scorer.lab.bridge.chains import ADMIN, DAY, GUARDIAN, STRANGER, BridgedChains, wei
from scorer.lab.bridge.rehearsal.context import BridgeRehearsal, refusal
from scorer.lab.rehearsal.context import expect

LABELS: Final = (
    "tried",
    "planned",
    "before-sign-commit",
    "signed",
    "before-broadcast",
    "broadcast",
    "broadcast-recorded",
    "mined-seen",
    "mined-recorded",
    "final-seen",
    "final-recorded",
)
"""Every place at which the transaction of a delivery can be cut off."""
STAKES: Final = "60000"
HOUR: Final = 3600


def go_over(rehearsal: BridgeRehearsal) -> None:
    """Send what the tournament needs to the second chain."""
    chains = rehearsal.chains
    admin = str(chains.child.account(ADMIN).address)
    chains.send_down(ADMIN, admin, STAKES)
    expect("messages handed over", 1, chains.heimdall.sync())
    expect("tokens there", wei(STAKES), read_view(chains.child_end.token.functions.balanceOf(admin)))
    rehearsal.balance()


def pause_and_retry(rehearsal: BridgeRehearsal) -> None:
    """Let a message arrive while the guardian pauses: it waits, and the relayer delivers it later."""
    chains = rehearsal.chains
    chains.on_child(GUARDIAN).send(chains.child_end.gateway.functions.pause(HOUR))
    chains.send_down(ADMIN, str(chains.child.account(STRANGER).address), "12")
    chains.heimdall.sync()
    rehearsal.relay()
    expect("messages that wait while incoming ones are paused", 1, len(rehearsal.view().child.pending))
    chains.pass_time(HOUR + 1)
    rehearsal.relay_until("what waited delivered", lambda: not rehearsal.view().child.pending)
    rehearsal.balance()


def bound_of_a_day(rehearsal: BridgeRehearsal) -> None:
    """Send home more than the lockbox lets out in a day: the rest waits for the day after."""
    chains = rehearsal.chains
    admin = str(chains.child.account(ADMIN).address)
    chains.send_down(ADMIN, admin, "125000")
    chains.heimdall.sync()
    chains.pass_time(DAY)
    for _ in range(3):
        chains.send_home(ADMIN, admin, "40000")
    chains.heimdall.checkpoint()
    rehearsal.relay_until("two of three delivered", lambda: len(rehearsal.undelivered()) == 1)
    rehearsal.relay()
    expect("messages that wait for the next day", 1, len(rehearsal.undelivered()))
    chains.pass_time(DAY)
    rehearsal.relay_until("the third delivered", lambda: not rehearsal.undelivered())
    rehearsal.balance()


def killed_at_each_step(rehearsal: BridgeRehearsal) -> None:
    """Kill the relayer at each step of a delivery; each message is delivered once."""
    chains = rehearsal.chains
    receiver = str(chains.root.account(STRANGER).address)
    before = read_view(chains.root_end.token.functions.balanceOf(receiver))
    for number, label in enumerate(LABELS, start=1):
        chains.send_home(ADMIN, receiver, str(number))
        chains.heimdall.checkpoint()
        codes: list[int] = []
        while KILLED not in codes and len(codes) < 4:
            codes.append(rehearsal.relay(kill_at=f"{label}@:deliver:"))
        expect(f"a relayer killed at {label}", True, KILLED in codes)
        rehearsal.relay_until(f"the message delivered after {label}", lambda: not rehearsal.undelivered())
    paid = read_view(chains.root_end.token.functions.balanceOf(receiver)) - before
    expect("tokens that came home", wei(str(sum(range(1, len(LABELS) + 1)))), paid)
    rehearsal.balance()


def reorganisations(rehearsal: BridgeRehearsal) -> None:
    """Reorganise either chain: what is not final is not believed, and what was dropped is sent again."""
    chains = rehearsal.chains
    receiver = str(chains.root.account(STRANGER).address)
    rehearsal.finalise()
    chains.send_home(ADMIN, receiver, "3")
    chains.child.reorganise(1)
    expect("messages after the second chain dropped one", [], rehearsal.undelivered())
    chains.send_home(ADMIN, receiver, "3")
    chains.heimdall.checkpoint()
    # The relayer sends, and the block of its transaction is dropped before it is final.
    expect("the relayer's end", KILLED, rehearsal.relay("mined-seen@:deliver:", finalises=False))
    chains.root.reorganise(1)
    expect("messages after the first chain dropped a delivery", 1, len(rehearsal.undelivered()))
    rehearsal.relay_until("the message delivered again", lambda: not rehearsal.undelivered())
    rehearsal.balance()


def refused_proofs(rehearsal: BridgeRehearsal) -> None:
    """Replay a delivered message, tamper with its proof, and forge what only a gateway may say."""
    chains, stranger = rehearsal.chains, rehearsal.chains.on_root(STRANGER)
    rehearsal.carry()
    proof = proof_of(chains, rehearsal.view().child.posted[-1])
    deliver = chains.root_end.gateway.functions.deliver
    for name, each in {"AlreadyDelivered": proof, **tampered(proof)}.items():
        expect("the refusal of a proof", name, refusal(stranger, deliver(each.argument)))
    payload = _payload(chains.addresses.child.chain_id, stranger.address)
    named = interoperable(chains.addresses.child.chain_id, chains.addresses.child.token)
    forged = chains.root_end.lockbox.functions.receiveMessage(bytes(32), named, payload)
    expect(
        "the refusal of a forged message", "ERC7786RecipientUnauthorizedGateway", refusal(stranger, forged)
    )
    rehearsal.balance()


def tampered(proof: LogProof) -> dict[str, LogProof]:
    """Return a proof with one thing changed, by the name of the error that refuses it."""
    other = bytes([proof.leaf.receipts_root[0] ^ 1]) + proof.leaf.receipts_root[1:]
    return {
        "NotInCheckpoint": replace(proof, leaf=replace(proof.leaf, receipts_root=other)),
        "UnknownCheckpoint": replace(proof, checkpoint=proof.checkpoint + 1000),
        "WrongBlockProofLength": replace(proof, block_proof=(*proof.block_proof, bytes(32))),
        "TrieProofTraversalError": replace(proof, receipt_proof=proof.receipt_proof[:-1]),
        "NoSuchLog": replace(proof, log_index=proof.log_index + 1000),
    }


def proof_of(chains: BridgedChains, posted: PostedMessage) -> LogProof:
    """Prove a message of the second chain by the newest checkpoints.

    Raises
    ------
    scorer.bridge.proving.NotCheckpointed
        When its block is in none.
    """
    block, end = int(chains.root.w3.eth.block_number), chains.root_end
    newest = newest_checkpoint(lambda number: end.checkpoint(number, block), None, chains.addresses.step)
    prover = Prover(end, chains.child.w3, newest, block, chains.addresses.step)
    return prover.prove(posted.block, posted.transaction, posted.log_index)


def _payload(chain_id: int, receiver: str) -> Any:
    values = [interoperable(chain_id, receiver), bytes.fromhex(receiver[2:]), wei("1000")]
    return encode(["bytes", "bytes", "uint256"], values)
