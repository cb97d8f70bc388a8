"""Bids stay within the policy, and a replacement is one that nodes accept."""

from hypothesis import given
from hypothesis import strategies as st

from scorer.chain.fees import GWEI, Bid, FeePolicy, GasMarket, raised

amounts = st.integers(0, 50_000 * GWEI)


def test_a_bid_covers_the_tip_and_a_base_fee_three_times_as_high() -> None:
    bid = FeePolicy(tip=30 * GWEI).bid(GasMarket(100))
    assert bid == Bid(30 * GWEI, 300 + 30 * GWEI)
    assert bid.fields() == {"maxPriorityFeePerGas": 30 * GWEI, "maxFeePerGas": 300 + 30 * GWEI}


@given(amounts, amounts, amounts)
def test_a_bid_can_be_mined_and_is_never_above_the_ceiling(base: int, market: int, ceiling: int) -> None:
    policy = FeePolicy(tip=30 * GWEI, ceiling=ceiling)
    bid = policy.bid(GasMarket(base, market))
    if bid is None:
        assert base + policy.tip > ceiling
    else:
        assert base + policy.tip <= base + bid.tip <= bid.cap <= ceiling


@given(amounts, amounts, amounts, amounts, amounts)
def test_a_replacement_raises_both_fees_by_an_eighth_unless_the_node_did_not_take_the_bid_before(
    tip: int, base: int, market: int, ceiling: int, least: int
) -> None:
    previous = Bid(tip, tip + base)
    bid = FeePolicy(tip=GWEI, ceiling=ceiling).replacement(previous, GasMarket(base, market), least)
    if bid is None:
        return
    assert bid.tip * 8 >= tip * 9
    assert bid.cap * 8 >= previous.cap * 9 or (tip < least and bid.cap == ceiling)
    assert least <= bid.tip <= bid.cap <= ceiling


@given(amounts)
def test_a_raise_is_what_every_node_takes_for_one(fee: int) -> None:
    assert raised(fee) * 10 > fee * 11


@given(amounts, amounts, amounts)
def test_no_tip_is_above_its_ceiling(market: int, least: int, tip: int) -> None:
    policy = FeePolicy(tip=30 * GWEI, tip_ceiling=200 * GWEI)
    first = policy.bid(GasMarket(GWEI, market))
    assert first is not None
    assert 30 * GWEI <= first.tip <= 200 * GWEI
    raise_ = policy.replacement(Bid(tip, tip), GasMarket(GWEI, market), least)
    assert raise_ is None or raise_.tip <= 200 * GWEI
    if max(least, raised(tip)) <= 200 * GWEI:
        assert raise_ is not None


def test_the_least_tip_goes_before_the_ceiling_of_tips() -> None:
    policy = FeePolicy(tip=500 * GWEI)
    assert policy.bid(GasMarket(GWEI)) == Bid(500 * GWEI, 503 * GWEI)


def test_gas_is_limited_to_what_the_endpoint_pays_for() -> None:
    policy = FeePolicy(tip=30 * GWEI, transaction_cap=10**18)
    assert policy.most_gas(GasMarket(100 * GWEI), 30_000_000) == 10**18 // (330 * GWEI)
    assert policy.most_gas(GasMarket(1), 30_000_000) == 30_000_000
    assert not policy.allows(4_000_000, Bid(30 * GWEI, 330 * GWEI))
    assert FeePolicy().allows(10**9, Bid(1, 10**18))


def test_a_tip_that_was_refused_is_raised_under_a_cap_that_is_at_the_ceiling_already() -> None:
    policy = FeePolicy(tip=1, ceiling=2_000 * GWEI)
    market = GasMarket(900 * GWEI)
    first = policy.bid(market)
    assert first == Bid(1, 2_000 * GWEI)
    assert policy.replacement(first, market, least_tip=25 * GWEI) == Bid(25 * GWEI, 2_000 * GWEI)
    assert policy.replacement(first, market) is None
