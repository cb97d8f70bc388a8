"""Chunks offered in another order, in other pieces, or not at all."""

from __future__ import annotations

import ape
import pytest
from support import NANO, ZERO_HASH, House, pack_scores, push

SCORES = [[40_000, -20_000, 90_000, -90_000, 0, 1, -1, 13], [25_000]]


def test_attack_chunks_settled_in_the_order_they_were_locked(house: House, locked_in_two: int) -> None:
    house.begin(house.report(locked_in_two, SCORES))
    with ape.reverts(house.tournament.NotTopOfStack):
        house.settle(locked_in_two, SCORES, index=0)
    house.settle(locked_in_two, SCORES, index=1)
    house.settle(locked_in_two, SCORES, index=0)


@pytest.mark.parametrize("index", [0, 1])
def test_attack_two_chunks_offered_as_one(house: House, locked_in_two: int, index: int) -> None:
    house.begin(house.report(locked_in_two, SCORES))
    first, second = house.chunks[locked_in_two]
    arguments = [
        locked_in_two,
        first.from_slot,
        (first, second)[index].previous_head,
        first.positions + second.positions,
        ZERO_HASH,
        pack_scores(SCORES[0]) + pack_scores([25_000, 0, 0, 0]),
    ]
    with ape.reverts(house.tournament.NotTopOfStack):
        house.tournament.settle(*arguments, sender=house.bob)


def test_attack_a_malformed_stack_of_scores_freezes_stakes_no_longer_than_the_grace(
    house: House, locked_in_two: int
) -> None:
    """One chunk of scores is missing below: what could be settled is, the rest returns whole."""
    head = push(ZERO_HASH, 2, pack_scores(SCORES[1]))
    house.begin(house.report(locked_in_two, SCORES, scoresHead=head))
    arguments = house.settle_arguments(locked_in_two, SCORES, index=1)
    arguments[4] = ZERO_HASH
    house.tournament.settle(*arguments, sender=house.bob)
    with ape.reverts(house.tournament.NotTopOfStack):
        house.settle(locked_in_two, SCORES, index=0)
    house.at(house.round(locked_in_two).settlementBeganAt + house.tournament.SETTLEMENT_GRACE())
    house.tournament.voidRound(locked_in_two, sender=house.bob)
    house.tournament.settle(*house.return_arguments(locked_in_two, 0), sender=house.bob)
    assert house.idle()[:8] == [100 * NANO] * 8
    house.assert_books_balance()
