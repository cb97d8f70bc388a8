"""Gives feedback on agents to a reputation registry of ERC-8004: what a model scored, round by round."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from web3 import Web3

from scorer.agents.record import Feedback, whose_of
from scorer.agents.reputation import Given, ReputationRegistry
from scorer.chain.binding import bound
from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.records import Addresses
from scorer.client.actions import (
    ActionRefused,
    ClientAccount,
    PlannedTransaction,
    TransactionPlan,
    action_key,
)
from scorer.protocol.documents import shown


@dataclass(frozen=True)
class ModelLink:
    """The link of a model to an agent, at an `AgentLink`."""

    contract: str
    model: int

    def agent(self, suite: Suite, registry: ReputationRegistry) -> int:
        """Return the agent that the model is.

        Raises
        ------
        ActionRefused
            When there is no link, it does not count as the owners differ, or it is one of other registries.
        """
        link = bound(suite.w3, "AgentLink", Web3.to_checksum_address(self.contract)).functions
        places = {
            "models": (suite.addresses.registry, str(read_view(link.models()))),
            "agents": (registry.identity.address, str(read_view(link.agents()))),
        }
        for what, (expected, found) in places.items():
            if expected.lower() != found.lower():
                raise ActionRefused(
                    f"--link {self.contract}: expected one of the {what} of {expected}, found {found}"
                )
        agent, counts = read_view(link.agentOf(self.model))
        if not counts:
            raise ActionRefused(f"model {self.model}: {self._why_not(suite, link, registry, int(agent))}")
        return int(agent)

    def _why_not(self, suite: Suite, link: Any, registry: ReputationRegistry, agent: int) -> str:
        # Agents count from 0, which is also what is said of a model without a link.
        if read_view(link.modelOf(agent))[0] != self.model:
            return "expected a link to an agent, found none; its owner makes one by AgentLink.link"
        owner = str(read_view(suite.registry.functions.ownerOf(self.model)))
        other = registry.owner_of(agent) or "nobody"
        return (
            f"expected a link whose model and agent have one owner, found {owner} of the model and {other} "
            f"of agent {agent}; both owners must be one before anything is said of that agent"
        )


@dataclass(frozen=True)
class GiveFeedback:
    """Gives feedback on an agent that is not there yet, in a transaction each, oldest round first.

    Attributes
    ----------
    registry
        The address of the reputation registry.
    link
        The model's; None for an agent that is no model, such as a tournament's meta model.
    """

    registry: str
    agent: int
    feedback: tuple[Feedback, ...]
    link: ModelLink | None = None

    def key(self, addresses: Addresses) -> str:  # noqa: ARG002 - a registry is no part of the suite
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("feedback", self.registry, self.agent)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check link and account; return what the registry does not have; see `ClientAction.plan`."""
        registry = ReputationRegistry(account.suite.w3, self.registry)
        self._check(account, registry)
        given = registry.given(self.agent, account.address)
        self._require_one_model(given)
        steps, warnings = list[PlannedTransaction](), list[str]()
        for each in self.feedback:
            known = given.get(each.tag2, [])
            if not known:
                steps.append(self._step(account, registry, each))
            elif all(old.is_revoked for old in known):
                warnings.append(f"{each.tag2}: revoked by this account before, and not given again")
            elif not any(old.says(each) for old in known):
                found = ", ".join(str(old.value) for old in known)
                raise ActionRefused(
                    f"agent {self.agent}, {each.tag2}: expected {each.value} as the registry's feedback of "
                    f"{account.address}, found {found}; revoke that first"
                )
        return TransactionPlan(tuple(steps), tuple(warnings))

    def _require_one_model(self, given: Mapping[str, Sequence[Given]]) -> None:
        """Refuse an agent that has scores of another model of the tournament: it would show both."""
        own = {whose_of(each.tag2) for each in self.feedback}
        tournaments = {whose.partition("/")[0] for whose in own}
        for tag, known in given.items():
            is_other = whose_of(tag) not in own and tag.partition("/")[0] in tournaments
            if is_other and not all(old.is_revoked for old in known):
                raise ActionRefused(
                    f"agent {self.agent}: expected scores of {', '.join(sorted(own))} alone as feedback of "
                    f"this account, found {shown(tag)}: it was linked to another model before; revoke that "
                    "first, or let the model's owner link another agent"
                )

    def _step(
        self, account: ClientAccount, registry: ReputationRegistry, each: Feedback
    ) -> PlannedTransaction:
        return PlannedTransaction(
            f"feedback on agent {self.agent}: {each.value} ppm in {each.tag2}",
            action_key("feedback", self.registry, self.agent, each.tag2),
            registry.contract.functions.giveFeedback(*each.arguments),
            # A model may be sold while its earlier rounds are being sent.
            ready=partial(self._check, account, registry),
        )

    def _check(self, account: ClientAccount, registry: ReputationRegistry) -> None:
        if self.link is not None and (found := self.link.agent(account.suite, registry)) != self.agent:
            raise ActionRefused(f"expected a link to agent {self.agent}, found one to agent {found}")
        if registry.owner_of(self.agent) is None:
            raise ActionRefused(
                f"agent {self.agent}: expected an agent of {registry.identity.address}, found none"
            )
        for what in registry.controllers(self.agent, account.address):
            raise ActionRefused(
                f"agent {self.agent}: expected an account that is nothing to it, found {account.address}, "
                f"{what}; nobody gives feedback on an agent of his own: use another keystore"
            )
