"""Actions on a model's stake: deposit, withdraw, allocate."""

from dataclasses import dataclass
from typing import Final

from web3.contract.contract import ContractFunction

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.chain.records import Addresses
from scorer.client.actions import (
    ActionRefused,
    ClientAccount,
    PlannedTransaction,
    TransactionPlan,
    action_key,
    allowance_of,
    existing_model,
    own_model,
    require_receiver,
    require_tokens,
    with_approval,
)
from scorer.client.amounts import Allocation
from scorer.client.permit import permit_signer
from scorer.client.stakes import ModelStake, latest_block
from scorer.units import NanoNmr, Wei, nmr_text, wei_from_nano

PERMIT_LASTS: Final = 3600
"""Seconds of chain time in which a deposit by permit must be mined; after that it is cancelled."""
DEPOSIT_GAS: Final = 150_000
"""Gas limit of a deposit that waits for its approval (a model's first deposit is the largest measured)."""
PERMIT_GAS: Final = 200_000
"""Gas limit of a deposit whose permit is not signed yet (measured for an account's first: 141,562)."""


@dataclass(frozen=True)
class Deposit:
    """Adds tokens of the account to a model's idle stake, by permit where the token knows permits.

    Attributes
    ----------
    to_another
        Permits a model of another owner, who alone can withdraw what is deposited.
    """

    model: int
    amount: NanoNmr
    to_another: bool = False

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("deposit", addresses.tournament, self.model, self.amount)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check model, pause, lane price and tokens; return the deposit; see `ClientAction.plan`."""
        stake = existing_model(account, self.model)
        if stake.owner != account.address and not self.to_another:
            raise ActionRefused(
                f"model {self.model}: expected a model of {account.address}, found one of {stake.owner}, who "
                "alone could withdraw what you deposit; --to-another deposits all the same"
            )
        _require_not_paused(account.suite)
        price = _lane_price(account.suite, stake)
        if price and self.amount <= price:
            raise ActionRefused(
                f"deposit: expected more than {nmr_text(price)} NMR, which is what a model's first deposit "
                f"pays for its lane, found {nmr_text(self.amount)} NMR"
            )
        require_tokens(account, self._wei, "deposit")
        return TransactionPlan(self._steps(account), self._warnings(account, stake, price))

    @property
    def _wei(self) -> Wei:
        return wei_from_nano(self.amount)

    def _steps(self, account: ClientAccount) -> tuple[PlannedTransaction, ...]:
        tournament = account.suite.tournament
        step = PlannedTransaction(
            f"deposit {nmr_text(self.amount)} NMR to model {self.model}",
            self.key(account.suite.addresses),
            tournament.functions.deposit(self.model, self._wei),
        )
        # An allowance that suffices is used up first: a permit would replace it.
        if allowance_of(account, tournament) < self._wei:
            by_permit = self._by_permit(account, step)
            if by_permit is not None:
                return (by_permit,)
        return with_approval(account, tournament, self._wei, step, DEPOSIT_GAS)

    def _by_permit(self, account: ClientAccount, step: PlannedTransaction) -> PlannedTransaction | None:
        """Return the deposit with a permit in place of an allowance, or None where there can be no permit."""
        suite, wallet, block = account.suite, account.wallet, latest_block(account.suite)
        if wallet is None:
            return None
        signer = permit_signer(suite.token, account.address, suite.addresses.chain_id, block.number)
        if signer is None:
            return None
        until = block.timestamp + PERMIT_LASTS
        deposit = suite.tournament.functions.depositWithPermit

        def signed() -> ContractFunction:
            permit = signer.sign(wallet.account, str(suite.tournament.address), self._wei, until)
            return deposit(self.model, self._wei, permit.deadline, permit.v, permit.r, permit.s)

        # Without its signature the call reverts, so that its gas cannot be estimated before it is sent.
        unsigned = deposit(self.model, self._wei, until, 0, bytes(32), bytes(32))
        return PlannedTransaction(step.title, step.meaning, unsigned, PERMIT_GAS, until, signed)

    def _warnings(self, account: ClientAccount, stake: ModelStake, price: int) -> tuple[str, ...]:
        model = self.model
        paid = f"{nmr_text(price)} NMR of it pay for the lane of model {model}: they go to the payout pool"
        warnings = (f"{paid}, and do not come back",) if price else ()
        if stake.owner != account.address:
            return (*warnings, f"model {model} is of {stake.owner}, who alone can withdraw")
        if stake.allocation.encoded == 0:
            nothing = f"nothing of model {model} is at risk until you allocate: cupel stake allocate"
            return (*warnings, nothing)
        return warnings


@dataclass(frozen=True)
class Withdraw:
    """Sends idle stake of a model to an address.

    Attributes
    ----------
    amount
        nano-NMR; None: all idle stake at the latest block.
    """

    model: int
    amount: NanoNmr | None
    to: str

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("withdraw", addresses.tournament, self.model, self.amount or "all", self.to)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check owner, receiver and idle stake; return the withdrawal; see `ClientAction.plan`."""
        stake = _staked_model(account, self.model)
        require_receiver(account.suite, self.to)
        wanted = stake.idle if self.amount is None else self.amount
        if wanted > stake.idle or wanted == 0:
            raise ActionRefused(
                f"model {self.model}: expected {nmr_text(wanted) if wanted else 'some'} NMR of idle stake, "
                f"found {nmr_text(stake.idle)} NMR; what is at risk comes back as its rounds settle"
            )
        step = PlannedTransaction(
            f"withdraw {nmr_text(wanted)} NMR of model {self.model} to {self.to}",
            self.key(account.suite.addresses),
            account.suite.tournament.functions.withdraw(self.model, wei_from_nano(wanted), self.to),
        )
        warnings = () if self.to == account.address else (f"{self.to} is not your address",)
        return TransactionPlan((step,), warnings)


