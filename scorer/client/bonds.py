"""Reading of a committee member's bond."""

from dataclasses import dataclass
from typing import Any

from scorer.chain.bulk import read_view
from scorer.chain.contracts import Suite
from scorer.client.stakes import latest_block
from scorer.units import coins_text


@dataclass(frozen=True)
class Bond:
    """The bond of an account at the committee, and the bond that a vote requires; amounts in wei.

    Attributes
    ----------
    least
        Bond without which one vote more is refused: `memberBond`, or `slash` for each vote then open.
    open_votes
        Rounds in which the account has a vote open. While there are any, nothing is released.
    owed
        Amount that `collect` would send.
    """

    account: str
    is_member: bool
    posted: int
    least: int
    open_votes: int
    owed: int

    @property
    def is_held(self) -> bool:
        """True while nothing can be released."""
        return self.open_votes > 0

    @property
    def can_vote(self) -> bool:
        """True for a member with the bond that one vote more requires."""
        return self.is_member and self.posted >= self.least

    def to_json(self) -> dict[str, Any]:
        """Return the bond as a document; amounts in NMR as decimal text."""
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
    """Read the bond of an account, member or not, at the latest block."""
    block, functions = latest_block(suite), suite.committee.functions
    owner = suite.w3.to_checksum_address(account)
    open_votes = int(read_view(functions.openVotesOf(owner), block.number))
    least = int(read_view(functions.memberBond(), block.number))
    slash = int(read_view(functions.slash(), block.number))
    return Bond(
        owner,
        bool(read_view(functions.isMember(owner), block.number)),
        int(read_view(functions.bondOf(owner), block.number)),
        max(least, slash * (open_votes + 1)),  # every open vote can cost one slash
        open_votes,
        int(read_view(functions.creditOf(owner), block.number)),
    )
