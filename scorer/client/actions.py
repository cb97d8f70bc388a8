"""Actions of a client as values: an action names itself in a journal and plans its transactions.

Nothing here sends. Whatever the contracts would refuse is refused while planning, before anything is signed,
with what was expected and found; if the chain changes before the block, the contract refuses with its own
error.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.records import Addresses
from scorer.client.keystore import Wallet
from scorer.client.stakes import ModelStake, latest_block, model_count, model_stake
from scorer.errors import CupelError
from scorer.units import WEI_PER_NANO, NanoNmr, coins_text, nmr_text

APPROVAL_GAS: Final = 60_000
"""Gas limit of an approval that cannot be estimated before another one is revoked."""


class ActionRefused(CupelError):
    """An action would fail or do harm; nothing was sent."""


@dataclass(frozen=True)
class PlannedTransaction:
    """One transaction of a plan.

    Attributes
    ----------
    meaning
        Key of the action, or of the approval before it; the journal recognises a repeated request by it.
    gas
        Gas limit of a call that cannot be estimated yet; None: estimated on the chain.
    not_after
        Chain time (seconds since the epoch) after which it must not be mined.
    signed
        Makes the call with the signature that it carries, when it is sent and not earlier; `call` has an
        empty signature.
    ready
        Waits until the call can be tried, where that is later than the step before was mined; None: at once.
    """

    title: str
    meaning: str
    call: ContractFunction
    gas: int | None = None
    not_after: int | None = None
    signed: Callable[[], ContractFunction] | None = None
    ready: Callable[[], None] | None = None

    @property
    def final(self) -> ContractFunction:
        """The call as it is sent."""
        return self.call if self.signed is None else self.signed()


@dataclass(frozen=True)
class TransactionPlan:
    """The transactions of an action, in order, and warnings to read before they are sent."""

    steps: tuple[PlannedTransaction, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClientAccount:
    """An account at a suite of contracts, for which actions are planned.

    Attributes
    ----------
    wallet
        Signs the permit of a deposit; without it a deposit is approved by a transaction of its own.
    rounds
        Folder of the account's own bundles, whose report is compared with the one that is challenged.
    """

    suite: Suite
    address: str
    wallet: Wallet | None = None
    rounds: Path | None = None


class ClientAction(Protocol):
    """An action that an account can take."""

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning: the same text for the same action, whenever it is requested."""
        ...

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check the action against the latest block, and return the transactions that do it.

        Raises
        ------
        ActionRefused
            When it would fail or do harm.
        """
        ...


def action_key(verb: str, contract: str, *arguments: object) -> str:
    """Return the key of an action; the address is checksummed, however the deployment file spells it."""
    return ":".join([verb, Web3.to_checksum_address(contract), *map(str, arguments)])


def require_receiver(suite: Suite, to: str) -> None:
    """Refuse to send to a contract of the suite or to the zero address, where the transfer would be lost.

    Raises
    ------
    ActionRefused
        With the address.
    """
    contracts = {str(value).lower() for value in vars(suite.addresses).values()}
    if int(to, 16) == 0 or to.lower() in contracts:
        raise ActionRefused(f"to: expected the address of somebody, found {to}, where it would be lost")


def require_tokens(account: ClientAccount, wei: int, action: str, purpose: str = "") -> None:
    """Refuse an action for which the account holds too few tokens.

    Raises
    ------
    ActionRefused
        With what it needs and what it has.
    """
    held = int(read_view(account.suite.token.functions.balanceOf(account.address)))
    if held < wei:
        raise ActionRefused(
            f"{action}: expected at least {coins_text(wei)} NMR{purpose} at {account.address}, "
            f"found {coins_text(held)} NMR"
        )


def existing_model(account: ClientAccount, model: int) -> ModelStake:
    """Return a registered model with its stake.

    Raises
    ------
    ActionRefused
        When the model is not registered.
    """
    block = latest_block(account.suite).number
    count = model_count(account.suite, block)
    if not 1 <= model <= count:
        known = f"from 1 to {count}" if count else "that is registered, and none is"
        raise ActionRefused(f"model: expected a model {known}, found {model}")
    return model_stake(account.suite, model, block)


def own_model(account: ClientAccount, model: int) -> ModelStake:
    """Return a model of the account with its stake.

    Raises
    ------
    ActionRefused
        When the model is not registered, or belongs to somebody else.
    """
    stake = existing_model(account, model)
    if stake.owner != account.address:
        raise ActionRefused(
            f"model {model}: expected a model of {account.address}, found one of {stake.owner}; "
            "use the keystore of its owner"
        )
    return stake


def allowance_of(account: ClientAccount, spender: Contract) -> int:
    """Return how many wei of the account's tokens a contract may take."""
    return int(read_view(account.suite.token.functions.allowance(account.address, spender.address)))


def with_approval(
    account: ClientAccount, spender: Contract, wei: int, step: PlannedTransaction, gas: int
) -> tuple[PlannedTransaction, ...]:
    """Return a step that spends tokens, after the approvals that it lacks.

    Parameters
    ----------
    spender
        The contract that takes the tokens: the tournament, the committee, or that of demands.
    gas
        Gas limit of the step where an approval comes first: it cannot be estimated before that is mined.
    """
    allowance = allowance_of(account, spender)
    if allowance >= wei:
        return (step,)
    nano = NanoNmr(-(-wei // WEI_PER_NANO))  # rounded up: a challenge's bond may be any number of wei
    approval = _approval(account.suite, spender, nano, step.not_after)
    if not allowance:
        return approval, replace(step, gas=gas)
    # The NMR contract of 2017 changes an allowance only from or to zero.
    revocation = _approval(account.suite, spender, NanoNmr(0), step.not_after)
    return revocation, replace(approval, gas=APPROVAL_GAS), replace(step, gas=gas)


def _approval(suite: Suite, spender: Contract, amount: NanoNmr, not_after: int | None) -> PlannedTransaction:
    names = {suite.tournament.address: "tournament", suite.committee.address: "committee"}
    name = names.get(spender.address, "contract of demands")
    return PlannedTransaction(
        f"allow the {name} to take {nmr_text(amount)} NMR",
        action_key("approve", suite.addresses.numeraire, spender.address, amount),
        suite.token.functions.approve(spender.address, amount * WEI_PER_NANO),
        not_after=not_after,
    )