@dataclass(frozen=True)
class Allocate:
    """Sets what a model puts at risk in each round from now on."""

    model: int
    allocation: Allocation

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("allocate", addresses.tournament, self.model, self.allocation.encoded)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check owner and stake; return the change; see `ClientAction.plan`."""
        stake = _staked_model(account, self.model)
        step = PlannedTransaction(
            f"put {self.allocation} of model {self.model} at risk in each round",
            self.key(account.suite.addresses),
            account.suite.tournament.functions.setAllocation(self.model, self.allocation.encoded),
        )
        return TransactionPlan((step,), self._warnings(account.suite, stake.idle))

    def _warnings(self, suite: Suite, idle: int) -> tuple[str, ...]:
        minimum = int(read_view(suite.tournament.functions.minPosition()))
        if self.allocation.encoded and not self.allocation.position(idle, minimum):
            return (
                f"with {nmr_text(idle)} NMR idle a round would lock less than the least position of "
                f"{nmr_text(minimum)} NMR, so nothing",
            )
        if self.allocation.amount is not None and self.allocation.amount > idle:
            return (f"only {nmr_text(idle)} NMR are idle, and no more is locked",)
        return ()


def _staked_model(account: ClientAccount, model: int) -> ModelStake:
    stake = own_model(account, model)
    if not stake.has_lane:
        raise ActionRefused(f"model {model}: expected a model with a stake, found none; deposit first")
    return stake


def _require_not_paused(suite: Suite) -> None:
    now = latest_block(suite).timestamp
    until = int(read_view(suite.tournament.functions.pausedUntil()))
    if now < until:
        raise ActionRefused(
            f"deposit: expected a tournament that takes deposits, found one that is paused for "
            f"{until - now} more seconds; withdrawing works all the while"
        )


def _lane_price(suite: Suite, stake: ModelStake) -> int:
    """Return what a deposit pays for the model's lane, nano-NMR: zero for a model that has one."""
    return 0 if stake.has_lane else int(read_view(suite.tournament.functions.lanePrice()))
