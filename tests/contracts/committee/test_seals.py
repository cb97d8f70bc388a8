"""OracleCommittee: recordSeal, countSignature, removeAbsent"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ape
import pytest
from eth_account import Account
from states import state
from support import DAY, House, is_event, only, seal_signature

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD, ROOT, AT_RISK = b"\1" * 32, b"\2" * 32, 123_456_789
ROUND = 7
LIMIT = 3


@dataclass(frozen=True)
class Sealing:
    """A tournament that hands signatures to the committee, and the five members of set `set_id`."""

    tournament: Any
    committee: Any
    members: Sequence[Any]
    set_id: int

    def signature(self, member: Any, round_id: int = ROUND, **changes: Any) -> bytes:
        """As a wallet signs typed data."""
        message = {
            "roundId": round_id,
            "positionsHead": HEAD,
            "submissionsRoot": ROOT,
            "validAtRisk": AT_RISK,
        }
        return seal_signature(self.tournament, member, message, **changes)

    def arguments(self, *signers: int, round_id: int = ROUND) -> list[Any]:
        """Of recordSeal, signed by the members of these places."""
        signatures = b"".join(self.signature(self.members[place], round_id) for place in sorted(signers))
        bits = sum(1 << place for place in signers)
        return [round_id, self.set_id, HEAD, ROOT, AT_RISK, bits, signatures]

    def record(self, *signers: int, round_id: int = ROUND) -> Any:
        return self.send(self.arguments(*signers, round_id=round_id))

    def send(self, arguments: Sequence[Any]) -> Any:
        """Let the tournament call."""
        data = self.committee.recordSeal.encode_input(*arguments)
        return self.tournament(data=data, sender=self.members[0])

    def count(self, member: Any, signature: bytes, round_id: int = ROUND) -> Any:
        return self.committee.countSignature(
            self.tournament, round_id, member, signature, sender=self.members[0]
        )

    def absences(self) -> list[int]:
        return [int(self.committee.absencesOf(member)) for member in self.members]


@state
def sealing(house: House, five: None, hostile_types: Any) -> Sealing:
    tournament = hostile_types["SealingTournament"].deploy(
        house.committee, house.now() + DAY, sender=house.admin
    )
    house.committee.addTournament(tournament, sender=house.admin)
    return Sealing(tournament, house.committee, list(house.members), int(house.committee.memberSetId()))


# recordSeal


def test_the_digest_is_the_one_that_wallets_sign(sealing: Sealing) -> None:
    digest = sealing.committee.sealDigest(sealing.tournament, ROUND, HEAD, ROOT, AT_RISK)
    member = sealing.members[2]
    assert Account._recover_hash(bytes(digest), signature=sealing.signature(member)) == member.address


def test_a_quorum_seals_and_who_did_not_sign_was_absent(sealing: Sealing) -> None:
    receipt = sealing.record(0, 1, 3, 4)
    is_event(
        only(receipt, sealing.committee.SealRecorded),
        tournament=sealing.tournament,
        roundId=ROUND,
        setId=sealing.set_id,
        signers=0b11011,
    )
    assert sealing.absences() == [0, 0, 1, 0, 0]


def test_who_signed_can_be_read(sealing: Sealing) -> None:
    assert tuple(sealing.committee.sealOf(sealing.tournament, ROUND)) == (bytes(32), 0, 0)
    sealing.record(0, 1, 3, 4)
    digest = sealing.committee.sealDigest(sealing.tournament, ROUND, HEAD, ROOT, AT_RISK)
    assert tuple(sealing.committee.sealOf(sealing.tournament, ROUND)) == (digest, sealing.set_id, 0b00100)


def test_who_signs_again_has_no_absences(sealing: Sealing) -> None:
    sealing.record(0, 1, 3, 4)
    sealing.record(0, 1, 3, 4, round_id=8)
    assert sealing.absences() == [0, 0, 2, 0, 0]
    sealing.record(0, 1, 2, 3, round_id=9)
    assert sealing.absences() == [0, 0, 0, 0, 1]


def test_fewer_than_the_quorum_of_the_set_seal_nothing(sealing: Sealing) -> None:
    with ape.reverts(sealing.committee.TooFewSigners, signerCount=3, quorum=4):
        sealing.record(0, 1, 3)
    with ape.reverts(sealing.committee.TooFewSigners, signerCount=0, quorum=4):
        sealing.record()


def test_a_set_that_does_not_exist_seals_nothing(sealing: Sealing) -> None:
    arguments = [ROUND, sealing.set_id + 1, HEAD, ROOT, AT_RISK, 0, b""]
    with ape.reverts(sealing.committee.TooFewSigners, signerCount=0, quorum=0):
        sealing.send(arguments)


def test_the_set_and_quorum_of_the_round_count_whoever_came_or_went(house: House, sealing: Sealing) -> None:
    house.committee.removeMember(sealing.members[4], 4, sender=house.admin)
    house.committee.addMember(house.bob, 5, sender=house.admin)
    sealing.record(0, 1, 2, 4)
    assert sealing.absences() == [0, 0, 0, 1, 0]


def test_a_round_is_sealed_once(sealing: Sealing) -> None:
    sealing.record(0, 1, 3, 4)
    with ape.reverts(sealing.committee.SealKnown, tournament=sealing.tournament, roundId=ROUND):
        sealing.record(0, 1, 2, 3)


def test_bits_beyond_the_set_are_refused(sealing: Sealing) -> None:
    arguments = sealing.arguments(0, 1, 3, 4)
    arguments[5] |= 1 << 5
    with ape.reverts(sealing.committee.SignersOutOfRange, signers=0b111011, memberCount=5):
        sealing.send(arguments)


@pytest.mark.parametrize("change", [-65, -1, 1, 65])
def test_signatures_are_as_many_as_signers(sealing: Sealing, change: int) -> None:
    arguments = sealing.arguments(0, 1, 3, 4)
    arguments[6] = (arguments[6] + b"\0" * 65)[: 4 * 65 + change]
    with ape.reverts(sealing.committee.SignaturesLengthMismatch, length=260 + change, expected=260):
        sealing.send(arguments)


@pytest.mark.parametrize(
    "changes",
    [
        {"roundId": 8},
        {"positionsHead": b"\3" * 32},
        {"submissionsRoot": b"\3" * 32},
        {"validAtRisk": AT_RISK + 1},
        {"name": "Cupelle"},
        {"version": "1"},
        {"chainId": 1},
        {"verifyingContract": "0x" + "11" * 20},
    ],
)
def test_every_field_of_the_statement_and_of_its_domain_is_signed(
    sealing: Sealing, changes: dict[str, Any]
) -> None:
    arguments = sealing.arguments(0, 1, 3, 4)
    other = sealing.signature(sealing.members[4], **changes)
    arguments[6] = arguments[6][:-65] + other
    with ape.reverts(sealing.committee.WrongSigner, expected=sealing.members[4]):
        sealing.send(arguments)


def test_signatures_of_others_or_in_another_order_are_refused(house: House, sealing: Sealing) -> None:
    arguments = sealing.arguments(0, 1, 3, 4)
    stranger = [*arguments[:6], arguments[6][:-65] + sealing.signature(house.bob)]
    with ape.reverts(sealing.committee.WrongSigner, signer=house.bob, expected=sealing.members[4]):
        sealing.send(stranger)
    swapped = arguments[6][65:130] + arguments[6][:65] + arguments[6][130:]
    with ape.reverts(sealing.committee.WrongSigner, signer=sealing.members[1], expected=sealing.members[0]):
        sealing.send([*arguments[:6], swapped])


def test_what_is_no_signature_at_all_is_refused(sealing: Sealing) -> None:
    arguments = sealing.arguments(0, 1, 3, 4)
    with ape.reverts():
        sealing.send([*arguments[:6], arguments[6][:-1] + b"\0"])
    with ape.reverts():
        sealing.send([*arguments[:6], bytes(260)])


def test_nobody_but_a_tournament_that_the_admin_added_hands_over_seals(sealing: Sealing) -> None:
    caller = sealing.members[0]
    with ape.reverts(sealing.committee.UnknownTournament, tournament=caller):
        sealing.committee.recordSeal(*sealing.arguments(0, 1, 2, 3), sender=caller)


# countSignature


def test_a_signature_that_was_left_out_can_be_counted_once(sealing: Sealing) -> None:
    sealing.record(0, 1, 3, 4)
    late = sealing.members[2]
    receipt = sealing.count(late, sealing.signature(late))
    is_event(only(receipt, sealing.committee.SignatureCounted), roundId=ROUND, member=late)
    assert sealing.committee.sealOf(sealing.tournament, ROUND).absent == 0
    assert sealing.absences() == [0, 0, 0, 0, 0]
    with ape.reverts(sealing.committee.AlreadyCounted, member=late):
        sealing.count(late, sealing.signature(late))


def test_a_signature_that_is_handed_in_takes_one_absence_back(sealing: Sealing) -> None:
    """The second audit's L-5: one late signature wiped out all absences."""
    for round_id in (7, 8):
        sealing.record(0, 1, 3, 4, round_id=round_id)
    late = sealing.members[2]
    sealing.count(late, sealing.signature(late, 8), 8)
    assert sealing.absences() == [0, 0, 1, 0, 0]
    sealing.record(0, 1, 2, 3, round_id=9)
    assert sealing.absences() == [0, 0, 0, 0, 1]
    sealing.count(late, sealing.signature(late, 7), 7)
    assert sealing.absences() == [0, 0, 0, 0, 1]


