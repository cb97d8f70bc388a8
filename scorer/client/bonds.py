"""A committee member's bond: posting it, taking it back, and collecting what the committee owes."""

from dataclasses import dataclass, replace
from typing import Any, Final

from scorer.chain.contracts import Suite
from scorer.client.amounts import coins_text, nmr_text
from scorer.client.orders import (
    PlannedTransaction,
    StakingRefused,
    TransactionPlan,
    approvals,
    require_sensible,
)
from scorer.client.stakes import latest_block
from scorer.units import NanoNmr, wei_from_nano

POST_GAS: Final = 120_000
"""At most, of a bond that cannot be tried before its approval is mined (measured: an account's first,
74,448)."""


@dataclass(frozen=True)
class Bond:
    """What an account has at stake in the committee, and what it takes; amounts in wei.

    Attributes
    ----------
    least
        Without which one vote more is refused: `memberBond`, or `slash` for each vote then open.
    open_votes
        Rounds in which the account has a vote open. While there are any, nothing is released.
    owed
        What `collect` would send.
    """

    account: str
    is_member: bool
    posted: int
    least: int
    open_votes: int
    owed: int

    @property
    def is_held(self) -> bool:
        """Whether nothing can be released yet."""
        return self.open_votes > 0

    @property
    def can_vote(self) -> bool:
        """Whether the account is a member with the bond that a vote takes."""
        return self.is_member and self.posted >= self.least

    def to_json(self) -> dict[str, Any]:
        """As a document: amounts in NMR as decimal text, and a time only where it is still to come."""
        return {
            "account": self.account,
            "member": self.is_member,
            "bond": coins_text(self.posted),
            "least_bond": coins_text(self.least),
            "can_vote": self.can_vote,
            "open_votes": self.open_votes,
            "owed": coins_text(self.owed),
        }

    def __str__(self) -> str:
        seat = "a member" if self.is_member else "no member"
        held = f", held by {self.open_votes} open votes" if self.is_held else ""
        return (
            f"{self.account}: {seat}, with a bond of {coins_text(self.posted)} NMR, where one vote more "
            f"takes {coins_text(self.least)} NMR{held}; owed {coins_text(self.owed)} NMR"
        )


def bond_of(suite: Suite, account: str) -> Bond:
    """The bond of an account, member or not, at the latest block."""
    block, functions = latest_block(suite), suite.committee.functions
    who = suite.w3.to_checksum_address(account)
    open_votes = int(functions.openVotesOf(who).call(block_identifier=block.number))
    least = int(functions.memberBond().call(block_identifier=block.number))
    slash = int(functions.slash().call(block_identifier=block.number))
    return Bond(
        who,
        bool(functions.isMember(who).call(block_identifier=block.number)),
        int(functions.bondOf(who).call(block_identifier=block.number)),
        max(least, slash * (open_votes + 1)),
        open_votes,
        int(functions.creditOf(who).call(block_identifier=block.number)),
    )


@dataclass(frozen=True)
class BondPlanner:
    """One account at one committee: where orders about bonds are made out. Nothing here sends."""

    suite: Suite
    address: str

    def post(self, member: str, amount: NanoNmr) -> TransactionPlan:
        """An amount of the caller's tokens to the bond of `member`, who need not be the caller."""
        require_sensible(self.suite, member)
        found, wanted = bond_of(self.suite, member), wei_from_nano(amount)
        self._require_tokens(wanted)
        title = f"post {nmr_text(amount)} NMR as the bond of {member}"
        call = self.suite.committee.functions.postBond(member, wanted)
        step, warnings = (
            PlannedTransaction(title, self.posting(member, amount), call),
            self._post_warnings(found, wanted),
        )
        allowance = int(self.suite.token.functions.allowance(self.address, self._spender).call())
        if allowance >= wanted:
            return TransactionPlan((step,), warnings)
        allowing = approvals(self.suite, self._spender, "committee", amount, allowance)
        return TransactionPlan((*allowing, replace(step, gas=POST_GAS)), warnings)

    def release(self, amount: NanoNmr | None, to: str) -> TransactionPlan:
        """An amount of the caller's bond, or all of it where none is given, to an address."""
        require_sensible(self.suite, to)
        found = bond_of(self.suite, self.address)
        wanted = found.posted if amount is None else wei_from_nano(amount)
        if found.is_held:
            raise StakingRefused(
                f"release: expected a bond that nothing holds, found {found.open_votes} votes open; vote no "
                "more, and have them closed (closeVotes, by anybody) once their rounds' reports are final"
            )
        if wanted > found.posted or wanted == 0:
            raise StakingRefused(
                f"release: expected a bond of {coins_text(wanted) if wanted else 'some'} NMR of "
                f"{self.address}, found {coins_text(found.posted)} NMR"
            )
        call = self.suite.committee.functions.releaseBond(wanted, to)
        title = f"release {coins_text(wanted)} NMR of the bond to {to}"
        warnings = self._release_warnings(found, found.posted - wanted, to)
        return TransactionPlan((PlannedTransaction(title, self.releasing(amount, to), call),), warnings)

    def collect(self, account: str) -> TransactionPlan:
        """What the committee owes an account, to that account."""
        found = bond_of(self.suite, account)
        if not found.owed:
            raise StakingRefused(f"collect: expected something that {account} is owed, found 0 NMR")
        call = self.suite.committee.functions.collect(account)
        title = f"collect {coins_text(found.owed)} NMR that {account} is owed"
        return TransactionPlan((PlannedTransaction(title, self.collecting(account), call),))

    def posting(self, member: str, amount: NanoNmr) -> str:
        """The meaning of `post`."""
        return f"post:{self._spender}:{member}:{amount}"

    def releasing(self, amount: NanoNmr | None, to: str) -> str:
        """The meaning of `release`."""
        return f"release:{self._spender}:{amount or 'all'}:{to}"

    def collecting(self, account: str) -> str:
        """The meaning of `collect`."""
        return f"collect:{self._spender}:{account}"

    @property
    def _spender(self) -> str:
        return str(self.suite.committee.address)

    def _require_tokens(self, wanted: int) -> None:
        held = int(self.suite.token.functions.balanceOf(self.address).call())
        if held < wanted:
            raise StakingRefused(
                f"post: expected at least {coins_text(wanted)} NMR at {self.address}, "
                f"found {coins_text(held)} NMR"
            )

    def _post_warnings(self, found: Bond, more: int) -> tuple[str, ...]:
        warnings = []
        if found.account != self.address:
            warnings.append(f"the bond will belong to {found.account}, who alone can release it")
        if not found.is_member:
            warnings.append(
                f"{found.account} is no member of the committee, and votes only once the admin adds it"
            )
        if found.posted + more < found.least:
            warnings.append(_too_small(found.posted + more, found))
        return tuple(warnings)

    def _release_warnings(self, found: Bond, left: int, to: str) -> tuple[str, ...]:
        warnings = [] if to == self.address else [f"{to} is not your address"]
        if found.is_member and left < found.least:
            warnings.append(_too_small(left, found))
        return tuple(warnings)


def _too_small(bond: int, found: Bond) -> str:
    return f"with a bond of {coins_text(bond)} NMR no vote counts: one takes {coins_text(found.least)} NMR"
