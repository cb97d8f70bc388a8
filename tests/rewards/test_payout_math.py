"""The integer mirror of settlement against PayoutMath in an EVM: more than a hundred thousand positions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scorer.deployment.verification import SETTINGS, compile_input
from scorer.lab.anvil import run_anvil
from scorer.protocol.chunks import pack_scores
from scorer.rewards import payout_factor, settle
from tests.plain_calls import called

REPOSITORY = Path(__file__).parent.parent.parent
SOURCES = (
    "tests/rewards/PayoutMathHarness.sol",
    "contracts/lib/PayoutMath.sol",
    "contracts/lib/Uint64x4.sol",
)
HARNESS = "0x00000000000000000000000000000000000a11ce"
ROUNDS_IN_A_CALL = 50
AT_LEAST = 100_000

ONE = 1_000_000
MAX_UINT64 = 2**64 - 1
MAX_LIABILITIES = 2**63 - 1
POSITIONS = (0, 1, 999_999, 1_000_000, 1_000_001, 10**9, 11 * 10**15, 2**62, 2**63 - 1, 2**63, MAX_UINT64)
SCORES = (-(2**23), -ONE - 1, -ONE, -ONE + 1, -50_001, -50_000, -1, 0, 1, 49_999, 50_000, ONE, 2**23 - 1)
FACTORS = (0, 1, 499_999, 500_000, 999_999, ONE)
CAPS = (0, 1, 49_999, 50_000, 999_999, ONE)


@dataclass(frozen=True)
class Round:
    """Everything that decides what the positions of a round earn; `available` is the pool."""

    positions: NDArray[np.uint64]
    scores: NDArray[np.int64]
    factor: int
    cap: int
    available: int | None = None

    def full_payout(self) -> int:
        """Sum of the payouts of a pool that is not short."""
        return settle(self.positions, self.scores, factor=self.factor, cap=self.cap).total_payout

    def to_contract(self) -> tuple[list[int], bytes, int, int, int, int]:
        """Round of PayoutMathHarness: a pool that is not short is as large as the payouts."""
        words = self.positions.astype("<u8").tobytes()
        slots = [int.from_bytes(words[at : at + 32], "little") for at in range(0, len(words), 32)]
        # Below 2^64 in a real round. One of larger positions is not made short here.
        total = 0 if self.available is None else self.full_payout()
        return slots, pack_scores(self.scores), self.factor, self.cap, self.available or 0, total


@pytest.fixture(scope="module")
def harness() -> Iterator[Any]:
    """The harness, compiled as the contracts are, on a local chain."""
    standard = {
        "language": "Solidity",
        "settings": SETTINGS
        | {"outputSelection": {SOURCES[0]: {"*": ["abi", "evm.deployedBytecode.object"]}}},
        "sources": {name: {"content": (REPOSITORY / name).read_text()} for name in SOURCES},
    }
    made = compile_input(standard, REPOSITORY)["contracts"][SOURCES[0]]["PayoutMathHarness"]
    with run_anvil() as anvil:
        code = "0x" + made["evm"]["deployedBytecode"]["object"]
        anvil.w3.provider.make_request("anvil_setCode", [HARNESS, code])  # type: ignore[arg-type]
        yield anvil.w3.eth.contract(anvil.w3.to_checksum_address(HARNESS), abi=made["abi"])


def lanes(words: Sequence[int]) -> list[int]:
    return [int(lane) for word in words for lane in np.frombuffer(word.to_bytes(32, "little"), dtype="<u8")]


def compare(harness: Any, rounds: Sequence[Round]) -> int:
    """Settle every round on both sides; the number of positions whose payout and burn agreed."""
    compared = 0
    for start in range(0, len(rounds), ROUNDS_IN_A_CALL):
        some = rounds[start : start + ROUNDS_IN_A_CALL]
        payouts, burns = called(harness.functions.settle([each.to_contract() for each in some]))
        for each, paid, burned in zip(some, payouts, burns, strict=True):
            found = settle(
                each.positions, each.scores, factor=each.factor, cap=each.cap, available=each.available
            )
            assert lanes(paid) == found.payouts.tolist(), each
            assert lanes(burned) == found.burns.tolist(), each
            compared += len(each.positions)
    return compared


def random_round(random: np.random.Generator, short: bool) -> Round:
    """Stakes and scores of all sizes. The stakes add up to no more than the tournament may owe."""
    models = 4 * int(random.integers(1, 80))
    bits = random.integers(0, 64 - int(models).bit_length(), models)
    positions = (2.0**bits * random.uniform(0.5, 1, models)).astype(np.uint64)
    positions[random.random(models) < 0.1] = 0
    widths = random.integers(1, 24, models)
    scores = (random.uniform(-1, 1, models) * 2.0**widths).astype(np.int64)
    factor = payout_factor(int(positions.sum()), int(positions.sum() * random.uniform(0.01, 1.5)))
    cap = int(random.choice([50_000, ONE, int(random.integers(0, ONE + 1))]))
    full = Round(positions, scores, factor, cap)
    part = int(full.full_payout() * random.choice([0, 0.5, random.uniform(), 1 - 1e-12]))
    return Round(positions, scores, factor, cap, part) if short else full


def test_a_hundred_thousand_random_positions_earn_the_same_on_both_sides(harness: Any) -> None:
    random = np.random.default_rng(20_250_101)
    rounds = [random_round(random, short=number % 3 == 0) for number in range(720)]
    assert all(each.positions.sum() <= MAX_LIABILITIES for each in rounds)
    assert compare(harness, rounds) >= AT_LEAST


def test_every_edge_of_a_position_meets_every_edge_of_its_score_and_terms(harness: Any) -> None:
    pairs = list(product(POSITIONS, SCORES))
    pairs += [(0, 0)] * (-len(pairs) % 4)
    positions = np.array([position for position, _ in pairs], dtype=np.uint64)
    scores = np.array([score for _, score in pairs], dtype=np.int64)
    rounds = [Round(positions, scores, factor, cap) for factor, cap in product(FACTORS, CAPS)]
    assert compare(harness, rounds) == len(pairs) * len(rounds)


def test_every_edge_of_a_short_pool_scales_every_edge_of_a_payout(harness: Any) -> None:
    rounds = []
    for largest in (1, 3, 999_999, 10**9, 2**62, MAX_LIABILITIES // 2):
        positions = np.array([largest, largest // 2, 1, 0, largest // 3, 7, 2, largest // 7], dtype=np.uint64)
        for score, cap in product((1, 333_333, ONE), (1, 50_000, ONE)):
            full = Round(positions, np.full(8, score, dtype=np.int64), ONE, cap)
            total = full.full_payout()
            pools = {0, 1, total // 2, total // 3, max(total - 1, 0), total, total + 1}
            rounds += [Round(positions, full.scores, ONE, cap, pool) for pool in pools if pool <= MAX_UINT64]
    assert compare(harness, rounds) > 2_000


def test_payout_factors_are_the_same_on_both_sides(harness: Any) -> None:
    random = np.random.default_rng(7)
    edges = (0, 1, 2, 999_999, ONE, ONE + 1, 72_000 * 10**9, 2**63 - 1, 2**63, MAX_UINT64 - 1, MAX_UINT64)
    sizes = 2.0 ** random.uniform(0, 63.9, (10_000, 2))
    pairs = [*product(edges, edges), *((int(at_risk), int(threshold)) for at_risk, threshold in sizes)]
    at_risk, thresholds = zip(*pairs, strict=True)
    (found,) = called(harness.functions.payoutFactors(at_risk, thresholds))
    assert list(found) == [payout_factor(*pair) for pair in pairs]
