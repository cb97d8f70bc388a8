"""Voting on reports, and the committee's books."""

from __future__ import annotations

from typing import Any

from documents import sign
from eth_utils import keccak
from support import DAY, NMR, ZERO_ADDRESS, House

SCORES = [[10_000, -10_000]]
WRONG_SCORES = [[50_000, 50_000]]
NOTHING, ACCEPTED, DISPUTED, UPHELD, OVERTURNED, EXPIRED, DISPROVEN = range(7)

NEVER = 2**256 - 1

CHALLENGE_WINDOW = DAY
DISPUTE_PERIOD = 3 * DAY
MEMBER_BOND, CHALLENGE_BOND, SLASH, ABSENCE_SLASH = 500 * NMR, 50 * NMR, 200 * NMR, 20 * NMR


def attest(house: House, report: Any, *members: int) -> Any:
    for member in members:
        receipt = house.committee.attest(house.tournament, report, sender=house.members[member])
    return receipt


def hash_of(house: House, report: Any) -> bytes:
    return bytes(house.committee.hashReport(house.tournament, report))


def votes(house: House, report: Any) -> int:
    return int(house.committee.votesFor(house.tournament, report[0], hash_of(house, report)))


def proposal(house: House, round_id: int) -> Any:
    return house.committee.proposalOf(house.tournament, round_id)


def final_from(committee: Any, tournament: Any, round_id: int, report_hash: bytes) -> int:
    """Since when a report is final, seconds; NEVER where it does not stand."""
    return int(committee.finalFrom(tournament, round_id, report_hash))


def is_final(house: House, report: Any) -> bool:
    return final_from(house.committee, house.tournament, report[0], hash_of(house, report)) <= house.now()


def challenge(house: House, round_id: int, sender: Any = None) -> Any:
    return house.committee.challenge(house.tournament, round_id, sender=sender or house.bob)


def veto(house: House, round_id: int) -> Any:
    return house.committee.veto(house.tournament, round_id, sender=house.guardian)


def expire(house: House, round_id: int) -> Any:
    return house.committee.expire(house.tournament, round_id, sender=house.alice)


def bonds(house: House) -> list[int]:
    return [int(house.committee.bondOf(member)) for member in house.members]


def leave(house: House, member: Any) -> None:
    """Have a member leave, and let the time pass for which its bond is held."""
    house.committee.leave(sender=member)
    house.at(house.committee.heldUntil(member))


def empty_bond(house: House, round_id: int, member: Any) -> None:
    """Take a member's whole bond: it signs two documents of a round."""
    evidence = []
    for name in ("one", "other"):
        digest = keccak(text=name)
        where = (house.tournament.provider.chain_id, house.tournament.address, round_id)
        values = (*where, digest, digest, digest, digest, 1, 1, 2)
        fields = ("chainId", "tournament", "roundId", "memberSet", "seal", "metaModel", "root")
        named = dict(zip((*fields, "assets", "publishedAt", "expiresAt"), values, strict=True))
        evidence += [values, sign(named, member)]
    house.committee.proveEquivocation(*evidence, sender=house.guardian)


def credits_of(house: House, *accounts: Any) -> list[int]:
    return [int(house.committee.creditOf(account)) for account in accounts]


def is_bond_at_stake(house: House, round_id: int) -> bool:
    return bool(proposal(house, round_id).challenger != ZERO_ADDRESS)


def assert_committee_holds_what_it_owes(house: House) -> None:
    """Bonds, credits and the bonds of open challenges are all that the committee holds."""
    people = [*house.members, house.alice, house.bob, house.admin, house.guardian, house.sink]
    owed = sum(int(house.committee.bondOf(account)) for account in people)
    owed += sum(credits_of(house, *people))
    owed += CHALLENGE_BOND * sum(is_bond_at_stake(house, round_id) for round_id in house.rounds)
    assert house.token.balanceOf(house.committee) == owed
