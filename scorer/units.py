"""The units of DESIGN: wei at the token's edge, nano-NMR for stakes, parts per million for scores and rates.

Each is an ``int`` with a name, so that a type checker refuses to add nano-NMR to wei.
"""

from decimal import Decimal, InvalidOperation
from typing import Final, NewType

Wei = NewType("Wei", int)
NanoNmr = NewType("NanoNmr", int)
Ppm = NewType("Ppm", int)
RoundId = NewType("RoundId", int)
ModelId = NewType("ModelId", int)

ONE: Final = 1_000_000
"""One, or 100 %, in parts per million."""
WEI_PER_NANO: Final = 10**9
NANO_PER_NMR: Final = 10**9


def nano_from_nmr(amount: str | Decimal | int) -> NanoNmr:
    """Read an amount in NMR as whole nano-NMR.

    Parameters
    ----------
    amount
        NMR, as decimal text or an exact number; never a float.

    Raises
    ------
    ValueError
        When the amount is not a number, is negative, or has more than nine decimals.
    """
    try:
        nano = Decimal(amount) * NANO_PER_NMR
    except InvalidOperation:
        raise ValueError(f"expected an amount in NMR such as 12.5, found {amount!r}") from None
    if not nano.is_finite() or nano < 0 or nano != nano.to_integral_value():
        raise ValueError(f"expected an amount >= 0 with at most nine decimals, found {amount} NMR")
    return NanoNmr(int(nano))


def nmr_from_nano(amount: int) -> Decimal:
    """Nano-NMR as NMR, exactly."""
    return Decimal(amount) / NANO_PER_NMR


def wei_from_nano(amount: int) -> Wei:
    """Nano-NMR as the token's wei."""
    return Wei(amount * WEI_PER_NANO)


def nmr_from_wei(amount: int) -> Decimal:
    """Wei as NMR, exactly."""
    return Decimal(amount).scaleb(-18)
