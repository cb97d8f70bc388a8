"""Actions on models: register one, transfer it, offer it, claim one that is offered, name its submitter."""

from dataclasses import dataclass
from typing import Final

from scorer.chain.bulk import read_view
from scorer.chain.records import Addresses
from scorer.client.actions import (
    ActionRefused,
    ClientAccount,
    PlannedTransaction,
    TransactionPlan,
    action_key,
    existing_model,
    own_model,
    require_receiver,
)
from scorer.units import nmr_text

NOBODY: Final = "0x" + "00" * 20


@dataclass(frozen=True)
class RegisterModel:
    """Registers a new model that belongs to `owner`."""

    owner: str

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("register", addresses.registry, self.owner)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check the owner; return the registration; see `ClientAction.plan`."""
        require_receiver(account.suite, self.owner)
        step = PlannedTransaction(
            f"register a model of {self.owner}",
            self.key(account.suite.addresses),
            account.suite.registry.functions.register(self.owner),
        )
        is_own = self.owner == account.address
        return TransactionPlan(
            (step,), () if is_own else (f"the model will belong to {self.owner}, not to you",)
        )


@dataclass(frozen=True)
class TransferModel:
    """Gives a model with all its stake to another owner."""

    model: int
    to: str

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("transfer", addresses.registry, self.model, self.to)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check both owners; return the transfer; see `ClientAction.plan`."""
        stake = own_model(account, self.model)
        require_receiver(account.suite, self.to)
        if self.to == account.address:
            raise ActionRefused(f"model {self.model}: expected another owner than now, found {self.to}")
        call = account.suite.registry.get_function_by_signature("safeTransferFrom(address,address,uint256)")
        step = PlannedTransaction(
            f"transfer model {self.model} to {self.to}",
            self.key(account.suite.addresses),
            call(account.address, self.to, self.model),
        )
        warning = (
            f"model {self.model} goes to {self.to} with its idle stake of {nmr_text(stake.idle)} NMR and all "
            "that is at risk; you cannot take it back, and its submitter will be the new owner"
        )
        return TransactionPlan((step,), (warning,))


@dataclass(frozen=True)
class OfferModel:
    """Lets an address take a model by a transaction of its own (ERC-721 approve); `to` None takes that back.

    An operator offers a model that it holds for somebody, who then claims it and pays the fee.
    """

    model: int
    to: str | None

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("offer", addresses.registry, self.model, self.to or "nobody")

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check owner and receiver; return the approval; see `ClientAction.plan`."""
        stake, to = own_model(account, self.model), self.to or NOBODY
        if self.to is not None:
            require_receiver(account.suite, self.to)
        if self.to == account.address:
            raise ActionRefused(f"model {self.model}: expected another than its owner, found {self.to}")
        if read_view(account.suite.registry.functions.getApproved(self.model)) == to:
            raise ActionRefused(f"model {self.model}: expected a change, found that {_offered(to)} already")
        step = PlannedTransaction(
            f"{'offer' if self.to else 'offer no more'} model {self.model}{f' to {to}' if self.to else ''}",
            self.key(account.suite.addresses),
            account.suite.registry.functions.approve(to, self.model),
        )
        warning = (
            f"{to} can take model {self.model} with its idle stake of {nmr_text(stake.idle)} NMR and all "
            "that is at risk, at any time until it is offered to nobody"
        )
        return TransactionPlan((step,), (warning,) if self.to else ())


def _offered(to: str) -> str:
    return "it is offered to nobody" if to == NOBODY else f"it is offered to {to}"


@dataclass(frozen=True)
class ClaimModel:
    """Takes a model that its owner offers to the account."""

    model: int

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("claim", addresses.registry, self.model)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check that the model is offered; return the transfer; see `ClientAction.plan`."""
        stake, registry = existing_model(account, self.model), account.suite.registry
        if stake.owner == account.address:
            raise ActionRefused(f"model {self.model}: expected one of somebody else, found your own")
        offered = read_view(registry.functions.getApproved(self.model))
        if offered != account.address:
            raise ActionRefused(
                f"model {self.model}: expected one that is offered to {account.address}, found that "
                f"{_offered(offered)}; ask its owner {stake.owner} for cupel model offer {self.model} "
                f"{account.address}"
            )
        step = PlannedTransaction(
            f"take model {self.model} from {stake.owner}",
            self.key(account.suite.addresses),
            registry.functions.transferFrom(stake.owner, account.address, self.model),
        )
        warning = f"your own key signs submissions of model {self.model} then, until you name another"
        return TransactionPlan((step,), (warning,))


@dataclass(frozen=True)
class NameSubmitter:
    """Names the key that may sign a model's submissions; the owner's address revokes another key."""

    model: int
    submitter: str

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("submitter", addresses.registry, self.model, self.submitter)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check owner and submitter; return the change; see `ClientAction.plan`."""
        stake = own_model(account, self.model)
        if self.submitter == stake.submitter:
            raise ActionRefused(
                f"model {self.model}: expected another submitter than now, found {self.submitter}"
            )
        step = PlannedTransaction(
            f"name {self.submitter} the submitter of model {self.model}",
            self.key(account.suite.addresses),
            account.suite.registry.functions.setSubmitter(self.model, self.submitter),
        )
        return TransactionPlan((step,))
