"""Cross-sectional operations on arrays with one row, or one entry, a ticker."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def cross_sectional_rank(values: FloatArray) -> FloatArray:
    """Return (average rank - 1/2) / n down each column: in (0, 1), ties equal, mean 1/2.

    Parameters
    ----------
    values : ndarray, shape (tickers,) or (tickers, columns)
        Any finite numbers.

    Returns
    -------
    ndarray, shape of `values`
    """
    ranks = pd.DataFrame(values).rank(method="average").to_numpy()
    return np.asarray((ranks - 0.5) / len(values)).reshape(values.shape)


def sector_means(values: FloatArray, sectors: tuple[str, ...]) -> FloatArray:
    """Return for each ticker the mean of its sector's values.

    Parameters
    ----------
    values : ndarray, shape (tickers,) or (tickers, columns)
        Any finite numbers.
    sectors : tuple of str, length tickers
        The sector of each.

    Returns
    -------
    ndarray, shape of `values`
    """
    codes, names = pd.factorize(np.asarray(sectors, dtype=object))
    members = np.eye(len(names))[codes]
    means = (members / members.sum(axis=0)).T @ values
    return np.asarray(means[codes])
