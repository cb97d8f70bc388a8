"""ModelRegistry"""

from __future__ import annotations

import ape
import pytest
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
    receipt = house.registry.register(house.alice, sender=house.bob)
    model = int(house.registry.modelCount())
    is_event(only(receipt, house.registry.SubmitterSet), modelId=model, submitter=house.alice)
    assert house.registry.submitterOf(model) == house.alice
    receipt = house.registry.setSubmitter(model, house.bob, sender=house.alice)
    is_event(only(receipt, house.registry.SubmitterSet), modelId=model, submitter=house.bob)
    assert house.registry.submitterOf(model) == house.bob
    receipt = house.registry.setSubmitter(model, ZERO_ADDRESS, sender=house.alice)
    is_event(only(receipt, house.registry.SubmitterSet), modelId=model, submitter=house.alice)
    assert house.registry.submitterOf(model) == house.alice


def test_submitter_of_reverts_for_a_model_that_does_not_exist(house: House) -> None:
    with ape.reverts(house.registry.ERC721NonexistentToken, tokenId=1):
        house.registry.submitterOf(1)


def test_a_transfer_hands_the_signing_to_the_new_owner(house: House) -> None:
    model = house.register(house.alice)
    house.registry.setSubmitter(model, house.operator, sender=house.alice)
    receipt = house.registry.transferFrom(house.alice, house.bob, model, sender=house.alice)
    is_event(only(receipt, house.registry.SubmitterSet), modelId=model, submitter=house.bob)
    assert house.registry.submitterOf(model) == house.bob


def test_who_could_sign_at_a_time_is_remembered(house: House) -> None:
    start = house.now() + 1_000
    house.at(start)
    model = house.register(house.alice)
    house.at(start + 10)
    house.registry.setSubmitter(model, house.operator, sender=house.alice)
    house.at(start + 20)
    house.registry.transferFrom(house.alice, house.bob, model, sender=house.alice)
    moments = [start - 1, start, start + 9, start + 10, start + 19, start + 20, start + 10**6]
    signers = [ZERO_ADDRESS] + 2 * [house.alice] + 2 * [house.operator] + 2 * [house.bob]
    for moment, signer in zip(moments, signers, strict=True):
        assert list(house.registry.submittersAt(model, 1, moment)) == [signer]


@pytest.mark.parametrize(("start", "count", "found"), [(1, 3, 3), (1, 2, 2), (2, 9, 2), (3, 1, 1), (4, 1, 0)])
def test_ranges_of_submitters_end_where_models_end(house: House, start: int, count: int, found: int) -> None:
    for _ in range(3):
        house.register(house.alice)
    assert list(house.registry.submittersAt(start, count, house.now())) == [house.alice] * found


def test_is_called_cupel_model(house: House) -> None:
    assert (house.registry.name(), house.registry.symbol()) == ("Cupel Model", "CUPEL")
