"""Actions on models: register one, transfer it, name its submitter."""

from dataclasses import dataclass

from scorer.chain.records import Addresses
from scorer.client.actions import (
    ActionRefused,
    ClientAccount,
    PlannedTransaction,
    TransactionPlan,
    action_key,
    own_model,
    require_receiver,
)
from scorer.units import nmr_text


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
