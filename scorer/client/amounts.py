"""Amounts and allocations as people type them, and as the contract holds them. Never a float in between."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from scorer.errors import CupelError
from scorer.redaction import shown
from scorer.rewards.allocation import SHARE_FLAG, NotRepresentable, code_of, position_of
from scorer.units import MAX_NANO, ONE, NanoNmr, Ppm, nano_from_nmr, nmr_from_nano, nmr_text, ppm_text

_PERCENT: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,4}))?%")
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,60}(\.[0-9]{1,9})?\Z")
PLAIN: Final = "plain decimals with at most nine places behind the point, such as 25 or 0.5"


class AmountError(CupelError, ValueError):
    """The typed text is no amount; the message says what is expected."""


def amount_of(text: str) -> NanoNmr:
    """Read an amount in NMR that is more than zero.

    Raises
    ------
    AmountError
        For text that is no number in plain decimals (no sign, exponent or separator), zero, more than nine
        decimals (dust, which the tournament refuses), or more than a lane holds.
    """
    amount = _nano(text)
    if amount == 0:
        raise AmountError(f"amount: expected more than 0 NMR, found {shown(text)}")
    return amount


@dataclass(frozen=True)
class Allocation:
    """The stake that a model puts at risk in each round: an amount, or a share of its idle stake.

    Exactly one of the two is given.
    """

    amount: NanoNmr | None = None
    share: Ppm | None = None

    @property
    def encoded(self) -> int:
        """The argument of ``Tournament.setAllocation``."""
        return SHARE_FLAG | self.share if self.share is not None else int(self.amount or 0)

    @classmethod
    def decoded(cls, encoded: int) -> "Allocation":
        """Return the allocation of which `encoded` is the contract's form."""
        if encoded & SHARE_FLAG:
            return cls(share=Ppm(encoded ^ SHARE_FLAG))
        return cls(amount=NanoNmr(encoded))

    def position(self, idle: int, minimum: int) -> int:
        """Return the position that a round locks of so much idle stake, all in nano-NMR.

        Computed as ``Tournament.lock`` does: nothing is locked below `minimum`.
        """
        return position_of(idle, self.encoded, minimum)

    def to_json(self) -> dict[str, str]:
        """Return the allocation as a document: ``{"nmr": "25"}`` or ``{"share": "0.4"}``."""
        if self.share is not None:
            return {"share": ppm_text(self.share)}
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
        For what `amount_of` refuses, for a share above 100 % or with more than four decimals, and for what
        the tournament has no code for: amounts have two digits and zeros behind them, shares are multiples
        of 0.5 %. The message names the two nearest.
    """
    allocation = Allocation(share=_share(text)) if text.endswith("%") else Allocation(amount=_nano(text))
    # A share of zero and an amount of zero mean the same; the contract's form of it is the amount.
    if not allocation.amount and not allocation.share:
        return Allocation(amount=NanoNmr(0))
    # A larger amount would set the flag of a share; this one is refused with the largest there is.
    if allocation.amount is not None and allocation.amount >= SHARE_FLAG:
        allocation = Allocation(amount=NanoNmr(SHARE_FLAG - 1))
    try:
        code_of(allocation.encoded)
    except NotRepresentable as error:
        raise AmountError(_nearest(text, error)) from None
    return allocation


def _share(text: str) -> Ppm:
    match = _PERCENT.fullmatch(text)
    share = int(match[1]) * 10_000 + int((match[2] or "").ljust(4, "0")) if match else ONE + 1
    if share > ONE:
        raise AmountError(
            "allocation: expected a share from 0% to 100% with at most four decimals, such as 40%, "
            f"found {shown(text)}"
        )
    return Ppm(share)


def _nearest(text: str, error: NotRepresentable) -> str:
    is_share = bool(error.allocation & SHARE_FLAG)
    kind = "a multiple of 0.5 %" if is_share else "an amount of two digits, such as 0.34, 3.4 or 340 NMR"
    nearest = [Allocation.decoded(encoded) for encoded in dict.fromkeys((error.below, error.above))]
    if len(nearest) == 1:
        return f"allocation: expected at most {nearest[0]}, found {shown(text)}; 100% is all that is idle"
    below, above = nearest
    return f"allocation: expected {kind}, found {shown(text)}; the nearest are {below} and {above}"


def _nano(text: str) -> NanoNmr:
    try:
        return nano_from_nmr(text)
    except ValueError:
        if _WHOLE_NUMBER.match(text) and Decimal(text) > nmr_from_nano(MAX_NANO):
            most = nmr_text(MAX_NANO)
            raise AmountError(
                f"amount: expected at most {most} NMR, found {shown(text)}, which is more"
            ) from None
        hint = "; write a decimal point, and no separators" if "," in text or "_" in text else ""
        raise AmountError(f"amount: expected NMR in {PLAIN}, found {shown(text)}{hint}") from None
