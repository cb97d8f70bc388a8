"""OracleCommittee.proveEquivocation"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from documents import ROOT, set_hash, sign
from eth_utils import keccak
from states import state
from support import DAY, NANO, NMR, PPM, SHARE, House, is_event, only

MEMBER_BOND = 500 * NMR


@state
def sealed(house: House) -> int:
    """A sealed round."""
    house.stake(house.alice, NANO, SHARE | PPM)
    return house.run_to_sealed()


def document(house: House, round_id: int, **changes: Any) -> dict[str, Any]:
    """A document of a round of the home tournament."""
    known = {
        "chainId": house.tournament.provider.chain_id,
        "tournament": house.tournament.address,
        "roundId": round_id,
        "memberSet": set_hash(house.members, 2),
        "seal": bytes(house.committee.sealOf(house.tournament, round_id).digest),
        "metaModel": keccak(b"meta model"),
        "root": ROOT,
        "assets": 5,
        "publishedAt": 1_000,
        "expiresAt": 2_000,
    }
    return known | changes


def prove(house: House, first: dict[str, Any], second: dict[str, Any], *signers: Any) -> Any:
    """Prove two documents, which one member signed, or two."""
    members = signers or (house.members[0],)
    evidence = [
        tuple(first.values()), sign(first, members[0]),
        tuple(second.values()), sign(second, members[-1]),
    ]  # fmt: skip
    return house.committee.proveEquivocation(*evidence, sender=house.bob)


def pair(house: House, round_id: int, **changes: Any) -> list[dict[str, Any]]:
    """Two documents of a round that differ in their root."""
    return [document(house, round_id, root=keccak(text=name), **changes) for name in ("one", "other")]


def test_documents_of_another_chain_prove_nothing(house: House, sealed: int) -> None:
    first, second = pair(house, sealed)
    for wrong in ((first | {"chainId": 1}, second), (first, second | {"chainId": 1})):
        with ape.reverts(house.committee.OtherChain):
            prove(house, *wrong)


def test_documents_of_two_rounds_prove_nothing(house: House, sealed: int) -> None:
    first, second = pair(house, sealed)
    with ape.reverts(house.committee.OtherRound):
        prove(house, first, second | {"roundId": sealed + 1})
    with ape.reverts(house.committee.OtherRound):
        prove(house, first, second | {"tournament": house.alice.address})


def test_one_document_twice_proves_nothing(house: House, sealed: int) -> None:
    first, _ = pair(house, sealed)
    with ape.reverts(house.committee.SameDocument):
        prove(house, first, first)


def test_a_tournament_of_somebody_elses_proves_nothing(house: House, sealed: int) -> None:
    with ape.reverts(house.committee.UnknownTournament):
        prove(house, *pair(house, sealed, tournament=house.alice.address))


def test_two_members_of_two_opinions_prove_nothing(house: House, sealed: int) -> None:
    with ape.reverts(house.committee.DifferentSigners):
        prove(house, *pair(house, sealed), house.members[0], house.members[1])


def test_a_stranger_who_signs_twice_loses_nothing(house: House, sealed: int) -> None:
    with ape.reverts(house.committee.NotMember, caller=house.alice):
        prove(house, *pair(house, sealed), house.alice)


@pytest.mark.parametrize("round_id", [0, 99])
def test_a_round_that_never_was_has_no_members(house: House, sealed: int, round_id: int) -> None:
    with ape.reverts(house.committee.NotMember):
        prove(house, *pair(house, round_id))


def test_a_member_that_signed_two_documents_loses_its_bond_half_to_the_prover(
    house: House, sealed: int
) -> None:
    member = house.members[0]
    receipt = prove(house, *pair(house, sealed))
    is_event(
        only(receipt, house.committee.EquivocationProven),
        tournament=house.tournament, roundId=sealed, member=member, prover=house.bob, slashed=MEMBER_BOND,
    )  # fmt: skip
    assert house.committee.bondOf(member) == 0
    assert house.committee.creditOf(house.bob) == MEMBER_BOND // 2
    assert house.committee.creditOf(house.sink) == MEMBER_BOND - MEMBER_BOND // 2
    assert house.committee.bondOf(house.members[1]) == MEMBER_BOND


def test_what_was_proven_takes_no_second_bond_and_an_empty_bond_nothing(house: House, sealed: int) -> None:
    first, second = pair(house, sealed)
    prove(house, *pair(house, house.open()))
    with ape.reverts(house.committee.NoBond, member=house.members[0]):
        prove(house, first, second)
    house.committee.postBond(house.members[0], NMR, sender=house.admin)
    prove(house, first, second)
    house.committee.postBond(house.members[0], NMR, sender=house.admin)
    with ape.reverts(house.committee.EquivocationKnown):
        prove(house, second, first)


def test_attack_the_bond_is_taken_back_right_after_two_documents_were_signed(
    house: House, sealed: int
) -> None:
    """Nothing was left to take: a member that had no vote open was free to go."""
    member = house.members[0]
    with ape.reverts(house.committee.BondTooSmall, bond=0, minimum=MEMBER_BOND):
        house.committee.releaseBond(MEMBER_BOND, member, sender=member)
    house.committee.leave(sender=member)
    with ape.reverts(house.committee.BondHeld):
        house.committee.releaseBond(1, member, sender=member)
    house.at(house.round(sealed).resolveAt + 30 * DAY - 1)
    prove(house, *pair(house, sealed))
    assert house.committee.bondOf(member) == 0


def test_attack_the_admin_removes_the_tournament_to_spare_a_member(house: House, sealed: int) -> None:
    house.committee.removeTournament(house.tournament, sender=house.admin)
    prove(house, *pair(house, sealed))
    assert house.committee.bondOf(house.members[0]) == 0
