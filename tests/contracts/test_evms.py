"""The short way to the two EVMs"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ape
import pytest
from support import DAY, NANO, NMR, House

if TYPE_CHECKING:
    from evms import Evm


def test_what_is_sent_again_on_the_same_block_comes_to_the_same(house: House, evm: Evm) -> None:
    found = []
    for owner in (house.alice, house.alice, house.bob):
        snapshot = evm.snapshot()
        receipt = house.registry.register(owner, sender=owner)
        (event,) = receipt.events.filter(house.registry.Transfer)
        found.append((receipt.gas_used, event.to, house.registry.ownerOf(1), house.registry.modelCount()))
        evm.restore(snapshot)
    assert found[0] == found[1]
    assert [owner for _, *owners, _ in found for owner in owners] == [house.alice] * 4 + [house.bob] * 2
    assert house.registry.modelCount() == 0


def test_what_is_sent_again_at_another_time_is_another_block(house: House, evm: Evm) -> None:
    now, times = house.now(), []
    for later in (100, 200, 100):
        snapshot = evm.snapshot()
        house.at(now + later)
        house.register(house.alice)
        times.append(house.now() - now)
        evm.restore(snapshot)
    assert times == [100, 200, 100]
    assert house.now() == now


def test_what_reverts_is_mined_and_reverts_again(house: House, evm: Evm) -> None:
    height, now = evm.head()
    for _ in range(2):
        snapshot = evm.snapshot()
        house.at(now + DAY)
        with ape.reverts(house.tournament.AccessManagedUnauthorized, caller=house.bob):
            house.tournament.pause(DAY, sender=house.bob)
        assert evm.head() == (height + 1, now + DAY)
        evm.restore(snapshot)
    assert evm.head() == (height, now)


def test_an_answer_is_that_of_the_newest_block(house: House, evm: Evm) -> None:
    snapshot = evm.snapshot()
    for expected in (0, 1, 2):
        assert house.registry.modelCount() == expected
        house.register(house.alice)
    evm.restore(snapshot)
    assert house.registry.modelCount() == 0


def test_an_error_is_that_of_the_contract_that_raised_it(house: House) -> None:
    """Not only of the one that was called, and no other is taken for it."""
    model = house.register(house.alice)
    house.token.approve(house.tournament, NMR, sender=house.alice)

    def deposit() -> None:
        house.deposit(model, 2 * NANO, house.alice)

    with ape.reverts(house.token.ERC20InsufficientAllowance, allowance=NMR, needed=2 * NMR):
        deposit()
    for other in (house.token.ERC20InsufficientBalance, house.tournament.InsufficientIdle):
        with pytest.raises(AssertionError, match="but was 'ERC20InsufficientAllowance'"), ape.reverts(other):
            deposit()
    with (
        pytest.raises(AssertionError, match="needed"),
        ape.reverts(house.token.ERC20InsufficientAllowance, needed=NMR),
    ):
        deposit()


def test_options_that_only_ape_knows_go_its_way(house: House) -> None:
    receipt = house.registry.register(house.alice, gas_limit=300_000, sender=house.alice)
    assert receipt.gas_limit == 300_000
    assert house.registry.ownerOf(1) == house.alice
    assert house.register(house.bob) == 2
