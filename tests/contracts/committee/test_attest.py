"""OracleCommittee.attest as a first vote, and what makes a report final"""

from __future__ import annotations

from typing import Any

import ape
from eth_abi import encode
from eth_utils import keccak
from support import DAY, NANO, PPM, SHARE, ZERO_ADDRESS, ZERO_HASH, House, is_event, only
from twins import deploy_tournament
from voting import (
    ACCEPTED,
    MEMBER_BOND,
    NEVER,
    NOTHING,
    SCORES,
    SLASH,
    WRONG_SCORES,
    attest,
    empty_bond,
    final_from,
    hash_of,
    votes,
)


def test_reverts_for_others_than_members(house: House, sealed: int) -> None:
    for outsider in (house.admin, house.operator, house.alice):
        with ape.reverts(house.committee.NotMember, caller=outsider):
            house.committee.attest(house.tournament, house.report(sealed, SCORES), sender=outsider)


def test_reverts_for_another_version(house: House, sealed: int) -> None:
    with ape.reverts(house.committee.UnknownVersion, version=1, expected=2):
        attest(house, house.report(sealed, SCORES, version=1), 0)


def test_reverts_without_the_whole_bond(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    empty_bond(house, sealed, house.members[0])
    house.committee.postBond(house.members[0], MEMBER_BOND - 1, sender=house.bob)
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


def test_a_vote_holds_the_bond_once_however_often_it_changes(house: House, sealed: int) -> None:
    attest(house, house.report(sealed, SCORES), 0)
    attest(house, house.report(sealed, WRONG_SCORES), 0)
    assert [house.committee.openVotesOf(member) for member in house.members] == [1, 0, 0]
    assert house.committee.proposalOf(house.tournament, sealed).openVotes == 0b001


def test_a_bond_backs_no_more_open_votes_than_it_can_pay_for(house: House) -> None:
    """The audit's L-2: one bond of 500 NMR stood for any number of votes, each with a slash of 200 NMR."""
    for _ in range(2):
        house.stake(house.alice, 10 * NANO, SHARE | PPM // 4)
    rounds = [house.open() for _ in range(3)]
    for round_id in rounds:
        house.lock(round_id, [True, True])
        house.end_lock(round_id)
        house.seal(round_id)
    house.pass_to(house.round(rounds[-1]).resolveAt)
    reports = [house.report(round_id, SCORES) for round_id in rounds]
    for report in reports[:2]:
        attest(house, report, 0)
    with ape.reverts(house.committee.BondTooSmall, bond=MEMBER_BOND, minimum=3 * SLASH):
        attest(house, reports[2], 0)
    house.committee.postBond(house.members[0], 3 * SLASH - MEMBER_BOND, sender=house.admin)
    attest(house, reports[2], 0)
    assert house.committee.openVotesOf(house.members[0]) == 3


def test_no_votes_for_a_tournament_that_the_admin_did_not_add(
    house: House, project: Any, sealed: int
) -> None:
    """Else a former quorum could make up rounds in which everybody else is absent."""
    twin = deploy_tournament(house, project, threshold=1)
    with ape.reverts(house.committee.UnknownTournament, tournament=twin):
        house.committee.attest(twin, house.report(sealed, SCORES), sender=house.members[0])


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
        disputeUntil=0, challenger=ZERO_ADDRESS, openVotes=0b101,
    )  # fmt: skip
    assert house.committee.hasStandingReport(house.tournament, sealed)


def test_only_the_accepted_report_is_final_once_the_window_has_passed(house: House, sealed: int) -> None:
    report, other = house.report(sealed, SCORES), house.report(sealed, SCORES, totalBurn=1)
    attest(house, report, 0, 1)
    until = house.committee.proposalOf(house.tournament, sealed).challengeUntil

    def final(candidate: Any, round_id: int = sealed) -> bool:
        from_ = final_from(house.committee, house.tournament, round_id, hash_of(house, candidate))
        return from_ <= house.now()

    house.pass_to(until - 1)
    assert not final(report)
    house.pass_to(until)
    assert final(report)
    assert not final(other)
    assert not final(report, sealed + 1)
    assert final_from(house.committee, house.tournament, sealed + 1, ZERO_HASH) == NEVER
    assert final_from(house.committee, house.committee, sealed, hash_of(house, report)) == NEVER


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


def test_votes_count_within_the_set_of_the_opening_whoever_comes_or_goes(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    attest(house, report, 0)
    house.committee.addMember(house.bob, 4, sender=house.admin)
    house.committee.removeMember(house.members[1], 3, sender=house.admin)
    with ape.reverts(house.committee.NotMember, caller=house.bob):
        house.committee.attest(house.tournament, report, sender=house.bob)
    assert votes(house, report) == 1
    attest(house, report, 1)
    assert house.committee.proposalOf(house.tournament, sealed).status == ACCEPTED


def test_an_accepted_report_outlives_a_change_of_members(house: House, sealed: int) -> None:
    report = house.report(sealed, SCORES)
    attest(house, report, 0, 1)
    before = house.committee.proposalOf(house.tournament, sealed)
    house.committee.removeMember(house.members[0], 2, sender=house.admin)
    assert house.committee.proposalOf(house.tournament, sealed) == before
    assert votes(house, report) == 2
    assert bytes(house.committee.voteOf(house.tournament, sealed, house.members[0])) == hash_of(house, report)


def test_a_removed_member_votes_on_rounds_opened_before_and_on_no_other(house: House, sealed: int) -> None:
    house.committee.removeMember(house.members[0], 2, sender=house.admin)
    attest(house, house.report(sealed, SCORES), 0)
    later = house.run_to_sealed()
    house.pass_to(house.round(later).resolveAt)
    with ape.reverts(house.committee.NotMember, caller=house.members[0]):
        attest(house, house.report(later, SCORES), 0)


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
