"""Tournament.setAllocation"""

from __future__ import annotations

import ape
import pytest
from support import DAY, NANO, PPM, SHARE, House, allocation_of, codes_of, is_event, only


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


@pytest.mark.parametrize(
    ("allocation", "below", "above"),
    [
        (1, 0, NANO // 100),
        (NANO // 100 - 1, 0, NANO // 100),
        (NANO // 100 + 1, NANO // 100, 11 * NANO // 1000),
        (12 * NANO + 345, 12 * NANO, 13 * NANO),
        (995 * NANO // 10, 99 * NANO, 100 * NANO),
        (9_850_000 * NANO, 9_800_000 * NANO, 9_900_000 * NANO),
        (9_900_000 * NANO + 1, 9_900_000 * NANO, 9_900_000 * NANO),
        (SHARE - 1, 9_900_000 * NANO, 9_900_000 * NANO),
        (SHARE, 0, SHARE | 5_000),
        (SHARE | 1, 0, SHARE | 5_000),
        (SHARE | 333_333, SHARE | 330_000, SHARE | 335_000),
        (SHARE | (PPM - 1), SHARE | 995_000, SHARE | PPM),
        (SHARE | (PPM + 1), SHARE | PPM, SHARE | PPM),
        (2**64 - 1, SHARE | PPM, SHARE | PPM),
    ],
)
def test_reverts_for_what_no_code_stands_for_and_names_the_nearest(
    house: House, allocation: int, below: int, above: int
) -> None:
    model = house.stake(house.alice, NANO)
    with ape.reverts(
        house.tournament.AllocationNotRepresentable, allocation=allocation, below=below, above=above
    ):
        house.tournament.setAllocation(model, allocation, sender=house.alice)


@pytest.mark.parametrize(
    "allocation", [0, NANO // 100, 34 * NANO, 9_900_000 * NANO, SHARE | 5_000, SHARE | 505_000, SHARE | PPM]
)
def test_sets_a_fixed_amount_or_a_share(house: House, allocation: int) -> None:
    model = house.stake(house.alice, NANO, NANO // 2)
    receipt = house.tournament.setAllocation(model, allocation, sender=house.alice)
    is_event(only(receipt, house.tournament.AllocationSet), modelId=model, allocation=allocation)
    assert house.tournament.allocationOf(model) == allocation


def test_leaves_the_neighbours_alone_and_touches_no_stake(house: House) -> None:
    models = [house.stake(house.alice, NANO, allocation_of(i + 1)) for i in range(4)]
    house.tournament.setAllocation(models[2], SHARE | PPM, sender=house.alice)
    assert codes_of(house.tournament.slots(0, 1)) == [1, 2, 1010, 4]
    assert house.idle() == [NANO] * 4


def test_works_while_paused(house: House) -> None:
    model = house.stake(house.alice, NANO, NANO)
    house.tournament.pause(DAY, sender=house.guardian)
    house.tournament.setAllocation(model, 0, sender=house.alice)
    assert house.tournament.allocationOf(model) == 0
