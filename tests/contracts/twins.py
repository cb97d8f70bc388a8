"""Further tournaments beside that of the house."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from support import OPERATOR_ROLE, UNIT, WINDOWS, ZERO_ADDRESS, House, restrict


def deploy_tournament(house: House, project: Any, **changes: Any) -> Any:
    """Deploy a tournament with the house's parts, cap and threshold, unless `changes` name others.

    What may be changed: authority, token, registry, committee, sink, unit, lane_price, windows, cap,
    threshold, min_position, demands.
    """
    usual = {
        "authority": house.authority,
        "token": house.token,
        "registry": house.registry,
        "committee": house.committee,
        "sink": house.sink,
        "unit": UNIT,
        "lane_price": 0,
        "windows": WINDOWS,
        "cap": 50_000,
        "threshold": 2**63,
        "min_position": 0,
        "demands": ZERO_ADDRESS,
    }
    unknown = changes.keys() - usual.keys()
    assert not unknown, f"expected one of {', '.join(usual)}, found {unknown}"
    return project.Tournament.deploy(*(usual | changes).values(), sender=house.admin)


def twin_of(house: House, tournament: Any, token: Any = None) -> House:
    """The same house around another tournament, which operator, alice and bob may use."""
    house.committee.addTournament(tournament, sender=house.admin)
    restrict(house.authority, tournament, ["openRound", "lock", "endLock"], OPERATOR_ROLE, house.admin)
    for user in (house.alice, house.bob):
        (token or house.token).approve(tournament, 2**256 - 1, sender=user)
    return replace(house, tournament=tournament, token=token or house.token, chunks={}, rounds=[])
