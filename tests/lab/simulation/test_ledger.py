"""Books: stakes go at risk and come back as the contract would have it, and nothing is lost."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scorer.lab.simulation.ledger import Ledger
from scorer.protocol.rules import StakeTerms, preset
from scorer.rewards import payout_factor, settle

NMR = 10**9
ONE = 1_000_000


def book(
    idle: list[int], allocations: list[int], overlap: int = 2, stake: StakeTerms | None = None
) -> Ledger:
    terms = stake or preset("classic").stake
    return Ledger(
        "plain", terms, np.array(allocations, dtype=np.uint64), np.array(idle, dtype=np.uint64), overlap
    )


def everybody(count: int) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.ones(count, dtype=np.bool_)


def test_a_share_of_idle_is_locked_and_a_position_below_the_minimum_is_not() -> None:
    found = book([100 * NMR, NMR // 100, 7], [250_000, ONE, ONE]).next_positions(everybody(3))
    assert found.tolist() == [25 * NMR, NMR // 100, 0]


def test_who_is_late_is_not_staked() -> None:
    found = book([NMR, NMR], [ONE, ONE]).next_positions(np.array([True, False]))
    assert found.tolist() == [NMR, 0]


@given(st.integers(0, 2**63), st.integers(0, ONE))
def test_a_share_of_any_stake_is_exact(idle: int, allocation: int) -> None:
    terms = preset("classic").stake.model_copy(update={"minimum_position": 0})
    found = book([idle], [allocation], stake=terms).next_positions(everybody(1))
    assert found.tolist() == [idle * allocation // ONE]


def test_a_round_settles_after_as_many_rounds_as_overlap() -> None:
    played = book([100 * NMR], [500_000], overlap=2)
    score = np.array([40_000], dtype=np.int64)
    played.lock(played.next_positions(everybody(1)), score)
    assert (played.idle.tolist(), played.locked.tolist(), played.paid) == ([50 * NMR], [50 * NMR], [])
    played.lock(played.next_positions(everybody(1)), score)
    assert played.locked.tolist() == [25 * NMR]
    assert played.idle.tolist() == [25 * NMR + 52 * NMR]
    played.close()
    assert played.locked.tolist() == [0]
    assert played.idle.tolist() == [103 * NMR]


@given(st.lists(st.lists(st.integers(-ONE, ONE), min_size=3, max_size=3), min_size=1, max_size=8))
def test_what_is_left_is_the_deposits_plus_payouts_less_burns(rewards: list[list[int]]) -> None:
    deposits = [100 * NMR + 7, 3 * NMR, 50_000 * NMR]
    played = book(deposits, [300_000, ONE, 250_000], overlap=3)
    for scores in rewards:
        played.lock(played.next_positions(everybody(3)), np.array(scores, dtype=np.int64))
        assert (played.totals[-1] == played.idle + played.locked).all()
    played.close()
    paid, burned = (
        sum((each.astype(object) for each in amounts), np.zeros(3, dtype=object))
        for amounts in (played.paid, played.burned)
    )
    assert played.idle.tolist() == (np.array(deposits, dtype=object) + paid - burned).tolist()
    assert len(played.paid) == len(rewards)


def test_a_round_above_the_threshold_is_scaled_down_as_on_the_chain() -> None:
    played = book([200_000 * NMR], [ONE], overlap=1)
    scores = np.array([40_000], dtype=np.int64)
    positions = played.next_positions(everybody(1))
    played.lock(positions, scores)
    terms = preset("classic").stake
    factor = payout_factor(200_000 * NMR, terms.threshold)
    assert factor == 360_000
    expected = settle(positions, scores, factor=factor, cap=terms.cap)
    assert played.paid[0].tolist() == expected.payouts.tolist()
