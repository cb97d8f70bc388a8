"""ScoreProof in an EVM beside the scorer: rounds of many submissions, and what both find."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scorer.deployment.verification import SETTINGS, compile_input
from scorer.lab.anvil import run_anvil
from scorer.proofs.meta_steps import MetaSums
from scorer.proofs.ranking import RankedSubmission
from scorer.proofs.tables import table_halves
from scorer.proofs.vectors import ScoreVectors, score_vectors
from scorer.rewards import originality_factors, reward_scores
from scorer.scoring.engine import SubmissionScores, score_submissions
from scorer.scoring.meta_model import stake_weighted_meta_model
from scorer.scoring.ranks import doubled_ranks
from scorer.units import ONE
from tests.plain_calls import called

REPOSITORY: Final = Path(__file__).parent.parent.parent
_MATH: Final = "node_modules/@openzeppelin/contracts/utils"
SOURCES: Final = (
    "tests/proofs/ScoreProofHarness.sol",
    "contracts/lib/MetaProof.sol",
    "contracts/lib/ScoreProof.sol",
    "contracts/lib/ScoreWalk.sol",
    f"{_MATH}/math/Math.sol",
    f"{_MATH}/math/SafeCast.sol",
    f"{_MATH}/Panic.sol",
)
HARNESS: Final = "0x00000000000000000000000000000000000a11ce"
GAS: Final = 1_000_000_000
UNIT: Final = 2.0**64
"""Scores come in whole numbers of 2^-64, reward scores in whole numbers of 2^-64 ppm."""
SCORE_ERROR: Final = 1e-13
"""How far the scorer's floats may be from the exact score, for a target within [-4, 4]."""
ROUNDED: Final = 0.5 + 1e-3
"""How far an honest reward score may be from the exact one, ppm. The contract's tolerance is 1."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RewardRules:
    """How scores become a reward score; all but `exponent` in ppm."""

    corr: int
    mmc: int
    exponent: int = 0
    burn: int = ONE


RULES: Final = (
    RewardRules(0, 3_600_000, 2, 1_050_000),  # the preset cupel
    RewardRules(500_000, 2_000_000),  # classic
    RewardRules(1_000_000, 0),
    RewardRules(-100_000_000, 100_000_000, 4, 10_000_000),  # the largest that rules may have
    RewardRules(250_000, -1, 1, 1_000_001),
)


@dataclass(frozen=True)
class Round:
    """A target, a meta model, shape (ids,) each, and submissions, shape (models, ids), under some rules."""

    matrix: Floats
    target: Floats
    meta_model: Floats
    rules: RewardRules

    @cached_property
    def vectors(self) -> ScoreVectors:
        """The round's vectors as the contract reads them."""
        return score_vectors(self.target, self.meta_model)

    @cached_property
    def scores(self) -> SubmissionScores:
        """What the scorer finds."""
        return score_submissions(self.matrix, self.target, self.meta_model, threads=1)

    @cached_property
    def originality(self) -> NDArray[np.int64]:
        """The factors that the scorer finds, ppm."""
        correlations = self.scores.gaussian_rank_correlation
        assert correlations is not None
        return originality_factors(correlations, exponent=self.rules.exponent)

    @cached_property
    def rewards(self) -> NDArray[np.int64]:
        """The reward scores that the scorer finds, ppm."""
        return reward_scores(
            {"corr": self.scores.corr, "mmc": self.scores.mmc},
            [("corr", self.rules.corr), ("mmc", self.rules.mmc)],
            originality=self.originality if self.rules.exponent else None,
            burn=self.rules.burn,
        )

    def argument(self, *, even: bool) -> tuple[Any, ...]:
        """Return the struct Round of the harness."""
        rules, vectors = self.rules, self.vectors
        halves = table_halves(vectors.ids)
        return (
            vectors.ids,
            vectors.shift,
            rules.exponent,
            rules.burn,
            rules.corr,
            rules.mmc,
            halves.odd,
            halves.even if even else b"",
            vectors.records,
            vectors.palette,
        )


