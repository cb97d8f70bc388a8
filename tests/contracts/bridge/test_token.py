"""Lockbox and CrosschainNumeraire: transfers either way, what they refuse, the bound of a day"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ape
import pytest
from conftest import CAP, LARGEST
from polygon import CHILD_CHAIN, interoperable, message, transfer
from support import DAY, NMR, ZERO_ADDRESS, is_event, only

if TYPE_CHECKING:
    from conftest import Bridge

HOUR = DAY // 24


def test_a_transfer_locks_on_one_side_and_creates_as_much_on_the_other(bridge: Bridge) -> None:
    alice, bob = bridge.house.alice, bridge.house.bob
    before = bridge.native.balanceOf(alice)
    receipt = bridge.lockbox.crosschainTransfer(bridge.to_child(bob), 100 * NMR, sender=alice)
    content = message(
        1,
        bridge.lockbox.address,
        bridge.token.address,
        transfer(bridge.chain_id, str(alice), str(bob), 100 * NMR),
    )
    assert only(receipt, bridge.root.Posted).message == content
    assert (bridge.native.balanceOf(alice), bridge.lockbox.locked()) == (before - 100 * NMR, 100 * NMR)
    bridge.down(content)
    assert (bridge.token.balanceOf(bob), bridge.token.totalSupply()) == (100 * NMR, 100 * NMR)


def test_a_transfer_home_destroys_here_and_releases_there(filled: Bridge) -> None:
    alice, bob = filled.house.alice, filled.house.bob
    receipt = filled.token.crosschainTransfer(filled.to_child(bob), 100 * NMR, sender=alice)
    content = only(receipt, filled.child.Posted).message
    assert (filled.token.totalSupply(), filled.lockbox.locked()) == (8_900 * NMR, 9_000 * NMR)
    before = filled.native.balanceOf(bob)
    filled.root.deliver(filled.proof(content), sender=bob)
    assert filled.native.balanceOf(bob) == before + 100 * NMR
    assert filled.lockbox.locked() == filled.native.balanceOf(filled.lockbox) == 8_900 * NMR


def test_only_the_gateway_with_a_message_of_the_other_end_creates_or_releases(filled: Bridge) -> None:
    bob, payload = filled.house.bob, transfer(CHILD_CHAIN, ZERO_ADDRESS, str(filled.house.bob), NMR)
    for end, other in ((filled.token, filled.lockbox), (filled.lockbox, filled.token)):
        named = interoperable(CHILD_CHAIN, other.address)
        with ape.reverts(end.ERC7786RecipientUnauthorizedGateway, gateway=bob):
            end.receiveMessage(bytes(32), named, payload, sender=bob)
    stranger = message(1, str(bob), filled.token.address, payload)
    assert only(filled.down(stranger), filled.child.Undelivered).reason[:4] != bytes(4)
    with ape.reverts(filled.lockbox.ERC7786RecipientUnauthorizedGateway, gateway=filled.root):
        filled.root.deliver(filled.proof(message(1, str(bob), filled.lockbox.address, payload)), sender=bob)
    assert filled.token.totalSupply() == filled.lockbox.locked() == 9_000 * NMR


@pytest.mark.parametrize("side", ["lockbox", "token"])
def test_reverts_on_a_receiver_that_nothing_could_reach(filled: Bridge, side: str) -> None:
    end, alice = getattr(filled, side), filled.house.alice
    other = filled.token if side == "lockbox" else filled.lockbox
    for receiver in (ZERO_ADDRESS, other.address):
        with ape.reverts(end.BadReceiver, chainId=CHILD_CHAIN, receiver=receiver):
            end.crosschainTransfer(interoperable(CHILD_CHAIN, receiver), NMR, sender=alice)
    whole = interoperable(CHILD_CHAIN, str(alice))
    longer = whole[:-21] + b"\x20" + bytes(12) + whole[-20:]
    for text in (b"", whole[:-1], whole[:-20], longer, b"\0\2" + whole[2:]):
        with ape.reverts(end.InteroperableAddressParsingError):
            end.crosschainTransfer(text, NMR, sender=alice)
    with ape.reverts():
        end.crosschainTransfer(interoperable(1, str(alice)), NMR, sender=alice)
    with ape.reverts(end.ZeroTransfer):
        end.crosschainTransfer(whole, 0, sender=alice)


def test_a_transfer_home_carries_no_more_than_the_lockbox_can_let_out(filled: Bridge) -> None:
    alice = filled.house.alice
    with ape.reverts(filled.token.TransferTooLarge, amount=LARGEST + 1, maximum=LARGEST):
        filled.token.crosschainTransfer(filled.to_child(alice), LARGEST + 1, sender=alice)
    filled.token.approve(filled.house.bob, 2**256 - 1, sender=alice)
    with ape.reverts(filled.token.TransferTooLarge):
        filled.token.crosschainTransferFrom(
            alice, filled.to_child(alice), LARGEST + 1, sender=filled.house.bob
        )
    filled.token.crosschainTransfer(filled.to_child(alice), LARGEST, sender=alice)


def test_an_allowance_bounds_a_transfer_by_another(filled: Bridge) -> None:
    alice, bob = filled.house.alice, filled.house.bob
    with ape.reverts(filled.token.ERC20InsufficientAllowance, allowance=0, needed=NMR):
        filled.token.crosschainTransferFrom(alice, filled.to_child(bob), NMR, sender=bob)
    with ape.reverts(filled.token.ERC20InsufficientBalance):
        filled.token.crosschainTransfer(filled.to_child(bob), NMR, sender=bob)


def test_the_day_bounds_what_leaves_and_fills_again_all_the_time(filled: Bridge) -> None:
    house, lockbox = filled.house, filled.lockbox
    assert lockbox.available() == CAP == lockbox.dailyCap()
    for number in (1, 2):
        filled.root.deliver(
            filled.proof(filled.transfer_up(house.bob, 4_000 * NMR, number)), sender=house.bob
        )
    now = house.now()
    third = filled.proof(filled.transfer_up(house.bob, 1_000 * NMR, 3))
    filled.lockbox.crosschainTransfer(filled.to_child(house.bob), 5_000 * NMR, sender=house.alice)
    fourth = filled.proof(filled.transfer_up(house.bob, 4_000 * NMR, 4))
    house.at(now + 10)
    filled.root.deliver(third, sender=house.bob)
    house.at(now + 20)
    with ape.reverts(lockbox.DayUsedUp, amount=4_000 * NMR):
        filled.root.deliver(fourth, sender=house.bob)
    assert (
        filled.root.deliveryOf(filled.incoming_id(filled.root, filled.transfer_up(house.bob, 4_000 * NMR, 4)))
        == 0
    )
    house.at(now + 10 * HOUR)
    filled.root.deliver(fourth, sender=house.bob)
    house.at(now + 40 * HOUR)
    house.evm.mine()
    assert lockbox.available() == CAP


def test_what_fills_again_is_in_proportion_to_time(filled: Bridge) -> None:
    house, lockbox = filled.house, filled.lockbox
    filled.root.deliver(filled.proof(filled.transfer_up(house.bob, 4_000 * NMR)), sender=house.bob)
    start = house.now()
    assert lockbox.available() == 6_000 * NMR
    house.at(start + DAY // 10)
    house.evm.mine()
    assert lockbox.available() == 7_000 * NMR


def test_more_than_was_ever_locked_cannot_leave_whatever_a_message_says(filled: Bridge) -> None:
    filled.native.transfer(filled.lockbox, 500 * NMR, sender=filled.house.alice)
    assert filled.lockbox.locked() == 9_000 * NMR
    with ape.reverts(filled.lockbox.NotLocked, amount=9_001 * NMR, locked=9_000 * NMR):
        filled.root.deliver(
            filled.proof(filled.transfer_up(filled.house.bob, 9_001 * NMR)), sender=filled.house.bob
        )


@pytest.mark.parametrize("cap", [0, 2**128])
def test_a_bound_that_bounds_nothing_or_lets_nothing_out_is_refused(
    bridge: Bridge, project: Any, cap: int
) -> None:
    with ape.reverts(project.Lockbox.CapOutOfRange, cap=cap):
        project.Lockbox.deploy(bridge.house.authority, bridge.native, cap, sender=bridge.house.admin)


def test_the_other_end_of_the_lockbox_is_named_once_and_by_the_admin(bridge: Bridge, project: Any) -> None:
    house = bridge.house
    fresh = project.Lockbox.deploy(house.authority, bridge.native, CAP, sender=house.admin)
    link = (bridge.root.address, interoperable(CHILD_CHAIN, bridge.token.address))
    with ape.reverts():
        fresh.crosschainTransfer(bridge.to_child(house.alice), NMR, sender=house.alice)
    with ape.reverts(fresh.AccessManagedUnauthorized, caller=house.bob):
        fresh.link(link, sender=house.bob)
    fresh.link(link, sender=house.admin)
    for lockbox in (fresh, bridge.lockbox):
        with ape.reverts(lockbox.AlreadyLinked):
            lockbox.link((bridge.root.address, interoperable(1, bridge.token.address)), sender=house.admin)


def test_nobody_can_burn_on_polygon_except_by_going_home(filled: Bridge) -> None:
    """What is destroyed there would stay locked here, and nobody's supply would fall."""
    for name in ("burn", "burnFrom", "mint", "crosschainBurn", "crosschainMint", "pause"):
        assert not hasattr(filled.token, name)


