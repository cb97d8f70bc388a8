"""Rounds at every step of a vote, and a committee of five of whom one may be missing."""

from __future__ import annotations

from typing import Any

from states import state
from support import NANO, PPM, SHARE, House
from voting import MEMBER_BOND, SCORES, WRONG_SCORES, attest, challenge


@state
def sealed(house: House) -> int:
    """A sealed round whose outcome is known."""
    for _ in range(2):
        house.stake(house.alice, NANO, SHARE | PPM)
    round_id = house.run_to_sealed()
    house.pass_to(house.round(round_id).resolveAt)
    return round_id


@state
def five(house: House, accounts: Any) -> None:
    """Five members with bonds. Four accept, and four decide a dispute."""
    house.members += [accounts[9], accounts[10]]
    for quorum, member in zip((3, 4), house.members[3:], strict=True):
        house.committee.addMember(member, quorum, sender=house.admin)
        house.committee.postBond(member, MEMBER_BOND, sender=house.admin)


@state
def right(house: House, five: None, sealed: int) -> Any:
    """The report of the sealed round that every honest member computes."""
    return house.report(sealed, SCORES)


@state
def wrong(house: House, right: Any) -> Any:
    """A report that pays everybody, and burns nobody."""
    return house.report(right[0], WRONG_SCORES)


@state
def accepted(house: House, wrong: Any) -> int:
    """A round whose wrong report the first four of five members carried."""
    attest(house, wrong, 0, 1, 2, 3)
    return int(wrong[0])


@state
def disputed(house: House, accepted: int) -> int:
    """That round, challenged by bob."""
    challenge(house, accepted)
    return accepted
