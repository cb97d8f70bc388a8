"""A token that calls back while it moves, and a receiver of models that does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import ape
import pytest
from states import state
from support import FUNDING_GRACE, NANO, OPERATOR_ROLE, PPM, SHARE, UNIT, House, restrict
from twins import deploy_tournament


@dataclass
class Trap:
    """A tournament whose token calls back, and owns the one model with stake."""

    token: Any
    tournament: Any
    house: House
    model: int

    def act(self, name: str, *arguments: Any) -> Any:
        """Call the tournament as the token, which is the model's owner."""
        data = getattr(self.tournament, name).encode_input(*arguments)
        return self.token.act(self.tournament, data, sender=self.house.bob)

    def arm(self, name: str, *arguments: Any) -> None:
        data = getattr(self.tournament, name).encode_input(*arguments)
        self.token.arm(self.tournament, data, sender=self.house.bob)

    def was_refused(self) -> bool:
        """The call back was made, and met the guard."""
        guard = bytes(self.token.provider.web3.keccak(text="ReentrancyGuardReentrantCall()")[:4])
        found = bytes(self.token.returned())
        return bool(self.token.called()) and not self.token.succeeded() and found == guard


@state
def trap_parts(house: House, project: Any, hostile_types: Any) -> tuple[Any, Any]:
    """The token and the tournament of a trap."""
    token = hostile_types["HostileToken"].deploy(sender=house.bob)
    tournament = deploy_tournament(house, project, token=token, cap=PPM)
    house.committee.addTournament(tournament, sender=house.admin)
    restrict(house.authority, tournament, ["openRound", "lock", "endLock"], OPERATOR_ROLE, house.admin)
    for account in (token, house.alice, house.bob):
        token.give(account, 1_000 * NANO * UNIT, sender=house.bob)
    house.registry.register(token, sender=house.bob)
    tournament.deposit(1, 100 * NANO * UNIT, sender=house.alice)
    tournament.fundPool(50 * NANO * UNIT, sender=house.alice)
    return token, tournament


@pytest.fixture
def trap(house: House, trap_parts: tuple[Any, Any]) -> Trap:
    token, tournament = trap_parts
    return Trap(token, tournament, replace(house, tournament=tournament, chunks={}, rounds=[]), 1)


def attempts(trap: Trap) -> list[tuple[str, list[Any]]]:
    """Every function that moves tokens, with arguments that would be worth it."""
    return [
        ("withdraw", [1, 40 * NANO * UNIT, trap.token]),
        ("deposit", [1, NANO * UNIT]),
        ("depositWithPermit", [1, NANO * UNIT, 0, 27, b"\0" * 32, b"\0" * 32]),
        ("fundPool", [NANO * UNIT]),
        ("settle", [1, 0, b"\0" * 32, [], b"\0" * 32, b""]),
        ("voidRound", [1]),
    ]


def test_attack_a_call_back_during_a_withdrawal(trap: Trap) -> None:
    for count, (name, arguments) in enumerate(attempts(trap), start=1):
        trap.arm(name, *arguments)
        trap.act("withdraw", 1, 10 * NANO * UNIT, trap.token)
        assert trap.was_refused(), name
        assert trap.tournament.idleOf(1) == (100 - 10 * count) * NANO
        assert trap.token.balanceOf(trap.tournament) == (150 - 10 * count) * NANO * UNIT


@pytest.mark.parametrize("entry", ["deposit", "fundPool"])
def test_attack_a_call_back_before_tokens_have_come_in(trap: Trap, entry: str) -> None:
    """The books are ahead of the balance for a moment: nothing can be taken out in it."""
    trap.arm("withdraw", 1, 101 * NANO * UNIT, trap.token)
    arguments = [1, NANO * UNIT] if entry == "deposit" else [NANO * UNIT]
    getattr(trap.tournament, entry)(*arguments, sender=trap.house.alice)
    assert trap.was_refused()
    assert trap.token.balanceOf(trap.tournament) == 151 * NANO * UNIT


def test_attack_the_surplus_is_recovered_twice(trap: Trap) -> None:
    """The token is made admin: even so the second call meets the guard."""
    house = trap.house
    house.authority.grantRole(0, trap.token, 0, sender=house.admin)
    trap.token.give(trap.tournament, 5, sender=house.bob)
    trap.arm("recoverSurplus", trap.token)
    trap.act("recoverSurplus", trap.token)
    assert trap.was_refused()
    assert trap.token.balanceOf(trap.tournament) == 150 * NANO * UNIT


def test_attack_a_call_back_while_what_burned_is_sent_off(trap: Trap) -> None:
    """It is booked as sent by then, and the second call meets the guard besides."""
    trap.act("setAllocation", 1, SHARE | PPM)
    house = trap.house
    round_id = house.run_to_sealed()
    house.begin(house.report(round_id, [[-PPM // 2]]))
    house.settle(round_id, [[-PPM // 2]])
    trap.arm("sendBurned")
    trap.tournament.sendBurned(sender=house.bob)
    assert trap.was_refused()
    assert trap.tournament.idleOf(1) == 50 * NANO
    assert trap.token.balanceOf(house.sink) == 50 * NANO * UNIT
    assert trap.token.balanceOf(trap.tournament) == 100 * NANO * UNIT


def test_attack_another_settlement_begins_while_a_deposit_is_on_its_way(trap: Trap) -> None:
    """Not guarded, as it moves no token: it reserves from the pool what the pool has, and no more."""
    trap.act("setAllocation", 1, SHARE | PPM)
    house = trap.house
    round_id = house.run_to_sealed()
    report = house.report(round_id, [[PPM]])
    house.finalise(report)
    house.pass_to(house.round(round_id).deadline + FUNDING_GRACE)  # the pool is short
    trap.arm("beginSettlement", report)
    trap.tournament.fundPool(NANO * UNIT, sender=house.alice)
    assert trap.token.succeeded()
    assert (trap.tournament.pool(), trap.tournament.reserved()) == (0, 51 * NANO)
    house.settle(round_id, [[PPM]])
    assert trap.tournament.idleOf(1) == 151 * NANO
    assert trap.token.balanceOf(trap.tournament) == 151 * NANO * UNIT == trap.tournament.liabilities() * UNIT


def test_attack_a_receiver_of_a_model_withdraws_within_the_transfer(house: House, hostile_types: Any) -> None:
    """It owns the model by then, and takes what is idle, once; the seller has nothing left to take."""
    receiver = hostile_types["HostileReceiver"].deploy(sender=house.bob)
    model = house.stake(house.alice, 10 * NANO)
    data = house.tournament.withdraw.encode_input(model, 10 * NANO * UNIT, receiver)
    receiver.arm(house.tournament, data, sender=house.bob)
    house.registry.safeTransferFrom(house.alice, receiver, model, sender=house.alice)
    assert receiver.called()
    assert receiver.succeeded()
    assert house.token.balanceOf(receiver) == 10 * NANO * UNIT
    with ape.reverts(house.tournament.NotModelOwner):
        house.tournament.withdraw(model, UNIT, house.alice, sender=house.alice)
    house.assert_books_balance()


def test_attack_a_receiver_is_called_when_a_model_is_registered(house: House, hostile_types: Any) -> None:
    """It is not: registration hands nobody the control."""
    receiver = hostile_types["HostileReceiver"].deploy(sender=house.bob)
    house.registry.register(receiver, sender=house.bob)
    assert not receiver.called()
