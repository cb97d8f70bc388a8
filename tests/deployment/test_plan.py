"""The steps that are left follow from the file and the chain alone."""

from dataclasses import replace

import pytest

from scorer.deployment.blueprint import ROLE_IDS, Blueprint, blueprint
from scorer.deployment.steps import Access, DeployedState, DeploymentStuck, steps, tournament_labels
from tests.deployment.files import ADMIN, DEPLOYER, OPERATOR, TEXT, read

EMPTY = DeployedState(has_factory=True, coded=frozenset())


@pytest.fixture
def plan() -> Blueprint:
    return blueprint(read(), DEPLOYER)


def complete(plan: Blueprint) -> DeployedState:
    """The chain when all is done."""
    roles = {(each.target, s): ROLE_IDS[each.role] for each in plan.assignments for s in each.selectors}
    access = {(grant.role_id, grant.holder): Access(grant.delay) for grant in (*plan.grants, plan.hand_over)}
    served = frozenset(tournament_labels(plan))
    return DeployedState(True, frozenset(plan.addresses), roles, access, served)


def under_way(plan: Blueprint) -> DeployedState:
    """All contracts are there, and no role is given."""
    return DeployedState(True, frozenset(plan.addresses), {}, {(0, DEPLOYER): Access(0)})


def keys(plan: Blueprint, seen: DeployedState) -> list[str]:
    return [step.key for step in steps(plan, seen)]


def test_on_an_empty_chain_everything_is_left_and_the_role_of_admin_goes_last(plan: Blueprint) -> None:
    found = keys(plan, EMPTY)

    assert [key for key in found if key.startswith("create:")] == [
        "create:authority",
        "create:numeraire",
        "create:registry",
        "create:burn_sink",
        "create:meta_court",
        "create:piece_store",
        "create:verdict_court",
        "create:staged_court",
        "create:court",
        "create:committee",
        "create:roller",
        "create:demands",
        "create:tournament.classic",
        "create:tournament.daily",
    ]
    assert found[-2:] == [f"grant:admin:{ADMIN}", "renounce"]
    assert len(found) == len(set(found)) == 32


def test_the_factory_comes_first_where_it_is_missing(plan: Blueprint) -> None:
    assert keys(plan, replace(EMPTY, has_factory=False)) == ["factory", *keys(plan, EMPTY)]


def test_nothing_is_left_when_all_is_there(plan: Blueprint) -> None:
    assert keys(plan, complete(plan)) == []


def test_what_is_there_is_not_made_again(plan: Blueprint) -> None:
    seen = replace(EMPTY, coded=frozenset({"registry", "burn_sink"}))

    assert not {"create:registry", "create:burn_sink"} & set(keys(plan, seen))


def test_one_function_that_is_not_assigned_is_assigned_alone(plan: Blueprint) -> None:
    seen = complete(plan)
    target = plan.addresses["tournament.daily"]
    (operator,) = (each for each in plan.assignments if (each.target, each.role) == (target, "operator"))
    roles = {key: role for key, role in seen.roles.items() if key != (target, operator.selectors[1])}
    seen = replace(seen, roles=roles, access={**seen.access, (0, DEPLOYER): Access(0)})

    (step, renounce) = steps(plan, seen)

    assert (step.key, renounce.key) == ("assign:tournament.daily:operator", "renounce")
    assert operator.selectors[1] in step.data
    assert operator.selectors[0] not in step.data


def test_a_role_with_another_delay_is_granted_anew(plan: Blueprint) -> None:
    seen = complete(plan)
    access = {**seen.access, (ROLE_IDS["operator"], OPERATOR): Access(60), (0, DEPLOYER): Access(0)}

    assert keys(plan, replace(seen, access=access)) == [f"grant:operator:{OPERATOR}", "renounce"]


def test_roles_left_when_the_deployer_is_no_admin_any_more_are_named_and_not_tried(plan: Blueprint) -> None:
    seen = complete(plan)
    access = {key: held for key, held in seen.access.items() if key[1] != OPERATOR}

    with pytest.raises(DeploymentStuck, match=f"left to the admin: make {OPERATOR} operator"):
        steps(plan, replace(seen, access=access))


def test_a_deployer_who_stays_admin_without_delay_ends_with_nothing_to_hand_over() -> None:
    kept = TEXT.replace(f'holder = "{ADMIN}"', 'holder = "deployer"').replace(
        'delay = "7 days"', 'delay = "0 seconds"'
    )
    plan = blueprint(read(kept), DEPLOYER)

    assert all(
        step.kind not in ("grant", "renounce") or "admin" not in step.key
        for step in steps(plan, under_way(plan))
    )
    assert keys(plan, EMPTY)[-1].startswith("grant:unpauser")


def test_a_deployer_who_stays_admin_with_a_delay_gets_it_last() -> None:
    plan = blueprint(read(TEXT.replace(f'holder = "{ADMIN}"', 'holder = "deployer"')), DEPLOYER)

    assert keys(plan, under_way(plan))[-1] == f"grant:admin:{DEPLOYER}"
    assert "renounce" not in keys(plan, under_way(plan))


def test_another_instance_is_a_suite_of_its_own() -> None:
    first = blueprint(read(), DEPLOYER)
    second = blueprint(read(TEXT.replace('name = "trial"', 'name = "trial"\ninstance = 2')), DEPLOYER)

    assert not set(first.addresses.values()) & set(second.addresses.values())


def test_addresses_follow_from_the_file_and_the_deployer_alone() -> None:
    assert blueprint(read(), DEPLOYER).addresses == blueprint(read(), DEPLOYER).addresses
    assert (
        blueprint(read(), DEPLOYER).addresses["authority"]
        != blueprint(read(), OPERATOR).addresses["authority"]
    )
    assert (
        blueprint(read(), DEPLOYER).addresses["registry"] == blueprint(read(), OPERATOR).addresses["registry"]
    )
