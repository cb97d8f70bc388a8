"""AgentLink: link, unlink, agentOf, modelOf"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from states import state
from support import House, is_event, only


@state
def link(house: House, project: Any) -> Any:
    """A link contract whose agents are of a registry that counts like the models' own."""
    agents = project.ModelRegistry.deploy(sender=house.admin)
    house.registry.register(house.alice, sender=house.alice)
    for owner in (house.alice, house.bob):
        agents.register(owner, sender=owner)
    return project.AgentLink.deploy(house.registry, agents, sender=house.admin)


def agents_of(project: Any, link: Any) -> Any:
    return project.ModelRegistry.at(link.agents())


def test_nobody_links_what_is_anothers(house: House, link: Any) -> None:
    with ape.reverts(link.NotOwnerOfModel, caller=house.bob, owner=house.alice):
        link.link(1, 2, sender=house.bob)
    with ape.reverts(link.NotOwnerOfAgent, caller=house.alice, owner=house.bob):
        link.link(1, 2, sender=house.alice)


def test_a_link_counts_while_both_have_one_owner(house: House, link: Any, project: Any) -> None:
    receipt = link.link(1, 1, sender=house.alice)
    is_event(only(receipt, link.Linked), modelId=1, agentId=1, owner=house.alice)
    assert tuple(link.agentOf(1)) == (1, True)
    assert tuple(link.modelOf(1)) == (1, True)
    house.registry.transferFrom(house.alice, house.bob, 1, sender=house.alice)
    assert tuple(link.agentOf(1)) == (1, False)
    agents_of(project, link).transferFrom(house.alice, house.bob, 1, sender=house.alice)
    assert tuple(link.modelOf(1)) == (1, True)


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_either_owner_ends_a_link(house: House, link: Any, who: str) -> None:
    link.link(1, 1, sender=house.alice)
    house.registry.transferFrom(house.alice, house.bob, 1, sender=house.alice)
    with ape.reverts(link.NotOwnerOfEither):
        link.unlink(1, sender=house.admin)
    link.unlink(1, sender=getattr(house, who))
    assert tuple(link.agentOf(1)) == (0, False)
    with ape.reverts(link.NotLinked):
        link.unlink(1, sender=house.alice)


def test_a_new_link_ends_the_old_ones(house: House, link: Any, project: Any) -> None:
    link.link(1, 1, sender=house.alice)
    agents_of(project, link).register(house.alice, sender=house.alice)
    link.link(1, 3, sender=house.alice)
    assert tuple(link.modelOf(1)) == (0, False)
    assert tuple(link.agentOf(1)) == (3, True)
