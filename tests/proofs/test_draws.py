"""Who is drawn to show predictions: as often as a payout is large, never who burns, and nobody by choice."""

import numpy as np
import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from scorer.proofs.calls import ScoredLanes
from scorer.proofs.demands import LanePayouts, draw_of, drawn_lanes
from scorer.protocol.chunks import Chunk

ONE = 1_000_000
NMR = 10**9
SEEDS = 3_000
REPORT = keccak(b"report")


def lanes_by(number: int, demands: int, payouts: LanePayouts) -> tuple[int, ...]:
    """Return whom one of many seeds draws."""
    return drawn_lanes(number * 0x9E3779B97F4A7C15 % 2**64, REPORT, demands, payouts)


def payouts_of(*amounts: int) -> LanePayouts:
    return LanePayouts(np.arange(len(amounts)), np.array(amounts, dtype=np.uint64))


def scored(chunks: list[tuple[int, list[tuple[int, int]]]]) -> ScoredLanes:
    """Return chunks of (first slot, (position, score) by lane)."""
    return ScoredLanes.of(
        [Chunk(slot, np.array([size for size, _ in lanes], dtype=np.uint64)) for slot, lanes in chunks],
        [np.array([score for _, score in lanes], dtype=np.int64) for _, lanes in chunks],
    )


lanes_of = st.lists(st.tuples(st.integers(0, 2**54 - 1), st.integers(-ONE, ONE)), min_size=4, max_size=4)


@given(st.lists(lanes_of, min_size=1, max_size=4), st.integers(1, 16), st.integers(0, 2**64 - 1))
def test_a_model_that_burns_or_has_no_payout_is_never_drawn(
    parts: list[list[tuple[int, int]]], demands: int, seed: int
) -> None:
    found = LanePayouts.of(scored(list(enumerate(parts))), ONE, ONE)
    lanes = drawn_lanes(seed, REPORT, demands, found)
    outcomes = [lane for part in parts for lane in part]
    assert (1 <= len(lanes) <= demands) if found.total else not lanes
    assert list(lanes) == sorted({*lanes})
    assert all(outcomes[lane][1] > 0 and outcomes[lane][0] * outcomes[lane][1] >= ONE for lane in lanes)


def test_every_draw_falls_in_the_payout_that_it_is_part_of() -> None:
    found = payouts_of(3, 0, 2, 0, 0, 1)
    assert [found.lane_at(draw) for draw in range(6)] == [0, 0, 0, 2, 2, 5]


@pytest.mark.parametrize("draw", [-1, 6])
def test_a_draw_beyond_the_total_is_refused(draw: int) -> None:
    with pytest.raises(ValueError, match="expected a draw from 0 and below 6, found"):
        payouts_of(3, 0, 2, 0, 0, 1).lane_at(draw)


def test_lanes_are_counted_over_the_whole_tournament_in_the_order_in_which_chunks_were_locked() -> None:
    chunks = [(9, [(ONE, 1)] * 4), (2, [(0, 5), (ONE, 2), (ONE, -7), (ONE, 3)])]
    found = LanePayouts.of(scored(chunks), ONE, ONE)
    assert found.lanes.tolist() == [36, 37, 38, 39, 8, 9, 10, 11]
    assert [found.lane_at(draw) for draw in range(9)] == [36, 37, 38, 39, 9, 9, 11, 11, 11]


def test_where_nothing_is_paid_nobody_is_drawn() -> None:
    assert lanes_by(0, 16, payouts_of(0, 0, 0, 0)) == ()
    assert lanes_by(0, 16, LanePayouts.of(scored([]), ONE, ONE)) == ()


def test_who_is_drawn_several_times_has_one_place_in_the_order_of_the_lock() -> None:
    found = LanePayouts(np.array([36, 37, 8]), np.array([NMR, 0, NMR], dtype=np.uint64))
    assert {lanes_by(number, 16, found) for number in range(20)} == {(36, 8)}


def test_payouts_are_those_out_of_a_full_pool_by_payout_factor_and_cap() -> None:
    found = LanePayouts.of(
        scored([(0, [(NMR, 100_000), (NMR, 20_000), (0, ONE), (NMR, -ONE)])]), 500_000, 30_000
    )
    assert found.payouts.tolist() == [NMR * 3 // 100, NMR // 100, 0, 0]


def test_the_largest_payouts_that_the_contract_can_hold_are_added_up_exactly() -> None:
    found = payouts_of(2**63, 2**63 - 1)
    assert found.total == 2**64 - 1
    assert [found.lane_at(draw) for draw in (0, 2**63 - 1, 2**63, 2**64 - 2)] == [0, 0, 1, 1]


def test_a_model_is_drawn_as_often_as_its_payout_is_large() -> None:
    amounts = [1 * NMR, 0, 2 * NMR, 3 * NMR, 4 * NMR]
    drawn = [lane for number in range(SEEDS) for lane in lanes_by(number, 1, payouts_of(*amounts))]
    counts = np.bincount(drawn, minlength=len(amounts))
    shares = np.array(amounts) / sum(amounts)
    # Five standard deviations of a share among so many draws.
    bound = 5 * np.sqrt(shares * (1 - shares) / len(drawn))
    assert np.all(np.abs(counts / len(drawn) - shares) <= bound)
    assert counts[1] == 0


@pytest.mark.parametrize("demands", [1, 2, 4, 8])
@pytest.mark.parametrize("made_up", [1, 2, 5])
def test_made_up_payouts_are_all_missed_as_often_as_their_share_says(made_up: int, demands: int) -> None:
    """Of ten equal payouts some are made up: k draws all miss them with probability (1 - s)^k."""
    found = payouts_of(*[NMR] * 10)
    misses = sum(all(lane >= made_up for lane in lanes_by(number, demands, found)) for number in range(SEEDS))
    chance = (1 - made_up / 10) ** demands
    assert abs(misses / SEEDS - chance) <= 5 * (chance * (1 - chance) / SEEDS) ** 0.5


@given(
    st.integers(0, 2**64 - 1),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 15),
    st.integers(1, 2**64 - 1),
)
def test_a_draw_is_what_abi_encoding_and_the_hash_give(
    seed: int, report: bytes, number: int, total: int
) -> None:
    digest = keccak(encode(["uint64", "bytes32", "uint256"], [seed, report, number]))
    assert draw_of(seed, report, number, total) == int.from_bytes(digest, "big") % total
