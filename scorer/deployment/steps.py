"""The steps that are left, as a pure function of the blueprint and of the chain's state.

It remembers nothing, so a deployment may be interrupted anywhere: what is on the chain is not done again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from scorer.deployment.blueprint import ADMIN_ROLE, ROLE_IDS, Blueprint, Grant, call_data, label_of
from scorer.deployment.create2 import FACTORY
from scorer.units import span_text


class DeploymentStuck(Exception):
    """A deployment cannot go on; the message says why, and what to do."""


@dataclass(frozen=True)
class Access:
    """An account's access to a role; `delay` is the time between announcing a call and making it, seconds."""

    delay: int


@dataclass(frozen=True)
class DeployedState:
    """The state of a deployment on the chain.

    Attributes
    ----------
    has_factory
        Whether the CREATE2 factory is there.
    coded
        The labels of contracts that have code.
    roles
        The role's id of each (target, selector); 0, the admin's, where it was never set.
    access
        The access of each (role's id, account) that holds the role.
    served
        The labels of tournaments for which the committee reports.
    """

    has_factory: bool
    coded: frozenset[str]
    roles: Mapping[tuple[str, bytes], int] = field(default_factory=dict)
    access: Mapping[tuple[int, str], Access] = field(default_factory=dict)
    served: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DeploymentStep:
    """One transaction of a deployment.

    Attributes
    ----------
    key
        Its permanent name, also in the journal.
    kind
        factory, create, serve, assign, grant or renounce.
    contract
        Name of the artifact that it creates; empty where it creates none.
    """

    key: str
    kind: str
    title: str
    to: str
    data: bytes
    contract: str = ""


def steps(blueprint: Blueprint, state: DeployedState) -> tuple[DeploymentStep, ...]:
    """List the steps that are left, in their order; none when the deployment is complete.

    Raises
    ------
    DeploymentStuck
        When roles are left to give, but the deployer is not the admin any more.
    """
    powers = (
        *_serving(blueprint, state),
        *_assigning(blueprint, state),
        *_granting(blueprint, state),
        *_handing_over(blueprint, state),
    )
    if powers and "authority" in state.coded and not _is_admin(blueprint, state):
        raise DeploymentStuck(
            f"expected the deployer {blueprint.deployer} to be the admin without delay until all roles are "
            f"given, found that it is not; left to the admin: {'; '.join(step.title for step in powers)}. "
            "If the admin changed this on purpose, the deployment is complete: hold it against its manifest "
            "with cupel deployment check"
        )
    return (*_factory(state), *_creating(blueprint, state), *powers)


def _factory(state: DeployedState) -> Iterator[DeploymentStep]:
    if not state.has_factory:
        yield DeploymentStep("factory", "factory", "put the CREATE2 factory on the chain", FACTORY, b"")


def _creating(blueprint: Blueprint, state: DeployedState) -> Iterator[DeploymentStep]:
    for creation in blueprint.creations:
        if creation.label not in state.coded:
            title = f"create {creation.label} ({creation.contract}) at {creation.address}"
            data = creation.salt + creation.init_code
            yield DeploymentStep(
                f"create:{creation.label}", "create", title, FACTORY, data, creation.contract
            )


def _serving(blueprint: Blueprint, state: DeployedState) -> Iterator[DeploymentStep]:
    committee = blueprint.addresses["committee"]
    for label in tournament_labels(blueprint):
        if label not in state.served:
            data = call_data("OracleCommittee", "addTournament", blueprint.addresses[label])
            title = f"let the committee answer for rounds of {label}"
            yield DeploymentStep(f"serve:{label}", "serve", title, committee, data)


def tournament_labels(blueprint: Blueprint) -> tuple[str, ...]:
    """Return the labels of the tournaments' contracts."""
    return tuple(label_of(tournament) for tournament in blueprint.document.tournaments)


def _assigning(blueprint: Blueprint, state: DeployedState) -> Iterator[DeploymentStep]:
    for assignment in blueprint.assignments:
        target, role = assignment.target, ROLE_IDS[assignment.role]
        left = [s for s in assignment.selectors if state.roles.get((target, s), ADMIN_ROLE) != role]
        if left:
            data = call_data("Authority", "setTargetFunctionRole", target, left, role)
            title = f"let the {assignment.role} call {', '.join(assignment.functions)} of {assignment.label}"
            key = f"assign:{assignment.label}:{assignment.role}"
            yield DeploymentStep(key, "assign", title, _authority(blueprint), data)


def _granting(blueprint: Blueprint, state: DeployedState) -> Iterator[DeploymentStep]:
    for grant in blueprint.grants:
        if not _holds(state, grant):
            yield _grant(blueprint, grant)


def _handing_over(blueprint: Blueprint, state: DeployedState) -> Iterator[DeploymentStep]:
    """Yield the last steps: before them the deployer may do everything, after them nothing."""
    # Where the deployer stays admin without delay, the authority's constructor made it so.
    by_constructor = not blueprint.hands_over and blueprint.hand_over.delay == 0
    if not _holds(state, blueprint.hand_over) and not by_constructor:
        yield _grant(blueprint, blueprint.hand_over)
    fresh = "authority" not in state.coded
    if blueprint.hands_over and (fresh or (ADMIN_ROLE, blueprint.deployer) in state.access):
        # After the grant: for a moment there are two admins, and never none.
        data = call_data("Authority", "renounceRole", ADMIN_ROLE, blueprint.deployer)
        yield DeploymentStep(
            "renounce", "renounce", "renounce the deployer's own role of admin", _authority(blueprint), data
        )


def _is_admin(blueprint: Blueprint, state: DeployedState) -> bool:
    return state.access.get((ADMIN_ROLE, blueprint.deployer)) == Access(0)


def _holds(state: DeployedState, grant: Grant) -> bool:
    return state.access.get((grant.role_id, grant.holder)) == Access(grant.delay)


def _grant(blueprint: Blueprint, grant: Grant) -> DeploymentStep:
    data = call_data("Authority", "grantRole", grant.role_id, grant.holder, grant.delay)
    title = f"make {grant.holder} {grant.role}, with {span_text(grant.delay)} of announcement"
    return DeploymentStep(f"grant:{grant.role}:{grant.holder}", "grant", title, _authority(blueprint), data)


def _authority(blueprint: Blueprint) -> str:
    return blueprint.addresses["authority"]
