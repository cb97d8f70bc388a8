"""Candidates in float32 never change the highest correlation: beside one product of all pairs in float64."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from scorer.scoring import nearest
from scorer.scoring.exact import Floats
from scorer.scoring.nearest import Ranks, error_bound, highest_correlations
from scorer.scoring.ranked_rows import rows_by_rank

IDS = 301


def ranks_of(submissions: Floats) -> tuple[Ranks, Floats]:
    """Doubled ranks about their mean, and their lengths."""
    ids = submissions.shape[1]
    ranks = rows_by_rank(submissions, np.arange(-ids, ids, dtype=np.int16)).rows
    return ranks, np.sqrt((ranks.astype(np.int64) ** 2).sum(axis=1).astype(np.float64))


def plainly(ranks: Ranks, lengths: Floats) -> Floats:
    """The reference: all pairs, in whole numbers and one division each."""
    products = (ranks.astype(np.int64) @ ranks.astype(np.int64).T).astype(np.float64)
    products /= np.outer(lengths, lengths)
    np.fill_diagonal(products, -np.inf)
    return np.asarray(np.minimum(products.max(axis=1), 1.0))


def independent(rng: np.random.Generator) -> Floats:
    return rng.random((60, IDS))


def alike(rng: np.random.Generator) -> Floats:
    return rng.random(IDS) + 0.7 * rng.random((60, IDS))


def opposite(rng: np.random.Generator) -> Floats:
    """Two models, so that the highest correlation is the lowest one there is."""
    row = rng.random(IDS)
    return np.stack([row, -row])


def pairs_of_copies(rng: np.random.Generator) -> Floats:
    return np.repeat(rng.random((30, IDS)), 2, axis=0)


def swapped_neighbours(rng: np.random.Generator) -> Floats:
    """Sixty copies of one model with a few neighbours swapped: 1e-7 apart, where float32 sees nothing."""
    rows = np.tile(np.arange(IDS, dtype=np.float64), (60, 1))
    for row in rows:
        for place in rng.integers(0, IDS - 1, rng.integers(1, 5)).tolist():
            row[[place, place + 1]] = row[[place + 1, place]]
    return rows


def tied(rng: np.random.Generator) -> Floats:
    return np.round(rng.random((60, IDS)), 1)


KINDS = (independent, alike, opposite, pairs_of_copies, swapped_neighbours, tied)


@pytest.mark.parametrize("at_once", [7, 2048])
@pytest.mark.parametrize("most", [0, 8, 10**9])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_that_of_all_pairs_to_the_bit(
    kind: Callable[[np.random.Generator], Floats], most: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "MODELS_AT_ONCE", at_once)
    monkeypatch.setattr(nearest, "MOST_CANDIDATES", most)
    ranks, lengths = ranks_of(kind(np.random.default_rng(5)))
    np.testing.assert_array_equal(highest_correlations(ranks, lengths), plainly(ranks, lengths))


@pytest.mark.parametrize("ids", [2, 77, 6000, 16_000])
def test_no_product_in_float32_is_off_by_more_than_the_bound(ids: int) -> None:
    """Equal rows add up the most; independent and opposite ones cancel."""
    rng = np.random.default_rng(ids)
    row = rng.permutation(ids).astype(np.float64)
    ranks, lengths = ranks_of(
        np.stack([row, row, -row, np.sort(row), rng.random(ids), row + ids * (row > 1)])
    )
    search = nearest._Search(ranks, lengths)
    every = search.unit_rows(slice(0, 6))
    exact = (ranks.astype(np.int64) @ ranks.astype(np.int64).T) / np.outer(lengths, lengths)
    found = nearest.approximate_products(every, every.copy()).astype(np.float64)
    assert np.abs(found - exact).max() <= error_bound(ids)


def off_by(share: float) -> Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]:
    """Products that err as badly as they can: the nearest look farther, the others nearer."""

    def products(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
        exact = left.astype(np.float64) @ right.astype(np.float64).T
        others = np.where(np.eye(*exact.shape) == 1, -2, exact)
        nearest_one = others == others.max(axis=1, keepdims=True)
        error = share * error_bound(left.shape[1])
        return (exact + np.where(nearest_one, -error, error)).astype(np.float32)

    return products


def three_near(ids: int) -> tuple[Ranks, Floats]:
    """A model, one with its first two ids swapped, and one with two pairs of ids swapped."""
    rows = np.tile(np.arange(ids, dtype=np.float64), (3, 1))
    rows[1, [0, 1]] = rows[1, [1, 0]]
    rows[2, [4, 5, 8, 9]] = rows[2, [5, 4, 9, 8]]
    return ranks_of(rows)


def test_errors_as_large_as_the_bound_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks, lengths = three_near(6000)
    monkeypatch.setattr(nearest, "approximate_products", off_by(0.98))
    np.testing.assert_array_equal(highest_correlations(ranks, lengths), plainly(ranks, lengths))


def test_errors_beyond_the_bound_would_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the test above would pass whatever the bound."""
    ranks, lengths = three_near(6000)
    monkeypatch.setattr(nearest, "approximate_products", off_by(1.1))
    assert (highest_correlations(ranks, lengths) != plainly(ranks, lengths)).any()


def test_a_crowd_of_copies_is_decided_by_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "MODELS_AT_ONCE", 50)
    copies = np.tile(np.random.default_rng(0).random(IDS), (200, 1))
    ranks, lengths = ranks_of(copies)
    search = nearest._Search(ranks, lengths)
    every = [search.unit_rows(rows) for rows in nearest._blocks(200)]
    for first, rows in enumerate(nearest._blocks(200)):
        for second, columns in list(enumerate(nearest._blocks(200)))[first:]:
            search.compare(rows, every[first], columns, every[second])
    assert not search._candidates
    np.testing.assert_array_equal(np.minimum(search.highest, 1.0), plainly(ranks, lengths))
