"""Gateway: sending, connecting, pausing; RootGateway.deliver; ChildGateway.processMessageFromRoot, retry"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak
from polygon import CHILD_CHAIN, Block, Log, Receipt, interoperable, message, message_id
from support import DAY, ZERO_ADDRESS, is_event, only

if TYPE_CHECKING:
    from conftest import Bridge

NONE, PENDING, DELIVERED = range(3)
TAKES, REFUSES, SAYS_NOTHING, ANSWERS_OTHERWISE, SHOUTS_BACK, USES_ALL_GAS, CALLS_BACK = range(7)


def to_receiver(bridge: Bridge, number: int = 1, payload: bytes = b"hello") -> bytes:
    return message(number, str(bridge.house.bob), bridge.receiver.address, payload)


def test_a_message_names_its_sender_and_goes_to_polygons_channel(bridge: Bridge) -> None:
    to = interoperable(CHILD_CHAIN, bridge.receiver.address)
    receipt = bridge.root.sendMessage(to, b"hello", [], sender=bridge.house.bob)
    content = to_receiver(bridge)
    id_ = message_id(bridge.chain_id, bridge.root.address, CHILD_CHAIN, content)
    is_event(only(receipt, bridge.root.Posted), id=id_, message=content)
    sent = only(receipt, bridge.root.MessageSent)
    is_event(sent, recipient=to, payload=b"hello", value=0, attributes=[])
    assert sent.sender == interoperable(bridge.chain_id, str(bridge.house.bob))
    synced = only(receipt, bridge.sender.StateSynced)
    assert synced.contractAddress == bridge.fx_child
    assert synced.data == encode(
        ["address", "address", "bytes"], [bridge.root.address, bridge.child.address, content]
    )
    assert bridge.root.idOf(content) == id_
    assert bridge.root.sent() == 1


def test_two_equal_messages_have_two_ids(bridge: Bridge) -> None:
    to = interoperable(CHILD_CHAIN, bridge.receiver.address)
    ids = [
        only(bridge.child.sendMessage(to, b"same", [], sender=bridge.house.bob), bridge.child.Posted).id
        for _ in range(2)
    ]
    assert ids[0] != ids[1]
    assert bridge.child.sent() == 2


def test_reverts_on_what_no_message_can_carry(bridge: Bridge) -> None:
    to, bob = interoperable(CHILD_CHAIN, bridge.receiver.address), bridge.house.bob
    for gateway in (bridge.root, bridge.child):
        with ape.reverts(gateway.UnsupportedAttribute, selector=b"\xde\xad\xbe\xef"):
            gateway.sendMessage(to, b"", [b"\xde\xad\xbe\xef\x01"], sender=bob)
        with ape.reverts(gateway.UnsupportedAttribute, selector=b"\xde\0\0\0"):
            gateway.sendMessage(to, b"", [b"\xde"], sender=bob)
        with ape.reverts(gateway.UnknownChain, chainId=1, expected=CHILD_CHAIN):
            gateway.sendMessage(interoperable(1, bridge.receiver.address), b"", [], sender=bob)
        with ape.reverts(gateway.ZeroAddress):
            gateway.sendMessage(interoperable(CHILD_CHAIN, ZERO_ADDRESS), b"", [], sender=bob)
        with ape.reverts(gateway.PayloadTooLarge, length=20_001, maximum=20_000):
            gateway.sendMessage(to, bytes(20_001), [], sender=bob)
        gateway.sendMessage(to, bytes(20_000), [], sender=bob)
        assert not gateway.supportsAttribute(b"\xde\xad\xbe\xef")


def test_a_message_cannot_carry_coins(bridge: Bridge) -> None:
    to = interoperable(CHILD_CHAIN, bridge.receiver.address)
    with ape.reverts():
        bridge.root.sendMessage(to, b"", [], value=1, sender=bridge.house.bob)


def test_the_largest_message_is_one_that_polygons_validators_read(bridge: Bridge) -> None:
    to = interoperable(CHILD_CHAIN, bridge.receiver.address)
    receipt = bridge.root.sendMessage(to, bytes(20_000), [], sender=bridge.house.bob)
    assert len(only(receipt, bridge.sender.StateSynced).data) < 30_000


def test_the_other_end_is_named_once(bridge: Bridge, project: Any) -> None:
    house = bridge.house
    fresh = project.RootGateway.deploy(
        house.authority, CHILD_CHAIN, bridge.fx_root, bridge.polygon.store, sender=house.admin
    )
    to = interoperable(CHILD_CHAIN, bridge.receiver.address)
    with ape.reverts(fresh.NotConnected):
        fresh.sendMessage(to, b"", [], sender=house.bob)
    with ape.reverts(fresh.AccessManagedUnauthorized, caller=house.bob):
        fresh.connect(bridge.child, sender=house.bob)
    with ape.reverts(fresh.ZeroAddress):
        fresh.connect(ZERO_ADDRESS, sender=house.admin)
    is_event(only(fresh.connect(bridge.child, sender=house.admin), fresh.Connected), remote=bridge.child)
    for gateway in (fresh, bridge.child):
        with ape.reverts(gateway.AlreadyConnected):
            gateway.connect(bridge.receiver, sender=house.admin)


def test_deliver_hands_a_proved_message_to_its_receiver_whoever_sends_it(bridge: Bridge) -> None:
    content = to_receiver(bridge)
    receipt = bridge.root.deliver(bridge.proof(content), sender=bridge.house.bob)
    id_ = bridge.incoming_id(bridge.root, content)
    is_event(only(receipt, bridge.root.Delivered), id=id_)
    assert bridge.receiver.lastId() == id_
    assert bridge.receiver.lastSender() == interoperable(CHILD_CHAIN, str(bridge.house.bob))
    assert bridge.receiver.lastPayload() == b"hello"
    assert bridge.root.deliveryOf(id_) == DELIVERED


def test_deliver_takes_each_message_once_also_from_another_block_or_checkpoint(bridge: Bridge) -> None:
    content = to_receiver(bridge)
    proof = bridge.proof(content)
    bridge.root.deliver(proof, sender=bridge.house.bob)
    id_ = bridge.incoming_id(bridge.root, content)
    for again in (proof, bridge.proof(content), bridge.proof(to_receiver(bridge, 2), content)):
        with ape.reverts(bridge.root.AlreadyDelivered, id=id_):
            bridge.root.deliver(again, sender=bridge.house.bob)
    assert bridge.receiver.received() == 1


def test_deliver_reverts_on_a_log_that_is_no_message_of_the_other_end(bridge: Bridge) -> None:
    other = bridge.receiver.address
    with ape.reverts(bridge.root.NotAMessage, emitter=other):
        bridge.root.deliver(bridge.proof(to_receiver(bridge), emitter=other), sender=bridge.house.bob)
    topics: tuple[bytes, ...]
    for topics in ((), (b"\1" * 32,), (b"\1" * 32, b"\2" * 32)):
        log = Log(bytes.fromhex(bridge.child.address[2:]), topics, encode(["bytes"], [to_receiver(bridge)]))
        block = Block(500 + len(topics), (Receipt((log,)),))
        number = bridge.polygon.checkpoint([block])
        with ape.reverts(bridge.root.NotAMessage, topic=topics[0] if topics else b"\0" * 32):
            bridge.root.deliver(
                bridge.polygon.prove(number, [block], block.number, 0, 0), sender=bridge.house.bob
            )


def test_deliver_of_what_its_receiver_refuses_changes_nothing_and_can_be_repeated(bridge: Bridge) -> None:
    content = to_receiver(bridge)
    proof = bridge.proof(content)
    bridge.receiver.set(REFUSES, b"", sender=bridge.house.bob)
    with ape.reverts(bridge.receiver.Refused, number=7):
        bridge.root.deliver(proof, sender=bridge.house.bob)
    bridge.receiver.set(ANSWERS_OTHERWISE, b"", sender=bridge.house.bob)
    with ape.reverts(bridge.root.BadAnswer, recipient=bridge.receiver, answer=b"\xde\xad\xbe\xef"):
        bridge.root.deliver(proof, sender=bridge.house.bob)
    assert bridge.root.deliveryOf(bridge.incoming_id(bridge.root, content)) == NONE
    bridge.receiver.set(TAKES, b"", sender=bridge.house.bob)
    bridge.root.deliver(proof, sender=bridge.house.bob)
    assert bridge.receiver.received() == 1


def test_a_receiver_that_calls_back_finds_its_message_delivered(bridge: Bridge) -> None:
    proof = bridge.proof(to_receiver(bridge))
    again = bridge.root.deliver.encode_input(proof)
    bridge.receiver.set(CALLS_BACK, again, sender=bridge.house.bob)
    bridge.root.deliver(proof, sender=bridge.house.bob)
    assert (bridge.receiver.received(), bridge.receiver.callBackWorked()) == (1, False)
    content = to_receiver(bridge, 2)
    bridge.receiver.set(CALLS_BACK, bridge.child.retry.encode_input(content), sender=bridge.house.bob)
    bridge.down(content)
    assert (bridge.receiver.received(), bridge.receiver.callBackWorked()) == (2, False)


def test_what_polygon_hands_over_reaches_its_receiver(bridge: Bridge) -> None:
    content = to_receiver(bridge)
    id_ = bridge.incoming_id(bridge.child, content)
    is_event(only(bridge.down(content), bridge.child.Delivered), id=id_)
    assert bridge.receiver.lastPayload() == b"hello"
    assert bridge.child.deliveryOf(id_) == DELIVERED
    with ape.reverts(bridge.child.AlreadyDelivered, id=id_):
        bridge.down(content)
    assert bridge.receiver.received() == 1


def test_nobody_but_fx_child_hands_over_and_only_of_the_other_end(bridge: Bridge) -> None:
    content, house = to_receiver(bridge), bridge.house
    with ape.reverts(bridge.child.NotFxChild, caller=house.bob):
        bridge.child.processMessageFromRoot(1, bridge.root, content, sender=house.bob)
    with ape.reverts(bridge.child.NotRemote, sender=house.bob, remote=bridge.root):
        bridge.down(content, sender=house.bob)
    id_ = bridge.incoming_id(bridge.child, content)
    with ape.reverts(bridge.child.NotItself, caller=house.bob):
        bridge.child.attempt(id_, content, sender=house.bob)


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        (REFUSES, "refused"),
        (SAYS_NOTHING, "nothing"),
        (ANSWERS_OTHERWISE, "answer"),
        (SHOUTS_BACK, "nothing"),
        (USES_ALL_GAS, "nothing"),
    ],
)
def test_what_a_receiver_refuses_on_polygon_is_kept_and_anybody_retries(
    bridge: Bridge, mood: int, reason: str
) -> None:
    """Polygon hands a message over once, and looks at nothing that fails."""
    content, bob = to_receiver(bridge), bridge.house.bob
    id_ = bridge.incoming_id(bridge.child, content)
    with ape.reverts(bridge.child.NotPending, id=id_, delivery=NONE):
        bridge.child.retry(content, sender=bob)
    bridge.receiver.set(mood, b"", sender=bob)
    event = only(bridge.down(content), bridge.child.Undelivered)
    words = {"refused": bridge.receiver.Refused, "answer": bridge.child.BadAnswer}
    expected = bytes(32)[:4] if reason == "nothing" else _selector(words[reason])
    assert (event.id, event.reason[:4]) == (id_, expected)
    assert bridge.child.deliveryOf(id_) == PENDING
    with ape.reverts():
        bridge.child.retry(content, sender=bob)
    bridge.receiver.set(TAKES, b"", sender=bob)
    is_event(only(bridge.child.retry(content, sender=bob), bridge.child.Delivered), id=id_)
    assert bridge.receiver.received() == 1
    with ape.reverts(bridge.child.NotPending, id=id_, delivery=DELIVERED):
        bridge.child.retry(content, sender=bob)


def _selector(error: Any) -> bytes:
    return bytes(keccak(text=error.abi.selector)[:4])


def test_a_message_to_an_address_without_code_is_kept(bridge: Bridge) -> None:
    content = message(1, str(bridge.house.bob), str(bridge.house.alice), b"")
    bridge.down(content)
    assert bridge.child.deliveryOf(bridge.incoming_id(bridge.child, content)) == PENDING


def test_a_pause_stops_incoming_messages_and_nothing_that_is_sent(bridge: Bridge) -> None:
    house, content = bridge.house, to_receiver(bridge)
    proof = bridge.proof(content)
    for gateway in (bridge.root, bridge.child):
        gateway.pause(DAY, sender=house.guardian)
        gateway.sendMessage(interoperable(CHILD_CHAIN, bridge.receiver.address), b"", [], sender=house.bob)
    with ape.reverts(bridge.root.IncomingPaused, until=bridge.root.pausedUntil()):
        bridge.root.deliver(proof, sender=house.bob)
    event = only(bridge.down(content), bridge.child.Undelivered)
    assert event.reason == bytes(32)
    with ape.reverts(bridge.child.IncomingPaused):
        bridge.child.retry(content, sender=house.bob)
    house.at(bridge.child.pausedUntil())
    bridge.root.deliver(proof, sender=house.bob)
    bridge.child.retry(content, sender=house.bob)
    assert bridge.receiver.received() == 2


def test_a_pause_is_short_and_cannot_follow_another(bridge: Bridge) -> None:
    house = bridge.house
    with ape.reverts(bridge.root.PauseTooLong):
        bridge.root.pause(7 * DAY + 1, sender=house.guardian)
    bridge.root.pause(7 * DAY, sender=house.guardian)
    house.at(bridge.root.pausedUntil())
    with ape.reverts(bridge.root.PauseTooSoon):
        bridge.root.pause(DAY, sender=house.guardian)
    assert not bridge.root.paused()


def test_no_admin_can_keep_a_message_from_being_delivered(bridge: Bridge) -> None:
    """Closing a target stops what is restricted, and delivering is not."""
    house, content = bridge.house, to_receiver(bridge)
    for target in (bridge.root, bridge.child, bridge.lockbox):
        house.authority.setTargetClosed(target, True, sender=house.admin)
    bridge.root.deliver(bridge.proof(content), sender=house.bob)
    bridge.down(content)
    assert bridge.receiver.received() == 2
