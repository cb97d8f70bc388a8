"""OracleCommittee: challenge and veto"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest
from support import ZERO_ADDRESS, House, is_event, only
from voting import (
    ACCEPTED,
    CHALLENGE_BOND,
    DISPUTE_PERIOD,
    DISPUTED,
    NOTHING,
    assert_committee_holds_what_it_owes,
    attest,
    challenge,
    expire,
    hash_of,
    is_final,
    proposal,
    veto,
    votes,
)

both_ways = pytest.mark.parametrize("dispute", [challenge, veto])
Dispute = Callable[[House, int], Any]


@both_ways
def test_reverts_without_an_accepted_report(house: House, right: Any, dispute: Dispute) -> None:
    attest(house, right, 0, 1)
    for round_id in (right[0], 99):
        with ape.reverts(house.committee.WrongStatus, status=NOTHING, expected=ACCEPTED):
            dispute(house, round_id)


@both_ways
def test_reverts_once_the_report_is_final(house: House, accepted: int, wrong: Any, dispute: Dispute) -> None:
    until = proposal(house, accepted).challengeUntil
    house.at(until)
    with ape.reverts(house.committee.TooLate, timestamp=until, before=until):
        dispute(house, accepted)
    assert is_final(house, wrong)


@both_ways
def test_reverts_for_a_second_dispute_of_a_round(
    house: House, disputed: int, wrong: Any, dispute: Dispute
) -> None:
    with ape.reverts(house.committee.WrongStatus, status=DISPUTED, expected=ACCEPTED):
        dispute(house, disputed)
    attest(house, wrong, 0, 1, 2, 3)
    with ape.reverts(house.committee.WrongStatus, expected=ACCEPTED):
        dispute(house, disputed)


@both_ways
def test_reverts_after_a_dispute_expired(house: House, disputed: int, dispute: Dispute) -> None:
    house.at(proposal(house, disputed).disputeUntil)
    with ape.reverts(house.committee.WrongStatus, expected=ACCEPTED):
        dispute(house, disputed)
    expire(house, disputed)
    with ape.reverts(house.committee.WrongStatus, expected=ACCEPTED):
        dispute(house, disputed)


def test_a_challenge_reverts_without_the_bond(house: House, accepted: int) -> None:
    with ape.reverts(house.token.ERC20InsufficientAllowance, needed=CHALLENGE_BOND):
        challenge(house, accepted, house.guardian)
    assert proposal(house, accepted).status == ACCEPTED


@pytest.mark.parametrize("caller", ["alice", "operator", "admin"])
def test_only_the_guardian_vetoes(house: House, accepted: int, caller: str) -> None:
    account = getattr(house, caller)
    with ape.reverts(house.committee.AccessManagedUnauthorized, caller=account):
        house.committee.veto(house.tournament, accepted, sender=account)


@both_ways
def test_opens_a_second_vote(house: House, accepted: int, wrong: Any, dispute: Dispute) -> None:
    before = house.token.balanceOf(house.bob)
    receipt = dispute(house, accepted)
    bonded = dispute is challenge
    until = house.now() + DISPUTE_PERIOD
    is_event(
        only(receipt, house.committee.ReportDisputed),
        tournament=house.tournament, roundId=accepted, challenger=house.bob if bonded else ZERO_ADDRESS,
        reportHash=hash_of(house, wrong), disputeUntil=until,
    )  # fmt: skip
    is_event(
        proposal(house, accepted),
        reportHash=hash_of(house, wrong), memberSetId=3, status=DISPUTED, disputeUntil=until,
        openVotes=0b11111, challenger=house.bob if bonded else ZERO_ADDRESS,
    )  # fmt: skip
    assert before - house.token.balanceOf(house.bob) == CHALLENGE_BOND * bonded
    assert votes(house, wrong) == 0
    assert_committee_holds_what_it_owes(house)


@both_ways
def test_a_disputed_report_is_not_final_and_still_stands(
    house: House, accepted: int, wrong: Any, dispute: Dispute
) -> None:
    house.at(proposal(house, accepted).challengeUntil - 1)
    dispute(house, accepted)
    until = proposal(house, accepted).disputeUntil
    for moment in (proposal(house, accepted).challengeUntil, until - 1):
        house.pass_to(moment)
        assert not is_final(house, wrong)
        assert house.committee.hasStandingReport(house.tournament, accepted)
        assert not house.committee.hasExpired(house.tournament, accepted)
