"""ScoreProof against the scorer and against plain sums, and what it refuses."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eth_hash.auto import keccak
from web3.exceptions import ContractCustomError

from scorer.proofs.integers import six_bytes, two_bytes
from scorer.proofs.meta_steps import MetaSums
from scorer.proofs.ranking import RankedSubmission
from scorer.proofs.tables import table_halves
from scorer.proofs.tree import compute_tree, read_tree, write_tree
from scorer.proofs.vectors import NotProvable, score_vectors
from tests.proofs.harness import GAS, RULES, Agreement, Round, compare, compare_meta_model, running_harness
from tests.proofs.markets import random_positions, random_round

IDS = 21


@pytest.fixture(scope="module")
def harness() -> Iterator[Any]:
    with running_harness() as running:
        yield running


def test_scores_of_random_rounds_are_those_of_the_scorer(harness: Any) -> None:
    random, agreement = np.random.default_rng(20_261_130), Agreement()
    for number, ids in enumerate((2, 3, 4, 5, 7, 16, 33, 61, 100, 452, 2000)):
        rules = RULES[number % len(RULES)]
        compare(harness, random_round(random, ids, 120 if ids < 100 else 10, rules), agreement)
    assert agreement.compared > 3_000
    assert agreement.corr < 1e-15
    assert agreement.mmc < 1e-15


def test_sums_of_meta_models_and_their_ranks_are_those_of_the_scorer(harness: Any) -> None:
    random, agreement = np.random.default_rng(21), Agreement()
    for ids in (2, 3, 5, 16, 61, 452, 2000):
        for _ in range(8 if ids < 100 else 1):
            round_ = random_round(random, ids, 12)
            compare_meta_model(harness, round_, random_positions(random, 12), agreement)
    assert agreement.steps > 500


def test_what_is_no_order_no_number_or_of_another_length_is_refused_as_a_step(harness: Any) -> None:
    sums = MetaSums.zeros(IDS).content
    right = RankedSubmission(np.array(TIED))
    negative = RankedSubmission(np.array([-0.5, *TIED[1:]])).content
    missing = np.array([*TIED[:-1], np.nan]).astype(">f8").tobytes()
    for content, order, before, expected in (
        (right.content, right.order, sums, ""),
        (right.content, swapped(right.order, 3, 4, 2), sums, "NotAscending()"),
        (right.content, right.order[2:] + right.order[:2], sums, "NotAscending()"),
        (right.content, right.order[:2] + right.order[:-2], sums, "NotAscending()"),
        (right.content, right.order[:-2] + IDS.to_bytes(2, "big"), sums, "NotAscending()"),
        (IDS.to_bytes(2, "big") + right.content, right.order, sums, LENGTH),
        (right.content, right.order + b"\0\0", sums, LENGTH),
        (right.content, right.order, sums + b"\0", LENGTH),
        (negative, _by_bits(negative), sums, "NotOrdered(uint256)"),
        (missing, _by_bits(missing), sums, "NotOrdered(uint256)"),
    ):
        assert step_error(harness, content, order, before) == expected


def _by_bits(content: bytes) -> bytes:
    """Return the order of predictions by their bits, as a prover who cheats would give it."""
    return two_bytes(np.argsort(np.frombuffer(content, dtype=">u8"), kind="stable")).tobytes()


def step_error(harness: Any, content: bytes, order: bytes, sums: bytes) -> str:
    """Return the name of the error with which a step is refused, or nothing."""
    try:
        harness.functions.hashesAfter(IDS, [7], [(content, order)], [sums]).call({"gas": GAS})
    except ContractCustomError as reply:
        return error_name(reply)
    return ""


def round_of(predictions: list[float], meta: list[float] | None = None) -> Round:
    random = np.random.default_rng(len(predictions))
    target = random.choice([0, 0.25, 0.5, 0.75, 1], len(predictions))
    other = random.random(len(predictions)) if meta is None else np.array(meta)
    return Round(np.array([predictions], dtype=np.float64), target, other, RULES[0])


PLAIN = ((np.arange(IDS) * 8 % IDS + 1) / (IDS + 1)).tolist()
TIED = [*PLAIN[:-3], 0.5, 0.5, 0.5]


def swapped(content: bytes, first: int, second: int, width: int) -> bytes:
    parts = [content[at : at + width] for at in range(0, len(content), width)]
    parts[first], parts[second] = parts[second], parts[first]
    return b"".join(parts)


def error_of(harness: Any, argument: tuple[Any, ...], content: bytes, order: bytes) -> str:
    """Return the name of the error with which the contract refuses, or nothing."""
    try:
        harness.functions.sums(argument, (content, order)).call({"gas": GAS})
    except ContractCustomError as reply:
        return error_name(reply)
    return ""


def error_name(reply: ContractCustomError) -> str:
    selector = str(reply.data)[2:10]
    return next(name for name in ERRORS if keccak(name.encode())[:4].hex() == selector)


LENGTH = "WrongLength(uint256,uint256,uint256)"
ERRORS = (
    "IdsOutOfRange(uint256,uint256,uint256)",
    LENGTH,
    "NotAscending()",
    "EvenRanksMissing()",
    "NotOrdered(uint256)",
    "WalkTooLong(uint256,uint256,uint256)",
    "WalkNotEnded(uint256,uint256)",
)


@pytest.mark.parametrize("predictions", [PLAIN, TIED], ids=["plain", "tied"])
@pytest.mark.parametrize("even", [False, True])
def test_no_other_order_is_taken(harness: Any, predictions: list[float], even: bool) -> None:
    round_ = round_of(predictions)
    argument, ranked = round_.argument(even=even), RankedSubmission(round_.matrix[0])
    content, order = ranked.content, ranked.order
    places = np.frombuffer(order, dtype=">u2")
    others = [swapped(order, at, at + 1, 2) for at in range(IDS - 1)]
    others += [order[: 2 * at] + order[2 * at + 2 :] + order[2 * at : 2 * at + 2] for at in range(IDS - 1)]
    for at in range(IDS):
        for wrong in (IDS, IDS + 3, 65_535, (int(places[at]) + 1) % IDS):
            others.append(order[: 2 * at] + wrong.to_bytes(2, "big") + order[2 * at + 2 :])
    others += [two_bytes(places[::-1].astype(np.int64)).tobytes(), bytes(2 * IDS)]
    assert {error_of(harness, argument, content, other) for other in others} == {"NotAscending()"}
    # Ties need the way for ties, and without them both ways lead to the same sums.
    has_way = even or predictions is PLAIN
    assert error_of(harness, argument, content, order) == ("" if has_way else "NotAscending()")


def test_both_ways_give_the_same_sums_where_there_are_no_ties(harness: Any) -> None:
    round_ = round_of(PLAIN)
    ranked = RankedSubmission(round_.matrix[0])
    sums = [
        harness.functions.sums(round_.argument(even=even), (ranked.content, ranked.order)).call()
        for even in (False, True)
    ]
    assert sums[0] == sums[1]


@pytest.mark.parametrize("field", [6, 7, 8, 9])
def test_every_length_is_checked(harness: Any, field: int) -> None:
    round_ = round_of(PLAIN)
    argument, ranked = round_.argument(even=True), RankedSubmission(round_.matrix[0])
    whole = argument[field]
    wrong = [whole[:-1], whole + b"\0", whole[:-4], whole + bytes(4)]
    wrong += [whole + bytes(12)] if field < 8 else [b""]
    for each in wrong:
        changed = (*argument[:field], each, *argument[field + 1 :])
        assert error_of(harness, changed, ranked.content, ranked.order) == LENGTH
    for content, order in ((ranked.content[:-8], ranked.order), (ranked.content, ranked.order + bytes(2))):
        assert error_of(harness, argument, content, order) == LENGTH


@pytest.mark.parametrize("ids", [0, 1, 32_768, 2**255])
def test_so_many_ids_have_no_table(harness: Any, ids: int) -> None:
    argument = round_of(PLAIN).argument(even=True)
    found = error_of(harness, (ids, *argument[1:]), b"", b"")
    assert found == "IdsOutOfRange(uint256,uint256,uint256)"


def test_a_meta_model_with_ties_needs_the_even_ranks(harness: Any) -> None:
    meta = [0.1 * (place // 2) for place in range(IDS)]
    for count in range(2, IDS, 2):
        round_ = round_of(PLAIN, [*meta[:count], *np.linspace(0.91, 0.99, IDS - count).tolist()])
        ranked = RankedSubmission(round_.matrix[0])
        assert (
            error_of(harness, round_.argument(even=False), ranked.content, ranked.order)
            == "EvenRanksMissing()"
        )
        assert error_of(harness, round_.argument(even=True), ranked.content, ranked.order) == ""


@pytest.mark.parametrize("even", [False, True])
def test_what_no_comparison_of_bits_orders_is_refused(harness: Any, even: bool) -> None:
    for value, expected in (
        (-0.25, "NotOrdered(uint256)"),
        (np.nan, "NotOrdered(uint256)"),
        (np.inf, ""),
        (7.5, ""),
    ):
        round_ = round_of([*PLAIN[:-1], 0.5])
        predictions = np.array([*PLAIN[:-1], value])
        content = RankedSubmission(predictions).content
        bits = np.frombuffer(content, dtype=">u8").astype(np.uint64)
        order = two_bytes(np.argsort(bits, kind="stable")).tobytes()
        assert error_of(harness, round_.argument(even=even), content, order) == expected


def test_sums_of_the_largest_numbers_do_not_run_into_each_other(harness: Any) -> None:
    ids = 32_767
    halves = table_halves(ids)
    random = np.random.default_rng(3)
    largest = 2**47 - 1
    palette = [(-(2**47), largest), (largest, -(2**47)), (largest, largest), (-(2**47), -(2**47))]
    quarters = np.sort(random.permutation(ids) % 4)
    for places, ranks in (
        (quarters, np.arange(1, 2 * ids, 2)),
        (quarters[::-1], random.permutation(ids) + ids // 2),
    ):
        predictions = np.floor(np.linspace(0, 1, ids) * 300) / 300
        ranked = RankedSubmission(predictions)
        records = np.concatenate([two_bytes(places), two_bytes(ranks)], axis=1).tobytes()
        entries = b"".join(six_bytes(pair).tobytes() for pair in palette)
        argument = (ids, 71, 2, 1, 1, 1, halves.odd, halves.even, records, entries)
        found = harness.functions.sums(argument, (ranked.content, ranked.order)).call({"gas": GAS})
        assert list(found) == plain_sums(predictions, [palette[at] for at in places], ranks.tolist(), ids)


def plain_sums(predictions: Any, pairs: list[tuple[int, int]], meta_ranks: list[int], ids: int) -> list[int]:
    """Return the struct Sums from a table that is unfolded one entry after the other."""
    halves = table_halves(ids)

    def entry(doubled: int) -> tuple[int, int]:
        near = min(doubled, 2 * ids - doubled)
        half, place = (halves.odd, (near - 1) // 2) if near % 2 else (halves.even, near // 2 - 1)
        x, q = (int.from_bytes(half[12 * place + at : 12 * place + at + 6], "big") for at in (0, 6))
        return (-x, -q) if doubled < ids else (x, q)

    below = np.searchsorted(np.sort(predictions), predictions, "left")
    upto = np.searchsorted(np.sort(predictions), predictions, "right")
    xs, qs = zip(*(entry(int(a + b)) for a, b in zip(below, upto, strict=True)), strict=True)
    ts, us = zip(*pairs, strict=True)
    ms = [entry(rank)[1] for rank in meta_ranks]

    def dot(left: Any, right: Any) -> int:
        return sum(a * b for a, b in zip(left, right, strict=True))

    of_ranks = [sum(xs), dot(xs, xs), dot(xs, ts), sum(ts), dot(ts, ts), sum(qs), dot(qs, qs)]
    return [*of_ranks, dot(qs, us), dot(qs, ms), sum(us), sum(ms), dot(ms, us), dot(ms, ms)]


def test_a_reward_score_is_wrong_from_more_than_one_ppm_on(harness: Any) -> None:
    limit = 2**23 - 1
    cases = [
        (claimed, found) for found in (-limit, -7, 0, 7, limit) for claimed in range(found - 3, found + 4)
    ]
    wrong = harness.functions.isWrong([c for c, _ in cases], [f << 64 for _, f in cases]).call()
    assert wrong == [abs(claimed - found) > 1 for claimed, found in cases]
    edges = [(5, (4 << 64) + delta) for delta in (-1, 0, 1)] + [
        (5, (6 << 64) + delta) for delta in (-1, 0, 1)
    ]
    wrong = harness.functions.isWrong([c for c, _ in edges], [f for _, f in edges]).call()
    assert wrong == [True, False, False, False, False, True]


@pytest.mark.parametrize(
    ("target", "ids"), [(np.full(1, 0.5), 1), (np.array([0.0, 1e7]), 2), (np.array([0.0, 1e-300]), 2)]
)
def test_a_target_that_no_grid_of_the_contract_holds_is_not_provable(target: Any, ids: int) -> None:
    with pytest.raises(NotProvable):
        score_vectors(target, np.arange(ids) / ids)


def test_a_round_without_a_meta_model_has_one_that_says_the_same_of_all(harness: Any) -> None:
    vectors = score_vectors(np.array(PLAIN), None)
    assert set(np.frombuffer(vectors.records, dtype=">u2")[1::2].tolist()) == {IDS}


def test_a_tree_of_tables_is_read_back_under_its_root_alone(tmp_path: Path) -> None:
    tree, path = compute_tree(9), tmp_path / "tables.bin"
    write_tree(tree, path)
    assert read_tree(path, tree.root) == tree
    with pytest.raises(ValueError, match="expected the tables of root"):
        read_tree(path, bytes(32))
    assert len(tree.siblings(2)) == len(tree.siblings(9)) == 3
    for ids in (1, 10):
        with pytest.raises(ValueError, match="expected 2 to 9 ids"):
            tree.siblings(ids)
