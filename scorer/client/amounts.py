"""Amounts and allocations as people type them, and as the contract holds them. Never a float in between."""

import re
from dataclasses import dataclass
from typing import Final

from scorer.errors import CupelError
from scorer.redaction import shown
from scorer.rewards.allocation import SHARE_FLAG, SHARE_STEP, WHOLE, NotRepresentable, code_of
from scorer.units import ONE, NanoNmr, Ppm, nano_from_nmr, nmr_from_nano, nmr_from_wei, ppm_as_decimal

_PERCENT: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,4}))?%")
PLAIN: Final = "plain decimals with at most nine places behind the point, such as 25 or 0.5"


class AmountError(CupelError, ValueError):
    """What was typed is no amount; the message says what is expected."""


def amount_of(text: str) -> NanoNmr:
    """Read an amount in NMR that is more than zero.

    Raises
    ------
    AmountError
        For what is no number in plain decimals (no sign, exponent or separator), zero, more than nine
        decimals (dust, which the tournament refuses), or more than a lane holds.
    """
    found = _nano(text)
    if found == 0:
        raise AmountError(f"amount: expected more than 0 NMR, found {shown(text)}")
    return found


@dataclass(frozen=True)
class Allocation:
    """What a model puts at risk in each round: an amount, or a share of what is idle.

    Exactly one of the two is given.
    """

    amount: NanoNmr | None = None
    share: Ppm | None = None

    @property
    def encoded(self) -> int:
        """As ``Tournament.setAllocation`` takes it."""
        return SHARE_FLAG | self.share if self.share is not None else int(self.amount or 0)

    @classmethod
    def decoded(cls, encoded: int) -> "Allocation":
        """The inverse of `encoded`."""
        if encoded & SHARE_FLAG:
            return cls(share=Ppm(encoded ^ SHARE_FLAG))
        return cls(amount=NanoNmr(encoded))

    def position(self, idle: int, minimum: int) -> int:
        """Return what a round locks of so much idle stake, nano-NMR: as ``Tournament.lock`` computes it."""
        steps = (self.share or 0) // SHARE_STEP
        wanted = int(self.amount or 0) if self.share is None else idle * steps // WHOLE
        found = min(wanted, idle)
        return found if found >= minimum else 0

    def to_json(self) -> dict[str, str]:
        """As a document: ``{"nmr": "25"}`` or ``{"share": "0.4"}``."""
        if self.share is not None:
            return {"share": f"{ppm_as_decimal(self.share):f}"}
        return {"nmr": nmr_text(self.amount or 0)}

    def __str__(self) -> str:
        if self.share is not None:
            whole, rest = divmod(self.share, 10_000)
            return f"{whole}.{rest:04}".rstrip("0").rstrip(".") + " % of idle"
        return f"{nmr_text(self.amount or 0)} NMR"


def allocation_of(text: str) -> Allocation:
    """Read an allocation: ``25`` for an amount in NMR, ``40%`` for a share of idle stake, ``0`` for nothing.

    Raises
    ------
    AmountError
        As `amount_of`, for a share above 100 % or with more than four decimals, and for what the tournament
        has no code for: amounts have two digits and zeros behind them, shares are multiples of 0.5 %. The
        message names the two nearest.
    """
    found = Allocation(share=_share(text)) if text.endswith("%") else Allocation(amount=_nano(text))
    # No share and no amount is the same: nothing.
    if not found.amount and not found.share:
        return Allocation(amount=NanoNmr(0))
    if found.amount is not None and found.amount >= SHARE_FLAG:
        found = Allocation(amount=NanoNmr(SHARE_FLAG - 1))
    try:
        code_of(found.encoded)
    except NotRepresentable as error:
        raise AmountError(_nearest(text, error)) from None
    return found


def _share(text: str) -> Ppm:
    found = _PERCENT.fullmatch(text)
    share = int(found[1]) * 10_000 + int((found[2] or "").ljust(4, "0")) if found else ONE + 1
    if share > ONE:
        raise AmountError(
            "allocation: expected a share from 0% to 100% with at most four decimals, such as 40%, "
            f"found {shown(text)}"
        )
    return Ppm(share)


def _nearest(text: str, error: NotRepresentable) -> str:
    is_share = bool(error.allocation & SHARE_FLAG)
    kind = "a multiple of 0.5 %" if is_share else "an amount of two digits, such as 0.34, 3.4 or 340 NMR"
    nearest = [Allocation.decoded(each) for each in dict.fromkeys((error.below, error.above))]
    if len(nearest) == 1:
        return f"allocation: expected at most {nearest[0]}, found {shown(text)}; 100% is all that is idle"
    below, above = nearest
    return f"allocation: expected {kind}, found {shown(text)}; the nearest are {below} and {above}"


def nmr_text(nano: int) -> str:
    """nano-NMR as plain decimal text in NMR, exactly."""
    return f"{nmr_from_nano(nano):f}"


def coins_text(wei: int) -> str:
    """Wei as plain decimal text in whole tokens or coins, exactly."""
    return f"{nmr_from_wei(wei):f}"


def _nano(text: str) -> NanoNmr:
    try:
        return nano_from_nmr(text)
    except ValueError:
        hint = "; write a decimal point, and no separators" if "," in text or "_" in text else ""
        raise AmountError(f"amount: expected NMR in {PLAIN}, found {shown(text)}{hint}") from None
