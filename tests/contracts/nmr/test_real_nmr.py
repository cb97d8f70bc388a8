"""Everything that moves tokens, on NMR as it is on Ethereum."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import NANO, NMR, PPM, SHARE, UNIT, House, is_event, only

BOND = 500 * NMR
LANE_PRICE = NANO // 10


def entered(real: House, nano: int, owner: Any) -> int:
    """A model with a deposit for exactly which the tournament was approved."""
    model = real.register(owner)
    real.token.approve(real.tournament, nano * UNIT, sender=owner)
    real.deposit(model, nano, owner)
    real.tournament.setAllocation(model, SHARE | PPM, sender=owner)
    return model


def bonded(real: House) -> None:
    for member in real.members:
        real.token.approve(real.committee, BOND, sender=real.admin)
        real.committee.postBond(member, BOND, sender=real.admin)


def test_an_allowance_changes_from_zero_or_to_zero_alone(real: House) -> None:
    real.token.approve(real.tournament, NMR, sender=real.alice)
    with pytest.raises(ape.exceptions.VirtualMachineError):  # an invalid opcode, as of old compilers
        real.token.approve(real.tournament, 2 * NMR, sender=real.alice)
    real.token.approve(real.tournament, 0, sender=real.alice)
    real.token.approve(real.tournament, 2 * NMR, sender=real.alice)
    assert real.token.allowance(real.alice, real.tournament) == 2 * NMR


def test_a_deposit_takes_what_was_approved_and_no_more(real: House) -> None:
    model = entered(real, 3 * NANO, real.alice)
    assert real.tournament.idleOf(model) == 3 * NANO - LANE_PRICE
    assert real.token.allowance(real.alice, real.tournament) == 0
    with pytest.raises(ape.exceptions.ContractLogicError):
        real.deposit(model, NANO, real.alice)
    real.assert_books_balance()


def test_a_deposit_with_a_permit_is_one_out_of_the_allowance(real: House) -> None:
    """NMR has no permit, and says nothing of it: the call that it does not know succeeds."""
    model = real.register(real.alice)
    permit = [0, 27, b"\0" * 32, b"\0" * 32]
    with pytest.raises(ape.exceptions.ContractLogicError):
        real.tournament.depositWithPermit(model, NMR, *permit, sender=real.alice)
    real.token.approve(real.tournament, NMR, sender=real.alice)
    real.tournament.depositWithPermit(model, NMR, *permit, sender=real.alice)
    assert real.tournament.idleOf(model) == NANO - LANE_PRICE
    real.assert_books_balance()


def test_what_is_idle_is_withdrawn_whole(real: House) -> None:
    model = entered(real, 5 * NANO, real.alice)
    before = real.token.balanceOf(real.bob)
    idle = 5 * NANO - LANE_PRICE
    real.tournament.withdraw(model, idle * UNIT, real.bob, sender=real.alice)
    assert real.token.balanceOf(real.bob) == before + idle * UNIT
    real.assert_books_balance()


def test_a_round_pays_and_what_it_burns_is_destroyed(real: House) -> None:
    bonded(real)
    for owner in (real.alice, real.bob):
        entered(real, 100 * NANO + LANE_PRICE, owner)
    round_id = real.run_to_sealed()
    scores = [[PPM, -PPM]]
    real.begin(real.report(round_id, scores))
    real.settle(round_id, scores)
    assert real.idle() == [105 * NANO, 95 * NANO]
    real.assert_books_balance()
    assert (real.tournament.burnable(), real.token.balanceOf(real.sink)) == (5 * NANO, 0)

    supply = real.token.totalSupply()
    real.tournament.sendBurned(sender=real.bob)
    receipt = real.sink.flush(sender=real.bob)
    is_event(only(receipt, real.sink.Flushed), caller=real.bob, amount=5 * NMR)
    assert real.token.balanceOf(real.sink) == 0
    assert real.token.totalSupply() == supply - 5 * NMR
    real.assert_books_balance()


def test_bonds_are_posted_and_released(real: House) -> None:
    bonded(real)
    member = real.members[0]
    real.committee.leave(sender=member)
    real.at(real.committee.heldUntil(member))
    real.committee.releaseBond(BOND, real.bob, sender=member)
    assert real.token.balanceOf(real.bob) == 10_000 * NMR + BOND
    assert real.token.balanceOf(real.committee) == 2 * BOND


def test_attack_a_flush_that_burns_nothing_and_says_that_it_did(real: House, project: Any) -> None:
    """NMR does not know the plain sink's `burn(uint256)`: that used to count as a burn, every time."""
    plain = project.BurnSink.deploy(real.token, sender=real.admin)
    real.token.transfer(plain, 100 * NMR, sender=real.alice)
    supply = real.token.totalSupply()
    with ape.reverts(plain.NotBurned, amount=100 * NMR, supply=supply, left=supply):
        plain.flush(sender=real.alice)
    assert real.token.balanceOf(plain) == 100 * NMR


def test_attack_a_mint_that_fails_without_a_word(real: House, hostile_types: Any, project: Any) -> None:
    silent = hostile_types["LyingNmr"].deploy(False, 0, 0, sender=real.admin)
    sink = project.NmrBurnSink.deploy(silent, sender=real.admin)
    silent.give(sink, NMR, sender=real.admin)
    with ape.reverts(sink.MintFailed, amount=NMR):
        sink.flush(sender=real.alice)


@pytest.mark.parametrize(
    ("from_balance", "from_supply", "error"),
    [(0, 0, "StillHeld"), (NMR - 1, NMR, "StillHeld"), (NMR, 0, "NotBurned"), (NMR, NMR - 1, "NotBurned")],
)
def test_attack_a_mint_that_says_that_it_burned(
    real: House, hostile_types: Any, project: Any, from_balance: int, from_supply: int, error: str
) -> None:
    liar = hostile_types["LyingNmr"].deploy(True, from_balance, from_supply, sender=real.admin)
    sink = project.NmrBurnSink.deploy(liar, sender=real.admin)
    liar.give(sink, NMR, sender=real.admin)
    with ape.reverts(getattr(sink, error)):
        sink.flush(sender=real.alice)
