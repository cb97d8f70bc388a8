"""Actions on a committee member's bond: post it, leave, release it, collect what the committee owes."""

from dataclasses import dataclass
from typing import Final

from scorer.chain.records import Addresses
from scorer.client.actions import (
    ActionRefused,
    ClientAccount,
    PlannedTransaction,
    TransactionPlan,
    action_key,
    require_receiver,
    require_tokens,
    with_approval,
)
from scorer.client.bonds import Bond, bond_of
from scorer.units import NanoNmr, coins_text, nmr_text, wei_from_nano

POST_GAS: Final = 120_000
"""Gas limit of a bond that waits for its approval (measured for an account's first: 74,448)."""


@dataclass(frozen=True)
class PostBond:
    """Adds tokens of the account to the bond of `member`, who need not be the account."""

    member: str
    amount: NanoNmr

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("post", addresses.committee, self.member, self.amount)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check member and tokens; return the payment; see `ClientAction.plan`."""
        require_receiver(account.suite, self.member)
        bond, wei = bond_of(account.suite, self.member), wei_from_nano(self.amount)
        require_tokens(account, wei, "post")
        committee = account.suite.committee
        step = PlannedTransaction(
            f"post {nmr_text(self.amount)} NMR as the bond of {self.member}",
            self.key(account.suite.addresses),
            committee.functions.postBond(self.member, wei),
        )
        steps = with_approval(account, committee, wei, step, POST_GAS)
        return TransactionPlan(steps, _post_warnings(account, bond, wei))


@dataclass(frozen=True)
class ReleaseBond:
    """Sends the account's bond to an address.

    Attributes
    ----------
    amount
        nano-NMR; None: the whole bond at the latest block.
    """

    amount: NanoNmr | None
    to: str

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("release", addresses.committee, self.amount or "all", self.to)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check receiver, open votes and bond; return the release; see `ClientAction.plan`."""
        require_receiver(account.suite, self.to)
        bond = bond_of(account.suite, account.address)
        wei = bond.posted if self.amount is None else wei_from_nano(self.amount)
        _require_releasable(bond, wei)
        step = PlannedTransaction(
            f"release {coins_text(wei)} NMR of the bond to {self.to}",
            self.key(account.suite.addresses),
            account.suite.committee.functions.releaseBond(wei, self.to),
        )
        warnings = () if self.to == account.address else (f"{self.to} is not your address",)
        return TransactionPlan((step,), warnings)


@dataclass(frozen=True)
class LeaveCommittee:
    """Ends the account's membership for good; its bond is free once no round can cost it any more."""

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("leave", addresses.committee)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check that the account is a member; return the call; see `ClientAction.plan`."""
        bond = bond_of(account.suite, account.address)
        if not bond.is_member:
            raise ActionRefused(f"leave: expected a member of the committee, found {account.address}")
        step = PlannedTransaction(
            "leave the committee",
            self.key(account.suite.addresses),
            account.suite.committee.functions.leave(),
        )
        return TransactionPlan(
            (step,),
            (
                "this address can never be a member again",
                "the bond is held until 30 days after the last round that was opened until now resolves",
            ),
        )


@dataclass(frozen=True)
class CollectCredit:
    """Has the committee send what it owes an account to that account."""

    account: str

    def key(self, addresses: Addresses) -> str:
        """Return the business meaning; see `ClientAction.key`."""
        return action_key("collect", addresses.committee, self.account)

    def plan(self, account: ClientAccount) -> TransactionPlan:
        """Check that something is owed; return the collection; see `ClientAction.plan`."""
        bond = bond_of(account.suite, self.account)
        if not bond.owed:
            raise ActionRefused(f"collect: expected something that {self.account} is owed, found 0 NMR")
        step = PlannedTransaction(
            f"collect {coins_text(bond.owed)} NMR that {self.account} is owed",
            self.key(account.suite.addresses),
            account.suite.committee.functions.collect(self.account),
        )
        return TransactionPlan((step,))


def _require_releasable(bond: Bond, wei: int) -> None:
    if bond.open_votes:
        raise ActionRefused(
            f"release: expected a bond that nothing holds, found {bond.open_votes} votes open; vote no "
            "more, and have them closed (closeVotes, by anybody) once their rounds' reports are final"
        )
    if bond.is_held:
        raise ActionRefused(
            f"release: expected a bond that no round holds any more, found one held until {bond.held_text}"
        )
    if wei > bond.posted or wei == 0:
        raise ActionRefused(
            f"release: expected a bond of {coins_text(wei) if wei else 'some'} NMR of "
            f"{bond.account}, found {coins_text(bond.posted)} NMR"
        )
    if bond.posted - wei < bond.kept:
        raise ActionRefused(
            f"release: expected at least {coins_text(bond.kept)} NMR to stay, as you are a member, found "
            f"{coins_text(bond.posted - wei)}; leave the committee first (cupel oracle bond leave)"
        )


def _post_warnings(account: ClientAccount, bond: Bond, more: int) -> tuple[str, ...]:
    warnings = []
    if bond.account != account.address:
        warnings.append(f"the bond will belong to {bond.account}, who alone can release it")
    if not bond.is_member:
        warnings.append(
            f"{bond.account} is no member of the committee, and votes only once the admin adds it"
        )
    if bond.posted + more < bond.least:
        warnings.append(_too_small(bond.posted + more, bond))
    return tuple(warnings)


def _too_small(wei: int, bond: Bond) -> str:
    return f"with a bond of {coins_text(wei)} NMR no vote counts: one takes {coins_text(bond.least)} NMR"
