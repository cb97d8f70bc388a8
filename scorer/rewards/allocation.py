"""The integer mirror of allocations: their codes (contracts/lib/AllocationCode.sol), and their positions.

An allocation is written as ``Tournament.setAllocation`` takes it: with the top bit clear an amount in
nano-NMR, with the top bit set a share of idle stake in ppm, in the low bits. The contract keeps ten bits of
it, which stand for amounts of two digits (0.01, 0.011 .. 0.099, 0.1, 0.11 .. 9,900,000 NMR) and for shares in
steps of 0.5 %.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scorer.units import ONE

SHARE_FLAG: Final = 1 << 63
"""The top bit of an allocation that is a share."""
LAST_AMOUNT: Final = 810
LAST_SHARE: Final = 1010
"""The codes of the largest amount and of the whole; the first amount is code 1, the first share follows on
the last amount."""
SHARE_STEP: Final = 5_000
"""ppm of idle stake in one step of a share."""
WHOLE: Final = 200
"""Steps of shares in 100 %."""
AMOUNT_STEP: Final = 10**6
"""nano-NMR in one step of the smallest amounts."""
_TABLE_SIZE: Final = 1024


class NotRepresentable(ValueError):
    """No code stands for an allocation.

    Attributes
    ----------
    allocation
        The allocation without a code.
    below, above
        The two nearest allocations with a code; beyond the largest, both are the largest.
    """

    def __init__(self, allocation: int, below: int, above: int) -> None:
        super().__init__(f"expected an allocation such as {below} or {above}, found {allocation}")
        self.allocation, self.below, self.above = allocation, below, above


def code_of(allocation: int) -> int:
    """Return the code that stands for an allocation.

    Raises
    ------
    NotRepresentable
        When there is none.
    """
    below, above = nearest_codes(allocation)
    if decoded(below) != allocation:
        raise NotRepresentable(allocation, decoded(below), decoded(above))
    return below


def nearest_codes(allocation: int) -> tuple[int, int]:
    """Return the codes of the largest allocation up to this one, and of the next of its kind.

    Beyond the largest of a kind, both are that one's.
    """
    if allocation & SHARE_FLAG:
        steps = min((allocation ^ SHARE_FLAG) // SHARE_STEP, WHOLE)
        return LAST_AMOUNT + steps if steps else 0, min(LAST_AMOUNT + steps + 1, LAST_SHARE)
    # Two digits and a power of ten, as a code has no room for more; what is beyond two digits is cut off.
    digits, exponent = allocation // AMOUNT_STEP, 0
    while digits > 99:
        digits, exponent = digits // 10, exponent + 1
    # Ninety codes for each power of ten, 10 to 99; code 0 stands for no allocation.
    below = min(90 * exponent + digits - 9, LAST_AMOUNT) if digits >= 10 else 0
    return below, min(below + 1, LAST_AMOUNT)


def decoded(code: int) -> int:
    """Return the allocation that a code stands for.

    Raises
    ------
    ValueError
        When the code is not in use.
    """
    if not 0 <= code <= LAST_SHARE:
        raise ValueError(f"expected a code from 0 to {LAST_SHARE}, found {code}")
    if code > LAST_AMOUNT:
        return SHARE_FLAG | (code - LAST_AMOUNT) * SHARE_STEP
    exponent, digits = divmod(code - 1, 90)
    return (digits + 10) * 10**exponent * AMOUNT_STEP if code else 0


def positions_of(stakes: NDArray[np.uint64], codes: NDArray[np.uint64], minimum: int) -> NDArray[np.uint64]:
    """Return the positions of models in a round, nano-NMR.

    Parameters
    ----------
    stakes
        Idle stakes, nano-NMR, each below 2**54, shape (models,).
    codes
        Codes of the allocations, each up to `LAST_SHARE`, shape (models,); 0 for a model that takes no part.
    minimum
        The smallest position, nano-NMR; a model with less at risk has none.
    """
    steps = np.where(codes > LAST_AMOUNT, codes, np.uint64(LAST_AMOUNT)) - np.uint64(LAST_AMOUNT)
    shares = share_of(stakes, steps * np.uint64(SHARE_STEP))
    return limited(np.where(steps > 0, shares, _AMOUNTS[codes]), stakes, minimum)


def share_of(stakes: NDArray[np.uint64], shares: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return shares (ppm) of stakes (nano-NMR), rounded down, shape (models,)."""
    # A product of both would not fit into 64 bits: whole millions and the rest are multiplied apart.
    one = np.uint64(ONE)
    return stakes // one * shares + stakes % one * shares // one


def limited(wanted: NDArray[np.uint64], stakes: NDArray[np.uint64], minimum: int) -> NDArray[np.uint64]:
    """Return positions: what is wanted of each stake, at most all of it, and none below the minimum."""
    positions = np.minimum(wanted, stakes)
    return np.where(positions < np.uint64(minimum), np.uint64(0), positions)


def position_of(stake: int, allocation: int, minimum: int) -> int:
    """Return what one model puts at risk, nano-NMR; its allocation as ``setAllocation`` takes it."""
    stakes = np.array([stake], dtype=np.uint64)
    if allocation & SHARE_FLAG:
        share = (allocation ^ SHARE_FLAG) // SHARE_STEP * SHARE_STEP
        wanted = share_of(stakes, np.array([share], dtype=np.uint64))
    else:
        wanted = np.array([allocation], dtype=np.uint64)
    return int(limited(wanted, stakes, minimum)[0])


_AMOUNTS: Final = np.array(
    [decoded(code) if code <= LAST_AMOUNT else 0 for code in range(_TABLE_SIZE)], dtype=np.uint64
)
"""nano-NMR by code; 0 where the code is a share's."""
