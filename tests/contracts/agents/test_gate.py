"""ConsensusGate: admit, mandates, act, actSealed, open, bonds"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ape
import pytest
from conftest import BOOK, CASH, LEAST_BOND
from documents import HASHES, LEAVES, leaf, leaf_hash, levels, proof
from eth_utils import keccak
from support import DAY, NMR, ZERO_ADDRESS, ZERO_HASH, is_event, only

if TYPE_CHECKING:
    from conftest import Agents


LEAF, TOTAL, BOND = 3, 7, 9
"""Places of fields in the log of an act."""


def test_a_gate_needs_a_verifier_a_sink_and_a_bond(agents: Agents, project: Any) -> None:
    token, sink, admin = agents.house.token, agents.house.sink, agents.house.admin
    for verifier, burn_sink in ((ZERO_ADDRESS, sink), (agents.verifier, ZERO_ADDRESS)):
        with ape.reverts(project.ConsensusGate.ZeroAddress):
            project.ConsensusGate.deploy(verifier, token, burn_sink, 1, sender=admin)
    with ape.reverts(project.ConsensusGate.ZeroAmount):
        project.ConsensusGate.deploy(agents.verifier, token, sink, 0, sender=admin)


# admit


def test_a_document_that_the_verifier_refuses_is_not_admitted(agents: Agents) -> None:
    with ape.reverts(agents.verifier.WrongChain):
        agents.admit(agents.document(chainId=1))


def test_a_document_is_admitted_once_and_is_its_rounds_only_one(agents: Agents) -> None:
    document = agents.document()
    digest = agents.admit(document)
    with ape.reverts(agents.gate.AlreadyAdmitted, document=digest):
        agents.admit(document)
    other = agents.document(root=keccak(b"another"))
    with ape.reverts(agents.gate.OtherDocument):
        agents.admit(other)
    is_event(
        agents.gate.admitted(digest), root=document["root"], roundId=7, assets=5,
        expiresAt=document["expiresAt"],
    )  # fmt: skip


# mandates


def test_nobody_but_the_owner_sets_a_mandate(agents: Agents) -> None:
    mandate = (agents.agent, 2**40, 1, 1, 1, 0)
    for caller in (agents.agent, agents.house.bob):
        with ape.reverts(agents.gate.NotOwner, caller=caller, owner=agents.owner):
            agents.gate.setMandate(agents.account, mandate, sender=caller)
    with ape.reverts(agents.gate.NotOwner):
        agents.gate.endMandate(agents.account, sender=agents.house.bob)


@pytest.mark.parametrize("who", ["owner", "agent"])
def test_owner_and_agent_end_a_mandate_at_once(agents: Agents, who: str) -> None:
    document = agents.admit(agents.document())
    agents.gate.endMandate(agents.account, sender=getattr(agents, who))
    with ape.reverts(agents.gate.NotAgent, caller=agents.agent, agent=ZERO_ADDRESS):
        agents.act(document)


# act: every revert


def test_an_act_of_nothing_is_refused(agents: Agents) -> None:
    with ape.reverts(agents.gate.ZeroSize):
        agents.act(agents.admit(agents.document()), size=0)


def test_nobody_but_the_agent_acts(agents: Agents) -> None:
    document = agents.admit(agents.document())
    for caller in (agents.owner, agents.house.bob):
        with ape.reverts(agents.gate.NotAgent, caller=caller, agent=agents.agent):
            agents.act(document, sender=caller)


def test_a_mandate_ends_by_itself(agents: Agents) -> None:
    document = agents.admit(agents.document())
    now = agents.house.now()
    agents.gate.setMandate(agents.account, (agents.agent, now, 5, BOOK, BOOK, 0), sender=agents.owner)
    with ape.reverts(agents.gate.MandateOver):
        agents.act(document)


def test_an_agent_without_its_bond_does_not_act(agents: Agents) -> None:
    document = agents.admit(agents.document())
    agents.gate.releaseBond(1, agents.agent, sender=agents.agent)
    with ape.reverts(agents.gate.BondTooSmall, bond=LEAST_BOND - 1, minimum=LEAST_BOND):
        agents.act(document)


def test_a_document_that_was_not_admitted_allows_nothing(agents: Agents) -> None:
    unknown = keccak(b"unknown")
    with ape.reverts(agents.gate.NotAdmitted, document=unknown):
        agents.act(unknown)


def test_an_expired_document_allows_nothing(agents: Agents) -> None:
    terms = agents.document()
    document = agents.admit(terms)
    agents.house.at(terms["expiresAt"])
    with ape.reverts(agents.gate.DocumentExpired):
        agents.act(document)


def test_a_leaf_of_another_round_is_refused(agents: Agents) -> None:
    others = [leaf("AAA", 10, -(10**9))]
    root = leaf_hash(others[0])
    document = agents.admit(agents.document(roundId=8, root=root, assets=1))
    with ape.reverts(agents.gate.NotInDocument):
        agents.act(document)


def test_an_inner_node_passes_for_no_leaf(agents: Agents) -> None:
    document = agents.admit(agents.document())
    order, tree = agents.order(document), levels(HASHES)
    inner = tree[1][0], 0, [tree[1][1], tree[2][1]]
    for shown in (inner, (ZERO_HASH, 5, proof([*HASHES, ZERO_HASH], 5))):
        with ape.reverts(agents.gate.NotInDocument):
            agents.gate.actSealed(order, *shown, (0, 0, 0), sender=agents.agent)


def test_a_leaf_with_a_guessed_salt_is_refused(agents: Agents) -> None:
    document = agents.admit(agents.document())
    guessed = leaf("AAA", 10, 500_000_000, keccak(b"guess"))
    with ape.reverts(agents.gate.NotInDocument):
        agents.gate.act(agents.order(document), guessed, 0, proof(HASHES, 0), sender=agents.agent)


def test_another_assets_leaf_allows_nothing(agents: Agents) -> None:
    document = agents.admit(agents.document())
    with ape.reverts(agents.gate.WrongAsset, asset=LEAVES[1][0], expected=LEAVES[0][0]):
        agents.act(document, 0, asset=LEAVES[1][0])


@pytest.mark.parametrize(("index", "buy"), [(0, False), (3, True), (2, True), (2, False)])
def test_the_other_side_is_refused_and_so_is_either_side_of_nothing(
    agents: Agents, index: int, buy: bool
) -> None:
    document = agents.admit(agents.document())
    with ape.reverts(agents.gate.WrongSide, buy=buy, weight=LEAVES[index][2]):
        agents.act(document, index, buy=buy)


def test_all_acts_together_are_not_larger_than_the_weight(agents: Agents) -> None:
    mandate = (agents.agent, 2**40, 9, CASH, 9 * CASH, 0)
    agents.gate.setMandate(agents.account, mandate, sender=agents.owner)
    document = agents.admit(agents.document())
    agents.act(document, size=CASH // 2 - 3)
    with ape.reverts(agents.gate.SizeAboveWeight, total=CASH // 2 + 1, limit=CASH // 2):
        agents.act(document, size=4)
    agents.act(document, size=3)


def test_a_looping_agent_is_stopped_by_the_days_limit_of_acts(agents: Agents) -> None:
    document = agents.admit(agents.document())
    for _ in range(5):
        agents.act(document, size=1_000)
    with ape.reverts(agents.gate.TooManyActs, acts=6, limit=5):
        agents.act(document, size=1_000)
    assert tuple(agents.gate.todayOf(agents.account)) == (5, 5_000)
    agents.house.at((agents.house.now() // DAY + 1) * DAY)
    agents.act(document, size=1_000)
    assert tuple(agents.gate.todayOf(agents.account)) == (1, 1_000)


def test_the_days_size_is_limited_over_all_assets(agents: Agents) -> None:
    mandate = (agents.agent, 2**40, 9, BOOK, 3_000, 0)
    agents.gate.setMandate(agents.account, mandate, sender=agents.owner)
    document = agents.admit(agents.document())
    agents.act(document, 0, size=2_000)
    with ape.reverts(agents.gate.DayLimitExceeded, size=3_001, limit=3_000):
        agents.act(document, 1, size=1_001)


def test_an_asset_that_the_owner_did_not_list_is_not_traded(agents: Agents) -> None:
    document = agents.admit(agents.document())
    with ape.reverts(agents.account.NotListed, asset=LEAVES[4][0]):
        agents.act(document, 4)


# act


def test_a_purchase_at_uniswap_spends_exactly_its_size(agents: Agents) -> None:
    document = agents.admit(agents.document())
    before = [token.balanceOf(agents.account) for token in (agents.cash, agents.asset)]
    receipt = agents.act(document, size=CASH)
    event = only(receipt, agents.gate.Acted)
    assert (event.actId, event.isOpen) == (1, True)
    assert event.act[TOTAL] == CASH
    assert agents.cash.balanceOf(agents.account) == before[0] - CASH
    assert before[1] < agents.asset.balanceOf(agents.account) < before[1] + CASH
    assert agents.gate.tradedOf(agents.account, document, LEAVES[0][0]) == CASH


def test_a_sale_at_uniswap_gets_exactly_its_size(agents: Agents) -> None:
    document = agents.admit(agents.document())
    before = [token.balanceOf(agents.account) for token in (agents.cash, agents.asset)]
    agents.act(document, 3, size=CASH // 2)
    assert agents.cash.balanceOf(agents.account) == before[0] + CASH // 2
    assert before[1] - CASH < agents.asset.balanceOf(agents.account) < before[1]


def test_nobody_trades_around_the_gate(agents: Agents) -> None:
    for caller in (agents.agent, agents.owner):
        with ape.reverts(agents.account.NotGate, caller=caller, gate=agents.gate):
            agents.account.trade(LEAVES[0][0], True, 1, 1, sender=caller)
    with ape.reverts(agents.account.OwnableUnauthorizedAccount):
        agents.account.withdraw(agents.cash, 1, agents.agent, sender=agents.agent)
    with ape.reverts(agents.account.OwnableUnauthorizedAccount):
        agents.account.list(LEAVES[4][0], agents.asset, sender=agents.agent)
    agents.account.withdraw(agents.cash, 1, agents.owner, sender=agents.owner)
    assert agents.cash.balanceOf(agents.owner) == 1


# sealed acts


def sealed_act(agents: Agents, index: int = 0, **changes: Any) -> Any:
    """The log of a sealed act."""
    document = agents.admit(agents.document())
    return only(agents.act_sealed(document, index, **changes), agents.gate.Acted).act


def test_a_sealed_act_shows_no_weight_and_holds_a_bond(agents: Agents) -> None:
    log = sealed_act(agents)
    assert bytes(log[LEAF]) == HASHES[0]
    assert log[BOND] == agents.gate.heldOf(agents.agent) == LEAST_BOND
    with ape.reverts(agents.gate.InsufficientBond, bond=0, amount=1):
        agents.gate.releaseBond(1, agents.agent, sender=agents.agent)


def test_attack_one_bond_backs_any_number_of_sealed_acts(agents: Agents) -> None:
    """The first that was disproven took all of it, and nothing was left for the others."""
    document = agents.admit(agents.document())
    wrong = {"buy": False, "bound": 10**18}
    logs = [tuple(only(agents.act_sealed(document, **wrong), agents.gate.Acted).act)]
    with ape.reverts(agents.gate.BondTooSmall, bond=0, minimum=LEAST_BOND):
        agents.act_sealed(document, 1)
    agents.gate.postBond(agents.agent, LEAST_BOND + 1, sender=agents.house.admin)
    logs.append(tuple(only(agents.act_sealed(document, 1, **wrong), agents.gate.Acted).act))
    agents.gate.releaseBond(1, agents.agent, sender=agents.agent)
    for place, log in enumerate(logs):
        receipt = agents.gate.open(place + 1, log, LEAVES[place], sender=agents.house.bob)
        assert only(receipt, agents.gate.ActDisproven).slashed == LEAST_BOND
    assert agents.gate.bondOf(agents.agent) == agents.gate.heldOf(agents.agent) == 0
    assert agents.gate.creditOf(agents.house.bob) == LEAST_BOND


def test_a_sealed_act_holds_as_much_for_its_size_as_the_mandate_asks(agents: Agents) -> None:
    rate = 1_500 * NMR
    agents.gate.setMandate(agents.account, (agents.agent, 2**40, 5, BOOK, BOOK, rate), sender=agents.owner)
    document = agents.admit(agents.document())
    size = CASH // 10 + 1
    bond = 150 * NMR + 1_500
    with ape.reverts(agents.gate.BondTooSmall, bond=LEAST_BOND, minimum=bond):
        agents.act_sealed(document, size=size)
    agents.gate.postBond(agents.agent, 100 * NMR, sender=agents.house.admin)
    log = only(agents.act_sealed(document, size=size), agents.gate.Acted).act
    assert log[BOND] == agents.gate.heldOf(agents.agent) == bond
    agents.gate.open(1, tuple(log), LEAVES[0], sender=agents.house.bob)
    assert agents.gate.heldOf(agents.agent) == 0


def test_a_part_of_a_wei_is_held_as_a_whole_one(agents: Agents) -> None:
    mandate = (agents.agent, 2**40, 5, BOOK, BOOK, 10 * LEAST_BOND + 1)
    agents.gate.setMandate(agents.account, mandate, sender=agents.owner)
    agents.gate.postBond(agents.agent, 1, sender=agents.house.admin)
    log = only(agents.act_sealed(agents.admit(agents.document())), agents.gate.Acted).act
    assert log[BOND] == LEAST_BOND + 1


def test_attack_the_owner_makes_an_honest_sealed_act_wrong_while_it_is_on_its_way(agents: Agents) -> None:
    """A smaller book, or another agent's act before, and half of the bond was the owner's."""
    document = agents.admit(agents.document())
    size = CASH // 10
    expected = (size, BOOK, LEAST_BOND)
    smaller = (agents.agent, 2**40, 5, 1_000, BOOK, 0)
    agents.gate.setMandate(agents.account, smaller, sender=agents.owner)
    with ape.reverts(agents.gate.Unexpected):
        agents.act_sealed(document, expected=expected)
    agents.gate.setMandate(agents.account, (agents.owner, *smaller[1:3], BOOK, BOOK, 0), sender=agents.owner)
    agents.gate.postBond(agents.owner, LEAST_BOND, sender=agents.house.admin)
    agents.act(document, sender=agents.owner)
    agents.gate.setMandate(agents.account, (agents.agent, *smaller[1:3], BOOK, BOOK, 0), sender=agents.owner)
    with ape.reverts(agents.gate.Unexpected):
        agents.act_sealed(document, expected=expected)
    dearer = (agents.agent, *smaller[1:3], BOOK, BOOK, 10 * LEAST_BOND + 1)
    agents.gate.setMandate(agents.account, dearer, sender=agents.owner)
    agents.gate.postBond(agents.agent, NMR, sender=agents.house.admin)
    with ape.reverts(agents.gate.Unexpected):
        agents.act_sealed(document, expected=(2 * size, BOOK, LEAST_BOND))
    assert agents.gate.heldOf(agents.agent) == 0


def test_only_what_was_logged_is_opened_and_only_once(agents: Agents) -> None:
    log = tuple(sealed_act(agents))
    forged = (*log[:5], False, *log[6:])
    with ape.reverts(agents.gate.NotSealed):
        agents.gate.open(1, forged, LEAVES[0], sender=agents.house.bob)
    with ape.reverts(agents.gate.NotSealed):
        agents.gate.open(2, log, LEAVES[0], sender=agents.house.bob)
    with ape.reverts(agents.gate.OtherLeaf):
        agents.gate.open(1, log, LEAVES[1], sender=agents.house.bob)
    agents.gate.open(1, log, LEAVES[0], sender=agents.house.bob)
    with ape.reverts(agents.gate.NotSealed):
        agents.gate.open(1, log, LEAVES[0], sender=agents.house.bob)


def test_a_sealed_act_that_agrees_lets_go_of_the_bond(agents: Agents) -> None:
    log = tuple(sealed_act(agents))
    receipt = agents.gate.open(1, log, LEAVES[0], sender=agents.house.bob)
    assert only(receipt, agents.gate.ActOpened).actId == 1
    agents.gate.releaseBond(LEAST_BOND, agents.owner, sender=agents.agent)
    assert agents.token.balanceOf(agents.owner) == LEAST_BOND


@pytest.mark.parametrize(
    ("index", "changes"),
    [
        (0, {"buy": False, "bound": 10**18}),
        (0, {"asset": LEAVES[1][0]}),
        (2, {"buy": True, "bound": 1}),
    ],
    ids=["the other side", "another asset", "no weight"],
)
def test_a_sealed_act_against_the_document_costs_the_bond(
    agents: Agents, index: int, changes: dict[str, Any]
) -> None:
    log = tuple(sealed_act(agents, index, **changes))
    receipt = agents.gate.open(1, log, LEAVES[index], sender=agents.house.bob)
    is_event(
        only(receipt, agents.gate.ActDisproven),
        actId=1, agent=agents.agent, prover=agents.house.bob, slashed=LEAST_BOND,
    )  # fmt: skip
    assert agents.gate.bondOf(agents.agent) == 0
    assert agents.gate.creditOf(agents.house.bob) == LEAST_BOND // 2
    before = agents.token.balanceOf(agents.house.bob)
    agents.gate.collect(agents.house.bob, sender=agents.owner)
    assert agents.token.balanceOf(agents.house.bob) == before + LEAST_BOND // 2
    agents.gate.collect(agents.house.sink, sender=agents.owner)
    with ape.reverts(agents.gate.NothingOwed):
        agents.gate.collect(agents.house.sink, sender=agents.owner)


def test_a_sealed_act_too_large_for_the_weight_costs_the_bond(agents: Agents) -> None:
    mandate = (agents.agent, 2**40, 9, 1_000, CASH, 0)
    agents.gate.setMandate(agents.account, mandate, sender=agents.owner)
    log = tuple(sealed_act(agents, size=501))
    receipt = agents.gate.open(1, log, LEAVES[0], sender=agents.house.bob)
    assert only(receipt, agents.gate.ActDisproven).slashed == LEAST_BOND


# bonds


def test_bonds_are_somebodys_and_something(agents: Agents) -> None:
    with ape.reverts(agents.gate.ZeroAddress):
        agents.gate.postBond(ZERO_ADDRESS, 1, sender=agents.house.admin)
    with ape.reverts(agents.gate.ZeroAmount):
        agents.gate.postBond(agents.agent, 0, sender=agents.house.admin)
    with ape.reverts(agents.gate.ZeroAmount):
        agents.gate.releaseBond(0, agents.agent, sender=agents.agent)
    with ape.reverts(agents.gate.InsufficientBond, bond=LEAST_BOND, amount=101 * NMR):
        agents.gate.releaseBond(101 * NMR, agents.agent, sender=agents.agent)
