"""One deployment for every test, and states that many of them start from."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from ape.api import ReceiptAPI
from ape_ethereum.trace import Trace
from ape_foundry import FoundryProvider
from compiled import compiled
from evms import Anvil, PyEvm
from exported import Exported
from short_way import take_short_way
from states import States, in_order, state
from support import (
    GUARDIAN_ROLE,
    MINTER_ROLE,
    NANO,
    NMR,
    OPERATOR_ROLE,
    PPM,
    SHARE,
    UNIT,
    UNPAUSER_ROLE,
    WINDOWS,
    ZERO_ADDRESS,
    House,
    restrict,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ape.contracts import ContractContainer
    from evms import Evm

CAP = 50_000
THRESHOLD = 10_000 * NANO
MIN_POSITION = NANO // 100
CHALLENGE_WINDOW = 86_400
DISPUTE_PERIOD = 3 * 86_400
MEMBER_BOND, CHALLENGE_BOND, SLASH = 500 * NMR, 50 * NMR, 200 * NMR
ABSENCE_SLASH, ABSENCE_LIMIT = 20 * NMR, 3
POOL = 1_000 * NANO


def pytest_configure(config: pytest.Config) -> None:
    """Leave the isolation of tests to States, and let anvil keep no trace of every step."""
    config.option.disable_isolation = True
    command = FoundryProvider.build_command
    FoundryProvider.build_command = lambda self: [part for part in command(self) if part != "--steps-tracing"]


def pytest_collection_modifyitems(items: list[Any]) -> None:
    in_order(items)


@pytest.fixture(scope="session")
def evm(accounts: Any, chain: Any) -> Iterator[Evm]:
    """The chain that ape started, which ape's contracts go to by the short way."""
    provider = chain.provider
    evm: Evm = (
        PyEvm(provider.evm_backend, accounts[0].address) if provider.name == "test" else Anvil(provider.uri)
    )
    with pytest.MonkeyPatch.context() as patch:
        take_short_way(patch, evm, chain)
        # Where a transaction of ape's reverted, step by step, and what it wrote to a console.
        patch.setattr(Trace, "show", lambda *_, **__: None)
        patch.setattr(ReceiptAPI, "show_debug_logs", lambda _: None)
        yield evm


@pytest.fixture(scope="session")
def project(project: Any) -> Exported:
    """The contracts: as a deployment sends them, or compiled, where a source was changed since."""
    return Exported(project)


@pytest.fixture(scope="session")
def house(evm: Evm, project: Any, accounts: Any, chain: Any) -> House:
    admin, operator, guardian, minter, m1, m2, m3, alice, bob, unpauser = accounts[:10]
    court = accounts[19]
    members = [m1, m2, m3]
    authority = project.Authority.deploy(admin, sender=admin)
    token = project.Numeraire.deploy(authority, admin, 1_000_000 * NMR, sender=admin)
    registry = project.ModelRegistry.deploy(sender=admin)
    sink = project.BurnSink.deploy(token, sender=admin)
    bonds = (MEMBER_BOND, CHALLENGE_BOND, SLASH, ABSENCE_SLASH)
    terms = (CHALLENGE_WINDOW, DISPUTE_PERIOD, *bonds, ABSENCE_LIMIT)
    committee = project.OracleCommittee.deploy(authority, token, sink, court, terms, members, 2, sender=admin)
    tournament = project.Tournament.deploy(
        authority,
        token,
        registry,
        committee,
        sink,
        UNIT,
        0,
        WINDOWS,
        CAP,
        THRESHOLD,
        MIN_POSITION,
        ZERO_ADDRESS,
        sender=admin,
    )
    committee.addTournament(tournament, sender=admin)
    restrict(authority, tournament, ["openRound", "lock", "endLock"], OPERATOR_ROLE, admin)
    restrict(authority, tournament, ["pause"], GUARDIAN_ROLE, admin)
    restrict(authority, tournament, ["unpause"], UNPAUSER_ROLE, admin)
    restrict(authority, committee, ["veto"], GUARDIAN_ROLE, admin)
    restrict(authority, token, ["mint"], MINTER_ROLE, admin)
    holders = (operator, guardian, minter, unpauser)
    for role, holder in zip((OPERATOR_ROLE, GUARDIAN_ROLE, MINTER_ROLE, UNPAUSER_ROLE), holders, strict=True):
        authority.grantRole(role, holder, 0, sender=admin)
    for user in (alice, bob, admin):
        for spender in (tournament, committee):
            token.approve(spender, 2**256 - 1, sender=user)
    for user in (alice, bob):
        token.transfer(user, 100_000 * NMR, sender=admin)
    tournament.fundPool(POOL * UNIT, sender=admin)
    for member in members:
        committee.postBond(member, MEMBER_BOND, sender=admin)
    return House(
        authority, token, registry, sink, committee, tournament,
        admin, operator, guardian, unpauser, minter, members, alice, bob, chain, evm, accounts, court,
    )  # fmt: skip


@pytest.fixture(scope="session")
def states(house: House) -> States:
    return States(house)


@pytest.fixture(scope="session")
def hostile_types() -> dict[str, ContractContainer]:
    """Contracts that misbehave, by name."""
    return compiled()


@pytest.fixture(autouse=True)
def undone(states: States) -> Iterator[None]:
    """Undo what a test sends, as States does it."""
    yield
    states.undo()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: Any) -> None:
    """Once a test has its fixtures, let it start from their states and at the clock's time."""
    item.funcargs["states"].drop_others()
    house = item.funcargs["house"]
    if house.now() < time.time():
        house.evm.mine()


@state
def locked_in_two(house: House) -> int:
    """A sealed round: nine models of 100 NMR, all at risk, locked in two chunks."""
    for i in range(9):
        house.stake(house.alice if i % 2 else house.bob, 100 * NANO, SHARE | PPM)
    round_id = house.open()
    house.lock(round_id, [True] * 8)
    house.lock(round_id, [True], from_slot=2)
    house.end_lock(round_id)
    house.seal(round_id)
    return round_id
