"""What is left to do: a pure function of the blueprint and of what is on the chain.

It remembers nothing, so it does not matter how often it was interrupted: what is there is not done again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from scorer.deployment.blueprint import ADMIN_ROLE, ROLE_IDS, Blueprint, Grant, call_data, label_of
from scorer.deployment.create2 import FACTORY


class DeploymentStuck(Exception):
    """A deployment cannot go on as the file asks; the message says why, and what to do."""


@dataclass(frozen=True)
class Access:
    """That an account holds a role, and after how many seconds of announcement it may act."""

    delay: int


@dataclass(frozen=True)
class DeployedState:
    """What is on the chain.

    Attributes
    ----------
    has_factory
        Whether the CREATE2 factory is there.
    coded
        The labels of contracts that have code.
    roles
        The role's id of each (target, selector); 0, the admin's, where it was never set.
    access
        Of each (role's id, account) that holds the role.
    served
        The labels of tournaments that the committee answers for.
    """

    has_factory: bool
    coded: frozenset[str]
    roles: Mapping[tuple[str, bytes], int] = field(default_factory=dict)
    access: Mapping[tuple[int, str], Access] = field(default_factory=dict)
    served: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DeploymentStep:
    """One transaction.

    Attributes
    ----------
    key
        Names it for good, also in the journal.
    kind
        factory, create, serve, assign, grant or renounce.
    contract
        Which artifact it makes; empty where it makes none.
    """

    key: str
    kind: str
    title: str
    to: str
    data: bytes
    contract: str = ""


def steps(plan: Blueprint, seen: DeployedState) -> tuple[DeploymentStep, ...]:
    """All that is left, in the order in which it is to be done; nothing when the deployment is complete.

    Raises
    ------
    DeploymentStuck
        When roles are left to give, but the deployer is not the admin any more.
    """
    powers = (
        *_serving(plan, seen),
        *_assigning(plan, seen),
        *_granting(plan, seen),
        *_handing_over(plan, seen),
    )
    if powers and "authority" in seen.coded and not _is_admin(plan, seen):
        raise DeploymentStuck(
            f"expected the deployer {plan.deployer} to be the admin without delay until all roles are given, "
            f"found that it is not; left to the admin: {'; '.join(step.title for step in powers)}. If the "
            "admin changed this on purpose, the deployment is complete: hold it against its manifest with "
            "cupel deployment check"
        )
    return (*_factory(seen), *_creating(plan, seen), *powers)


def _factory(seen: DeployedState) -> Iterator[DeploymentStep]:
    if not seen.has_factory:
        yield DeploymentStep("factory", "factory", "put the CREATE2 factory on the chain", FACTORY, b"")


def _creating(plan: Blueprint, seen: DeployedState) -> Iterator[DeploymentStep]:
    for creation in plan.creations:
        if creation.label not in seen.coded:
            title = f"create {creation.label} ({creation.contract}) at {creation.address}"
            data = creation.salt + creation.init_code
            yield DeploymentStep(
                f"create:{creation.label}", "create", title, FACTORY, data, creation.contract
            )


def _serving(plan: Blueprint, seen: DeployedState) -> Iterator[DeploymentStep]:
    committee = plan.addresses["committee"]
    for label in tournament_labels(plan):
        if label not in seen.served:
            data = call_data("OracleCommittee", "addTournament", plan.addresses[label])
            title = f"let the committee answer for rounds of {label}"
            yield DeploymentStep(f"serve:{label}", "serve", title, committee, data)


def tournament_labels(plan: Blueprint) -> tuple[str, ...]:
    """What the deployment calls its tournaments' contracts."""
    return tuple(label_of(each) for each in plan.document.tournaments)


def _assigning(plan: Blueprint, seen: DeployedState) -> Iterator[DeploymentStep]:
    for each in plan.assignments:
        role = ROLE_IDS[each.role]
        left = [s for s in each.selectors if seen.roles.get((each.target, s), ADMIN_ROLE) != role]
        if left:
            data = call_data("Authority", "setTargetFunctionRole", each.target, left, role)
            title = f"let the {each.role} call {', '.join(each.functions)} of {each.label}"
            yield DeploymentStep(f"assign:{each.label}:{each.role}", "assign", title, _authority(plan), data)


def _granting(plan: Blueprint, seen: DeployedState) -> Iterator[DeploymentStep]:
    for grant in plan.grants:
        if not _holds(seen, grant):
            yield _grant(plan, grant)


def _handing_over(plan: Blueprint, seen: DeployedState) -> Iterator[DeploymentStep]:
    """The last steps: before them the deployer may do everything, after them nothing."""
    # Where the deployer stays admin without delay, the authority's constructor made it so.
    by_constructor = not plan.hands_over and plan.hand_over.delay == 0
    if not _holds(seen, plan.hand_over) and not by_constructor:
        yield _grant(plan, plan.hand_over)
    fresh = "authority" not in seen.coded
    if plan.hands_over and (fresh or (ADMIN_ROLE, plan.deployer) in seen.access):
        data = call_data("Authority", "renounceRole", ADMIN_ROLE, plan.deployer)
        yield DeploymentStep(
            "renounce", "renounce", "renounce the deployer's own role of admin", _authority(plan), data
        )


def _is_admin(plan: Blueprint, seen: DeployedState) -> bool:
    return seen.access.get((ADMIN_ROLE, plan.deployer)) == Access(0)


def _holds(seen: DeployedState, grant: Grant) -> bool:
    return seen.access.get((grant.role_id, grant.holder)) == Access(grant.delay)


def _grant(plan: Blueprint, grant: Grant) -> DeploymentStep:
    data = call_data("Authority", "grantRole", grant.role_id, grant.holder, grant.delay)
    title = f"make {grant.holder} {grant.role}, with {grant.delay} s of announcement"
    return DeploymentStep(f"grant:{grant.role}:{grant.holder}", "grant", title, _authority(plan), data)


def _authority(plan: Blueprint) -> str:
    return plan.addresses["authority"]
