"""Computes bids for gas: pure arithmetic on EIP-1559 fees, in wei per gas."""

from dataclasses import dataclass
from typing import Final

GWEI: Final = 10**9
TIP_FLOOR: Final = 30 * GWEI
"""Polygon's nodes refuse tips under 25 gwei (bor params/protocol_params.go); others use 30 for headroom."""


TIP_CEILING: Final = 10 * TIP_FLOOR
"""Far above what is asked for in a rush. A tip is paid whole, unlike a fee cap."""


@dataclass(frozen=True)
class Bid:
    """Both fees of an EIP-1559 transaction, wei per gas."""

    tip: int
    cap: int

    def fields(self) -> dict[str, int]:
        """Return the fields of a transaction."""
        return {"maxPriorityFeePerGas": self.tip, "maxFeePerGas": self.cap}


@dataclass(frozen=True)
class GasMarket:
    """The price of gas: the latest block's base fee, and the median tip of recent blocks; wei per gas."""

    base_fee: int
    tip: int = 0


@dataclass(frozen=True)
class FeePolicy:
    """The rules for bids, and their limits; fees in wei per gas.

    Attributes
    ----------
    tip
        The least tip; Polygon's nodes refuse less than 25 gwei.
    base_fee_multiplier
        The factor by which the base fee may rise before the bid is too low. At five per cent a block and
        blocks of 1.5 seconds, three times is reached after half a minute.
    ceiling
        The highest fee cap that is ever signed.
    transaction_cap
        The most a transaction may cost, gas times fee cap: what the endpoint accepts (``txfeecap``), wei.
    tip_ceiling
        The highest tip that is ever signed, whatever a market or a node asks for; `tip` goes before.
    """

    tip: int = GWEI
    base_fee_multiplier: int = 3
    ceiling: int = 10_000 * GWEI
    transaction_cap: int | None = None
    tip_ceiling: int = TIP_CEILING

    def bid(self, market: GasMarket) -> Bid | None:
        """Return a first bid; None while even the base fee and the least tip are above the ceiling."""
        if market.base_fee + self.tip > self.ceiling:
            return None
        # The ceiling is on tip and base fee together.
        tip = min(max(self.tip, self._asked(market)), self.ceiling - market.base_fee)
        return Bid(tip, min(self.base_fee_multiplier * market.base_fee + tip, self.ceiling))

    def replacement(self, previous: Bid, market: GasMarket, least_tip: int = 0) -> Bid | None:
        """Raise both fees of `previous` by at least 12.5 %, as nodes ask for 10 % on both to replace it.

        Parameters
        ----------
        least_tip
            The least tip that a node asked for, wei per gas.

        Returns
        -------
        Bid or None
            None when such a bid would be above a ceiling.
        """
        tip = max(raised(previous.tip), self._asked(market), least_tip, self.tip)
        if tip > max(self.tip_ceiling, self.tip):
            return None
        usual = min(self.base_fee_multiplier * market.base_fee + tip, self.ceiling)
        cap = max(raised(previous.cap), usual, tip)
        if tip <= self.ceiling < cap and previous.tip < least_tip:
            cap = self.ceiling  # the node did not take the bid before: there is nothing to outbid
        return None if cap > self.ceiling else Bid(tip, cap)

    def _asked(self, market: GasMarket) -> int:
        return min(market.tip, self.tip_ceiling)

    def most_gas(self, market: GasMarket, maximum: int) -> int:
        """Return the gas, at most `maximum`, with which a transaction's first bid is accepted."""
        bid = self.bid(market)
        if bid is None or self.transaction_cap is None:
            return maximum
        return min(maximum, self.transaction_cap // max(bid.cap, 1))

    def allows(self, gas: int, bid: Bid) -> bool:
        """Check whether the endpoint takes a transaction of so much gas at this bid."""
        return self.transaction_cap is None or gas * bid.cap <= self.transaction_cap


def raised(fee: int) -> int:
    """Return the fee plus 12.5 %, rounded up, and one wei."""
    return -(-fee * 9 // 8) + 1