@contextmanager
def running_harness() -> Iterator[Any]:
    """The harness, compiled as the contracts are, on a local chain."""
    standard = {
        "language": "Solidity",
        "settings": SETTINGS
        | {"outputSelection": {SOURCES[0]: {"*": ["abi", "evm.deployedBytecode.object"]}}},
        "sources": {name: {"content": (REPOSITORY / name).read_text()} for name in SOURCES},
    }
    made = compile_input(standard, REPOSITORY)["contracts"][SOURCES[0]]["ScoreProofHarness"]
    with run_anvil() as anvil:
        code = "0x" + made["evm"]["deployedBytecode"]["object"]
        anvil.w3.provider.make_request("anvil_setCode", [HARNESS, code])  # type: ignore[arg-type]
        yield anvil.w3.eth.contract(anvil.w3.to_checksum_address(HARNESS), abi=made["abi"])


@dataclass
class Agreement:
    """What was compared, and how far the two sides were apart.

    Attributes
    ----------
    compared
        Scores, factors and reward scores that agreed.
    corr, mmc
        The largest distance between the scorer's floats and the exact scores, for a target within [-4, 4].
    reward
        That of an honest reward score from the exact one, ppm.
    steps
        Sums of meta models after a submission, and their last ranks, that agreed.
    ambiguous
        Originality factors whose exact value lies so near to a half that the scorer may round either way.
    """

    compared: int = 0
    corr: float = 0.0
    mmc: float = 0.0
    reward: float = 0.0
    ambiguous: int = 0
    steps: int = 0


def compare(harness: Any, round_: Round, agreement: Agreement) -> None:
    """Score every submission on both sides; raises where they do not agree."""
    submissions = [RankedSubmission(row) for row in round_.matrix]
    ties = round_.vectors.has_even_ranks or any(each.has_ties for each in submissions)
    arguments = [(each.content, each.order) for each in submissions]
    (found,) = called(harness.functions.score(round_.argument(even=ties), arguments), gas=GAS)
    scale = max(1.0, 4 * float(np.abs(round_.target).max()))
    for model, result in enumerate(found):
        try:
            _compare_one(round_, model, result, scale, agreement)
        except AssertionError as error:
            raise AssertionError(f"model {model} of {round_}: {result}") from error


def compare_meta_model(harness: Any, round_: Round, positions: Sequence[int], agreement: Agreement) -> None:
    """Add every submission to the sums on both sides, and rank the last; raises where they do not agree."""
    ids, sums, steps = round_.matrix.shape[1], MetaSums.zeros(round_.matrix.shape[1]), []
    for position, ranks in zip(positions, doubled_ranks(round_.matrix), strict=True):
        steps.append(sums)
        sums = sums.plus(position, ranks)
    expected = [step.hash for step in (*steps[1:], sums)]
    submissions = [RankedSubmission(row) for row in round_.matrix]
    arguments = [(each.content, each.order) for each in submissions]
    before = [step.content for step in steps]
    (found,) = called(harness.functions.hashesAfter(ids, positions, arguments, before), gas=GAS)
    assert list(found) == expected, f"sums of {round_}, positions {positions}"
    meta_model = stake_weighted_meta_model(round_.matrix, np.array(positions, dtype=np.uint64))
    records = score_vectors(round_.target, meta_model).records
    (is_ranked,) = called(harness.functions.isRankedBy(ids, sums.content, sums.order, records), gas=GAS)
    assert is_ranked, f"ranks of {round_}, positions {positions}"
    agreement.steps += len(expected) + 1


def _compare_one(round_: Round, model: int, found: Sequence[Any], scale: float, agreement: Agreement) -> None:
    has_corr, has_mmc, corr, mmc, least, largest, *rewards = found
    expected = float(round_.scores.corr[model]), float(round_.scores.mmc[model])
    assert (has_corr, has_mmc) == (not math.isnan(expected[0]), not math.isnan(expected[1]))
    apart = abs(corr / UNIT - expected[0]) if has_corr else 0.0
    apart_mmc = abs(mmc / UNIT - expected[1]) / scale if has_mmc else 0.0
    assert apart <= SCORE_ERROR
    assert apart_mmc <= SCORE_ERROR
    if round_.rules.exponent:
        assert least <= round_.originality[model] <= largest <= least + 1
    claimed = int(round_.rewards[model])
    distance = min(abs(claimed - reward / UNIT) for reward in rewards)
    assert distance <= ROUNDED
    agreement.compared += 4 if round_.rules.exponent else 3
    agreement.corr = max(agreement.corr, apart)
    agreement.mmc = max(agreement.mmc, apart_mmc)
    agreement.reward = max(agreement.reward, distance)
    agreement.ambiguous += least != largest
