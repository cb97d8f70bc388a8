"""The house on NMR as it is on Ethereum: its token can do less than ours, and answers otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from states import state
from support import GUARDIAN_ROLE, NMR, OPERATOR_ROLE, ZERO_ADDRESS, House, restrict
from twins import deploy_tournament

BOND, SLASH = 500 * NMR, 200 * NMR
POOL = 1_000 * NMR


@state
def real_parts(house: House, project: Any, hostile_types: Any, accounts: Any) -> dict[str, Any]:
    """Contracts around the copy of NMR, with their own sink; nobody approved anything beforehand."""
    token = hostile_types["RealNmr"].deploy(house.admin, 1_000_000 * NMR, accounts[9], sender=house.admin)
    sink = project.NmrBurnSink.deploy(token, sender=house.admin)
    terms = (86_400, 3 * 86_400, BOND, 50 * NMR, SLASH, 20 * NMR, 3)
    committee = project.OracleCommittee.deploy(
        house.authority, token, sink, ZERO_ADDRESS, terms, house.members, 2, sender=house.admin
    )
    parts = {"token": token, "committee": committee, "sink": sink}
    tournament = deploy_tournament(house, project, **parts, lane_price=10**8)
    committee.addTournament(tournament, sender=house.admin)
    restrict(house.authority, tournament, ["openRound", "lock", "endLock"], OPERATOR_ROLE, house.admin)
    restrict(house.authority, committee, ["veto"], GUARDIAN_ROLE, house.admin)
    for user in (house.alice, house.bob):
        token.transfer(user, 10_000 * NMR, sender=house.admin)
    token.approve(tournament, POOL, sender=house.admin)
    tournament.fundPool(POOL, sender=house.admin)
    return parts | {"tournament": tournament}


@pytest.fixture
def real(house: House, real_parts: dict[str, Any]) -> House:
    """The house around those contracts."""
    return replace(house, **real_parts, chunks={}, rounds=[])
