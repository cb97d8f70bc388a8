"""Tournament.setAllocation"""

from __future__ import annotations

import ape
import pytest
from support import DAY, NANO, PPM, SHARE, House, is_event, only, unpack


def test_reverts_for_a_model_that_does_not_exist(house: House) -> None:
    with ape.reverts(house.registry.ERC721NonexistentToken, tokenId=3):
        house.tournament.setAllocation(3, 0, sender=house.alice)


def test_reverts_for_others_than_the_owner(house: House) -> None:
    model = house.stake(house.alice, NANO)
    with ape.reverts(house.tournament.NotModelOwner, modelId=model, owner=house.alice, caller=house.bob):
        house.tournament.setAllocation(model, NANO, sender=house.bob)


def test_reverts_for_a_model_without_a_deposit(house: House) -> None:
    model = house.register(house.alice)
    with ape.reverts(house.tournament.NoLane, modelId=model):
        house.tournament.setAllocation(model, NANO, sender=house.alice)


@pytest.mark.parametrize("share", [PPM + 1, 2**63 - 1])
def test_reverts_for_a_share_above_the_whole(house: House, share: int) -> None:
    model = house.stake(house.alice, NANO)
    with ape.reverts(house.tournament.ShareTooLarge, share=share, maximum=PPM):
        house.tournament.setAllocation(model, SHARE | share, sender=house.alice)


@pytest.mark.parametrize("allocation", [0, 1, NANO, SHARE - 1, SHARE, SHARE | 1, SHARE | PPM])
def test_sets_a_fixed_amount_or_a_share(house: House, allocation: int) -> None:
    model = house.stake(house.alice, NANO, NANO // 2)
    receipt = house.tournament.setAllocation(model, allocation, sender=house.alice)
    is_event(only(receipt, house.tournament.AllocationSet), modelId=model, allocation=allocation)
    assert house.tournament.allocationOf(model) == allocation


def test_leaves_the_neighbours_alone_and_touches_no_stake(house: House) -> None:
    models = [house.stake(house.alice, NANO, i + 1) for i in range(4)]
    house.tournament.setAllocation(models[2], 77, sender=house.alice)
    assert unpack(house.tournament.allocationSlots(0, 1)[0]) == [1, 2, 77, 4]
    assert house.idle() == [NANO] * 4


def test_works_while_paused(house: House) -> None:
    model = house.stake(house.alice, NANO, NANO)
    house.tournament.pause(DAY, sender=house.guardian)
    house.tournament.setAllocation(model, 0, sender=house.alice)
    assert house.tournament.allocationOf(model) == 0