def test_a_signature_counts_for_its_own_member_and_seal_only(house: House, sealing: Sealing) -> None:
    late = sealing.members[2]
    with ape.reverts(sealing.committee.SealUnknown, tournament=sealing.tournament, roundId=ROUND):
        sealing.count(late, sealing.signature(late))
    sealing.record(0, 1, 3, 4)
    with ape.reverts(sealing.committee.AlreadyCounted, member=sealing.members[0]):
        sealing.count(sealing.members[0], sealing.signature(sealing.members[0]))
    with ape.reverts(sealing.committee.NotMember, caller=house.bob):
        sealing.count(house.bob, sealing.signature(house.bob))
    with ape.reverts(sealing.committee.WrongSigner, expected=late):
        sealing.count(late, sealing.signature(late, submissionsRoot=b"\3" * 32))
    with ape.reverts(sealing.committee.WrongSigner, signer=sealing.members[0], expected=late):
        sealing.count(late, sealing.signature(sealing.members[0]))


def test_no_signature_counts_once_the_round_has_resolved(house: House, sealing: Sealing) -> None:
    sealing.record(0, 1, 3, 4)
    late = sealing.members[2]
    house.at(house.now() + 2 * DAY)
    with ape.reverts(sealing.committee.TooLate):
        sealing.count(late, sealing.signature(late))


