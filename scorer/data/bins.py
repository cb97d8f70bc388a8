"""Bins of a cross-section: five codes, by the average rank, so that equal values share a bin.

All comparisons are of whole numbers or of the values themselves: nothing is rounded.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.data.fixed import Integers
from scorer.data.thresholds import row_codes
from scorer.scoring.exact import Floats
from scorer.scoring.ranks import doubled_ranks as row_ranks

Codes = NDArray[np.uint8]

EVEN: Final = (20, 40, 60, 80)
"""Percent of the names below the upper edge of each bin but the last."""
NUMERAI: Final = (5, 25, 75, 95)
MIDDLE: Final = 2
"""The bin of a name without a value."""
MISSING: Final = 5
"""The code of an unknown target."""
BINS: Final = 5


def bin_rows(rows: Floats, edges: tuple[int, ...] = EVEN, missing: int = MIDDLE) -> Codes:
    """Return the bin of each entry of (rows, names) values, each row on its own.

    Parameters
    ----------
    rows
        NaN where a value is missing.
    edges
        Percent of the names below the upper edge of each bin but the last.
    missing
        The code of a missing value.
    """
    codes, has_missing = row_codes(rows, edges)
    for row in np.flatnonzero(has_missing).tolist():
        codes[row, np.isnan(rows[row])] = missing
    return codes


def doubled_ranks(values: Floats) -> Integers:
    """Return the average rank of each finite value, doubled and less one: from 1 to 2n - 1."""
    return row_ranks(values[np.newaxis])[0] if len(values) else np.zeros(0, dtype=np.int64)
