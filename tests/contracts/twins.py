"""A second tournament in the same house."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from support import OPERATOR_ROLE, House, restrict


def twin_of(house: House, tournament: Any, token: Any = None) -> House:
    """The same house around another tournament, which operator, alice and bob may use."""
    house.committee.addTournament(tournament, sender=house.admin)
    restrict(house.authority, tournament, ["openRound", "lock", "seal"], OPERATOR_ROLE, house.admin)
    for user in (house.alice, house.bob):
        (token or house.token).approve(tournament, 2**256 - 1, sender=user)
    return replace(house, tournament=tournament, token=token or house.token, chunks={}, rounds=[])