def test_a_permit_works_on_polygon_too(filled: Bridge) -> None:
    assert filled.token.nonces(filled.house.alice) == 0
    assert (filled.token.name(), filled.token.symbol(), filled.token.decimals()) == ("Numeraire", "NMR", 18)


def test_a_bridge_that_can_carry_nothing_is_refused(bridge: Bridge, project: Any) -> None:
    links = [(bridge.child.address, interoperable(CHILD_CHAIN, bridge.lockbox.address))]
    with ape.reverts(project.CrosschainNumeraire.ZeroTransfer):
        project.CrosschainNumeraire.deploy(links, 0, sender=bridge.house.admin)


def test_burns_go_home_in_pieces_that_the_lockbox_can_let_out(filled: Bridge) -> None:
    house = filled.house
    with ape.reverts(filled.sink.NothingToBurn):
        filled.sink.flush(sender=house.bob)
    filled.token.transfer(filled.sink, LARGEST + 5 * NMR, sender=house.alice)
    supply = filled.native.totalSupply()
    for amount in (LARGEST, 5 * NMR):
        receipt = filled.sink.flush(sender=house.bob)
        is_event(only(receipt, filled.sink.Flushed), caller=house.bob, amount=amount)
        filled.root.deliver(filled.proof(only(receipt, filled.child.Posted).message), sender=house.bob)
        is_event(only(filled.home_sink.flush(sender=house.bob), filled.home_sink.Flushed), amount=amount)
    assert filled.native.totalSupply() == supply - LARGEST - 5 * NMR
    assert filled.lockbox.locked() == filled.token.totalSupply() == 9_000 * NMR - LARGEST - 5 * NMR
    assert filled.sink.token() == filled.token
    assert (filled.sink.homeChainId(), filled.sink.homeSink()) == (CHILD_CHAIN, filled.home_sink)
