"""Tournament.seal"""

from __future__ import annotations

from typing import Any

import ape
import pytest
from support import (
    DAY,
    LOCKED,
    LOCKING,
    NANO,
    OPEN,
    PPM,
    ROOT,
    SEALED,
    SETTLED,
    SHARE,
    House,
    is_event,
    only,
    outcome,
    payout_factor,
)


def locked(house: House, nano: int = 10 * NANO) -> int:
    house.stake(house.alice, nano, SHARE | PPM)
    return house.run_to_locked()


# refused


def test_reverts_while_paused(house: House) -> None:
    round_id = locked(house)
    house.tournament.pause(DAY, sender=house.guardian)
    with ape.reverts(house.tournament.TournamentPaused):
        house.seal(round_id)


def test_reverts_for_a_round_that_does_not_exist_or_is_sealed(house: House) -> None:
    with ape.reverts(house.tournament.WrongState, roundId=9, state=0, expected=LOCKED):
        house.seal(9)
    round_id = locked(house)
    house.seal(round_id)
    with ape.reverts(house.tournament.WrongState, roundId=round_id, state=SEALED, expected=LOCKED):
        house.seal(round_id)


@pytest.mark.parametrize("state", [OPEN, LOCKING])
def test_reverts_before_the_operator_has_ended_the_lock(house: House, state: int) -> None:
    """A quorum of the members alone never fixes what is at risk: whoever could, would choose the moment."""
    house.stake(house.alice, 10 * NANO, SHARE | PPM)
    round_id = house.open()
    house.at(house.round(round_id).closeAt)
    if state == LOCKING:
        house.lock(round_id, [True])
    with ape.reverts(house.tournament.WrongState, roundId=round_id, state=state, expected=LOCKED):
        house.seal(round_id, signers=house.members)


def test_reverts_once_the_window_has_passed(house: House) -> None:
    round_id = locked(house)
    close = house.round(round_id).closeAt
    house.at(close + DAY)
    with ape.reverts(house.tournament.TooLate, timestamp=close + DAY, before=close + DAY):
        house.seal(round_id)


@pytest.mark.parametrize("valid", [10 * NANO + 1, 2**64 - 1])
def test_reverts_when_more_is_said_to_be_valid_than_was_locked(house: House, valid: int) -> None:
    round_id = locked(house)
    with ape.reverts(house.tournament.ValidAboveAtRisk, validAtRisk=valid, atRisk=10 * NANO):
        house.seal(round_id, valid)


def test_reverts_when_something_is_said_to_be_valid_and_nothing_was_locked(house: House) -> None:
    round_id = house.open()
    house.end_lock(round_id)
    with ape.reverts(house.tournament.ValidAboveAtRisk, validAtRisk=1, atRisk=0):
        house.seal(round_id, 1)


def test_reverts_below_the_quorum_of_the_rounds_members(house: House) -> None:
    round_id = locked(house)
    for signers in (house.members[:1], []):
        with ape.reverts(house.committee.TooFewSigners, signerCount=len(signers), quorum=2):
            house.seal(round_id, signers=signers)


def test_reverts_when_a_signer_is_no_member(house: House) -> None:
    round_id = locked(house)
    arguments = house.seal_arguments(round_id)
    stranger = house.seal_arguments(round_id, signers=house.members[1:2])
    with ape.reverts(house.committee.WrongSigner, expected=house.members[0]):
        house.tournament.seal(*arguments[:4], stranger[4] + arguments[4][65:], sender=house.bob)


@pytest.mark.parametrize(
    "other",
    [
        {"submissionsRoot": b"\1" * 32},
        {"validAtRisk": 10 * NANO - 1},
        {"roundId": 2},
        {"positionsHead": b"\0" * 32},
        {"verifyingContract": "0x" + "11" * 20},
        {"chainId": 1},
        {"version": "1"},
        {"name": "Numerai"},
    ],
)
def test_reverts_when_anything_else_was_signed(house: House, other: dict[str, Any]) -> None:
    round_id = locked(house)
    with ape.reverts(house.committee.WrongSigner, expected=house.members[0]):
        house.seal(round_id, **other)
    house.seal(round_id)


def test_reverts_when_members_signed_before_the_last_chunk_was_locked(house: House) -> None:
    for _ in range(4):
        house.stake(house.alice, 10 * NANO, SHARE | PPM)
    round_id = house.open()
    house.lock(round_id, [True] * 4)
    signed = house.seal_arguments(round_id)
    house.stake(house.alice, 10 * NANO, SHARE | PPM)
    house.lock(round_id, [True], from_slot=1)
    house.end_lock(round_id)
    with ape.reverts(house.committee.WrongSigner, expected=house.members[0]):
        house.tournament.seal(*signed, sender=house.bob)
    house.seal(round_id)
    is_event(house.round(round_id), state=SEALED, atRisk=50 * NANO)


# taken


@pytest.mark.parametrize("threshold", [0, 1, 3 * NANO, 7 * NANO - 1, 7 * NANO, 10 * NANO, 2**64 - 1])
@pytest.mark.parametrize("valid", [0, 1, 7 * NANO, 10 * NANO])
def test_fixes_the_submissions_and_the_payout_factor_of_what_is_valid(
    house: House, threshold: int, valid: int
) -> None:
    house.tournament.setParameters(50_000, threshold, 0, sender=house.admin)
    round_id = locked(house)
    receipt = house.seal(round_id, valid)
    expected = {
        "atRisk": 10 * NANO,
        "validAtRisk": valid,
        "payoutFactor": payout_factor(valid, threshold),
        "submissionsRoot": ROOT,
    }
    is_event(only(receipt, house.tournament.RoundSealed), roundId=round_id, **expected)
    is_event(house.round(round_id), state=SEALED, **expected)
    assert not receipt.events.filter(house.tournament.RoundSettled)


