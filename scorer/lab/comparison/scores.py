"""CORR, MMC and correlations of a block of predictions against several meta models at once, in float32."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scorer.lab.comparison.market import Singles
from scorer.scoring.quantiles import rank_table, signed_power_1_5

KEY_BITS = 32
BLOCK = 64
"""Rows that are ranked at once."""
RANGE = np.float32(32)
"""No prediction is as large, in standard deviations."""


@dataclass(frozen=True)
class BlockRanks:
    """Predictions as ranks, shape (rows, ids) each.

    Attributes
    ----------
    uniform
        Ranks from 0 to 1.
    gaussian
        Their normal quantiles.
    powered
        Quantiles to the power 1.5, of length one.
    """

    uniform: Singles
    gaussian: Singles
    powered: Singles

    @classmethod
    def empty(cls, rows: int, ids: int) -> "BlockRanks":
        """Return room for rows, which `rank_into` fills."""
        return cls(*(np.empty((rows, ids), dtype=np.float32) for _ in range(3)))


@dataclass(frozen=True)
class BlockScores:
    """Scores of rows against meta models: corr has shape (rows,), all others (meta models, rows)."""

    corr: NDArray[np.float64]
    mmc: NDArray[np.float64]
    gaussian_rank_correlation: NDArray[np.float64]
    cwmm: NDArray[np.float64]


def ranked(predictions: Singles) -> BlockRanks:
    """Rank each row of predictions; see `rank_into`."""
    found = BlockRanks.empty(*predictions.shape)
    rank_into(found, 0, predictions)
    return found


def rank_into(found: BlockRanks, first: int, predictions: Singles) -> None:
    """Rank each row of predictions in units of about one standard deviation, into the rows from `first` on.

    Values are rounded to a grid of some 1e-5 before they are ranked, and ties go by the order of the ids.
    """
    # A block fits the core's cache, and its temporary arrays come from memory that is used again.
    for start in range(0, len(predictions), BLOCK):
        ranks = _ranks(predictions[start : start + BLOCK])
        rows = slice(first + start, first + start + len(ranks))
        for values, out in zip(
            _values_of_ranks(ranks.shape[1]), (found.uniform, found.gaussian, found.powered), strict=True
        ):
            # No index is out of bounds. "wrap" is the fastest mode of those that do not check that.
            np.take(values, ranks, mode="wrap", out=out[rows])


def _ranks(predictions: Singles) -> NDArray[np.int32]:
    rows, ids = predictions.shape
    bits = max(1, (ids - 1).bit_length())
    scale = np.float32(2 ** (KEY_BITS - bits) / (2 * RANGE))
    scaled = predictions + RANGE
    scaled *= scale
    keys = scaled.astype(np.uint32)
    # The id lies in the low bits of its key: one sort of whole numbers gives the order.
    keys <<= np.uint32(bits)
    keys |= np.arange(ids, dtype=np.uint32)
    keys.sort(axis=1)
    order = (keys & np.uint32(2**bits - 1)).astype(np.intp)
    order += ids * np.arange(rows)[:, np.newaxis]
    ranks = np.empty((rows, ids), dtype=np.int32)
    ranks.ravel()[order] = np.arange(ids, dtype=np.int32)
    return ranks


@lru_cache(maxsize=2)
def _values_of_ranks(ids: int) -> tuple[Singles, Singles, Singles]:
    """Return the uniform, gaussian and powered values of all ranks."""
    table = rank_table(ids)
    columns = (np.arange(ids) + 0.5) / ids, table.quantile[1::2], _unit(table.powered[1::2])
    uniform, gaussian, powered = (column.astype(np.float32) for column in columns)
    return uniform, gaussian, powered


def _unit(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Centre values and give them length one, along the last axis."""
    centred = values - values.mean(axis=-1, keepdims=True, dtype=np.float64)
    return np.asarray(centred / np.sqrt((centred * centred).sum(axis=-1, keepdims=True)))


def standardised(rows: NDArray[np.floating]) -> Singles:
    """Rows of mean zero and deviation one."""
    found: Singles = (_unit(rows) * np.sqrt(rows.shape[-1])).astype(np.float32)
    return found


def scored(
    rows: BlockRanks, target: NDArray[np.float64], meta_models: Singles, meta_gaussian: Singles
) -> BlockScores:
    """Score rows against meta models.

    Parameters
    ----------
    meta_models, meta_gaussian
        Shape (meta models, ids): stake-weighted means of uniform ranks, and their gaussian ranks.
    """
    ids = len(target)
    outcome = (4.0 * (target - target.mean())).astype(np.float32)
    powered_target = _unit(signed_power_1_5(target - target.mean())).astype(np.float32)
    covariance = rows.gaussian @ outcome / ids
    correlation = meta_gaussian @ rows.gaussian.T / np.float32((meta_gaussian[0] ** 2).sum())
    meta_covariance = meta_gaussian @ outcome / ids
    return BlockScores(
        corr=(rows.powered @ powered_target).astype(np.float64),
        mmc=(covariance - correlation * meta_covariance[:, np.newaxis]).astype(np.float64),
        gaussian_rank_correlation=correlation.astype(np.float64),
        cwmm=(_unit(meta_models).astype(np.float32) @ rows.powered.T).astype(np.float64),
    )
