"""What a staker asks for, checked against the chain, as the calls that do it. Nothing here sends.

Everything that the contracts would refuse is refused here, before anything is signed, in words that say what
was found; what changes between the check and the block, the contract refuses by its own error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from web3 import Web3
from web3.contract.contract import ContractFunction

from scorer.chain.contracts import Suite
from scorer.client.amounts import Allocation, coins_text, nmr_text
from scorer.client.keystore import Wallet
from scorer.client.permit import permitting
from scorer.client.stakes import Holdings, ModelStake, holdings, latest_block, model_count, model_stake
from scorer.errors import CupelError
from scorer.redaction import shown
from scorer.units import NanoNmr, wei_from_nano

PERMIT_LASTS: Final = 3600
"""Seconds of chain time in which a deposit by permit must be mined; after that it is taken back."""
DEPOSIT_GAS: Final = 150_000
"""At most, of a deposit that cannot be tried before its approval is mined (measured: a model's first)."""
PERMIT_GAS: Final = 200_000
"""At most, of a deposit whose permit is not signed yet (measured: an account's first, 141,562)."""
APPROVAL_GAS: Final = 60_000
"""At most, of an allowance that cannot be tried before another one is taken back."""


class StakingRefused(CupelError):
    """What was asked for would fail, or harm; nothing was sent."""


@dataclass(frozen=True)
class PlannedTransaction:
    """One transaction.

    Attributes
    ----------
    meaning
        What it is about, the same whenever it is asked for: by it a journal knows it again.
    gas
        Known before it can be tried; None: ask the chain.
    not_after
        Chain time after which it must not happen any more.
    signed
        Makes the call with what must be signed for it, when it is sent and no sooner; `call` lacks that.
    """

    title: str
    meaning: str
    call: ContractFunction
    gas: int | None = None
    not_after: int | None = None
    signed: Callable[[], ContractFunction] | None = None

    @property
    def final(self) -> ContractFunction:
        """The call as it is sent."""
        return self.call if self.signed is None else self.signed()


@dataclass(frozen=True)
class TransactionPlan:
    """The transactions that do what was asked for, in order, and what to think of before."""

    steps: tuple[PlannedTransaction, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class StakingPlanner:
    """One account at one chain: where orders are made out.

    Attributes
    ----------
    wallet
        Signs a permit where a deposit needs one; nothing else is signed here.
    """

    suite: Suite
    wallet: Wallet

    @property
    def address(self) -> str:
        """Who asks."""
        return self.wallet.address

    def register(self, to: str) -> TransactionPlan:
        """A new model, owned by `to`."""
        require_sensible(self.suite, to)
        warnings = () if to == self.address else (f"the model will belong to {to}, not to you",)
        call = self.suite.registry.functions.register(to)
        return TransactionPlan(
            (PlannedTransaction(f"register a model of {to}", self.registering(to), call),), warnings
        )

    def transfer(self, model: int, to: str) -> TransactionPlan:
        """The model, with all its stake, to another owner."""
        stake = self._own(model)
        require_sensible(self.suite, to)
        if to == self.address:
            raise StakingRefused(f"model {model}: expected another owner than now, found {to}")
        call = self.suite.registry.get_function_by_signature("safeTransferFrom(address,address,uint256)")
        warning = (
            f"model {model} goes to {to} with its idle stake of {nmr_text(stake.idle)} NMR and all that is "
            "at risk; you cannot take it back, and its submitter will be the new owner"
        )
        step = PlannedTransaction(
            f"transfer model {model} to {to}", self.transferring(model, to), call(self.address, to, model)
        )
        return TransactionPlan((step,), (warning,))

    def set_submitter(self, model: int, submitter: str) -> TransactionPlan:
        """The key that may sign the model's submissions; the owner's own takes it back."""
        stake = self._own(model)
        if submitter == stake.submitter:
            raise StakingRefused(f"model {model}: expected another submitter than now, found {submitter}")
        call = self.suite.registry.functions.setSubmitter(model, submitter)
        title = f"name {submitter} the submitter of model {model}"
        return TransactionPlan((PlannedTransaction(title, self.naming(model, submitter), call),))

    def deposit(self, model: int, amount: NanoNmr, *, to_another: bool = False) -> TransactionPlan:
        """An amount of the caller's tokens to a model's idle stake, by permit where the token knows them."""
        stake = self._existing(model)
        if stake.owner != self.address and not to_another:
            raise StakingRefused(
                f"model {model}: expected a model of {self.address}, found one of {stake.owner}, who alone "
                "could withdraw what you deposit; --to-another deposits all the same"
            )
        block = latest_block(self.suite)
        held = holdings(self.suite, self.address, block.number)
        self._require_not_paused(block.timestamp)
        price = self._lane_price(stake)
        if price and amount <= price:
            raise StakingRefused(
                f"deposit: expected more than {nmr_text(price)} NMR, which is what a model's first deposit "
                f"pays for its lane, found {nmr_text(amount)} NMR"
            )
        wanted = wei_from_nano(amount)
        if held.tokens < wanted:
            raise StakingRefused(
                f"deposit: expected at least {nmr_text(amount)} NMR at {self.address}, "
                f"found {coins_text(held.tokens)} NMR"
            )
        return TransactionPlan(self._depositing(model, amount, held), self._deposit_warnings(stake, price))

    def withdraw(self, model: int, amount: NanoNmr | None, to: str) -> TransactionPlan:
        """An amount of a model's idle stake, or all of it where none is given, to an address."""
        stake = self._staked(model)
        require_sensible(self.suite, to)
        wanted = stake.idle if amount is None else amount
        if wanted > stake.idle or wanted == 0:
            raise StakingRefused(
                f"model {model}: expected {nmr_text(wanted) if wanted else 'some'} NMR of idle stake, found "
                f"{nmr_text(stake.idle)} NMR; what is at risk comes back as its rounds settle"
            )
        call = self.suite.tournament.functions.withdraw(model, wei_from_nano(wanted), to)
        title = f"withdraw {nmr_text(wanted)} NMR of model {model} to {to}"
        warnings = () if to == self.address else (f"{to} is not your address",)
        return TransactionPlan(
            (PlannedTransaction(title, self.withdrawing(model, amount, to), call),), warnings
        )

    def allocate(self, model: int, allocation: Allocation) -> TransactionPlan:
        """What the model puts at risk in each round from now on."""
        stake = self._staked(model)
        call = self.suite.tournament.functions.setAllocation(model, allocation.encoded)
        title = f"put {allocation} of model {model} at risk in each round"
        step = PlannedTransaction(title, self.allocating(model, allocation), call)
        return TransactionPlan((step,), self._allocation_warnings(stake, allocation))

    def registering(self, to: str) -> str:
        """The meaning of `register`."""
        return f"register:{self.suite.registry.address}:{to}"

    def transferring(self, model: int, to: str) -> str:
        """The meaning of `transfer`."""
        return f"transfer:{self.suite.registry.address}:{model}:{to}"

    def naming(self, model: int, submitter: str) -> str:
        """The meaning of `set_submitter`."""
        return f"submitter:{self.suite.registry.address}:{model}:{submitter}"

    def depositing(self, model: int, amount: NanoNmr) -> str:
        """The meaning of `deposit`."""
        return f"deposit:{self.suite.tournament.address}:{model}:{amount}"

    def withdrawing(self, model: int, amount: NanoNmr | None, to: str) -> str:
        """The meaning of `withdraw`."""
        return f"withdraw:{self.suite.tournament.address}:{model}:{amount or 'all'}:{to}"

    def allocating(self, model: int, allocation: Allocation) -> str:
        """The meaning of `allocate`."""
        return f"allocate:{self.suite.tournament.address}:{model}:{allocation.encoded}"

    def _depositing(self, model: int, amount: NanoNmr, held: Holdings) -> tuple[PlannedTransaction, ...]:
        title = f"deposit {nmr_text(amount)} NMR to model {model}"
        meaning, wanted = self.depositing(model, amount), wei_from_nano(amount)
        plain = self.suite.tournament.functions.deposit(model, wanted)
        if held.allowance >= wanted:
            return (PlannedTransaction(title, meaning, plain),)
        block = latest_block(self.suite)
        known = permitting(self.suite.token, self.address, self.suite.addresses.chain_id, block.number)
        if known is None:
            spender = str(self.suite.tournament.address)
            allowing = approvals(self.suite, spender, "tournament", amount, held.allowance)
            return (*allowing, PlannedTransaction(title, meaning, plain, gas=DEPOSIT_GAS))
        until = block.timestamp + PERMIT_LASTS
        depositing = self.suite.tournament.functions.depositWithPermit

        def signed() -> ContractFunction:
            permit = known.sign(self.wallet.account, str(self.suite.tournament.address), wanted, until)
            return depositing(model, wanted, permit.deadline, permit.v, permit.r, permit.s)

        unsigned = depositing(model, wanted, until, 0, bytes(32), bytes(32))
        return (PlannedTransaction(title, meaning, unsigned, PERMIT_GAS, until, signed),)

    def _existing(self, model: int) -> ModelStake:
        block = latest_block(self.suite).number
        count = model_count(self.suite, block)
        if not 1 <= model <= count:
            known = f"from 1 to {count}" if count else "that is registered, and none is"
            raise StakingRefused(f"model: expected a model {known}, found {model}")
        return model_stake(self.suite, model, block)

    def _own(self, model: int) -> ModelStake:
        stake = self._existing(model)
        if stake.owner != self.address:
            raise StakingRefused(
                f"model {model}: expected a model of {self.address}, found one of {stake.owner}; "
                "use the keystore of its owner"
            )
        return stake

    def _staked(self, model: int) -> ModelStake:
        stake = self._own(model)
        if not stake.has_lane:
            raise StakingRefused(f"model {model}: expected a model with a stake, found none; deposit first")
        return stake

    def _require_not_paused(self, now: int) -> None:
        until = int(self.suite.tournament.functions.pausedUntil().call())
        if now < until:
            raise StakingRefused(
                f"deposit: expected a tournament that takes deposits, found one that is paused for "
                f"{until - now} more seconds; withdrawing works all the while"
            )

    def _lane_price(self, stake: ModelStake) -> int:
        """What of a deposit pays for the model's lane, nano-NMR: nothing once it has one."""
        return 0 if stake.has_lane else int(self.suite.tournament.functions.lanePrice().call())

    def _deposit_warnings(self, stake: ModelStake, price: int) -> tuple[str, ...]:
        model = stake.model_id
        paid = f"{nmr_text(price)} NMR of it pay for the lane of model {model}: they go to the payout pool"
        warnings = (f"{paid}, and do not come back",) if price else ()
        if stake.owner != self.address:
            return (*warnings, f"model {model} is of {stake.owner}, who alone can withdraw")
        if stake.allocation.encoded == 0:
            return (
                *warnings,
                f"nothing of model {model} is at risk until you allocate: cupel stake allocate",
            )
        return warnings

    def _allocation_warnings(self, stake: ModelStake, allocation: Allocation) -> tuple[str, ...]:
        minimum = int(self.suite.tournament.functions.minPosition().call())
        position = allocation.position(stake.idle, minimum)
        if allocation.encoded and not position:
            return (
                f"with {nmr_text(stake.idle)} NMR idle a round would lock less than the least position of "
                f"{nmr_text(minimum)} NMR, so nothing",
            )
        if allocation.amount is not None and allocation.amount > stake.idle:
            return (f"only {nmr_text(stake.idle)} NMR are idle, and no more is locked",)
        return ()


def approvals(
    suite: Suite, spender: str, name: str, amount: NanoNmr, allowance: int
) -> tuple[PlannedTransaction, ...]:
    """What lets a contract take exactly `amount`, where it may take `allowance` wei now.

    NMR of 2017 changes allowances only from or to zero (its backend).
    """
    if not allowance:
        return (_approval(suite, spender, name, amount),)
    nothing = _approval(suite, spender, name, NanoNmr(0))
    return nothing, _approval(suite, spender, name, amount, gas=APPROVAL_GAS)


def _approval(
    suite: Suite, spender: str, name: str, amount: NanoNmr, gas: int | None = None
) -> PlannedTransaction:
    call = suite.token.functions.approve(spender, wei_from_nano(amount))
    title = f"allow the {name} to take {nmr_text(amount)} NMR"
    return PlannedTransaction(title, f"approve:{suite.token.address}:{spender}:{amount}", call, gas)


def require_sensible(suite: Suite, to: str) -> None:
    """Refuse a receiver that is a contract of the suite, or zero: what it is sent is lost.

    Raises
    ------
    StakingRefused
        With the address.
    """
    contracts = {str(each).lower() for each in vars(suite.addresses).values()}
    if int(to, 16) == 0 or to.lower() in contracts:
        raise StakingRefused(f"to: expected the address of somebody, found {to}, where it would be lost")


def address_of(text: str, what: str) -> str:
    """Read an address; one in mixed case must have the right checksum, any other is refused.

    Raises
    ------
    StakingRefused
        When it is none, or its checksum is wrong or missing: one wrong digit loses what is sent.
    """
    if Web3.is_checksum_address(text):
        return text
    hint = "; its checksum is wrong or missing" if Web3.is_address(text.lower()) else ""
    raise StakingRefused(f"{what}: expected an address with its checksum (EIP-55), found {shown(text)}{hint}")
