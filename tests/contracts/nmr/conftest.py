"""The house on NMR as it is on Ethereum: its token can do less than ours, and answers otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support import GUARDIAN_ROLE, NMR, OPERATOR_ROLE, UNIT, WINDOWS, House, restrict

BOND, SLASH = 500 * NMR, 200 * NMR
POOL = 1_000 * NMR


@pytest.fixture
def real(house: House, project: Any, hostile_types: Any, accounts: Any) -> House:
    """A suite around the copy of NMR, with its own sink; nobody approved anything beforehand."""
    token = hostile_types["RealNmr"].deploy(house.admin, 1_000_000 * NMR, accounts[9], sender=house.admin)
    sink = project.NmrBurnSink.deploy(token, sender=house.admin)
    terms = (86_400, 3 * 86_400, BOND, 50 * NMR, SLASH, 3)
    committee = project.OracleCommittee.deploy(
        house.authority, token, sink, terms, house.members, 2, sender=house.admin
    )
    tournament = project.Tournament.deploy(
        house.authority,
        token,
        house.registry,
        committee,
        sink,
        UNIT,
        10**8,
        WINDOWS,
        50_000,
        2**63,
        0,
        sender=house.admin,
    )
    restrict(house.authority, tournament, ["openRound", "lock", "seal"], OPERATOR_ROLE, house.admin)
    restrict(house.authority, committee, ["veto"], GUARDIAN_ROLE, house.admin)
    for user in (house.alice, house.bob):
        token.transfer(user, 10_000 * NMR, sender=house.admin)
    token.approve(tournament, POOL, sender=house.admin)
    tournament.fundPool(POOL, sender=house.admin)
    return replace(
        house, token=token, sink=sink, committee=committee, tournament=tournament, chunks={}, rounds=[]
    )
