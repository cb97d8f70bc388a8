"""The integer mirror of the contract's settlement (contracts/lib/PayoutMath.sol), whole rounds at once."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.units import ONE, NanoNmr, Ppm


@dataclass(frozen=True)
class Settlement:
    """The payouts and burns of a round, model by model.

    Attributes
    ----------
    rates
        Payout (+) or burn (-) as a share of the position, ppm, shape (models,).
    payouts, burns
        nano-NMR, shape (models,); at most one of the two is above zero.
    """

    rates: NDArray[np.int64]
    payouts: NDArray[np.uint64]
    burns: NDArray[np.uint64]

    @property
    def total_payout(self) -> NanoNmr:
        """The sum of all payouts, nano-NMR."""
        return NanoNmr(sum(self.payouts.tolist()))

    @property
    def total_burn(self) -> NanoNmr:
        """The sum of all burns, nano-NMR."""
        return NanoNmr(sum(self.burns.tolist()))

    def without(self, silent: Collection[int], models: NDArray[np.int64]) -> "Settlement":
        """Return the settlement in which some positions come back whole, and all others are as here.

        The contract takes the score of a model for 0 whose predictions were demanded and not shown. A short
        pool is scaled by the report's totals, so that nobody earns more by another's silence.

        Parameters
        ----------
        silent
            The models whose positions come back.
        models
            Whose outcomes these are, in order, shape (models,).
        """
        returned = np.isin(models, np.array(sorted(silent), dtype=np.int64))
        return Settlement(
            np.where(returned, np.int64(0), self.rates),
            np.where(returned, np.uint64(0), self.payouts),
            np.where(returned, np.uint64(0), self.burns),
        )


def payout_factor(at_risk: int, threshold: int) -> Ppm:
    """Return ``min(1, threshold / at_risk)`` in ppm, rounded down; both arguments in nano-NMR."""
    return Ppm(ONE if at_risk <= threshold else threshold * ONE // at_risk)


def reward_rates(scores: NDArray[np.int64], factor: int, cap: int) -> NDArray[np.int64]:
    """Return ``clip(score * factor, +-cap)`` in ppm, the product truncated towards zero as in Solidity."""
    # Magnitudes, because `//` rounds towards minus infinity and Solidity's division towards zero.
    magnitudes: NDArray[np.int64] = np.minimum(np.abs(scores) * factor // ONE, cap)
    return np.where(scores < 0, -magnitudes, magnitudes)


def _share(amounts: NDArray[np.uint64], rates: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return ``floor(amount * rate / 1e6)`` for any amount and rates up to 1e6; no product passes 64 bits."""
    # Rounded down for payouts and burns alike, as PayoutMath does.
    whole, rest = np.divmod(amounts, np.uint64(ONE))
    return whole * rates + rest * rates // np.uint64(ONE)


def settle(
    positions: NDArray[np.uint64],
    scores: NDArray[np.int64],
    *,
    factor: int,
    cap: int,
    available: int | None = None,
) -> Settlement:
    """Settle a round as the contract does.

    Parameters
    ----------
    positions
        nano-NMR locked, shape (models,).
    scores
        Reward scores in ppm, shape (models,).
    factor, cap
        The round's payout factor and cap, ppm.
    available
        The pool when settlement begins, nano-NMR. Where it is short of all payouts, each is scaled by
        available / total, rounded down. None for a pool that is not short.

    Returns
    -------
    Settlement
        Payouts and burns, each rounded down to a whole nano-NMR.

    Raises
    ------
    TypeError
        When `positions` are not uint64 or `scores` not int64: numpy would go on in inexact float64.
    """
    if positions.dtype != np.uint64 or scores.dtype != np.int64:
        raise TypeError(
            f"expected positions in uint64 and scores in int64, found {positions.dtype} and {scores.dtype}"
        )
    rates = reward_rates(scores, factor, cap)
    shares = _share(positions, np.abs(rates).astype(np.uint64))
    nothing = np.zeros_like(shares)
    full = Settlement(rates, np.where(rates > 0, shares, nothing), np.where(rates < 0, shares, nothing))
    total = full.total_payout
    if available is None or available >= total:
        return full
    # Products of two amounts pass 64 bits: Python's integers, not numpy's.
    scaled = [payout * available // total for payout in full.payouts.tolist()]
    return Settlement(rates, np.array(scaled, dtype=np.uint64), full.burns)
