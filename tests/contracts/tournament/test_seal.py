"""Tournament.seal"""

from __future__ import annotations

import ape
import pytest
from eth_utils import keccak
from support import DAY, NANO, OPEN, PPM, SEALED, SETTLED, SHARE, House, is_event, only, payout_factor

ROOT = bytes(keccak(b"submissions"))


def locked(house: House, nano: int = 10 * NANO) -> int:
    house.stake(house.alice, nano, SHARE | PPM)
    round_id = house.open()
    house.lock(round_id, [True])
    return round_id


def test_reverts_for_others_than_the_operator(house: House) -> None:
    round_id = locked(house)
    with ape.reverts(house.tournament.AccessManagedUnauthorized, caller=house.bob):
        house.tournament.seal(round_id, ROOT, sender=house.bob)


def test_reverts_while_paused(house: House) -> None:
    round_id = locked(house)
    house.tournament.pause(DAY, sender=house.guardian)
    with ape.reverts(house.tournament.TournamentPaused):
        house.seal(round_id)


def test_reverts_for_a_round_that_does_not_exist_or_is_sealed(house: House) -> None:
    with ape.reverts(house.tournament.WrongState, roundId=9, state=0, expected=OPEN):
        house.seal(9)
    round_id = locked(house)
    house.seal(round_id)
    with ape.reverts(house.tournament.WrongState, roundId=round_id, state=SEALED, expected=OPEN):
        house.seal(round_id)


def test_reverts_outside_the_window(house: House) -> None:
    round_id = house.open()
    close = house.round(round_id).closeAt
    house.at(close - 1)
    with ape.reverts(house.tournament.TooEarly, timestamp=close - 1, notBefore=close):
        house.seal(round_id)
    house.at(close + DAY)
    with ape.reverts(house.tournament.TooLate, timestamp=close + DAY, before=close + DAY):
        house.seal(round_id)


@pytest.mark.parametrize("threshold", [0, 1, 3 * NANO, 10 * NANO - 1, 10 * NANO, 10 * NANO + 1, 2**64 - 1])
def test_fixes_the_payout_factor_and_the_submissions(house: House, threshold: int) -> None:
    house.tournament.setParameters(50_000, threshold, 0, sender=house.admin)
    round_id = locked(house)
    receipt = house.seal(round_id)
    factor = payout_factor(10 * NANO, threshold)
    expected = {"atRisk": 10 * NANO, "payoutFactor": factor, "submissionsRoot": ROOT}
    is_event(only(receipt, house.tournament.RoundSealed), roundId=round_id, **expected)
    is_event(house.round(round_id), state=SEALED, **expected)


@pytest.mark.parametrize("threshold", [0, 10_000 * NANO])
def test_a_round_in_which_nothing_was_locked_is_settled_at_once(house: House, threshold: int) -> None:
    house.tournament.setParameters(50_000, threshold, 0, sender=house.admin)
    round_id = house.open()
    house.at(house.round(round_id).closeAt)
    receipt = house.seal(round_id)
    is_event(only(receipt, house.tournament.RoundSealed), atRisk=0, payoutFactor=PPM)
    is_event(only(receipt, house.tournament.RoundSettled), roundId=round_id, paid=0, burned=0)
    assert house.round(round_id).state == SETTLED


def test_a_chunk_without_positions_still_has_to_be_settled(house: House) -> None:
    house.stake(house.alice, NANO)
    round_id = house.run_to_sealed()
    is_event(house.round(round_id), state=SEALED, atRisk=0)
    house.begin(house.report(round_id, [[0]]))
    house.settle(round_id, [[0]])
    assert house.round(round_id).state == SETTLED
