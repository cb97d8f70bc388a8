"""Tournament.settle"""

from __future__ import annotations

import ape
import pytest
from states import state
from support import (
    DAY,
    NANO,
    PPM,
    SEALED,
    SETTLED,
    SETTLING,
    UNIT,
    VOIDED,
    ZERO_HASH,
    House,
    is_event,
    only,
    outcome,
    pack_scores,
    push,
)

SCORES = [[40_000, -20_000, 90_000, -90_000, 0, 1, -1, 13], [25_000]]


@state
def settling(house: House, locked_in_two: int) -> int:
    house.begin(house.report(locked_in_two, SCORES))
    return locked_in_two


@state
def voided(house: House, locked_in_two: int) -> int:
    house.at(house.round(locked_in_two).deadline)
    house.tournament.voidRound(locked_in_two, sender=house.bob)
    return locked_in_two


def expected_idle(scores: list[int], cap: int = 50_000) -> list[int]:
    outcomes = [outcome(100 * NANO, score, PPM, cap, 1, 1) for score in scores]
    return [100 * NANO + paid - burned for paid, burned in outcomes]


def test_reverts_for_a_round_that_is_not_settling(house: House, locked_in_two: int) -> None:
    with ape.reverts(house.tournament.WrongState, roundId=locked_in_two, state=SEALED, expected=SETTLING):
        house.settle(locked_in_two, SCORES)


def test_reverts_while_paused(house: House, settling: int) -> None:
    house.tournament.pause(DAY, sender=house.guardian)
    with ape.reverts(house.tournament.TournamentPaused):
        house.settle(settling, SCORES)


@pytest.mark.parametrize("change", [b"", b"\0"])
def test_reverts_for_scores_of_another_length(house: House, settling: int, change: bytes) -> None:
    arguments = house.settle_arguments(settling, SCORES)
    arguments[5] = arguments[5] + change if change else arguments[5][:-1]
    with ape.reverts(house.tournament.ScoresLengthMismatch, length=len(arguments[5]), expected=12):
        house.tournament.settle(*arguments, sender=house.bob)


def test_reverts_for_a_chunk_out_of_turn(house: House, settling: int) -> None:
    with ape.reverts(house.tournament.NotTopOfStack, head=house.round(settling).positionsHead):
        house.settle(settling, SCORES, index=0)


def test_reverts_for_a_chunk_that_was_settled(house: House, settling: int) -> None:
    house.settle(settling, SCORES)
    with ape.reverts(house.tournament.NotTopOfStack):
        house.settle(settling, SCORES)


@pytest.mark.parametrize("index", [1, 2, 4])
def test_reverts_for_a_chunk_at_another_place(house: House, settling: int, index: int) -> None:
    """Another slot, another head below, another head of scores below."""
    arguments = house.settle_arguments(settling, SCORES)
    arguments[index] = 1 if index == 1 else b"\1" * 32
    with ape.reverts(house.tournament.NotTopOfStack):
        house.tournament.settle(*arguments, sender=house.bob)


def test_reverts_for_forged_truncated_or_padded_positions(house: House, settling: int) -> None:
    house.settle(settling, SCORES)
    arguments = house.settle_arguments(settling, SCORES, index=0)
    words, scores = arguments[3], arguments[5]
    forgeries = [
        ([words[0] + 1, words[1]], scores),
        ([words[1] - (1 << 64), words[0] + (1 << 64)], scores),
        (words[:1], scores[:12]),
        ([*words, 0], scores + b"\0" * 12),
        ([], b""),
    ]
    for forged, forged_scores in forgeries:
        with ape.reverts(house.tournament.NotTopOfStack):
            house.tournament.settle(*arguments[:3], forged, arguments[4], forged_scores, sender=house.bob)


def test_reverts_for_forged_scores(house: House, settling: int) -> None:
    arguments = house.settle_arguments(settling, SCORES)
    arguments[5] = pack_scores([26_000])
    with ape.reverts(house.tournament.NotTopOfStack, head=house.round(settling).scoresHead):
        house.tournament.settle(*arguments, sender=house.bob)


def test_reverts_when_more_would_be_paid_than_reserved(house: House, locked_in_two: int) -> None:
    """The report's total was too small for its scores: nobody is paid out of somebody else's reserve."""
    total = house.report(locked_in_two, SCORES)[3]
    house.begin(house.report(locked_in_two, SCORES, totalPayout=total - 1))
    house.settle(locked_in_two, SCORES)
    with ape.reverts(house.tournament.PaidAboveReserved, paid=total, reserved=total - 1):
        house.settle(locked_in_two, SCORES, index=0)


def test_reverts_when_more_would_burn_than_reported(house: House, locked_in_two: int) -> None:
    total = house.report(locked_in_two, SCORES)[4]
    house.begin(house.report(locked_in_two, SCORES, totalBurn=total - 1))
    house.settle(locked_in_two, SCORES)
    with ape.reverts(house.tournament.BurnedAboveReport, burned=total, totalBurn=total - 1):
        house.settle(locked_in_two, SCORES, index=0)


def test_reverts_when_scores_are_left_over(house: House, locked_in_two: int) -> None:
    """The report committed to one chunk of scores more than there are positions."""
    bottom = push(ZERO_HASH, 0, pack_scores([7]))
    middle = push(bottom, 0, pack_scores(SCORES[0]))
    top = push(middle, 2, pack_scores(SCORES[1]))
    house.begin(house.report(locked_in_two, SCORES, scoresHead=top))
    last, first = (
        house.settle_arguments(locked_in_two, SCORES),
        house.settle_arguments(locked_in_two, SCORES, 0),
    )
    last[4], first[4] = middle, bottom
    house.tournament.settle(*last, sender=house.bob)
    with ape.reverts(house.tournament.ScoresLeftOver, scoresHead=bottom):
        house.tournament.settle(*first, sender=house.bob)


