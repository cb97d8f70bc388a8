"""OracleCommittee.attest as a first vote, and what makes a report final"""

from __future__ import annotations

from typing import Any

import ape
from eth_abi import encode
from eth_utils import keccak
from support import DAY, NANO, PPM, SHARE, ZERO_ADDRESS, ZERO_HASH, House, is_event, only
from voting import (
    ACCEPTED,
    CHALLENGE_WINDOW,
    DISPUTE_PERIOD,
    MEMBER_BOND,
    NOTHING,
    SCORES,
    attest,
    hash_of,
    votes,
)


def test_reverts_for_others_than_members(house: House, sealed: int) -> None:
    for outsider in (house.admin, house.operator, house.alice):
        with ape.reverts(house.committee.NotMember, caller=outsider):
            house.committee.attest(house.tournament, house.report(sealed, SCORES), sender=outsider)


def test_reverts_for_another_version(house: House, sealed: int) -> None:
    with ape.reverts(house.committee.UnknownVersion, version=0, expected=1):
        attest(house, house.report(sealed, SCORES, version=0), 0)


def test_reverts_without_the_whole_bond(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    house.committee.releaseBond(1, house.bob, sender=house.members[0])
    with ape.reverts(house.committee.BondTooSmall, bond=MEMBER_BOND - 1, minimum=MEMBER_BOND):
        attest(house, report, 0)
    house.committee.postBond(house.members[0], 1, sender=house.bob)
    attest(house, report, 0)


def test_reverts_for_a_round_that_is_not_sealed(house: House, sealed: int) -> None:
    unsealed = house.open()
    for round_id, state in ((99, 0), (unsealed, 1)):
        with ape.reverts(house.committee.RoundNotSealed, roundId=round_id, state=state):
            attest(house, house.report(sealed, SCORES, roundId=round_id), 0)


def test_reverts_before_the_outcome_is_known_and_after_the_deadline(house: House) -> None:
    for _ in range(2):
        house.stake(house.alice, NANO, SHARE | PPM)
    round_id = house.run_to_sealed()
    report, r = house.report(round_id, SCORES), house.round(round_id)
    house.at(r.resolveAt - 1)
    with ape.reverts(house.committee.TooEarly, timestamp=r.resolveAt - 1, notBefore=r.resolveAt):
        attest(house, report, 0)
    house.at(r.deadline)
    with ape.reverts(house.committee.TooLate, timestamp=r.deadline, before=r.deadline):
        attest(house, report, 0)


def test_reverts_for_the_same_vote_again(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    attest(house, report, 0)
    with ape.reverts(house.committee.AlreadyAttested, reportHash=hash_of(house, report)):
        attest(house, report, 0)


def test_reverts_once_a_report_is_accepted(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    attest(house, report, 0, 1)
    for late in (report, house.report(sealed, SCORES, totalBurn=1)):
        with ape.reverts(house.committee.AlreadyAccepted, reportHash=hash_of(house, report)):
            attest(house, late, 2)


def test_counts_a_vote(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    receipt = attest(house, report, 0)
    is_event(
        only(receipt, house.committee.Attested),
        tournament=house.tournament, roundId=sealed,
        member=house.members[0], reportHash=hash_of(house, report),
    )  # fmt: skip
    assert not receipt.events.filter(house.committee.ReportAccepted)
    assert bytes(house.committee.voteOf(house.tournament, sealed, house.members[0])) == hash_of(house, report)
    assert votes(house, report) == 1
    assert not house.committee.hasStandingReport(house.tournament, sealed)


def test_a_vote_holds_the_bond_until_nothing_can_be_overturned(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    attest(house, report, 0)
    until = house.round(sealed).deadline + CHALLENGE_WINDOW + DISPUTE_PERIOD
    assert [house.committee.bondedUntil(member) for member in house.members] == [until, 0, 0]


def test_a_vote_on_an_earlier_deadline_does_not_shorten_the_hold(house: House) -> None:
    for _ in range(2):
        house.stake(house.alice, 10 * NANO, SHARE | PPM // 2)
    late, early = house.open(reporting=20 * DAY), house.open()
    for round_id in (late, early):
        house.lock(round_id, [True, True])
        house.seal(round_id)
    house.pass_to(house.round(early).resolveAt)
    for round_id in (late, early):
        attest(house, house.report(round_id, SCORES), 0)
    until = house.round(late).deadline + CHALLENGE_WINDOW + DISPUTE_PERIOD
    assert house.committee.bondedUntil(house.members[0]) == until


def test_accepts_at_the_quorum_and_stores_when_it_becomes_final(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    receipt = attest(house, report, 0, 2)
    until = house.now() + DAY
    is_event(
        only(receipt, house.committee.ReportAccepted),
        tournament=house.tournament, roundId=sealed, reportHash=hash_of(house, report), challengeUntil=until,
    )  # fmt: skip
    is_event(
        house.committee.proposalOf(house.tournament, sealed),
        reportHash=hash_of(house, report), challengeUntil=until, memberSetId=1, status=ACCEPTED,
        disputeUntil=0, disputeSetId=0, votesNeeded=0, challenger=ZERO_ADDRESS,
    )  # fmt: skip
    assert house.committee.hasStandingReport(house.tournament, sealed)


def test_only_the_accepted_report_is_final_once_the_window_has_passed(house: House, sealed: int) -> None:
    report, other = house.report(sealed, SCORES), house.report(sealed, SCORES, totalBurn=1)
    attest(house, report, 0, 1)
    until = house.committee.proposalOf(house.tournament, sealed).challengeUntil

    def final(candidate: Any, round_id: int = sealed) -> bool:
        return bool(house.committee.isFinal(house.tournament, round_id, hash_of(house, candidate)))

    house.pass_to(until - 1)
    assert not final(report)
    house.pass_to(until)
    assert final(report)
    assert not final(other)
    assert not final(report, sealed + 1)
    assert not house.committee.isFinal(house.tournament, sealed + 1, ZERO_HASH)
    assert not house.committee.isFinal(house.committee, sealed, hash_of(house, report))


def test_different_reports_do_not_add_up(house: House, sealed: int) -> None:
    attest(house, house.report(sealed, SCORES), 0)
    attest(house, house.report(sealed, SCORES, totalBurn=1), 1)
    assert house.committee.proposalOf(house.tournament, sealed).status == NOTHING


def test_a_vote_may_change_until_acceptance_and_counts_once(house: House, sealed: int) -> None:
    wrong, right = house.report(sealed, SCORES, totalBurn=1), house.report(sealed, SCORES)
    attest(house, wrong, 0)
    attest(house, right, 0)
    assert (votes(house, wrong), votes(house, right)) == (0, 1)
    attest(house, wrong, 1)
    assert house.committee.proposalOf(house.tournament, sealed).status == NOTHING
    attest(house, right, 1)
    assert house.committee.proposalOf(house.tournament, sealed).reportHash == hash_of(house, right)


def test_votes_of_a_former_member_set_are_stale(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    attest(house, report, 0)
    house.committee.addMember(house.bob, 3, sender=house.admin)
    house.committee.removeMember(house.bob, 2, sender=house.admin)
    assert votes(house, report) == 0
    assert bytes(house.committee.voteOf(house.tournament, sealed, house.members[0])) == ZERO_HASH
    attest(house, report, 1)
    assert house.committee.proposalOf(house.tournament, sealed).status == NOTHING
    attest(house, report, 0)
    assert house.committee.proposalOf(house.tournament, sealed).status == ACCEPTED


def test_an_accepted_report_outlives_a_change_of_members(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    attest(house, report, 0, 1)
    before = house.committee.proposalOf(house.tournament, sealed)
    house.committee.removeMember(house.members[0], 2, sender=house.admin)
    assert house.committee.proposalOf(house.tournament, sealed) == before
    assert votes(house, report) == 2
    assert bytes(house.committee.voteOf(house.tournament, sealed, house.members[0])) == hash_of(house, report)


def test_a_removed_member_has_no_vote(house: House, sealed: int) -> None:
    house.committee.removeMember(house.members[0], 2, sender=house.admin)
    with ape.reverts(house.committee.NotMember, caller=house.members[0]):
        attest(house, house.report(sealed, SCORES), 0)


def test_the_hash_binds_chain_tournament_and_every_field(house: House) -> None:
    report = (3, 1, b"\1" * 32, 4, 5, b"\2" * 32)
    typehash = keccak(
        text="Report(uint256 chainId,address tournament,uint256 roundId,uint256 version,"
        "bytes32 scoresHead,uint64 totalPayout,uint64 totalBurn,bytes32 evidenceHash)"
    )
    types = ["bytes32", "uint256", "address", "uint256", "uint256", "bytes32", "uint64", "uint64", "bytes32"]
    fields = [typehash, house.chain.chain_id, house.tournament.address, *report]
    assert bytes(house.committee.REPORT_TYPEHASH()) == typehash
    assert hash_of(house, report) == keccak(encode(types, fields))
    assert hash_of(house, report) != bytes(house.committee.hashReport(house.token, report))