# removeAbsent


PERIOD = 7 * DAY


def miss(house: House, sealing: Sealing, times: int, first: int = 100) -> None:
    """Member 2 does not sign so many seals, nor anything in the week after."""
    for round_id in range(first, first + times):
        sealing.record(0, 1, 3, 4, round_id=round_id)
    house.at(house.now() + PERIOD)


def test_anybody_removes_a_member_who_missed_seals_in_a_row(house: House, sealing: Sealing) -> None:
    miss(house, sealing, LIMIT)
    absent = sealing.members[2]
    receipt = house.committee.removeAbsent(absent, sender=house.bob)
    assert only(receipt, house.committee.MemberRemoved).member == absent
    is_event(only(receipt, house.committee.MemberSetChanged), memberCount=4, quorum=3)
    assert absent not in list(house.committee.members())


def test_a_member_who_missed_fewer_stays(house: House, sealing: Sealing) -> None:
    miss(house, sealing, LIMIT - 1)
    with ape.reverts(house.committee.NotAbsent, absences=LIMIT - 1, limit=LIMIT):
        house.committee.removeAbsent(sealing.members[2], sender=house.bob)
    with ape.reverts(house.committee.NotMember, caller=house.bob):
        house.committee.removeAbsent(house.bob, sender=house.bob)


def test_who_signs_in_between_begins_anew(house: House, sealing: Sealing) -> None:
    miss(house, sealing, LIMIT - 1)
    sealing.record(0, 1, 2, 3, round_id=200)
    miss(house, sealing, LIMIT - 1, first=300)
    with ape.reverts(house.committee.NotAbsent):
        house.committee.removeAbsent(sealing.members[2], sender=house.bob)


def test_the_last_four_stay(house: House, sealing: Sealing) -> None:
    miss(house, sealing, LIMIT)
    house.committee.removeMember(sealing.members[4], 3, sender=house.admin)
    with ape.reverts(house.committee.TooFewMembers, memberCount=4, minimum=4):
        house.committee.removeAbsent(sealing.members[2], sender=house.bob)


def test_nobody_is_removed_before_they_had_a_week_to_hand_in_what_was_left_out(
    house: House, sealing: Sealing
) -> None:
    """The second audit's H-1: three of nine left the others out of six seals, and were the quorum at once."""
    left_out = sealing.members[2]
    sealing.record(0, 1, 3, 4, round_id=100)
    since = house.now()
    for round_id in range(101, 100 + LIMIT):
        sealing.record(0, 1, 3, 4, round_id=round_id)
    assert house.committee.absentSinceOf(left_out) == since
    house.at(since + PERIOD - 1)
    with ape.reverts(house.committee.TooEarly, timestamp=since + PERIOD - 1, notBefore=since + PERIOD):
        house.committee.removeAbsent(left_out, sender=house.bob)


def test_a_signature_that_is_handed_in_begins_the_week_anew(house: House, sealing: Sealing) -> None:
    """Whoever is left out again and again, and hands in each a little late, never is gone for a week."""
    left_out = sealing.members[2]
    for round_id in range(100, 100 + LIMIT + 1):
        sealing.record(0, 1, 3, 4, round_id=round_id)
    house.at(house.now() + DAY // 2)
    sealing.count(left_out, sealing.signature(left_out, 101), 101)
    handed_in = house.now()
    assert house.committee.absencesOf(left_out) == LIMIT
    house.at(handed_in + PERIOD - 1)
    with ape.reverts(house.committee.TooEarly, notBefore=handed_in + PERIOD):
        house.committee.removeAbsent(left_out, sender=house.bob)


@pytest.mark.parametrize(("quorum", "left"), [(5, 3), (4, 3)])
def test_the_quorum_stays_unless_nobody_could_be_absent_any_more(
    house: House, sealing: Sealing, quorum: int, left: int
) -> None:
    miss(house, sealing, LIMIT)
    house.committee.setQuorum(quorum, sender=house.admin)
    house.committee.removeAbsent(sealing.members[2], sender=house.bob)
    assert house.committee.quorum() == left
    assert left >= 2 * 4 / 3


def test_a_member_who_comes_back_begins_without_absences(house: House, sealing: Sealing) -> None:
    miss(house, sealing, LIMIT)
    house.committee.removeAbsent(sealing.members[2], sender=house.bob)
    house.committee.addMember(sealing.members[2], 4, sender=house.admin)
    assert sealing.absences() == [0, 0, 0, 0, 0]
