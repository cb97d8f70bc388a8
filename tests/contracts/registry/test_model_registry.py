"""ModelRegistry"""

from __future__ import annotations

import ape
from support import ZERO_ADDRESS, House, is_event, only


def test_register_reverts_for_nobody(house: House) -> None:
    with ape.reverts(house.registry.ERC721InvalidReceiver, receiver=ZERO_ADDRESS):
        house.registry.register(ZERO_ADDRESS, sender=house.alice)


def test_anybody_registers_models_and_ids_count_from_one(house: House) -> None:
    for expected in (1, 2):
        receipt = house.registry.register(house.alice, sender=house.bob)
        is_event(only(receipt, house.registry.ModelRegistered), modelId=expected, owner=house.alice)
        assert house.registry.ownerOf(expected) == house.alice
        assert house.registry.modelCount() == expected


def test_set_submitter_reverts_for_a_model_that_does_not_exist(house: House) -> None:
    with ape.reverts(house.registry.ERC721NonexistentToken, tokenId=1):
        house.registry.setSubmitter(1, house.bob, sender=house.alice)


def test_set_submitter_reverts_for_others_than_the_owner(house: House) -> None:
    model = house.register(house.alice)
    house.registry.setApprovalForAll(house.bob, True, sender=house.alice)
    with ape.reverts(house.registry.NotModelOwner, modelId=model, owner=house.alice, caller=house.bob):
        house.registry.setSubmitter(model, house.bob, sender=house.bob)


def test_the_owner_signs_until_a_submitter_is_set(house: House) -> None:
    model = house.register(house.alice)
    assert house.registry.submitterOf(model) == house.alice
    receipt = house.registry.setSubmitter(model, house.bob, sender=house.alice)
    is_event(only(receipt, house.registry.SubmitterSet), modelId=model, submitter=house.bob)
    assert house.registry.submitterOf(model) == house.bob
    house.registry.setSubmitter(model, ZERO_ADDRESS, sender=house.alice)
    assert house.registry.submitterOf(model) == house.alice


def test_submitter_of_reverts_for_a_model_that_does_not_exist(house: House) -> None:
    with ape.reverts(house.registry.ERC721NonexistentToken, tokenId=1):
        house.registry.submitterOf(1)


def test_a_transfer_clears_the_submitter(house: House) -> None:
    model = house.register(house.alice)
    house.registry.setSubmitter(model, house.operator, sender=house.alice)
    receipt = house.registry.transferFrom(house.alice, house.bob, model, sender=house.alice)
    is_event(only(receipt, house.registry.SubmitterSet), modelId=model, submitter=ZERO_ADDRESS)
    assert house.registry.submitterOf(model) == house.bob


def test_a_transfer_without_a_submitter_says_nothing_of_one(house: House) -> None:
    model = house.register(house.alice)
    receipt = house.registry.transferFrom(house.alice, house.bob, model, sender=house.alice)
    assert not receipt.events.filter(house.registry.SubmitterSet)


def test_is_called_cupel_model(house: House) -> None:
    assert (house.registry.name(), house.registry.symbol()) == ("Cupel Model", "CUPEL")
