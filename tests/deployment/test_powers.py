"""Every function that asks the authority is somebody's, and the check knows whose."""

import re
from pathlib import Path

import pytest

from scorer.chain.artifacts import CONTRACTS, abi
from scorer.deployment.blueprint import ADMIN_POWERS, POWERS, selector
from scorer.deployment.bridge_plan import ADMINS, GOVERNED

SOURCES = Path(__file__).parent.parent.parent / "contracts"
PARTS = {
    "OracleCommittee": ("OracleCommittee", "CommitteeSeals", "CommitteeMembers", "CommitteeConsensus"),
    "Tournament": ("Tournament", "StakeLedger", "BoundedPause"),
}
"""Contracts whose functions are in more than one file."""
OF_BRIDGES = {path.stem for path in (SOURCES / "bridge").rglob("*.sol")}
"""Contracts of a bridge, whose deployment gives roles of its own."""
RESTRICTED = re.compile(r"function (\w+)\([^)]*\)\s+external[^{;]*\brestricted\b")


def restricted(contract: str) -> set[str]:
    """The functions that a contract's source lets the authority decide on."""
    files = [next(SOURCES.rglob(f"{part}.sol")) for part in PARTS.get(contract, (contract,))]
    return {name for file in files for name in RESTRICTED.findall(file.read_text())}


@pytest.mark.parametrize("contract", sorted({*CONTRACTS} - OF_BRIDGES))
def test_every_restricted_function_belongs_to_exactly_one_role(contract: str) -> None:
    given = [name for names in POWERS.get(contract, {}).values() for name in names]
    of_admin = list(ADMIN_POWERS.get(contract, ()))

    assert sorted(given + of_admin) == sorted(restricted(contract))


def test_what_a_vote_can_do_is_this_and_no_more() -> None:
    """Idle stake, open rounds, accepted reports, caps, ends of a bridge and messages are in no list."""
    assert {name for names in ADMIN_POWERS.values() for name in names} == {
        *("setParameters", "recoverSurplus"),
        *("addMember", "removeMember", "setQuorum", "addTournament", "removeTournament"),
    }
    of_bridge = {name for labels in (GOVERNED, ADMINS) for names in labels.values() for name in names}
    assert of_bridge == {"pause", "unpause", "connect", "link"}


def test_every_restricted_function_of_a_bridge_is_in_the_lists_of_its_deployment() -> None:
    """One that the authority decides on, in a contract without an entry, would be the admin's unseen."""
    expected = {"Lockbox": {*ADMINS["lockbox"]}, "Gateway": {*ADMINS["gateway"]} - {"unpause"}}
    found = {contract: restricted(contract) for contract in OF_BRIDGES}
    assert {contract: names for contract, names in found.items() if names} == expected
    assert restricted("BoundedPause") == {"unpause", *GOVERNED["gateway"]}


def test_the_search_finds_what_it_should() -> None:
    assert {"openRound", "lock", "endLock", "pause", "unpause"} <= restricted("Tournament")
    assert {"veto", "addMember"} <= restricted("OracleCommittee")


@pytest.mark.parametrize("contract", POWERS)
def test_every_power_is_a_function_of_its_contract(contract: str) -> None:
    names = {entry["name"] for entry in abi(contract) if entry["type"] == "function"}

    for name in (*ADMIN_POWERS[contract], *(each for group in POWERS[contract].values() for each in group)):
        assert name in names
        assert len(selector(contract, name)) == 4
