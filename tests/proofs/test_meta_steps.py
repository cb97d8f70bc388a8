"""The sums of which a meta model is made, and the tree of their hashes, without a chain."""

import numpy as np
import pytest
from eth_hash.auto import keccak
from numpy.typing import NDArray

from scorer.proofs.meta_steps import MetaSums, StepTree, sums_after
from scorer.protocol.merkle import merkle_root
from scorer.protocol.submissions import PredictionsWithheld, Submission, Submissions
from scorer.scoring.meta_model import stake_weighted_meta_model
from scorer.scoring.ranks import doubled_ranks

IDS = tuple(f"id{row:02}" for row in range(40))
HUGE = 2**64 - 1


def submitted(rows: NDArray[np.float64]) -> Submissions:
    entries = [
        Submission(model, row, bytes(32), "0x" + "11" * 20, b"\1" * 65) for model, row in enumerate(rows, 1)
    ]
    return Submissions(IDS, tuple(entries))


def random_rows(models: int, seed: int = 0) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return np.asarray(np.round(random.random((models, len(IDS))) * 30) / 30)


def test_sums_are_those_of_whole_numbers_without_a_bound() -> None:
    rows, stakes = random_rows(6), [HUGE - 5, 1, 0, 10**16 + 1, 2**32, 3]
    ranks = doubled_ranks(rows).astype(int).tolist()
    expected = [0] * len(IDS)
    found = list(sums_after(submitted(rows), frozenset({2}), dict(enumerate(stakes, 1))))
    for model, (sums, stake) in enumerate(zip(found, stakes, strict=True), 1):
        if model != 2:
            expected = [total + stake * rank for total, rank in zip(expected, ranks[model - 1], strict=True)]
        assert sums.content == b"".join(total.to_bytes(10, "big") for total in expected)
    assert found[1].hash == found[0].hash


def test_the_last_sums_rank_as_the_meta_model_does_even_where_quotients_tie() -> None:
    for seed in range(20):
        rows = random_rows(5, seed)
        stakes = np.array([2**62 + seed, 1, 2, 1, 2**61], dtype=np.uint64)
        *_, last = sums_after(submitted(rows), frozenset(), dict(enumerate(stakes.tolist(), 1)))
        meta_model = stake_weighted_meta_model(rows, stakes)
        np.testing.assert_array_equal(last.ranks, doubled_ranks(meta_model[np.newaxis])[0])


def test_two_sums_that_differ_by_one_are_two_ranks_though_one_number_of_floats() -> None:
    rows = np.stack([np.full(len(IDS), 0.5), np.linspace(0, 1, len(IDS))])
    stakes = np.array([2**63, 1], dtype=np.uint64)
    meta_model = stake_weighted_meta_model(rows, stakes)
    assert list(doubled_ranks(meta_model[np.newaxis])[0]) == list(range(1, 2 * len(IDS), 2))
    assert np.all((meta_model > 0) & (meta_model < 1))
    assert np.ptp(meta_model) < 1e-14


def test_the_order_is_by_sum_and_then_by_id() -> None:
    sums = MetaSums(np.array([1, 0, 1, 0], dtype=np.uint64), np.array([5, 9, 5, 2], dtype=np.uint64))
    assert np.frombuffer(sums.order, dtype=">u2").tolist() == [3, 1, 0, 2]
    assert sums.ranks.tolist() == [6, 3, 6, 1]


def test_a_submission_that_lacks_a_prediction_has_no_part_and_one_that_is_withheld_stops_it() -> None:
    rows = random_rows(3)
    rows[1, 4] = np.nan
    steps = list(sums_after(submitted(rows), frozenset(), {1: 5, 2: 7, 3: 9}))
    assert steps[1].hash == steps[0].hash
    entries = submitted(rows).entries
    withheld = Submission(2, None, bytes(32), "0x" + "11" * 20, b"\1" * 65)
    with pytest.raises(PredictionsWithheld, match="model 2"):
        list(sums_after(Submissions(IDS, (entries[0], withheld)), frozenset(), {1: 5, 2: 7}))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 1024, 1025, 2100])
def test_parts_make_up_the_tree(count: int) -> None:
    tree = StepTree([keccak(number.to_bytes(4, "big")) for number in range(count)])
    assert tree.width == 1 << (count - 1).bit_length()
    roots = []
    for part in range(tree.parts):
        hashes, siblings = tree.part(part)
        assert 1 <= len(hashes) <= 1024
        width = tree.width if tree.parts == 1 else 1024
        leaves = [keccak(keccak(each)) for each in hashes]
        root = merkle_root(leaves + leaves[-1:] * (width - len(leaves)))
        roots.append(root)
        for height, sibling in enumerate(siblings):
            pair = (sibling, root) if part >> height & 1 else (root, sibling)
            root = keccak(b"".join(pair))
        assert root == tree.root
    assert merkle_root(roots) == tree.root
    assert tree.hash_at(tree.width - 1) == tree.hashes[-1]


def test_nobody_submitted_no_steps() -> None:
    tree = StepTree.of(Submissions(IDS, ()), frozenset(), {})
    assert (tree.root, tree.width, tree.parts) == (bytes(32), 0, 0)
