"""Reading of a committee member's bond."""

from dataclasses import dataclass
from datetime import UTC, datetime
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
    kept
        Part of the bond that a member keeps until it leaves.
    held_until
        When the bond of an account that left or was removed is free, Unix seconds; 0 for all others.
    now
        Timestamp of the block, Unix seconds.
    """

    account: str
    is_member: bool
    posted: int
    least: int
    open_votes: int
    owed: int
    kept: int
    held_until: int
    now: int

    @property
    def is_held(self) -> bool:
        """True while nothing can be released."""
        return self.open_votes > 0 or self.now < self.held_until

    @property
    def held_text(self) -> str:
        """Return when the bond of an account that left is free, such as 2026-12-24 18:00 UTC."""
        return f"{datetime.fromtimestamp(self.held_until, UTC):%Y-%m-%d %H:%M} UTC"

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
            "held_until": self.held_until,
            "owed": coins_text(self.owed),
        }

    def __str__(self) -> str:
        seat = "a member" if self.is_member else "no member"
        held = f", held by {self.open_votes} open votes" if self.open_votes else ""
        if self.now < self.held_until:
            held += f", held until {self.held_text}"
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
    is_member = bool(read_view(functions.isMember(owner), block.number))
    held_until = int(read_view(functions.heldUntil(owner), block.number))
    return Bond(
        owner,
        is_member,
        int(read_view(functions.bondOf(owner), block.number)),
        max(least, slash * (open_votes + 1)),  # every open vote can cost one slash
        open_votes,
        int(read_view(functions.creditOf(owner), block.number)),
        least if is_member and not held_until else 0,
        held_until,
        block.timestamp,
    )