def test_reverts_when_scores_run_out(house: House, locked_in_two: int) -> None:
    house.begin(house.report(locked_in_two, SCORES, scoresHead=push(ZERO_HASH, 2, pack_scores(SCORES[1]))))
    last = house.settle_arguments(locked_in_two, SCORES)
    last[4] = ZERO_HASH
    house.tournament.settle(*last, sender=house.bob)
    with ape.reverts(house.tournament.NotTopOfStack, head=ZERO_HASH):
        house.settle(locked_in_two, SCORES, index=0)


def test_settles_a_chunk_and_keeps_the_round_open(house: House, settling: int) -> None:
    owed, reserved = house.tournament.liabilities(), house.tournament.reserved()
    receipt = house.settle(settling, SCORES)
    payout = 100 * NANO * 25_000 // PPM
    is_event(
        only(receipt, house.tournament.ChunkSettled),
        roundId=settling, fromSlot=2, payout=payout, burn=0, scores=pack_scores(SCORES[1]),
    )  # fmt: skip
    assert house.idle()[8:] == expected_idle(SCORES[1])
    first = house.chunks[settling][0]
    is_event(house.round(settling), state=SETTLING, positionsHead=first.head, paid=payout, burned=0)
    assert house.tournament.reserved() == reserved - payout
    assert house.tournament.liabilities() == owed
    house.assert_books_balance()


def test_the_last_chunk_settles_the_round(house: House, settling: int) -> None:
    house.tournament.fundPool(UNIT, sender=house.bob)
    pool, owed, reserved = (
        house.tournament.pool(),
        house.tournament.liabilities(),
        house.tournament.reserved(),
    )
    house.settle(settling, SCORES)
    receipt = house.settle(settling, SCORES, index=0)
    idle = expected_idle(SCORES[0] + SCORES[1])
    burned = sum(max(100 * NANO - stake, 0) for stake in idle)
    is_event(only(receipt, house.tournament.RoundSettled), roundId=settling, paid=reserved, burned=burned)
    is_event(
        house.round(settling),
        state=SETTLED, paid=reserved, burned=burned, positionsHead=ZERO_HASH, scoresHead=ZERO_HASH,
    )  # fmt: skip
    assert house.idle() == idle
    assert (house.tournament.pool(), house.tournament.reserved()) == (pool, 0)
    assert (house.tournament.liabilities(), house.tournament.burnable()) == (owed, burned)
    assert house.token.balanceOf(house.sink) == 0
    house.assert_books_balance()


def test_a_settled_round_cannot_be_settled_again(house: House, settling: int) -> None:
    house.settle(settling, SCORES)
    house.settle(settling, SCORES, index=0)
    with ape.reverts(house.tournament.WrongState, roundId=settling, state=SETTLED, expected=SETTLING):
        house.settle(settling, SCORES, index=0)


def test_what_was_not_needed_of_the_reserve_goes_back_to_the_pool(house: House, locked_in_two: int) -> None:
    pool = house.tournament.pool()
    total = house.report(locked_in_two, SCORES)[3]
    house.begin(house.report(locked_in_two, SCORES, totalPayout=total + 99))
    house.settle(locked_in_two, SCORES)
    house.settle(locked_in_two, SCORES, index=0)
    assert (house.tournament.pool(), house.tournament.reserved()) == (pool - total, 0)
    house.assert_books_balance()


def test_a_deposit_of_one_unit_between_lock_and_settle_changes_nothing(house: House, settling: int) -> None:
    for model in (1, 9):
        house.deposit(model, 1, house.alice)
    house.settle(settling, SCORES)
    house.settle(settling, SCORES, index=0)
    expected = expected_idle(SCORES[0] + SCORES[1])
    assert house.idle() == [expected[0] + 1, *expected[1:8], expected[8] + 1]


def test_a_void_round_returns_every_position_whole(house: House, voided: int) -> None:
    owed = house.tournament.liabilities()
    receipt = house.tournament.settle(*house.return_arguments(voided), sender=house.bob)
    is_event(
        only(receipt, house.tournament.ChunkSettled), roundId=voided, fromSlot=2, payout=0, burn=0, scores=b""
    )
    house.tournament.settle(*house.return_arguments(voided, 0), sender=house.bob)
    assert house.idle() == [100 * NANO] * 9
    is_event(house.round(voided), state=VOIDED, positionsHead=ZERO_HASH)
    assert house.tournament.liabilities() == owed
    house.assert_books_balance()


def test_a_void_round_returns_also_while_paused(house: House, voided: int) -> None:
    house.tournament.pause(DAY, sender=house.guardian)
    house.tournament.settle(*house.return_arguments(voided), sender=house.bob)
    assert house.idle()[8] == 100 * NANO


def test_a_void_round_takes_no_scores_and_no_chunk_out_of_turn_or_twice(house: House, voided: int) -> None:
    with ape.reverts(house.tournament.ScoresLengthMismatch, length=12, expected=0):
        house.settle(voided, SCORES)
    with ape.reverts(house.tournament.NotTopOfStack):
        house.tournament.settle(*house.return_arguments(voided, 0), sender=house.bob)
    house.tournament.settle(*house.return_arguments(voided), sender=house.bob)
    with ape.reverts(house.tournament.NotTopOfStack):
        house.tournament.settle(*house.return_arguments(voided), sender=house.bob)
