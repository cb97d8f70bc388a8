"""Attacks by way of the token and the sink."""

from __future__ import annotations

from typing import Any

import ape
from support import DAY, NANO, PPM, SHARE, UNIT, House
from twins import deploy_tournament, twin_of


def test_attack_a_token_that_refuses_the_sink_freezes_nobodys_stake(
    house: House, project: Any, hostile_types: Any
) -> None:
    """The last chunk of a round with burns settles, and everybody leaves; only what burned waits."""
    token = hostile_types["RefusingToken"].deploy(sender=house.bob)
    tournament = deploy_tournament(house, project, token=token)
    twin = twin_of(house, tournament, token)
    token.give(house.alice, 120 * NANO * UNIT, sender=house.bob)
    models = [twin.stake(house.alice, 10 * NANO, SHARE | PPM) for _ in range(12)]
    round_id = twin.open()
    twin.lock(round_id, [True] * 8)
    twin.lock(round_id, [True] * 4, from_slot=2)
    twin.end_lock(round_id)
    twin.seal(round_id)
    scores = [[-PPM // 10] * 4 + [0] * 4, [-PPM // 10] * 4]
    twin.begin(twin.report(round_id, scores))
    twin.settle(round_id, scores)
    token.refuse(house.sink, sender=house.bob)
    twin.settle(round_id, scores, index=0)

    for model, idle in zip(models, twin.idle(), strict=True):
        tournament.withdraw(model, idle * UNIT, house.bob, sender=house.alice)
    assert token.balanceOf(tournament) == tournament.liabilities() * UNIT == 4 * NANO * UNIT
    with ape.reverts(token.Refused):
        tournament.sendBurned(sender=house.bob)
    token.refuse(house.admin, sender=house.bob)
    tournament.sendBurned(sender=house.bob)
    assert token.balanceOf(house.sink) == 4 * NANO * UNIT


def test_attack_a_token_that_refuses_the_sink_keeps_no_round_from_being_voided(
    house: House, project: Any, hostile_types: Any
) -> None:
    token = hostile_types["RefusingToken"].deploy(sender=house.bob)
    tournament = deploy_tournament(house, project, token=token)
    twin = twin_of(house, tournament, token)
    token.give(house.alice, 120 * NANO * UNIT, sender=house.bob)
    for _ in range(12):
        twin.stake(house.alice, 10 * NANO, SHARE | PPM)
    round_id = twin.open()
    twin.lock(round_id, [True] * 8)
    twin.lock(round_id, [True] * 4, from_slot=2)
    twin.end_lock(round_id)
    twin.seal(round_id)
    scores = [[0] * 8, [-PPM // 10] * 4]
    twin.begin(twin.report(round_id, scores))
    twin.settle(round_id, scores)
    token.refuse(house.sink, sender=house.bob)
    twin.at(twin.round(round_id).settlementBeganAt + 30 * DAY)
    tournament.voidRound(round_id, sender=house.bob)
    tournament.settle(*twin.return_arguments(round_id, 0), sender=house.bob)
    assert twin.idle() == [10 * NANO] * 8 + [95 * NANO // 10] * 4
    assert tournament.burnable() == 2 * NANO
