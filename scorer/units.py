"""The units: wei for token amounts, nano-NMR for stakes, parts per million (ppm) for scores and rates.

Each is an ``int`` with a name, so that a type checker refuses to add nano-NMR to wei.
"""

import re
from decimal import ROUND_DOWN, Context, Decimal
from typing import Final, NewType

from scorer.redaction import shown

Wei = NewType("Wei", int)
NanoNmr = NewType("NanoNmr", int)
Ppm = NewType("Ppm", int)

ONE: Final = 1_000_000
"""One, or 100 %, in parts per million."""
WEI_PER_NANO: Final = 10**9
NANO_PER_NMR: Final = 10**9
MAX_NANO: Final = 2**64 - 1
"""The largest stake that a lane of the contract holds, nano-NMR."""
_PLAIN_DECIMAL: Final = re.compile(r"-?[0-9]{1,60}(\.[0-9]{1,60})?")
_SPANS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_WIDE: Final = Context(prec=130)
"""Enough digits for every plain decimal: Python's default of 28 digits would round silently."""


def nano_from_nmr(amount: str | Decimal | int) -> NanoNmr:
    """Read an amount in NMR as whole nano-NMR.

    Parameters
    ----------
    amount
        NMR, as decimal text or an exact number; never a float.

    Raises
    ------
    ValueError
        When the amount is not a number in plain decimals, is negative, has more than nine decimals, or is
        more than 64 bits of nano-NMR hold.
    """
    nano = _exact(amount).scaleb(9, _WIDE)
    if not 0 <= nano <= MAX_NANO or nano != nano.to_integral_value():
        raise ValueError(
            f"expected from 0 to {nmr_from_nano(MAX_NANO)} NMR with at most nine decimals, found {amount} NMR"
        )
    # Whole by now: int() drops nothing.
    return NanoNmr(int(nano))


def ppm_from_decimal(number: str | Decimal | int) -> Ppm:
    """Read a number such as 0.05 as whole parts per million.

    Raises
    ------
    ValueError
        When it is not a number in plain decimals, or has more than six of them.
    """
    ppm = _exact(number).scaleb(6, _WIDE)
    if ppm != ppm.to_integral_value():
        raise ValueError(f"expected at most six decimals, found {number}")
    return Ppm(int(ppm))


def _exact(number: str | Decimal | int) -> Decimal:
    """Convert a number exactly; floats and bools are refused, as neither says what its writer meant."""
    text = f"{number:f}" if isinstance(number, Decimal) else str(number)
    # Plain decimals alone: 1e9, NaN and Infinity are numbers to Decimal too, and 60 digits bound the work.
    if isinstance(number, bool | float) or not _PLAIN_DECIMAL.fullmatch(text):
        raise ValueError(f"expected a number in plain decimals such as 12.5, found {shown(number)}")
    return Decimal(text)


def nmr_from_nano(amount: int) -> Decimal:
    """Convert nano-NMR to NMR, exactly."""
    return _scaled_down(amount, 9)


def ppm_as_decimal(ppm: int) -> Decimal:
    """Convert parts per million to a plain number, exactly."""
    return _scaled_down(ppm, 6)


def wei_from_nano(amount: int) -> Wei:
    """Convert nano-NMR to the token's wei."""
    return Wei(amount * WEI_PER_NANO)


def nmr_from_wei(amount: int) -> Decimal:
    """Convert wei to NMR, exactly."""
    return _scaled_down(amount, 18)


def nmr_text(nano: int) -> str:
    """Return nano-NMR as plain decimal text in NMR, exactly."""
    return f"{nmr_from_nano(nano):f}"


def coins_text(wei: int) -> str:
    """Return wei as plain decimal text in whole tokens or coins, exactly."""
    return f"{nmr_from_wei(wei):f}"


def short_coins(wei: int) -> str:
    """Return wei in coins for people: plain decimals, at least six of them or three digits that count.

    Never rounded up, never with an exponent; documents have every digit, by `coins_text`.
    """
    exact = nmr_from_wei(wei)
    places = 6 if exact == 0 else max(6, 2 - exact.adjusted())
    text = f"{exact.quantize(Decimal(1).scaleb(-places), ROUND_DOWN):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ppm_text(ppm: int) -> str:
    """Return parts per million as plain decimal text, exactly: 50,000 is 0.05."""
    return f"{ppm_as_decimal(ppm):f}"


def _scaled_down(units: int, decimals: int) -> Decimal:
    """Return ``units / 10**decimals``, exactly, without trailing zeros after the point."""
    # In integers, as Python's default context of 28 digits would round a division of large amounts.
    whole, rest = divmod(abs(units), 10**decimals)
    digits = f"{whole}.{rest:0{decimals}d}".rstrip("0").rstrip(".")
    return Decimal(digits).copy_sign(Decimal(units))


def span_text(seconds: int) -> str:
    """Return seconds, at least 0, in their two largest units: ``2 d 3 h``, ``4 min 10 s``, ``0 s``."""
    parts = []
    for size, name in _SPANS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"
