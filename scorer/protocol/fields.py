"""The kinds of field that rules documents are made of: exact decimals as text, whole numbers, sections."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from scorer.units import nano_from_nmr, nmr_text, ppm_from_decimal, ppm_text


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('expected decimal text in quotes, such as "0.05"')
    return value


def _ppm(value: object) -> int:
    return ppm_from_decimal(_text(value))


def _nano(value: object) -> int:
    return nano_from_nmr(_text(value))


Parts = Annotated[int, BeforeValidator(_ppm), PlainSerializer(ppm_text, when_used="json")]
"""Parts per million in Python, decimal text in a document."""
Nano = Annotated[int, BeforeValidator(_nano), PlainSerializer(nmr_text, when_used="json")]
"""nano-NMR in Python, NMR as decimal text in a document."""


def from_to(low: str, high: str) -> AfterValidator:
    """Bound a share or multiplier, in the decimals that the document is written in."""

    def check(ppm: int) -> int:
        if not ppm_from_decimal(low) <= ppm <= ppm_from_decimal(high):
            raise ValueError(f"expected from {low} to {high}")
        return ppm

    return AfterValidator(check)


def checked(check: Callable[[Any], object], expected: str) -> AfterValidator:
    """Require a field that `check` can read; where it raises, the error says `expected`."""

    def validate(value: Any) -> Any:
        try:
            check(value)
        except (KeyError, OSError, ValueError):
            raise ValueError(f"expected {expected}") from None
        return value

    return AfterValidator(validate)


def whole(value: object) -> object:
    """Refuse what Python holds equal to an integer: 1.0 and true."""
    if type(value) is not int:
        raise ValueError("expected a whole number")
    return value


def above_zero(amount: int) -> int:
    """Refuse an amount of nothing."""
    if amount == 0:
        raise ValueError("expected an amount above 0")
    return amount


class Section(BaseModel):
    """A part of a rules document: no field but those that are declared, and no change once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