def test_anybody_seals_and_the_committee_remembers_who_signed(house: House) -> None:
    round_id = locked(house)
    arguments = house.seal_arguments(round_id, signers=[house.members[2], house.members[0]])
    receipt = house.tournament.seal(*arguments, sender=house.alice)
    is_event(
        only(receipt, house.committee.SealRecorded),
        tournament=house.tournament, roundId=round_id, setId=1, signers=0b101,
    )  # fmt: skip
    assert [house.committee.absencesOf(member) for member in house.members] == [0, 1, 0]


def test_nothing_moves_but_the_state(house: House) -> None:
    round_id = locked(house)
    before = (house.idle(), house.tournament.pool(), house.tournament.liabilities())
    house.seal(round_id, 3)
    assert (house.idle(), house.tournament.pool(), house.tournament.liabilities()) == before
    house.assert_books_balance()


@pytest.mark.parametrize("threshold", [0, 10_000 * NANO])
def test_a_round_in_which_nothing_was_locked_is_settled_at_once(house: House, threshold: int) -> None:
    house.tournament.setParameters(50_000, threshold, 0, sender=house.admin)
    round_id = house.open()
    house.end_lock(round_id)
    receipt = house.seal(round_id)
    is_event(only(receipt, house.tournament.RoundSealed), atRisk=0, validAtRisk=0, payoutFactor=PPM)
    is_event(only(receipt, house.tournament.RoundSettled), roundId=round_id, paid=0, burned=0)
    is_event(house.round(round_id), state=SETTLED, submissionsRoot=ROOT)


def test_a_round_in_which_nothing_was_locked_takes_a_quorum_too(house: House) -> None:
    round_id = house.open()
    house.end_lock(round_id)
    with ape.reverts(house.committee.TooFewSigners, signerCount=1, quorum=2):
        house.seal(round_id, signers=house.members[:1])


def test_a_chunk_without_positions_still_has_to_be_settled(house: House) -> None:
    house.stake(house.alice, NANO)
    round_id = house.run_to_sealed()
    is_event(house.round(round_id), state=SEALED, atRisk=0)
    house.begin(house.report(round_id, [[0]]))
    house.settle(round_id, [[0]])
    assert house.round(round_id).state == SETTLED


# whose quorum


def test_a_member_who_was_removed_since_the_opening_still_signs(house: House) -> None:
    house.stake(house.alice, NANO, SHARE | PPM)
    round_id = house.open()
    house.committee.removeMember(house.members[0], 2, sender=house.admin)
    house.lock(round_id, [True])
    house.end_lock(round_id)
    house.seal(round_id, signers=house.members[:2])
    assert house.round(round_id).state == SEALED


def test_a_member_who_was_added_since_the_opening_does_not_sign(house: House) -> None:
    house.stake(house.alice, NANO, SHARE | PPM)
    round_id = house.open()
    house.committee.addMember(house.operator, 3, sender=house.admin)
    house.lock(round_id, [True])
    house.end_lock(round_id)
    # The place that the new member has in the set of today.
    arguments = house.seal_arguments(round_id)
    arguments[3] |= 1 << 3
    with ape.reverts(house.committee.SignersOutOfRange, signers=0b1011, memberCount=3):
        house.tournament.seal(*arguments, sender=house.bob)
    house.seal(round_id)
    assert house.round(round_id).state == SEALED


def test_the_quorum_is_that_of_the_opening(house: House) -> None:
    house.stake(house.alice, NANO, SHARE | PPM // 2)
    before = house.open()
    house.committee.setQuorum(3, sender=house.admin)
    after = house.open()
    for round_id in (before, after):
        house.lock(round_id, [True])
        house.end_lock(round_id)
    house.seal(before, signers=house.members[:2])
    with ape.reverts(house.committee.TooFewSigners, signerCount=2, quorum=3):
        house.seal(after, signers=house.members[:2])
    house.seal(after, signers=house.members)
    assert [house.round(each).state for each in (before, after)] == [SEALED, SEALED]


# what does not count


def test_a_position_that_does_not_count_comes_back_whole(house: House) -> None:
    """However large it is, the others earn as if it were not there."""
    house.tournament.setParameters(PPM, 100 * NANO, 0, sender=house.admin)
    stakes = [60 * NANO, 20_000 * NANO, 40 * NANO]
    for stake in stakes:
        house.stake(house.alice, stake, SHARE | PPM)
    round_id = house.run_to_sealed(valid=100 * NANO)
    assert house.round(round_id).payoutFactor == PPM
    scores = [[30_000, 0, -20_000]]
    house.begin(house.report(round_id, scores))
    house.settle(round_id, scores)
    won, _ = outcome(60 * NANO, 30_000, PPM, PPM, 1, 1)
    _, lost = outcome(40 * NANO, -20_000, PPM, PPM, 1, 1)
    assert house.idle() == [60 * NANO + won, 20_000 * NANO, 40 * NANO - lost]
    house.assert_books_balance()


def test_when_nothing_counts_everything_comes_back_and_nobody_is_paid(house: House) -> None:
    for _ in range(3):
        house.stake(house.alice, 100 * NANO, SHARE | PPM)
    round_id = house.run_to_sealed(valid=0)
    house.begin(house.report(round_id, [[0, 0, 0]]))
    house.settle(round_id, [[0, 0, 0]])
    assert house.idle() == [100 * NANO] * 3
    is_event(house.round(round_id), state=SETTLED, paid=0, burned=0)
    house.assert_books_balance()
