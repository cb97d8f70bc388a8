"""Walks along an order, cut anywhere, come to the sums of ScoreProof and to the scores of the scorer."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from web3.exceptions import ContractCustomError

from scorer.proofs.ranking import RankedSubmission
from scorer.proofs.tables import MOST_IDS
from tests.proofs.harness import GAS, RULES, Agreement, Round, compare, compare_meta_model, running_harness
from tests.proofs.markets import random_positions, random_round
from tests.proofs.test_score_proof import IDS, PLAIN, TIED, error_name, round_of, swapped

LARGE = (8_193, 8_194, 16_384, 32_766, MOST_IDS)


@pytest.fixture(scope="module")
def harness() -> Iterator[Any]:
    with running_harness() as running:
        yield running


def cuts_of(random: np.random.Generator, ids: int, most: int = 5) -> list[int]:
    """Return some places at which a walk is cut."""
    count = int(random.integers(0, most))
    return sorted({int(each) for each in random.integers(1, ids, count)})


def require_same_sums(harness: Any, round_: Round, row: int, cuts: list[int], *, even: bool = True) -> None:
    """Compare what one pass finds with what a walk finds that is cut."""
    ranked, argument = RankedSubmission(round_.matrix[row]), round_.argument(even=even)
    submission = ranked.content, ranked.order
    expected = harness.functions.sums(argument, submission).call({"gas": GAS})
    found = harness.functions.walkSums(argument, submission, cuts).call({"gas": GAS})
    assert found == expected, f"{round_}, submission {row}, cut at {cuts}"


def test_a_walk_that_is_cut_anywhere_comes_to_the_sums_of_one_pass(harness: Any) -> None:
    random = np.random.default_rng(7)
    for ids in (2, 3, 4, 7, 16, 33, 61, 452):
        round_ = random_round(random, ids, 12)
        for row in range(12):
            require_same_sums(harness, round_, row, cuts_of(random, ids))
    round_ = round_of(TIED)
    for place in range(1, IDS):
        require_same_sums(harness, round_, 0, [place])
    require_same_sums(harness, round_, 0, list(range(1, IDS)))


def test_without_ties_a_walk_needs_no_even_ranks(harness: Any) -> None:
    round_ = round_of(PLAIN)
    for cuts in ([], [1], [IDS - 1], list(range(1, IDS))):
        require_same_sums(harness, round_, 0, cuts, even=False)


@pytest.mark.parametrize("ids", LARGE)
def test_rounds_of_any_size_are_scored_as_the_scorer_does(harness: Any, ids: int) -> None:
    """Targets in bins and continuous ones, predictions without ties, with ties, and one value for all."""
    random, agreement = np.random.default_rng(ids), Agreement()
    rows = [random.permutation(ids) / ids, np.round(random.random(ids) * 50) / 50, np.full(ids, 0.5)]
    meta = random.random(ids)
    targets = random.choice([0, 0.25, 0.5, 0.75, 1], ids), 0.05 * random.standard_t(4, ids)
    for number, target in enumerate(targets):
        round_ = Round(np.array(rows), target, meta, RULES[number])
        compare(harness, round_, agreement)
        for row in range(len(rows)):
            require_same_sums(harness, round_, row, [ids // 3, ids - 1])
    assert agreement.corr < 1e-13
    assert agreement.mmc < 1e-13


@pytest.mark.parametrize("ids", LARGE)
def test_meta_models_of_any_size_are_ranked_as_the_scorer_does(harness: Any, ids: int) -> None:
    random, agreement = np.random.default_rng(ids), Agreement()
    # A target of the size of returns: of large ones, no grid has room at so many ids.
    round_ = replace(random_round(random, ids, 3), target=0.05 * random.standard_t(4, ids))
    compare_meta_model(harness, round_, random_positions(random, 3), agreement)
    assert agreement.steps == 4


def walk_error(harness: Any, argument: Any, submission: tuple[bytes, bytes], cuts: list[int]) -> str:
    """Return the name of the error with which a walk is refused, or nothing."""
    try:
        harness.functions.walkSums(argument, submission, cuts).call({"gas": GAS})
    except ContractCustomError as reply:
        return error_name(reply)
    return ""


@pytest.mark.parametrize("predictions", [PLAIN, TIED], ids=["plain", "tied"])
@pytest.mark.parametrize("cut", [1, 7, IDS - 3, IDS - 2, IDS - 1])
def test_no_other_order_is_taken_across_a_cut(harness: Any, predictions: list[float], cut: int) -> None:
    round_ = round_of(predictions)
    argument, ranked = round_.argument(even=True), RankedSubmission(round_.matrix[0])
    content, order = ranked.content, ranked.order
    others = [swapped(order, at, at + 1, 2) for at in range(IDS - 1)]
    others += [order[2 * cut :] + order[: 2 * cut], order[: 2 * cut] + order[: 2 * (IDS - cut)]]
    others += [order[: 2 * at] + IDS.to_bytes(2, "big") + order[2 * at + 2 :] for at in range(IDS)]
    found = {walk_error(harness, argument, (content, other), [cut]) for other in others if other != order}
    assert found == {"NotAscending()"}
    assert walk_error(harness, argument, (content, order), [cut]) == ""


def test_a_walk_that_is_too_long_or_too_short_has_no_sums(harness: Any) -> None:
    round_ = round_of(PLAIN)
    argument, ranked = round_.argument(even=True), RankedSubmission(round_.matrix[0])
    for order, expected in (
        (ranked.order[:-2], "WalkNotEnded(uint256,uint256)"),
        (ranked.order + ranked.order[:2], "WalkTooLong(uint256,uint256,uint256)"),
        (b"", "WalkTooLong(uint256,uint256,uint256)"),
    ):
        assert walk_error(harness, argument, (ranked.content, order), []) == expected


@pytest.mark.parametrize("field", [6, 7, 8, 9])
def test_every_length_is_checked_by_a_walk(harness: Any, field: int) -> None:
    argument, ranked = round_of(PLAIN).argument(even=True), RankedSubmission(round_of(PLAIN).matrix[0])
    whole = argument[field]
    wrong = [whole[:-1], whole + b"\0", whole[:-4], whole + bytes(4)] + ([b""] if field > 7 else [])
    for each in wrong:
        changed = (*argument[:field], each, *argument[field + 1 :])
        assert walk_error(harness, changed, (ranked.content, ranked.order), [3]).startswith("WrongLength")
    short = ranked.content[:-8], ranked.order
    assert walk_error(harness, argument, short, [3]).startswith("WrongLength")


def test_ties_and_what_no_comparison_of_bits_orders_are_refused_by_a_walk(harness: Any) -> None:
    round_ = round_of(TIED)
    ranked = RankedSubmission(round_.matrix[0])
    submission = ranked.content, ranked.order
    assert walk_error(harness, round_.argument(even=True), submission, [5]) == ""
    pair = round_of([*PLAIN[:-2], 0.51, 0.51])
    ranked = RankedSubmission(pair.matrix[0])
    submission = ranked.content, ranked.order
    assert walk_error(harness, pair.argument(even=False), submission, [5]) == "EvenRanksMissing()"
    tied_meta = round_of(PLAIN, [0.1, 0.1, *np.linspace(0.2, 0.9, IDS - 2).tolist()])
    ranked = RankedSubmission(tied_meta.matrix[0])
    submission = ranked.content, ranked.order
    assert walk_error(harness, tied_meta.argument(even=False), submission, [5]) == "EvenRanksMissing()"
    for value in (-0.25, np.nan):
        predictions = np.array([*PLAIN[:-1], value])
        content = RankedSubmission(predictions).content
        bits = np.frombuffer(content, dtype=">u8").astype(np.uint64)
        order = np.argsort(bits, kind="stable").astype(">u2").tobytes()
        found = walk_error(harness, round_.argument(even=True), (content, order), [5])
        assert found == "NotOrdered(uint256)"
